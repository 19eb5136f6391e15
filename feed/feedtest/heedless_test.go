package feedtest_test

import (
	"context"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// heedless names the store that overlooks that contexts end.
const heedless = "contexts do not end"

type withoutCancel struct{ *feedtest.Memory }

func on(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func (w withoutCancel) Lease(ctx context.Context) (feed.Lease, error) { return w.Memory.Lease(on(ctx)) }

func (w withoutCancel) Take(ctx context.Context, seen feed.Lease, holder string) (feed.Lease, error) {
	return w.Memory.Take(on(ctx), seen, holder)
}

func (w withoutCancel) Release(ctx context.Context, fence int64) error {
	return w.Memory.Release(on(ctx), fence)
}

func (w withoutCancel) Apply(ctx context.Context, fence int64, n feed.Note) error {
	return w.Memory.Apply(on(ctx), fence, n)
}

func (w withoutCancel) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	return w.Memory.Page(on(ctx), p)
}

func (w withoutCancel) Events(ctx context.Context, keys []feed.Key, limit int) ([]feed.Event, error) {
	return w.Memory.Events(on(ctx), keys, limit)
}

func (w withoutCancel) States(ctx context.Context, keys []feed.Key) (map[feed.Key]feed.State, error) {
	return w.Memory.States(on(ctx), keys)
}

func (w withoutCancel) Held(ctx context.Context, importID string, after feed.Event, limit int) ([]feed.Event, error) {
	return w.Memory.Held(on(ctx), importID, after, limit)
}

func (w withoutCancel) Imports(ctx context.Context) ([]feed.Import, error) {
	return w.Memory.Imports(on(ctx))
}

func (w withoutCancel) Backlog(ctx context.Context) ([]feed.Backlog, error) {
	return w.Memory.Backlog(on(ctx))
}

func (w withoutCancel) Parked(ctx context.Context, after int64, limit int) ([]feed.Event, error) {
	return w.Memory.Parked(on(ctx), after, limit)
}

func (w withoutCancel) Unpark(ctx context.Context, id int64) (bool, error) {
	return w.Memory.Unpark(on(ctx), id)
}

func (w withoutCancel) Discard(ctx context.Context, id int64) (bool, error) {
	return w.Memory.Discard(on(ctx), id)
}
