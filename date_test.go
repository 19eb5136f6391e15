package actito_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
)

func ExampleDateOf() {
	tokyo := time.FixedZone("Tokyo", 9*60*60)
	birth := time.Date(1980, time.February, 3, 0, 30, 0, 0, tokyo) // still 2 February in Europe
	fmt.Println(actito.DateOf(birth))
	// Output: 1980-02-03
}

func ExampleDateTimeOf() {
	t := time.Date(2026, time.November, 23, 10, 15, 0, 999, time.FixedZone("CET", 60*60))
	fmt.Println(actito.DateTimeOf(t))
	// Output: 2026-11-23T09:15:00Z
}

func ExampleParseDate() {
	d, err := actito.ParseDate("2024-02-29")
	fmt.Println(d, err)
	_, err = actito.ParseDate("29/02/2024")
	fmt.Println(err)
	// Output:
	// 2024-02-29 <nil>
	// actito: not a date of the form yyyy-MM-dd between the years 1 and 9999
}

// date draws a date that exists.
func date(t *rapid.T) actito.Date {
	const days = 3652058 // from 0001-01-01 to 9999-12-31
	return actito.DateOf(time.Date(1, 1, 1+rapid.IntRange(0, days).Draw(t, "day"), 12, 0, 0, 0, time.UTC))
}

func TestZeroDatesAreUnset(t *testing.T) {
	t.Parallel()
	require.True(t, actito.DateOf(time.Time{}).IsZero())
	require.True(t, actito.DateTimeOf(time.Time{}).IsZero())
	require.Empty(t, actito.Date{}.String())
	require.Empty(t, actito.DateTime{}.String())
	require.True(t, actito.Date{}.Time(time.UTC).IsZero())
	require.Equal(t, time.Time{}, actito.DateTime{}.Time())
	require.False(t, actito.DateTimeOf(time.Unix(0, 0)).IsZero())

	b, err := json.Marshal([]any{actito.Date{}, actito.DateTime{}})
	require.NoError(t, err)
	require.JSONEq(t, `["",""]`, string(b))
	var d actito.Date
	var dt actito.DateTime
	require.NoError(t, json.Unmarshal(b, &[]any{&d, &dt}))
	require.True(t, d.IsZero())
	require.True(t, dt.IsZero())
}

func TestDateKeepsTheDayThatTheTimeShows(t *testing.T) {
	t.Parallel()
	for _, offset := range []int{-12, 0, 14} {
		zone := time.FixedZone("", offset*60*60)
		require.Equal(t, actito.NewDate(2024, time.March, 15), actito.DateOf(time.Date(2024, 3, 15, 0, 0, 0, 0, zone)))
		require.Equal(t, actito.NewDate(2024, time.March, 15), actito.DateOf(time.Date(2024, 3, 15, 23, 59, 59, 0, zone)))
		require.Equal(t, time.Date(2024, 3, 15, 0, 0, 0, 0, zone), actito.NewDate(2024, time.March, 15).Time(zone))
	}
}

func TestDatesThatDoNotExistAreNotWritten(t *testing.T) {
	t.Parallel()
	for _, d := range []actito.Date{
		actito.NewDate(2023, time.February, 29), actito.NewDate(2024, 13, 1), actito.NewDate(2024, time.April, 31),
		actito.NewDate(0, time.January, 1), actito.NewDate(10000, time.January, 1), actito.NewDate(-1, time.January, 1),
		actito.NewDate(2024, time.January, 0),
	} {
		_, err := d.MarshalText()
		require.ErrorIs(t, err, actito.ErrInvalid, d.String())
	}
}

func TestDateReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := date(t)
		out, err := actito.ParseDate(in.String())
		require.NoError(t, err)
		require.Equal(t, in, out)
		text, err := in.MarshalText()
		require.NoError(t, err)
		require.Equal(t, in.String(), string(text))
	})
}

func TestDateTimeKeepsTheSecond(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62135596799, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds"))
		in := actito.DateTimeOf(at)
		require.Equal(t, at.Truncate(time.Second).UTC(), in.Time())
		b, err := json.Marshal(in)
		require.NoError(t, err)
		var out actito.DateTime
		require.NoError(t, json.Unmarshal(b, &out))
		require.Equal(t, in, out)
	})
}

func TestDateTimeComparesInstants(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC)
	require.Equal(t, actito.DateTimeOf(at), actito.DateTimeOf(at.In(time.FixedZone("", 3600))))
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "2024-3-5", "2024-03-15 10:00:00", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := actito.ParseDate(s)
		if err != nil {
			require.True(t, d.IsZero())
			return
		}
		require.Equal(t, s, d.String())
	})
}
