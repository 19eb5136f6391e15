package actito

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheMemoryStaysBounded(t *testing.T) {
	t.Parallel()
	clock, store := at(t, "2026-11-23T12:00:00+01:00"), newMemoryStore()
	store.now = func() time.Time { return clock }
	q, err := newQuota(Quota{Store: store})
	require.NoError(t, err)
	for i := range 100 {
		for j, outcome := range []Outcome{Used("x"), Free(), Held()} {
			r := q.reservation(clock)
			r.ID, r.Lease, r.Buckets = fmt.Sprint(i, "-", j), clock.Add(time.Minute), []Bucket{{Name: "1", Limit: 2}}
			_ = store.Reserve(t.Context(), r)
			_ = store.Settle(t.Context(), r.ID, outcome)
			_ = store.Close(t.Context(), r.ID, clock.Add(time.Hour))
		}
		clock = clock.Add(24 * time.Hour)
	}
	_, err = store.Usage(t.Context(), "1")
	require.NoError(t, err)
	assert.LessOrEqual(t, len(store.books.units), 2*8)
	assert.Empty(t, store.books.closed)
}
