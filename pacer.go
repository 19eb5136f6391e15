package actito

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
	"sync"
	"time"
)

// pacer is the Limiter of one process.
//
// All who wait stand in one queue, and only its first is looked at. That is enough: what holds up a real-time call
// holds up everybody, and what holds up background work holds up the classes below it. The exception, a transfer that
// finds slots but not enough of them, holds up those behind it on purpose: short calls would otherwise take each slot
// that becomes free, and the transfer would never start.
type pacer struct {
	limit    RateLimit
	answer   time.Duration // an attempt that takes as long has timed out
	transfer int           // a transfer starts while fewer than this are in flight
	epoch    time.Time     // moments are counted from here, on the monotonic clock

	mu           sync.Mutex
	tempo        tempo
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
	ctx      context.Context //nolint:containedctx // the attempt's own; it lives as long as the attempt
	inFlight bool
	round    uint32        // of the tempo, when it started
	started  time.Duration // when
	ready    chan struct{} // closed when it starts; nil if it started at once
}

func newPacer(r RateLimit, answer time.Duration) (*pacer, error) {
	r, err := r.Resolve()
	if err != nil {
		return nil, err
	}
	return &pacer{
		limit:    r,
		answer:   answer,
		transfer: r.Concurrent - min(2, r.Concurrent-1),
		epoch:    time.Now(),
		tempo:    newTempo(r.CallsPerMinute),
		all:      newStartLog(r.CallsPerMinute),
		rest:     newStartLog(r.CallsPerMinute - r.RealTimeCalls),
	}, nil
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

// charge starts a call that must not wait, one for a token. It is not taken from what real time keeps.
//
// assumed: Actito counts these too; the documentation does not say.
func (p *pacer) charge() (release func()) {
	w := &waiter{Work: Work{Class: BackgroundWork, Transfer: true}, pacer: p} // whose time says nothing about the pace
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start(w, p.now())
	return w.release
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
	p := w.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if w.inFlight && !w.Transfer && w.round == p.tempo.round {
		switch {
		case now-w.started >= p.answer:
			p.tempo.slowDown(now)
		case w.ctx.Err() == nil: // else its caller ended it, and nobody knows how long it would have taken
			p.tempo.speedUp(now)
		}
	}
	p.finish(w, now)
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
	at := p.all.opens(p.tempo.pace)
	if c != RealTime {
		at = max(at, p.rest.opens(p.restPace()))
	}
	return at
}

// restPace is how many calls a minute real time leaves to the others: it keeps its part of the pace that is in force.
func (p *pacer) restPace() int {
	return p.tempo.pace - p.limit.RealTimeCalls*p.tempo.pace/p.limit.CallsPerMinute
}

func (p *pacer) start(w *waiter, now time.Duration) {
	p.all.add(now)
	p.inFlight++
	if w.Class != RealTime {
		p.rest.add(now)
		p.restInFlight++
	}
	w.inFlight, w.started, w.round = true, now, p.tempo.round
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

// foresee returns the moment at which w starts if nobody comes before it, every slot is free in time, and the pace
// stays.
func (p *pacer) foresee(w *waiter, now time.Duration) time.Duration {
	all, rest := p.all.clone(), p.rest.clone()
	at := now
	for _, ahead := range p.queue {
		if ahead != w && ahead.ctx.Err() != nil { // it is about to go
			continue
		}
		at = max(at, all.opens(p.tempo.pace))
		if ahead.Class != RealTime {
			at = max(at, rest.opens(p.restPace()))
			rest.add(at)
		}
		all.add(at)
		if ahead == w {
			break
		}
	}
	return at
}

// startLog remembers as many starts as a minute may ever have.
type startLog struct {
	starts []time.Duration // a ring
	oldest int
}

func newStartLog(perMinute int) startLog {
	return startLog{starts: slices.Repeat([]time.Duration{-time.Minute}, perMinute)}
}

// opens returns the moment of the next start at a pace of at most as many starts as are remembered. It is a minute
// after the start that many before, so that 60 seconds, the first instant included and the last one not, never hold
// more.
func (l *startLog) opens(pace int) time.Duration {
	i := l.oldest - pace
	if i < 0 {
		i += len(l.starts)
	}
	return l.starts[i] + time.Minute
}

func (l *startLog) add(at time.Duration) {
	l.starts[l.oldest] = at
	if l.oldest++; l.oldest == len(l.starts) {
		l.oldest = 0
	}
}

func (l *startLog) clone() startLog { return startLog{slices.Clone(l.starts), l.oldest} }

// tempo is how many calls a minute are in force: the configured ones, or fewer while the service is slow.
//
// A time-out halves them, so that a few are enough to get below any limit. A minute of fast answers then adds one per
// cent of the configured ones, since steps that small find a limit that nobody told with a single call too many. What
// was lost while no attempt at all was answered comes back by doubling: a service that is down says nothing about the
// pace.
type tempo struct {
	full     int
	pace     int           // in force, from 1 to full
	known    int           // up to here it doubles: half of the latest pace that brought both answers and time-outs
	round    uint32        // counts the time-outs that mattered; attempts of an earlier one started at another pace
	answered bool          // an attempt of this round was fast
	changed  time.Duration // when the pace changed last
}

func newTempo(callsPerMinute int) tempo {
	return tempo{full: callsPerMinute, pace: callsPerMinute, known: callsPerMinute}
}

// slowDown is told of an attempt of this round that timed out.
func (t *tempo) slowDown(now time.Duration) {
	slower := max(1, t.pace/2)
	if t.answered {
		t.known = slower
	}
	t.pace, t.changed, t.answered = slower, now, false
	t.round++
}

// speedUp is told of an attempt of this round that did not.
func (t *tempo) speedUp(now time.Duration) {
	t.answered = true
	if t.pace == t.full || now-t.changed < time.Minute {
		return
	}
	faster := t.pace + max(1, t.full/100)
	if t.pace < t.known {
		faster = min(2*t.pace, t.known)
	}
	t.pace, t.changed = min(faster, t.full), now
}
