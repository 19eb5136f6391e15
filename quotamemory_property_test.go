package actito

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is a ledger as naive as can be: it keeps everything for ever and works out from it what counts.
type model struct {
	rolling bool
	zone    *time.Location
	clock   time.Time
	entries []*modelEntry
	closed  map[string]time.Time
}

type modelEntry struct {
	Reservation
	begun   time.Time // zero: never
	settled *Outcome
}

func (m *model) date(t time.Time) string { return t.In(m.zone).Format(time.DateOnly) }

// gone tells whether an entry is out of the books: freed, lapsed unbegun, or forgotten.
func (m *model) gone(e *modelEntry) bool {
	if !m.clock.Before(e.since().Add(7 * 24 * time.Hour)) {
		return true
	}
	if e.settled != nil {
		return e.settled.State == OutcomeFree
	}
	if !e.begun.IsZero() {
		return false
	}
	return !m.clock.Before(e.Lease) || !m.rolling && m.date(m.clock) != m.date(e.At)
}

func (e *modelEntry) since() time.Time {
	if e.begun.IsZero() {
		return e.At
	}
	return e.begun
}

// counting returns what counts now in a bucket.
func (m *model) counting(bucket string) (used, held []*modelEntry) {
	for _, e := range m.entries {
		named := slices.ContainsFunc(e.Buckets, func(b Bucket) bool { return b.Name == bucket })
		inWindow := m.date(e.since()) == m.date(m.clock)
		if m.rolling {
			inWindow = m.clock.Sub(e.since()) < 24*time.Hour
		}
		switch {
		case !named || !inWindow || m.gone(e):
		case e.settled != nil && e.settled.State == OutcomeUsed:
			used = append(used, e)
		default:
			held = append(held, e)
		}
	}
	return used, held
}

func (m *model) isClosed(bucket string) bool { return m.clock.Before(m.closed[bucket]) }

// reserve returns the error to expect, of which only some fields are filled.
func (m *model) reserve(r Reservation) error {
	for _, e := range m.entries {
		if r.Once != "" && e.Once == r.Once && !m.gone(e) {
			started := &AlreadyStartedError{SameContent: e.Content == r.Content}
			if e.settled != nil {
				started.ExecutionID = e.settled.ExecutionID
			}
			return started
		}
	}
	for _, b := range r.Buckets {
		used, held := m.counting(b.Name)
		if len(used)+len(held) >= b.Limit || m.isClosed(b.Name) {
			return &QuotaError{Table: b.Name, Limit: b.Limit, Used: len(used), Held: len(held)}
		}
	}
	m.entries = append(m.entries, &modelEntry{Reservation: r})
	return nil
}

func (m *model) begin(e *modelEntry) error {
	switch {
	case m.gone(e), e.settled != nil, !e.begun.IsZero() && !m.clock.Before(e.Lease):
		return ErrReservationLost
	case e.begun.IsZero():
		e.begun = m.clock
	}
	return nil
}

// settle reports whether the outcome is accepted.
func (m *model) settle(e *modelEntry, o Outcome) bool {
	switch {
	case m.gone(e):
		return o.State == OutcomeFree
	case e.settled == nil || e.settled.State != OutcomeUsed:
		e.settled = &o
		return true
	}
	return o.State == OutcomeHeld || o == *e.settled
}

// overrun returns the bucket and window in which more imports began than its limit, if there is one.
func (m *model) overrun(limits map[string]int) string {
	for bucket, limit := range limits {
		var began []time.Time
		for _, e := range m.entries {
			freed := e.settled != nil && e.settled.State == OutcomeFree
			if !e.begun.IsZero() && !freed && slices.ContainsFunc(e.Buckets, func(b Bucket) bool { return b.Name == bucket }) {
				began = append(began, e.begun)
			}
		}
		for _, last := range began {
			n := 0
			for _, t := range began {
				if m.rolling && !t.After(last) && last.Sub(t) < 24*time.Hour || !m.rolling && m.date(t) == m.date(last) {
					n++
				}
			}
			if n > limit {
				return fmt.Sprintf("%d imports into %s began in the window of %s", n, bucket, last)
			}
		}
	}
	return ""
}

func TestTheMemoryStoreKeepsTheLimitWhateverHappens(t *testing.T) {
	t.Parallel()
	for _, window := range []Window{"", Rolling24h, CalendarDay("America/Havana")} {
		t.Run(fmt.Sprintf("window %q", window), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) { checkStore(rt, window) })
		})
	}
}

func checkStore(rt *rapid.T, window Window) {
	ctx := context.Background()
	limits := map[string]int{"1": 1, "2": 2, "3": 3}
	tables := []string{"1", "2", "3"}
	start := rapid.SampledFrom([]string{
		"2026-11-23T12:00:00Z", "2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z", "2026-03-08T03:00:00Z", "2026-11-01T02:00:00Z",
	}).Draw(rt, "start")
	began, err := time.Parse(time.RFC3339, start)
	require.NoError(rt, err)

	store := newMemoryStore()
	q, err := newQuota(Quota{Store: store, Limits: limits, Window: window})
	require.NoError(rt, err)
	m := &model{rolling: window == Rolling24h, zone: time.UTC, clock: began, closed: map[string]time.Time{}}
	if q.zone != nil {
		m.zone = q.zone
	}
	store.now = func() time.Time { return m.clock }
	pick := func(rt *rapid.T) *modelEntry {
		if len(m.entries) == 0 {
			rt.Skip("nothing was reserved")
		}
		newest := m.entries[max(0, len(m.entries)-6):]
		return newest[rapid.IntRange(0, len(newest)-1).Draw(rt, "reservation")]
	}
	minutes := func(rt *rapid.T, most int, label string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(rt, label)) * time.Minute
	}
	n := 0

	rt.Repeat(map[string]func(*rapid.T){
		"reserve": func(rt *rapid.T) {
			r := q.reservation(m.clock)
			r.ID = fmt.Sprint(n)
			n++
			for _, table := range rapid.SliceOfN(rapid.SampledFrom(tables), 1, 3).Draw(rt, "tables") {
				r.Buckets = append(r.Buckets, q.bucket(table, ""))
			}
			r.Lease = m.clock.Add(minutes(rt, 120, "lease"))
			r.Once = rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(rt, "once")
			r.Content[0] = rapid.ByteRange(0, 1).Draw(rt, "content")
			want, got := m.reserve(r), store.Reserve(ctx, r)
			if full := (*QuotaError)(nil); errors.As(got, &full) {
				if !full.ResetAt.After(m.clock) {
					rt.Fatalf("resets in the past: %v", full)
				}
				got = &QuotaError{Table: full.Table, Limit: full.Limit, Used: full.Used, Held: full.Held}
			}
			require.Equal(rt, want, got)
		},
		"begin": func(rt *rapid.T) {
			e := pick(rt)
			require.Equal(rt, m.begin(e), store.Begin(ctx, e.ID))
		},
		"settle": func(rt *rapid.T) {
			e := pick(rt)
			o := rapid.SampledFrom([]Outcome{Used("x"), Used("y"), Free(), Held()}).Draw(rt, "outcome")
			want, got := m.settle(e, o), store.Settle(ctx, e.ID, o)
			if want != (got == nil) {
				rt.Fatalf("settle %s: %v", o.State, got)
			}
		},
		"close": func(rt *rapid.T) {
			table := rapid.SampledFrom(tables).Draw(rt, "table")
			until := m.clock.Add(minutes(rt, 300, "until") - time.Hour)
			if until.After(m.closed[table]) {
				m.closed[table] = until
			}
			require.NoError(rt, store.Close(ctx, table, until))
		},
		"open": func(rt *rapid.T) {
			table := rapid.SampledFrom(tables).Draw(rt, "table")
			delete(m.closed, table)
			require.NoError(rt, store.Close(ctx, table, time.Time{}))
		},
		"a moment passes": func(rt *rapid.T) { m.clock = m.clock.Add(time.Second) },
		"minutes pass":    func(rt *rapid.T) { m.clock = m.clock.Add(minutes(rt, 90, "minutes")) },
		"hours pass":      func(rt *rapid.T) { m.clock = m.clock.Add(minutes(rt, 26*60, "minutes")) },
		"days pass":       func(rt *rapid.T) { m.clock = m.clock.Add(minutes(rt, 4*24*60, "minutes")) },
		"the day ends": func(rt *rapid.T) {
			_, next := day(m.clock.In(m.zone))
			if !rapid.Bool().Draw(rt, "at midnight") {
				next = next.Add(-time.Minute)
			}
			if next.After(m.clock) {
				m.clock = next
			}
		},
		"": func(rt *rapid.T) {
			if over := m.overrun(limits); over != "" {
				rt.Fatal(over)
			}
			for _, table := range tables {
				used, held := m.counting(table)
				want := Usage{Table: table, Limit: limits[table], Used: len(used), Held: len(held)}
				if want.Left = max(0, limits[table]-len(used)-len(held)); m.isClosed(table) {
					want.Left, want.ClosedUntil = 0, m.closed[table]
				}
				got, err := q.usage(ctx, q.bucket(table, ""), m.clock)
				require.NoError(rt, err)
				counting := len(used)+len(held) > 0
				if (counting || !m.rolling) && !got.ResetAt.After(m.clock) {
					rt.Fatalf("resets in the past: %s", got)
				}
				want.ResetAt = got.ResetAt
				require.Equal(rt, want, got)
			}
		},
	})
}
