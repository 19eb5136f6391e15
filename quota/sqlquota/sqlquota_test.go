package sqlquota

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

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

func TestNewTellsWhatIsWrongWithoutConnecting(t *testing.T) {
	t.Parallel()
	where := new(unreachable)
	db := sql.OpenDB(where)
	for name, tt := range map[string]struct {
		db      *sql.DB
		dialect Dialect
		opts    []Option
		want    string
	}{
		"no database":       {nil, Postgres, nil, "sqlquota: the database is nil: open it with sql.Open"},
		"no dialect":        {db, "", nil, `sqlquota: the dialect "" is unknown: use Postgres or SQLite`},
		"another dialect":   {db, "mysql", nil, `sqlquota: the dialect "mysql" is unknown: use Postgres or SQLite`},
		"no prefix":         {db, Postgres, []Option{nil, WithPrefix("")}, `sqlquota: WithPrefix: "" cannot begin the name of a table: use small letters`},
		"capitals":          {db, Postgres, []Option{WithPrefix("Crm_")}, `"Crm_" cannot begin`},
		"a statement":       {db, SQLite, []Option{WithPrefix("x; DROP TABLE y; --")}, `"x; DROP TABLE y; --" cannot begin`},
		"quotes":            {db, SQLite, []Option{WithPrefix(`"x`)}, `cannot begin the name of a table`},
		"a digit first":     {db, SQLite, []Option{WithPrefix("1_")}, `"1_" cannot begin`},
		"two dots":          {db, SQLite, []Option{WithPrefix("a.b.c_")}, `"a.b.c_" cannot begin`},
		"a schema only":     {db, SQLite, []Option{WithPrefix("crm.")}, `"crm." cannot begin`},
		"a prefix too long": {db, SQLite, []Option{WithPrefix(strings.Repeat("x", 47))}, `cannot begin the name of a table`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := New(tt.db, tt.dialect, tt.opts...)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, s)
			if tt.db != nil {
				_, err = Migrations(tt.dialect, tt.opts...)
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
	for _, prefix := range []string{"actito_", "x", "crm.actito_", "_1", strings.Repeat("x", 46)} {
		_, err := New(db, Postgres, WithPrefix(prefix))
		require.NoError(t, err, prefix)
	}
	assert.Zero(t, where.tries)
}

func TestADatabaseThatCannotBeReachedIsToldAtOnce(t *testing.T) {
	t.Parallel()
	where := new(unreachable)
	s, err := New(sql.OpenDB(where), Postgres)
	require.NoError(t, err)
	require.EqualError(t, s.Begin(t.Context(), "4711/a"), `sqlquota: begin: table actito_ledgers, licence "4711": connection refused`)
	_, err = s.Usage(t.Context(), "1")
	require.EqualError(t, err, `sqlquota: usage: table actito_ledgers, licence "": connection refused`)
	require.EqualError(t, s.Migrate(t.Context()), "sqlquota: migrate: tables actito_ledgers and actito_imports: connection refused")
	assert.Equal(t, 4, where.tries)
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
	s, err := New(sql.OpenDB(&interrupted{end: cancel}), SQLite)
	require.NoError(t, err)
	err = s.Begin(ctx, "4711/a")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "interrupted")
}
