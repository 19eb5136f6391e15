package integration

import (
	"context"
	"database/sql"
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
	for name, finish := range map[string]func(*sql.Tx) error{"commit": (*sql.Tx).Commit, "roll back": (*sql.Tx).Rollback} {
		t.Run(name, func(t *testing.T) {
			s, db := onPostgres(t)
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
			go func() {
				defer close(done)
				tx := begin(t, db)
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
				assert.NoError(t, s.Apply(t.Context(), fence, feed.Note{OneByOne: []int64{1}, Park: map[int64]feed.Parked{1: {Code: "x", At: noon}}}))
				_, err := s.Unpark(t.Context(), 1)
				assert.NoError(t, err)
				_, err = s.Backlog(t.Context())
				assert.NoError(t, err)
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
