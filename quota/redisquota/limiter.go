package redisquota

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/actito-go/actito"
)

const (
	// tolerance is how long after its stamp in Redis a start may take place without being stamped again.
	tolerance = 50 * time.Millisecond
	// answerWithin is how long an answer of Redis is waited for. What it lets start later than that is given back.
	answerWithin = time.Second
	// farewell is how long a release waits until Redis has heard of it. A process that exits right after its last call
	// would otherwise leave the slot to its lease.
	farewell = 250 * time.Millisecond
)

// Limiter is an [actito.Limiter] in Redis. There is nothing to close: while no call waits or is in flight it does nothing.
type Limiter struct {
	rdb     redis.UniversalClient
	keys    []string
	licence string
	rate    actito.RateLimit // resolved
	alone   actito.Limiter
	logger  *slog.Logger
	me      string        // what ids of this limiter begin with
	window  time.Duration // in which rate.CallsPerMinute may start
	lease   time.Duration // a slot is free that long after its process was last heard of

	mu      sync.Mutex
	last    int              // the number of the newest call
	waiting map[string]*call // by id, those that Redis shall let start
	held    map[string]*call // by id, those in flight
	late    []start          // those that Redis has no stamp of, or one too old
	unused  []string         // the ids of those that did not start though Redis let them

	news    chan struct{} // closed once Redis has heard what is true now; nil if it has
	talking bool          // talk is running
	pause   time.Duration // after which those who wait ask again
	timer   *time.Timer   // lets talk run again; nil before the first time
	outage  *outage       // nil while Redis answers
}

var _ actito.Limiter = (*Limiter)(nil)

// call is one attempt: it waits, is in flight, and ends.
type call struct {
	actito.Work
	id       string
	asked    time.Time
	deadline time.Time // zero: none
	turn     chan turn // has room for the one turn that ends a wait
}

// turn tells a call that it is in flight, or why not.
type turn struct {
	asked time.Time // when Redis was asked; it stamped the start after that
	err   error
}

// errAgain sends a call back to join: whether Redis can be reached has changed, or its turn came too late to be used.
var errAgain = errors.New("redisquota: ask again")

// start is one that Redis is to stamp.
type start struct {
	id string
	at time.Time
}

// NewLimiter makes a limiter that keeps to the limits together with all others that share its [Licence] in the same
// Redis. It does not connect.
func NewLimiter(rdb redis.UniversalClient, rate actito.RateLimit, opts ...Option) (*Limiter, error) {
	o := options{logger: slog.New(slog.DiscardHandler)}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("redisquota: option %d is nil", i+1)
		}
		opt(&o)
	}
	switch {
	case rdb == nil:
		return nil, errors.New("redisquota: NewLimiter needs a Redis client")
	case o.licence == "":
		return nil, errors.New("redisquota: NewLimiter needs the name of the licence that is shared: give it with Licence")
	case o.logger == nil:
		return nil, errors.New("redisquota: WithLogger needs a logger")
	case rate.Share > 1:
		return nil, fmt.Errorf("redisquota: RateLimit.Share is %d: it divides a licence where nothing is shared; here each program gives the whole of it", rate.Share)
	}
	rate, err := rate.Resolve()
	if err != nil {
		return nil, fmt.Errorf("redisquota: NewLimiter: %w", err)
	}
	if o.alone == nil {
		part := quarter(rate)
		o.alone = &part
	}
	alone, err := actito.NewLimiter(*o.alone)
	if err != nil {
		return nil, fmt.Errorf("redisquota: Alone: %w", err)
	}
	l := &Limiter{
		rdb:     rdb,
		licence: o.licence,
		rate:    rate,
		alone:   alone,
		logger:  o.logger,
		me:      rand.Text()[:12],
		window:  time.Minute,
		lease:   time.Minute,
		waiting: map[string]*call{},
		held:    map[string]*call{},
	}
	for _, key := range []string{"starts", "rest", "slots", "waiting", "callers", "arrivals"} {
		l.keys = append(l.keys, "{actito:"+o.licence+"}:pace:"+key)
	}
	return l, nil
}

func quarter(r actito.RateLimit) actito.RateLimit {
	part := func(n int) int { return max(1, n/4+min(1, n%4)) } // a zero would be the default
	q := actito.RateLimit{CallsPerMinute: part(r.CallsPerMinute), Concurrent: part(r.Concurrent)}
	q.RealTimeCalls = min(part(r.RealTimeCalls), q.CallsPerMinute-1)
	q.RealTimeSlots = min(part(r.RealTimeSlots), q.Concurrent-1)
	return q
}

// Acquire implements [actito.Limiter].
func (l *Limiter) Acquire(ctx context.Context, work actito.Work) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if work.Transfer {
		work.Class = max(work.Class, actito.BackgroundWork)
	}
	c := l.newCall(ctx, work)
	var expired <-chan time.Time
	if work.MaxWait > 0 {
		timer := time.NewTimer(work.MaxWait)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		if l.join(c) {
			release, err = l.await(ctx, c, expired)
		} else {
			release, err = l.startAlone(ctx, c)
		}
		if !errors.Is(err, errAgain) {
			return release, err
		}
	}
}

func (l *Limiter) newCall(ctx context.Context, work actito.Work) *call {
	kind := "b"
	switch {
	case work.Transfer:
		kind = "t"
	case work.Class == actito.RealTime:
		kind = "r"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	c := &call{
		Work:  work,
		id:    fmt.Sprintf("%s%012d%s", l.me, l.last, kind), // sorted by arrival
		asked: time.Now(),
		turn:  make(chan turn, 1),
	}
	c.deadline, _ = ctx.Deadline()
	return c
}

// join makes c wait for Redis, unless that cannot be reached.
func (l *Limiter) join(c *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outage != nil {
		return false
	}
	l.waiting[c.id] = c
	l.say()
	return true
}

func (l *Limiter) await(ctx context.Context, c *call, expired <-chan time.Time) (release func(), err error) {
	var t turn
	select {
	case t = <-c.turn:
	case <-ctx.Done():
		if !l.leave(c) {
			l.giveBack(c)
		}
		return nil, c.busy(ctx.Err())
	case <-expired:
		if l.leave(c) {
			return nil, c.busy(ctx.Err())
		}
		t = <-c.turn
	}
	if t.err != nil {
		return nil, t.err
	}
	switch late := time.Since(t.asked); {
	case late > answerWithin: // this process was stopped, and others may have its slot
		l.giveBack(c)
		return nil, errAgain
	case late > tolerance:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.late = append(l.late, start{c.id, time.Now()})
		l.say()
	}
	return l.releaser(c, func() {}), nil
}

// leave ends the wait of c, unless its turn has come.
func (l *Limiter) leave(c *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[c.id] == nil {
		return false
	}
	delete(l.waiting, c.id)
	l.say()
	return true
}

// giveBack undoes the start of c, if there was one.
func (l *Limiter) giveBack(c *call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[c.id] != nil {
		delete(l.held, c.id)
		l.unused = append(l.unused, c.id)
		l.say()
	}
}

// startAlone lets c start without Redis, or sends it back as soon as that answers.
func (l *Limiter) startAlone(ctx context.Context, c *call) (release func(), err error) {
	aloneCtx, back := context.WithCancel(ctx)
	defer func() {
		if release == nil {
			back()
		}
	}()
	l.mu.Lock()
	if l.outage == nil {
		l.mu.Unlock()
		return nil, errAgain
	}
	l.outage.waiting[c.id] = back
	l.say()
	l.mu.Unlock()

	work := c.Work
	if work.MaxWait > 0 {
		if work.MaxWait -= time.Since(c.asked); work.MaxWait <= 0 {
			work.MaxWait = -1
		}
	}
	free, err := l.alone.Acquire(aloneCtx, work)

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outage != nil {
		delete(l.outage.waiting, c.id)
	}
	switch {
	case err == nil:
		l.held[c.id] = c
		l.late = append(l.late, start{c.id, time.Now()})
		l.say()
		return l.releaser(c, func() {
			free() // before back: the pace recovers by calls whose context is not over
			back()
		}), nil
	case errors.Is(err, context.Canceled) && ctx.Err() == nil:
		return nil, errAgain
	}
	return nil, err
}

// releaser returns what ends c.
func (l *Limiter) releaser(c *call, free func()) func() {
	return sync.OnceFunc(func() {
		free()
		l.mu.Lock()
		delete(l.held, c.id)
		heard := l.say()
		reachable := l.outage == nil
		l.mu.Unlock()
		if reachable {
			select {
			case <-heard:
			case <-time.After(farewell):
			}
		}
	})
}

// patience returns how many milliseconds c may still wait; negative: none.
func (c *call) patience() int64 {
	const forever = 1 << 50
	patience := int64(forever)
	limit := func(d time.Duration) {
		if d < 0 {
			patience = -1
		}
		patience = min(patience, d.Milliseconds())
	}
	if !c.deadline.IsZero() {
		limit(time.Until(c.deadline) - 1) // a start at the deadline itself is too late
	}
	switch {
	case c.MaxWait > 0:
		limit(c.MaxWait - time.Since(c.asked))
	case c.MaxWait < 0:
		limit(c.MaxWait)
	}
	return patience
}

// busy is the error of a wait that ended without a turn. The context's error is why, if there is one.
func (c *call) busy(ctxErr error) error {
	if errors.Is(ctxErr, context.Canceled) {
		return ctxErr
	}
	return &actito.BusyError{Op: c.Op, Class: c.Class, Wait: time.Since(c.asked), Err: ctxErr}
}
