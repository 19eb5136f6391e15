package actito_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestAPatternIsResolvedInTheServicesZone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pattern, at, want string
	}{
		"the documented one":                  {"customers_$yyyyMMdd.csv", "2026-11-23T11:00:00Z", "customers_20261123.csv"},
		"with dashes":                         {"c_$yyyy-MM-dd.csv", "2026-11-23T11:00:00Z", "c_2026-11-23.csv"},
		"with the time":                       {"c_$yyyyMMdd_HHmmss.csv", "2026-11-23T11:04:05Z", "c_20261123_120405.csv"},
		"two of them":                         {"$yy$MM.customers", "2026-11-03T11:00:00Z", "2611.customers"},
		"a short year in another order":       {"$ddMMyy", "2026-11-23T11:00:00Z", "231126"},
		"none":                                {"customers.csv", "2026-11-23T11:00:00Z", "customers.csv"},
		"dollars":                             {"a$.$1$", "2026-11-23T11:00:00Z", "a$.$1$"},
		"a dollar before it":                  {"$$yyyy", "2026-11-23T11:00:00Z", "$2026"},
		"separators that are none of it":      {"$yyyy-_.csv", "2026-11-23T11:00:00Z", "2026-_.csv"},
		"a word after an underscore":          {"$yyyyMMdd_orders.csv", "2026-11-23T11:00:00Z", "20261123_orders.csv"},
		"another character that is a letter":  {"$yyyyé.csv", "2026-11-23T11:00:00Z", "2026é.csv"},
		"another day than in UTC":             {"$yyyyMMdd", "2026-11-23T23:30:00Z", "20261124"},
		"the last second of the day":          {"$yyyyMMddHHmmss", "2026-11-23T22:59:59Z", "20261123235959"},
		"midnight":                            {"$yyyyMMddHHmmss", "2026-11-23T23:00:00Z", "20261124000000"},
		"another year than in UTC":            {"$yyyyMMdd", "2026-12-31T23:00:00Z", "20270101"},
		"before clocks are put forward":       {"$yyyyMMddHHmm", "2026-03-29T00:59:00Z", "202603290159"},
		"after clocks are put forward":        {"$yyyyMMddHHmm", "2026-03-29T01:00:00Z", "202603290300"},
		"in summer, another day than in UTC":  {"$yyyyMMdd", "2026-07-01T22:00:00Z", "20260702"},
		"the hour that comes twice":           {"$yyyyMMddHHmm", "2026-10-25T00:30:00Z", "202610250230"},
		"the hour that comes twice, later":    {"$yyyyMMddHHmm", "2026-10-25T01:30:00Z", "202610250230"},
		"the end of the day of 25 hours":      {"$yyyyMMdd", "2026-10-25T22:59:59Z", "20261025"},
		"an instant that another zone writes": {"$yyyyMMdd", "2026-11-23T20:00:00-05:00", "20261124"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			at, err := time.Parse(time.RFC3339, tt.at)
			require.NoError(t, err)
			got, err := b.client.ETLs.FileName(tt.pattern, at)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAPatternIsResolvedInTheClientsZone(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithTimeZone("America/New_York"))
	got, err := b.client.ETLs.FileName("$yyyyMMdd", time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, "20261123", got)
}

func TestUnknownLettersOfAPlaceholderAreRefused(t *testing.T) {
	t.Parallel()
	for pattern, letters := range map[string]string{
		"c_$yyyyMMDD.csv":       "DD",
		"c_$YYYY.csv":           "YYYY",
		"c_$date.csv":           "date",
		"c_$yyyyMMddorders.csv": "orders",
		"c_$yyyyMMdd_ddl.csv":   "l",
		"c_$yyyyy.csv":          "y",
		"$yyyy.$x":              "x",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			_, err := b.client.ETLs.FileName(pattern, time.Now())
			requireRefused(t, refusal{file: pattern, rule: "placeholder"}, err)
			require.ErrorContains(t, err, fmt.Sprintf("unknown letters %q", letters))
			_, err = b.client.ETLs.Create(t.Context(), once(b.customers.InputFile(pattern, named)))
			requireRefused(t, refusal{file: pattern, rule: "placeholder"}, err)
			_, err = b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("c.csv", named)), actito.Remote("1", pattern))
			requireRefused(t, refusal{file: pattern, rule: "placeholder"}, err)
			d := once(b.customers.InputFile("c.csv", named))
			d.ErrorFilePattern = pattern
			_, err = b.client.ETLs.Create(t.Context(), d)
			requireRefused(t, refusal{file: pattern, rule: "placeholder"}, err)
			require.Empty(t, b.Requests(actitotest.OpETLCreate))
			b.untouched(t)
		})
	}
}

func TestANameCloseToMidnightIsWarnedOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pattern, at string
		warns       bool
	}{
		"at noon":                           {"$yyyyMMdd", "2026-11-23T12:00:00+01:00", false},
		"five minutes before":               {"$yyyyMMdd", "2026-11-23T23:55:00+01:00", true},
		"more than five minutes before":     {"$yyyyMMdd", "2026-11-23T23:54:59+01:00", false},
		"a moment before":                   {"$yyyyMMdd", "2026-11-23T23:59:59+01:00", true},
		"midnight itself":                   {"$yyyyMMdd", "2026-11-24T00:00:00+01:00", true},
		"almost five minutes after":         {"$yyyyMMdd", "2026-11-24T00:04:59+01:00", true},
		"five minutes after":                {"$yyyyMMdd", "2026-11-24T00:05:00+01:00", false},
		"midnight of another zone":          {"$yyyyMMdd", "2026-11-23T00:00:00Z", false},
		"midnight, without placeholder":     {"a.csv", "2026-11-24T00:00:00+01:00", false},
		"where clocks are put forward":      {"$yyyyMMdd", "2026-03-29T03:00:00+02:00", false},
		"midnight of the day of 23 hours":   {"$yyyyMMdd", "2026-03-29T23:58:00+02:00", true},
		"the last minutes of the year":      {"$yyyyMMdd", "2026-12-31T23:58:00+01:00", true},
		"the first minutes of the new year": {"$yyyyMMdd", "2027-01-01T00:02:00+01:00", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			b := newBulk(t, inMemory(t), actito.WithLogger(newLogger(&log)))
			at, err := time.Parse(time.RFC3339, tt.at)
			require.NoError(t, err)
			_, err = b.client.ETLs.FileName(tt.pattern, at)
			require.NoError(t, err)
			require.Equal(t, tt.warns, strings.Contains(log.String(), `"level":"WARN"`), log.String())
		})
	}
}

func TestANameThatAPatternStandsForFitsIt(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	piece := rapid.SampledFrom([]string{"$yyyyMMdd", "$yy", "$yyyy-MM-dd_HHmmss", "$dd_MM", ".csv", "_", "-", "$", "1", "é", "(", "\\d"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "pieces"), "")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		name, err := b.client.ETLs.FileName(pattern, at)
		require.NoError(t, err)
		f := actito.InputFile{FileNamePattern: pattern}
		require.True(t, actito.Fits(f, name), "%q of %q", name, pattern)
		require.False(t, actito.Fits(f, name+"x"))
		require.False(t, actito.Fits(f, "x"+name))
	})
}

func TestAStoredPatternThatCannotBeReadIsComparedAsFarAsItCan(t *testing.T) {
	t.Parallel()
	f := actito.InputFile{FileNamePattern: "c_$yyyy$week.csv"}
	require.True(t, actito.Fits(f, "c_202648.csv"))
	require.False(t, actito.Fits(f, "d_202648.csv"))
	require.False(t, actito.Fits(f, "c_20x648.csv"))
}
