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

// BenchmarkMillion is what the drainer does with a million events: most in one lane, of which an import holds 100,000 and
// 10,000 are parked, and a few in others. On PostgreSQL 200,000 were delivered that no vacuum can remove.
func BenchmarkMillion(b *testing.B) {
	onEachBenchmark(b, func(b *testing.B, a address, s *feed.SQLStore, db *sql.DB) {
		ctx := b.Context()
		series, key := "WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 1000000) ", "printf('%016d', i * 7919 % 1000003) || 'aaaaaa'"
		payload := "CAST('" + fmt.Sprintf("%0300d", 7) + "' AS blob)"
		if a.dialect == "postgres" {
			series, key, payload = "WITH g(i) AS (SELECT * FROM generate_series(1, 1000000)) ", "substr(md5(i::text), 1, 22)", "convert_to('"+fmt.Sprintf("%0300d", 7)+"', 'UTF8')"
		}
		a.exec(b, "INSERT INTO %sevents (lane, row_key, is_delete, urgent, at_once, columns, payload, pushed_at, import, parked_code) "+series+
			"SELECT CASE WHEN i % 100000 = 0 THEN 'small' ELSE 'big' END, "+key+", false, false, false, i % 3, "+payload+", '2026-11-23 12:00:00.000000Z', "+
			"CASE WHEN i % 10 = 1 THEN 'i' END, CASE WHEN i % 100 = 2 THEN '400' END FROM g")
		if a.dialect == "postgres" {
			a.exec(b, "ANALYZE %sevents")
			open, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
			require.NoError(b, err)
			defer func() { _ = open.Rollback() }()
			_, err = open.ExecContext(ctx, "SELECT count(*) FROM "+a.prefix+"events")
			require.NoError(b, err)
			a.exec(b, "DELETE FROM %sevents WHERE id < 200000 AND import IS NULL AND parked_code IS NULL AND lane <> 'small'")
		}
		seen, err := s.Lease(ctx)
		require.NoError(b, err)
		l, err := s.Take(ctx, seen, "me")
		require.NoError(b, err)
		first, err := s.Page(ctx, feed.Page{Lanes: []string{"big"}, After: 500_000, Limit: 1000})
		require.NoError(b, err)
		require.Len(b, first, 1000)
		var keys []feed.Key
		for _, e := range first {
			keys = append(keys, e.Key)
		}
		held, err := s.Held(ctx, "i", feed.Event{}, 5000)
		require.NoError(b, err)
		for _, part := range []struct {
			name string
			do   func() error
		}{
			{"page", func() error {
				_, err := s.Page(ctx, feed.Page{Lanes: []string{"big", "small", "none"}, Limit: 1000})
				return err
			}},
			{"page in the middle", func() error {
				_, err := s.Page(ctx, feed.Page{Lanes: []string{"big"}, After: 600_000, Limit: 1000})
				return err
			}},
			{"page of a small lane", func() error { _, err := s.Page(ctx, feed.Page{Lanes: []string{"small"}, Limit: 1000}); return err }},
			{"page of urgent ones", func() error {
				_, err := s.Page(ctx, feed.Page{Lanes: []string{"big", "small", "none"}, Urgent: true, Limit: 1000})
				return err
			}},
			{"1,000 keys", func() error { _, err := s.Events(ctx, keys, 100); return err }},
			{"1,000 states", func() error { _, err := s.States(ctx, keys); return err }},
			{"1,000 held", func() error { _, err := s.Held(ctx, "i", held[4000], 1000); return err }},
			{"1,000 parked", func() error { _, err := s.Parked(ctx, 500_000, 1000); return err }},
			{"a beat", func() error { return s.Apply(ctx, l.Fence, feed.Note{}) }},
			{"hold and release 1,000", func() error {
				return s.Apply(ctx, l.Fence, feed.Note{Import: &feed.Import{ID: "j", Lane: "big"}, Hold: idsOf(first), Release: idsOf(first)})
			}},
			{"end", func() error { return s.Apply(ctx, l.Fence, feed.Note{End: "j"}) }},
			{"backlog", func() error { _, err := s.Backlog(ctx); return err }},
		} {
			b.Run(part.name, func(b *testing.B) {
				var durations []time.Duration
				for b.Loop() {
					start := time.Now()
					require.NoError(b, part.do())
					durations = append(durations, time.Since(start))
				}
				b.ReportMetric(median(durations), "ms/median")
			})
		}
	})
}
