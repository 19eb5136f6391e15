package feed

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	mostSetbacks = 1000 // keys of a lane whose failures are counted; more than that is no matter of keys
	givenUp      = 10   // failures of a key, while others went through, after which it is parked
)

// laneState is how a lane fares in a tenure.
type laneState struct {
	*lane

	mu       sync.Mutex
	running  int       // deliveries under way
	pause    time.Time // until when nothing is started, as its failures tell
	asked    time.Time // the same, as the service asks
	failures int       // since the last success
	passed   int       // successes
	tried    int       // deliveries
	turned   int       // tried, at the last turn
	lap      int       // counts how often all keys had their turn
	later    map[Key]setback
	pace     pace

	importing time.Duration // how long an import takes; 0 before the first
	began     time.Time     // when the last one did
	before    time.Time     // when the one before it did
	through   time.Time     // when a wave of imports was, the last one
}

// setback is a key that failed.
type setback struct {
	until    time.Time
	failures int // that came while others went through
	passed   int // the lane's at the last one
	lap      int // the lane's at the last one
}

// open reports whether something can be started: the lane does not pause, and after a failure one delivery at a time
// finds out whether that has passed.
func (l *laneState) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opens(time.Now())
}

func (l *laneState) opens(now time.Time) bool {
	return !now.Before(l.pause) && !now.Before(l.asked) && (l.failures == 0 || l.running == 0)
}

// ready reports whether a key may be tried: not again before all others had their turn, unless something went through,
// so that keys which fail do not keep others from showing that the lane is well.
func (l *laneState) ready(k Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.may(k)
}

func (l *laneState) may(k Key) bool {
	now := time.Now()
	s, failed := l.later[k]
	return l.opens(now) && (!failed || !now.Before(s.until) && (s.passed < l.passed || s.lap < l.lap))
}

// begin counts a delivery, if its key may still be tried.
func (l *laneState) begin(k Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.may(k) {
		return false
	}
	l.running++
	l.tried++
	return true
}

// turn ends a pass over all keys. If none could be tried in it, all had their turn.
func (l *laneState) turn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tried == l.turned && l.opens(time.Now()) {
		l.lap++
	}
	l.turned = l.tried
}

// end uncounts a delivery.
func (l *laneState) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
}

// succeeded notes that a call went through. It returns how many failures that ended.
func (l *laneState) succeeded(k Key) (ended int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ended = l.failures
	l.failures, l.pause = 0, time.Time{}
	l.passed++
	l.pace.count(time.Now())
	delete(l.later, k)
	return ended
}

// failed notes a failure that may pass. wait is how long the service wants to be left alone. It returns how many there
// are in a row, and whether it is the key's own: others went through between each of its failures.
func (l *laneState) failed(k Key, wait time.Duration) (row int, own bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.failures++
	l.pause = now.Add(backoff(l.failures, time.Minute))
	if asked := now.Add(wait); asked.After(l.asked) {
		l.asked = asked
	}
	s, known := l.later[k]
	if !known && len(l.later) >= mostSetbacks {
		return l.failures, false
	}
	if !known || s.passed < l.passed {
		s.failures++
	}
	s.passed, s.lap = l.passed, l.lap
	s.until = now.Add(backoff(s.failures, 10*time.Minute))
	l.later[k] = s
	return l.failures, s.failures >= givenUp
}

// gaveUp forgets the failures of a key that is parked for them. It says nothing of how the lane is.
func (l *laneState) gaveUp(k Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.later, k)
}

// backoff doubles from one second, with jitter.
func backoff(n int, most time.Duration) time.Duration {
	d := min(most, time.Second<<min(n-1, 20))
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter
}

// perMinute is how many calls the lane makes in a minute.
func (l *laneState) perMinute() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pace.perMinute(time.Now())
}

// lasts is how long an import of the lane takes: a moving average, or a guess before the first.
func (l *laneState) lasts() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.importing > 0 {
		return l.importing
	}
	return min(l.spill.staleness/6, 5*time.Minute)
}

// lasted notes how long an import took.
func (l *laneState) lasted(d time.Duration) {
	before := l.lasts()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.importing = (before + d) / 2
}

// begins notes when an import began.
func (l *laneState) begins(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before, l.began = l.began, at
}

// didNotBegin notes that an import did not start after all: the next one need not keep its distance from it.
func (l *laneState) didNotBegin(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began.Equal(at) {
		l.began = l.before
	}
}

func (l *laneState) lastBegan() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.began
}

// isThrough notes that a wave of imports goes on to the next lanes.
func (l *laneState) isThrough() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.through = time.Now()
}

func (l *laneState) wasThrough() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.through
}

// pace counts the calls of a lane in the current minute and the two before it. More would hide that it has become slower,
// and less is too few for a lane that has just got a backlog.
type pace struct {
	calls  [3]int
	minute int64 // the number of the current one
}

// leastPace is taken where less was measured, as after a quiet time, or a break.
const leastPace = 10

func (p *pace) count(now time.Time) {
	p.turn(now)
	p.calls[0]++
}

// perMinute is the most of the three.
func (p *pace) perMinute(now time.Time) int {
	p.turn(now)
	return max(leastPace, slices.Max(p.calls[:]))
}

func (p *pace) turn(now time.Time) {
	minute := now.Unix() / 60
	for range min(minute-p.minute, int64(len(p.calls))) {
		p.calls[0], p.calls[1], p.calls[2] = 0, p.calls[0], p.calls[1]
	}
	p.minute = minute
}
