package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	urgentEvery = 200 * time.Millisecond // how often the outbox is asked for urgent events
	othersEvery = time.Second            // and for others, when there are none
	grace       = 10 * time.Second       // for calls under way when a process stops
)

// Run drains the outbox while this process holds the lease, and otherwise waits for it. Start it in every process: one
// works, and another goes on when that one stops or dies. It returns nil soon after ctx ends: calls on the wire get ten
// seconds to end, and the lease is given back. A lane that was refused, or an outbox that cannot be read at the start, is
// an error; after that, problems of the database are logged and waited out.
func (f *Feed) Run(ctx context.Context) error {
	lanes, err := f.all()
	if err != nil {
		return err
	}
	f.runs(1)
	defer f.runs(-1)
	if _, err := f.store.Lease(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("feed: run: %w", err)
	}
	for {
		lease, until, err := f.stand(ctx)
		if err != nil {
			return nil
		}
		_ = f.drain(ctx, lease.Fence, until, lanes, false) // a lost lease, which the next holder has
	}
}

func (f *Feed) runs(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += n
}

// Drain delivers what can be delivered now, and returns when nothing is left that could go: it is for job runners that
// call it every minute or so, instead of Run. What waits for an import, or for a pause after a failure, stays for the next
// time: a bulk import is started and left to the next Drain, which looks for at most three minutes what became of it.
// While another process drains, it returns [ErrLeaseLost] as soon as that shows a sign of life, which takes a fifth of
// the lease; if it shows none, Drain goes on in its place after a lease and a quarter.
func (f *Feed) Drain(ctx context.Context) error {
	lanes, err := f.all()
	if err != nil {
		return err
	}
	first, until, err := f.take(ctx)
	lease := first
	for errors.Is(err, ErrLeaseLost) && lease == first {
		if err := sleep(ctx, f.look()); err != nil {
			return err
		}
		lease, until, err = f.take(ctx)
	}
	if err != nil {
		return fmt.Errorf("feed: drain: %w", err)
	}
	if err := f.drain(ctx, lease.Fence, until, lanes, true); err != nil {
		return fmt.Errorf("feed: drain: %w", err)
	}
	return ctx.Err()
}

// drainer is the work of one tenure.
type drainer struct {
	*tenure
	lanes  []*laneState
	once   bool            // stop when nothing can go
	stop   context.Context //nolint:containedctx // it ends with the work
	finish func()          // ends stop

	urgent, others chan struct{} // a place for each call
	spacing        spacing       // of the others
	done           chan outcome
	calls          sync.WaitGroup

	mu      sync.Mutex
	busy    map[Key]int // somebody works on it, since a turn
	turns   int         // of keys that somebody worked on
	imports int         // lanes that are at work on an import
	moved   int         // deliveries and imports that have changed something
	found   []int       // of each scan: moved, when it began the last one that found nothing to start
	problem error
}

// drain works until ctx ends, the lease is lost, or with once, nothing can go. Its error is why it had to end.
func (f *Feed) drain(ctx context.Context, fence int64, until time.Time, lanes []*lane, once bool) error {
	t := newTenure(ctx, f, fence, until)
	d := &drainer{tenure: t, once: once, done: make(chan outcome), busy: map[Key]int{},
		urgent: make(chan struct{}, 8), others: make(chan struct{}, 4), found: slices.Repeat([]int{-1}, 1+len(lanes))}
	d.stop, d.finish = context.WithCancel(t.ctx)
	defer d.finish()
	for _, l := range lanes {
		d.lanes = append(d.lanes, &laneState{lane: l, later: map[Key]setback{}})
	}
	defer context.AfterFunc(ctx, d.finish)()
	f.log.LogAttrs(t.ctx, slog.LevelInfo, "feed: draining", slog.Int64("fence", fence))

	var keeping, working sync.WaitGroup
	keeping.Go(t.beat)
	settled := make(chan struct{})
	go func() { defer close(settled); d.settle() }()
	working.Go(func() { d.scan(0, d.lanes, true, d.urgent, urgentEvery) })
	for i, l := range d.lanes {
		d.importing(1) // before anybody can find the drainer idle
		working.Go(func() { d.spills(l) })
		working.Go(func() { d.scan(1+i, []*laneState{l}, false, d.others, othersEvery) })
	}
	<-d.stop.Done()
	limit := time.AfterFunc(grace, func() { t.end(context.Canceled) })
	working.Wait()
	d.calls.Wait()
	close(d.done)
	<-settled
	limit.Stop()
	lost := errors.Is(context.Cause(t.ctx), ErrLeaseLost)
	t.end(nil)
	keeping.Wait()
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := f.store.Release(release, fence); err != nil { // nothing changes if another process has it
		f.log.LogAttrs(release, slog.LevelWarn, "feed: the lease cannot be given back", slog.Any("error", err))
	}
	if lost {
		return ErrLeaseLost
	}
	return d.problem
}

// progress counts the deliveries that have changed something.
func (d *drainer) progress() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moved
}

// quiet notes that a scan found nothing to start. The work is over when none has since the last delivery.
func (d *drainer) quiet(scan, before int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[scan] = before
	if len(d.busy) == 0 && d.imports == 0 && !slices.ContainsFunc(d.found, func(n int) bool { return n != d.moved }) {
		d.finish()
	}
}

// giveUp ends the work because of a problem.
func (d *drainer) giveUp(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problem = cmp.Or(d.problem, err)
	d.finish()
}

// importing counts lanes that are at work on an import.
func (d *drainer) importing(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.imports += n
	d.moved++
}

// reserve makes a key busy. It is false if it is already.
func (d *drainer) reserve(k Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[k] > 0 {
		return false
	}
	d.turns++
	d.busy[k] = d.turns
	return true
}

// lastTurn is the last one in which a key was made busy.
func (d *drainer) lastTurn() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.turns
}

// atWork reports whether a key is still busy since a turn or one before it.
func (d *drainer) atWork(turn int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, since := range d.busy {
		if since <= turn {
			return true
		}
	}
	return false
}

func (d *drainer) free(keys ...Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range keys {
		delete(d.busy, k)
	}
}
