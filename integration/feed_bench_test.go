package integration

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
)

// outboxes are databases as users have them.
var outboxes = map[string]func(t testing.TB) address{
	"PostgreSQL": newPostgres,
	"SQLite with WAL": func(t testing.TB) address {
		return newSQLite(t, "?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	},
}

// onEachBenchmark is a benchmark of an outbox.
func onEachBenchmark(b *testing.B, run func(b *testing.B, a address, s *feed.SQLStore, db *sql.DB)) {
	for _, name := range []string{"PostgreSQL", "SQLite with WAL"} {
		b.Run(name, func(b *testing.B) {
			a := outboxes[name](b)
			s, db := a.outbox(b)
			require.NoError(b, s.Migrate(b.Context()))
			run(b, a, s, db)
		})
	}
}

func median(durations []time.Duration) float64 {
	slices.Sort(durations)
	return float64(durations[len(durations)/2]) / 1e6
}

// someKey is a key as keys are: nothing tells where it is among the others.
func someKey() feed.Key { return key(fmt.Sprintf("%011x%011x", rand.Uint64()>>20, rand.Uint64()>>20)) }

// BenchmarkPush is a transaction that inserts a row of the user's, with a hand-over and without, one after the other.
func BenchmarkPush(b *testing.B) {
	onEachBenchmark(b, func(b *testing.B, a address, s *feed.SQLStore, db *sql.DB) {
		orders := a.prefix + "orders"
		a.exec(b, "CREATE TABLE "+orders+" (id text PRIMARY KEY, customer text NOT NULL, amount bigint NOT NULL, at text NOT NULL)")
		e := event("")
		e.Payload = slices.Repeat([]byte("0123456789"), 30)
		var durations [2][]time.Duration
		for i := 0; b.Loop(); i++ {
			for which := range 2 {
				e.Key = someKey()
				start := time.Now()
				tx, err := db.BeginTx(b.Context(), nil)
				require.NoError(b, err)
				_, err = tx.ExecContext(b.Context(), "INSERT INTO "+orders+" (id, customer, amount, at) VALUES ($1, $2, $3, $4)",
					fmt.Sprint(which, "-", i), "customer", i, "2026-11-23 12:00:00Z")
				require.NoError(b, err)
				if which == 1 {
					push := s.Append(e)
					_, err = tx.ExecContext(b.Context(), push.Query, push.Args...)
					require.NoError(b, err)
				}
				require.NoError(b, tx.Commit())
				durations[which] = append(durations[which], time.Since(start))
			}
		}
		without, with := median(durations[0]), median(durations[1])
		b.ReportMetric(without, "ms/without")
		b.ReportMetric(with, "ms/with")
		b.ReportMetric(with-without, "ms/more")
	})
}
