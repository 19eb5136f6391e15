package quotatest

import (
	"errors"
	"time"

	"github.com/actito-go/actito"
)

// What a second Settle may come to.
var (
	accepted = (*subject).ok
	lost     = (*subject).lost
	refused  = func(s *subject, err error) {
		s.Helper()
		if err == nil || errors.Is(err, actito.ErrReservationLost) {
			s.Fatalf("got error %v, want one that is not ErrReservationLost", err)
		}
	}
)

var beginning = []contractTest{
	{"fails for a reservation that nobody made", false, func(s *subject) { s.lost(s.begin("a")) }},
	{"succeeds until the lease runs out", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.after(10*time.Minute - moment)
		s.ok(s.begin("a"))
	}},
	{"fails when the lease ran out", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.after(10 * time.Minute)
		s.lost(s.begin("a"))
		s.booked("1", 0, 0)
	}},
	{"fails with a lease that was over at once", false, func(s *subject) {
		r := s.ask("a", "1")
		r.Lease = r.At.Add(-2 * time.Minute)
		_ = s.reserve(r) // a store may refuse it
		s.lost(s.begin("a"))
		s.booked("1", 0, 0)
	}},
	{"fails when the day ended for which the unit was booked", true, func(s *subject) {
		s.after(midnight - moment)
		s.ok(s.reserve(s.ask("a", "1")))
		s.after(midnight)
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.reserve(s.ask("c", "1")))
		s.lost(s.begin("a"))
		s.booked("1", 0, 2)
	}},
	{"fails after the unit was another's, though the clock stepped back", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.after(10 * time.Minute)
		s.ok(s.reserve(s.ask("c", "1")))
		s.ok(s.reserve(s.ask("d", "1")))
		s.after(0)
		s.lost(s.begin("a"))
		s.ok(s.begin("c"))
	}},
	{"frees nothing, though the clock stepped back", true, func(s *subject) {
		s.after(time.Hour)
		s.ok(s.reserve(s.askRolling("a", "1")))
		s.ok(s.reserve(s.askRolling("b", "1")))
		s.after(0)
		s.ok(s.begin("a"))
		s.ok(s.begin("b"))
		s.after(25*time.Hour - moment)
		s.full(s.reserve(s.askRolling("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(25 * time.Hour)})
	}},
	{"changes nothing the second time", true, func(s *subject) {
		s.ok(s.reserve(s.askRolling("a", "1")))
		s.ok(s.reserve(s.askRolling("b", "1")))
		s.ok(s.begin("a"))
		s.after(time.Minute)
		s.ok(s.begin("a"))
		s.ok(s.begin("b"))
		s.after(time.Hour)
		s.full(s.reserve(s.askRolling("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(24 * time.Hour)})
	}},
	{"makes a unit of a day count from then, so that it counts in the next one too that overlaps", true, func(s *subject) {
		s.after(midnight - 5*time.Minute)
		for _, id := range []string{"a", "b"} {
			r := s.ask(id, "1")
			r.ResetAt = s.start.Add(midnight + 2*time.Minute)
			s.ok(s.reserve(r))
		}
		s.after(midnight + time.Minute)
		s.ok(s.begin("a"))
		s.ok(s.begin("b"))
		s.after(midnight + 2*time.Minute)
		r := s.ask("c", "1")
		r.From = s.start.Add(midnight - 2*time.Minute)
		s.full(s.reserve(r), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: r.ResetAt})
	}},
	{"fails when the day ended, with 24 hours beside it", true, func(s *subject) {
		s.after(midnight - moment)
		s.ok(s.reserve(s.askBoth("a", "1")))
		s.after(midnight)
		s.lost(s.begin("a"))
		s.booked("1", 0, 0)
	}},
	{"makes units of a rolling window count from then", true, func(s *subject) {
		for _, id := range []string{"a", "b"} {
			s.ok(s.reserve(s.askRolling(id, "1")))
		}
		s.after(5 * time.Minute)
		s.ok(s.begin("a"))
		s.ok(s.begin("b"))
		s.after(24*time.Hour + 5*time.Minute - moment)
		s.full(s.reserve(s.askRolling("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(24*time.Hour + 5*time.Minute)})
		s.after(24*time.Hour + 5*time.Minute)
		s.ok(s.reserve(s.askRolling("c", "1")))
	}},
	{"fails the second time when the lease ran out, and the unit is held", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.begin("a"))
		s.after(10 * time.Minute)
		s.lost(s.begin("a"))
		s.booked("1", 0, 1)
	}},
	{"keeps a begun unit that lapsed until it is settled", true, func(s *subject) {
		s.ok(s.reserve(s.askRolling("a", "1")))
		s.ok(s.begin("a"))
		s.after(24*time.Hour - moment)
		s.booked("1", 0, 1)
		s.ok(s.settle("a", actito.Used("x")))
		s.booked("1", 1, 0)
	}},
}

var settling = []contractTest{
	settle("used twice changes nothing", actito.Used("x"), actito.Used("x"), accepted, 1, 0),
	settle("used may learn its execution later", actito.Used(""), actito.Used("x"), accepted, 1, 0),
	settle("used does not forget its execution", actito.Used("x"), actito.Used(""), accepted, 1, 0),
	settle("used with another execution fails", actito.Used("x"), actito.Used("y"), refused, 1, 0),
	settle("used cannot be freed", actito.Used("x"), actito.Free(), refused, 1, 0),
	settle("used is not held any more", actito.Used("x"), actito.Held(), accepted, 1, 0),
	settle("held twice changes nothing", actito.Held(), actito.Held(), accepted, 0, 1),
	settle("held is reconciled as used", actito.Held(), actito.Used("x"), accepted, 1, 0),
	settle("held is reconciled as free", actito.Held(), actito.Free(), accepted, 0, 0),
	settle("free twice changes nothing", actito.Free(), actito.Free(), accepted, 0, 0),
	settle("free cannot be used", actito.Free(), actito.Used("x"), lost, 0, 0),
	settle("free cannot be held", actito.Free(), actito.Held(), lost, 0, 0),
	{"what lapsed unbegun can only be freed", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.after(10 * time.Minute)
		s.lost(s.settle("a", actito.Used("x")))
		s.lost(s.settle("a", actito.Held()))
		s.ok(s.settle("a", actito.Free()))
		s.booked("1", 0, 0)
	}},
	{"a reservation that nobody made can only be freed", false, func(s *subject) {
		s.lost(s.settle("a", actito.Used("x")))
		s.lost(s.settle("a", actito.Held()))
		s.ok(s.settle("a", actito.Free()))
	}},
	{"two reservations are never one, though somebody gives both the same execution", false, func(s *subject) {
		s.uses(s.ask("a", "1"), "x")
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.settle("b", actito.Used("x")))
		s.booked("1", 2, 0)
	}},
	{"a freed unit is another's", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.settle("a", actito.Free()))
		s.ok(s.reserve(s.ask("c", "1")))
		s.booked("1", 0, 2)
	}},
}

// settle is a test that settles twice.
func settle(name string, first, second actito.Outcome, check func(*subject, error), used, held int) contractTest {
	return contractTest{name, false, func(s *subject) {
		s.ok(s.reserve(s.askOnce("a", "key", 1)))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", first))
		check(s, s.settle("a", second))
		s.booked("1", used, held)
		s.lost(s.begin("a"))
		switch err := s.reserve(s.askOnce("b", "key", 1)); {
		case used == 1:
			s.started(err, actito.AlreadyStartedError{ExecutionID: "x", SameContent: true})
		case held == 1:
			s.started(err, actito.AlreadyStartedError{SameContent: true})
		default:
			s.ok(err)
		}
	}}
}
