package feed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCallsAreSpacedOnlyWhileTheLimiterMakesThemWait(t *testing.T) {
	t.Parallel()
	type passed struct {
		calls  int
		every  time.Duration
		waited time.Duration
	}
	for name, test := range map[string]struct {
		passed []passed
		gap    time.Duration
	}{
		"no call yet":                        {nil, 0},
		"no call waits":                      {[]passed{{500, time.Millisecond, 0}}, 0},
		"some wait, but not for long":        {[]passed{{500, time.Millisecond, longWait}}, 0},
		"one waits for long after a burst":   {[]passed{{79, time.Millisecond, 0}, {1, 56 * time.Second, 56 * time.Second}}, 750 * time.Millisecond},
		"few go through":                     {[]passed{{1, 0, time.Minute}}, 2 * time.Second},
		"what is older than a minute":        {[]passed{{500, time.Millisecond, 0}, {40, 1510 * time.Millisecond, longWait + 1}}, 1500 * time.Millisecond},
		"the minute after a long wait":       {[]passed{{60, time.Second, longWait + 1}, {59, time.Second, 0}}, time.Second},
		"a call that need not wait later":    {[]passed{{60, time.Second, longWait + 1}, {60, time.Second, 0}}, 970 * time.Millisecond},
		"calls that wait a little later":     {[]passed{{60, time.Second, longWait + 1}, {200, time.Second, shortWait}}, time.Second},
		"a long wait after it was shortened": {[]passed{{60, time.Second, longWait + 1}, {90, time.Second, 0}, {1, 1100 * time.Millisecond, longWait + 1}}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s spacing
			now := time.Now()
			for _, p := range test.passed {
				for range p.calls {
					now = now.Add(p.every)
					s.passed(now, p.waited)
				}
			}
			assert.Equal(t, test.gap, s.gap)
		})
	}
}

func TestTurnsAreAGapApartAndAreNotSaved(t *testing.T) {
	t.Parallel()
	s := spacing{gap: time.Second}
	now := time.Now()
	assert.Zero(t, s.turn(now))
	assert.Equal(t, time.Second, s.turn(now))
	assert.Equal(t, 500*time.Millisecond, s.turn(now.Add(1500*time.Millisecond)))
	now = now.Add(time.Hour)
	assert.Zero(t, s.turn(now))
	assert.Equal(t, time.Second, s.turn(now))
}
