package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
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
// minute and 5 at once (documented). Programs that share a licence share its limits: give each its part.
//
// Not more than CallsPerMinute start in any 60 seconds, whichever second they begin with; within that, bursts are not
// delayed. Not more than Concurrent are in flight. Real-time calls go before background work, that before polling,
// that before listing; within a class, whoever came first goes first. Every attempt counts, so does every call for a
// token, which never waits: in the minute in which one is fetched under full load, one call more may start.
//
// An upload or download starts only where two slots stay free for shorter calls, or all but one with a Concurrent of
// one or two.
type RateLimit struct {
	// CallsPerMinute is from 1 to 100,000. 0 is 100, above which Actito slows the licence down (documented).
	CallsPerMinute int
	// Concurrent is at least 1. 0 is 5, above which Actito answers 429 (documented).
	Concurrent int
	// RealTimeCalls of the calls of any 60 seconds are kept for real time, less than CallsPerMinute. 0 is 20, or all
	// but one with a smaller CallsPerMinute.
	RealTimeCalls int
	// RealTimeSlots of the concurrent calls are kept for real time, less than Concurrent. 0 is 2, or all but one with
	// a smaller Concurrent.
	RealTimeSlots int
}

// Resolve returns the limits with every zero filled in, as a [Limiter] has to keep them, or says why they cannot work.
// It is for limiters that are written elsewhere and configured alike.
func (r RateLimit) Resolve() (RateLimit, error) { return r.withDefaults() }

// withDefaults fills in the zeros and refuses what would stop a class for ever.
func (r RateLimit) withDefaults() (RateLimit, error) {
	const mostCalls = 100_000 // each start of the last minute is remembered
	for _, f := range []struct {
		name  string
		value int
	}{
		{"CallsPerMinute", r.CallsPerMinute},
		{"Concurrent", r.Concurrent},
		{"RealTimeCalls", r.RealTimeCalls},
		{"RealTimeSlots", r.RealTimeSlots},
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
	return r, nil
}

// pacer is the Limiter of one process.
//
// All who wait stand in one queue, and only its first is looked at. That is enough: what holds up a real-time call
// holds up everybody, and what holds up background work holds up the classes below it. The exception, a transfer that
// finds slots but not enough of them, holds up those behind it on purpose: short calls would otherwise take each slot
// that becomes free, and the transfer would never start.
type pacer struct {
	limit    RateLimit
	transfer int       // a transfer starts while fewer than this are in flight
	epoch    time.Time // moments are counted from here, on the monotonic clock

	mu           sync.Mutex
	all          startLog // the newest CallsPerMinute starts
	rest         startLog // those that are not real time, as many as real time leaves them
	inFlight     int
	restInFlight int
	queue        []*waiter   // by class, then by arrival
	timer        *time.Timer // nil while nobody waits
}

// waiter is one attempt: in the queue, then in flight, then done.
type waiter struct {
	Work
	pacer    *pacer
	ctx      context.Context //nolint:containedctx // the attempt's own; it lives as long as its wait
	inFlight bool
	ready    chan struct{} // closed when it starts; nil if it started at once
}

func newPacer(r RateLimit) (*pacer, error) {
	r, err := r.withDefaults()
	if err != nil {
		return nil, err
	}
	return &pacer{
		limit:    r,
		transfer: r.Concurrent - min(2, r.Concurrent-1),
		epoch:    time.Now(),
		all:      newStartLog(r.CallsPerMinute),
		rest:     newStartLog(r.CallsPerMinute - r.RealTimeCalls),
	}, nil
}

// NewLimiter makes the limiter that a client has built in: for a [Limiter] that wraps it, and for several clients of one
// licence in one process, each of which is given it by [WithLimiter].
func NewLimiter(r RateLimit) (Limiter, error) {
	p, err := newPacer(r)
	if err != nil {
		return nil, err // not a nil *pacer
	}
	return p, nil
}

// Acquire implements [Limiter].
func (p *pacer) Acquire(ctx context.Context, work Work) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if work.Transfer {
		work.Class = max(work.Class, BackgroundWork)
	}
	w := &waiter{Work: work, pacer: p, ctx: ctx}

	p.mu.Lock()
	now := p.now()
	p.enqueue(w)
	p.dispatch(now)
	if w.inFlight {
		p.mu.Unlock()
		return w.release, nil
	}
	if patience := w.patience(); patience < math.MaxInt64 {
		if wait := p.foresee(w, now) - now; wait > patience {
			p.drop(w, now)
			p.mu.Unlock()
			return nil, &BusyError{Op: w.Op, Class: w.Class, Wait: wait}
		}
	}
	w.ready = make(chan struct{})
	p.mu.Unlock()

	var expired <-chan time.Time
	if w.MaxWait > 0 {
		timer := time.NewTimer(w.MaxWait)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-w.ready:
		return w.release, nil
	case <-ctx.Done():
	case <-expired:
	}
	return p.giveUp(w, now)
}

// charge counts a call that does not wait, one for a token. It is not taken from what real time keeps.
//
// assumed: Actito counts these too; the documentation does not say.
func (p *pacer) charge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.all.add(now)
	p.rest.add(now)
}

func (p *pacer) now() time.Duration { return time.Since(p.epoch) }

// patience returns how long w may wait, math.MaxInt64 for ever.
func (w *waiter) patience() time.Duration {
	patience := time.Duration(math.MaxInt64)
	if deadline, ok := w.ctx.Deadline(); ok {
		patience = time.Until(deadline) - 1 // a start at the deadline itself is too late
	}
	if w.MaxWait != 0 {
		patience = min(patience, w.MaxWait)
	}
	return patience
}

// giveUp ends a wait since the moment asked because the context is over or MaxWait has passed.
func (p *pacer) giveUp(w *waiter, asked time.Duration) (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	err = w.ctx.Err()
	if err == nil {
		p.dispatch(now) // MaxWait may pass in the very moment in which the minute does
		if w.inFlight {
			return w.release, nil
		}
	}
	p.finish(w, now) // it may have started since
	p.drop(w, now)
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	return nil, &BusyError{Op: w.Op, Class: w.Class, Wait: now - asked, Err: err}
}

func (w *waiter) release() {
	w.pacer.mu.Lock()
	defer w.pacer.mu.Unlock()
	w.pacer.finish(w, w.pacer.now())
}

func (p *pacer) finish(w *waiter, now time.Duration) {
	if !w.inFlight {
		return
	}
	w.inFlight = false
	p.inFlight--
	if w.Class != RealTime {
		p.restInFlight--
	}
	p.dispatch(now)
}

func (p *pacer) enqueue(w *waiter) {
	behind := sort.Search(len(p.queue), func(i int) bool { return p.queue[i].Class > w.Class })
	p.queue = slices.Insert(p.queue, behind, w)
}

func (p *pacer) drop(w *waiter, now time.Duration) {
	if i := slices.Index(p.queue, w); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
		p.dispatch(now)
	}
}

// dispatch starts those who may start, in order, and sees to it that somebody calls it again for the first who may
// not: a call that ends, or the timer.
func (p *pacer) dispatch(now time.Duration) {
	for len(p.queue) > 0 {
		w := p.queue[0]
		if w.ctx.Err() == nil { // else it is about to go, and must not use up a start
			if !p.hasSlot(w) {
				return
			}
			if at := p.opens(w.Class); at > now {
				p.wakeIn(at - now)
				return
			}
			p.start(w, now)
		}
		p.queue = slices.Delete(p.queue, 0, 1)
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

func (p *pacer) hasSlot(w *waiter) bool {
	switch {
	case w.Transfer && p.inFlight >= p.transfer:
		return false
	case w.Class != RealTime && p.restInFlight >= p.limit.Concurrent-p.limit.RealTimeSlots:
		return false
	}
	return p.inFlight < p.limit.Concurrent
}

// opens returns the first moment at which the minute has room for a start of this class.
func (p *pacer) opens(c Class) time.Duration {
	if c == RealTime {
		return p.all.opens()
	}
	return max(p.all.opens(), p.rest.opens())
}

func (p *pacer) start(w *waiter, now time.Duration) {
	p.all.add(now)
	p.inFlight++
	if w.Class != RealTime {
		p.rest.add(now)
		p.restInFlight++
	}
	w.inFlight = true
	if w.ready != nil {
		close(w.ready)
	}
}

func (p *pacer) wakeIn(d time.Duration) {
	if p.timer != nil {
		p.timer.Reset(d)
		return
	}
	p.timer = time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dispatch(p.now())
	})
}

// foresee returns the moment at which w starts if nobody comes before it and every slot is free in time.
func (p *pacer) foresee(w *waiter, now time.Duration) time.Duration {
	all, rest := p.all.clone(), p.rest.clone()
	at := now
	for _, ahead := range p.queue {
		at = max(at, all.opens())
		if ahead.Class != RealTime {
			at = max(at, rest.opens())
			rest.add(at)
		}
		all.add(at)
		if ahead == w {
			break
		}
	}
	return at
}

// startLog remembers as many starts as a minute may have. One more may start a minute after the oldest of them, so
// that 60 seconds, the first instant included and the last one not, never hold more.
type startLog struct {
	starts []time.Duration // a ring
	oldest int
}

func newStartLog(perMinute int) startLog {
	return startLog{starts: slices.Repeat([]time.Duration{-time.Minute}, perMinute)}
}

func (l *startLog) opens() time.Duration { return l.starts[l.oldest] + time.Minute }

func (l *startLog) add(at time.Duration) {
	l.starts[l.oldest] = at
	l.oldest = (l.oldest + 1) % len(l.starts)
}

func (l *startLog) clone() startLog { return startLog{slices.Clone(l.starts), l.oldest} }
