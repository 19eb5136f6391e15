package feed

import (
	"slices"
	"time"

	"github.com/actito-go/actito"
)

// leastRows is how many rows an import is worth.
const leastRows = 200

// outlook is what tells whether a lane's import is due.
type outlook struct {
	now      time.Time
	pending  int           // events of the lane
	columns  int64         // that most of them have
	together int           // how many that are
	oldest   time.Time     // of those
	pace     int           // calls in a minute
	lasts    time.Duration // an import
	deadline time.Duration // the age that no event should pass
}

// add takes a line of the backlog of the lane into account.
func (o *outlook) add(b *Backlog) {
	o.pending += b.Pending
	if b.Columns != 0 && b.Pending > o.together {
		o.columns, o.together, o.oldest = b.Columns, b.Pending, b.Oldest
	}
}

// calls is how long so many calls take.
func (o *outlook) calls(n int) time.Duration {
	return time.Duration(n) * time.Minute / time.Duration(o.pace)
}

// worth reports whether an import may be due, as far as counts tell: it has rows enough, it is faster than calls, and it
// has no time to wait for more rows.
func (o *outlook) worth() bool {
	return o.together >= leastRows && o.calls(o.pending) > o.lasts && o.lastMoment(o.oldest)
}

// lastMoment reports whether an event that was handed over then needs an import now to be in time with it.
func (o *outlook) lastMoment(at time.Time) bool { return o.now.Sub(at)+o.lasts >= o.deadline }

// late reports whether an event will be too old when its turn has come, which is the n-th.
func (o *outlook) late(at time.Time, n int) bool { return o.now.Sub(at)+o.calls(n) > o.deadline }

// spared is how long to wait until the budget allows another import. What is left is spread over what is left of the day,
// so that one hour does not spend all. The first quarter goes as it is asked for, and so does what earlier hours did not
// need, but for one.
func spared(u actito.Usage, last, now time.Time) time.Duration {
	const longest = time.Hour // somebody may correct the ledger, or open the table
	left := u.Left - u.Kept
	reset := u.ResetAt
	if reset.IsZero() {
		reset = now.Add(24 * time.Hour)
	}
	switch {
	case left <= 0 && u.ClosedUntil.After(reset):
		return min(longest, u.ClosedUntil.Sub(now))
	case left <= 0:
		return min(longest, max(time.Minute, reset.Sub(now)))
	case 4*left > 3*u.Limit, float64(left-1) > float64(u.Limit)*reset.Sub(now).Hours()/24:
		return 0
	}
	return min(longest, max(0, last.Add(reset.Sub(now)/time.Duration(left)).Sub(now)))
}

// deadline is the age that no event of a lane should pass: its staleness, or less where lanes are After it, which need
// the time for an import of theirs.
func (d *drainer) deadline(l *laneState) time.Duration {
	age := l.spill.staleness
	for _, child := range d.lanes {
		if child.spill != nil && slices.ContainsFunc(child.parents, func(p parent) bool { return p.lane == l.lane }) {
			age = min(age, d.deadline(child)-child.lasts())
		}
	}
	return age
}

// tooLate reports whether calls alone would be too late for some event that can go.
func (s *importer) tooLate(l *laneState, o *outlook) (bool, error) {
	n, after := 0, int64(0)
	for {
		events, err := s.store.Page(s.stop, Page{Lanes: []string{l.name}, After: after, Limit: claimPage})
		if err != nil {
			return false, err
		}
		free, err := s.unblocked(events)
		if err != nil {
			return false, err
		}
		for i := range events {
			e := &events[i]
			switch {
			case !free[e.Key]:
				continue
			case n == 0 && !o.lastMoment(e.At):
				return false, nil // what is older waits for something
			}
			if n++; o.late(e.At, n) {
				return true, nil
			}
		}
		if len(events) < claimPage {
			if n == 0 {
				s.next = o.now.Add(time.Minute) // everything waits; do not read it all again at once
			}
			return false, nil
		}
		after = events[len(events)-1].ID
	}
}

// usage asks for the budget of a lane's table.
func (s *importer) usage(l *laneState) (actito.Usage, error) {
	in, _ := l.table.file("usage", nil, actito.Columns(l.key))
	return l.table.Client().Quota.Usage(s.stop, in.Destination.TableID)
}
