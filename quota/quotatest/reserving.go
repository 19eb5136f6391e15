package quotatest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actito-go/actito"
)

var reserving = []contractTest{
	{"books one unit in each bucket", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1", "2")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.booked("1", 0, 2)
		s.booked("2", 0, 1)
	}},
	{"books all or none", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.full(s.reserve(s.ask("c", "2", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
		s.booked("2", 0, 0)
		s.ok(s.reserve(s.ask("c", "2")))
	}},
	{"books one unit of a table that is named twice", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1", "1")))
		s.booked("1", 0, 1)
	}},
	{"names the first bucket that is used up", false, func(s *subject) {
		for _, id := range []string{"a", "b"} {
			s.ok(s.reserve(s.ask(id, "1", "2")))
		}
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Used("x")))
		s.full(s.reserve(s.ask("c", "3", "2", "1")), actito.QuotaError{Table: "2", Limit: 2, Used: 1, Held: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"leaves of the limit what is not for it", false, func(s *subject) {
		keeps := func(id string) actito.Reservation {
			r := s.ask(id, "1")
			r.Buckets[0].Keep = 1
			return r
		}
		s.ok(s.reserve(keeps("a")))
		s.full(s.reserve(keeps("b")), actito.QuotaError{Table: "1", Limit: 2, Held: 1, Kept: 1, ResetAt: s.ask("").ResetAt})
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
		s.ok(s.reserve(s.ask("b", "1")))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
	}},
	{"tells when it has one of 24 hours, beside what is not for it", true, func(s *subject) {
		ask := func(id string, keep int) actito.Reservation {
			r := s.askRolling(id, "1")
			r.Buckets[0].Limit, r.Buckets[0].Keep = 3, keep
			return r
		}
		for i, id := range []string{"a", "b", "c"} {
			s.after(time.Duration(i) * time.Hour)
			s.uses(ask(id, 0), id)
		}
		s.full(s.reserve(ask("d", 0)), actito.QuotaError{Table: "1", Limit: 3, Used: 3, ResetAt: s.start.Add(24 * time.Hour)})
		s.full(s.reserve(ask("d", 1)), actito.QuotaError{Table: "1", Limit: 3, Used: 3, Kept: 1, ResetAt: s.start.Add(25 * time.Hour)})
		s.sees(actito.Usage{Table: "1", Limit: 3, Used: 3, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(24 * time.Hour)
		s.full(s.reserve(ask("d", 1)), actito.QuotaError{Table: "1", Limit: 3, Used: 2, Kept: 1, ResetAt: s.start.Add(25 * time.Hour)})
		s.after(25 * time.Hour)
		s.ok(s.reserve(ask("d", 1)))
	}},
	{"keeps its own copy of the buckets", false, func(s *subject) {
		r := s.ask("a", "1")
		s.ok(s.reserve(r))
		r.Buckets[0].Name = s.licence + "2"
		s.booked("1", 0, 1)
	}},
	{"refuses an ID that is in the books", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		if s.reserve(s.ask("a", "2")) == nil {
			s.Fatal("booked one ID twice")
		}
		s.booked("1", 0, 1)
		s.booked("2", 0, 0)
	}},
	{"frees a reservation with its lease", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.after(10*time.Minute - moment)
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
		s.after(10 * time.Minute)
		s.ok(s.reserve(s.ask("c", "1")))
		s.booked("1", 0, 1)
	}},
}

var windows = []contractTest{
	{"count what was booked from the start of the day", true, func(s *subject) {
		s.after(midnight - moment)
		s.ok(s.reserve(s.ask("yesterday", "1")))
		s.ok(s.settle("yesterday", actito.Used("x")))
		s.after(midnight)
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(midnight + 24*time.Hour)})
	}},
	{"count what was booked in the last 24 hours", true, func(s *subject) {
		s.ok(s.reserve(s.askRolling("a", "1")))
		s.ok(s.settle("a", actito.Used("x")))
		s.after(time.Hour)
		s.ok(s.reserve(s.askRolling("b", "1")))
		s.ok(s.settle("b", actito.Held()))
		s.after(24*time.Hour - moment)
		s.full(s.reserve(s.askRolling("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(24 * time.Hour)
		s.ok(s.reserve(s.askRolling("c", "1")))
		s.full(s.reserve(s.askRolling("d", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(25 * time.Hour)})
	}},
	{"count an import as long as the day or the 24 hours count it", true, func(s *subject) {
		s.uses(s.askBoth("a", "1"), "x")
		s.ok(s.reserve(s.askBoth("b", "1")))
		s.ok(s.begin("b"))
		s.full(s.reserve(s.askBoth("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(midnight)
		s.booked("1", 1, 1)
		s.after(24*time.Hour - moment)
		s.full(s.reserve(s.askBoth("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.start.Add(24 * time.Hour)})
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(24 * time.Hour)
		s.ok(s.reserve(s.askBoth("c", "1")))
		s.booked("1", 0, 1)
	}},
	{"count an import as long as the day does that is longer than 24 hours", true, func(s *subject) {
		ask := func(id string) actito.Reservation {
			r := s.askBoth(id, "1")
			r.From, r.ResetAt = s.start, s.start.Add(25*time.Hour)
			return r
		}
		s.uses(ask("a"), "x")
		s.uses(ask("b"), "y")
		s.after(25*time.Hour - moment)
		s.full(s.reserve(ask("c")), actito.QuotaError{Table: "1", Limit: 2, Used: 2, ResetAt: s.start.Add(25 * time.Hour)})
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 2, ResetAt: s.start.Add(25 * time.Hour)})
		s.after(25 * time.Hour)
		s.booked("1", 0, 0)
	}},
	{"that overlap both count an import in the time that they share", true, func(s *subject) {
		tomorrow := func(id string) actito.Reservation {
			r := s.ask(id, "1")
			r.From = s.start.Add(midnight - 2*time.Minute)
			r.ResetAt = r.From.Add(24*time.Hour + 4*time.Minute)
			return r
		}
		today := func(id string) actito.Reservation {
			r := s.ask(id, "1")
			r.From = s.start.Add(-midnight - 2*time.Minute)
			r.ResetAt = r.From.Add(24*time.Hour + 4*time.Minute)
			return r
		}
		s.after(midnight - 2*time.Minute)
		s.uses(today("a"), "x")
		s.after(midnight + 2*time.Minute - moment)
		s.ok(s.reserve(today("b")))
		s.ok(s.begin("b"))
		s.full(s.reserve(today("c")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.start.Add(midnight + 2*time.Minute)})
		s.after(midnight + 2*time.Minute)
		s.full(s.reserve(tomorrow("c")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.start.Add(midnight + 24*time.Hour + 2*time.Minute)})
	}},
	{"free nothing when the clock steps back", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.settle("a", actito.Used("x")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.begin("b"))
		s.after(-time.Hour)
		s.booked("1", 1, 1)
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"count tomorrow's units after the clock stepped back to today", true, func(s *subject) {
		s.after(24 * time.Hour)
		for _, id := range []string{"a", "b"} {
			s.uses(s.ask(id, "1"), id)
			s.uses(s.askRolling(id+" rolling", "2"), id+" rolling")
			s.uses(s.askBoth(id+" both", "3"), id+" both")
		}
		s.after(-time.Hour)
		if s.reserve(s.ask("c", "1")) == nil || s.reserve(s.askRolling("c", "2")) == nil || s.reserve(s.askBoth("c", "3")) == nil {
			s.Fatal("a third unit was booked of two")
		}
	}},
}

var onlyOnce = []contractTest{
	once("refuses while the first is reserved", 0, 1, &actito.AlreadyStartedError{SameContent: true}, func(*subject) {}),
	once("refuses while the first is begun", 0, 1, &actito.AlreadyStartedError{SameContent: true}, func(s *subject) { s.ok(s.begin("a")) }),
	once("refuses while the first is held", 0, 1, &actito.AlreadyStartedError{SameContent: true}, func(s *subject) { s.ok(s.settle("a", actito.Held())) }),
	once("tells the execution of the first", 0, 1, &actito.AlreadyStartedError{ExecutionID: "x", SameContent: true}, settleUsed),
	once("tells that the content is another", 0, 2, &actito.AlreadyStartedError{ExecutionID: "x"}, settleUsed),
	once("starts again after the first was freed", 0, 2, nil, func(s *subject) { s.ok(s.settle("a", actito.Free())) }),
	once("starts again after the first lapsed", 10*time.Minute, 2, nil, func(*subject) {}),
	once("refuses after the first lapsed begun", 10*time.Minute, 1, &actito.AlreadyStartedError{SameContent: true}, func(s *subject) { s.ok(s.begin("a")) }),
	once("remembers for a week", 7*24*time.Hour-moment, 1, &actito.AlreadyStartedError{ExecutionID: "x", SameContent: true}, settleUsed),
	{"refuses with the first import before it refuses with the budget", false, func(s *subject) {
		s.ok(s.reserve(s.askOnce("a", "key", 1)))
		s.ok(s.reserve(s.ask("b", "1")))
		s.started(s.reserve(s.askOnce("c", "key", 1)), actito.AlreadyStartedError{SameContent: true})
	}},
	{"starts one of many at once", false, func(s *subject) {
		var all sync.WaitGroup
		var booked atomic.Int32
		for i := range 20 {
			all.Go(func() {
				r := s.askOnce(fmt.Sprint(i), "key", 1)
				r.Buckets[0].Limit = 100
				if s.open().Reserve(s.Context(), r) == nil {
					booked.Add(1)
				}
			})
		}
		all.Wait()
		if n := booked.Load(); n != 1 {
			s.Fatalf("%d of 20 imports with one key were booked, want 1", n)
		}
	}},
}

func settleUsed(s *subject) { s.ok(s.settle("a", actito.Used("x"))) }

// once is a test in which time passes between two imports with the same key.
func once(name string, passes time.Duration, content byte, want *actito.AlreadyStartedError, between func(*subject)) contractTest {
	return contractTest{name, passes > 0, func(s *subject) {
		s.ok(s.reserve(s.askOnce("a", "key", 1)))
		between(s)
		s.after(passes)
		r := s.askOnce("b", "key", content)
		r.Buckets = append(r.Buckets, actito.Bucket{Name: s.licence + "2", Limit: 2})
		err := s.reserve(r)
		if want == nil {
			s.ok(err)
		} else {
			s.started(err, *want)
			s.booked("2", 0, 0)
		}
		s.ok(s.reserve(s.askOnce("c", "another key", 3)))
	}}
}
