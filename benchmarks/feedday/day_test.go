package feedday

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/actito-go/actito/internal/race"
)

var (
	whole   = flag.Bool("whole", false, "play whole days of all shops, which takes minutes")
	only    = flag.String("shops", "", "the shops to be played, by their signups a day, such as 500,5000")
	onlyDay = flag.String("scenarios", "", "the days to be played, such as newsletter,sale day")
	kept    = flag.Int("kept", 0, "the RealTimeCalls of all shops, instead of each one's own")
)

// TestDay prints a table of what each way makes of each day.
func TestDay(t *testing.T) {
	played, part := shops[:1], span{20 * time.Hour, 21 * time.Hour}
	if *whole {
		played, part = shops, span{0, 24 * time.Hour}
	}
	fmt.Println("| a day: signups / orders | day | way | signups p50 | p99 | orders p50 | p99 | lost: signups / orders | calls | imports: customers/headers/lines |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range played {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), fmt.Sprint(s.signups)) {
			continue
		}
		s.kept = cmp.Or(*kept, s.kept)
		for _, day := range scenarios {
			if *onlyDay != "" && !slices.Contains(strings.Split(*onlyDay, ","), day.name) {
				continue
			}
			playDay(t, newDemand(s, day, part))
		}
	}
}

// The service that answers itself is as good as the fake: both make the same of an hour that spills.
func TestDayIsTheSameWithTheWholeFake(t *testing.T) {
	if race.Enabled {
		t.Skip("it plays hours in virtual time: run it without the race detector")
	}
	d := newDemand(shop{500, 3_000, 20, nil}, scenario{"newsletter", 2, true}, span{20 * time.Hour, 21 * time.Hour})
	var all [2]figures
	for i := range all {
		synctest.Test(t, func(t *testing.T) {
			all[i] = byFeed(t, d, 15*time.Minute, i == 1)
		})
	}
	if all[0].signups.lost+all[0].orders.lost > 0 || all[0].imports == "0/0/0" {
		t.Errorf("not all arrived, or nothing spilled: %+v", all[0])
	}
	near := func(a, b time.Duration) bool { return max(a, b)-min(a, b) <= max(a, b)/4 } // when an import is looked at has jitter, which can decide about the last one
	light, fake := all[0], all[1]
	if fake.imports == "0/0/0" || !near(light.signups.p99, fake.signups.p99) ||
		!near(light.orders.p50, fake.orders.p50) || !near(light.orders.p99, fake.orders.p99) {
		t.Errorf("the light service: %+v\nthe whole fake: %+v", light, fake)
	}
}

// playDay plays a day in each way.
func playDay(t *testing.T, d *demand) {
	report := func(way string, f figures) {
		fmt.Printf("| %.0f / %.0f | %s | %s | %v | %v | %s | %s | %s |\n", d.shop.signups, d.shop.orders, d.name, way, f.signups, f.orders, f.lost(), f.calls, f.imports)
	}
	inBubble := func(way string, play func(t *testing.T) figures) (f figures) {
		synctest.Test(t, func(t *testing.T) {
			f = play(t)
			report(way, f)
		})
		return f
	}
	least := bound(d)
	for _, staleness := range d.stale {
		f := inBubble(fmt.Sprintf("feed, %s, %d kept", short(staleness), cmp.Or(d.kept, 20)), func(t *testing.T) figures {
			return byFeed(t, d, staleness, false)
		})
		if least.signups.p99 < time.Second && f.signups.p99 >= time.Second {
			t.Errorf("one signup in a hundred takes %s", f.signups.p99)
		}
		if d.fitsCalls() && f.orders.p99 > staleness {
			t.Errorf("one order in a hundred takes %s", f.orders.p99)
		}
	}
	inBubble("direct calls", func(t *testing.T) figures { return direct(t, d) })
	report("bulk every two hours", everyTwoHours(d))
	report("bound", least)
}
