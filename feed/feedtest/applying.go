package feedtest

import (
	"fmt"
	"time"

	"github.com/actito-go/actito/feed"
)

var applying = []contractTest{
	{"removes what was delivered", false, func(s *subject) {
		id := s.push(changed("a"), changed("a"), changed("b"))
		s.hold("i", id[2])
		s.note(feed.Note{Remove: []int64{id[0], id[2]}})
		s.isPending(id[1])
		s.isHeld("i")
	}},
	{"parks pending events", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.note(feed.Note{Park: map[int64]feed.Parked{id[0]: parked("400"), id[1]: {Code: "R", At: noon.Add(time.Microsecond)}}})
		s.isPending()
		s.isParked(id...)
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { p := parked("400"); e.Parked = &p }))
		s.is(s.event("b"), with(changed("b"), func(e *feed.Event) { e.Parked = &feed.Parked{Code: "R", At: noon.Add(time.Microsecond)} }))
	}},
	{"parks what an import holds, and it holds it no more", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.hold("i", id...)
		s.park(id[0], "400")
		s.isHeld("i", id[1])
		s.isParked(id[0])
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { p := parked("400"); e.Parked = &p }))
	}},
	{"parks again with another reason", false, func(s *subject) {
		id := s.push(changed("a"))
		s.park(id[0], "400")
		s.park(id[0], "409")
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { p := parked("409"); e.Parked = &p }))
	}},
	{"notes what was sent", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.note(feed.Note{Sent: id[:1]})
		s.isPending(id[1])
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { e.Sent = true }))
	}},
	{"holds by an import", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.hold("i", id[0])
		s.isPending(id[1])
		s.isHeld("i", id[0])
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { e.Import = "i" }))
	}},
	{"holds more by the same import", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.hold("i", id[0])
		s.hold("i", id[1])
		s.isHeld("i", id...)
	}},
	{"holds nothing that another import holds", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.hold("i", id[0])
		s.hold("j", id...)
		s.isHeld("i", id[0])
		s.isHeld("j", id[1])
	}},
	{"holds nothing that is parked", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.park(id[0], "400")
		s.hold("i", id...)
		s.isHeld("i", id[1])
		s.isParked(id[0])
	}},
	{"releases what an import holds", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"), changed("c"))
		s.hold("i", id[:2]...)
		s.note(feed.Note{Release: []int64{id[0], id[2]}})
		s.isPending(id[0], id[2])
		s.isHeld("i", id[1])
		s.hold("j", id[0])
		s.isHeld("j", id[0])
	}},
	{"puts events one by one", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.note(feed.Note{OneByOne: id[:1]})
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { e.Columns = 0 }))
		s.is(s.event("b"), changed("b"))
		s.isPending(id...)
	}},
	{"releases one by one", false, func(s *subject) {
		id := s.push(changed("a"))
		s.hold("i", id...)
		s.note(feed.Note{Release: id, OneByOne: id, End: "i"})
		s.is(s.event("a"), with(changed("a"), func(e *feed.Event) { e.Columns = 0 }))
		s.isPending(id...)
	}},
	{"skips what is gone", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		gone := id[:1]
		s.note(feed.Note{Remove: gone})
		s.note(feed.Note{
			Remove: gone, Park: map[int64]feed.Parked{gone[0]: parked("400")}, Sent: gone, Hold: gone, Release: gone, OneByOne: gone,
			Import: &feed.Import{ID: "i", Lane: people, At: noon},
		})
		s.same(ids(s.events(key("a"))), nil)
		s.isHeld("i")
		s.isParked()
		s.note(feed.Note{Remove: []int64{gone[0], id[1], id[1] + 1000}})
		s.isPending()
	}},
	{"notes all fields together", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"), changed("c"), changed("d"), changed("e"), changed("f"), changed("g"))
		s.hold("i", id[4])
		s.note(feed.Note{Sent: id[6:]})
		s.note(feed.Note{
			Remove: id[:1], Park: map[int64]feed.Parked{id[1]: parked("400")}, Hold: id[3:4], Release: id[4:5], OneByOne: id[5:6],
			Import: &feed.Import{ID: "j", Lane: people, At: noon}, End: "i",
		})
		s.isPending(id[2], id[4], id[5], id[6])
		s.isParked(id[1])
		s.isHeld("j", id[3])
		s.isHeld("i")
		s.is(s.event("f"), with(changed("f"), func(e *feed.Event) { e.Columns = 0 }))
		s.imports("j")
	}},
	{"notes 1,000 IDs in any field", false, func(s *subject) {
		var events []feed.Event
		for i := range 1001 {
			events = append(events, changed(fmt.Sprint(i)))
		}
		id := s.push(events...)
		many, rest := id[:1000], id[1000]
		s.hold("i", many...)
		s.isHeld("i", many...)
		s.note(feed.Note{Release: many})
		s.isPending(id...)
		s.note(feed.Note{OneByOne: many})
		s.is(s.event("999"), with(changed("999"), func(e *feed.Event) { e.Columns = 0 }))
		s.note(feed.Note{Sent: many})
		s.isPending(rest)
		park := make(map[int64]feed.Parked)
		for _, i := range many {
			park[i] = parked(fmt.Sprint("code ", i))
		}
		s.note(feed.Note{Park: park})
		s.isParked(many...)
		for _, i := range []int{0, 999} {
			if e := s.event(fmt.Sprint(i)); e.Parked.Code != fmt.Sprint("code ", id[i]) {
				s.Fatalf("event %d has the reason of another one: %s", e.ID, show(e))
			}
		}
		s.note(feed.Note{Remove: many})
		s.isParked()
		s.isPending(rest)
	}},
}

var importing = []contractTest{
	{"is none at first", false, func(s *subject) { s.imports() }},
	{"is kept as it was added", false, func(s *subject) {
		for _, want := range []feed.Import{
			{ID: "i", Lane: people, At: noon},
			{ID: "j", Lane: orders, At: noon.Add(time.Microsecond), Handle: []byte("{\"a\":\"é\\\\\"}")},
			{ID: "k's", Lane: people, At: noon, Handle: []byte{0, 255}},
		} {
			s.note(feed.Note{Import: &want})
			s.imported(want)
		}
		s.imports("i", "j", "k's")
	}},
	{"has its handle changed, and no more", false, func(s *subject) {
		i := feed.Import{ID: "i", Lane: people, At: noon}
		other := feed.Import{ID: "j", Lane: people, At: noon}
		s.note(feed.Note{Import: &i})
		s.note(feed.Note{Import: &other})
		for _, handle := range []string{"one", "two"} {
			i.Handle = []byte(handle)
			s.note(feed.Note{Import: &i})
			s.imported(i)
			s.imported(other)
		}
		s.note(feed.Note{Import: &feed.Import{ID: "i", Lane: orders, At: noon.Add(time.Hour), Handle: []byte("three")}})
		s.imported(feed.Import{ID: "i", Lane: people, At: noon, Handle: []byte("three")})
	}},
	{"is forgotten once it ended", false, func(s *subject) {
		s.hold("i")
		s.hold("j")
		s.note(feed.Note{End: "i"})
		s.imports("j")
		s.note(feed.Note{End: "i"})
		s.imports("j")
	}},
	{"releases what it holds when it ends", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"))
		s.hold("i", id[0])
		s.hold("j", id[1])
		s.note(feed.Note{End: "i"})
		s.isPending(id[0])
		s.isHeld("j", id[1])
	}},
	{"makes what was sent in its lane pending again when it ends", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"), in(orders, changed("c")))
		s.hold("i")
		s.note(feed.Note{Sent: id})
		s.isPending()
		s.note(feed.Note{End: "i"})
		s.isPending(id[:2]...)
		s.is(s.event("a"), changed("a"))
		s.is(s.event("c"), with(in(orders, changed("c")), func(e *feed.Event) { e.Sent = true }))
	}},
	{"leaves other imports and what they hold when it ends", false, func(s *subject) {
		id := s.push(changed("a"))
		s.hold("j", id...)
		s.hold("i")
		s.note(feed.Note{End: "i"})
		s.isHeld("j", id...)
		s.imports("j")
	}},
	{"changes nothing if it ends and is unknown", false, func(s *subject) {
		id := s.push(changed("a"))
		s.hold("j")
		s.note(feed.Note{Sent: id})
		s.note(feed.Note{End: "i"})
		s.isPending()
		s.imports("j")
	}},
	{"ends with what it delivered and what it parked", false, func(s *subject) {
		id := s.push(changed("a"), changed("b"), changed("c"))
		s.hold("i", id[:2]...)
		s.note(feed.Note{Sent: id[2:]})
		s.note(feed.Note{Remove: id[:1], Park: map[int64]feed.Parked{id[1]: parked("E")}, End: "i"})
		s.imports()
		s.isHeld("i")
		s.isParked(id[1])
		s.isPending(id[2])
	}},
}

// imports checks which imports have not ended.
func (s *subject) imports(want ...string) {
	s.Helper()
	list, err := s.Imports(s.Context())
	s.ok(err)
	got := make(map[string]bool)
	for _, i := range list {
		got[i.ID] = true
	}
	missing := len(want)
	for _, w := range want {
		if got[w] {
			missing--
		}
	}
	if missing > 0 || len(list) != len(want) {
		s.Fatalf("got the imports %+v, want %q", list, want)
	}
}

// imported checks an import.
func (s *subject) imported(want feed.Import) {
	s.Helper()
	list, err := s.Imports(s.Context())
	s.ok(err)
	for _, got := range list {
		if got.ID == want.ID {
			if !sameImport(got, want) {
				s.Fatalf("got  %+v\nwant %+v", got, want)
			}
			return
		}
	}
	s.Fatalf("there is no import %q", want.ID)
}

func sameImport(a, b feed.Import) bool {
	return a.ID == b.ID && a.Lane == b.Lane && a.At.Equal(b.At) && (a.Handle == nil) == (b.Handle == nil) && string(a.Handle) == string(b.Handle)
}
