package quotatest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// noon is when tests begin whose store takes the time from them.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))

// moment is less than a test lets pass otherwise, and not less than what stores tell apart.
const moment = time.Millisecond

// subject is a store on a ledger of its own, with short ways to use and to check it. Windows are days from midnight,
// twelve hours before the test begins. Its methods add the licence to the names of tables, IDs and keys.
type subject struct {
	*testing.T
	actito.QuotaStore
	licence  string // with its slash
	open     func() actito.QuotaStore
	start    time.Time
	clock    *clock
	ownClock bool
}

func newSubject(t *testing.T, newLedger New, o options) *subject {
	start := noon
	if o.ownClock {
		start = time.Now().Truncate(moment)
	}
	s := &subject{T: t, licence: "4711/", start: start, clock: &clock{at: start}, ownClock: o.ownClock}
	s.open = newLedger(t, s.clock.now)
	s.QuotaStore = s.open()
	return s
}

// of is the same store for another licence.
func (s *subject) of(licence string) *subject {
	other := *s
	other.licence = licence + "/"
	return &other
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
	r := actito.Reservation{ID: s.licence + id, At: now, Lease: now.Add(10 * time.Minute), From: from, ResetAt: from.Add(24 * time.Hour)}
	for _, table := range tables {
		r.Buckets = append(r.Buckets, actito.Bucket{Name: s.licence + table, Limit: 2})
	}
	return r
}

// askRolling is the same with the last 24 hours as its window.
func (s *subject) askRolling(id string, tables ...string) actito.Reservation {
	r := s.askBoth(id, tables...)
	r.From, r.ResetAt = time.Time{}, time.Time{}
	return r
}

// askBoth is the same with the day and the last 24 hours as its window.
func (s *subject) askBoth(id string, tables ...string) actito.Reservation {
	r := s.ask(id, tables...)
	r.Rolling = 24 * time.Hour
	return r
}

// askOnce is one of one table under a key.
func (s *subject) askOnce(id, key string, content byte) actito.Reservation {
	r := s.ask(id, "1")
	r.Once, r.Content = s.licence+key, [32]byte{content}
	return r
}

func (s *subject) reserve(r actito.Reservation) error { return s.Reserve(s.Context(), r) }
func (s *subject) begin(id string) error              { return s.Begin(s.Context(), s.licence+id) }
func (s *subject) settle(id string, o actito.Outcome) error {
	return s.Settle(s.Context(), s.licence+id, o)
}
func (s *subject) close(table string, until time.Time) error {
	return s.Close(s.Context(), s.licence+table, until)
}

// uses makes an import that is used.
func (s *subject) uses(r actito.Reservation, executionID string) {
	s.Helper()
	s.ok(s.reserve(r))
	s.ok(s.Settle(s.Context(), r.ID, actito.Used(executionID)))
}

func (s *subject) usage(table string) actito.Usage {
	s.Helper()
	u, err := s.Usage(s.Context(), s.licence+table)
	s.ok(err)
	return u
}

// auditor skips the tests of those if the store is none.
func (s *subject) auditor() actito.QuotaAuditor {
	s.Helper()
	a, ok := s.QuotaStore.(actito.QuotaAuditor)
	if !ok {
		s.Skip("the store is no actito.QuotaAuditor")
	}
	return a
}

// counts books an import that was found, or finds that it is booked.
func (s *subject) counts(r actito.Reservation, executionID string, want bool) {
	s.Helper()
	r.Lease = time.Time{}
	added, err := s.auditor().Count(s.Context(), r, executionID)
	s.ok(err)
	if added != want {
		s.Fatalf("execution %s was counted: %t, want %t", executionID, added, want)
	}
}

func (s *subject) entries(table string) []actito.QuotaEntry {
	s.Helper()
	list, err := s.auditor().Entries(s.Context(), s.licence+table)
	s.ok(err)
	return list
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
	want.Table = s.licence + want.Table
	if !sameRefusal(got, &want) {
		s.Fatalf("got  %+v\nwant %+v", *got, want)
	}
}

// sameRefusal compares what refusals tell.
func sameRefusal(a, b *actito.QuotaError) bool {
	x, y := *a, *b
	x.ResetAt, y.ResetAt, x.Err, y.Err = time.Time{}, time.Time{}, nil, nil
	return x == y && a.ResetAt.Equal(b.ResetAt)
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
	got := s.usage(want.Table)
	want.Table = s.licence + want.Table
	if !sameUsage(got, want) {
		s.Fatalf("got  %+v\nwant %+v", fields(got), fields(want))
	}
}

// fields prints all that a usage tells, also what its String leaves out.
type fields actito.Usage

func sameUsage(a, b actito.Usage) bool {
	same := a.ResetAt.Equal(b.ResetAt) && a.ClosedUntil.Equal(b.ClosedUntil)
	a.ResetAt, b.ResetAt, a.ClosedUntil, b.ClosedUntil = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return same && a == b
}

// same compares a time that the store's clock may have told with one of the test's.
func (s *subject) same(a, b time.Time) bool { return sameTime(a, b, s.ownClock) }

func sameTime(a, b time.Time, ownClock bool) bool {
	return a.Equal(b) || ownClock && !a.IsZero() && !b.IsZero() && a.Sub(b).Abs() < 2*time.Minute
}

// lists checks the entries of a table by their IDs.
func (s *subject) lists(table string, want ...string) {
	s.Helper()
	var got []string
	for _, e := range s.entries(table) {
		got = append(got, strings.TrimPrefix(e.ID, s.licence))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		s.Fatalf("table %s has the entries %q, want %q", table, got, want)
	}
}

// cancelled is a context that ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
