package feed

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

const pageSize = 200

// scan starts deliveries of the pending events of lanes by their IDs. After the last one, or after ten times as long from
// the first that could go, it begins anew: what waited for something may go then.
func (d *drainer) scan(id int, lanes []*laneState, urgent bool, places chan struct{}, every time.Duration) {
	failing, whole := false, false
	for {
		if whole && !urgent {
			lanes[0].turn()
		}
		before := d.progress()
		p := pass{Page: Page{Urgent: urgent, Limit: pageSize}, long: 10 * every}
		more := true
		var err error
		for more && !p.over() {
			var started bool
			p.Lanes = names(lanes)
			started, more, err = d.dispatch(&p, places)
			if !started && more && sleep(d.stop, urgentEvery/10) != nil {
				return // many that wait are no reason to keep the database busy
			}
		}
		switch {
		case d.stop.Err() != nil:
			return
		case err != nil && d.once:
			d.giveUp(err)
			return
		case err != nil && !failing:
			d.log.LogAttrs(d.stop, slog.LevelWarn, "feed: the outbox cannot be read", slog.Any("error", err))
		case err == nil && failing:
			d.log.LogAttrs(d.stop, slog.LevelInfo, "feed: the outbox can be read again")
		}
		failing = err != nil
		whole = !more && err == nil && len(p.Lanes) > 0
		if more {
			continue
		}
		if d.once {
			d.quiet(id, before)
		}
		pause := every
		if d.progress() != before { // what was delivered may have been waited for
			pause = urgentEvery
		}
		if sleep(d.stop, pause) != nil {
			return
		}
	}
}

// pass is a way through the outbox.
type pass struct {
	Page
	long  time.Duration // how long it may go on once something could go
	until time.Time     // zero before that
}

func (p *pass) started() {
	if p.until.IsZero() {
		p.until = time.Now().Add(p.long)
	}
}

func (p *pass) over() bool { return !p.until.IsZero() && !time.Now().Before(p.until) }

// names are those of the lanes in which something can be started.
func names(lanes []*laneState) (names []string) {
	for _, l := range lanes {
		if l.open() {
			names = append(names, l.name)
		}
	}
	return names
}

// dispatch starts deliveries for a page of events, until the pass is over. It turns the page; more is false if that was
// the last one.
func (d *drainer) dispatch(p *pass, places chan struct{}) (started, more bool, err error) {
	if len(p.Lanes) == 0 {
		return false, false, nil
	}
	events, err := d.store.Page(d.stop, p.Page)
	if err != nil {
		return false, false, err
	}
	var parents []Event
	if p.Urgent {
		if parents, err = d.parents(events); err != nil {
			return false, false, err
		}
	}
	all := append(parents, events...)
	free, err := d.unblocked(all)
	if err != nil {
		return false, false, err
	}
	for _, e := range all {
		l := d.lane(e.Lane)
		if l == nil || !free[e.Key] || !l.ready(e.Key) {
			continue
		}
		if !p.Urgent {
			if err := sleep(d.stop, d.spacing.turn(time.Now())); err != nil {
				return started, false, err
			}
		}
		if err := d.calm(d.stop); err != nil {
			return started, false, err
		}
		select {
		case places <- struct{}{}:
		case <-d.stop.Done():
			return started, false, nil
		}
		if !d.reserve(e.Key) {
			<-places
			continue
		}
		started = true
		p.started()
		d.calls.Go(func() {
			defer func() { <-places }()
			d.deliver(l, e.Key, p.Urgent)
		})
		if p.over() {
			return started, true, nil
		}
	}
	if len(events) < p.Limit {
		return started, false, nil
	}
	p.After = events[len(events)-1].ID
	return started, true, nil
}

// parents are events of the rows that urgent ones wait for, and of those that these wait for: they go ahead too.
func (d *drainer) parents(events []Event) (all []Event, err error) {
	seen := map[Key]bool{}
	for {
		var keys []Key
		for _, e := range events {
			for _, k := range e.Parents {
				if !seen[k] {
					seen[k] = true
					keys = append(keys, k)
				}
			}
		}
		if len(keys) == 0 {
			return all, nil
		}
		if events, err = d.store.Events(d.stop, keys, 2); err != nil {
			return nil, err
		}
		for _, e := range events {
			if e.Parked == nil && e.Import == "" {
				all = append(all, e)
			}
		}
	}
}

// unblocked are the keys of events that wait neither for a parent nor for an import.
func (d *drainer) unblocked(events []Event) (map[Key]bool, error) {
	var keys []Key
	for _, e := range events {
		keys = append(append(keys, e.Key), e.Parents...)
	}
	slices.Sort(keys)
	states, err := d.states(d.stop, slices.Compact(keys))
	free := make(map[Key]bool, len(events))
	for _, e := range events {
		waits := states[e.Key].Held && !e.AtOnce || e.waits(states)
		free[e.Key] = free[e.Key] || !waits
	}
	return free, err
}

// together is how far apart the hand-overs of a transaction may be, in whatever order they are made.
const together = 10 * time.Second

// behind reports whether a parent has something that goes first: it was handed over before, or with the event.
func (e *Event) behind(parent State) bool {
	return parent.First > 0 && (parent.First < e.ID || parent.At.Before(e.At.Add(together)))
}

// waits reports whether the event is behind one of its parents.
func (e *Event) waits(states map[Key]State) bool {
	return slices.ContainsFunc(e.Parents, func(p Key) bool { return e.behind(states[p]) })
}

// states asks for the states of keys, a thousand at a time.
func (d *drainer) states(ctx context.Context, keys []Key) (map[Key]State, error) {
	all := map[Key]State{}
	for some := range slices.Chunk(keys, 1000) {
		states, err := d.store.States(ctx, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, states)
	}
	return all, nil
}

// lane is nil for one that only other processes have, such as those of a newer version: parents may be of it.
func (d *drainer) lane(name string) *laneState {
	for _, l := range d.lanes {
		if l.name == name {
			return l
		}
	}
	return nil
}
