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
	w := &f.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, err = f.store.Lease(ctx); err != nil {
		return l, until, err
	}
	if w.since.IsZero() || l != w.seen {
		w.seen, w.since = l, time.Now()
	}
	if l.Holder != "" && time.Since(w.since) < f.lease*5/4 {
		return l, until, ErrLeaseLost
	}
	until = time.Now().Add(f.lease)
	l, err = f.store.Take(ctx, l, f.name)
	return l, until, err
}

// stand waits until this process is the holder.
func (f *Feed) stand(ctx context.Context) (Lease, time.Time, error) {
	for {
		l, until, err := f.take(ctx)
		if err == nil {
			return l, until, nil
		}
		if !errors.Is(err, ErrLeaseLost) && ctx.Err() == nil {
			f.log.LogAttrs(ctx, slog.LevelWarn, "feed: the lease cannot be read", slog.Any("error", err))
		}
		if err := sleep(ctx, min(time.Second, f.lease/5)); err != nil {
			return l, until, err
		}
	}
}

// tenure is the time in which this process holds the lease.
type tenure struct {
	*Feed
	fence int64
	ctx   context.Context // ends with it
	end   context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time
}

// left is how long the lease lasts without another beat.
func (t *tenure) left() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.until)
}

// holds fails once the lease has run out, which a process that was stopped for a while has not noticed otherwise.
func (t *tenure) holds(context.Context) error {
	if t.left() <= 0 {
		t.end(ErrLeaseLost)
		return ErrLeaseLost
	}
	return nil
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
		t.until = until
		t.mu.Unlock()
	}
	return err
}

// insist is apply until the database takes it or the tenure ends.
func (t *tenure) insist(n Note) error {
	for {
		err := t.apply(t.ctx, n)
		if err == nil || errors.Is(err, ErrLeaseLost) {
			return err
		}
		if t.ctx.Err() == nil {
			t.log.LogAttrs(t.ctx, slog.LevelWarn, "feed: the outbox cannot be written", slog.Any("error", err))
		}
		if sleep(t.ctx, time.Second) != nil {
			return context.Cause(t.ctx)
		}
	}
}

// beat keeps the lease until the tenure ends, and ends it when the lease runs out.
func (t *tenure) beat() {
	for sleep(t.ctx, min(t.lease/5, max(t.left(), 0))) == nil {
		if t.holds(t.ctx) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.ctx, t.left())
		if err := t.apply(ctx, Note{}); err != nil && t.ctx.Err() == nil {
			t.log.LogAttrs(ctx, slog.LevelWarn, "feed: the lease cannot be kept", slog.Any("error", err))
		}
		cancel()
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
