package quotatest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actito-go/actito"
)

var licences = []contractTest{
	{"have tables of their own", false, func(s *subject) {
		one, two, eleven := s.of("1"), s.of("2"), s.of("11")
		for _, id := range []string{"a", "b"} {
			s.ok(one.reserve(one.ask(id, "16")))
		}
		one.full(one.reserve(one.ask("c", "16")), actito.QuotaError{Table: "16", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
		s.ok(two.reserve(two.ask("c", "16")))
		s.ok(eleven.reserve(eleven.ask("c", "6")))
		s.ok(one.close("6", s.far()))
		two.sees(actito.Usage{Table: "16", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
		eleven.sees(actito.Usage{Table: "6", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"have IDs of their own", false, func(s *subject) {
		one, two := s.of("1"), s.of("2")
		s.ok(one.reserve(one.ask("a", "16")))
		s.lost(two.begin("a"))
		s.lost(two.settle("a", actito.Held()))
		s.ok(two.settle("a", actito.Free()))
		s.ok(two.reserve(two.ask("a", "16")))
		s.ok(two.settle("a", actito.Used("x")))
		s.ok(one.begin("a"))
		one.booked("16", 0, 1)
	}},
	{"have keys of their own", false, func(s *subject) {
		one, two := s.of("1"), s.of("2")
		s.ok(one.reserve(one.askOnce("a", "key", 1)))
		s.ok(two.reserve(two.askOnce("a", "key", 2)))
		s.ok(two.settle("a", actito.Used("x")))
		s.started(one.reserve(one.askOnce("b", "key", 1)), actito.AlreadyStartedError{SameContent: true})
		s.started(two.reserve(two.askOnce("b", "key", 2)), actito.AlreadyStartedError{ExecutionID: "x", SameContent: true})
	}},
	{"have executions of their own", false, func(s *subject) {
		for _, licence := range []string{"1", "11"} {
			s := s.of(licence)
			s.counts(s.ask("found-x", "16"), "x", true)
			s.counts(s.ask("found-x", "16"), "x", false)
			s.booked("16", 1, 0)
		}
		two := s.of("2")
		two.uses(two.ask("a", "16"), "x")
		two.booked("16", 1, 0)
		s.of("1").booked("16", 1, 0)
		s.of("1").lists("16", "found-x")
	}},
}

var sharing = []contractTest{
	{"stores on one ledger see what the others did", false, func(s *subject) {
		a, b, ctx := s.open(), s.open(), s.Context()
		s.ok(a.Reserve(ctx, s.ask("a", "1")))
		s.ok(b.Begin(ctx, s.licence+"a"))
		s.ok(a.Settle(ctx, s.licence+"a", actito.Used("x")))
		s.ok(b.Close(ctx, s.licence+"1", s.start.Add(time.Hour)))
		want := actito.Usage{Table: s.licence + "1", Limit: 2, Used: 1, ResetAt: s.ask("").ResetAt, ClosedUntil: s.start.Add(time.Hour)}
		for _, store := range []actito.QuotaStore{a, b, s.open()} {
			if got, err := store.Usage(ctx, s.licence+"1"); err != nil || !sameUsage(got, want) {
				s.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}},
	{"stores on one ledger reserve at most the limit at once", false, func(s *subject) {
		stores := []actito.QuotaStore{s.open(), s.open(), s.open()}
		var all sync.WaitGroup
		var booked atomic.Int32
		for i := range 45 {
			all.Go(func() {
				store, r := stores[i%len(stores)], s.ask(fmt.Sprint(i), "1", "2")
				r.Buckets[0].Limit, r.Buckets[1].Limit = 12, 20
				if store.Reserve(s.Context(), r) != nil {
					return
				}
				booked.Add(1)
				if err := store.Begin(s.Context(), r.ID); err != nil {
					s.Errorf("begin: %v", err)
				}
				if err := store.Settle(s.Context(), r.ID, actito.Used(r.ID)); err != nil {
					s.Errorf("settle: %v", err)
				}
			})
		}
		all.Wait()
		if n := booked.Load(); n != 12 {
			s.Errorf("%d imports were booked, want 12", n)
		}
		s.booked("1", 12, 0)
		s.booked("2", 12, 0)
	}},
	{"a call whose context ended takes effect as a whole or not at all", false, func(s *subject) {
		n := 0
		if s.Reserve(cancelled(), s.ask("a", "1", "2")) == nil {
			n = 1
		}
		s.booked("1", 0, n)
		s.booked("2", 0, n)
		s.ok(s.reserve(s.ask("b", "3")))
		if s.Settle(cancelled(), s.licence+"b", actito.Free()) == nil {
			s.booked("3", 0, 0)
		} else {
			s.booked("3", 0, 1)
		}
	}},
}
