package actito

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
	_ "time/tzdata" // minimal images have no zones, and another zone than the one asked for must never be used
)

// Quota says how many imports a table takes, and where they are counted.
//
// Actito limits the bulk calls per table and day (documented). The library counts them here, before anything is
// uploaded, one for each table that an import loads (assumed: the documentation does not say how several tables
// count), and refuses with a [QuotaError] what would go over. Imports that other programs of the licence start are not
// seen, unless they share the Store; imports that Actito starts itself, on a schedule or when a file arrives, are not
// seen either, though they count (assumed).
type Quota struct {
	// Store keeps the ledger. nil is one in memory: it forgets with the process and is shared with nobody.
	Store QuotaStore
	// Limit is the number of imports that each table takes in the Window. 0 is 12, the base of every licence
	// (documented; the vendor's newest pages say 24, and packs extend it).
	Limit int
	// Limits are those of tables that differ, by id or name. An id goes before a name.
	Limits map[string]int
	// Window is the time in which imports count. "" is CalendarDay("Europe/Brussels").
	Window Window
}

// Window is the time in which imports count towards a limit: [Rolling24h] or a [CalendarDay].
type Window string

// Rolling24h counts an import for 24 hours after its start.
const Rolling24h Window = "rolling 24h"

// homeZone is where Actito sits.
const homeZone Window = "Europe/Brussels" // assumed: a day is a calendar day there; the documentation says "per day"

// CalendarDay counts an import until the next midnight in a time zone of the IANA database, such as "Europe/Brussels".
// Days on which clocks change have 23 or 25 hours. An unknown zone fails in [New], and so does "Local", in which two
// machines that share a ledger may differ. "" is Brussels.
func CalendarDay(zone string) Window { return Window(zone) }

// location returns the zone of a calendar day, nil for the rolling window.
func (w Window) location() (*time.Location, error) {
	if w == Rolling24h {
		return nil, nil
	}
	if w == "Local" {
		return nil, fmt.Errorf("actito: Quota.Window: the zone %q differs between machines: name it", w)
	}
	zone, err := time.LoadLocation(string(cmp.Or(w, homeZone)))
	if err != nil {
		return nil, fmt.Errorf("actito: Quota.Window: %w", err)
	}
	return zone, nil
}

// QuotaStore keeps the ledger of the imports of a time. See [Quota].
//
// One unit is booked per table that an import loads. A unit is reserved under a lease, begun just before the first
// byte is sent, then settled. A lapsed reservation is free again; a lapsed begun one is held, which counts as used
// until somebody settles it.
//
// A store is safe for concurrent use, and each call takes effect as a whole or not at all. A clock that steps back, by
// less than five days, frees nothing: what was booked later than now counts now, and what lapsed before others were
// booked is lost for good.
//
// Package quotatest tests all of this; a [Ledger] does most of it.
type QuotaStore interface {
	// Reserve books one unit in each bucket, all or none. It fails with an *AlreadyStartedError when an import with
	// the same Once key was reserved before and not freed, else with a *QuotaError for the first bucket that is used
	// up or closed. Once keys are remembered for a week at least. An ID that is in the books is refused. A shared store
	// may refuse another limit than the one under which units were booked that count.
	Reserve(ctx context.Context, r Reservation) error
	// Begin marks that bytes are about to leave. It fails with ErrReservationLost if the lease ran out, if the window
	// ended for which the unit was booked, or if it is settled. From then on, units of a rolling window count from
	// this moment. Repeating it before the lease runs out changes nothing.
	Begin(ctx context.Context, id string) error
	// Settle says how a reservation ended. Repeating it changes nothing. Used is final: Held after it changes nothing,
	// Free and Used with another execution fail. Free and Used after Held reconcile a held unit. Free is final too, and
	// so is lapsing unbegun: the unit may be another's by then, so Used and Held fail with ErrReservationLost.
	Settle(ctx context.Context, id string, o Outcome) error
	// Close refuses reservations in a bucket until then. It never shortens an earlier call, but the zero time opens
	// the bucket.
	Close(ctx context.Context, bucket string, until time.Time) error
	// Usage counts a bucket's units in the window of its newest reservation. Once that window ended, ResetAt is zero
	// and nothing counts. Of a bucket in which nothing was reserved for a week, only Table and ClosedUntil are known.
	Usage(ctx context.Context, bucket string) (Usage, error)
}

// Reservation asks for one import. It carries the instants of its window, so that a store needs no time zones.
type Reservation struct {
	ID      string   // unique
	Buckets []Bucket // one per table that the import loads
	At      time.Time
	Lease   time.Time     // when the reservation lapses unless it was begun, and is held if it was begun and not settled
	From    time.Time     // units booked at or after From count; zero with a rolling window
	ResetAt time.Time     // when the window ends, and the reservation lapses unless it was begun; zero with a rolling window
	Rolling time.Duration // a unit stops counting this long after At, or after it was begun; 0 with From and ResetAt
	Once    string        // "" for none
	Content [32]byte      // hash of what is imported, compared under the same Once key
}

// Bucket is the budget of one table.
type Bucket struct {
	Name  string // the table's id
	Limit int
}

// Outcome is how a reservation ended.
type Outcome struct {
	State       OutcomeState
	ExecutionID string // with Used; "" if it is not known
}

// OutcomeState is the state of a unit that was reserved.
type OutcomeState uint8

// The outcomes.
const (
	OutcomeFree OutcomeState = iota // the server certainly did nothing
	OutcomeUsed                     // the server accepted the import
	OutcomeHeld                     // nobody knows; counts as used until settled again
)

func (s OutcomeState) String() string {
	return [...]string{"free", "used", "held"}[min(s, OutcomeHeld)]
}

// Used is the outcome of an import that the server accepted.
func Used(executionID string) Outcome { return Outcome{OutcomeUsed, executionID} }

// Free is the outcome of an import of which the server certainly did nothing.
func Free() Outcome { return Outcome{State: OutcomeFree} }

// Held is the outcome of an import of which nobody knows whether the server accepted it.
func Held() Outcome { return Outcome{State: OutcomeHeld} }

// Usage is what is booked of a table's budget.
type Usage struct {
	Table       string
	Limit       int
	Used        int
	Held        int       // reserved, started or of unknown outcome: not settled
	Left        int       // what may still be reserved; 0 while the table is closed
	ResetAt     time.Time // when the window ends; with a rolling one, when one more is left; zero if nothing counts
	ClosedUntil time.Time // Actito refused imports before the budget was used up; zero if it did not
}

// String shows the usage in a line for a log.
func (u Usage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s: %d of %d imports used, %d held, %d left", u.Table, u.Used, u.Limit, u.Held, u.Left)
	if !u.ResetAt.IsZero() {
		fmt.Fprintf(&b, ", resets at %s", u.ResetAt.Format(time.RFC3339))
	}
	if !u.ClosedUntil.IsZero() {
		fmt.Fprintf(&b, ", closed until %s", u.ClosedUntil.Format(time.RFC3339))
	}
	return b.String()
}

// quota is a Quota that was checked, with its store and zone.
type quota struct {
	store  QuotaStore
	limit  int
	limits map[string]int
	zone   *time.Location // nil: the rolling window
}

func newQuota(q Quota) (*quota, error) {
	if q.Limit < 0 {
		return nil, fmt.Errorf("actito: Quota.Limit is %d: it must be positive, or 0 for the default", q.Limit)
	}
	for _, table := range slices.Sorted(maps.Keys(q.Limits)) {
		if table == "" {
			return nil, fmt.Errorf("actito: Quota.Limits has a limit of %d without a table", q.Limits[table])
		}
		if q.Limits[table] <= 0 {
			return nil, fmt.Errorf("actito: Quota.Limits[%q] is %d: it must be positive", table, q.Limits[table])
		}
	}
	zone, err := q.Window.location()
	if err != nil {
		return nil, err
	}
	store := q.Store
	if store == nil {
		store = newMemoryStore()
	}
	return &quota{store: store, limit: cmp.Or(q.Limit, 12), limits: maps.Clone(q.Limits), zone: zone}, nil
}

// bucket returns the budget of a table.
func (q *quota) bucket(id, name string) Bucket {
	return Bucket{Name: id, Limit: cmp.Or(q.limits[id], q.limits[name], q.limit)}
}

// reservation starts a reservation with its time and window.
func (q *quota) reservation(now time.Time) Reservation {
	if q.zone == nil {
		return Reservation{At: now, Rolling: 24 * time.Hour}
	}
	from, resetAt := day(now.In(q.zone))
	return Reservation{At: now, From: from, ResetAt: resetAt}
}

// usage is the store's usage with what the store cannot know: the table's limit, and the window if nothing was
// reserved in it.
func (q *quota) usage(ctx context.Context, b Bucket, now time.Time) (Usage, error) {
	u, err := q.store.Usage(ctx, b.Name)
	if err != nil {
		return Usage{}, err
	}
	u.Limit = b.Limit
	u.Left = max(0, b.Limit-u.Used-u.Held)
	if now.Before(u.ClosedUntil) {
		u.Left = 0
	}
	if u.ResetAt.IsZero() {
		u.ResetAt = q.reservation(now).ResetAt
	}
	return u, nil
}

// QuotaService tells what is left of the imports of a table.
type QuotaService struct{ c *Client }

// Usage counts the imports of a table, given by name or id, in the current window. It asks the ledger, and Actito only
// for the table's id, once; of a table that does not exist, the error matches [ErrNotFound].
func (s *QuotaService) Usage(ctx context.Context, table string) (Usage, error) {
	t, err := s.c.table(ctx, "", table)
	if err != nil {
		return Usage{}, err
	}
	u, err := s.c.quota.usage(ctx, s.c.quota.bucket(t.ID, t.Name), time.Now())
	u.Table = t.Name
	return u, err
}

// day returns the first instant of the day in which now falls, in now's zone, and the first one of the next day. It
// searches for them, since some zones skip midnight or have it twice when their clocks change.
func day(now time.Time) (from, next time.Time) {
	const longest = 26 * 60 * 60 // seconds; the longest days have 25 hours
	date := func(t time.Time) int { return t.Year()*1000 + t.YearDay() }
	after := func(seconds int) time.Time {
		return now.Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
	}
	since := sort.Search(longest, func(s int) bool { return date(after(-s)) < date(now) })
	until := sort.Search(longest, func(s int) bool { return date(after(s)) > date(now) })
	return after(1 - since), after(until)
}
