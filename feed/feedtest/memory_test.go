package feedtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
	"github.com/actito-go/actito/internal/race"
)

// write executes statements.
func write(t *testing.T, tx feed.Execer, statements ...feed.Statement) {
	t.Helper()
	for _, s := range statements {
		_, err := tx.ExecContext(t.Context(), s.Query, s.Args...)
		require.NoError(t, err)
	}
}

// row is an event of a key.
func row(key feed.Key) feed.Event {
	return feed.Event{Lane: "lane", Key: key, Parents: []feed.Key{"p"}, Payload: []byte("row"), At: time.Unix(1, 0)}
}

// read returns the events of a key.
func read(t *testing.T, m *feedtest.Memory, key feed.Key) []feed.Event {
	t.Helper()
	events, err := m.Events(t.Context(), []feed.Key{key}, all)
	require.NoError(t, err)
	return events
}

func TestMemoryDrainsManyEventsQuickly(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	lease, err := m.Take(t.Context(), feed.Lease{}, "test")
	require.NoError(t, err)
	total := race.Less(200_000) // of which a third has the same key: minutes, if each call looked at all
	lanes := []string{"lane 0", "lane 1", "lane 2", "lane 3"}
	for i := range total {
		e := row("the same")
		if i%3 != 0 {
			e.Key = feed.Key(fmt.Sprint("key ", i))
		}
		e.Lane, e.Urgent = lanes[i%len(lanes)], i%5 == 0
		write(t, m, m.Append(e))
	}
	drained := 0
	for {
		page, err := m.Page(t.Context(), feed.Page{Lanes: lanes, Urgent: drained < total/10, Limit: 100})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		var n feed.Note
		var keys []feed.Key
		for _, e := range page {
			n.Remove, keys = append(n.Remove, e.ID), append(keys, e.Key)
		}
		_, err = m.Events(t.Context(), keys, 1)
		require.NoError(t, err)
		_, err = m.States(t.Context(), keys)
		require.NoError(t, err)
		_, err = m.Backlog(t.Context())
		require.NoError(t, err)
		require.NoError(t, m.Apply(t.Context(), lease.Fence, n))
		drained += len(page)
	}
	assert.Equal(t, total, drained)
}

func TestMemoryGivesIDsBeforeTheyAreVisible(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	first, second := m.Begin(), m.Begin()
	write(t, first, m.Append(row("a")))
	write(t, second, m.Append(row("b")))
	require.NoError(t, second.Commit())
	require.NoError(t, first.Commit())
	assert.Less(t, read(t, m, "a")[0].ID, read(t, m, "b")[0].ID)
}

func TestMemoryErasesWhatIsThereAtTheCommit(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	e := row("a")
	e.Delete = true
	tx := m.Begin()
	write(t, tx, m.Erase(e)...)
	write(t, m, m.Append(row("a")))
	require.NoError(t, tx.Commit())
	events := read(t, m, "a")
	require.Len(t, events, 1)
	assert.True(t, events[0].Delete)
}

func TestMemoryRefusesOtherStatements(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	add := m.Append(row("a"))
	for name, s := range map[string]feed.Statement{
		"another query":      {Query: "insert into orders values (?)", Args: add.Args},
		"no argument":        {Query: add.Query},
		"another argument":   {Query: add.Query, Args: []any{7}},
		"too many arguments": {Query: add.Query, Args: append(add.Args, 7)},
	} {
		for _, tx := range []feed.Execer{m, m.Begin()} {
			_, err := tx.ExecContext(t.Context(), s.Query, s.Args...)
			assert.ErrorContains(t, err, "feedtest: ", name)
		}
	}
}

func TestMemoryRefusesNotesThatNoDatabaseTakes(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	write(t, m, m.Append(row("a")))
	id := read(t, m, "a")[0].ID
	require.ErrorContains(t, m.Apply(t.Context(), 0, feed.Note{Remove: make([]int64, 999), Release: make([]int64, 2)}), "1,000")
	require.ErrorContains(t, m.Apply(t.Context(), 0, feed.Note{Remove: []int64{id}, Hold: []int64{id}}), "Import")
	assert.Len(t, read(t, m, "a"), 1)
	lease, err := m.Lease(t.Context())
	require.NoError(t, err)
	assert.Zero(t, lease)
}

func TestMemoryTransactionsEndOnce(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	for _, end := range []func(*feedtest.Tx) error{(*feedtest.Tx).Commit, (*feedtest.Tx).Rollback} {
		tx := m.Begin()
		require.NoError(t, end(tx))
		require.ErrorIs(t, tx.Commit(), sql.ErrTxDone)
		require.ErrorIs(t, tx.Rollback(), sql.ErrTxDone)
		add := m.Append(row("a"))
		_, err := tx.ExecContext(t.Context(), add.Query, add.Args...)
		require.ErrorIs(t, err, sql.ErrTxDone)
	}
}

func TestMemoryGivesCopies(t *testing.T) {
	t.Parallel()
	m := feedtest.NewMemory()
	e := row("a")
	write(t, m, m.Append(e))
	e.Parents[0], e.Payload[0] = "x", 'x'
	id := read(t, m, "a")[0].ID
	i := feed.Import{ID: "i", Handle: []byte("handle")}
	require.NoError(t, m.Apply(t.Context(), 0, feed.Note{Park: map[int64]feed.Parked{id: {Code: "400"}}, Import: &i}))
	i.Handle[0] = 'x'
	spoiled := read(t, m, "a")[0]
	spoiled.Parents[0], spoiled.Payload[0], spoiled.Parked.Code = "y", 'y', "y"
	imports, err := m.Imports(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "handle", string(imports[0].Handle))
	imports[0].Handle[0] = 'y'
	imports, err = m.Imports(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "handle", string(imports[0].Handle))
	got := read(t, m, "a")[0]
	assert.Equal(t, []feed.Key{"p"}, got.Parents)
	assert.Equal(t, "row", string(got.Payload))
	assert.Equal(t, "400", got.Parked.Code)
}

func TestMemoryFails(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for method, call := range map[string]func(ctx context.Context, m *feedtest.Memory) error{
		"Lease": func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Lease(ctx); return err },
		"Take": func(ctx context.Context, m *feedtest.Memory) error {
			_, err := m.Take(ctx, feed.Lease{}, "x")
			return err
		},
		"Release": func(ctx context.Context, m *feedtest.Memory) error { return m.Release(ctx, 0) },
		"Apply":   func(ctx context.Context, m *feedtest.Memory) error { return m.Apply(ctx, 0, feed.Note{}) },
		"Page":    func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Page(ctx, feed.Page{}); return err },
		"Events":  func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Events(ctx, nil, 1); return err },
		"States":  func(ctx context.Context, m *feedtest.Memory) error { _, err := m.States(ctx, nil); return err },
		"Held": func(ctx context.Context, m *feedtest.Memory) error {
			_, err := m.Held(ctx, "i", feed.Event{}, 1)
			return err
		},
		"Imports": func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Imports(ctx); return err },
		"Backlog": func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Backlog(ctx); return err },
		"Parked":  func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Parked(ctx, 0, 1); return err },
		"Unpark":  func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Unpark(ctx, 1); return err },
		"Discard": func(ctx context.Context, m *feedtest.Memory) error { _, err := m.Discard(ctx, 1); return err },
		"ExecContext": func(ctx context.Context, m *feedtest.Memory) error {
			add := m.Append(row("a"))
			_, err := m.ExecContext(ctx, add.Query, add.Args...)
			return err
		},
		"Commit": func(_ context.Context, m *feedtest.Memory) error { return m.Begin().Commit() },
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var methods []string
			failing, m := true, feedtest.NewMemory()
			m.Fail = func(method string) error {
				methods = append(methods, method)
				if failing {
					return down
				}
				return nil
			}
			require.ErrorIs(t, call(t.Context(), m), down)
			assert.Empty(t, read(t, withoutFaults(m), "a"))
			failing = false
			require.NoError(t, call(t.Context(), m))
			assert.Equal(t, []string{method, "Events", method}, methods)
		})
	}
}

// withoutFaults is m, of which Events does not fail.
func withoutFaults(m *feedtest.Memory) *feedtest.Memory {
	fail := m.Fail
	m.Fail = func(method string) error {
		err := fail(method)
		if method == "Events" {
			return nil
		}
		return err
	}
	return m
}

func TestMemoryWorksInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := feedtest.NewMemory()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				time.Sleep(time.Minute)
				write(t, m, m.Append(row("a")))
			})
		}
		wg.Wait()
		assert.Len(t, read(t, m, "a"), 4)
	})
}
