package feed

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unreachable is a database to which nobody can connect.
type unreachable struct{ tries int }

func (u *unreachable) Connect(context.Context) (driver.Conn, error) {
	u.tries++
	return nil, errors.New("connection refused")
}

func (u *unreachable) Driver() driver.Driver { return nil }

// calls are the errors of all methods of a store that have one.
func calls(ctx context.Context, s *SQLStore) map[string]error {
	errs := make(map[string]error)
	_, errs["read the lease"] = s.Lease(ctx)
	_, errs["take the lease"] = s.Take(ctx, Lease{}, "me")
	errs["release the lease"] = s.Release(ctx, 1)
	errs["apply"] = s.Apply(ctx, 1, Note{Remove: []int64{1}})
	_, errs["read events"] = s.Page(ctx, Page{Lanes: []string{"a"}, Limit: 1})
	_, errs["read events of keys"] = s.Events(ctx, []Key{"secret"}, 1)
	_, errs["read the states of keys"] = s.States(ctx, []Key{"secret"})
	_, errs["read what an import holds"] = s.Held(ctx, "i", Event{}, 1)
	_, errs["read imports"] = s.Imports(ctx)
	_, errs["count events"] = s.Backlog(ctx)
	_, errs["read parked events"] = s.Parked(ctx, 0, 1)
	_, errs["unpark"] = s.Unpark(ctx, 1)
	_, errs["discard"] = s.Discard(ctx, 1)
	errs["migrate"] = s.Migrate(ctx)
	return errs
}

func TestEachMethodTellsWhatIsWrongWithTheStore(t *testing.T) {
	t.Parallel()
	where := new(unreachable)
	db := sql.OpenDB(where)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for name, tt := range map[string]struct {
		db      *sql.DB
		dialect Dialect
		opts    []SQLOption
		want    string
	}{
		"no database":       {nil, Postgres, nil, "feed: the database is nil: open it with sql.Open"},
		"no dialect":        {db, "", nil, `feed: the dialect "" is unknown: use Postgres or SQLite`},
		"another dialect":   {db, "mysql", nil, `feed: the dialect "mysql" is unknown: use Postgres or SQLite`},
		"no prefix":         {db, Postgres, []SQLOption{nil, WithPrefix("")}, `feed: WithPrefix: "" cannot begin the name of a table: use small letters`},
		"capitals":          {db, Postgres, []SQLOption{WithPrefix("Crm_")}, `"Crm_" cannot begin`},
		"a statement":       {db, SQLite, []SQLOption{WithPrefix("x; DROP TABLE y; --")}, `"x; DROP TABLE y; --" cannot begin`},
		"two dots":          {db, SQLite, []SQLOption{WithPrefix("a.b.c_")}, `"a.b.c_" cannot begin`},
		"a schema only":     {db, SQLite, []SQLOption{WithPrefix("crm.")}, `"crm." cannot begin`},
		"a prefix too long": {db, SQLite, []SQLOption{WithPrefix(strings.Repeat("x", 47))}, `cannot begin the name of a table`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := SQL(tt.db, tt.dialect, tt.opts...)
			require.ErrorContains(t, s.check(), tt.want)
			for call, err := range calls(t.Context(), s) {
				require.ErrorContains(t, err, tt.want, call)
			}
			if tt.db == nil {
				return
			}
			_, err := Migrations(tt.dialect, tt.opts...)
			require.ErrorContains(t, err, tt.want)
			for _, statement := range append(s.Erase(Event{}), s.Append(Event{})) {
				require.True(t, strings.HasPrefix(statement.Query, "feed: "), "what is no SQL fails in any database")
			}
		})
	}
	for _, prefix := range []string{"actito_", "x", "crm.actito_", "_1", strings.Repeat("x", 46)} {
		require.NoError(t, SQL(db, Postgres, WithPrefix(prefix)).check(), prefix)
	}
	assert.Zero(t, where.tries)
}

func TestADatabaseThatCannotBeReachedIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for _, dialect := range []Dialect{Postgres, SQLite} {
		db := sql.OpenDB(new(unreachable))
		for call, err := range calls(t.Context(), SQL(db, dialect)) {
			require.EqualError(t, err, "feed: "+call+": tables actito_feed_…: connection refused")
		}
		require.NoError(t, db.Close())
	}
}

// interrupted is a database whose driver does not say that the context ended.
type interrupted struct {
	unreachable
	end context.CancelFunc
}

func (i *interrupted) Connect(context.Context) (driver.Conn, error) {
	i.end()
	return nil, errors.New("interrupted")
}

func TestAContextThatEndedIsToldWhateverTheDriverSays(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	db := sql.OpenDB(&interrupted{end: cancel})
	_, err := SQL(db, SQLite).Lease(ctx)
	require.NoError(t, db.Close())
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "interrupted")
}

// Some drivers of SQLite give the first argument to the placeholder that comes first, whatever its number is.
func TestPlaceholdersComeInTheirOrder(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\$([0-9])`)
	for _, dialect := range []Dialect{Postgres, SQLite} {
		texts := reflect.ValueOf(SQL(nil, dialect).sqlStatements)
		require.NotZero(t, texts.NumField())
		for i := range texts.NumField() {
			query := texts.Field(i).String()
			require.NotEmpty(t, query, texts.Type().Field(i).Name)
			last := 0
			for _, found := range placeholder.FindAllStringSubmatch(query, -1) {
				n, err := strconv.Atoi(found[1])
				require.NoError(t, err)
				require.LessOrEqual(t, n, last+1, query)
				last = max(last, n)
			}
		}
	}
}

func TestTimesAreReadAsDriversGiveThem(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 23, 12, 0, 0, 1000, time.UTC)
	require.Equal(t, "2026-11-23 12:00:00.000001Z", timeText(want.In(time.FixedZone("", 3600))))
	for _, given := range []any{want.In(time.FixedZone("", 3600)), timeText(want), []byte(timeText(want))} {
		var got instant
		require.NoError(t, got.Scan(given))
		require.Equal(t, want, got.Time)
	}
	got := instant{want}
	require.NoError(t, got.Scan(nil))
	require.True(t, got.IsZero())
	require.EqualError(t, got.Scan(7), "a int is no time")
	require.Error(t, got.Scan("yesterday"))
}

// The statements for a tool that runs migrations.
func ExampleMigrations() {
	statements, err := Migrations(Postgres, WithPrefix("crm.feed_"))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range statements {
		fmt.Println(s + ";")
	}
	// Output:
	// CREATE TABLE IF NOT EXISTS crm.feed_events (
	// 	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	// 	lane text COLLATE "C" NOT NULL,
	// 	row_key text COLLATE "C" NOT NULL,
	// 	is_delete boolean NOT NULL,
	// 	urgent boolean NOT NULL,
	// 	at_once boolean NOT NULL,
	// 	columns bigint NOT NULL,
	// 	parents text,
	// 	payload bytea,
	// 	pushed_at timestamptz NOT NULL,
	// 	import text COLLATE "C",
	// 	sent boolean NOT NULL DEFAULT false,
	// 	parked_code text,
	// 	parked_column text,
	// 	parked_reason text,
	// 	parked_at timestamptz
	// ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
	// CREATE INDEX IF NOT EXISTS feed_events_pending ON crm.feed_events (lane, urgent, id) WHERE import IS NULL AND parked_code IS NULL AND NOT sent;
	// CREATE INDEX IF NOT EXISTS feed_events_keys ON crm.feed_events (row_key, id);
	// CREATE INDEX IF NOT EXISTS feed_events_held ON crm.feed_events (import, row_key, id) WHERE import IS NOT NULL;
	// CREATE INDEX IF NOT EXISTS feed_events_aside ON crm.feed_events (id) WHERE (sent OR parked_code IS NOT NULL);
	// CREATE TABLE IF NOT EXISTS crm.feed_lease (
	// 	one integer PRIMARY KEY CHECK (one = 1),
	// 	fence bigint NOT NULL,
	// 	beat bigint NOT NULL,
	// 	holder text NOT NULL
	// );
	// INSERT INTO crm.feed_lease (one, fence, beat, holder) VALUES (1, 0, 0, '') ON CONFLICT (one) DO NOTHING;
	// CREATE TABLE IF NOT EXISTS crm.feed_imports (
	// 	id text COLLATE "C" PRIMARY KEY,
	// 	lane text COLLATE "C" NOT NULL,
	// 	handle bytea,
	// 	started_at timestamptz NOT NULL
	// );
}
