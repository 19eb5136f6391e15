package integration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/internal/race"
)

// outbox opens the outbox of a database.
func (a address) outbox(t testing.TB) (*feed.SQLStore, *sql.DB) {
	t.Helper()
	db, err := a.open()
	require.NoError(t, err)
	return feed.SQL(db, feed.Dialect(a.dialect), feed.WithPrefix(a.prefix)), db
}

// onEachOutbox is a test of an outbox in every kind of database.
func onEachOutbox(t *testing.T, test func(t *testing.T, a address, s *feed.SQLStore, db *sql.DB)) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			s, db := a.outbox(t)
			require.NoError(t, s.Migrate(t.Context()))
			test(t, a, s, db)
		})
	}
}

// key is a key of the form of keys.
func key(name string) feed.Key { return feed.Key((name + "______________________")[:22]) }

// event is one of the lane "a".
func event(name string) feed.Event {
	return feed.Event{Lane: "a", Key: key(name), Columns: 7, Payload: []byte("row of " + name), At: noon}
}

func run(t testing.TB, tx feed.Execer, statements ...feed.Statement) {
	t.Helper()
	for _, s := range statements {
		_, err := tx.ExecContext(t.Context(), s.Query, s.Args...)
		require.NoError(t, err)
	}
}

// pending reads the events of lanes.
func pending(t testing.TB, s feed.Store, lanes ...string) []feed.Event {
	t.Helper()
	events, err := s.Page(t.Context(), feed.Page{Lanes: lanes, Limit: 1000})
	require.NoError(t, err)
	return events
}

func idsOf(events []feed.Event) []int64 {
	var ids []int64
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// taken takes the lease.
func taken(t testing.TB, s feed.Store) int64 {
	t.Helper()
	seen, err := s.Lease(t.Context())
	require.NoError(t, err)
	l, err := s.Take(t.Context(), seen, "me")
	require.NoError(t, err)
	return l.Fence
}

func apply(t testing.TB, s feed.Store, fence int64, n feed.Note) {
	t.Helper()
	require.NoError(t, s.Apply(t.Context(), fence, n))
}

func events(t testing.TB, s feed.Store, names ...string) []feed.Event {
	t.Helper()
	var keys []feed.Key
	for _, name := range names {
		keys = append(keys, key(name))
	}
	list, err := s.Events(t.Context(), keys, 1000)
	require.NoError(t, err)
	return list
}

func TestAnEventComesBackAsItWas(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, _ address, s *feed.SQLStore, db *sql.DB) {
		want := []feed.Event{
			event("plain"),
			{Lane: `b, "ü' /`, Key: key("full"), Delete: true, Urgent: true, AtOnce: true, Columns: -1 << 62,
				Parents: []feed.Key{key("one"), key("two")}, Payload: []byte{0, 255, '\'', '\\'}, At: noon.Add(1234567 * time.Microsecond)},
			{Lane: "a", Key: key("bare"), At: noon.In(time.FixedZone("", 3600))},
		}
		for i, e := range want {
			run(t, db, s.Append(e))
			want[i].ID, want[i].At = int64(i+1), e.At.UTC()
		}
		got := events(t, s, "bare", "plain", "full", "plain", "none")
		assert.Equal(t, want, got)
		for i := range want {
			want[i].Payload = nil
		}
		assert.Equal(t, want, pending(t, s, "a", `b, "ü' /`))
		urgent, err := s.Page(t.Context(), feed.Page{Lanes: []string{"a", `b, "ü' /`}, Urgent: true, Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, want[1:2], urgent)
	})
}

func TestPagesFollowEachOther(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, _ address, s *feed.SQLStore, db *sql.DB) {
		for i := range 10 {
			e := event(fmt.Sprint(i))
			e.Lane = []string{"a", "b", "c"}[i%3]
			run(t, db, s.Append(e))
		}
		var got []int64
		for after := int64(0); ; {
			page, err := s.Page(t.Context(), feed.Page{Lanes: []string{"c", "a"}, After: after, Limit: 3})
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, idsOf(page)...)
			after = page[len(page)-1].ID
		}
		assert.Equal(t, []int64{1, 3, 4, 6, 7, 9, 10}, got)
		limited, err := s.Events(t.Context(), []feed.Key{key("0"), key("1")}, 0)
		require.NoError(t, err)
		assert.Empty(t, limited)
	})
}

func TestWhatBecomesOfEvents(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, _ address, s *feed.SQLStore, db *sql.DB) {
		for i := 1; i <= 8; i++ {
			run(t, db, s.Append(event(fmt.Sprint(i))))
		}
		fence := taken(t, s)
		parked := feed.Parked{Code: "400", Column: "emailAddress", Reason: "no \x00 such\xff 'thing'", At: noon}
		apply(t, s, fence, feed.Note{
			Import: &feed.Import{ID: "i", Lane: "a", At: noon},
			Remove: []int64{1, 99}, Park: map[int64]feed.Parked{2: parked, 3: {Code: "x", At: noon}, 98: {}}, Sent: []int64{4}, OneByOne: []int64{7},
		})
		apply(t, s, fence, feed.Note{Import: &feed.Import{ID: "i", Lane: "a", Handle: []byte("h"), At: noon}, Hold: []int64{2, 5, 6, 97}})
		assert.Equal(t, []int64{7, 8}, idsOf(pending(t, s, "a")))
		assert.Zero(t, pending(t, s, "a")[0].Columns)

		imports, err := s.Imports(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []feed.Import{{ID: "i", Lane: "a", Handle: []byte("h"), At: noon}}, imports)
		held, err := s.Held(t.Context(), "i", feed.Event{}, 1)
		require.NoError(t, err)
		require.Equal(t, []int64{5}, idsOf(held))
		assert.Equal(t, "row of 5", string(held[0].Payload))
		held, err = s.Held(t.Context(), "i", held[0], 10)
		require.NoError(t, err)
		require.Equal(t, []int64{6}, idsOf(held))

		states, err := s.States(t.Context(), []feed.Key{key("1"), key("2"), key("5"), key("7")})
		require.NoError(t, err)
		assert.Equal(t, map[feed.Key]feed.State{key("2"): {First: 2, At: noon}, key("5"): {First: 5, At: noon, Held: true}, key("7"): {First: 7, At: noon}}, states)
		backlog, err := s.Backlog(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []feed.Backlog{{Lane: "a", Columns: 0, Pending: 1, Oldest: noon},
			{Lane: "a", Columns: 7, Pending: 2, Held: 2, Parked: 2, Oldest: noon}}, backlog)

		dead, err := s.Parked(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Equal(t, []int64{2, 3}, idsOf(dead))
		parked.Reason = "no \uFFFD such\uFFFD 'thing'"
		assert.Equal(t, &parked, dead[0].Parked)
		assert.Equal(t, "row of 2", string(dead[0].Payload))

		apply(t, s, fence, feed.Note{Release: []int64{5}, Park: map[int64]feed.Parked{6: {Code: "late"}}, End: "i"})
		assert.Equal(t, []int64{4, 5, 7, 8}, idsOf(pending(t, s, "a")), "what was sent goes again")
		imports, err = s.Imports(t.Context())
		require.NoError(t, err)
		assert.Empty(t, imports)

		apply(t, s, fence, feed.Note{Sent: []int64{2}})
		for _, tt := range []struct {
			do   func(context.Context, int64) (bool, error)
			id   int64
			want bool
		}{{s.Unpark, 2, true}, {s.Unpark, 2, false}, {s.Discard, 3, true}, {s.Discard, 3, false}, {s.Discard, 8, false}, {s.Unpark, 97, false}} {
			found, err := tt.do(t.Context(), tt.id)
			require.NoError(t, err)
			assert.Equal(t, tt.want, found)
		}
		assert.Equal(t, []int64{2, 4, 5, 7, 8}, idsOf(pending(t, s, "a")))
		require.ErrorContains(t, s.Apply(t.Context(), fence, feed.Note{Hold: []int64{8}}), "feed: apply: events are held by an import")
	})
}

func TestIDsAreNeverGivenTwice(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, _ address, s *feed.SQLStore, db *sql.DB) {
		run(t, db, s.Append(event("1")), s.Append(event("2")))
		apply(t, s, taken(t, s), feed.Note{Remove: []int64{1, 2}})
		run(t, db, s.Append(event("3")))
		assert.Equal(t, []int64{3}, idsOf(pending(t, s, "a")))
	})
}

func TestOneOfManyTakesTheLease(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, a address, s *feed.SQLStore, _ *sql.DB) {
		a.exec(t, "DELETE FROM %slease")
		seen, err := s.Lease(t.Context())
		require.NoError(t, err)
		require.Equal(t, feed.Lease{}, seen, "its row is made if there is none")
		for round := range int64(5) {
			var all sync.WaitGroup
			var winner atomic.Pointer[feed.Lease]
			for i := range 8 {
				all.Go(func() {
					l, err := s.Take(t.Context(), seen, fmt.Sprint(i))
					if err != nil {
						assert.ErrorIs(t, err, feed.ErrLeaseLost)
						return
					}
					assert.Nil(t, winner.Swap(&l))
				})
			}
			all.Wait()
			won := winner.Load()
			require.NotNil(t, won)
			assert.Equal(t, round+1, won.Fence)
			seen, err = s.Lease(t.Context())
			require.NoError(t, err)
			assert.Equal(t, *won, seen)
		}
		old := seen
		apply(t, s, seen.Fence, feed.Note{})
		_, err = s.Take(t.Context(), old, "late")
		require.ErrorIs(t, err, feed.ErrLeaseLost, "it has beaten since")
		seen, err = s.Lease(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Release(t.Context(), seen.Fence-1))
		again, err := s.Lease(t.Context())
		require.NoError(t, err)
		assert.Equal(t, seen, again, "only its holder gives it back")
		require.NoError(t, s.Release(t.Context(), seen.Fence))
		again, err = s.Lease(t.Context())
		require.NoError(t, err)
		assert.Empty(t, again.Holder)
		assert.Equal(t, seen.Fence, again.Fence)
		_, err = s.Take(t.Context(), seen, "late")
		require.ErrorIs(t, err, feed.ErrLeaseLost)
	})
}

func TestAnOldHolderChangesNothing(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, _ address, s *feed.SQLStore, db *sql.DB) {
		run(t, db, s.Append(event("1")), s.Append(event("2")), s.Append(event("3")))
		old := taken(t, s)
		fence := taken(t, s)
		require.ErrorIs(t, s.Apply(t.Context(), old, feed.Note{Remove: []int64{1}, Park: map[int64]feed.Parked{2: {Code: "x"}}, Hold: []int64{3},
			Import: &feed.Import{ID: "i", Lane: "a", At: noon}}), feed.ErrLeaseLost)
		assert.Equal(t, []int64{1, 2, 3}, idsOf(pending(t, s, "a")))
		imports, err := s.Imports(t.Context())
		require.NoError(t, err)
		assert.Empty(t, imports)
		apply(t, s, fence, feed.Note{Remove: []int64{1}})
		assert.Equal(t, []int64{2, 3}, idsOf(pending(t, s, "a")))
	})
}

func TestEraseLeavesNoPayload(t *testing.T) {
	onEachOutbox(t, func(t *testing.T, _ address, s *feed.SQLStore, db *sql.DB) {
		for range 4 {
			run(t, db, s.Append(event("x")))
		}
		run(t, db, s.Append(event("other")))
		fence := taken(t, s)
		apply(t, s, fence, feed.Note{Import: &feed.Import{ID: "i", Lane: "a", At: noon}, Hold: []int64{1, 2}, Park: map[int64]feed.Parked{3: {Code: "400"}}})
		deleted := event("x")
		deleted.Delete, deleted.AtOnce, deleted.Payload = true, true, []byte("key")
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		run(t, tx, s.Erase(deleted)...)
		require.NoError(t, tx.Commit())
		got := events(t, s, "x", "other")
		assert.Equal(t, []int64{1, 2, 5, 6}, idsOf(got))
		assert.Nil(t, got[0].Payload)
		assert.Nil(t, got[1].Payload)
		assert.Equal(t, "i", got[1].Import)
		assert.Equal(t, "row of other", string(got[2].Payload))
		assert.Equal(t, "key", string(got[3].Payload))
		assert.True(t, got[3].Delete)
	})
}

func TestEightMakeTheOutboxAtOnce(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			s, db := a.outbox(t)
			_, err := s.Lease(t.Context())
			require.ErrorContains(t, err, "feed: read the lease: tables "+a.prefix+"…: ")
			require.ErrorContains(t, err, "SQLStore.Migrate makes the tables")
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() { assert.NoError(t, s.Migrate(t.Context())) })
			}
			all.Wait()
			run(t, db, s.Append(event("x")))
			fence := taken(t, s)
			statements, err := feed.Migrations(feed.Dialect(a.dialect), feed.WithPrefix(a.prefix))
			require.NoError(t, err)
			for _, statement := range statements {
				a.exec(t, statement)
			}
			apply(t, s, fence, feed.Note{})
			assert.Len(t, pending(t, s, "a"), 1, "nothing is lost")
		})
	}
}

func TestTheOutboxMayBeInAnAttachedDatabase(t *testing.T) {
	t.Parallel()
	a := newSQLite(t, "")
	a.prefix = "main.crm_"
	s, db := a.outbox(t)
	require.NoError(t, s.Migrate(t.Context()))
	run(t, db, s.Append(event("x")))
	run(t, db, s.Erase(event("y"))...)
	apply(t, s, taken(t, s), feed.Note{Park: map[int64]feed.Parked{1: {Code: "x", At: noon}}, Sent: []int64{2}})
	assert.Equal(t, "1", a.row(t, "SELECT count(*) FROM crm_events WHERE parked_code = 'x'"))
}

func TestAnOutboxOfOthersIsRefused(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			a.exec(t, "CREATE TABLE %sevents (id integer, lane text)")
			s, _ := a.outbox(t)
			require.ErrorContains(t, s.Migrate(t.Context()), "feed: migrate: tables "+a.prefix+"…: ")
		})
	}
}

func TestTheGrantsOfTheOutboxAreEnough(t *testing.T) {
	t.Parallel()
	a := newPostgres(t)
	s, _ := a.outbox(t)
	require.NoError(t, s.Migrate(t.Context()))
	schema, _, _ := strings.Cut(a.prefix, ".")
	a.exec(t, "CREATE USER "+schema)
	a.exec(t, "GRANT USAGE ON SCHEMA "+schema+" TO "+schema)
	a.exec(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON %sevents, %slease, %simports TO "+schema)
	program := a
	program.dsn = strings.Replace(a.dsn, "//postgres:", "//"+schema+":", 1)
	s, db := program.outbox(t)
	require.NoError(t, s.Migrate(t.Context()))
	run(t, db, s.Append(event("x")))
	run(t, db, s.Erase(event("y"))...)
	apply(t, s, taken(t, s), feed.Note{Import: &feed.Import{ID: "i", Lane: "a", At: noon}, Hold: []int64{1}})
	apply(t, s, 1, feed.Note{End: "i"})
	assert.Equal(t, []int64{1, 2}, idsOf(pending(t, s, "a")))
}
