//go:build !race

package transform

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The race detector lets a sync.Pool drop what it holds.

func TestValuesAllocateNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts all goroutines
	list, columns, values := ten()
	unchanged := []string{"Maria", "Ana de la Cruz", "ÉÉN 1", "één", "Élodie", "Gent", "Jan van den Berg", "é", "é", "é"}
	for _, values := range [][]string{values, unchanged} {
		p, row := rowOf(t, list, columns)
		allocs := testing.AllocsPerRun(100, func() {
			for i, v := range values {
				row.Values[i].SetString(v)
			}
			_ = p.Run(row)
		})
		assert.Zero(t, allocs)
	}
}
