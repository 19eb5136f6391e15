package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/sqlquota"
)

// journal is the rows of the journal as text, in the order of their IDs, without those IDs.
func (a address) journal(t testing.TB) map[string]string {
	t.Helper()
	db, err := a.open()
	require.NoError(t, err)
	times := []string{"reserved_at", "begun_at", "settled_at", "lease"}
	for i, column := range times {
		clock := "strftime('%H:%M', " + column + ")"
		if a.dialect == sqlquota.Postgres {
			clock = "to_char(" + column + " AT TIME ZONE 'UTC', 'HH24:MI')"
		}
		times[i] = "coalesce(' " + strings.TrimSuffix(column, "_at") + " ' || " + clock + ", '')"
	}
	rows, err := db.QueryContext(t.Context(), "SELECT id, licence || ' tables ' || tables || ' ' || state || coalesce(' once ' || once_key, '') || "+
		strings.Join(times, " || ")+" || coalesce(' execution ' || execution_id, '') FROM "+a.prefix+"imports")
	require.NoError(t, err)
	defer rows.Close()
	list := make(map[string]string)
	for rows.Next() {
		var id, row string
		require.NoError(t, rows.Scan(&id, &row))
		list[id] = row
	}
	require.NoError(t, rows.Err())
	return list
}

func TestTheJournalTellsWhatBecameOfEachImport(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		now := noon
		s := a.quota(t, sqlquota.WithClock(func() time.Time { return now }))
		ctx := t.Context()
		ok := func(err error) { t.Helper(); require.NoError(t, err) }
		shows := func(id, want string) { t.Helper(); require.Equal(t, want, a.journal(t)["4711/"+id]) }

		r := ask("a", now)
		r.Once = "4711/customers/23"
		r.Buckets = []actito.Bucket{{Name: "4711/1", Limit: 12}, {Name: "4711/2", Limit: 12}, {Name: "4711/1+2", Limit: 12}}
		ok(s.Reserve(ctx, r))
		shows("a", "4711 tables 1,2 reserved once customers/23 reserved 12:00 lease 12:10")
		brief := ask("lapses at once", now)
		brief.Lease = now.Add(90 * time.Second)
		ok(s.Reserve(ctx, brief))
		now = noon.Add(time.Minute)
		ok(s.Begin(ctx, "4711/a"))
		shows("a", "4711 tables 1,2 begun once customers/23 reserved 12:00 begun 12:01 lease 12:10")
		now = noon.Add(2 * time.Minute)
		ok(s.Begin(ctx, "4711/a"))
		shows("a", "4711 tables 1,2 begun once customers/23 reserved 12:00 begun 12:01 lease 12:10")
		ok(s.Settle(ctx, "4711/a", actito.Held()))
		shows("a", "4711 tables 1,2 held once customers/23 reserved 12:00 begun 12:01 settled 12:02")
		now = noon.Add(3 * time.Minute)
		ok(s.Settle(ctx, "4711/a", actito.Used("")))
		shows("a", "4711 tables 1,2 used once customers/23 reserved 12:00 begun 12:01 settled 12:03")
		now = noon.Add(4 * time.Minute)
		ok(s.Settle(ctx, "4711/a", actito.Used("x")))
		shows("a", "4711 tables 1,2 used once customers/23 reserved 12:00 begun 12:01 settled 12:04 execution x")
		ok(s.Reserve(ctx, ask("lapses meanwhile", now)))
		now = noon.Add(30 * time.Minute)
		ok(s.Settle(ctx, "4711/a", actito.Held()))
		require.Error(t, s.Settle(ctx, "4711/a", actito.Free()))
		shows("a", "4711 tables 1,2 used once customers/23 reserved 12:00 begun 12:01 settled 12:04 execution x")
		shows("lapses meanwhile", "4711 tables 1 reserved reserved 12:04 lease 12:14")

		ok(s.Reserve(ctx, ask("b", now)))
		ok(s.Settle(ctx, "4711/b", actito.Free()))
		shows("b", "4711 tables 1 free reserved 12:30 settled 12:30")
		now = noon.Add(31 * time.Minute)
		ok(s.Reserve(ctx, ask("b", now)))
		shows("b", "4711 tables 1 reserved reserved 12:31 lease 12:41")
		require.Error(t, s.Reserve(ctx, ask("b", now)))
		require.NoError(t, s.Close(ctx, "4711/1", now.Add(time.Hour)))
		require.ErrorIs(t, s.Reserve(ctx, ask("refused", now)), actito.ErrQuotaExceeded)
		require.Len(t, a.journal(t), 4)

		// What Sync finds is one with what is settled as the same execution.
		for range 2 {
			_, err := s.Count(ctx, ask("found-y", noon.Add(-time.Hour)), "y")
			ok(err)
		}
		shows("found-y", "4711 tables 1 found reserved 11:00 settled 12:31 execution y")
		ok(s.Settle(ctx, "4711/found-y", actito.Used("y")))
		shows("found-y", "4711 tables 1 found reserved 11:00 settled 12:31 execution y")
		ok(s.Settle(ctx, "4711/b", actito.Used("y")))
		shows("b", "4711 tables 1 used reserved 12:31 settled 12:31 execution y")
		shows("found-y", "")
		ok(s.Settle(ctx, "4711/b", actito.Used("y")))
		require.Len(t, a.journal(t), 4)

		// Two reservations of one execution are a mistake of somebody, and not for the journal to hide.
		ok(s.Close(ctx, "4711/1", time.Time{}))
		ok(s.Reserve(ctx, ask("another", now)))
		ok(s.Settle(ctx, "4711/another", actito.Used("y")))
		require.Len(t, a.journal(t), 5)

		// A week later the ledger has forgotten, the journal has not.
		now = noon.Add(8 * 24 * time.Hour)
		ok(s.Settle(ctx, "4711/a", actito.Free()))
		ok(s.Reserve(ctx, ask("c", now)))
		require.Len(t, a.journal(t), 6)
		shows("a", "4711 tables 1,2 used once customers/23 reserved 12:00 begun 12:01 settled 12:04 execution x")
		require.NotContains(t, a.row(t, "SELECT ledger FROM %sledgers"), "4711/a")
	})
}

// The query of the package's documentation, in both dialects.
func TestTheImportsThatWaitForSomebodyAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		at := time.Now().Add(-time.Hour)
		s := a.quota(t, sqlquota.WithClock(func() time.Time { return at }))
		for _, id := range []string{"begun an hour ago", "held", "used", "reserved an hour ago", "begun now"} {
			if id == "begun now" {
				at = time.Now()
			}
			require.NoError(t, s.Reserve(t.Context(), ask(id, at)))
			if !strings.HasPrefix(id, "reserved") {
				require.NoError(t, s.Begin(t.Context(), "4711/"+id))
			}
		}
		require.NoError(t, s.Settle(t.Context(), "4711/held", actito.Held()))
		require.NoError(t, s.Settle(t.Context(), "4711/used", actito.Used("x")))
		now := "now()"
		if a.dialect == sqlquota.SQLite {
			now = "datetime('now')"
		}
		waiting := "FROM %simports WHERE state = 'held' OR state = 'begun' AND lease < " + now
		assert.Equal(t, "2", a.row(t, "SELECT count(*) "+waiting))
		assert.Equal(t, "4711/begun an hour ago", a.row(t, "SELECT min(id) "+waiting))
		assert.Equal(t, "4711/held", a.row(t, "SELECT max(id) "+waiting))
	})
}

func TestTheLedgerStaysBounded(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		now := noon
		s := a.quota(t, sqlquota.WithClock(func() time.Time { return now }))
		var sizes []string
		for day := range 9 {
			for i := range 12 {
				id := fmt.Sprintf("import %02d of day %02d", i, day)
				require.NoError(t, s.Reserve(t.Context(), ask(id, now)))
				require.NoError(t, s.Settle(t.Context(), "4711/"+id, actito.Used("execution of "+id)))
			}
			sizes = append(sizes, a.row(t, "SELECT length(ledger) FROM %sledgers"))
			now = now.Add(24 * time.Hour)
		}
		assert.Equal(t, sizes[6], sizes[8], "after a week it is as large as it gets")
		assert.Equal(t, "108", a.row(t, "SELECT count(*) FROM %simports"), "the journal keeps all")
	})
}

func TestNamesThatCannotBeBooked(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		s := a.quota(t, atNoon)
		for name, tt := range map[string]struct {
			change func(*actito.Reservation)
			want   string
		}{
			"no ID":                      {func(r *actito.Reservation) { r.ID = "4711/" }, `reservation "4711/": the name "4711/" is empty`},
			"a bucket of another":        {func(r *actito.Reservation) { r.Buckets[0].Name = "4712/1" }, `the name "4712/1" is of another licence`},
			"a Once key of another":      {func(r *actito.Reservation) { r.Once = "4712/key" }, `the name "4712/key" is of another licence`},
			"a Once key with zero bytes": {func(r *actito.Reservation) { r.Once = "4711/a\x00b" }, `the name "4711/a\x00b" is not text that a database keeps`},
			"a Once key that is no text": {func(r *actito.Reservation) { r.Once = "4711/\xff" }, `the name "4711/\xff" is not text that a database keeps`},
		} {
			r := ask("a", noon)
			tt.change(&r)
			require.ErrorContains(t, s.Reserve(t.Context(), r), "sqlquota: reserve: reservation", name)
			require.ErrorContains(t, s.Reserve(t.Context(), r), tt.want, name)
			_, err := s.Count(context.Background(), r, "x")
			require.ErrorContains(t, err, tt.want, name)
		}
		assert.Equal(t, "0", a.row(t, "SELECT count(*) FROM %sledgers"))

		r := ask("it's \"é\" %s $1 ; --", noon)
		r.Once = "4711/'; DROP TABLE x; --"
		require.NoError(t, s.Reserve(t.Context(), r))
		assert.Contains(t, a.journal(t)[r.ID], "once '; DROP TABLE x; --")
	})
}
