package actito

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// remembered is how long a Ledger keeps what was booked: longer than any window, so that a Once key still finds its
// execution. The tables' limits bound what is booked in that time, and with it the size of the books.
const remembered = 7 * 24 * time.Hour

// Ledger is the books of a [QuotaStore] as one value, for stores that keep it whole, in a file or in an object that is
// replaced only if nobody else did: such a store reads it, makes one call, and writes it back. The calls do what those
// of a QuotaStore do; now is the time of the store's clock. The books need not be written after a call that failed,
// nor after Usage.
//
// The zero value has nothing booked. As JSON it says the same to every later version of this module. A Ledger is not
// safe for concurrent use.
type Ledger struct {
	units   map[string]*unit     // by reservation id
	windows map[string]window    // by bucket: that of the last reservation, whatever became of it
	closed  map[string]time.Time // by bucket
}

// unit is a reservation in the books, one unit in each of its buckets. When it is freed, or lapses unbegun, it leaves
// them.
type unit struct {
	ID          string    `json:"id"`
	Buckets     []string  `json:"tables"`
	State       unitState `json:"state"`
	Counts      time.Time `json:"counts"` // from when it counts: booked, then begun
	Lease       time.Time `json:"lease,omitzero"`
	ResetAt     time.Time `json:"resetAt,omitzero"`
	Once        string    `json:"once,omitempty"`
	Content     string    `json:"content,omitempty"` // hash in hexadecimal digits, with Once
	ExecutionID string    `json:"executionId,omitempty"`
}

type unitState string

const (
	unitReserved unitState = "reserved"
	unitBegun    unitState = "begun"
	unitHeld     unitState = "held"
	unitUsed     unitState = "used"
)

// window is when and how much a reservation could book in a bucket.
type window struct {
	At      time.Time     `json:"at"`
	From    time.Time     `json:"from,omitzero"`
	ResetAt time.Time     `json:"resetAt,omitzero"`
	Rolling time.Duration `json:"rolling,omitempty"`
	Limit   int           `json:"limit"`
}

// Reserve books one unit in each bucket of r, all or none, at r.At. See [QuotaStore].
func (l *Ledger) Reserve(r Reservation) error {
	l.lapse(r.At)
	if l.units[r.ID] != nil {
		return fmt.Errorf("actito: reservation %s exists", r.ID)
	}
	content := ""
	if r.Once != "" {
		content = hex.EncodeToString(r.Content[:])
		for _, u := range l.units {
			if u.Once == r.Once {
				return &AlreadyStartedError{ExecutionID: u.ExecutionID, SameContent: u.Content == content}
			}
		}
	}
	w := window{At: r.At, From: r.From, ResetAt: r.ResetAt, Rolling: r.Rolling}
	for _, b := range r.Buckets {
		w.Limit = b.Limit
		if u := l.usage(b.Name, w); u.Left == 0 {
			resetAt, closed := u.ResetAt, u.Used+u.Held < b.Limit
			if closed || u.ClosedUntil.After(resetAt) {
				resetAt = u.ClosedUntil
			}
			return &QuotaError{Table: b.Name, Limit: b.Limit, Used: u.Used, Held: u.Held, Closed: closed, ResetAt: resetAt}
		}
	}
	if l.units == nil {
		l.units, l.windows = make(map[string]*unit), make(map[string]window)
	}
	u := &unit{
		ID: r.ID, State: unitReserved, Counts: r.At, Lease: r.Lease, ResetAt: r.ResetAt, Once: r.Once, Content: content,
	}
	for _, b := range r.Buckets {
		u.Buckets = append(u.Buckets, b.Name)
		w.Limit = b.Limit
		l.windows[b.Name] = w
	}
	l.units[r.ID] = u
	return nil
}

// Begin marks that bytes are about to leave. See [QuotaStore].
func (l *Ledger) Begin(now time.Time, id string) error {
	l.lapse(now)
	u := l.units[id]
	if u == nil || u.State != unitReserved && u.State != unitBegun {
		return ErrReservationLost
	}
	if u.State == unitReserved {
		u.State = unitBegun
		if now.After(u.Counts) {
			u.Counts = now
		}
	}
	return nil
}

// Settle says how a reservation ended. See [QuotaStore].
func (l *Ledger) Settle(now time.Time, id string, o Outcome) error {
	l.lapse(now)
	u := l.units[id]
	switch {
	case u == nil && o.State == OutcomeFree:
		return nil
	case u == nil:
		return fmt.Errorf("actito: settle reservation %s as %s: %w", id, o.State, ErrReservationLost)
	case o.State == OutcomeUsed:
		if u.ExecutionID != "" && o.ExecutionID != "" && u.ExecutionID != o.ExecutionID {
			return fmt.Errorf("actito: reservation %s was settled before with execution %s, not %s", id, u.ExecutionID, o.ExecutionID)
		}
		u.end(unitUsed)
		u.ExecutionID = cmp.Or(u.ExecutionID, o.ExecutionID)
	case o.State == OutcomeFree && u.State == unitUsed:
		return fmt.Errorf("actito: reservation %s was settled before as used: it cannot be freed", id)
	case o.State == OutcomeFree:
		delete(l.units, id)
	case u.State != unitUsed:
		u.end(unitHeld)
	}
	return nil
}

// end notes that the lease is over. Most of the books are units that ended: they stay small.
func (u *unit) end(s unitState) { u.State, u.Lease, u.ResetAt = s, time.Time{}, time.Time{} }

// Close refuses reservations in a bucket until then, or opens it. See [QuotaStore].
func (l *Ledger) Close(bucket string, until time.Time) {
	switch {
	case until.IsZero():
		delete(l.closed, bucket)
	case until.After(l.closed[bucket]):
		if l.closed == nil {
			l.closed = make(map[string]time.Time)
		}
		l.closed[bucket] = until
	}
}

// Usage counts a bucket's units in the window of its newest reservation. See [QuotaStore].
func (l *Ledger) Usage(now time.Time, bucket string) Usage {
	l.lapse(now)
	w, ok := l.windows[bucket]
	if !ok {
		return Usage{Table: bucket, ClosedUntil: l.closed[bucket]}
	}
	w.At = now
	if w.Rolling == 0 && !now.Before(w.ResetAt) {
		w.From, w.ResetAt = w.ResetAt, time.Time{}
	}
	return l.usage(bucket, w)
}

// usage counts what is booked of a budget in a window.
func (l *Ledger) usage(bucket string, w window) Usage {
	u := Usage{Table: bucket, Limit: w.Limit, ResetAt: w.ResetAt, ClosedUntil: l.closed[bucket]}
	var counting []time.Time
	for _, other := range l.units {
		if !other.in(bucket, w) {
			continue
		}
		counting = append(counting, other.Counts)
		if other.State == unitUsed {
			u.Used++
		} else {
			u.Held++
		}
	}
	if u.ClosedUntil.IsZero() {
		u.Left = max(0, w.Limit-len(counting))
	}
	if w.Rolling > 0 && len(counting) > 0 {
		slices.SortFunc(counting, time.Time.Compare)
		frees := min(max(0, len(counting)-w.Limit), len(counting)-1) // after it is gone, one more is left
		u.ResetAt = counting[frees].Add(w.Rolling)
	}
	return u
}

// in reports whether u counts in a bucket in a window. A unit from later than the window counts too: the clock stepped
// back, and that frees nothing.
func (u *unit) in(bucket string, w window) bool {
	if !slices.Contains(u.Buckets, bucket) {
		return false
	}
	if w.Rolling > 0 {
		return u.Counts.Add(w.Rolling).After(w.At)
	}
	return !u.Counts.Before(w.From)
}

// lapse does what time alone does to the books.
func (l *Ledger) lapse(now time.Time) {
	over := func(t time.Time) bool { return !now.Before(t) }
	for id, u := range l.units {
		windowOver := !u.ResetAt.IsZero() && over(u.ResetAt)
		switch {
		case u.State == unitReserved && (over(u.Lease) || windowOver), over(u.Counts.Add(remembered)):
			delete(l.units, id)
		case u.State == unitBegun && over(u.Lease):
			u.end(unitHeld)
		}
	}
	maps.DeleteFunc(l.windows, func(_ string, w window) bool { return over(w.At.Add(remembered)) })
	maps.DeleteFunc(l.closed, func(_ string, until time.Time) bool { return over(until) })
}

// books is a Ledger as JSON.
type books struct {
	Units   []*unit              `json:"units"`
	Windows map[string]window    `json:"windows,omitempty"`
	Closed  map[string]time.Time `json:"closed,omitempty"`
}

// MarshalJSON writes the books, oldest unit first.
func (l Ledger) MarshalJSON() ([]byte, error) {
	units := slices.SortedFunc(maps.Values(l.units), func(a, b *unit) int {
		return cmp.Or(a.Counts.Compare(b.Counts), strings.Compare(a.ID, b.ID))
	})
	return json.Marshal(books{units, l.windows, l.closed})
}

// UnmarshalJSON reads the books, and refuses those in which a unit is in a state that it does not know.
func (l *Ledger) UnmarshalJSON(data []byte) error {
	var b books
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("actito: decode the ledger: %w", err)
	}
	*l = Ledger{units: make(map[string]*unit, len(b.Units)), windows: b.Windows, closed: b.Closed}
	for _, u := range b.Units {
		switch {
		case u == nil || u.ID == "" || l.units[u.ID] != nil:
			return fmt.Errorf("actito: decode the ledger: a unit has no ID of its own")
		case !slices.Contains([]unitState{unitReserved, unitBegun, unitHeld, unitUsed}, u.State):
			return fmt.Errorf("actito: decode the ledger: reservation %s is in the unknown state %q", u.ID, u.State)
		}
		l.units[u.ID] = u
	}
	if l.windows == nil {
		l.windows = make(map[string]window)
	}
	return nil
}
