// Package quotatest tests that an [actito.QuotaStore] keeps its contract: [Run] every call by itself and all of them in
// any order, [RunProcesses] with processes that are killed. It needs the standard library only.
//
// A store in which processes share a ledger by its address is tested like this:
//
//	func open(address string, now func() time.Time) (actito.QuotaStore, error) { … }
//
//	func TestMain(m *testing.M) {
//		quotatest.Serve(open)
//		m.Run()
//	}
//
//	func TestStore(t *testing.T) {
//		quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
//			address := newLedger(t)
//			return func() actito.QuotaStore { … open(address, now) … }
//		})
//	}
//
//	func TestStoreWithProcesses(t *testing.T) { quotatest.RunProcesses(t, newLedger, open) }
package quotatest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// New makes an empty ledger for a test, and returns what opens the store on it. Each store that open returns uses the
// same ledger, as other processes would; of a store that is not shared, it is the same one every time. The store takes
// the time from now, unless [OwnClock] is given. A store whose time is set from outside, such as that of a fake server,
// sets it to now before each call.
type New func(t *testing.T, now func() time.Time) (open func() actito.QuotaStore)

// Option changes how a store is tested.
type Option func(*options)

type options struct {
	ownClock bool
	seed     uint64
	killing  time.Duration
}

// OwnClock is for stores whose time is another machine's and cannot be set, such as that of a database server. Tests in
// which time passes are skipped then: run them once more with a clock that can be set, if the store can be built so.
// The clock of the store must not differ from this machine's by more than a minute.
func OwnClock() Option { return func(o *options) { o.ownClock = true } }

// Seed repeats the random test of a failure, which prints its seed.
func Seed(seed uint64) Option { return func(o *options) { o.seed = seed } }

func newOptions(opts []Option) options {
	o := options{seed: rand.Uint64(), killing: 3 * time.Second} //nolint:gosec // random tests need no secrets
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Run tests a store. Each sentence of the contract is a test by that name.
func Run(t *testing.T, newLedger New, opts ...Option) {
	o := newOptions(opts)
	for _, group := range []struct {
		name  string
		tests []contractTest
	}{
		{"Reserve", reserving}, {"Once", onlyOnce}, {"Begin", beginning}, {"Settle", settling}, {"Close", closing},
		{"Usage", using}, {"All", sharing},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					if tt.timePasses && o.ownClock {
						t.Skip("time cannot pass with the store's own clock")
					}
					tt.run(newSubject(t, newLedger, o))
				})
			}
		})
	}
	t.Run("Any order", func(t *testing.T) {
		t.Parallel()
		runAnyOrder(t, newLedger, o)
	})
}

// contractTest holds one sentence of the contract.
type contractTest struct {
	name       string
	timePasses bool
	run        func(*subject)
}

// noon is when tests begin whose store takes the time from them.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))

// moment is less than a test lets pass otherwise, and not less than what stores tell apart.
const moment = time.Millisecond

// subject is a store on a ledger of its own, with short ways to use and to check it. Windows are days from midnight,
// twelve hours before the test begins.
type subject struct {
	*testing.T
	actito.QuotaStore
	open  func() actito.QuotaStore
	start time.Time
	clock *clock
}

func newSubject(t *testing.T, newLedger New, o options) *subject {
	start := noon
	if o.ownClock {
		start = time.Now().Truncate(moment)
	}
	s := &subject{T: t, start: start, clock: &clock{at: start}}
	s.open = newLedger(t, s.clock.now)
	s.QuotaStore = s.open()
	return s
}

// clock stands still until it is set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// add moves the clock on.
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// after sets the clock to a time after the start.
func (s *subject) after(d time.Duration) { s.clock.set(s.start.Add(d)) }

// midnight ends the first day.
const midnight = 12 * time.Hour

// ask is a reservation for ten minutes, of a day and of tables that take two imports.
func (s *subject) ask(id string, tables ...string) actito.Reservation {
	now := s.clock.now()
	from := s.start.Add(-midnight)
	for !now.Before(from.Add(24 * time.Hour)) {
		from = from.Add(24 * time.Hour)
	}
	r := actito.Reservation{ID: id, At: now, Lease: now.Add(10 * time.Minute), From: from, ResetAt: from.Add(24 * time.Hour)}
	for _, table := range tables {
		r.Buckets = append(r.Buckets, actito.Bucket{Name: table, Limit: 2})
	}
	return r
}

// askRolling is the same with the last 24 hours as its window.
func (s *subject) askRolling(id string, tables ...string) actito.Reservation {
	r := s.ask(id, tables...)
	r.From, r.ResetAt, r.Rolling = time.Time{}, time.Time{}, 24*time.Hour
	return r
}

// askOnce is the same of one table under a key.
func (s *subject) askOnce(id, key string, content byte) actito.Reservation {
	r := s.ask(id, "1")
	r.Once, r.Content = key, [32]byte{content}
	return r
}

func (s *subject) reserve(r actito.Reservation) error { return s.Reserve(s.Context(), r) }
func (s *subject) begin(id string) error              { return s.Begin(s.Context(), id) }
func (s *subject) settle(id string, o actito.Outcome) error {
	return s.Settle(s.Context(), id, o)
}
func (s *subject) close(until time.Time) error { return s.Close(s.Context(), "1", until) }

func (s *subject) usage(table string) actito.Usage {
	s.Helper()
	u, err := s.Usage(s.Context(), table)
	s.ok(err)
	return u
}

// ok ends the test at an error.
func (s *subject) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

// full checks that a reservation was refused, and what the refusal tells.
func (s *subject) full(err error, want actito.QuotaError) {
	s.Helper()
	var got *actito.QuotaError
	if !errors.As(err, &got) {
		s.Fatalf("got error %v, want a *QuotaError", err)
	}
	if got.Table != want.Table || got.Limit != want.Limit || got.Used != want.Used || got.Held != want.Held || !got.ResetAt.Equal(want.ResetAt) {
		s.Fatalf("got %+v, want %+v", *got, want)
	}
}

// lost checks that a call failed because the reservation is lost.
func (s *subject) lost(err error) {
	s.Helper()
	if !errors.Is(err, actito.ErrReservationLost) {
		s.Fatalf("got error %v, want ErrReservationLost", err)
	}
}

// started checks that a reservation was refused because there is one with its key, and what the refusal tells.
func (s *subject) started(err error, want actito.AlreadyStartedError) {
	s.Helper()
	var got *actito.AlreadyStartedError
	if !errors.As(err, &got) {
		s.Fatalf("got error %v, want an *AlreadyStartedError", err)
	}
	if *got != want {
		s.Fatalf("got %+v, want %+v", *got, want)
	}
}

// booked checks how many units of a table count.
func (s *subject) booked(table string, used, held int) {
	s.Helper()
	if u := s.usage(table); u.Used != used || u.Held != held {
		s.Fatalf("table %s: %d used and %d held, want %d and %d", table, u.Used, u.Held, used, held)
	}
}

// sees checks a usage.
func (s *subject) sees(want actito.Usage) {
	s.Helper()
	if got := s.usage(want.Table); !sameUsage(got, want) {
		s.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func sameUsage(a, b actito.Usage) bool {
	same := a.ResetAt.Equal(b.ResetAt) && a.ClosedUntil.Equal(b.ClosedUntil)
	a.ResetAt, b.ResetAt, a.ClosedUntil, b.ClosedUntil = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return same && a == b
}

// names reports whether a reservation books a unit of a table.
func names(r actito.Reservation, table string) bool {
	return slices.ContainsFunc(r.Buckets, func(b actito.Bucket) bool { return b.Name == table })
}

// cancelled is a context that ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
