package feed

import (
	"maps"

	"github.com/actito-go/actito"
)

// plan is what is to be done for a key: perhaps a delete, then perhaps an upsert.
type plan struct {
	ids     []int64 // of what it merges
	urgent  bool
	held    bool           // an import holds the key: what was done is done again once that has ended
	parents map[Key]*Event // with the last event that waits for them

	remove    bool
	removes   int    // how many of ids the delete settles, if it is still to go
	key       string // of what is removed
	row       map[string]any
	collected *actito.DataCollectionInfo
}

// planOf merges the events of a key, which come by their IDs. ok is false if there is nothing to do now: all are parked,
// or wait for an import.
//
// What was parked is taken along by what is newer. A delete forgets what came before it. Of patches, each name is as the
// last one that has it says: unset keeps what an earlier one says, null and values replace it.
func planOf(s seal, events []Event) (p plan, ok bool, err error) {
	atOnce := false
	for i := range events {
		e := &events[i]
		if e.Import != "" {
			p.held = true
			continue
		}
		p.ids = append(p.ids, e.ID)
		ok = ok || e.Parked == nil
		atOnce = atOnce || e.AtOnce && !e.Sent && e.Parked == nil
		p.urgent = p.urgent || e.Urgent
		if failed := p.merge(s, e); failed != nil {
			err = failed
		}
	}
	return p, ok && (!p.held || atOnce), err
}

// first leaves only the delete, if it is still to go: that waits for no parents.
func (p *plan) first() (ok bool) {
	p.ids, p.row, p.collected, p.parents = p.ids[:p.removes], nil, nil, nil
	return p.removes > 0
}

// merge adds one event.
func (p *plan) merge(s seal, e *Event) error {
	if e.Payload == nil {
		return nil // it was erased
	}
	content, err := s.open(e)
	if err != nil {
		return err
	}
	if e.Delete {
		p.remove, p.removes, p.key, p.row, p.collected, p.parents = true, 0, content.Key, nil, nil, nil
		if e.Parked == nil && !e.Sent {
			p.removes = len(p.ids)
		}
		return nil
	}
	newer, err := actito.ParseMap(content.Row)
	if err != nil {
		return err
	}
	if p.row == nil {
		p.row = newer
	} else {
		maps.Copy(p.row, newer)
	}
	if content.Collected != nil {
		p.collected = content.Collected
	}
	for _, k := range e.Parents {
		if p.parents == nil {
			p.parents = map[Key]*Event{}
		}
		p.parents[k] = e
	}
	return nil
}
