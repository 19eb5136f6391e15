package actito

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// remembered is how long the memory store keeps what was booked: longer than any window, so that a Once key still
// finds its execution. A table's limit bounds what is booked in that time, and with it the memory.
const remembered = 7 * 24 * time.Hour

// memoryStore is the QuotaStore of one process. Reserve takes the time from the reservation, the other calls from now.
type memoryStore struct {
	now func() time.Time

	mu     sync.Mutex
	units  map[string]*unit       // by reservation id
	newest map[string]Reservation // by bucket: the last one that was booked, whatever became of it
	closed map[string]time.Time   // by bucket
}

// unit is a reservation in the books, one unit in each of its buckets. When it is freed, or lapses unbegun, it leaves
// them.
type unit struct {
	Reservation
	state       unitState
	counts      time.Time // from when it counts: booked, then begun
	executionID string
}

type unitState uint8

const (
	unitReserved unitState = iota
	unitBegun
	unitHeld
	unitUsed
)

func newMemoryStore() *memoryStore {
	return &memoryStore{
		now:    time.Now,
		units:  make(map[string]*unit),
		newest: make(map[string]Reservation),
		closed: make(map[string]time.Time),
	}
}

// Reserve implements [QuotaStore].
func (s *memoryStore) Reserve(_ context.Context, r Reservation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lapse(r.At)
	if s.units[r.ID] != nil {
		return fmt.Errorf("actito: reservation %s exists", r.ID)
	}
	if r.Once != "" {
		for _, u := range s.units {
			if u.Once == r.Once {
				return &AlreadyStartedError{ExecutionID: u.executionID, SameContent: u.Content == r.Content}
			}
		}
	}
	for _, b := range r.Buckets {
		if u := s.usage(b, r); u.Left == 0 {
			resetAt := u.ResetAt
			if u.Used+u.Held < b.Limit || u.ClosedUntil.After(resetAt) {
				resetAt = u.ClosedUntil
			}
			return &QuotaError{Table: b.Name, Limit: b.Limit, Used: u.Used, Held: u.Held, ResetAt: resetAt}
		}
	}
	r.Buckets = slices.Clone(r.Buckets)
	s.units[r.ID] = &unit{Reservation: r, counts: r.At}
	for _, b := range r.Buckets {
		s.newest[b.Name] = r
	}
	return nil
}

// Begin implements [QuotaStore].
func (s *memoryStore) Begin(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.lapse(now)
	u := s.units[id]
	if u == nil || u.state > unitBegun {
		return ErrReservationLost
	}
	if u.state == unitReserved {
		u.state = unitBegun
		if now.After(u.counts) {
			u.counts = now
		}
	}
	return nil
}

// Settle implements [QuotaStore].
func (s *memoryStore) Settle(_ context.Context, id string, o Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lapse(s.now())
	u := s.units[id]
	switch {
	case u == nil && o.State == OutcomeFree:
		return nil
	case u == nil:
		return fmt.Errorf("actito: settle reservation %s as %s: %w", id, o.State, ErrReservationLost)
	case o.State == OutcomeUsed:
		if u.executionID != "" && o.ExecutionID != "" && u.executionID != o.ExecutionID {
			return fmt.Errorf("actito: reservation %s was settled before with execution %s, not %s", id, u.executionID, o.ExecutionID)
		}
		u.state = unitUsed
		u.executionID = cmp.Or(u.executionID, o.ExecutionID)
	case o.State == OutcomeFree && u.state == unitUsed:
		return fmt.Errorf("actito: reservation %s was settled before as used: it cannot be freed", id)
	case o.State == OutcomeFree:
		delete(s.units, id)
	case u.state != unitUsed:
		u.state = unitHeld
	}
	return nil
}

// Close implements [QuotaStore].
func (s *memoryStore) Close(_ context.Context, bucket string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case until.IsZero():
		delete(s.closed, bucket)
	case until.After(s.closed[bucket]):
		s.closed[bucket] = until
	}
	return nil
}

// Usage implements [QuotaStore].
func (s *memoryStore) Usage(_ context.Context, bucket string) (Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.lapse(now)
	r, ok := s.newest[bucket]
	if !ok {
		return Usage{Table: bucket, ClosedUntil: s.closed[bucket]}, nil
	}
	r.At = now
	if r.Rolling == 0 && !now.Before(r.ResetAt) {
		r.From, r.ResetAt = r.ResetAt, time.Time{}
	}
	i := slices.IndexFunc(r.Buckets, func(b Bucket) bool { return b.Name == bucket })
	return s.usage(r.Buckets[i], r), nil
}

// usage counts what is booked of a budget in the window of r.
func (s *memoryStore) usage(b Bucket, r Reservation) Usage {
	u := Usage{Table: b.Name, Limit: b.Limit, ResetAt: r.ResetAt, ClosedUntil: s.closed[b.Name]}
	var counting []time.Time
	for _, other := range s.units {
		if !other.in(b.Name, r) {
			continue
		}
		counting = append(counting, other.counts)
		if other.state == unitUsed {
			u.Used++
		} else {
			u.Held++
		}
	}
	if u.ClosedUntil.IsZero() {
		u.Left = max(0, b.Limit-len(counting))
	}
	if r.Rolling > 0 && len(counting) > 0 {
		slices.SortFunc(counting, time.Time.Compare)
		frees := min(max(0, len(counting)-b.Limit), len(counting)-1) // after it is gone, one more is left
		u.ResetAt = counting[frees].Add(r.Rolling)
	}
	return u
}

// in reports whether u counts in a bucket in the window of r.
func (u *unit) in(bucket string, r Reservation) bool {
	if !slices.ContainsFunc(u.Buckets, func(b Bucket) bool { return b.Name == bucket }) {
		return false
	}
	if r.Rolling > 0 {
		return u.counts.Add(r.Rolling).After(r.At)
	}
	return !u.counts.Before(r.From)
}

// lapse does what time alone does to the books.
func (s *memoryStore) lapse(now time.Time) {
	for id, u := range s.units {
		over := !now.Before(u.Lease)
		windowOver := u.Rolling == 0 && !now.Before(u.ResetAt)
		switch {
		case u.state == unitReserved && (over || windowOver), !now.Before(u.counts.Add(remembered)):
			delete(s.units, id)
		case u.state == unitBegun && over:
			u.state = unitHeld
		}
	}
	for bucket, until := range s.closed {
		if !now.Before(until) {
			delete(s.closed, bucket)
		}
	}
}
