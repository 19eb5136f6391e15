package quotatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/actito-go/actito"
)

// T is what [AnyOrder] needs of a test. A *testing.T is one, and a *rapid.T of pgregory.net/rapid.
type T interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// limits are the budgets of the tables in runs.
var limits = map[string]int{"4711/1": 1, "4711/2": 2, "4711/3": 3, "42/1": 2}

var tables = []string{"4711/1", "4711/1", "4711/2", "4711/2", "4711/3", "42/1"}

// places are where and when runs begin: shortly before what is special there.
var places = []struct{ zone, start string }{
	{"Europe/Brussels", "2026-11-23T12:00:00Z"},
	{"Europe/Brussels", "2026-03-28T20:00:00Z"}, // a day of 23 hours
	{"Europe/Brussels", "2026-10-24T20:00:00Z"}, // one of 25
	{"America/Havana", "2026-03-08T03:00:00Z"},  // a midnight that is skipped
	{"America/Havana", "2026-11-01T02:00:00Z"},  // one that comes twice
}

// margin is how far a client's clock and the server's may differ.
const margin = 2 * time.Minute

// runSteps is the length of a run.
const runSteps = 80

// AnyOrder makes calls in any order on several stores of one ledger, in one of the windows, while time passes, days end
// and change their length, and in half of the runs the clock steps back. What the stores answer is compared with a simple
// model, until the clock steps back. At no time may a window have more imports than the limit. Where days have a margin,
// since the server's clock may differ, that holds for each day with the two minutes before and after it.
//
// Every choice is made by choose, which returns a number from 0 to n-1: random numbers do, and those of pgregory.net/rapid
// make the calls few that a failure needs:
//
//	rapid.Check(t, func(t *rapid.T) {
//		quotatest.AnyOrder(t, newLedger, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
//	})
//
// [OwnClock] and [Days] change it. [Run] calls it with random numbers.
func AnyOrder(t T, newLedger func(now func() time.Time) (open func() actito.QuotaStore), choose func(n int) int, opts ...Option) {
	t.Helper()
	anyOrder(t, newLedger, choose, newOptions(opts))
}

func anyOrder(t T, newLedger func(now func() time.Time) (open func() actito.QuotaStore), choose func(n int) int, o options) {
	t.Helper()
	r := newRun(t, choose, o)
	open := newLedger(r.clock.now)
	r.stores = []actito.QuotaStore{open(), open(), open()}
	for range runSteps {
		r.step()
	}
}

// run is a sequence of calls that are chosen.
type run struct {
	T
	model
	choose    func(n int) int
	stores    []actito.QuotaStore
	ownClock  bool
	calendar  bool // days count
	rolling   bool // the last 24 hours count
	margin    time.Duration
	days      func(now time.Time) (from, resetAt time.Time)
	zone      *time.Location
	stepsBack bool
	latest    time.Time // the clock's latest
	inexact   bool      // the clock stepped back: stores may differ in what lapsed before
	steps     []string
}

func newRun(t T, choose func(n int) int, o options) *run {
	c := new(clock)
	r := &run{T: t, model: newModel(c), choose: choose, ownClock: o.ownClock, days: o.days}
	kind := choose(3)
	r.calendar, r.rolling = kind != 1, kind != 0
	if r.calendar && (o.days != nil || choose(2) == 1) {
		r.margin = margin
	}
	if r.days == nil {
		r.days = func(now time.Time) (from, resetAt time.Time) {
			from, next := day(now.Add(-r.margin))
			return from.Add(-r.margin), next.Add(r.margin)
		}
	}
	if o.ownClock {
		// A zone in which it is noon, so that no day ends.
		r.latest = time.Now().Truncate(moment)
		r.zone = time.FixedZone("", (12-r.latest.UTC().Hour())*60*60)
	} else {
		place := places[choose(len(places))]
		r.stepsBack = choose(2) == 1
		zone, err := time.LoadLocation(place.zone)
		if err != nil {
			t.Fatalf("%v", err)
		}
		start, err := time.Parse(time.RFC3339, place.start)
		if err != nil {
			t.Fatalf("%v", err)
		}
		r.zone, r.latest = zone, start
	}
	c.set(r.latest)
	_ = r.note(fmt.Sprintf("in %s, days count: %t, with a margin of %s, 24 hours count: %t", r.zone, r.calendar, r.margin, r.rolling), nil)
	return r
}

// day returns the day of t in its zone: its first instant, and that of the next day. Some zones skip midnight or have it
// twice, and all change their clocks at a quarter of an hour.
func day(t time.Time) (from, next time.Time) {
	const quarter = 15 * time.Minute
	from = t.Truncate(quarter)
	next = from
	for from.Add(-quarter).YearDay() == t.YearDay() {
		from = from.Add(-quarter)
	}
	for next.YearDay() == t.YearDay() {
		next = next.Add(quarter)
	}
	return from, next
}

func pick[E any](r *run, of ...E) E { return of[r.choose(len(of))] }

// minutes is some time.
func (r *run) minutes(from, to int) time.Duration {
	return time.Duration(from+r.choose(to-from+1)) * time.Minute
}

// failf ends the test with what was done.
func (r *run) failf(format string, args ...any) {
	r.Helper()
	for _, step := range r.steps {
		r.Logf("%s", step)
	}
	r.Fatalf(format, args...)
}

// note keeps a step for the log of a failure.
func (r *run) note(step string, err error) error {
	r.steps = append(r.steps, fmt.Sprintf("%s %s: %v", r.clock.now().In(r.zone).Format(time.RFC3339Nano), step, err))
	return err
}

func (r *run) step() {
	r.Helper()
	now, store := r.clock.now(), pick(r, r.stores...)
	switch n := r.choose(24); {
	case n < 5:
		if !r.ownClock {
			r.pass(now)
		}
	case n < 12:
		r.makes(store, now)
	case n < 15:
		r.begins(store, r.recent())
	case n < 19:
		r.settles(store)
	case n < 21:
		r.closes(store, now)
	case n < 23:
		r.finds(store, now)
	default:
		r.compareEntries(store, pick(r, tables...))
	}
	r.compareUsage(store, pick(r, tables...))
}

// pass sets the clock to another time. Steps back stay within days, since stores forget after a week.
func (r *run) pass(now time.Time) {
	_, midnight := day(now.In(r.zone))
	at := now
	switch r.choose(8) {
	case 0:
		at = now.Add(pick(r, time.Second, time.Minute, margin))
	case 1:
		at = now.Add(r.minutes(0, 90))
	case 2:
		at = now.Add(r.minutes(0, 26*60))
	case 3, 4:
		at = midnight.Add(pick(r, 0, -time.Minute, time.Minute, -r.margin, r.margin) - pick(r, 0, moment))
	case 5:
		if e := r.recent(); e != nil {
			at = pick(r, e.Lease, e.since().Add(24*time.Hour)).Add(-pick(r, 0, moment))
		}
	case 6:
		at = r.closed[pick(r, tables...)].probe.Add(-pick(r, 0, moment))
	case 7:
		if r.stepsBack {
			at = now.Add(-r.minutes(0, pick(r, 5, 90, 26*60)))
		} else {
			at = now.Add(r.minutes(0, 4*24*60))
		}
	}
	if at.Before(now) && !r.stepsBack || r.latest.Sub(at) > 4*24*time.Hour {
		return
	}
	r.inexact = r.inexact || at.Before(now)
	r.clock.set(at)
	if at.After(r.latest) {
		r.latest = at
	}
}

// ask is a reservation of some tables of a licence.
func (r *run) ask(now time.Time) actito.Reservation {
	a := actito.Reservation{At: now}
	if r.rolling {
		a.Rolling = 24 * time.Hour
	}
	if r.calendar {
		a.From, a.ResetAt = r.days(now.In(r.zone))
	}
	table := pick(r, tables...)
	for {
		a.Buckets = append(a.Buckets, actito.Bucket{Name: table, Limit: limits[table]})
		table = pick(r, tables...)
		if len(a.Buckets) == 3 || licenceOf(table) != licenceOf(a.Buckets[0].Name) {
			return a
		}
	}
}

func (r *run) makes(store actito.QuotaStore, now time.Time) {
	r.Helper()
	ask := r.ask(now)
	licence := licenceOf(ask.Buckets[0].Name)
	ask.ID, ask.Lease = fmt.Sprint(licence, "r", len(r.steps)), now.Add(r.minutes(2, 120))
	if key := pick(r, "", "", "a", "b"); key != "" {
		ask.Once, ask.Content[0] = licence+key, pick(r, byte(0), byte(1))
	}
	for i, keep := 0, pick(r, 0, 0, 1); i < len(ask.Buckets); i++ {
		ask.Buckets[i].Keep = min(keep, ask.Buckets[i].Limit-1)
	}
	probe, want := r.reserve(ask)
	err := r.note(fmt.Sprintf("reserve %s, %v until %s, once %q %d", ask.ID, ask.Buckets, ask.Lease.Sub(now), ask.Once, ask.Content[0]),
		store.Reserve(r.Context(), ask))
	if full, ok := errors.AsType[*actito.QuotaError](err); ok && !full.ResetAt.After(now) {
		r.failf("resets in the past: %v", full)
	}
	if forgets := errors.Is(err, actito.ErrAlreadyStarted) && r.once(ask.Once); !forgets && !r.inexact && !r.sameAnswer(err, want) {
		r.failf("got  %#v\nwant %#v", err, want)
	}
	if err != nil {
		return
	}
	r.reserved(ask, probe)
	if r.choose(2) == 1 {
		r.begins(store, r.entries[len(r.entries)-1])
	}
}

// sameAnswer compares what Reserve returned.
func (r *run) sameAnswer(got, want error) bool {
	switch want := want.(type) { //nolint:errorlint // the model wraps nothing
	case nil:
		return got == nil
	case *actito.AlreadyStartedError:
		started, ok := errors.AsType[*actito.AlreadyStartedError](got)
		return ok && *started == *want
	case *actito.QuotaError:
		full, ok := errors.AsType[*actito.QuotaError](got)
		if !ok || !r.same(full.ResetAt, want.ResetAt) {
			return false
		}
		full.ResetAt = want.ResetAt
		return sameRefusal(full, want)
	}
	return false
}

// same compares a time that the store's clock may have told with one of the run's.
func (r *run) same(a, b time.Time) bool { return sameTime(a, b, r.ownClock) }

// recent picks one of the last entries, or nil.
func (r *run) recent() *entry {
	if len(r.entries) == 0 {
		return nil
	}
	last := slices.Clone(r.entries[max(0, len(r.entries)-6):])
	slices.Reverse(last)
	return pick(r, last...)
}

func (r *run) begins(store actito.QuotaStore, e *entry) {
	r.Helper()
	now := r.clock.now()
	if e == nil {
		return
	}
	lost := r.gone(e) || e.outcome != nil || !now.Before(e.Lease)
	err := r.note("begin "+e.ID, store.Begin(r.Context(), e.ID))
	if err != nil && !errors.Is(err, actito.ErrReservationLost) || !r.inexact && lost != (err != nil) {
		r.failf("begin %s: got %v, lost is %t", e.ID, err, lost)
	}
	if err == nil && e.began.IsZero() {
		e.began = now
		r.checkOverrun(e)
	}
}

func (r *run) settles(store actito.QuotaStore) {
	r.Helper()
	e := r.recent()
	if e == nil || r.old(e) {
		return
	}
	o := pick(r, actito.Used("x of "+e.ID), actito.Used("x of "+e.ID), actito.Used(""), actito.Used("y of "+e.ID), actito.Free(), actito.Held())
	accepted, lost := r.settle(e, o)
	err := r.note(fmt.Sprintf("settle %s %s %s", e.ID, o.State, o.ExecutionID), store.Settle(r.Context(), e.ID, o))
	if !r.inexact && (accepted != (err == nil) || lost != errors.Is(err, actito.ErrReservationLost)) {
		r.failf("settle %s as %s: got %v, want success %t, lost %t", e.ID, o.State, err, accepted, lost)
	}
	if err == nil {
		r.settled(e, o)
		if o.State == actito.OutcomeUsed && e.began.IsZero() {
			e.began = e.At // nobody begins late what is settled: it counts from its reservation
			r.checkOverrun(e)
		}
	}
}

func (r *run) closes(store actito.QuotaStore, now time.Time) {
	r.Helper()
	table, until := pick(r, tables...), now.Add(r.minutes(-60, 600))
	if r.choose(4) == 1 {
		until = time.Time{}
	}
	if err := r.note("close "+table+" until "+until.String(), store.Close(r.Context(), table, until)); err != nil {
		r.failf("close %s: %v", table, err)
	}
	r.close(table, until)
}

// finds counts an import: that of a reservation, or of others.
func (r *run) finds(store actito.QuotaStore, now time.Time) {
	r.Helper()
	books, ok := store.(actito.QuotaAuditor)
	if !ok {
		return
	}
	ask, longest := r.ask(now), 26*60
	if r.ownClock {
		longest = 60 // no window ends meanwhile
	}
	licence, execution := licenceOf(ask.Buckets[0].Name), pick(r, "1", "2", "3")
	if e := r.recent(); e != nil && licenceOf(e.ID) == licence && r.choose(2) == 0 {
		execution = "x of " + e.ID
	}
	ask.ID, ask.At = licence+"found-"+execution, now.Add(-r.minutes(0, longest))
	known := r.executions(ask.ID, execution)
	if slices.ContainsFunc(known, r.old) {
		return
	}
	added, err := books.Count(r.Context(), ask, execution)
	_ = r.note(fmt.Sprintf("count %s in %v since %s: %t", ask.ID, ask.Buckets, ask.At.In(r.zone), added), err)
	if err != nil || !r.inexact && added == (len(known) > 0) {
		r.failf("count %s: got %t, %v, known are %d", execution, added, err, len(known))
	}
	if added {
		used := actito.OutcomeUsed
		r.book(&entry{Reservation: ask, began: ask.At, outcome: &used, execution: execution, found: true})
	}
}

// compareUsage compares what a store counts of a table with the model.
func (r *run) compareUsage(store actito.QuotaStore, table string) {
	r.Helper()
	got, err := store.Usage(r.Context(), table)
	if err != nil {
		r.failf("usage of %s: %v", table, err)
	}
	want, known := r.usage(table)
	if r.inexact || !known {
		return
	}
	if r.same(got.ResetAt, want.ResetAt) || r.calendar && r.rolling && want.Used+want.Held == 0 {
		got.ResetAt = want.ResetAt
	}
	if !sameUsage(got, want) {
		r.failf("got  %+v\nwant %+v", fields(got), fields(want))
	}
}

// compareEntries compares what a store lists of a table with the model.
func (r *run) compareEntries(store actito.QuotaStore, table string) {
	r.Helper()
	books, ok := store.(actito.QuotaAuditor)
	if !ok {
		return
	}
	list, err := books.Entries(r.Context(), table)
	if err != nil {
		r.failf("entries of %s: %v", table, err)
	}
	if !slices.IsSortedFunc(list, func(a, b actito.QuotaEntry) int { return a.At.Compare(b.At) }) {
		r.failf("entries of %s are not sorted: %+v", table, list)
	}
	if r.inexact {
		return
	}
	for _, want := range r.list(table) {
		i := slices.IndexFunc(list, func(got actito.QuotaEntry) bool { return got.ID == want.ID })
		if i < 0 {
			r.failf("entries of %s: there is no %+v", table, want)
		}
		slices.Sort(list[i].Tables)
		list[i].Tables = slices.Compact(list[i].Tables)
		slices.Sort(want.Tables)
		if !sameEntry(list[i], want, r.same) {
			r.failf("got  %+v\nwant %+v", list[i], want)
		}
		list = slices.Delete(list, i, i+1)
	}
	for _, got := range list {
		mayBe := func(e *entry) bool {
			return e.ID == got.ID && !r.gone(e) && r.old(e) && r.clock.now().Before(e.since().Add(forgotten))
		}
		if !slices.ContainsFunc(r.entries, mayBe) {
			r.failf("entries of %s: there is %+v", table, got)
		}
	}
}

// checkOverrun fails if a window of an import has more of them than the limit.
func (r *run) checkOverrun(e *entry) {
	r.Helper()
	for _, b := range e.Buckets {
		var imports []time.Time
		for _, other := range r.entries {
			if names(other.Reservation, b.Name) && !other.found && !other.began.IsZero() && !other.is(actito.OutcomeFree) {
				imports = append(imports, other.since())
			}
		}
		check := func(from, until time.Time) {
			r.Helper()
			n := 0
			for _, at := range imports {
				if !at.Before(from) && at.Before(until) {
					n++
				}
			}
			if n > b.Limit {
				r.failf("%d imports of table %s from %s until %s, of %d", n, b.Name, from, until, b.Limit)
			}
		}
		for _, at := range imports {
			if r.rolling {
				check(at, at.Add(24*time.Hour))
			}
			for _, m := range []time.Duration{-r.margin, r.margin} {
				if from, next := day(at.Add(m).In(r.zone)); r.calendar {
					check(from.Add(-r.margin), next.Add(r.margin))
				}
			}
		}
	}
}
