package sqlquota

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"

	"github.com/actito-go/actito/internal/sqlretry"
)

// schema is the tables by name, and what a dialect says in its own way.
type schema struct {
	ledgers, imports string
	index            string // of imports, as it is created
	timestamp        string // the type of a time
	migrating        string // a statement that lets one Migrate work at a time; "" for none
	isolation        sql.IsolationLevel
	// lock locks the row of a licence and returns it with the time in microseconds and a text that means nothing; read
	// only returns it. save writes the books.
	lock, read, save string
}

var prefixes = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,62}\.)?([a-z_][a-z0-9_]{0,45})$`)

func newSchema(d Dialect, prefix string) (schema, error) {
	parts := prefixes.FindStringSubmatch(prefix)
	if parts == nil {
		return schema{}, fmt.Errorf("sqlquota: WithPrefix: %q cannot begin the name of a table: "+
			"use small letters, digits and underscores, 46 at most, after the name of a schema and a dot if you like", prefix)
	}
	s := schema{ledgers: prefix + "ledgers", imports: prefix + "imports"}
	index := parts[2] + "imports_execution"
	var clock, careful string
	switch d {
	case Postgres:
		s.index = index + " ON " + s.imports
		s.timestamp = "timestamptz"
		s.migrating = "SELECT pg_advisory_xact_lock(hashtext('actito sqlquota'))"
		s.isolation = sql.LevelReadCommitted
		clock = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
		// A machine that vanishes must not keep the lock for as long as TCP takes to notice, and what is committed must be
		// on the disk.
		careful = "concat(set_config('idle_in_transaction_session_timeout', '10s', true), " +
			"CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END)"
	case SQLite:
		s.index = parts[1] + index + " ON " + parts[2] + "imports"
		s.timestamp = "text"
		clock, careful = "0", "''"
	default:
		return schema{}, fmt.Errorf("sqlquota: the dialect %q is unknown: use Postgres or SQLite", string(d))
	}
	// The statement that locks writes, so that it waits for the row on PostgreSQL, and takes SQLite's one lock for writers
	// before anything is read. The first call of a licence makes its row.
	s.lock = "INSERT INTO " + s.ledgers + " (licence, format, ledger) VALUES ($1, $2, $3) " +
		"ON CONFLICT (licence) DO UPDATE SET licence = excluded.licence RETURNING format, ledger, " + clock + ", " + careful
	s.read = "SELECT format, ledger, " + clock + ", '' FROM " + s.ledgers + " WHERE licence = $1"
	s.save = "UPDATE " + s.ledgers + " SET ledger = $1 WHERE licence = $2"
	return s, nil
}

// Migrations returns the statements that create the tables, for those who run migrations themselves. They can be run
// again. Of the options, only [WithPrefix] matters.
func Migrations(d Dialect, opts ...Option) ([]string, error) {
	s, err := newSchema(d, newOptions(opts).prefix)
	if err != nil {
		return nil, err
	}
	return s.migrations(), nil
}

func (s *schema) migrations() []string {
	return []string{
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	licence text NOT NULL PRIMARY KEY,
	format integer NOT NULL,
	ledger text NOT NULL
)`, s.ledgers),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %[1]s (
	id text NOT NULL PRIMARY KEY,
	licence text NOT NULL,
	tables text NOT NULL,
	once_key text,
	state text NOT NULL,
	reserved_at %[2]s NOT NULL,
	lease %[2]s,
	begun_at %[2]s,
	settled_at %[2]s,
	execution_id text
)`, s.imports, s.timestamp),
		fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s (licence, execution_id)", s.index),
	}
}

// Migrate creates the tables that are not there. Any number of processes may call it at once, each time that they start:
// where the tables are there already, it only reads.
func (s *Store) Migrate(ctx context.Context) error {
	if s.usable(ctx) == nil {
		return nil
	}
	err := repeat(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.isolation})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		statements := s.migrations()
		if s.migrating != "" {
			statements = append([]string{s.migrating}, statements...)
		}
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
	if err == nil {
		err = s.usable(ctx) // tables of the same names may be another's
	}
	if err != nil {
		return fmt.Errorf("sqlquota: migrate: tables %s and %s: %w", s.ledgers, s.imports, sqlretry.Explain(ctx, err, "Store.Migrate"))
	}
	return nil
}

// usable reports why the tables cannot be used as they are.
func (s *Store) usable(ctx context.Context) error {
	for _, query := range []string{
		"SELECT licence, format, ledger FROM " + s.ledgers + " WHERE 1 = 0",
		"SELECT id, licence, tables, once_key, state, reserved_at, lease, begun_at, settled_at, execution_id FROM " + s.imports + " WHERE 1 = 0",
	} {
		if err := repeat(ctx, func() error {
			rows, err := s.db.QueryContext(ctx, query)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() { // nothing, but errors may come this late
			}
			return rows.Err()
		}); err != nil {
			return err
		}
	}
	return nil
}
