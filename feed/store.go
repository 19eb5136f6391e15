package feed

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Execer is what a hand-over is written through: a *sql.Tx, *sql.DB or *sql.Conn, what wraps one, or an [ExecFunc].
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ExecFunc makes an [Execer] of another library's way to run a statement, such as pgx's:
//
//	feed.ExecFunc(func(ctx context.Context, query string, args ...any) error {
//		_, err := tx.Exec(ctx, query, args...)
//		return err
//	})
type ExecFunc func(ctx context.Context, query string, args ...any) error

// ExecContext calls f. Its result is nil.
func (f ExecFunc) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return nil, f(ctx, query, args...)
}

// Statement is one statement with its arguments.
type Statement struct {
	Query string
	Args  []any
}

// Key stands for the key of a row within its lane, everywhere but in payloads: a hash, the same for the same row, which
// needs no decryption to be compared. It has 22 letters, digits, "-" and "_".
type Key string

// Event is one hand-over: a line of the outbox. It is written once; what becomes of it is noted beside.
type Event struct {
	// ID grows within serialised transactions. IDs of transactions that overlap may become visible in any order.
	ID   int64
	Lane string
	Key  Key

	// Written with it.
	Delete  bool      // the row is deleted; otherwise changed
	Urgent  bool      // ahead of the others: [MustTrigger], deletes and opt-outs
	AtOnce  bool      // goes even while an import holds its key, and again after it: deletes and opt-outs
	Columns int64     // tells the rows that one file can hold: equal where their columns are; 0: never in a file
	Parents []Key     // rows of which nothing that is older may be left when it goes
	Payload []byte    // nil once it was erased
	At      time.Time // when it was handed over, by the clock of the machine

	// Noted later.
	Import string // the import that holds it, or ""
	Sent   bool   // went while an import held its key, and goes again once that has ended
	Parked *Parked
}

// Parked says why an event is not delivered.
type Parked struct {
	Code   string // such as "400", the rule of an actito.ValidationError, or the code of a rejected row
	Column string // or ""
	Reason string // for people; holds no values of the row
	At     time.Time
}

// Lease tells who drains an outbox.
type Lease struct {
	Fence  int64  // grows with every holder
	Beat   int64  // grows with every sign of life
	Holder string // "" if nobody is
}

// Import is a bulk import of a lane's events.
type Import struct {
	ID     string
	Lane   string
	Handle []byte // of what was started, or nil if nothing was yet
	At     time.Time
}

// Backlog counts the events of a lane that have the same columns.
type Backlog struct {
	Lane    string
	Columns int64
	Pending int // neither held by an import nor parked
	Held    int // by an import
	Parked  int
	Oldest  time.Time // of those that are pending or held; zero if there are none
}

// State is what an outbox holds of a key.
type State struct {
	First int64     // the smallest ID of its events, in any state
	At    time.Time // the earliest of its events
	Held  bool      // an import holds one of its events
}

// Note is what the holder of the lease changes, as a whole or not at all. IDs that are gone are skipped; in PostgreSQL so
// are those that another transaction is erasing, and in Remove and Hold all of their keys. At most 1,000 IDs are given at
// a time.
type Note struct {
	Remove   []int64          // delivered
	Park     map[int64]Parked // no import holds them any more
	Sent     []int64
	Hold     []int64 // by the import Import.ID; only those that no import holds and that are not parked
	Release  []int64 // no import holds them any more
	OneByOne []int64 // Columns becomes 0: never in a file

	Import *Import // added, or its Handle changed
	End    string  // the import with this ID is forgotten; what it still holds and what was Sent in its lane is pending again
}

// ErrLeaseLost says that another process drains the outbox now: nothing was changed.
var ErrLeaseLost = errors.New("feed: the lease is lost: another process has taken over")

// Store keeps an outbox. [SQL] makes one of a database; package feedtest has one in memory and a suite that every store
// passes. Its methods are called from several goroutines.
type Store interface {
	// Append is the statement that adds an event within a transaction of the user's. ID is given by the store.
	Append(e Event) Statement
	// Erase are the statements that add the event e, a delete, within a transaction of the user's, after removing all
	// events of its key; those that an import holds stay, without their payload.
	Erase(e Event) []Statement

	// Lease reads the lease.
	Lease(ctx context.Context) (Lease, error)
	// Take makes holder the holder, with the next fence, if the lease is still as seen; otherwise it is ErrLeaseLost.
	Take(ctx context.Context, seen Lease, holder string) (Lease, error)
	// Release gives the lease back, if it still has this fence.
	Release(ctx context.Context, fence int64) error
	// Apply checks that the lease has this fence (otherwise it is ErrLeaseLost), counts a beat, and notes n, in one
	// transaction that no later holder's can overlap. With End, it waits for open transactions that erase what is to be
	// pending again; the lease can be kept meanwhile.
	Apply(ctx context.Context, fence int64, n Note) error

	// Page reads pending events by their IDs, which are greater than after: those that no import holds, that are not
	// parked and not Sent. They come without payloads.
	Page(ctx context.Context, p Page) ([]Event, error)
	// Events reads events of keys in any state, whole, by their IDs, at most limit of each key: its oldest.
	Events(ctx context.Context, keys []Key, limit int) ([]Event, error)
	// States tells of each key that has events what they are.
	States(ctx context.Context, keys []Key) (map[Key]State, error)
	// Held reads what an import holds, whole, by key and ID, after the given event; the zero Event is before all.
	Held(ctx context.Context, importID string, after Event, limit int) ([]Event, error)
	// Imports are the imports that have not ended.
	Imports(ctx context.Context) ([]Import, error)

	// Backlog counts.
	Backlog(ctx context.Context) ([]Backlog, error)
	// Parked reads parked events by their IDs, which are greater than after, whole.
	Parked(ctx context.Context, after int64, limit int) ([]Event, error)
	// Unpark makes a parked event pending again, even if it was Sent. found is false if there is none with this ID.
	Unpark(ctx context.Context, id int64) (found bool, err error)
	// Discard removes a parked event.
	Discard(ctx context.Context, id int64) (found bool, err error)
}

// Page selects events.
type Page struct {
	Lanes  []string
	Urgent bool // only those that are; otherwise all
	After  int64
	Limit  int
}
