package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBothRoadsEndInTheSameValues(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	ann := "   C1 is Ann, ann@example.com, born 1990-03-14, BE\n"
	assert.Equal(t, 2, bytes.Count(out.Bytes(), []byte(ann)), "once from the page and once from the file:\n%s", &out)
	assert.Contains(t, out.String(), "   answered 204 \n")
	assert.Contains(t, out.String(), "   answered 422 birthDate: ")
	assert.Contains(t, out.String(), "   3 read = 2 created + 1 updated + 0 rejected\n")
	assert.Contains(t, out.String(), "   C2 is Jean-Pierre, bob@example.com, born 1992-02-29, FR\n")
	assert.Contains(t, out.String(), "   C3 is Carla, carla@example.com, born null, ES\n")
}
