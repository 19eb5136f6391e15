package quotatest

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// RunProcesses tests a store that processes share, with processes that are killed: each is this test binary, started
// again, in which [Serve] makes the calls. newAddress makes an empty ledger for a test, and returns its address for open.
//
// One process is killed, or stopped, at each point of an import. Then eight are killed at random, as often as they can
// be: the ledger must show exactly the limit per table and window, at most as many imports must have been sent, each of
// them be in the ledger, and no import with a key be sent twice. See [For] and [Unreliable].
func RunProcesses(t *testing.T, newAddress func(t *testing.T) string, open Open, opts ...Option) {
	if _, ok := os.LookupEnv(addressVariable); ok {
		t.Fatal("call quotatest.Serve from TestMain")
	}
	o := newOptions(opts)
	newShared := func(t *testing.T) *shared {
		address := newAddress(t)
		s := &shared{address: address}
		s.subject = newSubject(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
			return func() actito.QuotaStore {
				store, err := open(address, now)
				if err != nil {
					t.Fatal(err)
				}
				return store
			}
		}, o)
		if o.through != nil {
			s.address = o.through(t, address)
		}
		return s
	}
	if o.through == nil {
		t.Run("A process is killed", func(t *testing.T) {
			t.Parallel()
			for _, tt := range killing {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					if tt.timePasses && o.ownClock {
						t.Skip("time cannot pass with the store's own clock")
					}
					tt.run(newShared(t))
				})
			}
		})
	}
	t.Run("Eight processes are killed again and again", func(t *testing.T) {
		t.Parallel()
		newShared(t).killAgainAndAgain(o)
	})
	t.Run("Eight processes with one key are killed again and again", func(t *testing.T) {
		t.Parallel()
		newShared(t).killWithOneKey(o)
	})
}

// shared is a subject whose ledger other processes use.
type shared struct {
	*subject
	address string // at which they do
}

// start starts a process, and returns when it opened the ledger.
func (s *shared) start() *process {
	s.Helper()
	p, err := s.newProcess()
	s.ok(err)
	_, err = p.Usage(s.Context(), s.licence+"1")
	s.ok(err)
	return p
}

// reserves is a process that reserved one unit.
func (s *shared) reserves() *process {
	s.Helper()
	p := s.start()
	s.ok(p.Reserve(s.Context(), s.askOnce("a", "key", 1)))
	return p
}

// begins is a process that reserved a unit and began.
func (s *shared) begins() *process {
	s.Helper()
	p := s.reserves()
	s.ok(p.Begin(s.Context(), s.licence+"a"))
	return p
}

// killing are the points at which a process may die.
var killing = []struct {
	name       string
	timePasses bool
	run        func(*shared)
}{
	{"before Reserve: nothing is booked", false, func(s *shared) {
		s.start().end()
		s.booked("1", 0, 0)
	}},
	{"after Reserve: the unit is free with the lease, and not sooner", true, func(s *shared) {
		s.reserves().end()
		s.after(10*time.Minute - moment)
		s.booked("1", 0, 1)
		s.started(s.reserve(s.askOnce("b", "key", 1)), actito.AlreadyStartedError{SameContent: true})
		s.after(10 * time.Minute)
		s.booked("1", 0, 0)
		s.ok(s.reserve(s.askOnce("b", "key", 1)))
	}},
	{"between Begin and the answer: the unit is held until it is settled", true, func(s *shared) {
		s.begins().end()
		s.booked("1", 0, 1)
		s.after(midnight - moment)
		s.booked("1", 0, 1)
		s.started(s.reserve(s.askOnce("b", "key", 1)), actito.AlreadyStartedError{SameContent: true})
		s.ok(s.settle("a", actito.Free()))
		s.booked("1", 0, 0)
		s.ok(s.reserve(s.askOnce("b", "key", 1)))
	}},
	{"with the answer, before Settle: the unit is held, then reconciled as used", false, func(s *shared) {
		s.begins().end()
		s.booked("1", 0, 1)
		s.ok(s.settle("a", actito.Used("x")))
		s.booked("1", 1, 0)
		s.started(s.reserve(s.askOnce("b", "key", 1)), actito.AlreadyStartedError{ExecutionID: "x", SameContent: true})
	}},
	{"after Settle: the unit is used, and the execution known", false, func(s *shared) {
		p := s.begins()
		s.ok(p.Settle(s.Context(), s.licence+"a", actito.Used("x")))
		p.end()
		s.booked("1", 1, 0)
		s.started(s.reserve(s.askOnce("b", "key", 1)), actito.AlreadyStartedError{ExecutionID: "x", SameContent: true})
	}},
	{"or stopped between Reserve and Begin, and continued after the lease: it cannot begin", true, func(s *shared) {
		p := s.reserves()
		switch err := p.suspend(); {
		case errors.Is(err, errors.ErrUnsupported):
			s.Skip("processes cannot be stopped here")
		case err != nil:
			s.Fatal(err)
		}
		began := make(chan error, 1)
		s.after(10 * time.Minute)
		go func() { began <- p.Begin(s.Context(), s.licence+"a") }()
		for _, id := range []string{"b", "c"} {
			s.ok(s.reserve(s.ask(id, "1")))
		}
		s.ok(p.resume())
		s.lost(<-began)
		s.booked("1", 0, 2)
	}},
}
