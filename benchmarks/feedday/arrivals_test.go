package feedday

import (
	"math/rand/v2"
	"time"
)

// shop is how much comes in on a normal day.
type shop struct {
	signups, orders float64
	kept            int             // calls a minute that the client keeps for real time
	stale           []time.Duration // given to SpillToBulk
}

var (
	halfAnHour = []time.Duration{30 * time.Minute}
	both       = []time.Duration{30 * time.Minute, 2 * time.Hour}
	shops      = []shop{{40, 100, 0, halfAnHour}, {500, 3_000, 0, halfAnHour}, {5_000, 30_000, 0, both}, {20_000, 150_000, 0, both}}
)

// scenario is a kind of day.
type scenario struct {
	name       string
	times      float64 // as much as on a normal day
	newsletter bool    // eight times as much, for 20 minutes in the evening
}

var scenarios = []scenario{{"normal day", 1, false}, {"newsletter", 1, true}, {"sale day", 5, false}}

// hours is how much of a day comes in each of its hours, in per cent.
var hours = [24]float64{1.6, 0.9, 0.6, 0.5, 0.5, 0.8, 1.6, 2.8, 4.0, 4.9, 5.4, 5.6,
	5.7, 5.5, 5.3, 5.2, 5.0, 5.7, 6.6, 7.9, 8.8, 7.6, 4.7, 2.8}

const (
	newsletterAt   = 20*time.Hour + 10*time.Minute
	newsletterEnds = newsletterAt + 20*time.Minute
)

// rate is how much comes in a second at a moment of the day.
func (s scenario) rate(daily float64, at time.Duration) float64 {
	r := daily * s.times * hours[at/time.Hour] / 100 / 3600
	if s.newsletter && at >= newsletterAt && at < newsletterEnds {
		r *= 8
	}
	return r
}

// arrivals are moments of the day, at random.
func (s scenario) arrivals(daily float64, from, to time.Duration, random *rand.Rand) (list []time.Duration) {
	most := 0.0
	for at := from; at < to; at += time.Minute {
		most = max(most, s.rate(daily, at))
	}
	for at := from; ; {
		at += time.Duration(random.ExpFloat64() / most * float64(time.Second))
		if at >= to {
			return list
		}
		if random.Float64()*most < s.rate(daily, at) {
			list = append(list, at)
		}
	}
}

// span is a part of a day.
type span struct{ from, to time.Duration }

// demand is what comes in.
type demand struct {
	shop
	scenario
	span
	signups, orders []time.Duration
	buyers          []int // who orders
}

func newDemand(s shop, day scenario, part span) *demand {
	random := rand.New(rand.NewPCG(1, uint64(s.orders)))
	d := &demand{shop: s, scenario: day, span: part}
	d.signups = day.arrivals(s.signups, part.from, part.to, random)
	d.orders = day.arrivals(s.orders, part.from, part.to, random)
	for range d.orders {
		d.buyers = append(d.buyers, random.IntN(20*int(s.orders)))
	}
	return d
}

// fitsCalls reports whether four fifths of the day's calls are enough, so that imports are for the peaks only.
func (d *demand) fitsCalls() bool {
	calls := len(d.signups) + (2+linesOfOrder)*len(d.orders)
	return float64(calls) < 0.8*perMinute*(d.to-d.from).Minutes()
}
