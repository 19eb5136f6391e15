package actito

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// attempt is one call of a random run: what it asks for, and what became of it.
type attempt struct {
	Work
	asks     time.Duration
	holds    time.Duration
	deadline time.Duration // 0: none
	cancels  time.Duration // 0: never

	started, ended time.Duration // both are when the wait failed, if it did
	err            error
}

// limitOf draws limits small enough to be reached.
func limitOf(t *rapid.T) RateLimit {
	calls := rapid.IntRange(1, 12).Draw(t, "calls")
	concurrent := rapid.IntRange(1, 7).Draw(t, "concurrent")
	return RateLimit{
		CallsPerMinute: calls,
		Concurrent:     concurrent,
		RealTimeCalls:  rapid.IntRange(0, calls-1).Draw(t, "real-time calls"),
		RealTimeSlots:  rapid.IntRange(0, concurrent-1).Draw(t, "real-time slots"),
	}
}

// attemptsOf draws attempts that ask at moments of their own, so that arrival is an order.
func attemptsOf(t *rapid.T, classes ...Class) []*attempt {
	seconds := func(from, to int, label string) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, label)) * time.Second
	}
	attempts := make([]*attempt, rapid.IntRange(1, 60).Draw(t, "attempts"))
	var at time.Duration
	for i := range attempts {
		at += seconds(0, 8, "gap") + time.Millisecond
		attempts[i] = &attempt{
			Work: Work{
				Op:       fmt.Sprint(i),
				Class:    rapid.SampledFrom(classes).Draw(t, "class"),
				Transfer: rapid.IntRange(0, 4).Draw(t, "transfer") == 0,
			},
			asks:  at,
			holds: seconds(0, 30, "holds"),
		}
		switch rapid.IntRange(0, 6).Draw(t, "patience") {
		case 0:
			attempts[i].MaxWait = seconds(1, 90, "max wait")
		case 1:
			attempts[i].deadline = seconds(1, 90, "deadline")
		case 2:
			attempts[i].cancels = seconds(1, 90, "cancels")
		}
	}
	return attempts
}

// run lets the attempts happen in virtual time. It hangs, which synctest reports, if a wake-up is lost.
func run(t *testing.T, limit RateLimit, attempts []*attempt) {
	synctest.Test(t, func(t *testing.T) {
		p, began := mustPacer(t, limit), time.Now()
		var all sync.WaitGroup
		for _, a := range attempts {
			all.Go(func() {
				time.Sleep(a.asks)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if a.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, a.deadline)
					defer cancel()
				}
				if a.cancels > 0 {
					defer time.AfterFunc(a.cancels, cancel).Stop()
				}
				var release func()
				release, a.err = p.Acquire(ctx, a.Work)
				a.started = time.Since(began)
				if a.err == nil {
					time.Sleep(a.holds)
				}
				a.ended = time.Since(began)
				if a.err == nil {
					release()
				}
			})
		}
		all.Wait()
	})
}

// class is the one that a waits in.
func (a *attempt) class() Class {
	if a.Transfer {
		return max(a.Class, BackgroundWork)
	}
	return a.Class
}

func TestPaceHoldsForAnyArrivals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := limitOf(rt)
		attempts := attemptsOf(rt, RealTime, BackgroundWork, Polling, Listing)
		run(t, limit, attempts)
		limit, err := limit.withDefaults()
		require.NoError(rt, err)

		var started, rest []*attempt
		for _, a := range attempts {
			if a.err != nil {
				continue
			}
			started = append(started, a)
			if a.class() != RealTime {
				rest = append(rest, a)
			}
		}
		for _, a := range started {
			if n := startsIn(started, a.started); n > limit.CallsPerMinute {
				rt.Fatalf("%d calls start in the minute from %s", n, a.started)
			}
			if n := startsIn(rest, a.started); n > limit.CallsPerMinute-limit.RealTimeCalls {
				rt.Fatalf("%d calls that are not real time start in the minute from %s", n, a.started)
			}
			if n := inFlight(started, a); n > limit.Concurrent-1 {
				rt.Fatalf("%d calls are in flight when %s starts", n, a.Op)
			}
			if n := inFlight(rest, a); a.class() != RealTime && n > limit.Concurrent-limit.RealTimeSlots-1 {
				rt.Fatalf("%d calls that are not real time are in flight when %s starts", n, a.Op)
			}
			if free := limit.Concurrent - 1 - inFlight(started, a); a.Transfer && free < min(2, limit.Concurrent-1) {
				rt.Fatalf("transfer %s leaves %d slots free", a.Op, free)
			}
			if a.started > a.asks && !somethingHappens(attempts, a.started) {
				rt.Fatalf("%s starts at %s though nothing changed then: it could have started before", a.Op, a.started)
			}
		}
		for _, a := range attempts {
			for _, b := range started {
				behind := b.class() > a.class() || b.class() == a.class() && b.asks > a.asks
				if behind && a.asks < b.started && b.started < a.started {
					rt.Fatalf("%s overtakes %s, which waits since %s, until %s", b.Op, a.Op, a.asks, a.started)
				}
			}
			checkEnd(rt, a)
		}
	})
}

func startsIn(calls []*attempt, from time.Duration) (n int) {
	for _, c := range calls {
		if c.started >= from && c.started < from+time.Minute {
			n++
		}
	}
	return n
}

// inFlight counts the calls that certainly are in flight when a starts. What starts or ends in that very moment may
// have come before it or after.
func inFlight(calls []*attempt, a *attempt) (n int) {
	for _, c := range calls {
		if c != a && c.started < a.started && c.ended > a.started {
			n++
		}
	}
	return n
}

// somethingHappens tells whether a call ends, gives up, or is a minute old at that moment.
func somethingHappens(attempts []*attempt, at time.Duration) bool {
	for _, a := range attempts {
		if a.ended == at || a.err == nil && a.started+time.Minute == at {
			return true
		}
	}
	return false
}

// checkEnd holds a wait that failed against what it was allowed.
func checkEnd(t *rapid.T, a *attempt) {
	waited := a.started - a.asks
	var busy *BusyError
	switch {
	case a.err == nil:
		if a.MaxWait > 0 && waited > a.MaxWait || a.deadline > 0 && waited >= a.deadline || a.cancels > 0 && waited > a.cancels {
			t.Fatalf("%s starts after %s, too late", a.Op, waited)
		}
	case errors.As(a.err, &busy) && waited == 0:
		if busy.Wait <= a.MaxWait && a.deadline == 0 || busy.Wait < a.deadline {
			t.Fatalf("%s is refused at once for a wait of %s, which is allowed", a.Op, busy.Wait)
		}
	case errors.As(a.err, &busy):
		if waited != max(a.MaxWait, a.deadline) || errors.Is(a.err, context.DeadlineExceeded) != (a.deadline > 0) {
			t.Fatalf("%s fails after %s: %v", a.Op, waited, a.err)
		}
	case !errors.Is(a.err, context.Canceled) || waited != a.cancels:
		t.Fatalf("%s fails after %s: %v", a.Op, waited, a.err)
	}
}

// Whatever others do, real-time calls that stay within what is kept for them never wait.
func TestRealTimeIsNeverStarved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := RateLimit{CallsPerMinute: 20, Concurrent: 4, RealTimeCalls: 6, RealTimeSlots: 2}
		attempts := attemptsOf(rt, BackgroundWork, Polling, Listing)
		first := time.Duration(rapid.IntRange(0, 9999).Draw(rt, "first")) * time.Millisecond
		var realTime []*attempt
		for i := range 30 { // one every ten seconds, each for less than twenty
			holds := time.Duration(rapid.IntRange(0, 19).Draw(rt, "real time holds")) * time.Second
			realTime = append(realTime, &attempt{asks: first + time.Duration(i)*10*time.Second, holds: holds})
		}
		run(t, limit, append(attempts, realTime...))
		for _, a := range realTime {
			if a.err != nil || a.started != a.asks {
				rt.Fatalf("asked at %s, started at %s: %v", a.asks, a.started, a.err)
			}
		}
	})
}

// With slots for all, the forecast is exact unless somebody overtakes: who is refused could not have started in time.
func TestTheForecastIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := limitOf(rt)
		limit.Concurrent, limit.RealTimeSlots = 1000, 1
		class := rapid.SampledFrom([]Class{RealTime, Listing}).Draw(rt, "one class")
		attempts := attemptsOf(rt, class)
		for _, a := range attempts {
			a.Transfer, a.MaxWait, a.deadline, a.cancels = false, 0, 0, 0
		}
		last := attempts[len(attempts)-1]
		run(t, limit, attempts)
		waits := last.started - last.asks

		last.MaxWait = max(waits, 1)
		run(t, limit, attempts)
		if last.err != nil || last.started != last.asks+waits {
			rt.Fatalf("a wait of %s was not allowed: %v", waits, last.err)
		}
		if waits == 0 {
			return
		}
		last.MaxWait = waits - 1
		run(t, limit, attempts)
		var busy *BusyError
		if !errors.As(last.err, &busy) || busy.Wait != waits || last.started != last.asks {
			rt.Fatalf("a wait of %s was not foreseen at %s: %v at %s", waits, last.asks, last.err, last.started)
		}
	})
}
