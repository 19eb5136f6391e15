package feed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
)

// sqlSchema is the tables by name, and what a dialect says in its own way.
type sqlSchema struct {
	dialect                               Dialect
	eventsTable, leaseTable, importsTable string // as statements name them
	space, index, on                      string // what precedes the names of an index and of the table it is on, within CREATE INDEX
}

var sqlPrefixes = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,62}\.)?([a-z_][a-z0-9_]{0,45})$`)

func newSQLSchema(d Dialect, prefix string) (sqlSchema, error) {
	parts := sqlPrefixes.FindStringSubmatch(prefix)
	if parts == nil {
		return sqlSchema{}, fmt.Errorf("feed: WithPrefix: %q cannot begin the name of a table: "+
			"use small letters, digits and underscores, 46 at most, after the name of a schema and a dot if you like", prefix)
	}
	s := sqlSchema{dialect: d, index: parts[2],
		eventsTable: prefix + "events", leaseTable: prefix + "lease", importsTable: prefix + "imports"}
	switch d {
	case Postgres:
		s.on = prefix
	case SQLite:
		s.space, s.on = parts[1], parts[2]
	default:
		return sqlSchema{}, fmt.Errorf("feed: the dialect %q is unknown: use Postgres or SQLite", string(d))
	}
	return s, nil
}

// What events are. Indexes hold those, and statements that use an index say the same.
const (
	isPending = "import IS NULL AND parked_code IS NULL AND NOT sent"
	isHeld    = "import IS NOT NULL"
	isAside   = "(sent OR parked_code IS NOT NULL)"
	isSent    = isAside + " AND sent"
	isParked  = isAside + " AND parked_code IS NOT NULL"
)

// Migrations returns the statements that create the tables of [SQL], for those who run migrations themselves. They can
// be run again. It fails if the dialect or the prefix is none.
func Migrations(d Dialect, opts ...SQLOption) ([]string, error) {
	s, err := newSQLSchema(d, newSQLOptions(opts).prefix)
	if err != nil {
		return nil, err
	}
	return s.migrations(), nil
}

func (s *sqlSchema) migrations() []string {
	id, text, blob, timestamp, storage := "integer PRIMARY KEY AUTOINCREMENT", "text", "blob", "text", ""
	if s.dialect == Postgres {
		id, text, blob, timestamp = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", `text COLLATE "C"`, "bytea", "timestamptz"
		// Rows come and go: what is vacuumed late is read again and again.
		storage = " WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)"
	}
	return []string{
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %[1]s (
	id %[2]s,
	lane %[3]s NOT NULL,
	row_key %[3]s NOT NULL,
	is_delete boolean NOT NULL,
	urgent boolean NOT NULL,
	at_once boolean NOT NULL,
	columns bigint NOT NULL,
	parents text,
	payload %[4]s,
	pushed_at %[5]s NOT NULL,
	import %[3]s,
	sent boolean NOT NULL DEFAULT false,
	parked_code text,
	parked_column text,
	parked_reason text,
	parked_at %[5]s
)%[6]s`, s.eventsTable, id, text, blob, timestamp, storage),
		// Each costs the user's transactions 2 to 3 microseconds, so that they are few.
		s.createIndex("pending", "(lane, urgent, id) WHERE "+isPending),
		s.createIndex("keys", "(row_key, id)"),
		s.createIndex("held", "(import, row_key, id) WHERE "+isHeld),
		s.createIndex("aside", "(id) WHERE "+isAside),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	one integer PRIMARY KEY CHECK (one = 1),
	fence bigint NOT NULL,
	beat bigint NOT NULL,
	holder text NOT NULL
)`, s.leaseTable),
		s.firstLease(),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	id %s PRIMARY KEY,
	lane %[2]s NOT NULL,
	handle %s,
	started_at %s NOT NULL
)`, s.importsTable, text, blob, timestamp),
	}
}

func (s *sqlSchema) createIndex(name, of string) string {
	return "CREATE INDEX IF NOT EXISTS " + s.space + s.index + "events_" + name + " ON " + s.on + "events " + of
}

// firstLease makes the row of the lease, if there is none.
func (s *sqlSchema) firstLease() string {
	return "INSERT INTO " + s.leaseTable + " (one, fence, beat, holder) VALUES (1, 0, 0, '') ON CONFLICT (one) DO NOTHING"
}

// Migrate creates the tables that are not there. Any number of processes may call it at once, each time that they start:
// where the tables are there already, it only reads.
func (s *SQLStore) Migrate(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	if s.usable(ctx) == nil {
		return nil
	}
	err := repeat(ctx, func() error {
		return s.transaction(ctx, func(tx *sql.Tx) error {
			statements := s.migrations()
			if s.dialect == Postgres { // one at a time
				statements = append([]string{"SELECT pg_advisory_xact_lock(hashtext('actito feed'))"}, statements...)
			}
			for _, statement := range statements {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err == nil {
		err = s.usable(ctx) // tables of the same names may be another's
	}
	return s.failed(ctx, "migrate", err)
}

// usable reports why the tables cannot be used as they are.
func (s *SQLStore) usable(ctx context.Context) error {
	return repeat(ctx, func() error {
		var one int
		for _, query := range []string{
			"SELECT 1 FROM " + s.leaseTable + " WHERE one = 1 AND fence >= 0 AND beat >= 0 AND holder IS NOT NULL",
			"SELECT count(*) FROM (SELECT id, lane, handle, started_at FROM " + s.importsTable + " WHERE 1 = 0) AS i",
			"SELECT count(*) FROM (SELECT " + allColumns + " FROM " + s.eventsTable + " WHERE 1 = 0) AS e",
		} {
			err := s.db.QueryRowContext(ctx, query).Scan(&one)
			if errors.Is(err, sql.ErrNoRows) {
				return errors.New("the lease has no row")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
