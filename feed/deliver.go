package feed

import (
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/actito-go/actito"
)

// eventsAtOnce is how many events of one key are merged into a call: the oldest.
const eventsAtOnce = 500

// outcome is what a delivery changes.
type outcome struct {
	key  Key
	note Note
}

// deliver does what is to be done for a key, which is busy, and hands over what became of it.
func (d *drainer) deliver(l *laneState, k Key) {
	o := outcome{key: k}
	p, ok, err := d.plan(k)
	if err == nil && ok {
		err = d.carry(l, &p)
		o.note = d.judge(l, k, &p, err)
	} else if err != nil && d.ctx.Err() == nil {
		row, _ := l.failed(k, 0)
		d.log.LogAttrs(d.ctx, slog.LevelWarn, "feed: not delivered", slog.String("lane", l.name), slog.Int("failures", row), slog.Any("error", err))
	}
	d.done <- o
}

// plan says what is to be done for a key. ok is false if it waits.
func (d *drainer) plan(k Key) (plan, bool, error) {
	events, err := d.store.Events(d.ctx, []Key{k}, eventsAtOnce)
	if err != nil {
		return plan{}, false, err
	}
	p, ok, err := planOf(d.seal, events)
	if err != nil || !ok || len(p.parents) == 0 {
		return p, ok, err
	}
	states, err := d.states(p.parents)
	return p, err == nil && !slices.ContainsFunc(slices.Collect(maps.Values(states)), func(s State) bool { return s.Any }), err
}

// carry makes the calls of a plan.
func (d *drainer) carry(l *laneState, p *plan) error {
	opts := []actito.CallOption{actito.BeforeSend(d.holds)}
	if !p.urgent {
		opts = append(opts, actito.Background())
	}
	if p.remove {
		err := l.table.remove(d.ctx, p.key, opts...)
		if errors.Is(err, actito.ErrNotFound) {
			err = d.gone(l, p.key, err, opts)
		}
		if err != nil {
			return err
		}
	}
	if p.row == nil {
		return nil
	}
	if p.collected != nil {
		opts = append(opts, actito.DataCollection(*p.collected))
	}
	return l.table.upsert(d.ctx, p.row, opts...)
}

// gone decides what a 404 to a delete means, which Actito also answers where access is not allowed: if the row can be
// read, it is there, and may not be deleted.
func (d *drainer) gone(l *laneState, key string, refused error, opts []actito.CallOption) error {
	err := l.table.read(d.ctx, key, opts...)
	switch {
	case errors.Is(err, actito.ErrNotFound):
		return nil
	case err == nil:
		return refused
	}
	return err
}

// judge says what the outbox is to note about a delivery.
func (d *drainer) judge(l *laneState, k Key, p *plan, err error) (n Note) {
	if d.ctx.Err() != nil {
		return n
	}
	parked := verdictOf(err, p.row)
	if parked == nil && err != nil {
		row, own := l.failed(k, retryAfter(err))
		if row == 1 {
			d.log.LogAttrs(d.ctx, slog.LevelWarn, "feed: the lane pauses", slog.String("lane", l.name), slog.Any("error", err))
		}
		if !own {
			return n
		}
		parked = hopeless(err)
	}
	if failures := l.succeeded(k); failures > 1 {
		d.log.LogAttrs(d.ctx, slog.LevelInfo, "feed: the lane goes on", slog.String("lane", l.name), slog.Int("failures", failures))
	}
	switch {
	case parked != nil:
		d.log.LogAttrs(d.ctx, slog.LevelWarn, "feed: parked", slog.String("lane", l.name), slog.String("code", parked.Code),
			slog.String("column", parked.Column), slog.Int64("id", p.ids[len(p.ids)-1]))
		n.Park = make(map[int64]Parked, len(p.ids))
		for _, id := range p.ids {
			n.Park[id] = *parked
		}
	case p.held:
		n.Sent = p.ids
	default:
		n.Remove = p.ids
	}
	return n
}

// settle notes what became of deliveries until there are no more: together those that have come by then.
func (d *drainer) settle() {
	for first := range d.done {
		all := []outcome{first}
		ids := len(first.note.ids())
	more:
		for ids < eventsAtOnce {
			select {
			case o, ok := <-d.done:
				if !ok {
					break more
				}
				all = append(all, o)
				ids += len(o.note.ids())
			default:
				break more
			}
		}
		var n Note
		for _, o := range all {
			n.add(o.note)
		}
		if ids > 0 {
			_ = d.insist(n) // an error ends the tenure: whoever comes next delivers again
		}
		for _, o := range all {
			d.free(o.key)
		}
	}
}

func (n *Note) ids() []int64 {
	return slices.Concat(n.Remove, n.Sent, slices.Collect(maps.Keys(n.Park)))
}

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
