package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
		f.drain(ctx, lease.Fence, until, lanes, false)
	}
}

// Drain delivers what can be delivered now, and returns when nothing is left that could go: it is for job runners that
// call it every minute or so, instead of Run. What waits for an import, or for a pause after a failure, stays for the next
// time: a bulk import is started and left to the next Drain, which looks for at most three minutes what became of it.
// While another process drains, it returns [ErrLeaseLost] at once.
func (f *Feed) Drain(ctx context.Context) error {
	lanes, err := f.all()
	if err != nil {
		return err
	}
	lease, until, err := f.take(ctx)
	if err != nil {
		return err
	}
	f.drain(ctx, lease.Fence, until, lanes, true)
	return ctx.Err()
}

// drainer is the work of one tenure.
type drainer struct {
	*tenure
	lanes  []*laneState
	once   bool // stop when nothing can go
	stop   context.Context
	finish func() // ends stop

	urgent, others chan struct{} // a place for each call
	done           chan outcome
	calls          sync.WaitGroup

	mu      sync.Mutex
	busy    map[Key]bool // somebody works on it
	imports int          // lanes that are at work on an import
	ended   int          // how much of both has ended
}

// drain works until ctx ends, the lease is lost, or with once, nothing can go.
func (f *Feed) drain(ctx context.Context, fence int64, until time.Time, lanes []*lane, once bool) {
	t := &tenure{Feed: f, fence: fence, until: until}
	t.ctx, t.end = context.WithCancelCause(context.WithoutCancel(ctx))
	d := &drainer{tenure: t, once: once, done: make(chan outcome), busy: map[Key]bool{},
		urgent: make(chan struct{}, 8), others: make(chan struct{}, 4)}
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
	working.Go(d.dispatchUrgent)
	working.Go(d.dispatchOthers)
	for _, l := range d.lanes {
		d.importing(1) // before anybody can find the drainer idle
		working.Go(func() { d.spills(l) })
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
	if !lost {
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := f.store.Release(release, fence); err != nil {
			f.log.LogAttrs(release, slog.LevelWarn, "feed: the lease cannot be given back", slog.Any("error", err))
		}
	}
}

// idleSince counts what has ended, and is -1 while something is under way.
func (d *drainer) idleSince() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.busy) > 0 || d.imports > 0 {
		return -1
	}
	return d.ended
}

// importing counts lanes that are at work on an import.
func (d *drainer) importing(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.imports += n
	d.ended++
}

// reserve makes a key busy. It is false if it is already.
func (d *drainer) reserve(k Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[k] {
		return false
	}
	d.busy[k] = true
	return true
}

func (d *drainer) free(keys ...Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range keys {
		delete(d.busy, k)
	}
	d.ended += len(keys)
}
