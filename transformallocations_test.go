//go:build !race

package actito_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

// The race detector lets a sync.Pool drop what it holds.

func TestValuesThatDoNotChangeCostNoAllocation(t *testing.T) {
	tr, err := actito.NewTransformer[texts](specOf(t, transform.Fallback("x").On("key", "word", "opt", "pointer"),
		transform.Constant("c").On("city"), transform.Split(" ", "word", "opt").On("key")))
	require.NoError(t, err)
	row := texts{Key: "a b", Word: "a", Opt: actito.Set("b"), Pointer: new("p"), part: part{"c"}}
	require.Less(t, testing.AllocsPerRun(1000, func() {
		got, err := tr.Apply(row)
		assert.NoError(t, err)
		if got.City != row.City {
			t.Error("the city changed")
		}
	}), 0.5)
}
