package quotatest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actito-go/actito"
)

var closing = []contractTest{
	{"refuses until then", true, func(s *subject) {
		until := s.start.Add(time.Hour)
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.close("1", until))
		s.full(s.reserve(s.ask("b", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 1, Closed: true, ResetAt: until})
		s.full(s.reserve(s.ask("b", "2", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 1, Closed: true, ResetAt: until})
		s.booked("2", 0, 0)
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, ResetAt: s.ask("").ResetAt, ClosedUntil: until})
		s.after(time.Hour - moment)
		s.full(s.reserve(s.ask("b", "1")), actito.QuotaError{Table: "1", Limit: 2, Closed: true, ResetAt: until})
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("b", "1")))
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"leaves other buckets open", false, func(s *subject) {
		s.ok(s.close("1", s.start.Add(time.Hour)))
		s.ok(s.reserve(s.ask("a", "2")))
	}},
	{"leaves what was reserved before", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.close("1", s.start.Add(time.Hour)))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Used("x")))
	}},
	{"never shortens an earlier call", false, func(s *subject) {
		until := s.start.Add(time.Hour)
		s.ok(s.close("1", until))
		s.ok(s.close("1", until.Add(-time.Minute)))
		s.sees(actito.Usage{Table: "1", ClosedUntil: until})
		s.ok(s.close("1", until.Add(time.Minute)))
		s.sees(actito.Usage{Table: "1", ClosedUntil: until.Add(time.Minute)})
	}},
	{"opens with the zero time", false, func(s *subject) {
		s.ok(s.close("1", s.start.Add(time.Hour)))
		s.ok(s.close("1", time.Time{}))
		s.ok(s.reserve(s.ask("a", "1")))
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"tells the later end if the budget is used up too", false, func(s *subject) {
		for _, id := range []string{"a", "b"} {
			s.ok(s.reserve(s.ask(id, "1")))
		}
		s.ok(s.close("1", s.start.Add(time.Hour)))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
		s.ok(s.close("1", s.start.Add(100*time.Hour)))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(100 * time.Hour)})
	}},
}

// closed is what a reservation in table 1 is refused with that has room in it.
func (s *subject) closed(err error, held int, until time.Time) {
	s.Helper()
	s.full(err, actito.QuotaError{Table: "1", Limit: 2, Held: held, Closed: true, ResetAt: until})
}

// far is a time until which buckets are closed.
func (s *subject) far() time.Time { return s.start.Add(6 * time.Hour) }

var probing = []contractTest{
	{"makes one reservation in an hour", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(time.Hour - moment)
		s.closed(s.reserve(s.ask("a", "1")), 0, s.far())
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("a", "1")))
		s.closed(s.reserve(s.ask("b", "1")), 1, s.far())
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, ResetAt: s.ask("").ResetAt, ClosedUntil: s.far()})
		s.ok(s.begin("a"))
		s.after(3*time.Hour - 5*time.Minute)
		s.ok(s.reserve(s.ask("b", "1")))
		s.after(4*time.Hour - 5*time.Minute - moment)
		s.closed(s.reserve(s.ask("c", "1")), 1, s.far())
		s.after(4*time.Hour - 5*time.Minute)
		s.ok(s.reserve(s.ask("c", "1")))
	}},
	{"makes one reservation of many at once", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		var all sync.WaitGroup
		var booked atomic.Int32
		for i := range 20 {
			all.Go(func() {
				r := s.ask(fmt.Sprint(i), "1")
				r.Buckets[0].Limit = 100
				if s.open().Reserve(s.Context(), r) == nil {
					booked.Add(1)
				}
			})
		}
		all.Wait()
		if n := booked.Load(); n != 1 {
			s.Fatalf("%d of 20 reservations were made in a closed bucket, want 1", n)
		}
	}},
	{"opens all its buckets when it is used", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.ok(s.close("2", s.far()))
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("a", "1", "2", "3")))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Used("x")))
		for _, table := range []string{"1", "2"} {
			s.sees(actito.Usage{Table: table, Limit: 2, Used: 1, Left: 1, ResetAt: s.ask("").ResetAt})
		}
		s.ok(s.reserve(s.ask("b", "1", "2")))
	}},
	{"opens nothing when it is freed", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Free()))
		s.after(2*time.Hour - moment)
		s.closed(s.reserve(s.ask("b", "1")), 0, s.far())
		s.after(2 * time.Hour)
		s.ok(s.reserve(s.ask("b", "1")))
	}},
	{"opens nothing when it lapses", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("a", "1")))
		s.after(2*time.Hour - moment)
		s.closed(s.reserve(s.ask("b", "1")), 0, s.far())
		s.after(2 * time.Hour)
		s.ok(s.reserve(s.ask("b", "1")))
	}},
	{"opens when it was held and is reconciled as used", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Held()))
		s.closed(s.reserve(s.ask("b", "1")), 1, s.far())
		s.ok(s.settle("a", actito.Used("x")))
		s.ok(s.reserve(s.ask("b", "1")))
	}},
	{"opens nothing the second time that it is used", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		s.uses(s.ask("a", "1"), "x")
		s.ok(s.close("1", s.far()))
		s.ok(s.settle("a", actito.Used("x")))
		s.full(s.reserve(s.ask("b", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Closed: true, ResetAt: s.far()})
	}},
	{"what was reserved before opens nothing", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.close("1", s.far()))
		s.ok(s.settle("a", actito.Used("x")))
		s.full(s.reserve(s.ask("b", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Closed: true, ResetAt: s.far()})
	}},
	{"waits for an hour after the last call of Close", true, func(s *subject) {
		s.ok(s.close("1", s.far()))
		s.after(30 * time.Minute)
		s.ok(s.close("1", s.far().Add(-time.Hour)))
		s.after(90*time.Minute - moment)
		s.closed(s.reserve(s.ask("a", "1")), 0, s.far())
		s.after(90 * time.Minute)
		s.ok(s.reserve(s.ask("a", "1")))
	}},
	{"is not made in a full bucket, but once there is room", true, func(s *subject) {
		s.uses(s.ask("a", "1"), "x")
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.begin("b"))
		s.ok(s.close("1", s.far()))
		s.after(90 * time.Minute)
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.ask("").ResetAt})
		s.ok(s.settle("b", actito.Free()))
		s.ok(s.reserve(s.ask("c", "1")))
		s.ok(s.settle("c", actito.Free()))
		s.full(s.reserve(s.ask("d", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Closed: true, ResetAt: s.far()})
	}},
	{"leaves of the limit what is not for it", true, func(s *subject) {
		s.uses(s.ask("a", "1"), "x")
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		r := s.ask("b", "1")
		r.Buckets[0].Keep = 1
		s.full(s.reserve(r), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Kept: 1, ResetAt: s.ask("").ResetAt})
		s.ok(s.reserve(s.ask("b", "1")))
	}},
	{"of several buckets waits for all of them", true, func(s *subject) {
		s.ok(s.close("2", s.far()))
		s.after(30 * time.Minute)
		s.ok(s.close("1", s.far()))
		s.after(time.Hour)
		s.closed(s.reserve(s.ask("a", "2", "1")), 0, s.far())
		s.after(90 * time.Minute)
		s.ok(s.reserve(s.ask("a", "2", "1")))
		s.after(150*time.Minute - moment)
		for _, table := range []string{"1", "2"} {
			if s.reserve(s.ask("b", table)) == nil {
				s.Fatalf("a second reservation was made in table %s within an hour", table)
			}
		}
		s.after(150 * time.Minute)
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.reserve(s.ask("c", "2")))
	}},
}
