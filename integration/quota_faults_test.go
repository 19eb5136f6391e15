package integration

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/sqlquota"
)

// alone is a pool of one connection.
func (a address) alone(t testing.TB, opts ...sqlquota.Option) (*sql.DB, *sqlquota.Store) {
	t.Helper()
	db, err := sql.Open(drivers[a.dialect], a.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	s, err := sqlquota.New(db, a.dialect, append(opts, sqlquota.WithPrefix(a.prefix))...)
	require.NoError(t, err)
	return db, s
}

func TestOneConnectionIsEnough(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		db, s := a.alone(t)
		done := make(chan error)
		for _, id := range strings.Fields("a b c d") {
			go func() {
				err := s.Reserve(t.Context(), ask(id, time.Now()))
				if err == nil {
					err = s.Begin(t.Context(), "4711/"+id)
				}
				if err == nil {
					err = s.Settle(t.Context(), "4711/"+id, actito.Used(id))
				}
				if err == nil {
					_, err = s.Entries(t.Context(), "4711/1")
				}
				done <- err
			}()
		}
		for range 4 {
			require.NoError(t, <-done)
		}
		assert.Equal(t, 1, db.Stats().OpenConnections)
	})
}

// locked keeps the row of a licence, until the test ends or release is called.
func (a address) locked(t testing.TB) (release func()) {
	t.Helper()
	db, err := a.open()
	require.NoError(t, err)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "UPDATE "+a.prefix+"ledgers SET format = format")
	require.NoError(t, err)
	return func() { _ = tx.Rollback() }
}

func TestACallWaitsUntilItsContextEndsAndLeavesNothingOpen(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		db, s := a.alone(t)
		require.NoError(t, s.Reserve(t.Context(), ask("a", time.Now())))
		before := a.state(t)
		release := a.locked(t)
		defer release()

		for _, timeout := range []time.Duration{-time.Second, 50 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			err := s.Begin(ctx, "4711/a")
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "sqlquota: begin: table "+a.prefix+`ledgers, licence "4711": `)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waits := make(chan error)
		go func() { waits <- s.Begin(ctx, "4711/a") }()
		for db.Stats().InUse == 0 { // the call is about to begin
		}
		cancel()
		require.ErrorIs(t, <-waits, context.Canceled)

		release()
		assert.Equal(t, before, a.state(t))
		require.NoError(t, s.Begin(t.Context(), "4711/a"), "the connection is free, and in no transaction")
	})
}

func TestASQLiteDatabaseThatIsBusyIsTriedAgain(t *testing.T) {
	t.Parallel()
	a := migrated(t, newSQLite(t, ""))
	s := a.quota(t)
	require.NoError(t, s.Reserve(t.Context(), ask("a", time.Now())))

	// Whoever reads lets a writer come as far as its commit.
	reader, err := sql.Open("sqlite", a.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reader.Close()) })
	rows, err := reader.QueryContext(t.Context(), "SELECT licence FROM actito_ledgers UNION ALL SELECT id FROM actito_imports")
	require.NoError(t, err)
	require.True(t, rows.Next())

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Begin(ctx, "4711/a"), context.DeadlineExceeded)

	waits := make(chan error)
	go func() { waits <- s.Begin(t.Context(), "4711/a") }()
	require.NoError(t, rows.Close())
	require.NoError(t, <-waits)
}

// fails makes the next writes to the ledgers fail with a code, so many times, whatever becomes of their transactions.
func (a address) fails(t testing.TB, code string, times string) {
	t.Helper()
	a.exec(t, "CREATE SEQUENCE %sfailures")
	a.exec(t, `CREATE FUNCTION %sfail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('%sfailures') <= `+times+` THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '`+code+`'; END IF;
		RETURN NEW; END $$`)
	a.exec(t, "CREATE TRIGGER fail BEFORE UPDATE OF ledger ON %sledgers FOR EACH ROW EXECUTE FUNCTION %sfail()")
}

func TestWhatPassesIsTriedAgainOnPostgreSQL(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ code, tries string }{
		"serialization failure": {"40001", "4"},
		"deadlock":              {"40P01", "4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := migrated(t, newPostgres(t))
			a.fails(t, tt.code, "3")
			require.NoError(t, a.quota(t).Reserve(t.Context(), ask("a", time.Now())))
			assert.Equal(t, tt.tries, a.row(t, "SELECT last_value FROM %sfailures"))
			assert.Equal(t, "1", a.row(t, "SELECT count(*) FROM %simports"))
		})
	}
	t.Run("but not another error", func(t *testing.T) {
		t.Parallel()
		a := migrated(t, newPostgres(t))
		a.fails(t, "P0001", "3")
		require.ErrorContains(t, a.quota(t).Reserve(t.Context(), ask("a", time.Now())), "on purpose")
		assert.Equal(t, "1", a.row(t, "SELECT last_value FROM %sfailures"))
		assert.Equal(t, "0", a.row(t, "SELECT count(*) FROM %sledgers"))
	})
	t.Run("until the context ends", func(t *testing.T) {
		t.Parallel()
		a := migrated(t, newPostgres(t))
		a.fails(t, "40001", "1000000")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, a.quota(t).Reserve(ctx, ask("a", time.Now())), context.DeadlineExceeded)
	})
}

// The settings of a database, a user or a connection do not change what is promised.
func TestTheTransactionsSettingsAreItsOwnOnPostgreSQL(t *testing.T) {
	t.Parallel()
	a := migrated(t, newPostgres(t))
	a.exec(t, "CREATE TABLE %ssettings AS SELECT ''::text AS isolation, '' AS synchronous, '' AS idle WHERE false")
	a.exec(t, `CREATE FUNCTION %snote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO %ssettings VALUES (current_setting('transaction_isolation'), current_setting('synchronous_commit'),
			current_setting('idle_in_transaction_session_timeout'));
		RETURN NEW; END $$`)
	a.exec(t, "CREATE TRIGGER note BEFORE UPDATE OF ledger ON %sledgers FOR EACH ROW EXECUTE FUNCTION %snote()")

	other := a
	other.dsn += "&default_transaction_isolation=serializable&synchronous_commit=off"
	db, s := other.alone(t)
	require.NoError(t, s.Reserve(t.Context(), ask("a", time.Now())))
	assert.Equal(t, "read committed on 10s", a.row(t, "SELECT isolation || ' ' || synchronous || ' ' || idle FROM %ssettings"))
	var after string
	require.NoError(t, db.QueryRowContext(t.Context(),
		"SELECT current_setting('synchronous_commit') || current_setting('idle_in_transaction_session_timeout')").Scan(&after))
	assert.Equal(t, "off0", after, "the session is as it was")

	// Twelve at once do not get into each other's way, as they would at SERIALIZABLE.
	waits := make(chan error)
	stores := other.quota(t)
	for _, id := range strings.Fields("b c d e f g h i j k l m") {
		go func() { waits <- stores.Reserve(t.Context(), ask(id, time.Now())) }()
	}
	refused := 0
	for range 12 {
		if err := <-waits; err != nil {
			require.ErrorIs(t, err, actito.ErrQuotaExceeded)
			refused++
		}
	}
	assert.Equal(t, 1, refused)
}

// at makes the clock of PostgreSQL, for a connection, differ from the machine's.
func (a address) at(t testing.TB, ahead string) address {
	t.Helper()
	schema, _, _ := strings.Cut(a.prefix, ".")
	a.exec(t, "CREATE FUNCTION "+schema+".clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.clock_timestamp() + interval '"+ahead+"' $$")
	a.dsn += "&search_path=" + schema + ",pg_catalog"
	return a
}

func TestTheClockOfPostgreSQLCounts(t *testing.T) {
	t.Parallel()
	t.Run("a lease is of its time", func(t *testing.T) {
		t.Parallel()
		a := migrated(t, newPostgres(t)).at(t, "4 minutes")
		s := a.quota(t)
		r := ask("a", time.Now())
		r.From, r.ResetAt, r.Rolling = time.Time{}, time.Time{}, 24*time.Hour
		r.Lease = r.At.Add(time.Minute) // over by the clock of the database
		require.NoError(t, s.Reserve(t.Context(), r))
		require.NoError(t, s.Begin(t.Context(), r.ID))
		list, err := s.Entries(t.Context(), "4711/1")
		require.NoError(t, err)
		assert.WithinDuration(t, r.At.Add(5*time.Minute), list[0].Lease, 30*time.Second)
		assert.WithinDuration(t, r.At.Add(4*time.Minute), list[0].At, 30*time.Second)
	})
	t.Run("a day that begins later by it counts all the same", func(t *testing.T) {
		t.Parallel()
		a := migrated(t, newPostgres(t)).at(t, "-4 minutes")
		s := a.quota(t)
		midnight := time.Now().Add(-time.Minute)
		r := ask("a", time.Now())
		r.From, r.ResetAt, r.Buckets[0].Limit = midnight, midnight.Add(24*time.Hour), 1
		require.NoError(t, s.Reserve(t.Context(), r))
		r.ID, r.At = "4711/b", time.Now()
		require.ErrorIs(t, s.Reserve(t.Context(), r), actito.ErrQuotaExceeded)
		require.NoError(t, s.Begin(t.Context(), "4711/a"))
		require.ErrorIs(t, s.Reserve(t.Context(), r), actito.ErrQuotaExceeded)
	})
	for _, ahead := range []string{"-1 hour", "1 hour"} {
		t.Run("but not if it differs by "+ahead, func(t *testing.T) {
			t.Parallel()
			a := migrated(t, newPostgres(t)).at(t, ahead)
			err := a.quota(t).Reserve(t.Context(), ask("a", time.Now()))
			require.ErrorContains(t, err, "sqlquota: reserve: table "+a.prefix+`ledgers, licence "4711": actito: clocks differ: this machine's says `)
			require.ErrorContains(t, err, "set the one that is wrong")
			assert.Equal(t, "0", a.row(t, "SELECT count(*) FROM %sledgers"))
		})
	}
}

func TestADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]address{
		"PostgreSQL": {sqlquota.Postgres, "actito_", "postgres://crm:geheim@127.0.0.1:1/crm"}, // nobody has this port
		"SQLite":     {sqlquota.SQLite, "actito_", "file:" + t.TempDir() + "/missing/quota.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, s := a.alone(t)
			for _, err := range []error{s.Reserve(ctx, ask("a", time.Now())), s.Begin(ctx, "4711/a"), s.Migrate(ctx)} {
				require.ErrorContains(t, err, "sqlquota: ")
				require.ErrorContains(t, err, "actito_ledgers")
				require.NotContains(t, err.Error(), "geheim")
			}
			require.NoError(t, ctx.Err(), "it is told at once")
		})
	}
}
