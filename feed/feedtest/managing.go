package feedtest

import (
	"context"
	"slices"
	"time"

	"github.com/actito-go/actito/feed"
)

// counts checks the backlog.
func (s *subject) counts(want ...feed.Backlog) {
	s.Helper()
	got, err := s.Backlog(s.Context())
	s.ok(err)
	if !sameBacklog(got, want) {
		s.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// sameBacklog compares in any order.
func sameBacklog(a, b []feed.Backlog) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y feed.Backlog) bool {
			same := x.Oldest.Equal(y.Oldest)
			y.Oldest = x.Oldest
			return same && x == y
		}) {
			return false
		}
	}
	return true
}

// minute is when events of tests are written.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func at(n int, e feed.Event) feed.Event {
	e.At = minute(n)
	return e
}

var counting = []contractTest{
	{"is empty at first", false, func(s *subject) { s.counts() }},
	{"counts by lane and columns", false, func(s *subject) {
		wide := func(e feed.Event) feed.Event { e.Columns = 9; return e }
		id := s.push(at(3, changed("a")), at(1, changed("b")), at(2, wide(changed("c"))), at(4, in(orders, changed("d"))), at(5, deleted("e")))
		s.counts(
			feed.Backlog{Lane: people, Columns: 7, Pending: 2, Oldest: minute(1)}, feed.Backlog{Lane: people, Columns: 9, Pending: 1, Oldest: minute(2)},
			feed.Backlog{Lane: orders, Columns: 7, Pending: 1, Oldest: minute(4)}, feed.Backlog{Lane: people, Columns: 0, Pending: 1, Oldest: minute(5)},
		)
		s.note(feed.Note{OneByOne: id[1:2], Remove: id[2:4]})
		s.counts(
			feed.Backlog{Lane: people, Columns: 7, Pending: 1, Oldest: minute(3)},
			feed.Backlog{Lane: people, Columns: 0, Pending: 2, Oldest: minute(1)},
		)
		s.note(feed.Note{Remove: id})
		s.counts()
	}},
	{"counts what is pending, held and parked", false, func(s *subject) {
		id := s.push(at(1, changed("a")), at(2, changed("b")), at(3, changed("c")), at(4, changed("d")), at(5, changed("e")), at(6, changed("f")))
		s.hold("i", id[1:3]...)
		s.park(id[0], "400")
		s.counts(feed.Backlog{Lane: people, Columns: 7, Pending: 3, Held: 2, Parked: 1, Oldest: minute(2)})
		s.note(feed.Note{Remove: id[1:3]})
		s.counts(feed.Backlog{Lane: people, Columns: 7, Pending: 3, Parked: 1, Oldest: minute(4)})
	}},
	{"counts what was sent as pending", false, func(s *subject) {
		id := s.push(at(1, changed("a")), at(2, changed("b")))
		s.note(feed.Note{Sent: id[:1]})
		s.counts(feed.Backlog{Lane: people, Columns: 7, Pending: 2, Oldest: minute(1)})
	}},
	{"has no oldest event if all are parked", false, func(s *subject) {
		s.park(s.push(changed("a"))[0], "400")
		s.counts(feed.Backlog{Lane: people, Columns: 7, Parked: 1})
	}},
}

// finds checks what Unpark or Discard found.
func (s *subject) finds(method func(context.Context, int64) (bool, error), id int64, want bool) {
	s.Helper()
	found, err := method(s.Context(), id)
	s.ok(err)
	if found != want {
		s.Fatalf("event %d was found: %t, want %t", id, found, want)
	}
}

var parking = []contractTest{
	{"is read whole, by ID, after one and at most the limit", false, func(s *subject) {
		id := s.push(changed("b"), in(orders, changed("a")), changed("c"), changed("d"))
		for _, i := range []int{3, 0, 1} {
			s.park(id[i], "400")
		}
		reason := parked("400")
		events, err := s.Parked(s.Context(), 0, all)
		s.ok(err)
		s.sameIDs(events, []int64{id[0], id[1], id[3]})
		s.is(events[1], with(in(orders, changed("a")), func(e *feed.Event) { e.Parked = &reason }))
		events, err = s.Parked(s.Context(), id[0], 1)
		s.ok(err)
		s.sameIDs(events, id[1:2])
		events, err = s.Parked(s.Context(), id[1], 2)
		s.ok(err)
		s.sameIDs(events, id[3:])
		events, err = s.Parked(s.Context(), id[3], all)
		s.ok(err)
		s.sameIDs(events, nil)
	}},
	{"is pending again once it is unparked", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.hold("i", id[0])
		s.note(feed.Note{Sent: id[:1]})
		s.park(id[0], "400")
		s.park(id[1], "400")
		s.finds(s.Unpark, id[0], true)
		s.isPending(id[0])
		s.is(s.event("a"), changed("a"))
		s.isParked(id[1])
		s.finds(s.Unpark, id[0], false)
	}},
	{"is gone once it is discarded", false, func(s *subject) {
		id := s.push(changed("a"), changed("a"))
		s.park(id[0], "400")
		s.park(id[1], "400")
		s.finds(s.Discard, id[0], true)
		s.isParked(id[1])
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { p := parked("400"); e.Parked = &p }))
		s.finds(s.Discard, id[0], false)
	}},
	{"is not what is pending, held, sent or unknown", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"), changed("c"), changed("d"))
		s.hold("i", id[1])
		s.note(feed.Note{Sent: id[2:3], Remove: id[3:]})
		for _, i := range id {
			s.finds(s.Unpark, i, false)
			s.finds(s.Discard, i, false)
		}
		s.isPending(id[0])
		s.isHeld("i", id[1])
		s.is(s.event("c"), with(changed("c"), func(e *feed.Event) { e.Sent = true }))
	}},
}
