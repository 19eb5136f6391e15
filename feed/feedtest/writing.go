package feedtest

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/actito-go/actito/feed"
)

var appending = []contractTest{
	{"adds an event as it was written", false, func(s *subject) {
		want := feed.Event{
			Lane: orders, Key: key("A_b-9"), Delete: true, Urgent: true, AtOnce: true, Columns: math.MinInt64 + 1,
			Parents: []feed.Key{key("z"), key("a")}, Payload: []byte("{\"row\":{\"name\":\"d'É\\u0000\"}}\n"), At: noon,
		}
		s.push(want)
		s.is(s.events(want.Key)[0], want)
		for _, flag := range []func(*feed.Event){
			func(e *feed.Event) { e.Delete = true }, func(e *feed.Event) { e.Urgent = true }, func(e *feed.Event) { e.AtOnce = true },
			func(e *feed.Event) { e.Columns = math.MaxInt64 }, func(e *feed.Event) { e.Columns = 1<<53 + 1 },
			func(e *feed.Event) { e.Parents = []feed.Key{key("a")} }, func(*feed.Event) {},
		} {
			want := with(changed("b"), flag)
			id := s.push(want)[0]
			s.is(s.event("b"), want)
			s.note(feed.Note{Remove: []int64{id}})
		}
	}},
	{"gives IDs that grow", false, func(s *subject) {
		last := int64(0)
		for range 3 {
			for _, id := range s.push(changed("a"), in(orders, changed("b")), changed("a")) {
				if id <= last {
					s.Fatalf("got ID %d after %d", id, last)
				}
				last = id
			}
		}
		s.note(feed.Note{Remove: ids(s.page())})
		if id := s.push(changed("a"))[0]; id <= last {
			s.Fatalf("got ID %d again, after %d was removed", id, last)
		}
	}},
	{"gives IDs in the order of a transaction", false, func(s *subject) {
		var events []feed.Event
		for i := range 20 {
			events = append(events, with(changed("a"), func(e *feed.Event) { e.Payload = fmt.Append(nil, i) }))
		}
		s.push(events...)
		for i, e := range s.events(key("a")) {
			s.is(e, events[i])
		}
	}},
	{"takes neither the ID nor what is noted later from the event", false, func(s *subject) {
		why := parked("400")
		first := s.push(changed("a"))[0]
		s.push(with(changed("b"), func(e *feed.Event) { e.ID, e.Import, e.Sent, e.Parked = first, "i", true, &why }))
		got := s.event("b")
		s.is(got, changed("b"))
		s.isPending(first, got.ID)
	}},
	{"keeps times to the microsecond", false, func(s *subject) {
		for i, at := range []time.Time{
			noon.Add(time.Microsecond), noon.Add(999 * time.Microsecond).UTC(), time.Unix(1, 0), time.Date(2200, 2, 29, 23, 59, 59, 999999000, time.UTC),
		} {
			want := with(changed(fmt.Sprint("a", i)), func(e *feed.Event) { e.At = at })
			s.push(want)
			s.is(s.event(fmt.Sprint("a", i)), want)
		}
	}},
	{"keeps any payload", false, func(s *subject) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for i, payload := range [][]byte{every, bytes.Repeat(every, 4096), {0}, []byte("it's")} {
			want := with(changed(fmt.Sprint("a", i)), func(e *feed.Event) { e.Payload = payload })
			s.push(want)
			s.is(s.event(fmt.Sprint("a", i)), want)
		}
	}},
	{"tells an empty payload from an erased one", false, func(s *subject) {
		want := with(changed("a"), func(e *feed.Event) { e.Payload = []byte{} })
		s.push(want)
		s.is(s.event("a"), want)
	}},
	{"keeps many parents in their order", false, func(s *subject) {
		want := changed("a")
		for i := range 50 {
			want.Parents = append(want.Parents, key(fmt.Sprint("p", (i*7)%50)))
		}
		s.push(want)
		s.is(s.event("a"), want)
	}},
	{"is seen once it is committed", false, func(s *subject) {
		tx := s.begin()
		s.write(tx, s.Append(changed("a")))
		s.isPending()
		s.same(ids(s.events(key("a"))), nil)
		s.ok(tx.Commit())
		s.isPending(s.event("a").ID)
	}},
	{"is undone with its transaction", false, func(s *subject) {
		tx := s.begin()
		s.write(tx, s.Append(changed("a")))
		s.ok(tx.Rollback())
		s.isPending()
		s.push(changed("a"))
		s.is(s.event("a"), changed("a"))
	}},
	{"becomes visible in any order", true, func(s *subject) {
		first, second := s.begin(), s.begin()
		s.write(first, s.Append(changed("a")))
		s.write(second, s.Append(changed("b")))
		s.ok(second.Commit())
		b := s.event("b").ID
		s.isPending(b)
		s.note(feed.Note{Remove: []int64{b}})
		s.ok(first.Commit())
		a := s.event("a").ID
		s.isPending(a)
	}},
}

var erasing = []contractTest{
	{"adds the delete", false, func(s *subject) {
		want := with(deleted("a"), func(e *feed.Event) { e.Parents = []feed.Key{key("p")} })
		id := s.erase(want)[0]
		s.is(s.event("a"), want)
		s.isPending(id)
	}},
	{"removes the pending events of its key only", false, func(s *subject) {
		s.push(changed("a"), changed("a"))
		others := s.push(changed("b"), changed("A"))
		id := s.erase(deleted("a"))[0]
		s.is(s.event("a"), deleted("a"))
		s.isPending(append(others, id)...)
	}},
	{"removes parked events", false, func(s *subject) {
		a := s.push(changed("a"))
		s.park(a[0], "400")
		s.erase(deleted("a"))
		s.is(s.event("a"), deleted("a"))
		s.isParked()
	}},
	{"removes sent events", false, func(s *subject) {
		s.note(feed.Note{Sent: s.push(changed("a"))})
		s.erase(deleted("a"))
		s.is(s.event("a"), deleted("a"))
	}},
	{"removes an earlier delete", false, func(s *subject) {
		s.erase(deleted("a"))
		id := s.erase(deleted("a"))[0]
		s.isPending(id)
	}},
	{"leaves what an import holds, without its payload", false, func(s *subject) {
		held := s.push(changed("a"), changed("a"))
		other := s.push(changed("b"))
		s.hold("i", append(held, other...)...)
		s.push(changed("a"))
		id := s.erase(deleted("a"))[0]
		events := s.events(key("a"))
		s.sameIDs(events, append(held, id))
		for _, e := range events[:2] {
			s.is(e, with(changed("a"), func(e *feed.Event) { e.Import, e.Payload = "i", nil }))
		}
		s.is(events[2], deleted("a"))
		s.is(s.event("b"), with(changed("b"), func(e *feed.Event) { e.Import = "i" }))
	}},
	{"removes what its transaction added before", false, func(s *subject) {
		tx := s.begin()
		s.write(tx, s.Append(changed("a")))
		s.write(tx, s.Erase(deleted("a"))...)
		s.write(tx, s.Append(changed("a")))
		s.ok(tx.Commit())
		events := s.events(key("a"))
		if len(events) != 2 {
			s.Fatalf("there are %d events, want 2", len(events))
		}
		s.is(events[0], deleted("a"))
		s.is(events[1], changed("a"))
	}},
	{"is seen once it is committed", false, func(s *subject) {
		id := s.push(changed("a"))[0]
		tx := s.begin()
		s.write(tx, s.Erase(deleted("a"))...)
		s.isPending(id)
		s.is(s.event("a"), changed("a"))
		s.ok(tx.Commit())
		s.is(s.event("a"), deleted("a"))
	}},
	{"is undone with its transaction", false, func(s *subject) {
		a, held := s.push(changed("a")), s.push(changed("b"))
		s.hold("i", held...)
		tx := s.begin()
		s.write(tx, s.Erase(deleted("a"))...)
		s.write(tx, s.Erase(deleted("b"))...)
		s.ok(tx.Rollback())
		s.isPending(a...)
		s.is(s.event("b"), with(changed("b"), func(e *feed.Event) { e.Import = "i" }))
	}},
	{"keeps no note waiting", true, func(s *subject) {
		for name, end := range map[string]func(Transaction) error{"a": Transaction.Commit, "b": Transaction.Rollback} {
			pending := s.push(changed(name), changed("of "+name))
			s.take("test")
			tx := s.begin()
			s.write(tx, s.Erase(deleted(name))...)
			s.note(feed.Note{Remove: pending})
			s.same(ids(s.events(key("of "+name))), nil)
			s.ok(end(tx))
		}
		s.is(s.event("a"), deleted("a"))
	}},
}
