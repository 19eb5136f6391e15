package feed

import (
	"log/slog"
	"maps"
	"slices"
)

// dispatchUrgent starts deliveries of urgent events, of all lanes by their IDs.
func (d *drainer) dispatchUrgent() {
	for after := int64(0); ; {
		_, after = d.dispatch(Page{Lanes: d.open(), Urgent: true, After: after, Limit: 200}, d.urgent, 200)
		if after == 0 && sleep(d.stop, urgentEvery) != nil {
			return
		}
	}
}

// dispatchOthers starts deliveries lane by lane in turn, a few of each, so that no lane waits for all of another. With
// once, it ends the work when it has gone through all lanes, nothing could start, and nothing has ended since, for which
// something may have waited.
func (d *drainer) dispatchOthers() {
	after := make([]int64, len(d.lanes))
	started, settled := 0, d.idleSince()
	for {
		more := false
		for i, l := range d.lanes {
			if !l.open() {
				continue
			}
			some, last := d.dispatch(Page{Lanes: []string{l.name}, After: after[i], Limit: 100}, d.others, 16)
			started += some
			after[i] = last
			more = more || last > 0
		}
		if !more || d.stop.Err() != nil {
			if d.once && started == 0 && settled >= 0 && settled == d.idleSince() {
				d.finish()
			}
			if sleep(d.stop, othersEvery) != nil {
				return
			}
			started, settled = 0, d.idleSince()
		}
	}
}

// open names the lanes that do not pause.
func (d *drainer) open() (names []string) {
	for _, l := range d.lanes {
		if l.open() {
			names = append(names, l.name)
		}
	}
	return names
}

// dispatch starts deliveries for a page of events, at most so many. It returns how many it started, and the ID after
// which to go on, or 0 if that was the last page.
func (d *drainer) dispatch(p Page, places chan struct{}, most int) (started int, after int64) {
	if len(p.Lanes) == 0 || d.stop.Err() != nil {
		return 0, 0
	}
	events, err := d.store.Page(d.stop, p)
	var free map[Key]bool
	if err == nil {
		free, err = d.unblocked(events)
	}
	if err != nil {
		if d.stop.Err() == nil {
			d.log.LogAttrs(d.stop, slog.LevelWarn, "feed: the outbox cannot be read", slog.Any("error", err))
		}
		return 0, 0
	}
	for i, e := range events {
		l := d.lane(e.Lane)
		if !free[e.Key] || !l.ready(e.Key) || d.calm(d.stop) != nil {
			continue
		}
		select {
		case places <- struct{}{}:
		case <-d.stop.Done():
			return started, 0
		}
		if !d.reserve(e.Key) {
			<-places
			continue
		}
		started++
		d.calls.Go(func() {
			defer func() { <-places }()
			d.deliver(l, e.Key)
		})
		if started == most && i+1 < len(events) {
			return started, e.ID
		}
	}
	if len(events) < p.Limit {
		return started, 0
	}
	return started, events[len(events)-1].ID
}

// unblocked are the keys of events that wait neither for a parent nor for an import.
func (d *drainer) unblocked(events []Event) (map[Key]bool, error) {
	var keys []Key
	for _, e := range events {
		keys = append(append(keys, e.Key), e.Parents...)
	}
	slices.Sort(keys)
	states, err := d.states(slices.Compact(keys))
	free := make(map[Key]bool, len(events))
	for _, e := range events {
		waits := states[e.Key].Held && !e.AtOnce ||
			slices.ContainsFunc(e.Parents, func(p Key) bool { return states[p].Any })
		free[e.Key] = free[e.Key] || !waits
	}
	return free, err
}

// states asks for the states of keys, a thousand at a time.
func (d *drainer) states(keys []Key) (map[Key]State, error) {
	all := map[Key]State{}
	for some := range slices.Chunk(keys, 1000) {
		states, err := d.store.States(d.stop, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, states)
	}
	return all, nil
}

func (d *drainer) lane(name string) *laneState {
	i := slices.IndexFunc(d.lanes, func(l *laneState) bool { return l.name == name })
	return d.lanes[i]
}
