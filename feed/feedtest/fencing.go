package feedtest

import (
	"fmt"
	"time"

	"github.com/actito-go/actito/feed"
)

var leasing = []contractTest{
	{"is nobody's at first", false, func(s *subject) {
		l, err := s.Lease(s.Context())
		s.ok(err)
		if l.Holder != "" {
			s.Fatalf("the lease of an empty outbox is %+v", l)
		}
	}},
	{"has the holder who took it", false, func(s *subject) {
		l := s.take("pod's é")
		if l.Holder != "pod's é" {
			s.Fatalf("took %+v", l)
		}
		s.leased(l)
	}},
	{"has a greater fence with every holder", false, func(s *subject) {
		first, err := s.Lease(s.Context())
		s.ok(err)
		last := first.Fence
		for _, holder := range []string{"one", "two", "two"} {
			l := s.take(holder)
			if l.Fence != last+1 {
				s.Fatalf("got fence %d after %d, want the next one", l.Fence, last)
			}
			last = l.Fence
		}
		s.ok(s.Release(s.Context(), last))
		if l := s.take("three"); l.Fence != last+1 {
			s.Fatalf("got fence %d after %d was released, want the next one", l.Fence, last)
		}
	}},
	{"is taken only as it was seen", false, func(s *subject) {
		seen := s.take("one")
		for name, other := range map[string]feed.Lease{
			"fence":  {Fence: seen.Fence - 1, Beat: seen.Beat, Holder: seen.Holder},
			"beat":   {Fence: seen.Fence, Beat: seen.Beat - 1, Holder: seen.Holder},
			"holder": {Fence: seen.Fence, Beat: seen.Beat, Holder: ""},
		} {
			if _, err := s.Take(s.Context(), other, "two"); err == nil {
				s.Errorf("it was taken although it has another %s", name)
				return
			} else {
				s.lost(err)
			}
			s.leased(seen)
		}
	}},
	{"is not taken from a holder who gave a sign of life", false, func(s *subject) {
		seen := s.take("one")
		s.note(feed.Note{})
		_, err := s.Take(s.Context(), seen, "two")
		s.lost(err)
		s.note(feed.Note{})
	}},
	{"is taken once of all who saw it", false, func(s *subject) {
		seen, err := s.Lease(s.Context())
		s.ok(err)
		taken, err := s.Take(s.Context(), seen, "one")
		s.ok(err)
		_, err = s.Take(s.Context(), seen, "two")
		s.lost(err)
		s.leased(taken)
	}},
	{"is given back", false, func(s *subject) {
		l := s.take("one")
		s.ok(s.Release(s.Context(), l.Fence))
		after, err := s.Lease(s.Context())
		s.ok(err)
		if after.Holder != "" || after.Fence != l.Fence {
			s.Fatalf("the lease is %+v after %+v was released", after, l)
		}
		_, err = s.Take(s.Context(), l, "two")
		s.lost(err)
	}},
	{"stays with a later holder", false, func(s *subject) {
		old := s.take("one")
		l := s.take("two")
		s.ok(s.Release(s.Context(), old.Fence))
		s.leased(l)
	}},
	{"has a greater beat with every note", false, func(s *subject) {
		l := s.take("one")
		for range 3 {
			s.note(feed.Note{})
			next, err := s.Lease(s.Context())
			s.ok(err)
			if next.Beat <= l.Beat || next.Fence != l.Fence || next.Holder != l.Holder {
				s.Fatalf("the lease is %+v after %+v and a note", next, l)
			}
			l = next
		}
	}},
}

// fencing tries every field of a note with a fence that is not the lease's. Nothing may change.
var fencing = func() (tests []contractTest) {
	for _, tt := range []struct {
		name string
		note func(pending, held, parked, sent int64) feed.Note
	}{
		{"counts no beat", func(_, _, _, _ int64) feed.Note { return feed.Note{} }},
		{"removes nothing", func(pending, held, parked, sent int64) feed.Note {
			return feed.Note{Remove: []int64{pending, held, parked, sent}}
		}},
		{"parks nothing", func(pending, held, parkedID, sent int64) feed.Note {
			return feed.Note{Park: map[int64]feed.Parked{pending: parked("409"), held: parked("409"), parkedID: parked("409"), sent: parked("409")}}
		}},
		{"sends nothing", func(pending, _, _, _ int64) feed.Note { return feed.Note{Sent: []int64{pending}} }},
		{"holds nothing", func(pending, _, _, _ int64) feed.Note {
			return feed.Note{Hold: []int64{pending}, Import: &feed.Import{ID: "j", Lane: people, At: noon}}
		}},
		{"releases nothing", func(_, held, _, _ int64) feed.Note { return feed.Note{Release: []int64{held}} }},
		{"changes no columns", func(pending, _, _, _ int64) feed.Note { return feed.Note{OneByOne: []int64{pending}} }},
		{"adds no import", func(_, _, _, _ int64) feed.Note {
			return feed.Note{Import: &feed.Import{ID: "j", Lane: people, At: noon}}
		}},
		{"changes no handle", func(_, _, _, _ int64) feed.Note {
			return feed.Note{Import: &feed.Import{ID: "i", Lane: people, At: noon, Handle: []byte("other")}}
		}},
		{"ends no import", func(_, _, _, _ int64) feed.Note { return feed.Note{End: "i"} }},
	} {
		tests = append(tests, contractTest{tt.name, false, func(s *subject) {
			id := s.push(changed("a"), changed("b"), changed("c"), changed("d"))
			s.hold("i", id[1])
			s.park(id[2], "400")
			s.note(feed.Note{Sent: id[3:], Import: &feed.Import{ID: "i", Lane: people, Handle: []byte("handle")}})
			old := s.lease
			l := s.take("later")
			before := s.look(id)
			for _, fence := range []int64{old.Fence, l.Fence + 1, 0} {
				s.lost(s.Apply(s.Context(), fence, tt.note(id[0], id[1], id[2], id[3])))
				s.leased(l)
				if after := s.look(id); after != before {
					s.Fatalf("before:\n%s\nafter:\n%s", before, after)
				}
			}
		}})
	}
	return tests
}()

// look prints all that an outbox holds of the keys a, b, c and d.
func (s *subject) look(id []int64) string {
	s.Helper()
	all := fmt.Sprintln(id)
	for _, e := range s.events(key("a"), key("b"), key("c"), key("d")) {
		e.At = e.At.UTC()
		if e.Parked != nil {
			e.Parked.At = e.Parked.At.UTC()
		}
		all += show(e) + "\n"
	}
	imports, err := s.Imports(s.Context())
	s.ok(err)
	for _, i := range imports {
		all += fmt.Sprintf("import %s of %s, %s, %q\n", i.ID, i.Lane, i.At.UTC().Format(time.RFC3339Nano), i.Handle)
	}
	return all
}
