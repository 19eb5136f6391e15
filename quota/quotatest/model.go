package quotatest

import (
	"slices"
	"strings"
	"time"

	"github.com/actito-go/actito"
)

// model is what a ledger answers, as naive as can be: it keeps everything for ever, and works out from it what counts.
type model struct {
	clock   *clock
	entries []*entry
	closed  map[string]closure            // by bucket
	asked   map[string]actito.Reservation // by bucket: the last one
	newest  map[string]time.Time          // by bucket: of its reservations
}

// entry is an import in the books.
type entry struct {
	actito.Reservation
	began     time.Time // zero: not
	outcome   *actito.OutcomeState
	execution string
	probe     bool
	found     bool // by Count
	merged    bool // with the reservation of the same execution
}

type closure struct{ until, probe time.Time }

func newModel(c *clock) model {
	return model{clock: c, closed: make(map[string]closure), asked: make(map[string]actito.Reservation), newest: make(map[string]time.Time)}
}

// names reports whether a reservation books a unit of a bucket.
func names(r actito.Reservation, bucket string) bool {
	return slices.ContainsFunc(r.Buckets, func(b actito.Bucket) bool { return b.Name == bucket })
}

// licenceOf returns what the name of a bucket, an ID or a key begins with.
func licenceOf(name string) string { return name[:strings.Index(name, "/")+1] }

// since is when an entry starts to count.
func (e *entry) since() time.Time {
	if e.began.After(e.At) {
		return e.began
	}
	return e.At
}

func (e *entry) is(s actito.OutcomeState) bool { return e.outcome != nil && *e.outcome == s }

// gone reports whether an entry left the books before it was forgotten.
func (m *model) gone(e *entry) bool {
	now := m.clock.now()
	switch {
	case e.merged || e.outcome != nil:
		return e.merged || e.is(actito.OutcomeFree)
	case !e.began.IsZero():
		return false
	}
	return !now.Before(e.Lease) || !e.ResetAt.IsZero() && !now.Before(e.ResetAt)
}

// old reports whether an entry may be forgotten.
func (m *model) old(e *entry) bool { return !m.clock.now().Before(e.At.Add(week)) }

// until is when an entry stops counting in the window of a reservation.
func (e *entry) until(w actito.Reservation) (until time.Time) {
	if w.Rolling > 0 {
		until = e.since().Add(w.Rolling)
	}
	if !w.From.IsZero() && !e.since().Before(w.From) && w.ResetAt.After(until) {
		until = w.ResetAt
	}
	return until
}

// count counts what is used and held of a bucket in the window of a reservation, and lists when it does not any more.
func (m *model) count(bucket string, w actito.Reservation) (used, held int, until []time.Time) {
	for _, e := range m.entries {
		if !names(e.Reservation, bucket) || m.gone(e) || !e.until(w).After(m.clock.now()) {
			continue
		}
		until = append(until, e.until(w))
		if e.is(actito.OutcomeUsed) {
			used++
		} else {
			held++
		}
	}
	slices.SortFunc(until, time.Time.Compare)
	return used, held, until
}

// resets is when one more is left of a limit.
func resets(w actito.Reservation, until []time.Time, limit int) time.Time {
	if w.Rolling == 0 || len(until) == 0 {
		return w.ResetAt
	}
	return until[max(0, len(until)-limit)]
}

// closedUntil is when a bucket opens, zero if it is open.
func (m *model) closedUntil(bucket string) time.Time {
	if c := m.closed[bucket]; m.clock.now().Before(c.until) {
		return c.until
	}
	return time.Time{}
}

// reserve returns what a reservation is refused with, or nil, and whether it is a probe. Entries that may be forgotten
// are, so that a refusal with their keys is right too: once tells.
func (m *model) reserve(r actito.Reservation) (probe bool, refusal error) {
	for _, e := range m.entries {
		if r.Once != "" && e.Once == r.Once && !m.gone(e) && !m.old(e) {
			return false, &actito.AlreadyStartedError{ExecutionID: e.execution, SameContent: e.Content == r.Content}
		}
	}
	for _, b := range r.Buckets {
		used, held, until := m.count(b.Name, r)
		closed := m.closedUntil(b.Name)
		room, shut := used+held < b.Limit-b.Keep, !closed.IsZero()
		due := shut && !m.clock.now().Before(m.closed[b.Name].probe)
		if room && (due || !shut) {
			probe = probe || due
			continue
		}
		e := &actito.QuotaError{Table: b.Name, Limit: b.Limit, Used: used, Held: held, Kept: b.Keep, Closed: room}
		if !room {
			e.ResetAt = resets(r, until, b.Limit-b.Keep)
		}
		if closed.After(e.ResetAt) {
			e.ResetAt = closed
		}
		return false, e
	}
	return probe, nil
}

// once reports whether a key is one that may be forgotten, or not.
func (m *model) once(key string) bool {
	return key != "" && slices.ContainsFunc(m.entries, func(e *entry) bool { return e.Once == key && !m.gone(e) && m.old(e) })
}

// reserved notes a reservation that was made.
func (m *model) reserved(r actito.Reservation, probe bool) {
	m.book(&entry{Reservation: r, probe: probe})
	for _, b := range r.Buckets {
		if closed := m.closedUntil(b.Name); !closed.IsZero() {
			m.closed[b.Name] = closure{closed, m.clock.now().Add(time.Hour)}
		}
	}
}

func (m *model) book(e *entry) {
	m.entries = append(m.entries, e)
	for _, b := range e.Buckets {
		m.asked[b.Name] = e.Reservation
		if e.At.After(m.newest[b.Name]) {
			m.newest[b.Name] = e.At
		}
	}
}

// settle tells whether an outcome is accepted, and if not, whether the reservation is lost.
func (m *model) settle(e *entry, o actito.Outcome) (accepted, lost bool) {
	switch {
	case m.gone(e):
		return o.State == actito.OutcomeFree, o.State != actito.OutcomeFree
	case !e.is(actito.OutcomeUsed):
		return true, false
	case o.State == actito.OutcomeUsed:
		return o.ExecutionID == "" || e.execution == "" || o.ExecutionID == e.execution, false
	}
	return o.State == actito.OutcomeHeld, false
}

// settled notes an outcome that was accepted.
func (m *model) settled(e *entry, o actito.Outcome) {
	if o.State != actito.OutcomeUsed {
		if !m.gone(e) && !e.is(actito.OutcomeUsed) {
			e.outcome = &o.State
		}
		return
	}
	if e.probe && !e.is(actito.OutcomeUsed) {
		for _, b := range e.Buckets {
			delete(m.closed, b.Name)
		}
	}
	e.outcome = &o.State
	if o.ExecutionID == "" || e.execution != "" {
		return
	}
	for _, other := range m.executions(e.ID, o.ExecutionID) {
		other.merged = other.found
	}
	e.execution = o.ExecutionID
}

// executions lists the entries of an execution in the licence of an ID.
func (m *model) executions(id, execution string) (list []*entry) {
	for _, e := range m.entries {
		if licenceOf(e.ID) == licenceOf(id) && e.execution == execution && !m.gone(e) {
			list = append(list, e)
		}
	}
	return list
}

// close notes a call of Close.
func (m *model) close(bucket string, until time.Time) {
	if until.IsZero() {
		delete(m.closed, bucket)
		return
	}
	if closed := m.closedUntil(bucket); closed.After(until) {
		until = closed
	}
	m.closed[bucket] = closure{until, m.clock.now().Add(time.Hour)}
}

// usage is what a store tells of a bucket, known false if it may have forgotten it or not. With a day and 24 hours, and
// nothing that counts, ResetAt is not said.
func (m *model) usage(bucket string) (u actito.Usage, known bool) {
	now, w := m.clock.now(), m.asked[bucket]
	u = actito.Usage{Table: bucket, ClosedUntil: m.closedUntil(bucket)}
	newest, ok := m.newest[bucket]
	if !ok || !now.Before(newest.Add(forgotten)) {
		return u, true
	}
	if !w.ResetAt.IsZero() && !now.Before(w.ResetAt) {
		w.From, w.ResetAt = time.Time{}, time.Time{}
	}
	var until []time.Time
	u.Limit = limits[bucket]
	u.Used, u.Held, until = m.count(bucket, w)
	u.ResetAt = resets(w, until, u.Limit)
	if u.ClosedUntil.IsZero() {
		u.Left = max(0, u.Limit-u.Used-u.Held)
	}
	return u, now.Before(newest.Add(week))
}

// list is what a store lists of a bucket, for certain.
func (m *model) list(bucket string) (list []actito.QuotaEntry) {
	for _, e := range m.entries {
		if !names(e.Reservation, bucket) || m.gone(e) || m.old(e) {
			continue
		}
		q := actito.QuotaEntry{ID: e.ID, State: "reserved", At: e.since(), Lease: e.Lease, Once: e.Once, ExecutionID: e.execution}
		for _, b := range e.Buckets {
			if !slices.Contains(q.Tables, b.Name) {
				q.Tables = append(q.Tables, b.Name)
			}
		}
		switch {
		case e.is(actito.OutcomeUsed):
			q.State, q.Lease = "used", time.Time{}
		case e.outcome != nil || !e.began.IsZero() && !m.clock.now().Before(e.Lease):
			q.State, q.Lease = "held", time.Time{}
		case !e.began.IsZero():
			q.State = "begun"
		}
		list = append(list, q)
	}
	return list
}
