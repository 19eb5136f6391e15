package actito

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Plan says when a table's imports of a day start.
type Plan struct {
	Table string
	At    []time.Time   // from the running slot on; empty if no import is left, or the day's hours are over
	Every time.Duration // the length of a slot
}

// Plan spreads the imports of a table that are left over what is left of today's opening hours, evenly, and leaves free
// those that [Quota].KeepFree keeps. Imports start at multiples of every after opening, not later than closing; both
// are times of the day, such as 9*time.Hour, in the zone of the window, or of a rolling one in that of [WithTimeZone]. A job that
// runs at each of these times and asks anew imports when the plan says [Plan.Due]: imports of others then move its own.
func (s *QuotaService) Plan(ctx context.Context, table string, opening, closing, every time.Duration) (Plan, error) {
	if opening < 0 || closing <= opening || closing > 24*time.Hour || every <= 0 {
		return Plan{}, &ValidationError{Column: "opening hours", Rule: "opening-hours",
			Detail: fmt.Sprintf("from %s to %s, every %s: give times of one day, and a positive interval", opening, closing, every)}
	}
	u, err := s.Usage(ctx, table)
	if err != nil {
		return Plan{}, err
	}
	zone := s.c.quota.zone
	if zone == nil {
		zone = s.c.zone
	}
	return Plan{Table: u.Table, Every: every, At: spread(slots(time.Now().In(zone), opening, closing, every), u.Left-u.Kept)}, nil
}

// slots lists the starts of today's slots that are not over.
func slots(now time.Time, opening, closing, every time.Duration) []time.Time {
	y, m, d := now.Date()
	clock := func(t time.Duration) time.Time {
		return time.Date(y, m, d, 0, 0, int(t/time.Second), int(t%time.Second), now.Location())
	}
	var list []time.Time
	for at, end := clock(opening), clock(closing); !at.After(end); at = at.Add(every) {
		if now.Before(at.Add(every)) {
			list = append(list, at)
		}
	}
	return list
}

// spread picks n of the slots, each in the middle of its share, so that who asks again at the next slot gets the same.
func spread(slots []time.Time, n int) []time.Time {
	if n >= len(slots) {
		return slots
	}
	var picked []time.Time
	for i := range n {
		picked = append(picked, slots[(2*i+1)*len(slots)/(2*n)])
	}
	return picked
}

// Due reports whether an import is planned in the slot of a moment.
func (p Plan) Due(at time.Time) bool {
	for _, t := range p.At {
		if since := at.Sub(t); since >= 0 && since < p.Every {
			return true
		}
	}
	return false
}

// String lists the times of the day.
func (p Plan) String() string {
	if len(p.At) == 0 {
		return fmt.Sprintf("table %s: no import is planned today any more", p.Table)
	}
	var times []string
	for _, t := range p.At {
		times = append(times, t.Format("15:04"))
	}
	return fmt.Sprintf("table %s: imports planned at %s", p.Table, strings.Join(times, ", "))
}
