package actito

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Class orders calls that wait for the licence's pace: the lower one goes first.
type Class uint8

// The classes of calls.
const (
	RealTime       Class = iota // handlers: the default of 1-by-1 calls
	BackgroundWork              // see [Background]; uploads and downloads of imports
	Polling                     // waiting for executions
	Listing                     // lists and look-ups
)

func (c Class) String() string {
	return [...]string{"real time", "background", "polling", "listing"}[min(c, Listing)]
}

// Work is one attempt that asks for its turn.
type Work struct {
	Op       string        // what is attempted, such as "upsert profile"; shown in a [BusyError]
	Class    Class         // a transfer is never real time: RealTime counts as BackgroundWork there
	Transfer bool          // an upload or download, which may hold its slot for minutes
	MaxWait  time.Duration // how long the turn may take to come; 0: as long as the context allows; negative: no wait
}

// Limiter paces the attempts of calls.
//
// Acquire blocks until the attempt may start and returns what to call once it ended, its body read; calling that more
// than once changes nothing. Acquire fails
//   - with the context's error if the context is cancelled, or was over before;
//   - with a [BusyError], at once, if the turn cannot come before the context's deadline or within MaxWait;
//   - with a [BusyError] after a wait that nobody could foresee, such as one for other calls to end. It unwraps to the
//     context's error if the deadline ended the wait.
//
// A Limiter is safe for concurrent use.
type Limiter interface {
	Acquire(ctx context.Context, w Work) (release func(), err error)
}

// RateLimit says how many calls the licence allows this client. The zero value is the licence's base: 100 calls a
// minute and 5 at once (documented). Programs that share a licence share its limits: give each its part, or its Share
// if they are replicas of one program.
//
// Not more than CallsPerMinute start in any 60 seconds, whichever second they begin with; within that, bursts are not
// delayed. Not more than Concurrent are in flight. Real-time calls go before background work, that before polling,
// that before listing; within a class, whoever came first goes first. Every attempt counts, so does every call for a
// token, which never waits: when one is fetched under full load, one call more may start in that minute and be in flight.
//
// An upload or download starts only where two slots stay free for shorter calls, or all but one with a Concurrent of
// one or two.
//
// Actito does not refuse calls above its limit, it slows them down, more each time (documented). That shows as attempts
// that time out ([Timeouts].Answer), and then fewer calls are made: half as many a minute, at least one, and half again
// if one that started since then times out too. RealTimeCalls shrinks in proportion. While answers are fast, each minute
// brings back some of it, up to CallsPerMinute.
type RateLimit struct {
	// CallsPerMinute is from 1 to 100,000. 0 is 100, above which Actito slows the licence down (documented).
	CallsPerMinute int
	// Concurrent is at least 1. 0 is 5, above which Actito answers 429 (documented).
	Concurrent int
	// RealTimeCalls of the calls of any 60 seconds are kept for real time, less than CallsPerMinute. 0 is 20, or all
	// but one with a smaller CallsPerMinute. Handlers whose calls come in larger bursts, and must not wait, need more.
	RealTimeCalls int
	// RealTimeSlots of the concurrent calls are kept for real time, less than Concurrent. 0 is 2, or all but one with
	// a smaller Concurrent.
	RealTimeSlots int
	// Share is how many replicas of the program share these limits, without knowing of each other: each takes every
	// field divided by Share and rounded down, so that all of them together never exceed the licence's. Of what real
	// time keeps it takes less, if nothing were left for other calls. 0 and 1 are a program that is alone. A replica
	// whose part is a single slot lends it to an upload for as long as that takes.
	Share int
}

// Resolve returns the limits as a [Limiter] has to keep them: with every zero filled in, and of one replica's Share. It
// fails for limits that would stop a class for ever. It is for limiters that are written elsewhere and configured alike.
func (r RateLimit) Resolve() (RateLimit, error) {
	const mostCalls = 100_000 // each start of the last minute is remembered
	for _, f := range []struct {
		name  string
		value int
	}{
		{"CallsPerMinute", r.CallsPerMinute},
		{"Concurrent", r.Concurrent},
		{"RealTimeCalls", r.RealTimeCalls},
		{"RealTimeSlots", r.RealTimeSlots},
		{"Share", r.Share},
	} {
		if f.value < 0 {
			return r, fmt.Errorf("actito: RateLimit.%s is %d: it must be positive, or 0 for the default", f.name, f.value)
		}
	}
	if r.CallsPerMinute > mostCalls {
		return r, fmt.Errorf("actito: RateLimit.CallsPerMinute is %d: at most %d are possible", r.CallsPerMinute, mostCalls)
	}
	r.CallsPerMinute = cmp.Or(r.CallsPerMinute, 100)
	r.Concurrent = cmp.Or(r.Concurrent, 5)
	r.RealTimeCalls = cmp.Or(r.RealTimeCalls, min(20, r.CallsPerMinute-1))
	r.RealTimeSlots = cmp.Or(r.RealTimeSlots, min(2, r.Concurrent-1))
	if r.RealTimeCalls >= r.CallsPerMinute {
		return r, fmt.Errorf("actito: RateLimit.RealTimeCalls is %d of %d calls a minute: nothing is left for other calls",
			r.RealTimeCalls, r.CallsPerMinute)
	}
	if r.RealTimeSlots >= r.Concurrent {
		return r, fmt.Errorf("actito: RateLimit.RealTimeSlots is %d of %d concurrent calls: nothing is left for other calls",
			r.RealTimeSlots, r.Concurrent)
	}
	return r.part()
}

// part is what one of the replicas takes.
func (r RateLimit) part() (RateLimit, error) {
	replicas := max(1, r.Share)
	if most := min(r.CallsPerMinute, r.Concurrent); replicas > most {
		return r, fmt.Errorf("actito: RateLimit.Share is %d: that many replicas cannot have a part each of %d calls a minute and %d at once: "+
			"run at most %d, let one process send for all, or let them share a limiter through Redis, see WithLimiter",
			r.Share, r.CallsPerMinute, r.Concurrent, most)
	}
	p := RateLimit{CallsPerMinute: r.CallsPerMinute / replicas, Concurrent: r.Concurrent / replicas}
	p.RealTimeCalls = min(r.RealTimeCalls/replicas, p.CallsPerMinute-1)
	p.RealTimeSlots = min(r.RealTimeSlots/replicas, p.Concurrent-1)
	return p, nil
}

// NewLimiter makes the limiter that a client has built in: for a [Limiter] that wraps it, and for several clients of one
// licence in one process, each of which is given it by [WithLimiter]. An attempt that takes 30 s, the default of
// [Timeouts].Answer, counts as timed out.
func NewLimiter(r RateLimit) (Limiter, error) {
	p, err := newPacer(r, defaultAnswer)
	if err != nil {
		return nil, err // not a nil *pacer
	}
	return p, nil
}

// NoRateLimit is a [Limiter] that lets every attempt start at once, for tests against a fake:
//
//	actito.WithLimiter(actito.NoRateLimit{})
type NoRateLimit struct{}

// Acquire implements [Limiter]. It fails only if the context is over.
func (NoRateLimit) Acquire(ctx context.Context, _ Work) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return func() {}, nil
}
