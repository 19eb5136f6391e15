package feedtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/actito-go/actito/feed"
)

// Memory is an outbox in memory, for tests only: what it holds is lost with the process. It is a [feed.Store], and also
// the database of the test: as a [feed.Execer] it executes a hand-over at once, as outside a transaction; [Memory.Begin]
// starts a transaction. It executes no statements but those of its Append and Erase.
//
// It starts no goroutines and takes no time, so that it can be used in the bubbles of testing/synctest. Like PostgreSQL,
// it keeps times to the microsecond.
type Memory struct {
	// Fail, if it is not nil, is called with the name of a method before that does anything: those of [feed.Store] that
	// have a context, and ExecContext and Commit, also those of transactions. The method returns its error. It is set
	// before the Memory is used, and called from several goroutines.
	Fail func(method string) error

	mu      sync.Mutex
	lastID  int64
	lease   feed.Lease
	imports map[string]feed.Import
	events  map[id]*feed.Event

	// Where to find them.
	keys    map[feed.Key]*ofKey
	pending map[lane]*ordered[id]
	parked  ordered[id]
	held    map[string]*ordered[keyed] // by import
	sent    map[string]*ordered[id]    // by lane
	groups  map[group]*counts
}

// lane names the pending events of a lane, or only those that are urgent.
type lane struct {
	name   string
	urgent bool
}

type ofKey struct {
	ids  ordered[id]
	ages ordered[aged]
	held int
}

type group struct {
	lane    string
	columns int64
}

type counts struct {
	pending, held, parked int
	ages                  ordered[aged] // of those that are pending or held
}

// NewMemory makes an empty outbox.
func NewMemory() *Memory {
	return &Memory{
		imports: make(map[string]feed.Import),
		events:  make(map[id]*feed.Event),
		keys:    make(map[feed.Key]*ofKey),
		pending: make(map[lane]*ordered[id]),
		held:    make(map[string]*ordered[keyed]),
		sent:    make(map[string]*ordered[id]),
		groups:  make(map[group]*counts),
	}
}

// The statements that a Memory executes. Their argument is the [feed.Event].
const (
	appendStatement = "feedtest: append"
	eraseStatement  = "feedtest: erase"
)

// Append implements [feed.Store].
func (m *Memory) Append(e feed.Event) feed.Statement {
	return feed.Statement{Query: appendStatement, Args: []any{e}}
}

// Erase implements [feed.Store].
func (m *Memory) Erase(e feed.Event) []feed.Statement {
	return []feed.Statement{{Query: eraseStatement, Args: []any{e}}, m.Append(e)}
}

// ExecContext executes a statement of Append or Erase at once, as outside a transaction.
func (m *Memory) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	change, err := m.prepare(ctx, query, args)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	return driver.RowsAffected(1), nil
}

// prepare gives an event its ID. The change that it returns is made with the lock held.
func (m *Memory) prepare(ctx context.Context, query string, args []any) (change func(), err error) {
	if err := m.before(ctx, "ExecContext"); err != nil {
		return nil, err
	}
	if len(args) != 1 || query != appendStatement && query != eraseStatement {
		return nil, errors.New("feedtest: a Memory executes only statements of its Append and Erase")
	}
	e, ok := args[0].(feed.Event)
	if !ok {
		return nil, fmt.Errorf("feedtest: the argument of a statement is a %T; it must be the feed.Event that Append or Erase gave it", args[0])
	}
	if query == eraseStatement {
		return func() { m.erase(e.Key) }, nil
	}
	added := clone(&e)
	added.Import, added.Sent, added.Parked = "", false, nil
	added.At = moment(e.At)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastID++
	added.ID = m.lastID
	return func() { m.insert(&added) }, nil
}

// Tx is a transaction of a [Memory]. Events get their IDs when they are written, and become visible when it is committed;
// what an Erase removes is removed then.
type Tx struct {
	m       *Memory
	mu      sync.Mutex
	done    bool
	changes []func()
}

// Begin starts a transaction. Any number of them may overlap.
func (m *Memory) Begin() *Tx { return &Tx{m: m} }

// ExecContext executes a statement of Append or Erase within the transaction.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return nil, sql.ErrTxDone
	}
	change, err := t.m.prepare(ctx, query, args)
	if err != nil {
		return nil, err
	}
	t.changes = append(t.changes, change)
	return driver.RowsAffected(1), nil
}

// Commit makes what was written visible, all at once. If it fails, nothing is.
func (t *Tx) Commit() error {
	changes, err := t.end()
	if err != nil {
		return err
	}
	if err := t.m.before(context.Background(), "Commit"); err != nil {
		return err
	}
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	for _, change := range changes {
		change()
	}
	return nil
}

// Rollback drops what was written.
func (t *Tx) Rollback() error {
	_, err := t.end()
	return err
}

// end returns what was written.
func (t *Tx) end() ([]func(), error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return nil, sql.ErrTxDone
	}
	t.done = true
	return t.changes, nil
}

// before is what a method does first.
func (m *Memory) before(ctx context.Context, method string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fail == nil {
		return nil
	}
	return m.Fail(method)
}

// moment is a time as a database keeps it.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// clone copies an event and what it points to.
func clone(e *feed.Event) feed.Event {
	c := *e
	c.Parents, c.Payload = slices.Clone(e.Parents), slices.Clone(e.Payload)
	if e.Parked != nil {
		parked := *e.Parked
		c.Parked = &parked
	}
	return c
}

func (m *Memory) insert(e *feed.Event) {
	m.events[id(e.ID)] = e
	k := of(m.keys, e.Key)
	k.ids.add(id(e.ID))
	k.ages.add(aged{e.At.UnixMicro(), id(e.ID)})
	m.index(e)
}

func (m *Memory) delete(e *feed.Event) {
	m.unindex(e)
	delete(m.events, id(e.ID))
	k := m.keys[e.Key]
	k.ids.remove(id(e.ID))
	k.ages.remove(aged{e.At.UnixMicro(), id(e.ID)})
	if _, ok := k.ids.first(); !ok {
		delete(m.keys, e.Key)
	}
}

// erase removes the events of a key, and the payloads of those that an import holds.
func (m *Memory) erase(key feed.Key) {
	k, ok := m.keys[key]
	if !ok {
		return
	}
	for _, i := range slices.Collect(k.ids.after(0)) {
		if e := m.events[i]; e.Import != "" {
			e.Payload = nil
		} else {
			m.delete(e)
		}
	}
}

// change changes an event, if it is there still.
func (m *Memory) change(i int64, change func(*feed.Event)) {
	if e, ok := m.events[id(i)]; ok {
		m.unindex(e)
		change(e)
		m.index(e)
	}
}

// index notes where an event is found in its state.
func (m *Memory) index(e *feed.Event) {
	i, c := id(e.ID), of(m.groups, group{e.Lane, e.Columns})
	if e.Sent {
		of(m.sent, e.Lane).add(i)
	}
	switch {
	case e.Parked != nil:
		c.parked++
		m.parked.add(i)
		return
	case e.Import != "":
		c.held++
		m.keys[e.Key].held++
		of(m.held, e.Import).add(keyed{e.Key, i})
	default:
		c.pending++
		if e.Sent {
			break
		}
		of(m.pending, lane{e.Lane, false}).add(i)
		if e.Urgent {
			of(m.pending, lane{e.Lane, true}).add(i)
		}
	}
	c.ages.add(aged{e.At.UnixMicro(), i})
}

// unindex undoes index.
func (m *Memory) unindex(e *feed.Event) {
	i, c := id(e.ID), m.groups[group{e.Lane, e.Columns}]
	if e.Sent {
		m.sent[e.Lane].remove(i)
	}
	switch {
	case e.Parked != nil:
		c.parked--
		m.parked.remove(i)
	case e.Import != "":
		c.held--
		m.keys[e.Key].held--
		m.held[e.Import].remove(keyed{e.Key, i})
	default:
		c.pending--
		if e.Sent {
			break
		}
		m.pending[lane{e.Lane, false}].remove(i)
		if e.Urgent {
			m.pending[lane{e.Lane, true}].remove(i)
		}
	}
	c.ages.remove(aged{e.At.UnixMicro(), i})
	if c.pending+c.held+c.parked == 0 {
		delete(m.groups, group{e.Lane, e.Columns})
	}
}
