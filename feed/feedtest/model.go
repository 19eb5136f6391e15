package feedtest

import (
	"cmp"
	"slices"

	"github.com/actito-go/actito/feed"
)

// model is what an outbox answers, as naive as can be: a list of events that is searched.
type model struct {
	events  []feed.Event // by ID
	imports map[string]feed.Import
	lease   feed.Lease
}

// where lists copies of the events for which a condition holds.
func (m *model) where(holds func(feed.Event) bool) (list []feed.Event) {
	for _, e := range m.events {
		if holds(e) {
			list = append(list, e)
		}
	}
	return list
}

// free reports whether no import holds an event that is not parked.
func free(e feed.Event) bool { return e.Import == "" && e.Parked == nil }

// change changes the events with some IDs.
func (m *model) change(ids []int64, change func(*feed.Event)) {
	for i := range m.events {
		if slices.Contains(ids, m.events[i].ID) {
			change(&m.events[i])
		}
	}
}

func (m *model) remove(ids []int64) {
	m.events = slices.DeleteFunc(m.events, func(e feed.Event) bool { return slices.Contains(ids, e.ID) })
}

// add adds what was committed.
func (m *model) add(events []feed.Event) {
	m.events = append(m.events, events...)
	slices.SortFunc(m.events, func(a, b feed.Event) int { return cmp.Compare(a.ID, b.ID) })
}

// erase removes the events of a key.
func (m *model) erase(k feed.Key) {
	m.events = slices.DeleteFunc(m.events, func(e feed.Event) bool { return e.Key == k && e.Import == "" })
	for i := range m.events {
		if m.events[i].Key == k {
			m.events[i].Payload = nil
		}
	}
}

// note changes what a note does. No event is in two of its fields that contradict each other.
func (m *model) note(n feed.Note) {
	m.remove(n.Remove)
	for id, why := range n.Park {
		m.change([]int64{id}, func(e *feed.Event) { e.Parked, e.Import = &why, "" })
	}
	m.change(n.Sent, func(e *feed.Event) { e.Sent = true })
	m.change(n.Hold, func(e *feed.Event) {
		if free(*e) {
			e.Import = n.Import.ID
		}
	})
	m.change(n.Release, func(e *feed.Event) { e.Import = "" })
	m.change(n.OneByOne, func(e *feed.Event) { e.Columns = 0 })
	if n.Import != nil {
		i, ok := m.imports[n.Import.ID]
		if !ok {
			i = *n.Import
		}
		i.Handle = n.Import.Handle
		m.imports[i.ID] = i
	}
	if i, ok := m.imports[n.End]; ok {
		delete(m.imports, n.End)
		m.change(ids(m.where(func(e feed.Event) bool { return e.Lane == i.Lane })), func(e *feed.Event) { e.Sent = false })
	}
}

func (m *model) page(p feed.Page) []feed.Event {
	list := m.where(func(e feed.Event) bool {
		return free(e) && !e.Sent && e.ID > p.After && (e.Urgent || !p.Urgent) && slices.Contains(p.Lanes, e.Lane)
	})
	list = list[:min(len(list), p.Limit)]
	for i := range list {
		list[i].Payload = nil
	}
	return list
}

// of lists at most limit events of each of the keys.
func (m *model) of(keys []feed.Key, limit int) []feed.Event {
	n := make(map[feed.Key]int)
	return m.where(func(e feed.Event) bool {
		if !slices.Contains(keys, e.Key) {
			return false
		}
		n[e.Key]++
		return n[e.Key] <= limit
	})
}

func (m *model) states(keys []feed.Key) map[feed.Key]feed.State {
	states := make(map[feed.Key]feed.State)
	for _, e := range m.of(keys, all) {
		s, known := states[e.Key]
		if !known {
			s.First, s.At = e.ID, e.At
		}
		if e.At.Before(s.At) {
			s.At = e.At
		}
		s.Held = s.Held || e.Import != ""
		states[e.Key] = s
	}
	return states
}

func (m *model) backlog() (list []feed.Backlog) {
	for _, e := range m.events {
		i := slices.IndexFunc(list, func(b feed.Backlog) bool { return b.Lane == e.Lane && b.Columns == e.Columns })
		if i < 0 {
			i = len(list)
			list = append(list, feed.Backlog{Lane: e.Lane, Columns: e.Columns})
		}
		b := &list[i]
		switch {
		case e.Parked != nil:
			b.Parked++
			continue
		case e.Import != "":
			b.Held++
		default:
			b.Pending++
		}
		if b.Oldest.IsZero() || e.At.Before(b.Oldest) {
			b.Oldest = e.At
		}
	}
	return list
}

// parked lists parked events.
func (m *model) parked(after int64, limit int) []feed.Event {
	list := m.where(func(e feed.Event) bool { return e.Parked != nil && e.ID > after })
	return list[:min(len(list), limit)]
}

// differ says how events differ, or nothing.
func differ(got, want []feed.Event) string {
	if slices.EqualFunc(got, want, sameEvent) {
		return ""
	}
	text := "got"
	for _, e := range got {
		text += "\n\t" + show(e)
	}
	text += "\nwant"
	for _, e := range want {
		text += "\n\t" + show(e)
	}
	return text
}
