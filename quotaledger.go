package actito

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
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
// nor after Usage and Entries.
//
// The zero value has nothing booked. As JSON it says the same to every later version of this module. A Ledger is not
// safe for concurrent use.
type Ledger struct {
	units   map[string]*unit   // by reservation id
	windows map[string]window  // by bucket: that of the last reservation, whatever became of it
	closed  map[string]closure // by bucket
}

// unit is a reservation in the books, one unit in each of its buckets. When it is freed, or lapses unbegun, it leaves
// them.
type unit struct {
	ID          string    `json:"id"`
	Buckets     []string  `json:"tables"`
	State       unitState `json:"state"`
	Counts      time.Time `json:"counts"` // from when it counts: booked, then begun
	Lease       time.Time `json:"lease,omitzero"`
	Probe       bool      `json:"probe,omitempty"` // reserved in a closed bucket
	Found       bool      `json:"found,omitempty"` // by Count
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

// closure is a bucket that takes nothing but a probe now and then.
type closure struct {
	Until time.Time `json:"until"`
	Probe time.Time `json:"probe"` // when the next one may be reserved
}

// probeEvery is how often a closed bucket is tried: rarely enough to be no trouble, often enough not to lose a day to
// one that was closed by mistake.
const probeEvery = time.Hour

// Reserve books one unit in each bucket of r, all or none, at r.At. See [QuotaStore].
func (l *Ledger) Reserve(r Reservation) error {
	l.lapse(r.At)
	switch {
	case r.ID == "":
		return errors.New("actito: a reservation needs an ID")
	case l.units[r.ID] != nil:
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
	probe := false
	for _, b := range r.Buckets {
		w := r.window(b)
		w.Limit -= b.Keep
		u := l.usage(b.Name, w)
		room, shut := u.Used+u.Held < w.Limit, !u.ClosedUntil.IsZero()
		due := shut && !r.At.Before(l.closed[b.Name].Probe)
		if room && (!shut || due) {
			probe = probe || due
			continue
		}
		full := &QuotaError{Table: b.Name, Limit: b.Limit, Used: u.Used, Held: u.Held, Kept: b.Keep, Closed: shut && room, ResetAt: u.ResetAt}
		if full.Closed || u.ClosedUntil.After(u.ResetAt) {
			full.ResetAt = u.ClosedUntil
		}
		return full
	}
	u := l.book(r)
	u.Once, u.Content, u.Probe = r.Once, content, probe
	for _, b := range r.Buckets {
		if c, shut := l.closed[b.Name]; shut {
			c.Probe = r.At.Add(probeEvery)
			l.closed[b.Name] = c
		}
	}
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
		if u.Probe && u.State != unitUsed {
			for _, b := range u.Buckets {
				delete(l.closed, b)
			}
		}
		if other := l.execution(u.ID, o.ExecutionID); other != nil && other.Found && other != u {
			delete(l.units, other.ID) // it was this one
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

// execution finds the unit of an execution in the books of the licence of an ID.
func (l *Ledger) execution(id, executionID string) *unit {
	for _, u := range l.units {
		if u.ExecutionID == executionID && executionID != "" && licencePart(u.ID) == licencePart(id) {
			return u
		}
	}
	return nil
}

// licencePart is what an ID begins with, slash included.
func licencePart(id string) string { return id[:strings.Index(id, "/")+1] }

// Count books an import that was found on the service. See [QuotaAuditor].
func (l *Ledger) Count(now time.Time, r Reservation, executionID string) (added bool, err error) {
	l.lapse(now)
	switch {
	case executionID == "":
		return false, errors.New("actito: count an import: its execution has no ID")
	case l.execution(r.ID, executionID) != nil:
		return false, nil
	case l.units[r.ID] != nil:
		return false, fmt.Errorf("actito: reservation %s exists", r.ID)
	case len(r.Buckets) == 0:
		return true, nil
	}
	r.Buckets = slices.Clone(r.Buckets)
	for i, b := range r.Buckets {
		if w, ok := l.windows[b.Name]; ok {
			r.Buckets[i].Limit = w.Limit // that of who imports, not of who counts
		}
	}
	u := l.book(r)
	u.Found, u.ExecutionID = true, executionID
	u.end(unitUsed)
	return true, nil
}

// book enters a unit.
func (l *Ledger) book(r Reservation) *unit {
	if l.units == nil {
		l.units, l.windows = make(map[string]*unit), make(map[string]window)
	}
	u := &unit{ID: r.ID, State: unitReserved, Counts: r.At, Lease: r.Lease, ResetAt: r.ResetAt}
	for _, b := range r.Buckets {
		u.Buckets = append(u.Buckets, b.Name)
		w := r.window(b)
		if newest := l.windows[b.Name].At; newest.After(w.At) {
			w.At = newest // what Count finds is older, and the bucket is known for a week after the newest
		}
		l.windows[b.Name] = w
	}
	l.units[r.ID] = u
	return u
}

func (r *Reservation) window(b Bucket) window {
	return window{At: r.At, From: r.From, ResetAt: r.ResetAt, Rolling: r.Rolling, Limit: b.Limit}
}

// limitsError is what SameLimits refuses with.
type limitsError string

func (e limitsError) Error() string      { return string(e) }
func (limitsError) Is(target error) bool { return target == ErrInvalid }

// SameLimits refuses a reservation under another limit than the one under which units were reserved that count: clients
// that share a ledger need the same ones. The error matches [ErrInvalid]. It is for stores that several clients can use.
func (l *Ledger) SameLimits(r Reservation) error {
	l.lapse(r.At)
	for _, b := range r.Buckets {
		w, ok := l.window(r.At, b.Name)
		if !ok || w.Limit == b.Limit {
			continue
		}
		n := 0
		for _, u := range l.units {
			if !u.Found && slices.Contains(u.Buckets, b.Name) && w.until(u.Counts).After(r.At) {
				n++
			}
		}
		if n > 0 {
			return limitsError(fmt.Sprintf("%d imports of table %s are booked under a limit of %d, and this client has one of %d: "+
				"clients that share a ledger need the same limits", n, b.Name, w.Limit, b.Limit))
		}
	}
	return nil
}

// end notes that the lease is over. Most of the books are units that ended: they stay small.
func (u *unit) end(s unitState) { u.State, u.Lease, u.ResetAt = s, time.Time{}, time.Time{} }

// Close refuses reservations in a bucket until then, but for probes, or opens it. See [QuotaStore].
func (l *Ledger) Close(now time.Time, bucket string, until time.Time) {
	l.lapse(now)
	c := l.closed[bucket]
	switch {
	case until.IsZero():
		delete(l.closed, bucket)
		return
	case until.After(c.Until):
		c.Until = until
	}
	if l.closed == nil {
		l.closed = make(map[string]closure)
	}
	c.Probe = now.Add(probeEvery)
	l.closed[bucket] = c
}

// Usage counts a bucket's units in the window of its newest reservation. See [QuotaStore].
func (l *Ledger) Usage(now time.Time, bucket string) Usage {
	l.lapse(now)
	w, ok := l.window(now, bucket)
	if !ok {
		return Usage{Table: bucket, ClosedUntil: l.closed[bucket].Until}
	}
	return l.usage(bucket, w)
}

// window is that of a bucket's newest reservation, as it is now.
func (l *Ledger) window(now time.Time, bucket string) (w window, ok bool) {
	w, ok = l.windows[bucket]
	w.At = now
	if !w.ResetAt.IsZero() && !now.Before(w.ResetAt) {
		w.From, w.ResetAt = w.ResetAt, time.Time{}
	}
	return w, ok
}

// Entries lists the units of a bucket, oldest first. See [QuotaAuditor].
func (l *Ledger) Entries(now time.Time, bucket string) []QuotaEntry {
	l.lapse(now)
	var list []QuotaEntry
	for _, u := range l.sorted() {
		if slices.Contains(u.Buckets, bucket) {
			list = append(list, QuotaEntry{ID: u.ID, Tables: slices.Clone(u.Buckets), State: string(u.State), At: u.Counts,
				Lease: u.Lease, Once: u.Once, ExecutionID: u.ExecutionID})
		}
	}
	return list
}

func (l *Ledger) sorted() []*unit {
	return slices.SortedFunc(maps.Values(l.units), func(a, b *unit) int {
		return cmp.Or(a.Counts.Compare(b.Counts), strings.Compare(a.ID, b.ID))
	})
}

// usage counts what is booked of a budget in a window.
func (l *Ledger) usage(bucket string, w window) Usage {
	u := Usage{Table: bucket, Limit: w.Limit, ResetAt: w.ResetAt, ClosedUntil: l.closed[bucket].Until}
	var gone []time.Time // when those that count will not any more
	for _, other := range l.units {
		until := w.until(other.Counts)
		if !until.After(w.At) || !slices.Contains(other.Buckets, bucket) {
			continue
		}
		gone = append(gone, until)
		if other.State == unitUsed {
			u.Used++
		} else {
			u.Held++
		}
	}
	if u.ClosedUntil.IsZero() {
		u.Left = max(0, w.Limit-len(gone))
	}
	if w.Rolling > 0 && len(gone) > 0 {
		slices.SortFunc(gone, time.Time.Compare)
		u.ResetAt = gone[min(max(0, len(gone)-w.Limit), len(gone)-1)] // one more is left then
	}
	return u
}

// until is when a unit stops counting in the window, whichever of day and rolling window is longer. A unit from later
// than the window counts too: the clock stepped back, and that frees nothing.
func (w window) until(counts time.Time) time.Time {
	var until time.Time
	if w.Rolling > 0 {
		until = counts.Add(w.Rolling)
	}
	if !w.From.IsZero() && !counts.Before(w.From) && w.ResetAt.After(until) {
		until = w.ResetAt
	}
	return until
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
	maps.DeleteFunc(l.closed, func(_ string, c closure) bool { return over(c.Until) })
}

// books is a Ledger as JSON.
type books struct {
	Units   []*unit            `json:"units"`
	Windows map[string]window  `json:"windows,omitempty"`
	Closed  map[string]closure `json:"closed,omitempty"`
}

// MarshalJSON writes the books, oldest unit first.
func (l Ledger) MarshalJSON() ([]byte, error) {
	return json.Marshal(books{l.sorted(), l.windows, l.closed})
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
