package feed

import (
	"log/slog"
	"slices"
	"time"

	"github.com/actito-go/actito"
)

// Lanes that spill and are After each other go in waves: each makes its import when those before it have made theirs, so
// that a row waits for one wave, and not for an import of each lane at a time of its own. The first lane decides when,
// for all of them.

// before are the lanes that spill and that l is After.
func (d *drainer) before(l *laneState) (lanes []*laneState) {
	for _, other := range d.lanes {
		if other.spill != nil && slices.ContainsFunc(l.parents, func(p parent) bool { return p.lane == other.lane }) {
			lanes = append(lanes, other)
		}
	}
	return lanes
}

// wave are the lanes whose imports follow l's, itself included.
func (d *drainer) wave(l *laneState) []*laneState {
	lanes := []*laneState{l}
	for i := 0; i < len(lanes); i++ {
		for _, other := range d.lanes {
			if other.spill != nil && !slices.Contains(lanes, other) && slices.Contains(d.before(other), lanes[i]) {
				lanes = append(lanes, other)
			}
		}
	}
	return lanes
}

// reaches is how long a wave takes until l's import has ended.
func (d *drainer) reaches(l *laneState) (age time.Duration) {
	for _, first := range d.before(l) {
		age = max(age, d.reaches(first))
	}
	return age + l.lasts()
}

// outlook counts a lane's backlog.
func (d *drainer) outlook(l *laneState, backlog []Backlog) outlook {
	o := outlook{now: time.Now(), pace: l.perMinute(), lasts: d.reaches(l), deadline: d.deadline(l)}
	for i := range backlog {
		if backlog[i].Lane == l.name {
			o.add(&backlog[i])
		}
	}
	return o
}

// due reports whether the lane's import is due, of the rows with these columns.
func (s *importer) due() (columns int64, due bool) {
	if time.Now().Before(s.next) || !s.l.open() {
		return 0, false
	}
	due, err := s.turn()
	if err == nil && due {
		columns, due, err = s.joins()
	}
	if err != nil && s.stop.Err() == nil {
		s.log.LogAttrs(s.stop, slog.LevelWarn, "feed: it cannot be told whether an import is due", slog.String("lane", s.l.name), slog.Any("error", err))
		s.next = time.Now().Add(time.Minute)
	}
	return columns, due && err == nil
}

// turn reports whether a wave has come to the lane, or is to start with it.
func (s *importer) turn() (bool, error) {
	first := s.before(s.l)
	if len(first) == 0 {
		return s.starts()
	}
	came := s.joined
	for _, l := range first {
		if through := l.wasThrough(); through.After(came) {
			came = through
		}
	}
	due := came.After(s.joined)
	s.joined = came
	return due, nil
}

// starts reports whether a wave is due because some lane's events would be too late, and the budgets of all lanes that
// would join allow it: rows whose children cannot go are of no use to anybody.
func (s *importer) starts() (bool, error) {
	backlog, err := s.store.Backlog(s.stop)
	if err != nil {
		return false, err
	}
	late := false
	wait := time.Duration(0)
	for _, l := range s.wave(s.l) {
		o := s.outlook(l, backlog)
		if !late && o.worth() {
			if late, err = s.tooLate(l, &o); err != nil {
				return false, err
			}
		}
		if o.together >= leastRows {
			u, err := s.usage(l)
			if err != nil {
				return false, err
			}
			began := l.lastBegan().Add(l.lasts() - o.lasts) // its turn comes when those before it have ended
			wait = max(wait, spared(u, began, o.now))
		}
	}
	if late {
		s.next = time.Now().Add(wait)
	}
	return late && wait == 0, nil
}

// joins reports whether a wave that is there takes the lane's rows along: not if they are few, or calls are as fast.
// Otherwise it goes on to the next lanes.
func (s *importer) joins() (columns int64, due bool, err error) {
	backlog, err := s.store.Backlog(s.stop)
	if err != nil {
		return 0, false, err
	}
	o := s.outlook(s.l, backlog)
	due = o.together >= leastRows && o.calls(o.pending) > s.l.lasts()
	if due {
		var u actito.Usage
		u, err = s.usage(s.l)
		due = err == nil && u.Left > u.Kept
	}
	if !due {
		s.l.isThrough()
	}
	return o.columns, due, err
}
