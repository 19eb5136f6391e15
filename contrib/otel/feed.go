package otel

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/actito-go/actito/feed"
)

// Stater is a [feed.Feed].
type Stater interface {
	Stats(ctx context.Context) (feed.Stats, error)
}

// ObserveFeed records the state of an outbox whenever metrics are collected, until the registration is ended. Each reading
// of [feed.Feed.Stats] reads the whole index of the outbox, so that one is kept for a time, however often and by however
// many readers metrics are collected; 0 is 30 seconds. One that fails is an error of the collection, and nothing is
// recorded of the feed for that time. All processes with the feed see the same outbox: one that records is enough.
func ObserveFeed(meters metric.MeterProvider, f Stater, every time.Duration) (metric.Registration, error) {
	if meters == nil || f == nil || every < 0 {
		return nil, errors.New("otel: ObserveFeed needs a MeterProvider, a feed, and a time that is not negative")
	}
	if every == 0 {
		every = 30 * time.Second
	}
	meter := meters.Meter(scope)
	var errs []error
	gauge := func(name, unit, description string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return g
	}
	pending := gauge("actito.feed.pending", "{event}", "Events to be delivered.")
	oldest := gauge("actito.feed.oldest_age", "s", "The age of the oldest event to be delivered.")
	dead := gauge("actito.feed.dead", "{event}", "Parked events.")
	drained := gauge("actito.feed.drained", "{process}", "Processes that drain the outbox: 1, or 0 if none does.")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	r := &reading{from: f, every: every}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		s, err := r.stats(ctx)
		if err != nil {
			return err
		}
		for _, l := range s.Lanes {
			lane := metric.WithAttributes(attribute.String("actito.lane", l.Lane))
			o.ObserveInt64(pending, int64(l.Pending), lane)
			o.ObserveInt64(oldest, int64(l.Oldest.Seconds()), lane)
			o.ObserveInt64(dead, int64(l.Dead), lane)
		}
		var running int64
		if s.Drained {
			running = 1
		}
		o.ObserveInt64(drained, running)
		return nil
	}, pending, oldest, dead, drained)
}

// reading is the latest state, kept for a time.
type reading struct {
	from  Stater
	every time.Duration

	mu   sync.Mutex
	at   time.Time
	last feed.Stats
	err  error
}

func (r *reading) stats(ctx context.Context) (feed.Stats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < r.every {
		return r.last, r.err
	}
	s, err := r.from.Stats(ctx)
	if err != nil && ctx.Err() != nil {
		return s, err // the collection was given up, which says nothing of the outbox
	}
	r.last, r.err, r.at = s, err, time.Now()
	return s, err
}
