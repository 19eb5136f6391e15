package transport

import (
	"sync"
	"time"
)

// watchdog cancels attempts whose current phase takes too long. One timer serves all, and stays armed when the attempt
// it was armed for has ended: a timer for each would cost more than all other links together, since a timer that is
// the next to fire wakes the runtime's poller.
type watchdog struct {
	mu      sync.Mutex
	timer   *time.Timer
	at      time.Time // when the timer fires; zero if it will not
	watched map[*attempt]struct{}
}

// watch watches an attempt from its start.
func (w *watchdog) watch(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched == nil {
		w.watched = make(map[*attempt]struct{})
	}
	w.watched[a] = struct{}{}
	w.extend(a)
}

// enter begins a phase of an attempt, or begins its current one again. After the attempt's end it does nothing.
func (w *watchdog) enter(a *attempt, s stall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.watched[a]; ok {
		a.limit = s
		w.extend(a)
	}
}

// leave ends the watch over an attempt.
func (w *watchdog) leave(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.watched, a)
}

func (w *watchdog) extend(a *attempt) {
	a.due = time.Now().Add(a.limit.after)
	w.arm(a.due)
}

// arm makes the timer fire at a moment, unless it does so before.
func (w *watchdog) arm(at time.Time) {
	if !w.at.IsZero() && !w.at.After(at) {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.at = at
	w.timer = time.AfterFunc(time.Until(at), w.bark)
}

// bark cancels the attempts that are due, and is armed for the next.
func (w *watchdog) bark() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = time.Time{}
	now := time.Now()
	for a := range w.watched {
		if a.due.After(now) {
			w.arm(a.due)
			continue
		}
		delete(w.watched, a)
		a.cancel(&stall{a.limit.what, a.limit.after})
	}
}
