package actito

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// Plan says when a table's imports of a day start.
type Plan struct {
	Table string
	At    []time.Time   // from the running slot on; empty if no import is left, or the day's hours are over
	Every time.Duration // the length of a slot
}

// Plan spreads the imports of a table that are left evenly over what is left of today's opening hours, counted from the
// last import in them, and leaves free those that [Quota].KeepFree keeps. Imports start at multiples of every after
// opening, not later than closing, nor at midnight after it; both are times of the day, such as 9*time.Hour, in the zone of the window, or of a
// rolling one in that of [WithTimeZone]. A job that runs at each of these times asks for the plan anew, and imports when
// it is [Plan.Due]: so the imports of others, and runs that were missed, move those that are left.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *QuotaService) Plan(ctx context.Context, table string, opening, closing, every time.Duration) (Plan, error) {
	if opening < 0 || closing <= opening || closing > 24*time.Hour || every <= 0 {
		return Plan{}, &ValidationError{Column: "opening hours", Rule: "opening-hours",
			Detail: fmt.Sprintf("from %s to %s, every %s: give times of one day, and a positive interval", opening, closing, every)}
	}
	u, err := s.Usage(ctx, table)
	if err != nil {
		return Plan{}, err
	}
	entries, err := s.Entries(ctx, table)
	if err != nil {
		return Plan{}, err
	}
	now := time.Now().In(cmp.Or(s.c.quota.zone, s.c.zone))
	y, m, d := now.Date()
	clock := func(t time.Duration) time.Time {
		return time.Date(y, m, d, 0, 0, int(t/time.Second), int(t%time.Second), now.Location())
	}
	from := clock(opening)
	slotOf := func(t time.Time) int { return int(math.Floor(float64(t.Sub(from)) / float64(every))) }
	last := -1
	if len(entries) > 0 {
		last = slotOf(entries[len(entries)-1].At)
	}
	plan := Plan{Table: u.Table, Every: every}
	for _, slot := range spread(last, max(0, slotOf(now)), 1+slotOf(clock(min(closing, 24*time.Hour-1))), u.Left-u.Kept) {
		plan.At = append(plan.At, from.Add(time.Duration(slot)*every))
	}
	return plan, nil
}

// spread picks at most n of the slots from first on, at even distances from the last one in which something was
// imported, negative for none. The distances depend on nothing else, so that who asks again later gets the same slots.
func spread(last, first, slots, n int) []int {
	var picked []int
	centre := float64(last) + 0.5
	if last < 0 {
		centre = -float64(slots) / float64(2*n) // half a distance before the first slot
	}
	for ; n > 0; n-- {
		centre += (float64(slots) - centre) / (float64(n) + 0.5) // the last one has half a distance after it
		slot := max(first, int(centre))
		if slot >= slots {
			break
		}
		picked = append(picked, slot)
		centre, first = float64(slot)+0.5, slot+1
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
