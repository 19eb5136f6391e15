package redisquota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
)

// attempt is one call of a run: what it asks for, and what became of it.
type attempt struct {
	actito.Work
	process int
	asks    time.Duration
	holds   time.Duration
	cancels time.Duration // 0: never

	started, ended time.Duration // both are when the wait failed, if it did
	err            error
}

// class is the one that a waits in.
func (a *attempt) class() actito.Class {
	if a.Transfer {
		return max(a.Class, actito.BackgroundWork)
	}
	return a.Class
}

// carryOut lets the attempt happen.
func (a *attempt) carryOut(t testing.TB, p *process, began time.Time) {
	time.Sleep(a.asks)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
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
}

const (
	propertyMinute = 10 * time.Second
	slowest        = 150 * time.Millisecond // there, and back
)

func TestThePaceHoldsForAllProcessesTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(from, to int, what string) int { return rapid.IntRange(from, to).Draw(rt, what) }
		ms := func(from, to int, what string) time.Duration {
			return time.Duration(draw(from, to, what)) * time.Millisecond
		}
		calls, concurrent := draw(1, 10, "calls"), draw(1, 6, "concurrent")
		limit, err := actito.RateLimit{
			CallsPerMinute: calls,
			Concurrent:     concurrent,
			RealTimeCalls:  draw(0, calls-1, "real-time calls"),
			RealTimeSlots:  draw(0, concurrent-1, "real-time slots"),
		}.Resolve()
		require.NoError(rt, err)
		ways := make([]weather, draw(1, 3, "processes"))
		for i := range ways {
			ways[i] = weather{there: ms(0, int(slowest.Milliseconds()), "there"), back: ms(0, int(slowest.Milliseconds()), "back")}
		}
		attempts := make([]*attempt, draw(1, 20, "attempts"))
		var at time.Duration
		for i := range attempts {
			at += ms(0, 1500, "gap")
			attempts[i] = &attempt{
				Work: actito.Work{
					Op:       fmt.Sprint(i),
					Class:    actito.Class(draw(0, 3, "class")),
					Transfer: draw(0, 4, "transfer") == 0,
				},
				process: draw(0, len(ways)-1, "process"),
				asks:    at,
				holds:   ms(0, 2000, "holds"),
			}
			switch draw(0, 5, "patience") {
			case 0:
				attempts[i].MaxWait = ms(1, 15_000, "max wait")
			case 1:
				attempts[i].cancels = ms(1, 15_000, "cancels")
			}
		}

		virtual(t, func(t *testing.T, w *world) {
			w.minute = propertyMinute
			processes := make([]*process, len(ways))
			for i := range ways {
				processes[i] = w.process(limit)
				release, err := processes[i].Acquire(t.Context(), actito.Work{}) // from here on it is connected
				require.NoError(t, err)
				release()
				processes[i].way.set(func(w *way) { w.weather = ways[i] })
			}
			time.Sleep(propertyMinute + time.Second)
			var all sync.WaitGroup
			began := time.Now()
			for _, a := range attempts {
				all.Go(func() { a.carryOut(t, processes[a.process], began) })
			}
			all.Wait()
			for _, p := range processes {
				require.Nil(t, p.outage)
			}
		})

		checkLimits(rt, limit, propertyMinute, attempts)
		for _, a := range attempts {
			checkOrder(rt, attempts, a)
			checkEnd(rt, a)
		}
	})
}

// checkLimits holds what happened against what is promised, for any instant and any minute.
func checkLimits(t require.TestingT, limit actito.RateLimit, minute time.Duration, attempts []*attempt) {
	var started, rest []*attempt
	for _, a := range attempts {
		if a.err != nil {
			continue
		}
		started = append(started, a)
		if a.class() != actito.RealTime {
			rest = append(rest, a)
		}
	}
	for _, a := range started {
		require.LessOrEqual(t, startsIn(started, a.started, minute), limit.CallsPerMinute, "calls in the minute from %s", a.started)
		require.LessOrEqual(t, startsIn(rest, a.started, minute), limit.CallsPerMinute-limit.RealTimeCalls,
			"calls that are not real time in the minute from %s", a.started)
		require.Less(t, inFlight(started, a, a.started, a.started), limit.Concurrent, "calls in flight when %s starts", a.Op)
		if a.Transfer { // those that Redis let start after it may have taken what it left free
			before := inFlight(started, a, a.started-slowest, a.started)
			require.LessOrEqual(t, before, limit.Concurrent-1-min(2, limit.Concurrent-1), "calls in flight before the transfer %s starts", a.Op)
		}
		if a.class() != actito.RealTime {
			require.Less(t, inFlight(rest, a, a.started, a.started), limit.Concurrent-limit.RealTimeSlots, "calls that are not real time in flight when %s starts", a.Op)
		}
	}
}

func startsIn(calls []*attempt, from, minute time.Duration) (n int) {
	for _, c := range calls {
		if c.started >= from && c.started < from+minute {
			n++
		}
	}
	return n
}

// inFlight counts the other calls that are in flight from one moment to another, both left out: what starts or ends in
// the very moment in which a call starts may have come before it or after.
func inFlight(calls []*attempt, a *attempt, from, to time.Duration) (n int) {
	for _, c := range calls {
		if c != a && c.started < from && c.ended > to {
			n++
		}
	}
	return n
}

// checkOrder fails if somebody behind a started long before it, unless somebody ahead of it took what was kept for a.
func checkOrder(t *rapid.T, attempts []*attempt, a *attempt) {
	const heard = 4 * slowest // what is asked and answered while another message is on its way
	ahead := func(b, a *attempt) bool {
		return b.class() < a.class() || b.class() == a.class() && b.asks < a.asks+heard
	}
	for _, b := range attempts {
		if b.err != nil || b == a || ahead(b, a) || a.asks+heard > b.started || b.started+longest+heard > a.started {
			continue
		}
		taken := false
		for _, c := range attempts {
			taken = taken || c != a && c.err == nil && ahead(c, a) && c.started > b.started-longest-heard && c.started <= a.started
		}
		if !taken {
			t.Fatalf("%s starts at %s and overtakes %s, which waits from %s to %s", b.Op, b.started, a.Op, a.asks, a.started)
		}
	}
}

// checkEnd holds a wait against what it was allowed.
func checkEnd(t *rapid.T, a *attempt) {
	const answered = 4 * slowest
	waited := a.started - a.asks
	var busy *actito.BusyError
	switch {
	case a.err == nil:
		if a.MaxWait > 0 && waited > a.MaxWait || a.cancels > 0 && waited > a.cancels {
			t.Fatalf("%s starts after %s, too late", a.Op, waited)
		}
	case errors.As(a.err, &busy) && waited < a.MaxWait:
		if busy.Wait+waited <= a.MaxWait || waited > answered {
			t.Fatalf("%s is refused after %s for a wait of %s, which is allowed", a.Op, waited, busy.Wait)
		}
	case errors.As(a.err, &busy):
		if a.MaxWait == 0 || waited != a.MaxWait {
			t.Fatalf("%s fails after %s: %v", a.Op, waited, a.err)
		}
	case !errors.Is(a.err, context.Canceled) || a.cancels == 0 || waited != a.cancels:
		t.Fatalf("%s fails after %s: %v", a.Op, waited, a.err)
	}
}
