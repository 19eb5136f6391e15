package actito

import (
	"context"
	"fmt"
	"strings"
	"time"
)

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
// IDs, names of buckets and Once keys begin with the licence and a slash, as in "4711/16". Those of one licence never
// meet those of another.
//
// A store that cannot tell whether its books are complete, such as one that may have lost its latest writes in a
// failover, answers a Reserve with an [UnverifiedError].
//
// Package quotatest tests all of this; a [Ledger] does most of it.
type QuotaStore interface {
	// Reserve books one unit in each bucket, all or none. It fails with an *AlreadyStartedError when an import with
	// the same Once key was reserved before and not freed, else with a *QuotaError for the first bucket that is used
	// up or closed. Once keys are remembered for a week at least. An ID that is in the books is refused. A shared store
	// may refuse another limit than the one under which units were booked that count.
	Reserve(ctx context.Context, r Reservation) error
	// Begin marks that bytes are about to leave. It fails with ErrReservationLost if the lease ran out, if the window
	// ended for which the unit was booked, or if it is settled. Units count from this moment on. Repeating it before the
	// lease runs out changes nothing.
	Begin(ctx context.Context, id string) error
	// Settle says how a reservation ended. Repeating it changes nothing. Used is final: Held after it changes nothing,
	// Free and Used with another execution fail. Free and Used after Held reconcile a held unit. Free is final too, and
	// so is lapsing unbegun: the unit may be another's by then, so Used and Held fail with ErrReservationLost.
	Settle(ctx context.Context, id string, o Outcome) error
	// Close refuses reservations in a bucket until then, but for a probe: an hour after it, and from then on an hour
	// after the last one, a single reservation is made as if the bucket were open. A probe that is settled as used
	// opens the bucket. Close never shortens an earlier call, but the zero time opens the bucket.
	Close(ctx context.Context, bucket string, until time.Time) error
	// Usage counts a bucket's units in the window of its newest reservation. Once that window ended, ResetAt is zero
	// and nothing counts. Of a bucket in which nothing was reserved for a week, only Table and ClosedUntil are known.
	Usage(ctx context.Context, bucket string) (Usage, error)
}

// QuotaAuditor is a QuotaStore whose books can be looked into and completed, as all of this module can. Most of
// [QuotaService] needs it.
type QuotaAuditor interface {
	// Entries lists the units of a bucket that are in the books, whether they still count or not, oldest first.
	Entries(ctx context.Context, bucket string) ([]QuotaEntry, error)
	// Count books an import that exists on the service as used, even over the limit and in closed buckets, from r.At
	// on. If its execution is in the books of the licence already, nothing changes. When a reservation is settled as
	// used by the same execution later, the two become one. Without buckets nothing is booked: added then tells that
	// the execution is not in the books.
	Count(ctx context.Context, r Reservation, executionID string) (added bool, err error)
}

// QuotaEntry is an import in the books.
type QuotaEntry struct {
	ID          string
	Tables      []string // ids; in a store, names of buckets
	State       string   // reserved, begun, held or used
	At          time.Time
	Lease       time.Time // while it is reserved or begun
	Once        string
	ExecutionID string // "" if it is not known
}

// UnverifiedError is a reservation that was not made because the store may have lost bookings. A [Client] then books
// what it finds in the service's list of executions, calls Confirm, and reserves again.
type UnverifiedError struct {
	Reason  string
	Confirm func(context.Context) error // the books are complete now
}

func (e *UnverifiedError) Error() string {
	return "actito: the ledger of imports may be incomplete: " + e.Reason
}

// Reservation asks for one import. It carries the instants of its window, so that a store needs no time zones. With a
// calendar day and a rolling window, a unit counts as long as one of them counts it.
type Reservation struct {
	ID      string   // unique
	Buckets []Bucket // one per table that the import loads, and of several, one of them together
	At      time.Time
	Lease   time.Time     // when the reservation lapses unless it was begun, and is held if it was begun and not settled
	From    time.Time     // of a calendar day: units booked at or after From count; else zero
	ResetAt time.Time     // of a calendar day: when it ends, and the reservation lapses unless it was begun; else zero
	Rolling time.Duration // of a rolling window: a unit counts so long after At, or after it was begun; else 0
	Once    string        // "" for none
	Content [32]byte      // hash of what is imported, compared under the same Once key
}

// Bucket is the budget of one table, or of several that one import loads.
type Bucket struct {
	Name  string
	Limit int
	Keep  int // of the Limit: so many are not for this reservation
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
	Kept        int       // of what is left, only for an [Urgent] import; a store leaves it at 0
	ResetAt     time.Time // when the window ends; with a rolling one, when one more is left; zero if nothing counts
	ClosedUntil time.Time // Actito refused imports before the budget was used up; zero if it did not
}

// String shows the usage in a line for a log.
func (u Usage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table %s: %d of %d imports used, %d held, %d left", u.Table, u.Used, u.Limit, u.Held, u.Left)
	if u.Kept > 0 {
		fmt.Fprintf(&b, " (%d of them for urgent ones)", u.Kept)
	}
	if !u.ResetAt.IsZero() {
		fmt.Fprintf(&b, ", resets at %s", u.ResetAt.Format(time.RFC3339))
	}
	if !u.ClosedUntil.IsZero() {
		fmt.Fprintf(&b, ", closed until %s", u.ClosedUntil.Format(time.RFC3339))
	}
	return b.String()
}
