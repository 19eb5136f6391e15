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
