package feed

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/actito-go/actito"
)

// eventsAtOnce is how many events of one key are merged into a call: the oldest, and more only if those all wait.
const eventsAtOnce = 500

// idsAtOnce is how many IDs a note may have.
const idsAtOnce = 1000

// outcome is what a delivery changes.
type outcome struct {
	key     Key
	waiting bool // there was nothing to do
	note    Note
}

// deliver does what is to be done for a key, which is busy, and hands over what became of it.
func (d *drainer) deliver(l *laneState, k Key, urgent bool) {
	o := outcome{key: k}
	p, ok, err := d.plan(k)
	p.urgent = p.urgent || urgent
	switch {
	case !ok && err == nil || !l.begin(k):
		o.waiting = true
	case err != nil:
		o.note = d.unread(l, k, &p, err)
		l.end()
	default:
		o.note = d.judge(l, k, &p, d.carry(l, &p))
		l.end()
	}
	d.done <- o
}

// plan says what is to be done for a key. ok is false if it waits.
func (d *drainer) plan(k Key) (p plan, ok bool, err error) {
	for limit := eventsAtOnce; ; limit *= 2 {
		events, err := d.store.Events(d.ctx, []Key{k}, limit)
		if err != nil {
			return plan{}, false, err
		}
		p, ok, err = planOf(d.seal, events)
		if err != nil {
			return p, false, err
		}
		if ok || len(events) < limit {
			break
		}
	}
	if !ok || len(p.parents) == 0 {
		return p, ok, nil
	}
	states, err := d.states(d.ctx, slices.Collect(maps.Keys(p.parents)))
	if err != nil {
		return plan{}, false, err
	}
	for k, e := range p.parents {
		if e.behind(states[k]) {
			return p, p.first(), nil
		}
	}
	return p, ok, nil
}

// carry makes the calls of a plan. What a refused row says of subscriptions that end does not wait for those who correct
// the rest.
func (d *drainer) carry(l *laneState, p *plan) error {
	refused := d.change(l, p)
	out := optOuts(p.row)
	if verdictOf(refused, p) == nil || len(out) == 0 {
		return refused
	}
	out[l.key] = p.row[l.key]
	err := d.call(p.urgent, func(ctx context.Context, opts ...actito.CallOption) error {
		return l.table.read(ctx, text(p.row[l.key]), opts...) // no profile is made for it
	})
	if err == nil {
		err = d.call(p.urgent, func(ctx context.Context, opts ...actito.CallOption) error {
			return l.table.upsert(ctx, out, opts...)
		})
	}
	if err == nil || errors.Is(err, actito.ErrNotFound) || verdictOf(err, p) != nil {
		return refused
	}
	return err
}

// change makes the calls of a plan as it is.
func (d *drainer) change(l *laneState, p *plan) error {
	if p.remove {
		err := d.call(p.urgent, func(ctx context.Context, opts ...actito.CallOption) error {
			return l.table.remove(ctx, p.key, opts...)
		})
		if errors.Is(err, actito.ErrNotFound) {
			err = d.gone(l, p, err)
		}
		if err != nil {
			return err
		}
	}
	if p.row == nil {
		return nil
	}
	return d.call(p.urgent, func(ctx context.Context, opts ...actito.CallOption) error {
		if p.collected != nil {
			opts = append(opts, actito.DataCollection(*p.collected))
		}
		return l.table.upsert(ctx, p.row, opts...)
	})
}

var errDryRun = errors.New("feed: the client sends nothing: a feed cannot deliver through one that was made WithDryRun")

// call makes a call that is not sent any more once the work ends or the lease has run out. One that was sent may end.
func (d *drainer) call(urgent bool, do func(context.Context, ...actito.CallOption) error) error {
	ctx, cancel := context.WithCancel(d.ctx)
	defer cancel()
	onTheWire := context.AfterFunc(d.stop, cancel)
	defer onTheWire()
	sent, began := false, time.Now()
	opts := []actito.CallOption{actito.BeforeSend(func(context.Context) error {
		if onTheWire(); d.stop.Err() != nil {
			return context.Canceled
		}
		if now := time.Now(); !urgent && !sent { // repeats have other reasons to wait
			d.spacing.passed(now, now.Sub(began))
		}
		sent = true
		return d.holds()
	})}
	if !urgent {
		opts = append(opts, actito.Background())
	}
	err := do(ctx, opts...)
	if err == nil && !sent {
		return errDryRun
	}
	return err
}

// refusal is a 404 to a delete of a row that is there.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// gone decides what a 404 to a delete means, which Actito also answers where access is not allowed: if the row can be
// read, it is there, and may not be deleted. Where an import may just have brought it back, the delete goes again anyway.
func (d *drainer) gone(l *laneState, p *plan, refused error) error {
	if p.held {
		return nil
	}
	err := d.call(p.urgent, func(ctx context.Context, opts ...actito.CallOption) error {
		return l.table.read(ctx, p.key, opts...)
	})
	switch {
	case errors.Is(err, actito.ErrNotFound):
		return nil
	case err == nil:
		return refusal{refused}
	}
	return err
}

// unread says what the outbox is to note about events that could not be read: those that cannot be opened are parked
// after a while.
func (d *drainer) unread(l *laneState, k Key, p *plan, err error) (n Note) {
	if d.stop.Err() != nil {
		return n
	}
	row, own := l.failed(k, 0)
	d.log.LogAttrs(d.ctx, slog.LevelWarn, "feed: not delivered", slog.String("lane", l.name), slog.Int("failures", row), slog.Any("error", err))
	if !own || len(p.ids) == 0 {
		return n
	}
	l.gaveUp(k)
	return d.park(l, p, Parked{Code: "unreadable", Reason: err.Error()})
}

// judge says what the outbox is to note about a delivery.
func (d *drainer) judge(l *laneState, k Key, p *plan, err error) (n Note) {
	if d.ctx.Err() != nil {
		return n
	}
	parked := verdictOf(err, p)
	if parked == nil && err != nil {
		if d.stop.Err() != nil {
			return n // it may not have been sent
		}
		row, own := l.failed(k, retryAfter(err))
		if row == 1 {
			d.log.LogAttrs(d.ctx, slog.LevelWarn, "feed: the lane pauses", slog.String("lane", l.name), slog.String("error", shown(err, p)))
		}
		if !own || !mayBeOfTheRow(err) {
			return n
		}
		l.gaveUp(k)
		return d.park(l, p, hopeless(err, p))
	}
	if failures := l.succeeded(k); failures > 1 {
		d.log.LogAttrs(d.ctx, slog.LevelInfo, "feed: the lane goes on", slog.String("lane", l.name), slog.Int("failures", failures))
	}
	switch {
	case p.held: // an import may make the row that is refused without it: what becomes of it then decides
		n.Sent = p.ids
	case parked != nil:
		return d.park(l, p, *parked)
	default:
		n.Remove = p.ids
	}
	return n
}

func (d *drainer) park(l *laneState, p *plan, parked Parked) Note {
	d.log.LogAttrs(d.ctx, slog.LevelWarn, "feed: parked", slog.String("lane", l.name), slog.String("code", parked.Code),
		slog.String("column", parked.Column), slog.Int64("event", p.ids[len(p.ids)-1]))
	parked.At = time.Now()
	n := Note{Park: make(map[int64]Parked, len(p.ids))}
	for _, id := range p.ids {
		n.Park[id] = parked
	}
	return n
}

// settle notes what became of deliveries until there are no more: together those that have come by then.
func (d *drainer) settle() {
	for first := range d.done {
		all := []outcome{first}
		ids := first.note.size()
	more:
		for ids < idsAtOnce {
			select {
			case o, ok := <-d.done:
				if !ok {
					break more
				}
				all = append(all, o)
				ids += o.note.size()
			default:
				break more
			}
		}
		var n Note
		for _, o := range all {
			n.add(o.note)
		}
		for some := range n.split() {
			if d.insist(some) != nil {
				break // it ends the tenure: whoever comes next delivers again
			}
		}
		d.settled(all)
	}
}

// settled lets others work on the keys.
func (d *drainer) settled(all []outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range all {
		delete(d.busy, o.key)
		if !o.waiting {
			d.moved++
		}
	}
}

func (n *Note) size() int { return len(n.Remove) + len(n.Sent) + len(n.Park) }

// add adds what another delivery changes.
func (n *Note) add(other Note) {
	n.Remove = append(n.Remove, other.Remove...)
	n.Sent = append(n.Sent, other.Sent...)
	if n.Park == nil {
		n.Park = other.Park
	} else {
		maps.Copy(n.Park, other.Park)
	}
}

// split cuts a note into those that a store takes. Of a key, older events are noted first.
func (n *Note) split() iter.Seq[Note] {
	return func(yield func(Note) bool) {
		if n.size() == 0 {
			return
		}
		if n.size() <= idsAtOnce {
			yield(*n)
			return
		}
		for ids := range slices.Chunk(n.Remove, idsAtOnce) {
			if !yield(Note{Remove: ids}) {
				return
			}
		}
		for ids := range slices.Chunk(n.Sent, idsAtOnce) {
			if !yield(Note{Sent: ids}) {
				return
			}
		}
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(n.Park)), idsAtOnce) {
			some := Note{Park: make(map[int64]Parked, len(ids))}
			for _, id := range ids {
				some.Park[id] = n.Park[id]
			}
			if !yield(some) {
				return
			}
		}
	}
}
