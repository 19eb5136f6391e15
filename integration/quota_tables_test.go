package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/sqlquota"
)

// noon is when tests book that have a clock.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var atNoon = sqlquota.WithClock(func() time.Time { return noon })

// ask reserves one of twelve imports of table 1 of licence 4711 for ten minutes.
func ask(id string, at time.Time) actito.Reservation {
	from := at.Truncate(24 * time.Hour)
	return actito.Reservation{
		ID: "4711/" + id, Buckets: []actito.Bucket{{Name: "4711/1", Limit: 12}}, At: at, Lease: at.Add(10 * time.Minute),
		From: from, ResetAt: from.Add(24 * time.Hour),
	}
}

// onEach is a test of every kind of database, with tables in it.
func onEach(t *testing.T, test func(t *testing.T, a address)) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, migrated(t, newDatabase(t)))
		})
	}
}

// row reads the first column of the first row that a query returns. In the query, %s is the prefix of the tables.
func (a address) row(t testing.TB, query string, args ...any) (value string) {
	t.Helper()
	db, err := a.open()
	require.NoError(t, err)
	require.NoError(t, db.QueryRowContext(t.Context(), strings.ReplaceAll(query, "%s", a.prefix), args...).Scan(&value))
	return value
}

// state is everything in the tables.
func (a address) state(t testing.TB) string {
	t.Helper()
	return a.row(t, "SELECT count(*) || (SELECT coalesce(max(licence || format || ledger), '') FROM %sledgers) FROM %simports")
}

func TestEightMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			s := a.quota(t)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() { assert.NoError(t, s.Migrate(t.Context())) })
			}
			all.Wait()
			now := time.Now()
			require.NoError(t, s.Reserve(t.Context(), ask("a", now)))
			require.NoError(t, s.Migrate(t.Context()))
			u, err := s.Usage(t.Context(), "4711/1")
			require.NoError(t, err)
			assert.Equal(t, 1, u.Held, "nothing is lost")
		})
	}
}

func TestPrintedMigrationsMakeTheTables(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			statements, err := sqlquota.Migrations(a.dialect, sqlquota.WithPrefix(a.prefix))
			require.NoError(t, err)
			for range 2 {
				for _, statement := range statements {
					a.exec(t, statement)
				}
			}
			require.NoError(t, a.quota(t).Reserve(t.Context(), ask("a", time.Now())))
		})
	}
}

func TestSQLiteTablesMayBeInAnAttachedDatabase(t *testing.T) {
	t.Parallel()
	a := newSQLite(t, "")
	a.prefix = "main.crm_"
	require.NoError(t, migrated(t, a).quota(t).Reserve(t.Context(), ask("a", time.Now())))
	assert.Equal(t, "1", a.row(t, "SELECT count(*) FROM crm_imports"))
}

func TestTablesThatAreMissing(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			s := a.quota(t)
			for call, err := range map[string]error{
				"reserve": s.Reserve(t.Context(), ask("a", noon)),
				"begin":   s.Begin(t.Context(), "4711/a"),
				"usage":   usageError(t, s),
			} {
				require.ErrorContains(t, err, "sqlquota: "+call+": table "+a.prefix+`ledgers, licence "4711": `)
				require.ErrorContains(t, err, "Store.Migrate makes the tables, or run the statements of Migrations")
			}
			migrated(t, a)
			a.exec(t, "DROP TABLE %simports")
			err := s.Reserve(t.Context(), ask("a", time.Now()))
			require.ErrorContains(t, err, "sqlquota: reserve: table "+a.prefix+`imports, licence "4711": `)
			require.ErrorContains(t, err, "Store.Migrate makes the tables")
			u, err := s.Usage(t.Context(), "4711/1")
			require.NoError(t, err)
			assert.Equal(t, 0, u.Held, "nothing is booked without the journal")
		})
	}
}

func usageError(t testing.TB, s *sqlquota.Store) error {
	_, err := s.Usage(t.Context(), "4711/1")
	return err
}

func TestTablesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newDatabase(t)
			a.exec(t, "CREATE TABLE %sledgers (licence text PRIMARY KEY, amount integer)")
			a.exec(t, "INSERT INTO %sledgers VALUES ('4711', 5)")
			s := a.quota(t)
			err := s.Migrate(t.Context())
			require.ErrorContains(t, err, "sqlquota: migrate: tables "+a.prefix+"ledgers and "+a.prefix+"imports: ")
			require.ErrorContains(t, err, "format")
			require.ErrorContains(t, s.Reserve(t.Context(), ask("a", noon)), "format")
			assert.Equal(t, "5", a.row(t, "SELECT amount FROM %sledgers"))
		})
	}
}

func TestALedgerThatCannotBeReadIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ change, want string }{
		"of a newer version": {"format = 2", "a newer version of this package wrote it: its format is 2, and this version reads 1"},
		"empty":              {"ledger = ''", "the ledger is damaged"},
		"truncated":          {"ledger = substr(ledger, 1, 30)", "the ledger is damaged"},
		"garbage":            {"ledger = 'garbage'", "the ledger is damaged"},
		"in a state that nobody knows": {"ledger = replace(ledger, 'reserved', 'lent')",
			`the ledger is damaged: actito: decode the ledger: reservation 4711/a is in the unknown state "lent"`},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, a address) {
				s := a.quota(t, atNoon)
				require.NoError(t, s.Reserve(t.Context(), ask("a", noon)))
				a.exec(t, "UPDATE %sledgers SET "+tt.change)
				before := a.state(t)
				_, countErr := s.Count(t.Context(), ask("found", noon), "x")
				for call, err := range map[string]error{
					"reserve": s.Reserve(t.Context(), ask("b", noon)),
					"begin":   s.Begin(t.Context(), "4711/a"),
					"settle":  s.Settle(t.Context(), "4711/a", actito.Free()),
					"close":   s.Close(t.Context(), "4711/1", noon.Add(time.Hour)),
					"usage":   usageError(t, s),
					"count":   countErr,
				} {
					require.ErrorContains(t, err, "sqlquota: "+call+": table "+a.prefix+`ledgers, licence "4711": `+tt.want)
				}
				assert.Equal(t, before, a.state(t))

				other := ask("a", noon)
				other.ID, other.Buckets = "4712/a", []actito.Bucket{{Name: "4712/1", Limit: 12}}
				require.NoError(t, s.Reserve(t.Context(), other), "other licences go on")
			})
		})
	}
}

func TestClientsWithOtherLimitsAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		s := a.quota(t, atNoon)
		require.NoError(t, s.Reserve(t.Context(), ask("a", noon)))
		extended := ask("b", noon)
		extended.Buckets[0].Limit = 24
		before := a.state(t)
		require.ErrorContains(t, s.Reserve(t.Context(), extended), "sqlquota: reserve: table "+a.prefix+`ledgers, licence "4711": `+
			"1 imports of table 4711/1 are booked under a limit of 12, and this client has one of 24: clients that share a ledger need the same limits; see ChangeLimits")
		assert.Equal(t, before, a.state(t))
		require.NoError(t, a.quota(t, atNoon, sqlquota.ChangeLimits()).Reserve(t.Context(), extended))
		require.ErrorContains(t, s.Reserve(t.Context(), ask("c", noon)), "under a limit of 24, and this client has one of 12")
	})
}

func TestLicencesDoNotMeet(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		s := a.quota(t, atNoon)
		for _, licence := range []string{"4711", "4712", "ü.x"} {
			for i := range 13 {
				r := ask("", noon)
				r.ID, r.Buckets[0].Name = fmt.Sprint(licence, "/", i), licence+"/1"
				if err := s.Reserve(t.Context(), r); i < 12 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, actito.ErrQuotaExceeded)
				}
			}
		}
		assert.Equal(t, "3", a.row(t, "SELECT count(*) FROM %sledgers"))
	})
}

func TestADatabaseThatIsReadOnlyCanBeLookedInto(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		require.NoError(t, a.quota(t, atNoon).Reserve(t.Context(), ask("a", noon)))
		before := a.state(t)
		readOnly := a
		if a.dialect == sqlquota.Postgres {
			readOnly.dsn += "&default_transaction_read_only=on"
		} else {
			readOnly.dsn, _, _ = strings.Cut(a.dsn, "?")
			readOnly.dsn += "?mode=ro"
		}
		s := readOnly.quota(t, atNoon)
		u, err := s.Usage(t.Context(), "4711/1")
		require.NoError(t, err)
		assert.Equal(t, 1, u.Held)
		require.NoError(t, s.Migrate(t.Context()), "the tables are there")
		err = s.Reserve(t.Context(), ask("b", noon))
		require.ErrorContains(t, err, "sqlquota: reserve: table "+a.prefix+`ledgers, licence "4711": `)
		require.Regexp(t, "read-?only", err.Error())
		assert.Equal(t, before, a.state(t))
	})
}

func TestTheGrantsOfTheDocumentationAreEnough(t *testing.T) {
	t.Parallel()
	a := migrated(t, newPostgres(t))
	schema, _, _ := strings.Cut(a.prefix, ".")
	a.exec(t, "CREATE USER "+schema)
	a.exec(t, "GRANT USAGE ON SCHEMA "+schema+" TO "+schema)
	a.exec(t, "GRANT SELECT, INSERT, UPDATE ON %sledgers, %simports TO "+schema)
	a.exec(t, "GRANT DELETE ON %simports TO "+schema)
	program := a
	program.dsn = strings.Replace(a.dsn, "//postgres:", "//"+schema+":", 1)
	s := program.quota(t)
	require.NoError(t, s.Migrate(t.Context()))
	now := time.Now()
	require.NoError(t, s.Reserve(t.Context(), ask("a", now)))
	require.NoError(t, s.Begin(t.Context(), "4711/a"))
	require.NoError(t, s.Settle(t.Context(), "4711/a", actito.Used("x")))
	added, err := s.Count(t.Context(), ask("found-y", now), "y")
	require.NoError(t, err)
	require.True(t, added)
}
