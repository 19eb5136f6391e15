package integration

import (
	"database/sql"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/postgrestest"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/quotatest"
	"github.com/actito-go/actito/quota/sqlquota"
)

// server is the PostgreSQL server of the tests.
var server postgrestest.Server

var killing = flag.Duration("killing", race.Less(5*time.Second), "how long to kill processes at random")

func TestMain(m *testing.M) {
	serveFeed()
	quotatest.Serve(openQuota)
	defer server.Stop()
	// Unless the command line sets them: most tests wait for a disk, and quotatest.Run makes calls in any order too.
	_ = flag.Set("test.parallel", "8")
	_ = flag.Set("rapid.checks", strconv.Itoa(race.Less(12)))
	m.Run()
}

// address tells where the tables of a test are. As text it is what other processes are started with.
type address struct {
	dialect sqlquota.Dialect
	prefix  string
	dsn     string
}

func (a address) String() string { return fmt.Sprintf("%s %s %s", a.dialect, a.prefix, a.dsn) }

func parseAddress(s string) (a address) {
	dialect, s, _ := strings.Cut(s, " ")
	a.dialect = sqlquota.Dialect(dialect)
	a.prefix, a.dsn, _ = strings.Cut(s, " ")
	return a
}

var drivers = map[sqlquota.Dialect]string{sqlquota.Postgres: "pgx", sqlquota.SQLite: "sqlite"}

// schemas counts those that were made.
var schemas atomic.Int32

// pools are the databases that are open, by DSN.
var pools sync.Map

// open opens a database, once per process.
func (a address) open() (*sql.DB, error) {
	if db, ok := pools.Load(a.dsn); ok {
		return db.(*sql.DB), nil
	}
	db, err := sql.Open(drivers[a.dialect], a.dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(8)
	if first, loaded := pools.LoadOrStore(a.dsn, db); loaded {
		_ = db.Close()
		db = first.(*sql.DB)
	}
	return db, nil
}

// exec runs a statement in which %s is the prefix of the tables.
func (a address) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	db, err := a.open()
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), strings.ReplaceAll(statement, "%s", a.prefix), args...)
	require.NoError(t, err)
}

// quota opens a ledger.
func (a address) quota(t testing.TB, opts ...sqlquota.Option) *sqlquota.Store {
	t.Helper()
	db, err := a.open()
	require.NoError(t, err)
	s, err := sqlquota.New(db, a.dialect, append(opts, sqlquota.WithPrefix(a.prefix))...)
	require.NoError(t, err)
	return s
}

// openQuota opens a ledger by its address, with a clock if there is one.
func openQuota(where string, now func() time.Time) (actito.QuotaStore, error) {
	a := parseAddress(where)
	db, err := a.open()
	if err != nil {
		return nil, err
	}
	opts := []sqlquota.Option{sqlquota.WithPrefix(a.prefix)}
	if now != nil {
		opts = append(opts, sqlquota.WithClock(now))
	}
	return sqlquota.New(db, a.dialect, opts...)
}

// databases are the kinds to test. Each makes an empty place for tables. Machines are not switched off here, so that
// SQLite need not wait for the disk.
var databases = map[string]func(t testing.TB) address{
	"PostgreSQL":      newPostgres,
	"SQLite":          func(t testing.TB) address { return newSQLite(t, "?_pragma=synchronous(off)") },
	"SQLite with WAL": func(t testing.TB) address { return newSQLite(t, "?_pragma=synchronous(off)&_pragma=journal_mode(wal)") },
}

// durable are the same as users have them.
var durable = map[string]func(t testing.TB) address{
	"PostgreSQL":      newPostgres,
	"SQLite":          func(t testing.TB) address { return newSQLite(t, "") },
	"SQLite with WAL": func(t testing.TB) address { return newSQLite(t, "?_pragma=journal_mode(wal)") },
}

// newSQLite is a file of its own.
func newSQLite(t testing.TB, settings string) address {
	a := address{sqlquota.SQLite, "actito_", "file:" + t.TempDir() + "/quota.db" + settings}
	t.Cleanup(func() {
		if db, ok := pools.LoadAndDelete(a.dsn); ok {
			require.NoError(t, db.(*sql.DB).Close())
		}
	})
	return a
}

// newPostgres is a schema of its own.
func newPostgres(t testing.TB) address {
	t.Helper()
	a := address{sqlquota.Postgres, "", server.URL(t)}
	a.prefix = fmt.Sprintf("test_%d.actito_", schemas.Add(1))
	schema, _, _ := strings.Cut(a.prefix, ".")
	a.exec(t, "CREATE SCHEMA "+schema)
	return a
}

// migrated makes the tables.
func migrated(t testing.TB, a address) address {
	t.Helper()
	require.NoError(t, a.quota(t).Migrate(t.Context()))
	return a
}
