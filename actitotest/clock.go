package actitotest

import (
	"context"
	"sync"
	"time"
)

// Clock is the fake's own clock: tokens, days of the quota, executions and the
// Date header all go by it. It follows [time.Now] (the bubble's time within
// testing/synctest) until a test takes it with [Clock.Set] or [Clock.Advance];
// from then on it stands still between those calls, and everything that waits
// by it waits for the test. A client that compares clocks sees by the Date header
// how far the fake's is off: the SDK starts no import beyond five minutes, unless
// the test runs within testing/synctest and keeps both clocks together.
type Clock struct {
	mu      sync.Mutex
	taken   bool
	now     time.Time
	changed chan struct{}
}

// Now is the fake's present.
func (c *Clock) Now() time.Time {
	now, _, _ := c.look()
	return now
}

// Set takes the clock and puts it to t, which may lie in the past.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(t)
}

// Advance takes the clock and moves it by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.taken {
		c.now = time.Now()
	}
	c.put(c.now.Add(d))
}

func (c *Clock) put(t time.Time) {
	c.taken, c.now = true, t
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Clock) look() (now time.Time, taken bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken {
		return c.now, true, c.changed
	}
	return time.Now(), false, c.changed
}

// sleep waits until d has passed on this clock, or until ctx ends.
func (c *Clock) sleep(ctx context.Context, d time.Duration) error {
	for until := c.Now().Add(d); ; {
		now, taken, changed := c.look()
		left := until.Sub(now)
		if left <= 0 {
			return nil
		}
		var passed <-chan time.Time
		if !taken {
			passed = time.After(left)
		}
		select {
		case <-passed:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
