package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// watch is what a process has seen of the lease. Clocks of machines are never compared: each measures by its own how long
// the lease has shown no sign of life.
type watch struct {
	mu    sync.Mutex
	seen  Lease
	since time.Time // zero: nothing was seen
}

// take tries to become the holder: at once if nobody is, or if the holder has given no sign of life for a quarter longer
// than the lease, for which the holder itself counts. until is how long the lease lasts without a beat.
func (f *Feed) take(ctx context.Context) (l Lease, until time.Time, err error) {
	if l, err = f.store.Lease(ctx); err != nil {
		return l, until, err
	}
	if l.Holder != "" && f.watch.still(l) < f.lease*5/4 {
		return l, until, ErrLeaseLost
	}
	until = time.Now().Add(f.lease)
	l, err = f.store.Take(ctx, l, f.name)
	return l, until, err
}

// still is how long the lease is known to be as it is.
func (w *watch) still(l Lease) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() || l != w.seen {
		w.seen, w.since = l, time.Now()
	}
	return time.Since(w.since)
}

// look is how often the lease of another process is looked at.
func (f *Feed) look() time.Duration { return min(time.Second, f.lease/5) }

// stand waits until this process is the holder. Its error is that ctx has ended.
func (f *Feed) stand(ctx context.Context) (l Lease, until time.Time, err error) {
	failing := false
	for {
		if l, until, err = f.take(ctx); err == nil {
			return l, until, nil
		}
		failed := !errors.Is(err, ErrLeaseLost)
		if failed && !failing && ctx.Err() == nil {
			f.log.LogAttrs(ctx, slog.LevelWarn, "feed: the lease cannot be read", slog.Any("error", err))
		}
		failing = failed
		if err = sleep(ctx, f.look()); err != nil {
			return l, until, err
		}
	}
}

// tenure is the time in which this process holds the lease.
type tenure struct {
	*Feed
	fence int64
	ctx   context.Context //nolint:containedctx // it ends with the tenure
	end   context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time
}

// newTenure begins one. It ends at the latest when the lease runs out; ctx only gives it values.
func newTenure(ctx context.Context, f *Feed, fence int64, until time.Time) *tenure {
	t := &tenure{Feed: f, fence: fence, until: until}
	t.ctx, t.end = context.WithCancelCause(context.WithoutCancel(ctx))
	return t
}

// left is how long the lease lasts without another beat, by both of the machine's clocks: one of them stands still while
// a machine sleeps.
func (t *tenure) left() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(time.Until(t.until), time.Until(t.until.Round(0)))
}

// holds fails once the lease has run out, which a process that was stopped for a while has not noticed otherwise.
func (t *tenure) holds() error {
	if t.left() <= 0 {
		t.end(ErrLeaseLost)
	}
	return context.Cause(t.ctx)
}

// apply notes something in the outbox, and so keeps the lease.
func (t *tenure) apply(ctx context.Context, n Note) error {
	until := time.Now().Add(t.lease)
	err := t.store.Apply(ctx, t.fence, n)
	switch {
	case errors.Is(err, ErrLeaseLost):
		t.end(ErrLeaseLost)
	case err == nil:
		t.mu.Lock()
		if until.After(t.until) {
			t.until = until
		}
		t.mu.Unlock()
	}
	return err
}

// insist is apply until the database takes it or the tenure ends.
func (t *tenure) insist(n Note) error {
	for failing := false; ; failing = true {
		err := t.apply(t.ctx, n)
		if err == nil || errors.Is(err, ErrLeaseLost) {
			return err
		}
		if t.ctx.Err() == nil && !failing {
			t.log.LogAttrs(t.ctx, slog.LevelWarn, "feed: the outbox cannot be written", slog.Any("error", err))
		}
		if sleep(t.ctx, time.Second) != nil {
			return context.Cause(t.ctx)
		}
	}
}

// beat keeps the lease until the tenure ends.
func (t *tenure) beat() {
	over := make(chan struct{})
	go func() { defer close(over); t.expire() }()
	defer func() { <-over }()
	for sleep(t.ctx, t.lease/5) == nil {
		ctx, cancel := context.WithTimeout(t.ctx, t.lease/3) // another connection may do better
		if err := t.apply(ctx, Note{}); err != nil && t.ctx.Err() == nil {
			t.log.LogAttrs(ctx, slog.LevelWarn, "feed: the lease cannot be kept", slog.Any("error", err))
		}
		cancel()
	}
}

// expire ends the tenure when the lease runs out, whatever the database does meanwhile.
func (t *tenure) expire() {
	for t.holds() == nil && sleep(t.ctx, t.left()) == nil {
	}
}

// calm waits until enough of the lease is left to start something.
func (t *tenure) calm(ctx context.Context) error {
	for t.left() < t.lease/2 {
		if err := sleep(ctx, t.lease/20); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
