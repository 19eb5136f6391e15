package feedtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/actito-go/actito/feed"
)

// pages checks a page of both lanes that is changed.
func (s *subject) pages(change func(*feed.Page), want ...int64) {
	s.Helper()
	p := feed.Page{Lanes: []string{people, orders}, Limit: all}
	change(&p)
	events, err := s.Page(s.Context(), p)
	s.ok(err)
	s.sameIDs(events, want)
}

var paging = []contractTest{
	{"is empty at first", false, func(s *subject) { s.isPending() }},
	{"has events in the order of their IDs", false, func(s *subject) {
		older := with(changed("a"), func(e *feed.Event) { e.Urgent, e.At = true, noon.Add(-time.Hour) })
		id := s.push(changed("c"), in(orders, changed("b")), older, in(orders, changed("c")))
		s.isPending(id...)
		s.hold("i", id[0], id[2])
		s.note(feed.Note{Release: []int64{id[0]}})
		s.note(feed.Note{Release: []int64{id[2]}})
		s.isPending(id...)
	}},
	{"comes without payloads, and with all else", false, func(s *subject) {
		want := feed.Event{
			Lane: people, Key: key("a"), Delete: true, Urgent: true, AtOnce: true, Columns: 5,
			Parents: []feed.Key{key("x"), key("y")}, Payload: []byte("row"), At: noon,
		}
		s.push(want)
		want.Payload = nil
		s.is(s.page()[0], want)
	}},
	{"leaves out what is held, parked or sent", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"), changed("c"), changed("d"))
		s.hold("i", id[0])
		s.note(feed.Note{Park: map[int64]feed.Parked{id[1]: parked("400")}, Sent: id[2:3]})
		s.isPending(id[3])
	}},
	{"has only its lanes", false, func(s *subject) {
		id := s.push(changed("a"), in(orders, changed("b")), in("records:Shop/Lines", changed("c")))
		s.pages(func(p *feed.Page) { p.Lanes = []string{orders} }, id[1])
		s.pages(func(p *feed.Page) { p.Lanes = []string{orders, people, "records:Shop/Nothing"} }, id[:2]...)
		s.pages(func(p *feed.Page) { p.Lanes = []string{"Records:shop/orders"} })
	}},
	{"is empty without lanes", false, func(s *subject) {
		s.push(changed("a"))
		s.pages(func(p *feed.Page) { p.Lanes = nil })
	}},
	{"has only urgent events, or all", false, func(s *subject) {
		urgent := with(changed("b"), func(e *feed.Event) { e.Urgent = true })
		atOnce := with(changed("c"), func(e *feed.Event) { e.AtOnce = true })
		id := s.push(changed("a"), urgent, atOnce, in(orders, deleted("d")))
		s.pages(func(p *feed.Page) { p.Urgent = true }, id[1], id[3])
		s.pages(func(p *feed.Page) { p.Urgent, p.Lanes = true, []string{people} }, id[1])
		s.isPending(id...)
	}},
	{"begins after an ID, also of one that is gone", false, func(s *subject) {
		id := s.push(changed("a"), in(orders, changed("b")), changed("c"), changed("d"))
		s.pages(func(p *feed.Page) { p.After = id[1] }, id[2:]...)
		s.note(feed.Note{Remove: id[2:3]})
		s.pages(func(p *feed.Page) { p.After = id[2] }, id[3])
		s.pages(func(p *feed.Page) { p.After = id[3] })
	}},
	{"has at most its limit", false, func(s *subject) {
		id := s.push(changed("a"), in(orders, changed("b")), in(orders, changed("c")), changed("d"), deleted("e"))
		s.pages(func(p *feed.Page) { p.Limit = 1 }, id[0])
		s.pages(func(p *feed.Page) { p.Limit = 3 }, id[:3]...)
		s.pages(func(p *feed.Page) { p.Limit, p.After = 2, id[1] }, id[2:4]...)
		s.pages(func(p *feed.Page) { p.Limit, p.Urgent = 1, true }, id[4])
	}},
}

var reading = []contractTest{
	{"are none of keys that have none", false, func(s *subject) {
		s.push(changed("a"))
		s.same(ids(s.events(key("b"))), nil)
		s.same(ids(s.events()), nil)
		s.same(ids(s.events(key("A"))), nil)
	}},
	{"are whole, in any state, by their IDs", false, func(s *subject) {
		id := s.push(changed("b"), changed("a"), changed("b"), changed("a"), changed("c"), changed("b"))
		s.hold("i", id[0])
		s.note(feed.Note{Park: map[int64]feed.Parked{id[1]: parked("400")}, Sent: id[2:3]})
		events := s.events(key("a"), key("b"))
		s.sameIDs(events, []int64{id[0], id[1], id[2], id[3], id[5]})
		reason := parked("400")
		s.is(events[0], with(changed("b"), func(e *feed.Event) { e.Import = "i" }))
		s.is(events[1], with(changed("a"), func(e *feed.Event) { e.Parked = &reason }))
		s.is(events[2], with(changed("b"), func(e *feed.Event) { e.Sent = true }))
		s.is(events[3], changed("a"))
	}},
	{"are at most the limit of each key: its oldest", false, func(s *subject) {
		id := s.push(changed("a"), changed("a"), changed("a"), changed("b"), changed("b"), changed("c"), changed("a"))
		for limit, want := range map[int][]int64{
			1: {id[0], id[3], id[5]},
			2: {id[0], id[1], id[3], id[4], id[5]},
			4: id,
		} {
			events, err := s.Events(s.Context(), []feed.Key{key("c"), key("a"), key("b")}, limit)
			s.ok(err)
			s.sameIDs(events, want)
		}
	}},
	{"are read of 1,000 keys", false, func(s *subject) {
		var events []feed.Event
		var keys []feed.Key
		for i := range 1000 {
			events = append(events, changed(fmt.Sprint(i)))
			keys = append(keys, events[i].Key)
		}
		id := s.push(events...)
		s.sameIDs(s.events(keys...), id)
		states, err := s.States(s.Context(), keys)
		s.ok(err)
		if len(states) != len(keys) {
			s.Fatalf("got the states of %d keys, want %d", len(states), len(keys))
		}
	}},
}

// tells checks the states of the keys a, b and c.
func (s *subject) tells(want map[feed.Key]feed.State) {
	s.Helper()
	got, err := s.States(s.Context(), []feed.Key{key("a"), key("b"), key("c")})
	s.ok(err)
	if showStates(got) != showStates(want) {
		s.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// showStates shows times in one zone.
func showStates(states map[feed.Key]feed.State) string {
	shown := make(map[feed.Key]feed.State, len(states))
	for key, s := range states {
		s.At = s.At.UTC()
		shown[key] = s
	}
	return fmt.Sprint(shown)
}

var states = []contractTest{
	{"are none of keys that have no events", false, func(s *subject) {
		s.push(changed("d"))
		s.tells(nil)
		none, err := s.States(s.Context(), nil)
		s.ok(err)
		if len(none) > 0 {
			s.Fatalf("got the states %+v of no keys", none)
		}
	}},
	{"tell of events in any state, and of those that an import holds", false, func(s *subject) {
		earlier := with(changed("a"), func(e *feed.Event) { e.At = noon.Add(-time.Minute) })
		id := s.push(changed("a"), earlier, changed("b"), changed("c"))
		free := func(i int) feed.State { return feed.State{First: id[i], At: noon} }
		held := feed.State{First: id[0], At: noon.Add(-time.Minute), Held: true}
		s.tells(map[feed.Key]feed.State{key("a"): {First: id[0], At: noon.Add(-time.Minute)}, key("b"): free(2), key("c"): free(3)})
		s.hold("i", id[1])
		s.tells(map[feed.Key]feed.State{key("a"): held, key("b"): free(2), key("c"): free(3)})
		s.note(feed.Note{Park: map[int64]feed.Parked{id[2]: parked("400")}, Sent: id[3:]})
		s.tells(map[feed.Key]feed.State{key("a"): held, key("b"): free(2), key("c"): free(3)})
		s.note(feed.Note{Remove: []int64{id[1], id[3]}})
		s.tells(map[feed.Key]feed.State{key("a"): free(0), key("b"): free(2)})
	}},
}

// holds reads what an import holds, in parts.
func (s *subject) holds(importID string, limit int) (events []feed.Event) {
	s.Helper()
	after := feed.Event{}
	for {
		part, err := s.Held(s.Context(), importID, after, limit)
		s.ok(err)
		if len(part) > limit {
			s.Fatalf("got %d events, the limit is %d", len(part), limit)
		}
		if len(part) == 0 {
			return events
		}
		if events = append(events, part...); len(events) > all {
			s.Fatalf("the same events come again and again")
		}
		after = part[len(part)-1]
	}
}

var holding = []contractTest{
	{"is nothing of an unknown import", false, func(s *subject) {
		s.hold("i", s.push(changed("a"))...)
		s.isHeld("j")
		s.isHeld("")
		s.isHeld("I")
	}},
	{"comes whole, by key and ID", false, func(s *subject) {
		var events []feed.Event
		for round := range 3 {
			for _, name := range []string{"b", "B", "_", "a", "-", "9", "A", "ab"} {
				events = append(events, with(changed(name), func(e *feed.Event) { e.Payload = fmt.Append(nil, name, round) }))
			}
		}
		id := s.push(events...)
		other := s.push(changed("a"), changed("c"))
		s.hold("i", id...)
		s.hold("j", other[0])
		whole := s.holds("i", all)
		got := ids(whole)
		slices.Sort(got)
		s.same(got, id)
		seen := make(map[feed.Key]bool)
		for n, e := range whole {
			s.is(e, with(events[slices.Index(id, e.ID)], func(e *feed.Event) { e.Import = "i" }))
			same := n > 0 && whole[n-1].Key == e.Key
			if same && whole[n-1].ID >= e.ID || !same && seen[e.Key] {
				s.Fatalf("event %d is not by key and ID: %d", e.ID, ids(whole))
			}
			seen[e.Key] = true
		}
		for limit := 1; limit < 6; limit++ {
			s.sameIDs(s.holds("i", limit), ids(whole))
		}
	}},
	{"goes on after an event that is gone", false, func(s *subject) {
		id := s.push(changed("a"), changed("a"), changed("b"))
		s.hold("i", id...)
		first, err := s.Held(s.Context(), "i", feed.Event{}, 2)
		s.ok(err)
		s.sameIDs(first, id[:2])
		s.note(feed.Note{Remove: id[:2]})
		rest, err := s.Held(s.Context(), "i", first[1], 2)
		s.ok(err)
		s.sameIDs(rest, id[2:])
	}},
}
