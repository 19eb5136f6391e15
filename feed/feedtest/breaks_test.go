package feedtest_test

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

var none = context.Background()

// all is more than a test has.
const all = 10_000

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// eager is a transaction that writes at once.
type eager struct{ *feedtest.Memory }

func (eager) Commit() error   { return nil }
func (eager) Rollback() error { return nil }

// stubborn is one that is committed even so.
type stubborn struct{ *feedtest.Tx }

func (s stubborn) Rollback() error { return s.Commit() }

// writes makes Append write another event.
func writes(change func(*feed.Event)) broken {
	return broken{
		add: func(m *feedtest.Memory, e feed.Event) feed.Statement { change(&e); return m.Append(e) },
	}
}

// notes makes Apply note something else.
func notes(change func(n *feed.Note)) broken {
	return broken{apply: func(m *feedtest.Memory, fence int64, n feed.Note) error { change(&n); return m.Apply(none, fence, n) }}
}

// first makes Apply change something else before, or nothing if that returns nil.
func first(other func(m *feedtest.Memory, n *feed.Note) *feed.Note) broken {
	return broken{apply: func(m *feedtest.Memory, fence int64, n feed.Note) error {
		n.Park = maps.Clone(n.Park)
		if n.Import != nil {
			i := *n.Import
			n.Import = &i
		}
		if before := other(m, &n); before != nil {
			if err := m.Apply(none, fence, *before); err != nil {
				return err
			}
		}
		return m.Apply(none, fence, n)
	}}
}

func pages(change func(*feed.Page)) broken {
	return broken{page: func(m *feedtest.Memory, p feed.Page) []feed.Event { change(&p); return must(m.Page(none, p)) }}
}

// each changes the events that are read.
func each(events []feed.Event, change func(*feed.Event)) []feed.Event {
	for i := range events {
		change(&events[i])
	}
	return events
}

func byID(a, b feed.Event) int { return cmp.Compare(a.ID, b.ID) }

func known(m *feedtest.Memory, id string) (i feed.Import, ok bool) {
	for _, i := range must(m.Imports(none)) {
		if i.ID == id {
			return i, true
		}
	}
	return i, false
}

// breaks are broken stores, each with the test that fails. What AnyOrder does not find is hidden.
var breaks = map[string]struct {
	fails  string
	store  broken
	hidden bool
}{
	"an event is not urgent":         {"Append/adds an event as it was written", writes(func(e *feed.Event) { e.Urgent = false }), false},
	"an event is never a delete":     {"Append/adds an event as it was written", writes(func(e *feed.Event) { e.Delete = false }), true},
	"an event does not go at once":   {"Append/adds an event as it was written", writes(func(e *feed.Event) { e.AtOnce = false }), false},
	"an event has no parents":        {"Append/adds an event as it was written", writes(func(e *feed.Event) { e.Parents = nil }), false},
	"columns are floats":             {"Append/adds an event as it was written", writes(func(e *feed.Event) { e.Columns = int64(float64(e.Columns)) }), true},
	"parents are sorted":             {"Append/keeps many parents in their order", writes(func(e *feed.Event) { e.Parents = slices.Sorted(slices.Values(e.Parents)) }), false},
	"payloads end at a zero":         {"Append/keeps any payload", writes(func(e *feed.Event) { e.Payload = slices.Concat([]byte{}, untilZero(e.Payload)) }), true},
	"times are kept to milliseconds": {"Append/keeps times to the microsecond", writes(func(e *feed.Event) { e.At = e.At.Truncate(time.Millisecond) }), false},
	"an empty payload is none": {"Append/tells an empty payload from an erased one", writes(func(e *feed.Event) {
		if len(e.Payload) == 0 {
			e.Payload = nil
		}
	}), true},
	"what is not committed is seen":    {"Append/is seen once it is committed", broken{begin: func(m *feedtest.Memory) feedtest.Transaction { return eager{m} }}, false},
	"what is rolled back is committed": {"Append/is undone with its transaction", broken{begin: func(m *feedtest.Memory) feedtest.Transaction { return stubborn{m.Begin()} }}, false},

	"Erase adds no delete": {"Erase/adds the delete", broken{erase: func(m *feedtest.Memory, e feed.Event) []feed.Statement { return m.Erase(e)[:1] }}, false},
	"Erase removes nothing": {"Erase/removes the pending events of its key only", broken{erase: func(m *feedtest.Memory, e feed.Event) []feed.Statement {
		return []feed.Statement{m.Append(e)}
	}}, false},
	"Erase removes another key too": {"Erase/removes the pending events of its key only", broken{erase: func(m *feedtest.Memory, e feed.Event) []feed.Statement {
		other := e
		other.Key = "b" + e.Key[1:]
		return append(m.Erase(other)[:1], m.Erase(e)...)
	}}, true},
	"Erase removes the delete too": {"Erase/adds the delete", broken{erase: func(m *feedtest.Memory, e feed.Event) []feed.Statement {
		erase := m.Erase(e)
		return []feed.Statement{erase[1], erase[0]}
	}}, false},

	"the lease has a holder at first": {"Lease/is nobody's at first", broken{see: func(m *feedtest.Memory) feed.Lease {
		l := must(m.Lease(none))
		if l.Fence == 0 {
			l.Holder = "somebody"
		}
		return l
	}}, false},
	"Take takes any lease": {"Lease/is taken only as it was seen", broken{take: func(m *feedtest.Memory, _ feed.Lease, holder string) (feed.Lease, error) {
		return m.Take(none, must(m.Lease(none)), holder)
	}}, false},
	"Take overlooks beats": {"Lease/is not taken from a holder who gave a sign of life", broken{take: func(m *feedtest.Memory, seen feed.Lease, holder string) (feed.Lease, error) {
		seen.Beat = must(m.Lease(none)).Beat
		return m.Take(none, seen, holder)
	}}, false},
	"Take overlooks the holder": {"Lease/is taken only as it was seen", broken{take: func(m *feedtest.Memory, seen feed.Lease, holder string) (feed.Lease, error) {
		seen.Holder = must(m.Lease(none)).Holder
		return m.Take(none, seen, holder)
	}}, true},
	"Take gives two fences": {"Lease/has a greater fence with every holder", broken{take: func(m *feedtest.Memory, seen feed.Lease, holder string) (feed.Lease, error) {
		l, err := m.Take(none, seen, holder)
		if err != nil {
			return l, err
		}
		return m.Take(none, l, holder)
	}}, false},
	"Release does nothing": {"Lease/is given back", broken{release: func(*feedtest.Memory, int64) error { return nil }}, false},
	"Release overlooks the fence": {"Lease/stays with a later holder", broken{release: func(m *feedtest.Memory, _ int64) error {
		return m.Release(none, must(m.Lease(none)).Fence)
	}}, false},
	"no beats are counted": {"Lease/has a greater beat with every note", broken{
		see: func(m *feedtest.Memory) feed.Lease { l := must(m.Lease(none)); l.Beat = 0; return l },
		take: func(m *feedtest.Memory, seen feed.Lease, holder string) (feed.Lease, error) {
			now := must(m.Lease(none))
			if seen.Beat == 0 {
				seen.Beat = now.Beat
			}
			l, err := m.Take(none, seen, holder)
			l.Beat = 0
			return l, err
		},
	}, false},
	"Apply overlooks the fence": {"Old fence/removes nothing", broken{apply: func(m *feedtest.Memory, _ int64, n feed.Note) error {
		return m.Apply(none, must(m.Lease(none)).Fence, n)
	}}, false},
	"Apply changes columns with an old fence": {"Old fence/changes no columns", anyFence(func(n feed.Note) feed.Note { return feed.Note{OneByOne: n.OneByOne} }), false},
	"Apply adds imports with an old fence":    {"Old fence/adds no import", anyFence(func(n feed.Note) feed.Note { return feed.Note{Import: n.Import} }), false},
	"Apply ends imports with an old fence":    {"Old fence/ends no import", anyFence(func(n feed.Note) feed.Note { return feed.Note{End: n.End} }), false},
	"Apply parks with an old fence":           {"Old fence/parks nothing", anyFence(func(n feed.Note) feed.Note { return feed.Note{Park: n.Park} }), false},
	"Apply sends with an old fence":           {"Old fence/sends nothing", anyFence(func(n feed.Note) feed.Note { return feed.Note{Sent: n.Sent} }), false},
	"Apply releases with an old fence":        {"Old fence/releases nothing", anyFence(func(n feed.Note) feed.Note { return feed.Note{Release: n.Release} }), false},
	"Apply holds with an old fence":           {"Old fence/holds nothing", anyFence(func(n feed.Note) feed.Note { return feed.Note{Hold: n.Hold, Import: n.Import} }), false},
	"Apply beats with an old fence":           {"Old fence/counts no beat", anyFence(func(feed.Note) feed.Note { return feed.Note{} }), false},

	"Apply removes nothing":  {"Apply/removes what was delivered", notes(func(n *feed.Note) { n.Remove = nil }), false},
	"Apply removes 999":      {"Apply/notes 1,000 IDs in any field", notes(func(n *feed.Note) { n.Remove = n.Remove[:min(len(n.Remove), 999)] }), true},
	"Apply sends nothing":    {"Apply/notes what was sent", notes(func(n *feed.Note) { n.Sent = nil }), false},
	"Apply holds nothing":    {"Apply/holds by an import", notes(func(n *feed.Note) { n.Hold = nil }), false},
	"Apply releases nothing": {"Apply/releases what an import holds", notes(func(n *feed.Note) { n.Release = nil }), false},
	"Apply leaves columns":   {"Apply/puts events one by one", notes(func(n *feed.Note) { n.OneByOne = nil }), false},
	"Apply parks nothing":    {"Apply/parks pending events", notes(func(n *feed.Note) { n.Park = nil }), false},
	"Apply notes one of two": {"Apply/notes all fields together", notes(oneField), false},
	"Apply adds no import": {"Import/is kept as it was added", notes(func(n *feed.Note) {
		if len(n.Hold) == 0 {
			n.Import = nil
		}
	}), false},
	"Apply ends no import": {"Import/is forgotten once it ended", notes(func(n *feed.Note) { n.End = "" }), false},
	"a reason is kept once": {"Apply/parks again with another reason", first(func(m *feedtest.Memory, n *feed.Note) *feed.Note {
		for _, e := range must(m.Parked(none, 0, all)) {
			delete(n.Park, e.ID)
		}
		return nil
	}), false},
	"Apply holds what another import holds": {"Apply/holds nothing that another import holds", first(func(_ *feedtest.Memory, n *feed.Note) *feed.Note {
		return &feed.Note{Release: n.Hold}
	}), false},
	"Apply holds what is parked": {"Apply/holds nothing that is parked", first(func(m *feedtest.Memory, n *feed.Note) *feed.Note {
		for _, id := range n.Hold {
			_, _ = m.Unpark(none, id)
		}
		return nil
	}), false},
	"an import changes its lane": {"Import/has its handle changed, and no more", first(func(m *feedtest.Memory, n *feed.Note) *feed.Note {
		if n.Import == nil {
			return nil
		}
		if i, ok := known(m, n.Import.ID); !ok || i.Lane == n.Import.Lane {
			return nil
		}
		return &feed.Note{End: n.Import.ID}
	}), true},
	"an import keeps its first handle": {"Import/has its handle changed, and no more", first(func(m *feedtest.Memory, n *feed.Note) *feed.Note {
		if n.Import != nil {
			if i, ok := known(m, n.Import.ID); ok {
				n.Import.Handle = i.Handle
			}
		}
		return nil
	}), false},
	"an import that ends makes all lanes pending": {"Import/makes what was sent in its lane pending again when it ends", first(func(m *feedtest.Memory, n *feed.Note) *feed.Note {
		if _, ok := known(m, n.End); !ok {
			return nil
		}
		fence := must(m.Lease(none)).Fence
		_ = m.Apply(none, fence, feed.Note{Import: &feed.Import{ID: "all", Lane: "records:Shop/Orders"}})
		return &feed.Note{End: "all"}
	}), false},
	"an unknown import that ends makes a lane pending": {"Import/changes nothing if it ends and is unknown", first(func(m *feedtest.Memory, n *feed.Note) *feed.Note {
		if _, ok := known(m, n.End); ok || n.End == "" {
			return nil
		}
		fence := must(m.Lease(none)).Fence
		_ = m.Apply(none, fence, feed.Note{Import: &feed.Import{ID: "all", Lane: "profiles:Shop/Customers"}})
		return &feed.Note{End: "all"}
	}), false},
	"Imports have no times": {"Import/is kept as it was added", broken{imports: func(m *feedtest.Memory) []feed.Import {
		list := must(m.Imports(none))
		for i := range list {
			list[i].At = time.Time{}
		}
		return list
	}}, false},
	"Imports have empty handles": {"Import/is kept as it was added", broken{imports: func(m *feedtest.Memory) []feed.Import {
		list := must(m.Imports(none))
		for i := range list {
			list[i].Handle = append([]byte{}, list[i].Handle...)
		}
		return list
	}}, false},

	"Page overlooks After":  {"Page/begins after an ID, also of one that is gone", pages(func(p *feed.Page) { p.After = 0 }), false},
	"Page begins at After":  {"Page/begins after an ID, also of one that is gone", pages(func(p *feed.Page) { p.After-- }), false},
	"Page overlooks Limit":  {"Page/has at most its limit", pages(func(p *feed.Page) { p.Limit = all }), false},
	"Page overlooks Urgent": {"Page/has only urgent events, or all", pages(func(p *feed.Page) { p.Urgent = false }), false},
	"Page overlooks Lanes":  {"Page/has only its lanes", pages(func(p *feed.Page) { p.Lanes = []string{"profiles:Shop/Customers", "records:Shop/Orders"} }), false},
	"Page has all lanes if there are none": {"Page/is empty without lanes", pages(func(p *feed.Page) {
		if len(p.Lanes) == 0 {
			p.Lanes = []string{"profiles:Shop/Customers", "records:Shop/Orders"}
		}
	}), false},
	"Page has payloads": {"Page/comes without payloads, and with all else", broken{page: func(m *feedtest.Memory, p feed.Page) []feed.Event {
		return each(must(m.Page(none, p)), func(e *feed.Event) { e.Payload = []byte("row") })
	}}, false},
	"Page has no parents": {"Page/comes without payloads, and with all else", broken{page: func(m *feedtest.Memory, p feed.Page) []feed.Event {
		return each(must(m.Page(none, p)), func(e *feed.Event) { e.Parents = nil })
	}}, false},
	"Page is by time": {"Page/has events in the order of their IDs", broken{page: func(m *feedtest.Memory, p feed.Page) []feed.Event {
		return slices.SortedStableFunc(slices.Values(must(m.Page(none, p))), func(a, b feed.Event) int { return a.At.Compare(b.At) })
	}}, false},
	"Page has what is held": {"Page/leaves out what is held, parked or sent", broken{page: func(m *feedtest.Memory, p feed.Page) []feed.Event {
		return slices.SortedFunc(slices.Values(append(must(m.Page(none, p)), must(m.Held(none, "i", feed.Event{}, all))...)), byID)
	}}, false},
	"Page has what is parked": {"Page/leaves out what is held, parked or sent", broken{page: func(m *feedtest.Memory, p feed.Page) []feed.Event {
		return slices.SortedFunc(slices.Values(append(must(m.Page(none, p)), must(m.Parked(none, 0, all))...)), byID)
	}}, false},

	"Events has a limit of all keys": {"Events/are at most the limit of each key: its oldest", broken{events: func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event {
		list := must(m.Events(none, keys, limit))
		return list[:min(len(list), limit)]
	}}, false},
	"Events has the newest": {"Events/are at most the limit of each key: its oldest", broken{events: func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event {
		var list []feed.Event
		for _, key := range keys {
			of := must(m.Events(none, []feed.Key{key}, all))
			list = append(list, of[max(0, len(of)-limit):]...)
		}
		return slices.SortedFunc(slices.Values(list), byID)
	}}, false},
	"Events is by key": {"Events/are whole, in any state, by their IDs", broken{events: func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event {
		return slices.SortedStableFunc(slices.Values(must(m.Events(none, keys, limit))), func(a, b feed.Event) int { return cmp.Compare(a.Key, b.Key) })
	}}, false},
	"Events leaves out what is parked": {"Events/are whole, in any state, by their IDs", broken{events: func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event {
		return slices.DeleteFunc(must(m.Events(none, keys, limit)), func(e feed.Event) bool { return e.Parked != nil })
	}}, false},
	"Events leaves out what is held": {"Events/are whole, in any state, by their IDs", broken{events: func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event {
		return slices.DeleteFunc(must(m.Events(none, keys, limit)), func(e feed.Event) bool { return e.Import != "" })
	}}, false},
	"what is held keeps its payload": {"Erase/leaves what an import holds, without its payload", broken{events: func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event {
		return each(must(m.Events(none, keys, limit)), func(e *feed.Event) {
			if e.Import != "" && e.Payload == nil {
				e.Payload = []byte("row")
			}
		})
	}}, false},
	"States holds nothing": {"States/tell of events in any state, and of those that an import holds", broken{states: func(m *feedtest.Memory, keys []feed.Key) map[feed.Key]feed.State {
		states := must(m.States(none, keys))
		for key := range states {
			states[key] = feed.State{First: states[key].First, At: states[key].At}
		}
		return states
	}}, false},
	"States tells the last": {"States/tell of events in any state, and of those that an import holds", broken{states: func(m *feedtest.Memory, keys []feed.Key) map[feed.Key]feed.State {
		states := must(m.States(none, keys))
		for _, e := range must(m.Events(none, keys, all)) {
			states[e.Key] = feed.State{First: e.ID, At: states[e.Key].At, Held: states[e.Key].Held}
		}
		return states
	}}, false},
	"States has keys without events": {"States/are none of keys that have no events", broken{states: func(m *feedtest.Memory, keys []feed.Key) map[feed.Key]feed.State {
		states := must(m.States(none, keys))
		for _, key := range keys {
			if _, known := states[key]; !known {
				states[key] = feed.State{}
			}
		}
		return states
	}}, false},
	"Held is by ID": {"Held/comes whole, by key and ID", broken{held: func(m *feedtest.Memory, importID string, after feed.Event, limit int) []feed.Event {
		list := slices.SortedFunc(slices.Values(must(m.Held(none, importID, feed.Event{}, all))), byID)
		list = slices.DeleteFunc(list, func(e feed.Event) bool { return e.ID <= after.ID })
		return list[:min(len(list), limit)]
	}}, true},
	"Held skips the rest of a key": {"Held/comes whole, by key and ID", broken{held: func(m *feedtest.Memory, importID string, after feed.Event, limit int) []feed.Event {
		if after.ID > 0 {
			after.ID = 1 << 60
		}
		return must(m.Held(none, importID, after, limit))
	}}, true},
	"Held has no payloads": {"Held/comes whole, by key and ID", broken{held: func(m *feedtest.Memory, importID string, after feed.Event, limit int) []feed.Event {
		return each(must(m.Held(none, importID, after, limit)), func(e *feed.Event) { e.Payload = nil })
	}}, false},
	"Held overlooks where it was": {"Held/comes whole, by key and ID", broken{held: func(m *feedtest.Memory, importID string, _ feed.Event, limit int) []feed.Event {
		return must(m.Held(none, importID, feed.Event{}, limit))
	}}, true},
	"Backlog counts all columns": {"Backlog/counts by lane and columns", broken{backlog: func(m *feedtest.Memory) []feed.Backlog {
		list := must(m.Backlog(none))
		for i := range list {
			list[i].Columns = 7
		}
		return list
	}}, false},
	"Backlog counts what is parked as pending": {"Backlog/counts what is pending, held and parked", broken{backlog: func(m *feedtest.Memory) []feed.Backlog {
		list := must(m.Backlog(none))
		for i := range list {
			list[i].Pending, list[i].Parked = list[i].Pending+list[i].Parked, 0
		}
		return list
	}}, false},
	"Backlog is always old": {"Backlog/has no oldest event if all are parked", broken{backlog: func(m *feedtest.Memory) []feed.Backlog {
		list := must(m.Backlog(none))
		for i := range list {
			if list[i].Oldest.IsZero() {
				list[i].Oldest = time.Unix(0, 0)
			}
		}
		return list
	}}, false},
	"Parked overlooks after": {"Parked/is read whole, by ID, after one and at most the limit", broken{parked: func(m *feedtest.Memory, _ int64, limit int) []feed.Event {
		return must(m.Parked(none, 0, limit))
	}}, false},
	"Parked overlooks its limit": {"Parked/is read whole, by ID, after one and at most the limit", broken{parked: func(m *feedtest.Memory, after int64, _ int) []feed.Event {
		return must(m.Parked(none, after, all))
	}}, false},
	"Parked has no columns": {"Parked/is read whole, by ID, after one and at most the limit", broken{parked: func(m *feedtest.Memory, after int64, limit int) []feed.Event {
		return each(must(m.Parked(none, after, limit)), func(e *feed.Event) { e.Parked.Column = "" })
	}}, false},
	"Unpark finds anything": {"Parked/is not what is pending, held, sent or unknown", broken{unpark: func(m *feedtest.Memory, id int64) bool { _, _ = m.Unpark(none, id); return true }}, false},
	"Unpark does nothing":   {"Parked/is pending again once it is unparked", broken{unpark: func(m *feedtest.Memory, id int64) bool { return isParked(m, id) }}, false},
	"Discard does nothing":  {"Parked/is gone once it is discarded", broken{discard: func(m *feedtest.Memory, id int64) bool { return isParked(m, id) }}, false},
	"Discard removes anything": {"Parked/is not what is pending, held, sent or unknown", broken{discard: func(m *feedtest.Memory, id int64) bool {
		found := isParked(m, id)
		_ = m.Apply(none, must(m.Lease(none)).Fence, feed.Note{Remove: []int64{id}})
		return found
	}}, false},
	"several take the lease": {"Concurrent/one of several takes the lease", broken{take: func(m *feedtest.Memory, seen feed.Lease, holder string) (feed.Lease, error) {
		if now := must(m.Lease(none)); now.Fence <= seen.Fence+8 {
			return m.Take(none, now, holder)
		}
		return feed.Lease{}, feed.ErrLeaseLost
	}}, false},
	"a push is lost": {"Concurrent/pushes are delivered once each, and none is lost", broken{begin: func(m *feedtest.Memory) feedtest.Transaction { return &forgetful{m.Begin(), 0} }}, false},
}

// forgetful is a transaction that writes the first statement only.
type forgetful struct {
	*feedtest.Tx
	n int
}

func (f *forgetful) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if f.n++; f.n > 1 {
		return nil, nil //nolint:nilnil // a Tx need not have results
	}
	return f.Tx.ExecContext(ctx, query, args...)
}

// anyFence notes a part of the note whatever the fence is, before it says that the lease is lost.
func anyFence(part func(feed.Note) feed.Note) broken {
	return broken{apply: func(m *feedtest.Memory, fence int64, n feed.Note) error {
		if now := must(m.Lease(none)); now.Fence != fence {
			_ = m.Apply(none, now.Fence, part(n))
		}
		return m.Apply(none, fence, n)
	}}
}

// oneField leaves out what is removed if something is parked.
func oneField(n *feed.Note) {
	if len(n.Park) > 0 {
		n.Remove = nil
	}
}

func untilZero(b []byte) []byte {
	if i := slices.Index(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

func isParked(m *feedtest.Memory, id int64) bool {
	return slices.ContainsFunc(must(m.Parked(none, 0, all)), func(e feed.Event) bool { return e.ID == id })
}
