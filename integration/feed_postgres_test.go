package integration

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
)

// begin begins a transaction of the user's.
func begin(t testing.TB, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// onPostgres is a test that needs two transactions that write at the same time.
func onPostgres(t *testing.T) (*feed.SQLStore, *sql.DB) {
	t.Helper()
	t.Parallel()
	return newOutbox(t)
}

func newOutbox(t *testing.T) (*feed.SQLStore, *sql.DB) {
	t.Helper()
	s, db := newPostgres(t).outbox(t)
	require.NoError(t, s.Migrate(t.Context()))
	return s, db
}

func TestIDsThatCommitOutOfOrderAreRead(t *testing.T) {
	s, db := onPostgres(t)
	first, second := begin(t, db), begin(t, db)
	run(t, first, s.Append(event("1")))
	run(t, second, s.Append(event("2")))
	require.NoError(t, second.Commit())
	assert.Equal(t, []int64{2}, idsOf(pending(t, s, "a")))
	apply(t, s, taken(t, s), feed.Note{Remove: []int64{1, 2}})
	require.NoError(t, first.Commit())
	assert.Equal(t, []int64{1}, idsOf(pending(t, s, "a")), "what was not visible is not removed")
}

// With a transaction open that erases everything, each note is made without waiting, and changes nothing of it.
func TestTheHolderNeverWaitsForATransactionThatErases(t *testing.T) {
	s, db := onPostgres(t)
	run(t, db, s.Append(event("x")), s.Append(event("x")), s.Append(event("free")))
	fence := taken(t, s)
	i := &feed.Import{ID: "i", Lane: "a", At: noon}
	tx := begin(t, db)
	run(t, tx, s.Erase(event("x"))...)
	for _, n := range []feed.Note{
		{Import: i, Hold: []int64{1, 2, 3}}, {Sent: []int64{1, 2}}, {Release: []int64{1}}, {OneByOne: []int64{1}},
		{Park: map[int64]feed.Parked{1: {Code: "x"}}}, {Remove: []int64{2, 3}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, s.Apply(ctx, fence, n))
		cancel()
	}
	require.NoError(t, tx.Rollback())
	got := events(t, s, "x", "free")
	require.Equal(t, []int64{1, 2}, idsOf(got))
	for _, e := range got {
		assert.Equal(t, feed.Event{ID: e.ID, Lane: "a", Key: key("x"), Columns: 7, Payload: []byte("row of x"), At: noon}, e)
	}
}

// An import that ended before a transaction that erases its events would leave them sent, or held by nothing.
func TestAnImportEndsAfterATransactionThatErases(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(*sql.Tx) error{"commit": (*sql.Tx).Commit, "roll back": (*sql.Tx).Rollback} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, db := newOutbox(t)
			run(t, db, s.Append(event("held")), s.Append(event("sent")), s.Append(event("kept")))
			fence := taken(t, s)
			apply(t, s, fence, feed.Note{Import: &feed.Import{ID: "i", Lane: "a", At: noon}, Hold: []int64{1}, Sent: []int64{2}})
			tx := begin(t, db)
			run(t, tx, s.Erase(event("held"))...)
			run(t, tx, s.Erase(event("sent"))...)

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := s.Apply(ctx, fence, feed.Note{Remove: []int64{1, 3}, End: "i"})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "a transaction that erases events of the import stays open")
			assert.Len(t, events(t, s, "kept"), 1, "as a whole or not at all")
			apply(t, s, fence, feed.Note{})

			done := make(chan error)
			go func() { done <- s.Apply(t.Context(), fence, feed.Note{Remove: []int64{1, 3}, End: "i"}) }()
			require.NoError(t, finish(tx))
			require.NoError(t, <-done)
			want := []int64{2}
			if name == "commit" {
				want = []int64{4, 5}
			}
			assert.Equal(t, want, idsOf(pending(t, s, "a")))
			assert.Equal(t, want, idsOf(events(t, s, "held", "sent", "kept")))
		})
	}
}

// Whoever erases waits for the note that is being made, and leaves no payload whatever it says.
func TestEraseMeetsANoteThatIsBeingMade(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, note string
		want         []int64
	}{
		"hold":    {"NULL", "'i'", []int64{1, 2}},
		"release": {"'i'", "NULL", []int64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newPostgres(t)
			s, db := a.outbox(t)
			require.NoError(t, s.Migrate(t.Context()))
			run(t, db, s.Append(event("x")))
			a.exec(t, "UPDATE %sevents SET import = "+tt.before)
			note := begin(t, db)
			_, err := note.ExecContext(t.Context(), "UPDATE "+a.prefix+"events SET import = "+tt.note)
			require.NoError(t, err)
			done := make(chan struct{})
			tx := begin(t, db)
			go func() {
				defer close(done)
				for _, statement := range s.Erase(event("x")) {
					_, err := tx.ExecContext(t.Context(), statement.Query, statement.Args...)
					assert.NoError(t, err)
				}
				assert.NoError(t, tx.Commit())
			}()
			for waiting := "0"; waiting != "1"; {
				waiting = a.row(t, "SELECT count(*) FROM pg_locks AS l JOIN pg_locks AS n USING (pid) WHERE NOT l.granted AND n.relation = '%sevents'::regclass AND n.mode = 'RowExclusiveLock'")
			}
			require.NoError(t, note.Commit())
			<-done
			got := events(t, s, "x")
			require.Equal(t, tt.want, idsOf(got))
			for _, e := range got[:len(got)-1] {
				assert.Nil(t, e.Payload)
			}
		})
	}
}

func TestPGXWritesWithoutDatabaseSQL(t *testing.T) {
	s, db := onPostgres(t)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Raw(func(c any) error {
		native := c.(*stdlib.Conn).Conn()
		exec := feed.ExecFunc(func(ctx context.Context, query string, args ...any) error {
			_, err := native.Exec(ctx, query, args...)
			return err
		})
		full := event("x")
		full.Parents = []feed.Key{key("p")}
		run(t, exec, s.Append(full))
		run(t, exec, s.Erase(event("y"))...)
		return nil
	}))
	got := events(t, s, "x", "y")
	require.Len(t, got, 2)
	assert.Equal(t, []feed.Key{key("p")}, got[0].Parents)
	assert.Equal(t, noon, got[1].At)
}

// The store's transactions are its own: neither serialisable nor forgotten when the database crashes.
func TestSettingsOfTheDatabaseDoNotMatter(t *testing.T) {
	t.Parallel()
	a := newPostgres(t)
	a.dsn += "&default_transaction_isolation=serializable&synchronous_commit=off&default_query_exec_mode=simple_protocol"
	s, db := a.outbox(t)
	require.NoError(t, s.Migrate(t.Context()))
	full := event("x")
	full.Payload, full.Urgent = []byte{0, 1, 255}, true
	run(t, db, s.Append(full))
	fence := taken(t, s)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				err := s.Apply(t.Context(), fence, feed.Note{OneByOne: []int64{1}, Park: map[int64]feed.Parked{1: {Code: "x", At: noon}}})
				_, unparkErr := s.Unpark(t.Context(), 1)
				_, backlogErr := s.Backlog(t.Context())
				assert.NoError(t, errors.Join(err, unparkErr, backlogErr))
			}
		})
	}
	all.Wait()
	l, err := s.Lease(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 41, l.Beat)
	full.ID, full.Columns = 1, 0
	got := events(t, s, "x")
	got[0].Parked = nil
	assert.Equal(t, []feed.Event{full}, got)
}

// outboxOfOne is an outbox with one connection, on which the statements stay that the driver has prepared.
func (a address) outboxOfOne(t *testing.T) (*feed.SQLStore, *sql.DB) {
	t.Helper()
	db, err := sql.Open(drivers[a.dialect], a.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	s := feed.SQL(db, feed.Postgres, feed.WithPrefix(a.prefix))
	require.NoError(t, s.Migrate(t.Context()))
	return s, db
}

// prepared names a statement that the driver has prepared.
func prepared(t *testing.T, db *sql.DB, like string) (name string) {
	t.Helper()
	err := db.QueryRowContext(t.Context(), "SELECT min(name) FROM pg_prepared_statements WHERE statement LIKE $1", like).Scan(&name)
	require.NoError(t, err, like)
	return name
}

func TestTheHolderIsNeitherForgottenNorWaitedForLong(t *testing.T) {
	t.Parallel()
	a := newPostgres(t)
	a.dsn += "&synchronous_commit=off"
	s, db := a.outboxOfOne(t)
	apply(t, s, taken(t, s), feed.Note{})
	for statement, args := range map[string]string{
		"UPDATE%SET beat = beat + 1 WHERE%RETURNING%": "(1)", "UPDATE%SET holder = $1%": "('you', 1, 2, 'me')",
	} {
		name := prepared(t, db, statement)
		tx := begin(t, db)
		_, err := tx.ExecContext(t.Context(), "EXECUTE "+name+args)
		require.NoError(t, err)
		var flushes, idles string
		require.NoError(t, tx.QueryRowContext(t.Context(),
			"SELECT current_setting('synchronous_commit'), current_setting('idle_in_transaction_session_timeout')").Scan(&flushes, &idles))
		assert.Equal(t, "on", flushes, statement)
		assert.Equal(t, "10s", idles, statement)
		require.NoError(t, tx.Rollback())
	}
}

// The plans are those that a backlog needs, whatever PostgreSQL believes of the tables and of arguments. What is asked
// for of a lane that has nothing must not be looked for in another.
func TestPlansLookIntoTheIndexes(t *testing.T) {
	t.Parallel()
	for name, analyze := range map[string]string{
		"when nothing is known": "SELECT 1", "when all is known": "ANALYZE %sevents", "when it was empty": "TRUNCATE %simports",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newPostgres(t)
			s, db := a.outboxOfOne(t)
			if name == "when it was empty" {
				a.exec(t, "ANALYZE %sevents")
			}
			a.exec(t, "INSERT INTO %sevents (lane, row_key, is_delete, urgent, at_once, columns, payload, pushed_at, import, parked_code) "+
				"SELECT 'a', 'key' || CASE WHEN i < 15000 THEN 1 ELSE i END, false, false, false, 7, '\\x00', now(), "+
				"CASE WHEN i % 3 = 0 THEN 'i' END, CASE WHEN i % 30 = 1 THEN '400' END FROM generate_series(1, 30000) AS i")
			a.exec(t, analyze)

			_ = pending(t, s, "a", "b")
			_ = events(t, s, "x")
			_, err := s.States(t.Context(), []feed.Key{key("x")})
			require.NoError(t, err)
			_, err = s.Held(t.Context(), "i", feed.Event{}, 10)
			require.NoError(t, err)
			apply(t, s, taken(t, s), feed.Note{Import: &feed.Import{ID: "j", Lane: "a", At: noon}, Hold: []int64{90_000}, Remove: []int64{90_000},
				Park: map[int64]feed.Parked{90_000: {}}})
			for _, tt := range []struct{ statement, args, want string }{
				{"SELECT%(lane, urgent, id) > (k.value%", `'["a","b"]', 0, 10`, "pending"},
				{"SELECT%(row_key, id) > (k.value%", `'["key1","x"]', 10`, "keys"},
				{"SELECT row_key%", `'["key1","x"]'`, "keys"},
				{"SELECT%import = $1 AND (row_key%", `'i', '', 0, 10`, "held"},
				{"DELETE FROM%events%", `'[1,2,3]'`, "pkey"},
				{"UPDATE%SET import = $1%", `'i', '[1,2,3]'`, "pkey"},
				{"UPDATE%json_to_recordset%", `'[{"id":1}]'`, "pkey"},
			} {
				for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
					assertPlan(t, db, mode, a.prefix, tt.statement, tt.args, tt.want)
				}
			}
		})
	}
}

// assertPlan looks at the plans of statements that the driver has prepared.
func assertPlan(t *testing.T, db *sql.DB, mode, prefix, like, args, want string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), "SET plan_cache_mode = "+mode)
	require.NoError(t, err)
	rows, err := db.QueryContext(t.Context(), "EXPLAIN EXECUTE "+prepared(t, db, like)+"("+args+")")
	require.NoError(t, err)
	defer rows.Close()
	var plan string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan += line + "\n"
	}
	require.NoError(t, rows.Err())
	_, table, _ := strings.Cut(prefix, ".")
	assert.Contains(t, plan, " "+table+"events_"+want, mode)
	assert.NotContains(t, plan, "Seq Scan on "+table+"events", mode)
	if strings.HasPrefix(like, "SELECT") {
		assert.NotContains(t, plan, table+"events_pkey", mode)
	}
}

func TestAnErasureThatIsRolledBackDoesNotBringOlderEventsBack(t *testing.T) {
	t.Parallel()
	for name, note := range map[string]func(ids []int64) feed.Note{
		"delivered": func(ids []int64) feed.Note { return feed.Note{Remove: ids} },
		"held": func(ids []int64) feed.Note {
			return feed.Note{Hold: ids, Import: &feed.Import{ID: "i", Lane: "a", At: noon}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, db := newOutbox(t)
			fence := taken(t, s)
			run(t, db, s.Append(event("x")), s.Append(event("y")))
			tx := begin(t, db)
			run(t, tx, s.Erase(event("x"))...)
			run(t, db, s.Append(event("x"))) // by a transaction that this one overlaps
			var ids []int64
			for _, e := range pending(t, s, "a") {
				ids = append(ids, e.ID)
			}
			require.Len(t, ids, 3)
			require.NoError(t, s.Apply(t.Context(), fence, note(ids)))
			require.NoError(t, tx.Rollback())
			assert.Equal(t, []int64{ids[0], ids[2]}, idsOf(pending(t, s, "a")), "the newer one was not noted without the older one")
		})
	}
}
