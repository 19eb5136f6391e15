package feed

import (
	"cmp"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/actito-go/actito"
)

const (
	claimPage  = 500 // events that are read at once
	claimKeys  = 100 // keys that are claimed at once
	mostOfKey  = 100 // events of a key; one with more takes a single call too
	claimRows  = 1_000_000
	claimBytes = 100_000_000 // of payloads
)

// claim is what an import holds.
type claim struct {
	rows  int
	bytes int64
	names map[string]bool // of the columns
}

func (c *claim) full() bool { return c.rows >= claimRows || c.bytes >= claimBytes }

func (c *claim) columns() []string { return slices.Sorted(maps.Keys(c.names)) }

// claim holds what can go with an import, until it is full or the lane is through.
//
// A process that ends in the middle leaves an import without a handle, of which nothing was sent: the next one releases
// what it holds.
func (s *importer) claim(i *Import, columns int64) (*claim, error) {
	c := &claim{names: map[string]bool{}}
	for after := int64(0); !c.full(); {
		events, err := s.store.Page(s.stop, Page{Lanes: []string{s.l.name}, After: after, Limit: claimPage})
		if err != nil {
			return c, err
		}
		var keys []Key
		for i := range events {
			if events[i].Columns == columns && !events[i].Urgent {
				keys = append(keys, events[i].Key)
			}
		}
		slices.Sort(keys)
		for some := range slices.Chunk(slices.Compact(keys), claimKeys) {
			if err := s.claimKeys(i, columns, some, c); err != nil || c.full() {
				return c, err
			}
		}
		if len(events) < claimPage {
			break
		}
		after = events[len(events)-1].ID
	}
	return c, nil
}

// claimKeys holds those of some keys that can go. Keys on which somebody works are left out, and nobody works on the
// others meanwhile.
func (s *importer) claimKeys(i *Import, columns int64, keys []Key, c *claim) error {
	own := make([]Key, 0, len(keys))
	for _, k := range keys {
		if s.reserve(k) {
			own = append(own, k)
		}
	}
	defer s.free(own...)
	events, err := s.store.Events(s.stop, own, mostOfKey+1)
	if err != nil {
		return err
	}
	var parents []Key
	for k := range events {
		parents = append(parents, events[k].Parents...)
	}
	slices.Sort(parents)
	states, err := s.states(s.stop, slices.Compact(parents))
	if err != nil {
		return err
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Key, b.Key) })
	var ids []int64
	for some := range chunksOfKeys(events) {
		if spillable(some, columns, states) && s.take(some, c) {
			for k := range some {
				ids = append(ids, some[k].ID)
			}
		}
		if c.full() {
			break
		}
	}
	for some := range slices.Chunk(ids, idsAtOnce) {
		if err := s.insist(Note{Import: i, Hold: some}); err != nil {
			return err
		}
	}
	return nil
}

// chunksOfKeys yields the events of each key.
func chunksOfKeys(events []Event) iter.Seq[[]Event] {
	return func(yield func([]Event) bool) {
		for from := 0; from < len(events); {
			to := from + 1
			for to < len(events) && events[to].Key == events[from].Key {
				to++
			}
			if !yield(events[from:to]) {
				return
			}
			from = to
		}
	}
}

// spillable reports whether a file can hold what all events of a key make.
func spillable(events []Event, columns int64, parents map[Key]State) bool {
	return len(events) <= mostOfKey && !slices.ContainsFunc(events, func(e Event) bool {
		return e.Columns != columns || e.Urgent || e.Delete || e.Sent || e.Import != "" || e.Parked != nil || e.waits(parents)
	})
}

// take counts a row and notes its columns. One that cannot be read stays with the calls, which tell why.
func (s *importer) take(events []Event, c *claim) bool {
	var p plan
	bytes := int64(0)
	for i := range events {
		bytes += int64(len(events[i].Payload))
		if p.merge(s.seal, &events[i]) != nil {
			return false
		}
	}
	if p.row == nil {
		return false
	}
	c.rows++
	c.bytes += bytes
	for name := range p.row {
		c.names[name] = true
	}
	return true
}

// held reads what an import holds, by key and ID.
func (s *importer) held(id string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for after := (Event{}); ; {
			events, err := s.store.Held(s.ctx, id, after, claimPage)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if len(events) < claimPage {
				return
			}
			after = events[len(events)-1]
		}
	}
}

// rows merges what an import holds into rows. last are the IDs that the row was made of which it yielded last. What was
// erased meanwhile is in none.
func (s *importer) rows(id string, last *[]int64) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		var p plan
		var key Key
		for e, err := range s.held(id) {
			if err == nil && e.Key != key {
				if *last = p.ids; p.row != nil && !yield(p.row, nil) {
					return
				}
				p, key = plan{}, e.Key
			}
			if err == nil {
				p.ids = append(p.ids, e.ID)
				err = p.merge(s.seal, &e)
			}
			if err != nil {
				*last = nil // it is not the row's fault
				yield(nil, err)
				return
			}
		}
		if *last = p.ids; p.row != nil {
			yield(p.row, nil)
		}
	}
}

// each notes something about all that an import holds, which takes it from the import, until it holds nothing. It may be
// done again after a crash: what is left is taken then, perhaps by another verdict, so that a key is noted as a whole. A
// note may name each ID in two lists. It fails only when the tenure ends.
func (s *importer) each(id string, note func(ids []int64) Note) error {
	for pass := 0; ; pass++ {
		var ids []int64
		some := 0
		flush := func() error {
			some += len(ids)
			err := s.insist(note(ids))
			ids = nil
			return err
		}
		var failed error
		var key Key
		for e, err := range s.held(id) {
			if failed = err; err != nil {
				break
			}
			if len(ids) > idsAtOnce/2-mostOfKey && e.Key != key {
				if err := flush(); err != nil {
					return err
				}
			}
			ids, key = append(ids, e.ID), e.Key
		}
		if len(ids) > 0 && failed == nil {
			if err := flush(); err != nil {
				return err
			}
		}
		switch {
		case failed == nil && some == 0:
			return nil
		case failed != nil && s.ctx.Err() == nil:
			s.log.LogAttrs(s.ctx, slog.LevelWarn, "feed: the outbox cannot be read", slog.Any("error", failed))
		}
		if failed != nil || pass > 0 { // others may be erasing what is left
			if sleep(s.ctx, time.Second) != nil {
				return s.ctx.Err()
			}
		}
	}
}

// Notes for each.
func removed(ids []int64) Note  { return Note{Remove: ids} }
func released(ids []int64) Note { return Note{Release: ids} }
func oneByOne(ids []int64) Note { return Note{Release: ids, OneByOne: ids} }

// columnOptions are those of a file with these columns.
func (s *importer) columnOptions(c *claim) []actito.ColumnOption {
	opts := []actito.ColumnOption{actito.Columns(c.columns()...)}
	if s.l.spill.empty == actito.Keep {
		opts = append(opts, actito.Keep)
	}
	return opts
}
