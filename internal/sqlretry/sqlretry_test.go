package sqlretry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// coded is an error as drivers of PostgreSQL have it.
type coded string

func (c coded) Error() string    { return "an error with the code " + string(c) }
func (c coded) SQLState() string { return string(c) }

var errOurs = errors.New("ours")

func TestWhatPassesIsDoneAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{coded("40001"), true},
		{coded("40P01"), true},
		{coded("42P01"), false},
		{coded("55P03"), false},
		{errors.New("database is locked (5) (SQLITE_BUSY)"), true},
		{errors.New("sqlite3: database table is locked"), true},
		{errors.New("attempt to write a readonly database (8)"), false},
		{errOurs, true},
		{context.Canceled, false},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				err := Do(t.Context(), time.Second, func() error {
					if tries++; tries == 20 {
						return nil
					}
					return fmt.Errorf("wrapped: %w", tt.err)
				}, errOurs)
				if tt.want {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.err)
					assert.Equal(t, 1, tries)
				}
			})
		})
	}
}

func TestWhatWasInTheWayIsToldWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ then, want error }{
		"instead of what the driver says": {errors.New("interrupted"), coded("40001")},
		"but not if it went through":      {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			tries := 0
			err := Do(ctx, time.Second, func() error {
				if tries++; tries == 1 {
					return coded("40001")
				}
				cancel()
				return tt.then
			})
			require.Equal(t, 2, tries)
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
		})
	}
}

func TestErrorsAreExplained(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"a table":   {t.Context(), coded("42P01"), "an error with the code 42P01: Store.Migrate makes the tables, or run the statements of Migrations"},
		"a schema":  {t.Context(), coded("3F000"), "an error with the code 3F000: Store.Migrate makes the tables, or run the statements of Migrations"},
		"of SQLite": {t.Context(), errors.New("no such table: x"), "no such table: x: Store.Migrate makes the tables, or run the statements of Migrations"},
		"another":   {t.Context(), coded("40001"), "an error with the code 40001"},
		"the end":   {ended, errors.New("interrupted"), "context canceled: interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Explain(tt.ctx, tt.err, "Store.Migrate")
			require.EqualError(t, err, tt.want)
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.ctx.Err() != nil, errors.Is(err, context.Canceled))
		})
	}
}
