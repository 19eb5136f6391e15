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
	{"keeps its own copy of the buckets", false, func(s *subject) {
		r := s.ask("a", "1")
		s.ok(s.reserve(r))
		r.Buckets[0].Name = "2"
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
	{"counts what was booked from the start of the day", true, func(s *subject) {
		s.after(midnight - moment)
		s.ok(s.reserve(s.ask("yesterday", "1")))
		s.ok(s.settle("yesterday", actito.Used("x")))
		s.after(midnight)
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(midnight + 24*time.Hour)})
	}},
	{"counts what was booked in the last 24 hours", true, func(s *subject) {
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
	{"frees a reservation with its lease", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.after(10*time.Minute - moment)
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
		s.after(10 * time.Minute)
		s.ok(s.reserve(s.ask("c", "1")))
		s.booked("1", 0, 1)
	}},
	{"frees nothing when the clock steps back", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.settle("a", actito.Used("x")))
		s.ok(s.reserve(s.ask("b", "1")))
		s.ok(s.begin("b"))
		s.after(-time.Hour)
		s.booked("1", 1, 1)
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Used: 1, Held: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"counts tomorrow's units after the clock stepped back to today", true, func(s *subject) {
		s.after(24 * time.Hour)
		for _, id := range []string{"a", "b"} {
			s.ok(s.reserve(s.ask(id, "1")))
			s.ok(s.settle(id, actito.Used(id)))
			r := s.askRolling(id+" rolling", "2")
			s.ok(s.reserve(r))
			s.ok(s.settle(r.ID, actito.Used(id)))
		}
		s.after(-time.Hour)
		if s.reserve(s.ask("c", "1")) == nil || s.reserve(s.askRolling("c", "2")) == nil {
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
		r.Buckets = append(r.Buckets, actito.Bucket{Name: "2", Limit: 2})
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

var closing = []contractTest{
	{"refuses until then", true, func(s *subject) {
		until := s.start.Add(time.Hour)
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.close(until))
		s.full(s.reserve(s.ask("b", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 1, ResetAt: until})
		s.full(s.reserve(s.ask("b", "2", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 1, ResetAt: until})
		s.booked("2", 0, 0)
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, ResetAt: s.ask("").ResetAt, ClosedUntil: until})
		s.after(time.Hour - moment)
		s.full(s.reserve(s.ask("b", "1")), actito.QuotaError{Table: "1", Limit: 2, ResetAt: until})
		s.after(time.Hour)
		s.ok(s.reserve(s.ask("b", "1")))
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"leaves other buckets open", false, func(s *subject) {
		s.ok(s.close(s.start.Add(time.Hour)))
		s.ok(s.reserve(s.ask("a", "2")))
	}},
	{"leaves what was reserved before", false, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.close(s.start.Add(time.Hour)))
		s.ok(s.begin("a"))
		s.ok(s.settle("a", actito.Used("x")))
	}},
	{"never shortens an earlier call", false, func(s *subject) {
		until := s.start.Add(time.Hour)
		s.ok(s.close(until))
		s.ok(s.close(until.Add(-time.Minute)))
		s.sees(actito.Usage{Table: "1", ClosedUntil: until})
		s.ok(s.close(until.Add(time.Minute)))
		s.sees(actito.Usage{Table: "1", ClosedUntil: until.Add(time.Minute)})
	}},
	{"opens with the zero time", false, func(s *subject) {
		s.ok(s.close(s.start.Add(time.Hour)))
		s.ok(s.close(time.Time{}))
		s.ok(s.reserve(s.ask("a", "1")))
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.ask("").ResetAt})
	}},
	{"tells the later end if the budget is used up too", false, func(s *subject) {
		for _, id := range []string{"a", "b"} {
			s.ok(s.reserve(s.ask(id, "1")))
		}
		s.ok(s.close(s.start.Add(time.Hour)))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.ask("").ResetAt})
		s.ok(s.close(s.start.Add(100 * time.Hour)))
		s.full(s.reserve(s.ask("c", "1")), actito.QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(100 * time.Hour)})
	}},
}

var using = []contractTest{
	{"of a bucket in which nothing was reserved", false, func(s *subject) {
		s.sees(actito.Usage{Table: "1"})
		s.ok(s.close(s.start.Add(time.Hour)))
		s.sees(actito.Usage{Table: "1", ClosedUntil: s.start.Add(time.Hour)})
	}},
	{"counts what is used and held", false, func(s *subject) {
		for _, id := range []string{"a", "b", "c", "d"} {
			r := s.ask(id, "1")
			r.Buckets[0].Limit = 5
			s.ok(s.reserve(r))
		}
		s.ok(s.settle("a", actito.Used("x")))
		s.ok(s.begin("b"))
		s.ok(s.settle("c", actito.Held()))
		s.ok(s.settle("d", actito.Free()))
		s.sees(actito.Usage{Table: "1", Limit: 5, Used: 1, Held: 2, Left: 2, ResetAt: s.ask("").ResetAt})
	}},
	{"counts nothing once the day ended", true, func(s *subject) {
		s.ok(s.reserve(s.ask("a", "1")))
		s.ok(s.settle("a", actito.Used("x")))
		s.after(midnight - moment)
		s.sees(actito.Usage{Table: "1", Limit: 2, Used: 1, Left: 1, ResetAt: s.start.Add(midnight)})
		s.after(midnight)
		s.sees(actito.Usage{Table: "1", Limit: 2, Left: 2})
	}},
	{"tells when one more is left of 24 hours", true, func(s *subject) {
		s.ok(s.reserve(s.askRolling("a", "1")))
		s.ok(s.begin("a"))
		s.after(time.Hour)
		s.ok(s.reserve(s.askRolling("b", "1")))
		s.ok(s.begin("b"))
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 2, ResetAt: s.start.Add(24 * time.Hour)})
		s.after(24 * time.Hour)
		s.sees(actito.Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: s.start.Add(25 * time.Hour)})
		s.after(25 * time.Hour)
		s.sees(actito.Usage{Table: "1", Limit: 2, Left: 2})
	}},
}

var sharing = []contractTest{
	{"stores on one ledger see what the others did", false, func(s *subject) {
		a, b, ctx := s.open(), s.open(), s.Context()
		s.ok(a.Reserve(ctx, s.ask("a", "1")))
		s.ok(b.Begin(ctx, "a"))
		s.ok(a.Settle(ctx, "a", actito.Used("x")))
		s.ok(b.Close(ctx, "1", s.start.Add(time.Hour)))
		want := actito.Usage{Table: "1", Limit: 2, Used: 1, ResetAt: s.ask("").ResetAt, ClosedUntil: s.start.Add(time.Hour)}
		for _, store := range []actito.QuotaStore{a, b, s.open()} {
			if got, err := store.Usage(ctx, "1"); err != nil || !sameUsage(got, want) {
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
		if s.Settle(cancelled(), "b", actito.Free()) == nil {
			s.booked("3", 0, 0)
		} else {
			s.booked("3", 0, 1)
		}
	}},
}
