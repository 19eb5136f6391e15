package actitotest

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Limits are those of the licence. A zero limit is the service's base value, a
// negative one is none.
type Limits struct {
	// ImportsPerDay is how many imports may load one table in a day: 12. Past it,
	// the call that starts one answers 429.
	ImportsPerDay int
	// ImportsPerTable sets another number for tables, by name or id.
	ImportsPerTable map[string]int
	// FileBytes is the size of one file in a call as it is sent: 100,000,000. Past
	// it, the call answers 400.
	FileBytes int64
	// Concurrent is how many calls may run at once: 5. Past it, a call answers 429.
	Concurrent int
	// PerMinute is how many calls of the last minute are answered at once: 100.
	// Past it, each call waits by the fake's clock, 100 ms longer than the one before,
	// or for SlowCall.
	PerMinute int
	// SlowCall is how long each call past PerMinute waits, in place of the growing
	// steps: more than a client's patience shows what it does about time-outs.
	SlowCall time.Duration
}

const slowDownStep = 100 * time.Millisecond // assumed: no numbers are documented

// unlimited turns the convention of [Limits] into a number to compare with.
func unlimited[T int | int64](limit, base T) T {
	switch {
	case limit == 0:
		return base
	case limit < 0:
		return 1<<31 - 1
	}
	return limit
}

func (l Limits) imports(t *table) int {
	for _, name := range []string{t.ID, t.Name} {
		if n, ok := l.ImportsPerTable[name]; ok {
			return unlimited(n, 0)
		}
	}
	return unlimited(l.ImportsPerDay, 12)
}

// enter counts a call as running. // assumed: token calls count as all others do
func (s *Server) enter(c *call) *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, s.clock.Now())
	if s.inFlight >= unlimited(s.limits.Concurrent, 5) {
		return refuse(http.StatusTooManyRequests, "too many requests")
	}
	s.inFlight++
	c.counted = true
	return nil
}

func (s *Server) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.counted {
		s.inFlight--
		c.counted = false
	}
}

// slowDown holds a call back that is past the calls per minute.
func (s *Server) slowDown(ctx context.Context) error {
	return s.clock.sleep(ctx, s.delay())
}

func (s *Server) delay() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	minuteAgo := s.clock.Now().Add(-time.Minute)
	s.calls = slices.DeleteFunc(s.calls, func(t time.Time) bool { return !t.After(minuteAgo) })
	past := max(0, len(s.calls)-unlimited(s.limits.PerMinute, 100))
	if past > 0 && s.limits.SlowCall > 0 {
		return s.limits.SlowCall
	}
	return time.Duration(past) * slowDownStep
}

// overQuota refuses an import of tables of which one has none left on the day.
func (s *Server) overQuota(tables []*table, now time.Time) *problem {
	for _, t := range tables {
		if s.importsOf(t, now) >= s.limits.imports(t) {
			return refuse(http.StatusTooManyRequests, "too many requests")
		}
	}
	return nil
}

// importsOf counts the accepted imports of a table in the day that runs at now.
func (s *Server) importsOf(t *table, now time.Time) int {
	now = now.In(s.brussels)
	since := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, s.brussels)
	if s.world.holds(QuotaRolling) {
		since = now.Add(-24*time.Hour + time.Nanosecond)
	}
	n := 0
	for _, e := range s.executions {
		free := e.status == statusFailed && s.world.holds(FailedRunsFree)
		if slices.Contains(e.tables, t) && !e.created.Before(since) && !free {
			n++
		}
	}
	return n
}
