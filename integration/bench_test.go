package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/sqlquota"
)

// BenchmarkReserveBeginSettle is the ledger's part of an import, of a table that is imported twelve times a day.
func BenchmarkReserveBeginSettle(b *testing.B) {
	for _, name := range []string{"PostgreSQL", "SQLite", "SQLite with WAL"} {
		b.Run(name, func(b *testing.B) {
			now := noon
			s := migrated(b, durable[name](b)).quota(b, sqlquota.WithClock(func() time.Time { return now }))
			var durations []time.Duration
			for i := -84; i < 0 || b.Loop(); i++ { // after a week, the books are as long as they get
				now = now.Add(2 * time.Hour)
				r := ask(fmt.Sprint(i), now)
				start := time.Now()
				err := s.Reserve(b.Context(), r)
				if err == nil {
					err = s.Begin(b.Context(), r.ID)
				}
				if err == nil {
					err = s.Settle(b.Context(), r.ID, actito.Used(r.ID))
				}
				if i >= 0 {
					durations = append(durations, time.Since(start))
				}
				require.NoError(b, err)
			}
			slices.Sort(durations)
			b.ReportMetric(float64(durations[len(durations)/2])/1e6, "ms/median")
		})
	}
}
