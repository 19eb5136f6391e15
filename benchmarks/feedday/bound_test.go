package feedday

import (
	"math"
	"slices"
	"time"
)

// perMinute is how many calls the licence takes.
const perMinute = 100

// bound is what nothing can be better than.
//
// Signups: all calls of the licence are theirs, and each starts at once, or as soon as the last 60 seconds have room.
//
// Orders: each goes either by calls or by imports, those of all three tables at once, and the whole day is foreseen. The
// calls are all of the licence's but those of the signups. Twelve imports take along what came in since as long before as
// is still in time, two minutes, the shortest import, included. What comes in between them is called for, first come
// first served, and what would be late is left out. Of all moments for the imports the best are taken, to a minute. A
// quantile is the least time in which that many orders can be there. What goes partly by call and partly by import is not
// thought of.
func bound(d *demand) figures {
	f := figures{signups: d.signupBound(), calls: "", imports: ""}
	f.orders.all = len(d.orders)
	f.orders.p50, f.orders.p99, f.orders.max = d.orderBound(0.5), d.orderBound(0.99), d.orderBound(1)
	return f
}

func (d *demand) signupBound() quantiles {
	starts := make([]time.Duration, 0, len(d.signups))
	staleness := make([]time.Duration, 0, len(d.signups))
	for i, at := range d.signups {
		start := at
		if i >= perMinute {
			start = max(at, starts[i-perMinute]+time.Minute)
		}
		starts = append(starts, start)
		staleness = append(staleness, start+callTime-at)
	}
	return quantilesOf(staleness)
}

// orderBound is the least time, to a minute, within which a share of the orders can be there.
func (d *demand) orderBound(share float64) time.Duration {
	const atLeast = (2 + 1) * callTime // the lines go at once
	late := len(d.orders) - int(math.Ceil(share*float64(len(d.orders))))
	shortest, longest := 0, 2*60+2 // by imports alone
	for shortest < longest {
		middle := (shortest + longest) / 2
		if d.late(middle) <= late {
			longest = middle
		} else {
			shortest = middle + 1
		}
	}
	return max(atLeast, time.Duration(shortest-1)*time.Minute) // a minute less was too little
}

// minutes are the orders of each minute of a day, and as many as its calls deliver.
func (d *demand) minutes() (orders, calls []int) {
	const perOrder = 2 + linesOfOrder
	day := int((24 * time.Hour) / time.Minute)
	orders, signups := make([]int, day), make([]int, day)
	for _, at := range d.orders {
		orders[at/time.Minute]++
	}
	for _, at := range d.signups {
		signups[at/time.Minute]++
	}
	left := 0
	for _, n := range signups {
		left += max(0, perMinute-n)
		calls = append(calls, left/perOrder)
		left %= perOrder
	}
	return orders, calls
}

// late is how many orders at least take longer than so many minutes.
func (d *demand) late(within int) int {
	const imports = 12
	orders, calls := d.minutes()
	day := len(orders)
	sums := make([]int, day+1)
	for m, n := range calls {
		sums[m+1] = sums[m] + n
	}
	inTime := func(m int) int { return sums[min(day, m+within+1)] - sums[m] + max(0, m+within+1-day)*perMinute }
	stretch := max(0, within-2) // that an import takes along
	most := (within + 2) * perMinute
	// least[m][k][q] are the late ones before minute m, if k imports were made and q orders wait for calls then.
	least := make([][][]int32, day+1)
	reach := func(m, k, q int, late int32) {
		if least[m] == nil {
			least[m] = make([][]int32, imports+1)
		}
		if least[m][k] == nil {
			least[m][k] = slices.Repeat([]int32{math.MaxInt32}, most/5+1)
		}
		q = min(q, most/5)
		least[m][k][q] = min(least[m][k][q], late)
	}
	reach(0, 0, 0, 0)
	for m := range day {
		for k, queues := range least[m] {
			for q, late := range queues {
				if late == math.MaxInt32 {
					continue
				}
				waiting := q + orders[m]
				over := max(0, waiting-inTime(m))
				reach(m+1, k, max(0, waiting-over-calls[m]), late+int32(over))
				if end := min(day, m+stretch); stretch > 0 && k < imports && orders[m] > 0 {
					reach(end, k+1, max(0, q-(sums[end]-sums[m])), late)
				}
			}
		}
		least[m] = nil
	}
	best := int32(math.MaxInt32)
	for _, queues := range least[day] {
		for _, late := range queues {
			best = min(best, late)
		}
	}
	return int(best)
}
