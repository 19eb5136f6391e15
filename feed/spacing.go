package feed

import (
	"sync"
	"time"
)

const (
	longWait  = time.Second            // for the limiter: calls went out faster than it lets them
	shortWait = 100 * time.Millisecond // for the limiter: it may let more through
	mostSent  = 6000                   // calls a minute that are told apart

	// mostSpaced calls a minute are the fewest that are spread, so that a wait for something else costs little.
	mostSpaced = 30
)

// spacing spreads calls over the minute while the client's limiter makes them wait. It lets bursts through, and then
// nothing for the rest of a minute: for urgent calls too, once those use up what it keeps for them.
type spacing struct {
	mu   sync.Mutex
	gap  time.Duration // between starts; 0 until the limiter makes a call wait for long
	next time.Time     // when the next one may start
	held time.Time     // until when the gap stays: what was sent in bursts counts for a minute
	sent []time.Time   // in the last minute
}

// turn takes the next turn, and returns how long it is until then.
func (s *spacing) turn(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := now
	if s.next.After(now) {
		at = s.next
	}
	s.next = at.Add(s.gap)
	return at.Sub(now)
}

// passed notes that the limiter let a call through after a wait. A long one sets the gap to the pace of the last minute;
// after a minute without, each call that need not wait shortens it a little.
func (s *spacing) passed(now time.Time, waited time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.sent) == mostSent || len(s.sent) > 0 && now.Sub(s.sent[0]) > time.Minute {
		s.sent = s.sent[1:]
	}
	s.sent = append(s.sent, now)
	switch {
	case waited > longWait:
		s.gap = time.Minute / time.Duration(max(mostSpaced, len(s.sent)))
		s.held = now.Add(time.Minute)
	case waited < shortWait && !now.Before(s.held):
		s.gap -= s.gap * 3 / 100
	}
}
