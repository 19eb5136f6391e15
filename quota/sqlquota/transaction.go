package sqlquota

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/sqlretry"
)

// format is that of the books in the ledgers' table. It changes when an older version of this package would misread
// them.
const format = 1

// maxSkew is how far the clocks of the database and of a machine may differ.
const maxSkew = 5 * time.Minute

// statement writes to the journal.
type statement struct {
	query string
	args  []any
}

// update makes one change to the books of a licence, with the statements that note it in the journal. If the change is
// refused, or changes nothing, nothing is written.
func (s *Store) update(ctx context.Context, op, licence string, change func(*actito.Ledger, time.Time) ([]statement, error)) error {
	var refused error
	err := repeat(ctx, func() error {
		table := s.ledgers
		failed := func(err error) error { return s.failed(ctx, op, table, licence, err) }
		tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.isolation})
		if err != nil {
			return failed(err)
		}
		defer func() { _ = tx.Rollback() }() // unless it is committed
		empty, err := actito.Ledger{}.MarshalJSON()
		if err != nil {
			return failed(err)
		}
		before, now, err := s.scan(tx.QueryRowContext(ctx, s.lock, licence, format, string(empty)))
		if err != nil {
			return failed(err)
		}
		books, err := decode(before)
		if err != nil {
			return failed(err)
		}
		notes, err := change(&books, now)
		if err != nil {
			refused = err
			return nil
		}
		after, err := books.MarshalJSON()
		if err != nil {
			return failed(err)
		}
		if string(after) == before {
			return nil
		}
		if _, err := tx.ExecContext(ctx, s.save, string(after), licence); err != nil {
			return failed(err)
		}
		table = s.imports
		for _, note := range notes {
			if _, err := tx.ExecContext(ctx, note.query, note.args...); err != nil {
				return failed(err)
			}
		}
		return failed(tx.Commit())
	})
	if err != nil {
		return err
	}
	return refused
}

// view reads the books of a bucket's licence, without a lock.
func (s *Store) view(ctx context.Context, op, bucket string, read func(*actito.Ledger, time.Time)) error {
	licence, _ := cut(bucket)
	return repeat(ctx, func() error {
		var books actito.Ledger
		ledger, now, err := s.scan(s.db.QueryRowContext(ctx, s.read, licence))
		if err == nil {
			books, err = decode(ledger)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // without a row, nothing was ever booked
			return s.failed(ctx, op, s.ledgers, licence, err)
		}
		read(&books, now)
		return nil
	})
}

// scan reads the row of a licence, and the time.
func (s *Store) scan(row *sql.Row) (ledger string, now time.Time, err error) {
	var version int
	var micro int64
	var ignored string
	if err := row.Scan(&version, &ledger, &micro, &ignored); err != nil {
		return "", now, err
	}
	if version > format {
		return "", now, fmt.Errorf("a newer version of this package wrote it: its format is %d, and this version reads %d", version, format)
	}
	if s.now != nil {
		return ledger, s.now(), nil
	}
	return ledger, time.UnixMicro(micro), nil
}

func decode(ledger string) (books actito.Ledger, err error) {
	if err := books.UnmarshalJSON([]byte(ledger)); err != nil {
		return books, fmt.Errorf("the ledger is damaged: %w; restore it, or delete the row to start with nothing booked", err)
	}
	return books, nil
}

// at makes a reservation one of the database's time. Its day stays that of the machine.
func (s *Store) at(r actito.Reservation, now time.Time) (actito.Reservation, error) {
	if s.now == nil {
		if behind := time.Since(now).Round(time.Second); behind.Abs() > maxSkew {
			return r, fmt.Errorf("%w: this machine's says %s, and that of the database says %s: set the one that is wrong",
				actito.ErrClockSkew, now.Add(behind).UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
	}
	r.At, r.Lease = now, now.Add(r.Lease.Sub(r.At))
	if now.Before(r.From) {
		r.At = r.From // else it would not count on its day
	}
	return r, nil
}

// failed is an error of the database.
func (s *Store) failed(ctx context.Context, op, table, licence string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlquota: %s: table %s, licence %q: %w", op, table, licence, sqlretry.Explain(ctx, err, "Store.Migrate"))
}

// repeat does something again while others are in its way.
func repeat(ctx context.Context, do func() error) error {
	return sqlretry.Do(ctx, 64*time.Millisecond, do)
}

// cut splits a name into its licence and the rest. A name without a slash has the licence "".
func cut(name string) (licence, rest string) {
	if licence, rest, ok := strings.Cut(name, "/"); ok {
		return licence, rest
	}
	return "", name
}

// licenceOf returns the licence of a reservation, which all its names must have.
func licenceOf(r actito.Reservation) (string, error) {
	licence, _ := cut(r.ID)
	names := []string{r.ID}
	for _, b := range r.Buckets {
		names = append(names, b.Name)
	}
	if r.Once != "" {
		names = append(names, r.Once)
	}
	for _, name := range names {
		switch own, rest := cut(name); {
		case rest == "":
			return "", fmt.Errorf("reservation %q: the name %q is empty but for its licence", r.ID, name)
		case own != licence:
			return "", fmt.Errorf("reservation %q: the name %q is of another licence", r.ID, name)
		case !utf8.ValidString(name) || strings.Contains(name, "\x00"):
			return "", fmt.Errorf("reservation %q: the name %q is not text that a database keeps: use UTF-8 without zero bytes", r.ID, name)
		}
	}
	return licence, nil
}
