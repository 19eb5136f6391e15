package redisquota

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// BenchmarkReserveBeginSettle makes imports of tables of which each has been imported twelve times a day for a week.
func BenchmarkReserveBeginSettle(b *testing.B) {
	l := newLedger(b, &redis.Options{Addr: startServer(b).addr})
	confirm(b, l, "4711")
	const perWeek = 12 * 7
	ask := func(i int) actito.Reservation {
		r := askFor(fmt.Sprint(i))
		r.Buckets[0] = actito.Bucket{Name: fmt.Sprint("4711/", i%20), Limit: 1 << 20}
		return r
	}
	for i := range 20 * perWeek {
		r := ask(i)
		require.NoError(b, l.Reserve(b.Context(), r))
		require.NoError(b, l.Settle(b.Context(), r.ID, actito.Used(r.ID)))
	}
	var reserves, all []time.Duration
	for i := 20 * perWeek; b.Loop(); i++ {
		r := ask(i)
		start := time.Now()
		err := l.Reserve(b.Context(), r)
		reserves = append(reserves, time.Since(start))
		if err == nil {
			err = l.Begin(b.Context(), r.ID)
		}
		if err == nil {
			err = l.Settle(b.Context(), r.ID, actito.Held())
		}
		all = append(all, time.Since(start))
		if err == nil {
			err = l.Settle(b.Context(), r.ID, actito.Free()) // so that the books stay as large
		}
		require.NoError(b, err)
	}
	for unit, durations := range map[string][]time.Duration{"ms/reserve": reserves, "ms/median": all} {
		slices.Sort(durations)
		b.ReportMetric(float64(durations[len(durations)/2])/1e6, unit)
	}
}
