package actito

import (
	"context"
	"sync"
)

// turns keeps writes to one key in call order: each key has a line, and whoever stands first may write. The zero value
// is ready for use.
type turns struct {
	mu   sync.Mutex
	last map[string]*turn // the end of each key's line; no entry where nobody stands
}

// turn is a place in a key's line.
type turn struct {
	turns       *turns
	key         string
	ahead, next *turn         // neighbours in the line
	first       chan struct{} // closed when nobody is ahead any more; nil if nobody ever was
	left        bool
}

// join takes the place at the end of the key's line, at once: a caller fixes the order of writes before it starts
// goroutines for them. Every turn must leave, whatever becomes of it.
func (ts *turns) join(key string) *turn {
	t := &turn{turns: ts, key: key}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.ahead = ts.last[key]; t.ahead != nil {
		t.ahead.next = t
		t.first = make(chan struct{})
	}
	if ts.last == nil {
		ts.last = make(map[string]*turn)
	}
	ts.last[key] = t
	return t
}

// wait blocks until everybody ahead has left. It fails with the context's error if the context ends before the write
// could begin; the turn keeps its place until it leaves.
func (t *turn) wait(ctx context.Context) error {
	if t.first != nil {
		select {
		case <-t.first:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// leave ends the turn: its write has ended with all its attempts, or will not be made. The next in line moves up.
// Leaving again changes nothing, nor does leaving without a turn.
func (t *turn) leave() {
	if t == nil {
		return
	}
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if t.left {
		return
	}
	t.left = true
	if t.ahead != nil {
		t.ahead.next = t.next
	}
	switch {
	case t.next != nil:
		t.next.ahead = t.ahead
		if t.ahead == nil {
			close(t.next.first)
		}
	case t.ahead != nil:
		t.turns.last[t.key] = t.ahead
	default:
		delete(t.turns.last, t.key)
	}
	t.ahead, t.next = nil, nil // keep no line alive
}
