package feed

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// waving are importers of lanes with those that they are After.
func waving(lanes ...*laneState) (importers []*importer) {
	d := &drainer{lanes: lanes}
	for _, l := range lanes {
		importers = append(importers, &importer{drainer: d, l: l})
	}
	return importers
}

func spilling(name string, after ...*laneState) *laneState {
	l := &lane{name: name, spill: &spill{staleness: time.Hour}}
	for _, p := range after {
		l.parents = append(l.parents, parent{lane: p.lane})
	}
	return &laneState{lane: l}
}

func TestAWaveIsOfTheLanesThatSpillAndAreAfterOneAnother(t *testing.T) {
	t.Parallel()
	customers := spilling("customers")
	orders := spilling("orders", customers)
	lines := spilling("lines", orders, customers)
	notes := spilling("notes", customers)
	notes.spill = nil
	others := spilling("others", notes)
	s := waving(customers, orders, lines, notes, others)
	assert.Equal(t, []*laneState{customers, orders, lines}, s[0].wave(customers))
	assert.Equal(t, []*laneState{orders, lines}, s[0].wave(orders))
	assert.Empty(t, s[0].before(customers))
	assert.Empty(t, s[0].before(others), "a lane that goes by calls makes no waves")
	assert.Equal(t, 5*time.Minute, s[0].reaches(customers), "an import is guessed to take five minutes")
	assert.Equal(t, 15*time.Minute, s[0].reaches(lines))
}

func TestALaneJoinsEachWaveOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		customers := spilling("customers")
		orders := spilling("orders", customers)
		s := waving(customers, orders)[1]
		turn := func() bool {
			due, err := s.turn()
			require.NoError(t, err)
			return due
		}
		assert.False(t, turn(), "no wave has come")
		time.Sleep(time.Minute)
		customers.isThrough()
		assert.True(t, turn())
		assert.False(t, turn(), "it has joined this one")
		time.Sleep(time.Minute)
		customers.isThrough()
		time.Sleep(time.Minute)
		orders.isThrough() // its import of the first wave has ended only now
		assert.True(t, turn(), "a wave that came during its import waits for it")
	})
}
