package actito

import (
	"context"
	"time"
)

// QuotaStore keeps the ledger of the day's imports. See [Quota].
//
// One unit is booked per table that an import loads. A unit is reserved under a lease, begun just before the first
// byte is sent, then settled. A lapsed reservation is free again; a lapsed begun one is held, which counts as used
// until somebody settles it.
type QuotaStore interface {
	// Reserve books one unit in each bucket, all or none. It fails with a *QuotaError when one is used up or closed,
	// and with an *AlreadyStartedError when an import with the same Once key was reserved before and not freed.
	Reserve(ctx context.Context, r Reservation) error
	// Begin marks that bytes are about to leave. It fails with ErrReservationLost if the lease ran out.
	Begin(ctx context.Context, id string) error
	// Settle says how a reservation ended. Repeating it changes nothing.
	Settle(ctx context.Context, id string, o Outcome) error
	// Close refuses reservations in a bucket until then.
	Close(ctx context.Context, bucket string, until time.Time) error
	// Usage counts a bucket's units in the window of its newest reservation.
	Usage(ctx context.Context, bucket string) (Usage, error)
}

// Reservation asks for one import. It carries the instants of its window, so that a store needs no time zones.
type Reservation struct {
	ID      string   // unique
	Buckets []Bucket // one per table that the import loads
	At      time.Time
	Lease   time.Time // when the reservation lapses unless it was begun, and is held if it was begun and not settled
	From    time.Time // units booked at or after From count
	ResetAt time.Time // when the window ends; with a rolling window, zero: a unit stops counting Rolling after At
	Rolling time.Duration
	Once    string   // "" for none
	Content [32]byte // hash of what is imported, compared under the same Once key
}

// Bucket is the budget of one table.
type Bucket struct {
	Name  string // the table's id
	Limit int
}

// Outcome is how a reservation ended.
type Outcome struct {
	State       OutcomeState
	ExecutionID string // with Used
}

// OutcomeState is the state of a unit that was reserved.
type OutcomeState uint8

// The outcomes.
const (
	OutcomeFree OutcomeState = iota // the server certainly did nothing
	OutcomeUsed                     // the server accepted the import
	OutcomeHeld                     // nobody knows; counts as used until settled again
)

// Used is the outcome of an import that the server accepted.
func Used(executionID string) Outcome { return Outcome{OutcomeUsed, executionID} }

// Free is the outcome of an import of which the server certainly did nothing.
func Free() Outcome { return Outcome{State: OutcomeFree} }

// Held is the outcome of an import of which nobody knows whether the server accepted it.
func Held() Outcome { return Outcome{State: OutcomeHeld} }

// Usage is what is booked of a table's budget.
type Usage struct {
	Table   string
	Limit   int
	Used    int
	Held    int // reserved or started, not settled
	Left    int
	ResetAt time.Time
}
