package feed

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/actito-go/actito"
)

// Feed is an outbox with the lanes that go through it. It is safe for concurrent use.
type Feed struct {
	client *actito.Client
	store  Store
	seal   seal
	sealed bool // Seal was given
	lease  time.Duration
	log    *slog.Logger
	name   string // of this process, as the holder of the lease
	watch  watch

	mu      sync.Mutex
	lanes   []*lane
	running int // calls of Run
}

// Option configures [Open].
type Option func(*Feed)

// Seal encrypts payloads in the outbox, bound to lane and row. Every process needs the same AEAD, such as AES-GCM or
// ChaCha20-Poly1305 with its usual nonce: each payload gets a random one. Hashes of keys stay readable: who can guess a
// key can find out whether the outbox holds its row. An AEAD whose Open tries an older key too allows a change of keys.
func Seal(aead cipher.AEAD) Option {
	return func(f *Feed) { f.seal.AEAD, f.sealed = aead, true }
}

// LeaseTime is how long a process that has stopped without a word keeps the others from going on; 30 s without this
// option, and 2 s at least. Every process needs the same.
func LeaseTime(d time.Duration) Option { return func(f *Feed) { f.lease = d } }

// WithLogger says where problems of the drainer are logged: lanes that pause, rows that are parked, a database that
// cannot be reached. Without it nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(f *Feed) { f.log = l } }

// Open makes a feed of an outbox. It reads and writes nothing. The client's quota needs a store that all processes share
// where lanes use [SpillToBulk] and more than one process runs.
func Open(client *actito.Client, store Store, opts ...Option) (*Feed, error) {
	if client == nil || store == nil {
		return nil, errors.New("feed: Open needs a client and a store: look at the errors of what made them")
	}
	f := &Feed{client: client, store: store, lease: 30 * time.Second, log: slog.New(slog.DiscardHandler), name: rand.Text()}
	for _, o := range opts {
		if o != nil {
			o(f)
		}
	}
	if f.lease < 2*time.Second || f.log == nil || f.sealed && f.seal.AEAD == nil {
		return nil, errors.New("feed: LeaseTime is at least two seconds, WithLogger needs a logger, and Seal an AEAD")
	}
	if s, ok := store.(interface{ check() error }); ok {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// add registers a lane.
func (f *Feed) add(l *lane) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.lanes, func(other *lane) bool { return other.of == l.of }) {
		l.refuse("the feed has this lane already: make one per table and share it")
	}
	if f.running > 0 {
		l.refuse("the feed runs already, and would not deliver its rows: make all lanes before Run")
		return
	}
	f.lanes = append(f.lanes, l)
}

// all returns the lanes, or what is wrong with one.
func (f *Feed) all() ([]*lane, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lanes {
		if l.err != nil {
			return nil, l.err
		}
	}
	if len(f.lanes) == 0 {
		return nil, errors.New("feed: there are no lanes: make them with Profiles and Records before Run")
	}
	return slices.Clone(f.lanes), nil
}

// Check tells what is wrong with a lane, for processes that push and never [Feed.Run].
func (f *Feed) Check() error {
	_, err := f.all()
	return err
}

// Stats is the state of an outbox.
type Stats struct {
	Drained bool // a process holds the lease, and this one has seen it change within a quarter longer than the lease
	Lanes   []LaneStats
}

// LaneStats is the state of a lane.
type LaneStats struct {
	Lane    string
	Pending int           // events to be delivered, including those that an import holds
	Oldest  time.Duration // the age of the oldest of them
	Held    int           // of them, held by an import
	Dead    int           // parked events
	Unknown bool          // the feed of this process does not have the lane: nobody drains it, if no other process does
}

// Stats counts what the outbox holds, for health checks and metrics. Lanes are in the order in which they were made;
// those that only the outbox knows come last. A first call cannot tell a holder of the lease that has died from one that
// lives. It reads the whole index of the outbox: ask every few seconds, not for every request.
func (f *Feed) Stats(ctx context.Context) (Stats, error) {
	lease, err := f.store.Lease(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("feed: stats: %w", err)
	}
	backlog, err := f.store.Backlog(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("feed: stats: %w", err)
	}
	s := Stats{Drained: lease.Holder != "" && f.watch.still(lease) < f.lease*5/4}
	f.mu.Lock()
	for _, l := range f.lanes {
		s.Lanes = append(s.Lanes, LaneStats{Lane: l.name})
	}
	f.mu.Unlock()
	for _, b := range backlog {
		i := slices.IndexFunc(s.Lanes, func(l LaneStats) bool { return l.Lane == b.Lane })
		if i < 0 {
			i = len(s.Lanes)
			s.Lanes = append(s.Lanes, LaneStats{Lane: b.Lane, Unknown: true})
		}
		l := &s.Lanes[i]
		l.Pending += b.Pending + b.Held
		l.Held += b.Held
		l.Dead += b.Parked
		if !b.Oldest.IsZero() {
			l.Oldest = max(l.Oldest, time.Since(b.Oldest))
		}
	}
	return s, nil
}

// DeadEvent is an event that was parked: it is not delivered until somebody decides, or until its row is pushed again.
type DeadEvent struct {
	ID     int64
	Lane   string
	Key    string         // of the row, in plain text; "" if the feed of this process does not have the lane
	Delete bool           // it was to delete the row
	Row    map[string]any // what was to be sent; nil for a delete
	At     time.Time      // when it was handed over
	Parked
}

// LogValue leaves out what people may be told by.
func (d DeadEvent) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("event", d.ID), slog.String("lane", d.Lane), slog.Bool("delete", d.Delete),
		slog.String("code", d.Code), slog.String("column", d.Column))
}

// Dead reads the parked events, oldest hand-over first.
func (f *Feed) Dead(ctx context.Context) iter.Seq2[DeadEvent, error] {
	const page = 100
	return func(yield func(DeadEvent, error) bool) {
		after := int64(0)
		for {
			events, err := f.store.Parked(ctx, after, page)
			if err != nil {
				yield(DeadEvent{}, fmt.Errorf("feed: dead: %w", err))
				return
			}
			for i := range events {
				if !yield(f.dead(&events[i])) {
					return
				}
				after = events[i].ID
			}
			if len(events) < page {
				return
			}
		}
	}
}

func (f *Feed) dead(e *Event) (DeadEvent, error) {
	d := DeadEvent{ID: e.ID, Lane: e.Lane, Delete: e.Delete, At: e.At, Parked: *e.Parked}
	if e.Payload == nil {
		return d, nil // it was erased
	}
	content, err := f.seal.open(e)
	if err != nil {
		return d, err
	}
	d.Key = content.Key
	if !e.Delete {
		if d.Row, err = actito.ParseMap(content.Row); err != nil {
			return d, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, l := range f.lanes {
			if l.name == e.Lane {
				d.Key = text(d.Row[l.key])
			}
		}
	}
	return d, nil
}

// ErrNotDead says that no parked event has the ID: it was delivered, retried or discarded.
var ErrNotDead = errors.New("feed: there is no dead event with this ID: it may have been retried, discarded, or taken along by a newer one")

// Retry lets a parked event be delivered again. It is [ErrNotDead] if there is none with this ID.
func (f *Feed) Retry(ctx context.Context, id int64) error {
	return decided("retry")(f.store.Unpark(ctx, id))
}

// Discard removes a parked event for good. The reason, which must not be empty, is logged with the event's ID. It is
// [ErrNotDead] if there is none with this ID.
func (f *Feed) Discard(ctx context.Context, id int64, reason string) error {
	if reason == "" {
		return errors.New("feed: discard: say why, for those who will look for the row")
	}
	if err := decided("discard")(f.store.Discard(ctx, id)); err != nil {
		return err
	}
	f.log.LogAttrs(ctx, slog.LevelWarn, "feed: discarded", slog.Int64("event", id), slog.String("reason", reason))
	return nil
}

// decided is the error of what a store did to a parked event.
func decided(what string) func(found bool, err error) error {
	return func(found bool, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("feed: %s: %w", what, err)
		case !found:
			return ErrNotDead
		}
		return nil
	}
}
