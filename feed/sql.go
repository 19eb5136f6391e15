package feed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/actito-go/actito/internal/sqlretry"
)

// Dialect is the kind of a database.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres" // PostgreSQL 10 or later
	SQLite   Dialect = "sqlite"   // SQLite 3.38 or later
)

// SQLStore is a [Store] in tables of a PostgreSQL or SQLite database, the one that the user's transactions write to. It
// needs database/sql and a driver of yours: those of pgx and of modernc.org/sqlite are tested. It needs no closing; the
// database stays the caller's.
//
// # The database
//
// PostgreSQL: the primary, never a replica. Isolation levels are those of the user's transactions; the store's own are
// READ COMMITTED, short, and wait for none of the user's. A machine that vanishes within one keeps others from taking over
// for ten seconds. What is handed over is as durable as the transaction that does it: with synchronous_commit off, the
// last moments before a crash of the database are lost with the user's own rows. What the store notes itself is on the
// disk when it is said to be.
//
// SQLite: a file on a local disk, in WAL mode, so that readers and the one writer do not wait for each other, with a
// busy_timeout, since those who write do, and with transactions that take the lock for writers when they begin: one that
// reads first and then writes fails otherwise if another has written meanwhile. With modernc.org/sqlite:
//
//	db, err := sql.Open("sqlite", "file:/var/lib/yourapp/app.db?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
//
// One outbox is what one prefix names: all programs that push to it or drain it know the same lanes. [WithPrefix] gives
// programs that do not outboxes of their own.
//
// # The tables
//
// actito_feed_events has a row for each event that was handed over and is not delivered yet:
//
//	id             grows, and is never given twice
//	lane           such as profiles:MyEntity/Customers:customerID
//	row_key        a hash that stands for lane and key of the row
//	is_delete      the row was deleted, else changed
//	urgent         it goes ahead of others
//	at_once        it goes even while an import holds its key, and again after that
//	columns        a number for the set of its columns: one file can hold those that have the same; 0: none can
//	parents        row_keys of rows that must be delivered before, with commas, or NULL
//	payload        the row; NULL once it was erased
//	pushed_at      when it was handed over, by the clock of the machine that did
//	import         the import that holds it, or NULL
//	sent           it went while an import held its key, and goes again when the import has ended
//	parked_code    why it is not delivered, or NULL: a status of HTTP, a rule, the code of a rejected row
//	parked_column  the column that is to blame, or empty
//	parked_reason  the same for people
//	parked_at      since when
//
// actito_feed_lease has one row: who drains the outbox (holder, empty if nobody does), with a number that grows with every
// holder (fence) and one that grows with every sign of life (beat). actito_feed_imports has a row for each bulk import
// under way: its id, lane, what to resume it by (handle) and started_at. Times are timestamptz in PostgreSQL, and in
// SQLite texts in UTC that compare with datetime('now').
//
// Look as much as you like, but change nothing by hand: Feed.Retry and Feed.Discard are for that. A program needs SELECT,
// INSERT, UPDATE and DELETE on the three tables. Only Migrate creates anything, and only if it is not there.
//
// # Growth
//
// An event takes its payload and 200 to 300 bytes, indexes included, until it is delivered; parked ones stay until somebody
// decides. PostgreSQL's autovacuum makes room for new ones; the table is created so that it comes early. It can do
// nothing while any transaction of the database is open that began before, nor for a replication slot that is left behind:
// look for those where reading the outbox becomes slow. SQLite's file keeps its largest size, and uses it again. What is
// deleted stays in it until then, unless PRAGMA secure_delete is on; in PostgreSQL until it is vacuumed, and in its log
// and backups.
type SQLStore struct {
	db *sql.DB
	sqlSchema
	sqlStatements
	err error // what SQL could not return
}

var _ Store = (*SQLStore)(nil)

// SQLOption changes what [SQL] makes.
type SQLOption func(*sqlOptions)

type sqlOptions struct{ prefix string }

// WithPrefix begins the names of the tables, instead of "actito_feed_": "crm.feed_" puts them into the schema crm, which
// must exist. It is made of small letters, digits and underscores, with one dot at most, and has at most 46 characters
// after the dot.
func WithPrefix(prefix string) SQLOption { return func(o *sqlOptions) { o.prefix = prefix } }

func newSQLOptions(opts []SQLOption) sqlOptions {
	o := sqlOptions{prefix: "actito_feed_"}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// SQL makes a store of a database, for [Open]. It does not connect: see [SQLStore.Migrate]. If the database is nil, the
// dialect is none or the prefix cannot begin the name of a table, each of its methods says so, and so does Open.
func SQL(db *sql.DB, d Dialect, opts ...SQLOption) *SQLStore {
	s := &SQLStore{db: db}
	if s.sqlSchema, s.err = newSQLSchema(d, newSQLOptions(opts).prefix); s.err != nil {
		s.push, s.empty, s.erase = "feed: the store is none", "feed: the store is none", "feed: the store is none" // no SQL
		return s
	}
	s.sqlStatements = newSQLStatements(s.sqlSchema)
	if db == nil {
		s.err = errors.New("feed: the database is nil: open it with sql.Open")
	}
	return s
}

// check returns what SQL could not.
func (s *SQLStore) check() error { return s.err }

// Append implements [Store].
func (s *SQLStore) Append(e Event) Statement {
	var parents, payload any
	if len(e.Parents) > 0 {
		var list strings.Builder
		for i, p := range e.Parents {
			if i > 0 {
				list.WriteByte(',')
			}
			list.WriteString(string(p))
		}
		parents = list.String()
	}
	if e.Payload != nil {
		payload = e.Payload
	}
	return Statement{s.push, []any{e.Lane, string(e.Key), e.Delete, e.Urgent, e.AtOnce, e.Columns, parents, payload, timeText(e.At)}}
}

// Erase implements [Store].
func (s *SQLStore) Erase(e Event) []Statement {
	return []Statement{{s.empty, []any{string(e.Key)}}, {s.erase, []any{string(e.Key)}}, s.Append(e)}
}

// Lease implements [Store].
func (s *SQLStore) Lease(ctx context.Context) (l Lease, err error) {
	if s.err != nil {
		return l, s.err
	}
	err = repeat(ctx, func() error {
		err := s.db.QueryRowContext(ctx, s.lease).Scan(&l.Fence, &l.Beat, &l.Holder)
		if errors.Is(err, sql.ErrNoRows) {
			if _, err = s.db.ExecContext(ctx, s.firstLease()); err == nil {
				err = s.db.QueryRowContext(ctx, s.lease).Scan(&l.Fence, &l.Beat, &l.Holder)
			}
		}
		return err
	})
	return l, s.failed(ctx, "read the lease", err)
}

// Take implements [Store].
func (s *SQLStore) Take(ctx context.Context, seen Lease, holder string) (Lease, error) {
	if s.err != nil {
		return Lease{}, s.err
	}
	l := Lease{Holder: holder}
	err := repeat(ctx, func() error {
		return s.touch(s.db.QueryRowContext(ctx, s.take, holder, seen.Fence, seen.Beat, seen.Holder), &l)
	})
	if err != nil {
		return Lease{}, s.failed(ctx, "take the lease", err)
	}
	return l, nil
}

// touch reads what a statement made of the lease. Nothing means that it is lost.
func (s *SQLStore) touch(row *sql.Row, l *Lease) error {
	into := []any{&l.Fence, &l.Beat}
	if s.dialect == Postgres { // what it set says nothing
		into = append(into, new(sql.NullString), new(sql.NullString))
	}
	err := row.Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrLeaseLost
	}
	return err
}

// Release implements [Store].
func (s *SQLStore) Release(ctx context.Context, fence int64) error {
	_, err := s.change(ctx, "release the lease", s.giveBack, fence)
	return err
}

// Unpark implements [Store].
func (s *SQLStore) Unpark(ctx context.Context, id int64) (found bool, err error) {
	return s.change(ctx, "unpark", s.unpark, id)
}

// Discard implements [Store].
func (s *SQLStore) Discard(ctx context.Context, id int64) (found bool, err error) {
	return s.change(ctx, "discard", s.discard, id)
}

// change runs one statement.
func (s *SQLStore) change(ctx context.Context, op, query string, args ...any) (found bool, err error) {
	if s.err != nil {
		return false, s.err
	}
	err = repeat(ctx, func() error {
		result, err := s.db.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		found = n > 0
		return err
	})
	return found && err == nil, s.failed(ctx, op, err)
}

// Apply implements [Store]. Events that another transaction is erasing are passed by, but an import does not end before
// that transaction has: its events would stay as they are for ever.
func (s *SQLStore) Apply(ctx context.Context, fence int64, n Note) error {
	if s.err != nil {
		return s.err
	}
	if len(n.Hold) > 0 && n.Import == nil {
		return errors.New("feed: apply: events are held by an import, and the note has none")
	}
	statements := s.note(n)
	return s.failed(ctx, "apply", repeat(ctx, func() error {
		return s.transaction(ctx, func(tx *sql.Tx) error {
			// The first statement locks the lease, and in SQLite the database.
			if err := s.touch(tx.QueryRowContext(ctx, s.beat, fence), new(Lease)); err != nil {
				return err
			}
			for _, statement := range statements {
				if _, err := tx.ExecContext(ctx, statement.Query, statement.Args...); err != nil {
					return err
				}
			}
			if n.End == "" {
				return nil
			}
			return s.end(ctx, tx, n)
		})
	}))
}

// note is what changes events and adds an import.
func (s *SQLStore) note(n Note) (statements []Statement) {
	if i := n.Import; i != nil {
		var handle any
		if i.Handle != nil {
			handle = i.Handle
		}
		statements = append(statements, Statement{s.putImport, []any{i.ID, i.Lane, handle, timeText(i.At)}})
	}
	list := func(query string, ids []int64, before ...any) {
		if len(ids) > 0 {
			statements = append(statements, Statement{query, append(before, listText(ids))})
		}
	}
	list(s.remove, n.Remove)
	list(s.release, n.Release)
	list(s.oneByOne, n.OneByOne)
	list(s.markSent, n.Sent)
	if len(n.Hold) > 0 {
		list(s.hold, n.Hold, n.Import.ID)
	}
	if len(n.Park) > 0 {
		statements = append(statements, Statement{s.park, []any{parkedText(n.Park)}})
	}
	return statements
}

// errErasing says that a transaction of the user's is erasing what an import that ends has to do with.
var errErasing = errors.New("a transaction that erases events of the import stays open")

// end forgets the import of a note. What its other statements passed by must not have become free since.
func (s *SQLStore) end(ctx context.Context, tx *sql.Tx, n Note) error {
	for _, query := range []string{s.resend, s.letGo} {
		if _, err := tx.ExecContext(ctx, query, n.End); err != nil {
			return err
		}
	}
	var left, unremoved int
	if err := tx.QueryRowContext(ctx, s.unended, n.End).Scan(&left); err != nil {
		return err
	}
	if len(n.Remove) > 0 {
		if err := tx.QueryRowContext(ctx, s.unremoved, listText(n.Remove)).Scan(&unremoved); err != nil {
			return err
		}
	}
	if left+unremoved > 0 {
		return errErasing
	}
	_, err := tx.ExecContext(ctx, s.endImport, n.End)
	return err
}

// transaction does something as a whole or not at all.
func (s *SQLStore) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	var opts sql.TxOptions
	if s.dialect == Postgres {
		opts.Isolation = sql.LevelReadCommitted
	}
	tx, err := s.db.BeginTx(ctx, &opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // unless it is committed
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// failed is an error of the database.
func (s *SQLStore) failed(ctx context.Context, op string, err error) error {
	if err == nil || errors.Is(err, ErrLeaseLost) {
		return err
	}
	return fmt.Errorf("feed: %s: tables %s…: %w", op, strings.TrimSuffix(s.eventsTable, "events"), sqlretry.Explain(ctx, err, "SQLStore.Migrate"))
}

// repeat does something again while others are in its way.
func repeat(ctx context.Context, do func() error) error {
	return sqlretry.Do(ctx, 256*time.Millisecond, do, errErasing)
}
