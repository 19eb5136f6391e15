package feedtest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/actito-go/actito/feed"
)

// maxIDs is how many IDs a note may have.
const maxIDs = 1000

// start is what a method of the store does first. done ends it.
func (m *Memory) start(ctx context.Context, method string) (done func(), err error) {
	if err := m.before(ctx, method); err != nil {
		return nil, err
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

// Lease implements [feed.Store].
func (m *Memory) Lease(ctx context.Context) (feed.Lease, error) {
	done, err := m.start(ctx, "Lease")
	if err != nil {
		return feed.Lease{}, err
	}
	defer done()
	return m.lease, nil
}

// Take implements [feed.Store].
func (m *Memory) Take(ctx context.Context, seen feed.Lease, holder string) (feed.Lease, error) {
	done, err := m.start(ctx, "Take")
	if err != nil {
		return feed.Lease{}, err
	}
	defer done()
	if m.lease != seen {
		return feed.Lease{}, feed.ErrLeaseLost
	}
	m.lease = feed.Lease{Fence: seen.Fence + 1, Beat: seen.Beat + 1, Holder: holder}
	return m.lease, nil
}

// Release implements [feed.Store].
func (m *Memory) Release(ctx context.Context, fence int64) error {
	done, err := m.start(ctx, "Release")
	if err != nil {
		return err
	}
	defer done()
	if m.lease.Fence == fence {
		m.lease.Holder = ""
	}
	return nil
}

// Apply implements [feed.Store]. The fields of a note are applied in their order. A note with more than 1,000 IDs in all, or
// one that holds events but names no import, is an error.
func (m *Memory) Apply(ctx context.Context, fence int64, n feed.Note) error {
	done, err := m.start(ctx, "Apply")
	if err != nil {
		return err
	}
	defer done()
	switch {
	case m.lease.Fence != fence:
		return feed.ErrLeaseLost
	case len(n.Remove)+len(n.Park)+len(n.Sent)+len(n.Hold)+len(n.Release)+len(n.OneByOne) > maxIDs:
		return errors.New("feedtest: a note has more than 1,000 IDs: apply several")
	case len(n.Hold) > 0 && n.Import == nil:
		return errors.New("feedtest: a note says what to hold, but not by which import: set Import")
	}
	m.lease.Beat++
	m.note(n)
	return nil
}

func (m *Memory) note(n feed.Note) {
	for _, i := range n.Remove {
		if e, ok := m.events[id(i)]; ok {
			m.delete(e)
		}
	}
	for i, parked := range n.Park {
		parked.At = moment(parked.At)
		m.change(i, func(e *feed.Event) { e.Parked, e.Import = &parked, "" })
	}
	for _, i := range n.Sent {
		m.change(i, func(e *feed.Event) { e.Sent = true })
	}
	for _, i := range n.Hold {
		m.change(i, func(e *feed.Event) {
			if e.Import == "" && e.Parked == nil {
				e.Import = n.Import.ID
			}
		})
	}
	for _, i := range n.Release {
		m.change(i, func(e *feed.Event) { e.Import = "" })
	}
	for _, i := range n.OneByOne {
		m.change(i, func(e *feed.Event) { e.Columns = 0 })
	}
	if n.Import != nil {
		i, known := m.imports[n.Import.ID]
		if !known {
			i = *n.Import
			i.At = moment(i.At)
		}
		i.Handle = slices.Clone(n.Import.Handle)
		m.imports[i.ID] = i
	}
	if i, known := m.imports[n.End]; known {
		delete(m.imports, n.End)
		for _, e := range slices.Collect(m.held[n.End].after(keyed{})) {
			m.change(int64(e.id), func(e *feed.Event) { e.Import = "" })
		}
		for _, sent := range slices.Collect(m.sent[i.Lane].after(0)) {
			m.change(int64(sent), func(e *feed.Event) { e.Sent = false })
		}
	}
}

// Page implements [feed.Store]. Without lanes it reads nothing.
func (m *Memory) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	done, err := m.start(ctx, "Page")
	if err != nil {
		return nil, err
	}
	defer done()
	var ids []id
	for _, name := range p.Lanes {
		n := 0
		for i := range m.pending[lane{name, p.Urgent}].after(id(p.After)) {
			if n == p.Limit {
				break
			}
			ids = append(ids, i)
			n++
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	ids = ids[:min(len(ids), p.Limit)]
	events := make([]feed.Event, 0, len(ids))
	for _, i := range ids {
		e := *m.events[i]
		e.Payload = nil
		events = append(events, clone(&e))
	}
	return events, nil
}

// read copies events.
func (m *Memory) read(ids []id) []feed.Event {
	events := make([]feed.Event, 0, len(ids))
	for _, i := range ids {
		events = append(events, clone(m.events[i]))
	}
	return events
}

// Events implements [feed.Store].
func (m *Memory) Events(ctx context.Context, keys []feed.Key, limit int) ([]feed.Event, error) {
	done, err := m.start(ctx, "Events")
	if err != nil {
		return nil, err
	}
	defer done()
	var ids []id
	for _, key := range keys {
		k, ok := m.keys[key]
		if !ok {
			continue
		}
		n := 0
		for i := range k.ids.after(0) {
			if n == limit {
				break
			}
			ids = append(ids, i)
			n++
		}
	}
	slices.Sort(ids)
	return m.read(slices.Compact(ids)), nil
}

// States implements [feed.Store].
func (m *Memory) States(ctx context.Context, keys []feed.Key) (map[feed.Key]feed.State, error) {
	done, err := m.start(ctx, "States")
	if err != nil {
		return nil, err
	}
	defer done()
	states := make(map[feed.Key]feed.State)
	for _, key := range keys {
		if k, ok := m.keys[key]; ok {
			first, _ := k.ids.first()
			earliest, _ := k.ages.first()
			states[key] = feed.State{First: int64(first), At: m.events[earliest.id].At, Held: k.held > 0}
		}
	}
	return states, nil
}

// Held implements [feed.Store].
func (m *Memory) Held(ctx context.Context, importID string, after feed.Event, limit int) ([]feed.Event, error) {
	done, err := m.start(ctx, "Held")
	if err != nil {
		return nil, err
	}
	defer done()
	var ids []id
	for k := range m.held[importID].after(keyed{after.Key, id(after.ID)}) {
		if len(ids) == limit {
			break
		}
		ids = append(ids, k.id)
	}
	return m.read(ids), nil
}

// Imports implements [feed.Store]. They are in the order of their IDs.
func (m *Memory) Imports(ctx context.Context) ([]feed.Import, error) {
	done, err := m.start(ctx, "Imports")
	if err != nil {
		return nil, err
	}
	defer done()
	list := slices.SortedFunc(maps.Values(m.imports), func(a, b feed.Import) int { return strings.Compare(a.ID, b.ID) })
	for i := range list {
		list[i].Handle = slices.Clone(list[i].Handle)
	}
	return list, nil
}

// Backlog implements [feed.Store]. It is in the order of lanes and columns.
func (m *Memory) Backlog(ctx context.Context) ([]feed.Backlog, error) {
	done, err := m.start(ctx, "Backlog")
	if err != nil {
		return nil, err
	}
	defer done()
	list := make([]feed.Backlog, 0, len(m.groups))
	for g, c := range m.groups {
		b := feed.Backlog{Lane: g.lane, Columns: g.columns, Pending: c.pending, Held: c.held, Parked: c.parked}
		if oldest, ok := c.ages.first(); ok {
			b.Oldest = time.UnixMicro(oldest.at).UTC()
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b feed.Backlog) int {
		return cmp.Or(strings.Compare(a.Lane, b.Lane), cmp.Compare(a.Columns, b.Columns))
	})
	return list, nil
}

// Parked implements [feed.Store].
func (m *Memory) Parked(ctx context.Context, after int64, limit int) ([]feed.Event, error) {
	done, err := m.start(ctx, "Parked")
	if err != nil {
		return nil, err
	}
	defer done()
	var ids []id
	for i := range m.parked.after(id(after)) {
		if len(ids) == limit {
			break
		}
		ids = append(ids, i)
	}
	return m.read(ids), nil
}

// Unpark implements [feed.Store].
func (m *Memory) Unpark(ctx context.Context, i int64) (found bool, err error) {
	done, err := m.start(ctx, "Unpark")
	if err != nil {
		return false, err
	}
	defer done()
	if e, ok := m.events[id(i)]; !ok || e.Parked == nil {
		return false, nil
	}
	m.change(i, func(e *feed.Event) { e.Parked, e.Sent = nil, false })
	return true, nil
}

// Discard implements [feed.Store].
func (m *Memory) Discard(ctx context.Context, i int64) (found bool, err error) {
	done, err := m.start(ctx, "Discard")
	if err != nil {
		return false, err
	}
	defer done()
	e, ok := m.events[id(i)]
	if !ok || e.Parked == nil {
		return false, nil
	}
	m.delete(e)
	return true, nil
}
