// Package sqlquota keeps the ledger of imports in a PostgreSQL or SQLite database that machines and processes share, and
// a journal of the imports beside it.
//
// Use it where several machines share a licence and have a database anyway: pods, workers, cron jobs on many hosts. It is
// the recommended ledger for them. Any number of licences share the tables. It needs database/sql and a driver of
// yours; those of pgx and of modernc.org/sqlite are tested, lib/pq works too:
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	…
//	ledger, err := sqlquota.New(db, sqlquota.Postgres)
//	…
//	err = ledger.Migrate(ctx) // or run what Migrations returns
//	…
//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3), actito.WithQuota(actito.Quota{Store: ledger}))
//
// With SQLite, for the processes of one machine that want the journal:
//
//	db, err := sql.Open("sqlite", "file:/var/lib/yourapp/quota.db?_pragma=journal_mode(wal)")
//	…
//	ledger, err := sqlquota.New(db, sqlquota.SQLite)
//
// # What it guarantees
//
// Whoever uses the tables never starts more imports than the limit, whichever process, machine or connection dies, at
// any instruction. A call takes effect as a whole or not at all. One that returned without an error is committed: it
// survives a crash of the database, even where synchronous_commit is off. One that returned an error may have taken
// effect, if the connection broke while it was committed; an [actito.Client] copes with that. Nothing is started while
// the database cannot be reached, unless Quota.FailOpen says so.
//
// Every call is one short transaction that locks the row of its licence, at READ COMMITTED whatever the database's
// default is; Usage and Entries lock nothing. It uses one connection, so that a pool of one is enough, and waits for
// others until its context ends. Serialization failures, deadlocks and SQLite's busy database are repeated. A machine
// that vanishes within a transaction keeps the others waiting for ten seconds on PostgreSQL. On SQLite, a process that is
// stopped (SIGSTOP) within one lets them wait until their contexts end.
//
// Times are those of PostgreSQL's clock, so that the machines' need not agree, but if the two differ by more than five
// minutes reservations are refused: the day for which they are made is that of the machine. SQLite has the machine's.
//
// A ledger that is damaged, or that a newer version of this package wrote, is an error that names table and licence:
// nothing is booked, nothing is overwritten.
//
// # What it cannot do
//
// What the database forgets, the ledger forgets: when a backup is put back, or a replica is promoted that did not have
// the last transactions (asynchronous replication), their imports are available again. Before importing goes on after
// that, let the imports under way end, and count what the service knows, once, with any client of the licence:
//
//	report, err := client.Quota.Sync(ctx)
//
// Synchronous replicas lose nothing. Never point clients at a replica that is read from, nor at two primaries. A SQLite
// file must be on a local disk, with PRAGMA synchronous at FULL, its default; and not in memory.
//
// # The tables
//
// actito_ledgers has a row per licence with its books of the last week as JSON, 150 to 300 bytes per import: 20 kB for a
// table that is imported twelve times a day. Each call reads and writes it whole. An import makes three calls, which
// take some milliseconds together, on SQLite with WAL too, and ten times as long without.
//
// actito_imports is the journal, for people and dashboards; the package itself decides nothing by it. It has a row per
// import, of about as many bytes, which stays until you delete it:
//
//	id, licence    text, of the reservation
//	tables         text, ids of the tables it loads, with commas
//	once_key       text, or NULL
//	state          reserved, begun, used, held or free; found: of others, counted by Sync or the like
//	reserved_at    when it was booked; of what was found, when it started
//	lease          until when it is reserved or begun; NULL once it is settled
//	begun_at       when its first bytes left, or NULL
//	settled_at     when it came to its state, or NULL
//	execution_id   text, or NULL while it is not known
//
// Time alone changes no row: one that is still reserved after its lease was never sent, and one that is still begun then
// is held. The imports that wait for somebody who finds out what became of them (see QuotaService.Settle) are
//
//	SELECT * FROM actito_imports WHERE state = 'held' OR state = 'begun' AND lease < now()
//
// Times are timestamptz in PostgreSQL, and in SQLite texts in UTC that compare with datetime('now').
//
// A program needs SELECT, INSERT and UPDATE on both tables, and DELETE on actito_imports. Only Migrate creates
// anything, and only if it is not there.
package sqlquota

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/actito-go/actito"
)

// Dialect is the kind of a database.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres" // PostgreSQL 10 or later
	SQLite   Dialect = "sqlite"   // SQLite 3.35 or later
)

// Store is an [actito.QuotaStore] in tables of a database. It needs no closing; the database stays the caller's.
type Store struct {
	db *sql.DB
	schema
	changeLimits bool
	now          func() time.Time // nil: the database's clock
}

var (
	_ actito.QuotaStore   = (*Store)(nil)
	_ actito.QuotaAuditor = (*Store)(nil)
)

// Option changes what [New] makes.
type Option func(*options)

type options struct {
	prefix       string
	changeLimits bool
	now          func() time.Time
}

// WithPrefix begins the names of the tables, instead of "actito_": "crm.actito_" puts them into the schema crm, which
// must exist. It is made of small letters, digits and underscores, with one dot at most, and as long as the names remain
// below PostgreSQL's 63 characters.
func WithPrefix(prefix string) Option { return func(o *options) { o.prefix = prefix } }

// ChangeLimits books under this client's limits in the middle of a window, although other imports of it were booked
// under others: use it once, when a licence was extended. Clients that still have the other limit are then refused.
func ChangeLimits() Option { return func(o *options) { o.changeLimits = true } }

// WithClock takes the time from now instead of from the database, for tests in which time passes.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// New makes a store on a database. It does not connect: a table that is missing shows in the first call. See
// [Store.Migrate].
func New(db *sql.DB, d Dialect, opts ...Option) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlquota: the database is nil: open it with sql.Open")
	}
	o := newOptions(opts)
	schema, err := newSchema(d, o.prefix)
	if err != nil {
		return nil, err
	}
	if o.now == nil && d == SQLite {
		o.now = time.Now
	}
	return &Store{db: db, schema: schema, changeLimits: o.changeLimits, now: o.now}, nil
}

func newOptions(opts []Option) options {
	o := options{prefix: "actito_"}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// Reserve implements [actito.QuotaStore]. Of clients with different limits, the one that comes second in a window is
// refused. See [ChangeLimits].
func (s *Store) Reserve(ctx context.Context, r actito.Reservation) error {
	licence, err := licenceOf(r)
	if err != nil {
		return fmt.Errorf("sqlquota: reserve: %w", err)
	}
	return s.update(ctx, "reserve", licence, func(books *actito.Ledger, now time.Time) ([]statement, error) {
		r, err := s.at(r, now)
		if err == nil && !s.changeLimits {
			if err = books.SameLimits(r); err != nil {
				err = fmt.Errorf("%w; see ChangeLimits", err)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("sqlquota: reserve: table %s, licence %q: %w", s.ledgers, licence, err)
		}
		return s.reserved(licence, r), books.Reserve(r)
	})
}

// Begin implements [actito.QuotaStore].
func (s *Store) Begin(ctx context.Context, id string) error {
	licence, _ := cut(id)
	return s.update(ctx, "begin", licence, func(books *actito.Ledger, now time.Time) ([]statement, error) {
		return s.begun(id, now), books.Begin(now, id)
	})
}

// Settle implements [actito.QuotaStore].
func (s *Store) Settle(ctx context.Context, id string, o actito.Outcome) error {
	licence, _ := cut(id)
	return s.update(ctx, "settle", licence, func(books *actito.Ledger, now time.Time) ([]statement, error) {
		return s.settled(licence, id, o, now), books.Settle(now, id, o)
	})
}

// Close implements [actito.QuotaStore]: it closes a table. A Store needs no closing.
func (s *Store) Close(ctx context.Context, bucket string, until time.Time) error {
	licence, _ := cut(bucket)
	return s.update(ctx, "close", licence, func(books *actito.Ledger, now time.Time) ([]statement, error) {
		books.Close(now, bucket, until)
		return nil, nil
	})
}

// Count implements [actito.QuotaAuditor].
func (s *Store) Count(ctx context.Context, r actito.Reservation, executionID string) (added bool, err error) {
	licence, err := licenceOf(r)
	if err != nil {
		return false, fmt.Errorf("sqlquota: count: %w", err)
	}
	err = s.update(ctx, "count", licence, func(books *actito.Ledger, now time.Time) (notes []statement, err error) {
		if added, err = books.Count(now, r, executionID); added && len(r.Buckets) > 0 {
			notes = s.found(licence, r, executionID, now)
		}
		return notes, err
	})
	return added && err == nil, err
}

// Usage implements [actito.QuotaStore].
func (s *Store) Usage(ctx context.Context, bucket string) (u actito.Usage, err error) {
	err = s.view(ctx, "usage", bucket, func(books *actito.Ledger, now time.Time) { u = books.Usage(now, bucket) })
	return u, err
}

// Entries implements [actito.QuotaAuditor].
func (s *Store) Entries(ctx context.Context, bucket string) (list []actito.QuotaEntry, err error) {
	err = s.view(ctx, "entries", bucket, func(books *actito.Ledger, now time.Time) { list = books.Entries(now, bucket) })
	return list, err
}
