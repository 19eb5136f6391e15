//go:build unix

package integration

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// thorough is for how long processes are killed where nothing may be left out.
const thorough = 30 * time.Second

// crew is eight processes, of which each that dies is followed by another.
type crew struct {
	*shop
	exact  bool // they die at points; otherwise anywhere
	tries  map[string]int
	deaths map[string]int
}

func TestNothingIsLostWhateverStepOfTheFeedIsKilled(t *testing.T) {
	onEachPlace(t, func(t *testing.T, a address) {
		c := &crew{shop: newFeedShop(t, a), exact: true, tries: map[string]int{}, deaths: map[string]int{}}
		c.work(2 * *killing)
		for _, drains := range []bool{true, false} {
			for _, point := range c.points[drains] {
				t.Logf("%3d of %3d killed %s", c.deaths[point], c.tries[point], point)
				if *killing >= thorough {
					assert.Positive(t, c.tries[point], point) // some come only once, when rows are new
				}
			}
		}
		c.check()
	})
}

func TestNothingIsLostWhicheverProcessOfTheFeedIsKilledWhenever(t *testing.T) {
	onEachPlace(t, func(t *testing.T, a address) {
		c := &crew{shop: newFeedShop(t, a), tries: map[string]int{}, deaths: map[string]int{}}
		c.work(2 * *killing)
		c.check()
	})
}

// work lets eight processes work, and die, for a time, and until each could have. Then those that live stop.
func (c *crew) work(long time.Duration) {
	c.Helper()
	type end struct {
		place int
		*worker
	}
	ends := make(chan end)
	over := make(chan struct{})
	workers := make([]*worker, 8)
	start := func(place int) {
		w := c.start(c.duty(place < 4))
		workers[place] = w
		go func() {
			select {
			case <-w.ended:
			case <-c.limit(w):
				if c.exact {
					_ = w.stdin.Close()
				} else {
					w.kill()
				}
			case <-over:
			}
			select {
			case <-w.ended:
				ends <- end{place, w}
			case <-over:
			}
		}()
	}
	for place := range workers {
		start(place)
	}
	began := time.Now()
	died := 0
	for limit := time.After(max(long, 10*time.Second)); died <= len(workers) || time.Since(began) < long; {
		select {
		case e := <-ends:
			e.died()
			died++
			if c.exact {
				e.frees()
				if e.obeyed {
					c.deaths[e.Order.At]++
				}
			}
			start(e.place)
			continue
		case <-limit:
		}
		break
	}
	close(over)
	for _, w := range workers {
		w.finish()
	}
	c.drainAll()
	c.Logf("%d processes died; %d writes", died, len(c.all()))
	assert.Greater(c, died, len(workers))
}

// limit ends when a process is to be killed from outside, or if it is to die at a point, when it must stop because it has
// not come there: soon after it began to drain, if it drains.
func (c *crew) limit(w *worker) <-chan time.Time {
	if !c.exact {
		least := 300
		if w.Drains {
			least = 1000
		}
		return time.After(time.Duration(least+rand.IntN(3000)) * time.Millisecond)
	}
	if !w.Drains {
		return time.After(time.Second)
	}
	limit := make(chan time.Time)
	go func() {
		for line := range w.lines {
			if strings.HasPrefix(line, "holder ") {
				limit <- <-time.After(time.Second)
				return
			}
		}
	}()
	return limit
}

// duty is what the next process does: it dies at the point, of those that are known, that was tried least.
func (c *crew) duty(drains bool) duty {
	d := duty{Name: "push", Drains: drains}
	if drains {
		d.Name = "drain"
	}
	if !c.exact {
		return d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.points[drains]; len(known) > 0 {
		d.Order = order{Signal: syscall.SIGKILL, Within: true, Nth: 1, At: slices.MinFunc(known, func(a, b string) int { return c.tries[a] - c.tries[b] })}
		switch {
		case !drains:
			d.Order.Nth += rand.IntN(30) // transactions are short
		case c.tries[d.Order.At] > 0:
			d.Order.Nth += rand.IntN(3)
		}
		c.tries[d.Order.At]++
	}
	return d
}

func TestWritesAreFollowed(t *testing.T) {
	t.Parallel()
	history := []handed{{1, "a", "patch"}, {2, "b", "delete"}, {3, "c", "patch"}, {4, "d", "bad"}, {5, "opt-out", "opt-out"}, {6, "f", "bad"}}
	put := func(worker string, version int64) written {
		w := written{worker: worker, version: version, token: history[version-1].token, status: 200}
		if history[version-1].kind == "bad" {
			w.status = 400
		}
		return w
	}
	optOut := func(worker string) written { return written{worker: worker, optOut: true, status: 200} }
	remove := func(worker string) written { return written{worker: worker, remove: true, status: 200} }
	for name, tt := range map[string]struct {
		writes []written
		ok     bool
	}{
		"in order":                             {[]written{put("A", 1), remove("A"), put("A", 3), put("A", 4)}, true},
		"merged":                               {[]written{put("A", 3)}, true},
		"back":                                 {[]written{put("A", 3), put("B", 1)}, false},
		"again, by another":                    {[]written{put("A", 3), put("B", 3)}, true},
		"again, by the same":                   {[]written{put("A", 3), put("A", 3)}, false},
		"again, by the same in another tenure": {[]written{put("A/1", 3), put("A/2", 3)}, true},
		"a delete and an upsert again":         {[]written{remove("A"), put("A", 3), remove("B"), put("B", 3)}, true},
		"a delete again that the same sends":   {[]written{remove("A"), put("A", 3), remove("A")}, false},
		"a delete again, and then what is old": {[]written{put("A", 3), remove("B"), put("B", 1)}, false},
		"what was not committed":               {[]written{{worker: "A", version: 5, token: "e", status: 200}}, false},
		"an opt-out that was refused":          {[]written{put("A", 6), optOut("A")}, true},
		"an opt-out that was not refused":      {[]written{put("A", 5), optOut("A")}, false},
		"an opt-out that nobody committed":     {[]written{put("A", 4), optOut("A")}, false},
		"an opt-out that was refused before":   {[]written{put("A", 6), optOut("B")}, false},
		"an opt-out alone, twice":              {[]written{put("A", 6), optOut("A"), optOut("A")}, false},
		"what was rolled back":                 {[]written{{worker: "A", version: 3, token: "x", status: 200}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := follow(history, tt.writes, false); tt.ok {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
		})
	}
}
