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
// Orders: what share of them can be there within a time, whatever is foreseen? By calls, at most as many as a queue of
// their own delivers that gets all calls but those of the signups, and drops what would be late. By import, at most as
// many as come in the twelve best stretches of the day that end when an import starts, and are as long as the time less
// the two minutes that the shortest import takes. A quantile is the least time in which that many can be there. An order
// that goes partly by call and partly by import is not thought of.
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

// orderBound is the least time, to a second, within which a share of the orders can be there.
func (d *demand) orderBound(share float64) time.Duration {
	const atLeast = (2 + 1) * callTime // the lines go at once
	wanted := int(math.Ceil(share * float64(len(d.orders))))
	if wanted == 0 || d.inTime(atLeast) >= wanted {
		return atLeast
	}
	shortest, longest := 0, 48*60*60 // s
	for shortest < longest {
		middle := (shortest + longest) / 2
		if d.inTime(time.Duration(middle)*time.Second) >= wanted {
			longest = middle
		} else {
			shortest = middle + 1
		}
	}
	return time.Duration(shortest) * time.Second
}

// inTime is how many orders can be there within a time, at most.
func (d *demand) inTime(within time.Duration) int {
	return min(len(d.orders), d.byCalls(within)+d.byImports(within-queueTime-runTime))
}

// byCalls counts what calls deliver within a time. Signups take the calls of their minute first.
func (d *demand) byCalls(within time.Duration) (n int) {
	const calls = 2 + linesOfOrder
	free := 0.0
	last := d.from
	signup := 0
	for i := 0; i < len(d.orders); {
		pushed := d.orders[i]
		// A queue that is empty cannot save up more than a minute's calls.
		now := max(last, pushed)
		free = min(perMinute, free+(now-last).Minutes()*perMinute)
		last = now
		for ; signup < len(d.signups) && d.signups[signup] <= now; signup++ {
			free--
		}
		if free < calls { // wait for it
			last += time.Duration((calls - free) / perMinute * float64(time.Minute))
			free = calls
		}
		if last-pushed > within {
			i++ // too late, and no calls spent on it
			continue
		}
		free -= calls
		n++
		i++
	}
	return n
}

// byImports counts the orders of the twelve best stretches of a length.
func (d *demand) byImports(length time.Duration) int {
	const imports = 12
	if length <= 0 {
		return 0
	}
	const step = time.Minute
	stretch := int((length + step - 1) / step) // more than there is
	counts := make([]int, int(d.to/step)+1)
	for _, at := range d.orders {
		counts[at/step]++
	}
	sums := make([]int, len(counts)+1)
	for i, c := range counts {
		sums[i+1] = sums[i] + c
	}
	best := make([]int, len(sums))
	for range imports {
		next := slices.Clone(best)
		for i := 1; i < len(next); i++ {
			from := max(0, i-stretch)
			next[i] = max(next[i-1], best[from]+sums[i]-sums[from])
		}
		best = next
	}
	return best[len(best)-1]
}
