package feedtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/actito-go/actito/feed"
)

// T is what [AnyOrder] needs of a test. A *testing.T is one, and a *rapid.T of pgregory.net/rapid.
type T interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// runSteps is the length of a run.
const runSteps = 80

// AnyOrder makes calls in any order on an empty outbox: transactions that overlap, are committed or not, notes with the
// fence of the lease or an old one, imports, and all that is read. What the store answers is compared with a simple model.
//
// Every choice is made by choose, which returns a number from 0 to n-1: random numbers do, and those of pgregory.net/rapid
// make the calls few that a failure needs:
//
//	rapid.Check(t, func(rt *rapid.T) {
//		feedtest.AnyOrder(rt, open(t), func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") })
//	})
//
// [OneWriter] changes it. [Run] calls it with random numbers.
func AnyOrder(t T, outbox Outbox, choose func(n int) int, opts ...Option) {
	t.Helper()
	anyOrder(t, outbox, choose, newOptions(opts))
}

func anyOrder(t T, outbox Outbox, choose func(n int) int, o options) {
	t.Helper()
	r := &run{
		T: t, model: model{imports: make(map[string]feed.Import)},
		store: outbox.Store, begin: outbox.Begin, choose: choose, oneWriter: o.oneWriter,
	}
	for range 6 {
		r.keys = append(r.keys, key(fmt.Sprint("key ", len(r.keys))))
	}
	defer func() {
		for _, tx := range r.open { // of a run that failed
			_ = tx.Rollback()
		}
	}()
	lease, err := r.store.Lease(t.Context())
	r.must("lease", err)
	r.lease = lease
	r.takes()
	for range runSteps {
		r.step()
		r.compare()
	}
	for len(r.open) > 0 {
		r.end(0)
	}
	r.compareEvents(r.keys, all)
}

// run is a sequence of calls that are chosen.
type run struct {
	T
	model
	store     feed.Store
	begin     func(context.Context) (Transaction, error)
	choose    func(n int) int
	oneWriter bool
	keys      []feed.Key
	open      []*transaction
	highest   int64 // of all IDs that were seen
	serial    int
	steps     []string
}

// transaction is one that is open.
type transaction struct {
	Transaction
	keys  []feed.Key   // of its events: nothing else changes events of these
	after int64        // its IDs are greater
	added []feed.Event // those that are deletes erase
}

func (r *run) pick(of ...string) string { return of[r.choose(len(of))] }

// failf ends the test with what was done.
func (r *run) failf(format string, args ...any) {
	r.Helper()
	for _, step := range r.steps {
		r.Logf("%s", step)
	}
	r.Fatalf(format, args...)
}

// log keeps a step for the log of a failure.
func (r *run) log(format string, args ...any) {
	r.steps = append(r.steps, fmt.Sprintf(format, args...))
}

func (r *run) must(what string, err error) {
	r.Helper()
	if err != nil {
		r.failf("%s: unexpected error: %v", what, err)
	}
}

func (r *run) step() {
	r.Helper()
	r.serial++
	switch n := r.choose(20); {
	case n < 7:
		r.writes()
	case n < 9 && len(r.open) > 0:
		r.end(r.choose(len(r.open)))
	case n < 16:
		r.notes()
	case n < 17:
		r.ends()
	case n < 18:
		r.leases()
	default:
		r.unparks()
	}
}

// locked reports whether a transaction that is open changes events of a key.
func (r *run) locked(k feed.Key) bool {
	return slices.ContainsFunc(r.open, func(t *transaction) bool { return slices.Contains(t.keys, k) })
}

// laneOf is the lane of a key.
func (r *run) laneOf(k feed.Key) string {
	if slices.Index(r.keys, k) < len(r.keys)/2 {
		return people
	}
	return orders
}

// writes writes events in a transaction, and perhaps ends it.
func (r *run) writes() {
	r.Helper()
	tx, err := r.begin(r.Context())
	r.must("begin", err)
	t := &transaction{Transaction: tx, after: r.highest}
	for range 1 + r.choose(3) {
		k := r.keys[r.choose(len(r.keys))]
		if r.locked(k) {
			continue
		}
		r.serial++
		e := feed.Event{
			Lane: r.laneOf(k), Key: k, Urgent: r.choose(3) == 0, AtOnce: r.choose(3) == 0, Columns: int64(r.choose(3)),
			Payload: fmt.Append(nil, "row ", r.serial), At: noon.Add(time.Duration(r.choose(100)) * time.Microsecond),
		}
		for range r.choose(3) {
			e.Parents = append(e.Parents, r.keys[r.choose(len(r.keys))])
		}
		e.Delete = r.choose(4) == 0
		statements := []feed.Statement{r.store.Append(e)}
		if e.Delete {
			statements = r.store.Erase(e)
		}
		for _, s := range statements {
			_, err := tx.ExecContext(r.Context(), s.Query, s.Args...)
			r.must("write", err)
		}
		r.log("write, delete %t: %s", e.Delete, show(e))
		t.keys, t.added = append(t.keys, k), append(t.added, e)
	}
	r.open = append(r.open, t)
	if r.oneWriter || len(r.open) > 2 || r.choose(3) > 0 {
		r.end(len(r.open) - 1)
	}
}

// end ends a transaction that is open.
func (r *run) end(i int) {
	r.Helper()
	t := r.open[i]
	r.open = slices.Delete(r.open, i, i+1)
	if r.choose(4) == 0 {
		r.log("rollback of %d events", len(t.added))
		r.must("rollback", t.Rollback())
		return
	}
	r.log("commit of %d events", len(t.added))
	r.must("commit", t.Commit())
	var added []feed.Event
	for _, e := range t.added {
		if e.Delete {
			r.erase(e.Key)
			added = slices.DeleteFunc(added, func(other feed.Event) bool { return other.Key == e.Key })
		}
		added = append(added, e)
	}
	events, err := r.store.Events(r.Context(), t.keys, all)
	r.must("events", err)
	known := ids(r.events)
	fresh := slices.DeleteFunc(ids(events), func(id int64) bool { return slices.Contains(known, id) })
	if len(fresh) != len(added) || len(fresh) > 0 && fresh[0] <= t.after {
		r.failf("the new events are %d, want %d after %d", fresh, len(added), t.after)
	}
	for i := range added {
		added[i].ID = fresh[i]
		r.highest = max(r.highest, fresh[i])
	}
	r.add(added)
	r.compareEvents(t.keys, all)
}

// takes takes the lease.
func (r *run) takes() {
	r.Helper()
	got, err := r.store.Take(r.Context(), r.lease, fmt.Sprint("holder ", r.serial))
	r.log("take: %+v", got)
	r.must("take", err)
	if got.Fence != r.lease.Fence+1 || got.Holder != fmt.Sprint("holder ", r.serial) {
		r.failf("took %+v after %+v", got, r.lease)
	}
	r.lease = got
}

// leases takes the lease, or gives it back, or fails to.
func (r *run) leases() {
	r.Helper()
	switch r.choose(4) {
	case 0:
		stale := r.lease
		stale.Beat--
		if _, err := r.store.Take(r.Context(), stale, "stale"); !errors.Is(err, feed.ErrLeaseLost) {
			r.failf("take as it was not: got error %v, want ErrLeaseLost", err)
		}
	case 1:
		r.must("release by an old holder", r.store.Release(r.Context(), r.lease.Fence-1))
	case 2:
		r.must("release", r.store.Release(r.Context(), r.lease.Fence))
		got, err := r.store.Lease(r.Context())
		r.log("release: %+v", got)
		r.must("lease", err)
		if got.Holder != "" || got.Fence != r.lease.Fence {
			r.failf("the lease is %+v after %+v was released", got, r.lease)
		}
		r.lease = got
		r.takes()
	default:
		r.takes()
	}
}

// apply applies a note with the fence of the lease, or with an old one.
func (r *run) apply(n feed.Note) {
	r.Helper()
	if r.choose(8) == 0 {
		r.log("note with an old fence: %+v", n)
		if err := r.store.Apply(r.Context(), r.lease.Fence-1, n); !errors.Is(err, feed.ErrLeaseLost) {
			r.failf("note with an old fence: got error %v, want ErrLeaseLost", err)
		}
		r.compareEvents(r.keys, all)
		return
	}
	r.log("note: %+v", n)
	r.must("note", r.store.Apply(r.Context(), r.lease.Fence, n))
	r.note(n)
	got, err := r.store.Lease(r.Context())
	r.must("lease", err)
	if got.Beat <= r.lease.Beat {
		r.failf("the lease is %+v after %+v and a note", got, r.lease)
	}
	r.lease.Beat = got.Beat
	r.compareEvents(r.keys, all)
}

// parks is a reason.
func (r *run) parks() feed.Parked {
	return feed.Parked{
		Code: fmt.Sprint(400 + r.choose(5)), Column: r.pick("", "name"), Reason: fmt.Sprint("reason ", r.serial),
		At: noon.Add(time.Duration(r.serial) * time.Microsecond),
	}
}

// notes changes some events, each in one way.
func (r *run) notes() {
	r.Helper()
	n := feed.Note{Park: make(map[int64]feed.Parked)}
	if r.choose(2) == 0 {
		i := feed.Import{ID: r.pick("i", "j", "k"), Lane: r.pick(people, orders), At: noon.Add(time.Duration(r.serial) * time.Microsecond)}
		if known, ok := r.imports[i.ID]; ok {
			i = known
		}
		if r.choose(2) == 0 {
			i.Handle = fmt.Append(nil, "handle ", r.serial)
		}
		n.Import = &i
	}
	for _, e := range append(r.where(func(e feed.Event) bool { return !r.locked(e.Key) }), feed.Event{ID: r.highest + 1000}) {
		switch way := r.choose(12); {
		case way == 0:
			n.Remove = append(n.Remove, e.ID)
		case way == 1 && !e.Sent:
			n.Park[e.ID] = r.parks()
		case way == 2 && e.Parked == nil:
			n.Sent = append(n.Sent, e.ID)
		case way < 6 && n.Import != nil && (e.Lane == n.Import.Lane || e.Lane == ""):
			n.Hold = append(n.Hold, e.ID)
		case way == 6:
			n.Release = append(n.Release, e.ID)
		case way == 7:
			n.OneByOne = append(n.OneByOne, e.ID)
		case way == 8:
			n.Release, n.OneByOne = append(n.Release, e.ID), append(n.OneByOne, e.ID)
		}
	}
	r.apply(n)
}

// ends ends an import, with all that it holds.
func (r *run) ends() {
	r.Helper()
	if len(r.open) > 0 {
		return
	}
	n := feed.Note{End: r.pick("i", "j", "k"), Park: make(map[int64]feed.Parked)}
	for _, e := range r.where(func(e feed.Event) bool { return e.Import == n.End }) {
		switch way := r.choose(3); {
		case way == 0:
			n.Remove = append(n.Remove, e.ID)
		case way == 1 && !e.Sent:
			n.Park[e.ID] = r.parks()
		default:
			n.Release = append(n.Release, e.ID)
		}
	}
	r.apply(n)
}

// unparks unparks or discards an event, which may not be parked.
func (r *run) unparks() {
	r.Helper()
	events := r.where(func(e feed.Event) bool { return !r.locked(e.Key) })
	if parked := slices.DeleteFunc(slices.Clone(events), func(e feed.Event) bool { return e.Parked == nil }); len(parked) > 0 && r.choose(4) > 0 {
		events = parked
	}
	events = append(events, feed.Event{ID: r.highest + 1000})
	e := events[r.choose(len(events))]
	method, discard := r.store.Unpark, r.choose(2) == 0
	if discard {
		method = r.store.Discard
	}
	found, err := method(r.Context(), e.ID)
	r.log("unpark or discard, discard %t, %d: %t", discard, e.ID, found)
	r.must("unpark or discard", err)
	switch {
	case found != (e.Parked != nil):
		r.failf("unpark or discard: found %t: %s", found, show(e))
	case found && discard:
		r.remove([]int64{e.ID})
	case found:
		r.change([]int64{e.ID}, func(e *feed.Event) { e.Parked, e.Sent = nil, false })
	}
}

func (r *run) compareEvents(keys []feed.Key, limit int) {
	r.Helper()
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	got, err := r.store.Events(r.Context(), keys, limit)
	r.same("events", err, got, r.of(keys, limit))
}

func (r *run) same(what string, err error, got, want []feed.Event) {
	r.Helper()
	r.must(what, err)
	if text := differ(got, want); text != "" {
		r.failf("%s: %s", what, text)
	}
}

// compare compares one of the ways to read with the model.
func (r *run) compare() {
	r.Helper()
	ctx, limit := r.Context(), 1+r.choose(6)
	after := int64(r.choose(int(min(r.highest, 1000)) + 1))
	keys := r.keys[:r.choose(len(r.keys)+1)]
	switch r.choose(8) {
	case 0, 1:
		p := feed.Page{Lanes: [][]string{nil, {people}, {orders}, {orders, people}}[r.choose(4)], Urgent: r.choose(2) == 0, After: after, Limit: limit}
		got, err := r.store.Page(ctx, p)
		r.same(fmt.Sprintf("%+v", p), err, got, r.page(p))
	case 2:
		r.compareEvents(keys, limit)
	case 3:
		got, err := r.store.States(ctx, keys)
		r.must("states", err)
		if want := r.states(keys); showStates(got) != showStates(want) {
			r.failf("states: got  %+v\nwant %+v", got, want)
		}
	case 4:
		id := r.pick("i", "j", "k")
		got, err := r.store.Held(ctx, id, feed.Event{}, all)
		slices.SortFunc(got, func(a, b feed.Event) int { return cmp.Compare(a.ID, b.ID) })
		r.same("held by "+id, err, got, r.where(func(e feed.Event) bool { return e.Import == id }))
	case 5:
		got, err := r.store.Imports(ctx)
		r.must("imports", err)
		if len(got) != len(r.imports) || slices.ContainsFunc(got, func(i feed.Import) bool { return !sameImport(i, r.imports[i.ID]) }) {
			r.failf("imports: got  %+v\nwant %+v", got, r.imports)
		}
	case 6:
		got, err := r.store.Backlog(ctx)
		r.must("backlog", err)
		if want := r.backlog(); !sameBacklog(got, want) {
			r.failf("backlog: got  %+v\nwant %+v", got, want)
		}
	default:
		got, err := r.store.Parked(ctx, after, limit)
		r.same("parked", err, got, r.parked(after, limit))
	}
	got, err := r.store.Lease(ctx)
	r.must("lease", err)
	if got != r.lease {
		r.failf("the lease is %+v, want %+v", got, r.lease)
	}
}
