package quotatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// limits are the budgets of the tables in runs.
var limits = map[string]int{"1": 1, "2": 2, "3": 3}

var tables = []string{"1", "2", "3"}

// runAnyOrder makes random calls at random times on several stores of one ledger, and compares what they answer with a
// model, until the clock steps back. From then on, and before, no window may have more imports than the limit.
func runAnyOrder(t *testing.T, newLedger New, o options) {
	starts := map[string]string{
		"an ordinary day":   "2026-11-23T12:00:00Z",
		"a day of 23 hours": "2026-03-28T20:00:00Z",
		"a day of 25 hours": "2026-10-24T20:00:00Z",
	}
	if o.ownClock {
		starts = map[string]string{"a moment": ""}
	}
	for name, start := range starts {
		for _, rolling := range []bool{false, true} {
			for _, back := range []bool{false, true} {
				if back && o.ownClock {
					continue
				}
				t.Run(fmt.Sprintf("%s, rolling %t, clock steps back %t", name, rolling, back), func(t *testing.T) {
					t.Parallel()
					for i := range uint64(3) {
						seed := o.seed + i
						if !t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
							r := newRun(t, newLedger, o, start, rolling)
							r.random = rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // random tests need no secrets
							r.stepsBack = back
							for range 80 {
								r.step()
							}
						}) {
							t.Logf("repeat it with quotatest.Seed(%d)", seed)
							return
						}
					}
				})
			}
		}
	}
}

// run is a random sequence of calls. Its model keeps everything for ever, and works out from it what counts.
type run struct {
	*testing.T
	random    *rand.Rand
	stores    []actito.QuotaStore
	clock     *clock
	ownClock  bool
	rolling   bool
	stepsBack bool
	zone      *time.Location
	latest    time.Time // the clock's latest
	inexact   bool      // the clock stepped back: stores may differ in what lapsed before
	entries   []*entry
	closed    map[string]time.Time
	steps     []string
}

// entry is a reservation that was made.
type entry struct {
	actito.Reservation
	begun   time.Time // zero: not
	settled *actito.Outcome
}

func newRun(t *testing.T, newLedger New, o options, start string, rolling bool) *run {
	r := &run{T: t, ownClock: o.ownClock, rolling: rolling, closed: make(map[string]time.Time), clock: new(clock)}
	var err error
	if r.zone, err = time.LoadLocation("Europe/Brussels"); err != nil {
		t.Fatal(err)
	}
	r.latest = time.Now().Truncate(moment)
	if o.ownClock {
		// A zone in which it is noon, so that no day ends.
		utc := r.latest.UTC()
		r.zone = time.FixedZone("", int(12*time.Hour-utc.Sub(utc.Truncate(24*time.Hour)))/int(time.Second))
	} else if r.latest, err = time.Parse(time.RFC3339, start); err != nil {
		t.Fatal(err)
	}
	r.clock.set(r.latest)
	open := newLedger(t, r.clock.now)
	r.stores = []actito.QuotaStore{open(), open(), open()}
	t.Cleanup(func() {
		if t.Failed() {
			for _, step := range r.steps {
				t.Log(step)
			}
		}
	})
	return r
}

func pick[T any](r *run, of ...T) T { return of[r.random.IntN(len(of))] }

// minutes is a random time.
func (r *run) minutes(from, to int) time.Duration {
	return time.Duration(from+r.random.IntN(to-from+1)) * time.Minute
}

func (r *run) step() {
	now, store := r.clock.now(), pick(r, r.stores...)
	r.Helper()
	switch n := r.random.IntN(20); {
	case n < 7:
		r.reserve(store, now)
	case n < 10:
		r.begin(store, now)
	case n < 14:
		r.settle(store)
	case n < 15:
		table, until := pick(r, tables...), now.Add(r.minutes(-60, 240))
		if r.random.IntN(3) == 0 {
			until = time.Time{}
		}
		if r.note("close "+table+" until "+until.String(), store.Close(r.Context(), table, until)) != nil {
			r.Fatal("close failed")
		}
		if until.IsZero() || until.After(r.closed[table]) {
			r.closed[table] = until
		}
	case !r.ownClock:
		r.pass(now)
	}
	if over := r.overrun(); over != "" {
		r.Fatal(over)
	}
	if !r.inexact {
		r.compareUsage(store, pick(r, tables...))
	}
}

// note keeps a step for the log of a failure.
func (r *run) note(step string, err error) error {
	r.steps = append(r.steps, fmt.Sprintf("%s %s: %v", r.clock.now().Format(time.RFC3339), step, err))
	return err
}

// pass sets the clock to another time. Steps back stay within days, since stores forget after a week.
func (r *run) pass(now time.Time) {
	_, midnight := r.day(now)
	at := pick(r,
		now.Add(time.Second), now.Add(r.minutes(0, 90)), now.Add(r.minutes(0, 26*60)), now.Add(r.minutes(0, 4*24*60)),
		midnight, midnight.Add(-time.Minute), midnight.Add(-moment))
	if r.stepsBack {
		at = pick(r, now.Add(r.minutes(0, 90)), now.Add(r.minutes(0, 26*60)), midnight.Add(-moment), midnight,
			now.Add(-r.minutes(0, 90)), now.Add(-r.minutes(0, 26*60)))
		if r.latest.Sub(at) > 4*24*time.Hour {
			return
		}
		r.inexact = r.inexact || at.Before(now)
	}
	r.clock.set(at)
	if at.After(r.latest) {
		r.latest = at
	}
	_ = r.note("it is "+at.String(), nil)
}

// day returns the day of t.
func (r *run) day(t time.Time) (from, next time.Time) {
	y, m, d := t.In(r.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, r.zone), time.Date(y, m, d+1, 0, 0, 0, 0, r.zone)
}

func (r *run) reserve(store actito.QuotaStore, now time.Time) {
	ask := actito.Reservation{ID: fmt.Sprint("r", len(r.steps)), At: now, Lease: now.Add(r.minutes(2, 120)), Once: pick(r, "", "", "a", "b")}
	if r.rolling {
		ask.Rolling = 24 * time.Hour
	} else {
		ask.From, ask.ResetAt = r.day(now)
	}
	for range 1 + r.random.IntN(3) {
		table := pick(r, tables...)
		ask.Buckets = append(ask.Buckets, actito.Bucket{Name: table, Limit: limits[table]})
	}
	ask.Content[0] = pick(r, byte(0), byte(1))
	want := r.wantReserve(ask)
	err := r.note(fmt.Sprintf("reserve %+v", ask), store.Reserve(r.Context(), ask))
	if err == nil {
		r.entries = append(r.entries, &entry{Reservation: ask})
	}
	var full *actito.QuotaError
	if errors.As(err, &full) {
		if !full.ResetAt.After(now) {
			r.Fatalf("resets in the past: %v", full)
		}
		err = &actito.QuotaError{Table: full.Table, Limit: full.Limit, Used: full.Used, Held: full.Held}
	}
	if got := fmt.Sprint(err); !r.inexact && got != fmt.Sprint(want) {
		r.Fatalf("got  %s\nwant %v", got, want)
	}
}

// wantReserve is what the model answers, without the time of the reset.
func (r *run) wantReserve(ask actito.Reservation) error {
	for _, e := range r.entries {
		if ask.Once != "" && e.Once == ask.Once && !r.gone(e) {
			started := &actito.AlreadyStartedError{SameContent: e.Content == ask.Content}
			if e.settled != nil {
				started.ExecutionID = e.settled.ExecutionID
			}
			return started
		}
	}
	for _, b := range ask.Buckets {
		used, held := r.counting(b.Name)
		if used+held >= b.Limit || r.clock.now().Before(r.closed[b.Name]) {
			return &actito.QuotaError{Table: b.Name, Limit: b.Limit, Used: used, Held: held}
		}
	}
	return nil
}

// recent picks one of the last entries, or nil.
func (r *run) recent() *entry {
	if len(r.entries) == 0 {
		return nil
	}
	return pick(r, r.entries[max(0, len(r.entries)-6):]...)
}

func (r *run) begin(store actito.QuotaStore, now time.Time) {
	e := r.recent()
	if e == nil {
		return
	}
	lost := r.gone(e) || e.settled != nil || !now.Before(e.Lease)
	err := r.note("begin "+e.ID, store.Begin(r.Context(), e.ID))
	if err != nil && !errors.Is(err, actito.ErrReservationLost) || !r.inexact && lost != (err != nil) {
		r.Fatalf("begin %s: got %v, lost is %t", e.ID, err, lost)
	}
	if err == nil && e.begun.IsZero() {
		e.begun = now
	}
}

func (r *run) settle(store actito.QuotaStore) {
	e := r.recent()
	if e == nil {
		return
	}
	o := pick(r, actito.Used("x"), actito.Used("x"), actito.Used("y"), actito.Free(), actito.Held())
	gone := r.gone(e)
	used := e.settled != nil && e.settled.State == actito.OutcomeUsed
	want := !gone && (!used || o.State == actito.OutcomeHeld || o == *e.settled) || gone && o.State == actito.OutcomeFree
	err := r.note(fmt.Sprintf("settle %s %s %s", e.ID, o.State, o.ExecutionID), store.Settle(r.Context(), e.ID, o))
	if !r.inexact && want != (err == nil) {
		r.Fatalf("settle %s as %s: got %v, want success %t", e.ID, o.State, err, want)
	}
	if err == nil && !used {
		e.settled = &o
		if e.begun.IsZero() && o.State == actito.OutcomeUsed {
			e.begun = e.At // nobody begins late what is settled: it counts from its reservation
		}
	}
}

// since is when an entry starts to count.
func (e *entry) since() time.Time {
	if e.begun.After(e.At) {
		return e.begun
	}
	return e.At
}

// gone reports whether an entry is out of the books: freed, lapsed unbegun, or forgotten.
func (r *run) gone(e *entry) bool {
	now := r.clock.now()
	switch {
	case !now.Before(e.since().Add(7 * 24 * time.Hour)):
		return true
	case e.settled != nil:
		return e.settled.State == actito.OutcomeFree
	case !e.begun.IsZero():
		return false
	}
	return !now.Before(e.Lease) || !r.rolling && !now.Before(e.ResetAt)
}

// counting counts what is used and held of a table now.
func (r *run) counting(table string) (used, held int) {
	from, _ := r.day(r.clock.now())
	if r.rolling {
		from = r.clock.now().Add(1 - 24*time.Hour)
	}
	for _, e := range r.entries {
		switch {
		case !names(e.Reservation, table) || e.since().Before(from) || r.gone(e):
		case e.settled != nil && e.settled.State == actito.OutcomeUsed:
			used++
		default:
			held++
		}
	}
	return used, held
}

// compareUsage compares what a store counts of a table with the model.
func (r *run) compareUsage(store actito.QuotaStore, table string) {
	r.Helper()
	now := r.clock.now()
	newest := slices.IndexFunc(r.entries, func(e *entry) bool { return names(e.Reservation, table) && now.Before(e.At.Add(7*24*time.Hour)) })
	got, err := store.Usage(r.Context(), table)
	if err != nil {
		r.Fatal(err)
	}
	want := actito.Usage{Table: table, Limit: got.Limit, Left: got.Left, ResetAt: got.ResetAt}
	if want.Used, want.Held = r.counting(table); newest >= 0 {
		want.Limit, want.Left = limits[table], max(0, limits[table]-want.Used-want.Held)
	}
	if now.Before(r.closed[table]) {
		want.Left, want.ClosedUntil = 0, r.closed[table]
	}
	if counting := want.Used+want.Held > 0; counting != got.ResetAt.After(now) && (counting || r.rolling) {
		r.Fatalf("%d used and %d held, resets at %s", want.Used, want.Held, got.ResetAt)
	}
	if !sameUsage(got, want) {
		r.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// overrun tells the table and window that have more imports than the limit, if there is one.
func (r *run) overrun() string {
	for _, table := range tables {
		var counts []time.Time
		for _, e := range r.entries {
			freed := e.settled != nil && e.settled.State == actito.OutcomeFree
			if names(e.Reservation, table) && !e.begun.IsZero() && !freed {
				counts = append(counts, e.since())
			}
		}
		for _, from := range counts {
			until := from.Add(24 * time.Hour)
			if !r.rolling {
				from, until = r.day(from)
			}
			n := 0
			for _, at := range counts {
				if !at.Before(from) && at.Before(until) {
					n++
				}
			}
			if n > limits[table] {
				return fmt.Sprintf("%d imports of table %s from %s until %s, of %d", n, table, from, until, limits[table])
			}
		}
	}
	return ""
}
