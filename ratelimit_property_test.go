package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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
			holds: seconds(0, 30, "holds") + time.Duration(i*i*i), // cubes: no two end at the same moment
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
func run(t *testing.T, limit RateLimit, change func(*pacer), attempts []*attempt) {
	synctest.Test(t, func(t *testing.T) {
		p, began := mustPacer(t, limit), time.Now()
		change(p)
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
		answer := rapid.SampledFrom([]time.Duration{time.Hour, 25 * time.Second, 10 * time.Second}).Draw(rt, "answer")
		run(t, limit, func(p *pacer) { p.answer = answer }, attempts)
		limit, err := limit.Resolve()
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
		pace := paceOf(limit, answer, started)
		for _, a := range started {
			now := pace(a.started)
			if n := startsUntil(started, a.started); n > now {
				rt.Fatalf("%d calls start in the minute until %s, at a pace of %d", n, a.started, now)
			}
			others := now - limit.RealTimeCalls*now/limit.CallsPerMinute
			if n := startsUntil(rest, a.started); a.class() != RealTime && n > others {
				rt.Fatalf("%d calls that are not real time start in the minute until %s, at a pace of %d", n, a.started, others)
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

// paceOf tells how many calls a minute are in force at a moment, from what became of the attempts.
func paceOf(limit RateLimit, answer time.Duration, started []*attempt) func(time.Duration) int {
	type change struct {
		at   time.Duration
		pace int
	}
	full, halved := limit.CallsPerMinute, time.Duration(0)
	known, answered := full, false
	changes := []change{{0, full}}
	byEnd := slices.SortedFunc(slices.Values(started), func(a, b *attempt) int { return cmp.Compare(a.ended, b.ended) })
	for _, a := range byEnd {
		last := changes[len(changes)-1]
		left := a.deadline > 0 && a.ended >= a.asks+a.deadline || a.cancels > 0 && a.ended >= a.asks+a.cancels
		switch {
		case a.Transfer || a.started < halved: // which says nothing about the pace in force
		case a.ended-a.started >= answer:
			half := max(1, last.pace/2)
			if answered {
				known = half
			}
			halved, answered = a.ended, false
			changes = append(changes, change{a.ended, half})
		case left:
		default:
			answered = true
			if last.pace == full || a.ended-last.at < time.Minute {
				continue
			}
			more := last.pace + max(1, full/100)
			if last.pace < known {
				more = min(2*last.pace, known)
			}
			changes = append(changes, change{a.ended, min(more, full)})
		}
	}
	return func(at time.Duration) int {
		after := slices.IndexFunc(changes, func(c change) bool { return c.at > at })
		if after < 0 {
			after = len(changes)
		}
		return changes[after-1].pace
	}
}

// startsUntil counts the starts of the 60 seconds that end with a moment.
func startsUntil(calls []*attempt, moment time.Duration) (n int) {
	for _, c := range calls {
		if c.started > moment-time.Minute && c.started <= moment {
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

// Whatever others do, real-time calls that stay within what is kept for them never wait. What is kept shrinks with the
// pace.
func TestRealTimeIsNeverStarved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := RateLimit{CallsPerMinute: 20, Concurrent: 4, RealTimeCalls: 6, RealTimeSlots: 2}
		pace := rapid.SampledFrom([]int{20, 17, 14, 10, 7, 4}).Draw(rt, "pace")
		every := time.Minute / time.Duration(6*pace/20)
		attempts := attemptsOf(rt, BackgroundWork, Polling, Listing)
		first := time.Duration(rapid.IntRange(0, 9999).Draw(rt, "first")) * time.Millisecond
		var realTime []*attempt
		for i := range 30 { // each for less than twice as long as until the next one
			holds := time.Duration(rapid.IntRange(0, 19).Draw(rt, "real time holds")) * time.Second
			realTime = append(realTime, &attempt{asks: first + time.Duration(i)*every, holds: holds})
		}
		run(t, limit, atPace(pace), append(attempts, realTime...))
		for _, a := range realTime {
			if a.err != nil || a.started != a.asks {
				rt.Fatalf("asked at %s, started at %s: %v", a.asks, a.started, a.err)
			}
		}
	})
}

// atPace keeps the pace where a slow service brought it.
func atPace(pace int) func(*pacer) {
	return func(p *pacer) { p.tempo.pace, p.tempo.changed, p.answer = pace, math.MaxInt64, time.Hour }
}

// With slots for all, the forecast is exact unless somebody overtakes: who is refused could not have started in time.
func TestTheForecastIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := limitOf(rt)
		limit.Concurrent, limit.RealTimeSlots = 1000, 1
		pace := rapid.IntRange(1, limit.CallsPerMinute).Draw(rt, "pace")
		class := rapid.SampledFrom([]Class{RealTime, Listing}).Draw(rt, "one class")
		attempts := attemptsOf(rt, class)
		for _, a := range attempts {
			a.Transfer, a.MaxWait, a.deadline, a.cancels = false, 0, 0, 0
		}
		last := attempts[len(attempts)-1]
		run(t, limit, atPace(pace), attempts)
		waits := last.started - last.asks

		last.MaxWait = max(waits, 1)
		run(t, limit, atPace(pace), attempts)
		if last.err != nil || last.started != last.asks+waits {
			rt.Fatalf("a wait of %s was not allowed: %v", waits, last.err)
		}
		if waits == 0 {
			return
		}
		last.MaxWait = waits - 1
		run(t, limit, atPace(pace), attempts)
		var busy *BusyError
		if !errors.As(last.err, &busy) || busy.Wait != waits || last.started != last.asks {
			rt.Fatalf("a wait of %s was not foreseen at %s: %v at %s", waits, last.asks, last.err, last.started)
		}
	})
}
