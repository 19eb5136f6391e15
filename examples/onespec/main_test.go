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
	ann := "   holds birthDate=1990-03-14 country=BE customerID=C1 emailAddress=ann@example.com firstName=Ann\n"
	assert.Equal(t, 2, bytes.Count(out.Bytes(), []byte(ann)), "once from the page and once from the file:\n%s", &out)
	assert.Contains(t, out.String(), "   answered 204\n")
	assert.Contains(t, out.String(), "   answered 422: birthDate: ")
	assert.Contains(t, out.String(), "   3 read = 2 created + 1 updated + 0 rejected\n")
	assert.Contains(t, out.String(), "   holds birthDate=1992-02-29 country=FR customerID=C2 emailAddress=bob@example.com firstName=Jean-Pierre\n")
	assert.Contains(t, out.String(), "   holds country=ES customerID=C3 emailAddress=carla@example.com firstName=Carla\n")
}
