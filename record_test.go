package actito

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// brusselsTime is the zone of the tests' date-times.
func brusselsTime(t require.TestingT) *time.Location {
	loc, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	return loc
}

func mustCodec[T any](t require.TestingT, table TableType) *codec[T] {
	c, err := newCodec[T](table, brusselsTime(t))
	require.NoError(t, err)
	return c
}

func requireRefused(t rapid.TB, err error, column, rule string) {
	t.Helper()
	var refused *ValidationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{column, rule}, []string{refused.Column, refused.Rule})
	require.ErrorIs(t, err, ErrInvalid)
}

type address struct {
	Street string `actito:"street"`
	City   string `actito:"city"`
}

type onlyMarshals string

// stamp has the methods of time.Time, and calendarDay a MarshalText of its own, beside the AppendText of time.Time.
type (
	stamp       struct{ time.Time }
	calendarDay struct{ time.Time }
)

func (d calendarDay) MarshalText() ([]byte, error) { return d.AppendFormat(nil, time.DateOnly), nil }

// These embed an Opt, and are none.
type (
	embedsPointer struct{ *Opt[string] }
	embedsOpt     struct{ Opt[string] }
)

func TestATypeOfOnesOwnIsWrittenAsItMarshals(t *testing.T) {
	t.Parallel()
	type row struct {
		ID  string      `actito:"id,key"`
		Day calendarDay `actito:"day"`
	}
	cols, err := mustCodec[row](t, ProfileTableType).columns(nil, true)
	require.NoError(t, err)
	line, _, err := cols.appendRow(nil, ',', UTF8, &row{"1", calendarDay{time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)}})
	require.NoError(t, err)
	require.Equal(t, "1,2026-11-27\n", string(line))
}

func (onlyMarshals) MarshalText() ([]byte, error) { return nil, nil }

func TestBadTagsNameTheFieldAndTheRemedy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		make func() error
		want []string
	}{
		"a name that is taken": {refused[struct {
			A string `actito:"x"`
			B string `actito:"x"`
		}], []string{".B", `"x" is taken by .A`}},
		"a name that an embedded struct took": {refused[struct {
			address
			Town string `actito:"city"`
		}], []string{".Town", `"city" is taken by .address.City`}},
		"a second key": {refused[struct {
			A string `actito:"a,key"`
			B string `actito:"b,key"`
		}], []string{".B", ".A is the key already"}},
		"a key that is an Opt": {refused[struct {
			A Opt[string] `actito:"a,key"`
		}], []string{".A", "use string or an integer"}},
		"a key that is a pointer": {refused[struct {
			A *string `actito:"a,key"`
		}], []string{".A", "use string or an integer"}},
		"a key that is a slice": {refused[struct {
			A []string `actito:"a,key"`
		}], []string{".A", "use string or an integer"}},
		"a key that is a float": {refused[struct {
			A float32 `actito:"a,key"`
		}], []string{".A", "use string or an integer"}},
		"a key that is a bool": {refused[struct {
			A bool `actito:"a,key"`
		}], []string{".A", "use string or an integer"}},
		"a key that is an instant": {refused[struct {
			A DateTime `actito:"a,key"`
		}], []string{".A", "use string or an integer"}},
		"a key that is a subscription": {refused[struct {
			A Opt[bool] `actito:"subscriptions#a,key"`
		}], []string{".A", "a key must be an attribute"}},
		"a type that embeds time.Time": {refused[struct {
			A stamp `actito:"a"`
		}], []string{".A", "embeds time.Time", "actito.Date", "actito.DateTime"}},
		"a type that embeds a pointer to an Opt": {refused[struct {
			A embedsPointer `actito:"a"`
		}], []string{".A", "use an Opt of plain values"}},
		"a type that embeds an Opt": {refused[struct {
			A embedsOpt `actito:"a"`
		}], []string{".A", "use an Opt of plain values"}},
		"an unknown option": {refused[struct {
			A string `actito:"a,omitempty"`
		}], []string{".A", `"omitempty"`, "omitzero"}},
		"an empty option": {refused[struct {
			A string `actito:"a,key,"`
		}], []string{".A", `unknown tag option ""`}},
		"an empty name": {refused[struct {
			A string `actito:",key"`
		}], []string{".A", "name is empty"}},
		"an empty subscription": {refused[struct {
			A Opt[bool] `actito:"subscriptions#"`
		}], []string{".A", "name is empty"}},
		"a name with white space": {refused[struct {
			A string `actito:"a "`
		}], []string{".A", "white space"}},
		"an unknown prefix": {refused[struct {
			A Opt[bool] `actito:"subscription#a"`
		}], []string{".A", "subscriptions#"}},
		"a subscription of a custom table": {func() error {
			_, err := newCodec[struct {
				A Opt[bool] `actito:"subscriptions#a"`
			}](CustomTableType, time.UTC)
			return err
		}, []string{".A", "only profile tables"}},
		"a subscription that is a plain bool": {refused[struct {
			A bool `actito:"subscriptions#a"`
		}], []string{".A", "actito.Opt[bool]"}},
		"a segmentation that is a pointer": {refused[struct {
			A *bool `actito:"segmentations#a"`
		}], []string{".A", "actito.Opt[bool]"}},
		"an unexported field": {refused[struct {
			a string `actito:"a"`
		}], []string{".a", "exported"}},
		"an embedded pointer": {refused[struct {
			*address
		}], []string{".address", "embed actito.address itself"}},
		"an attribute of the server that would be sent": {refused[struct {
			A DateTime `actito:"creationMoment"`
		}], []string{".A", "readonly"}},
		"time.Time": {refused[struct {
			A time.Time `actito:"a"`
		}], []string{".A", "actito.Date", "actito.DateTime"}},
		"a time.Time in an Opt": {refused[struct {
			A Opt[time.Time] `actito:"a"`
		}], []string{".A", "actito.DateTime"}},
		"times in a slice": {refused[struct {
			A []time.Time `actito:"a"`
		}], []string{".A", "actito.DateTime"}},
		"bytes": {refused[struct {
			A []byte `actito:"a"`
		}], []string{".A", "use string"}},
		"raw JSON": {refused[struct {
			A json.RawMessage `actito:"a"`
		}], []string{".A", "use string"}},
		"a nested struct": {refused[struct {
			A address `actito:"a"`
		}], []string{".A", "MarshalText"}},
		"a map": {refused[struct {
			A map[string]string `actito:"a"`
		}], []string{".A", "map[string]string"}},
		"a channel": {refused[struct {
			A chan int `actito:"a"`
		}], []string{".A", "chan int"}},
		"a function": {refused[struct {
			A func() `actito:"a"`
		}], []string{".A", "func()"}},
		"a complex number": {refused[struct {
			A complex128 `actito:"a"`
		}], []string{".A", "complex128"}},
		"an interface": {refused[struct {
			A any `actito:"a"`
		}], []string{".A", "an interface"}},
		"an interface with methods": {refused[struct {
			A error `actito:"a"`
		}], []string{".A", "type error"}},
		"a slice of interfaces": {refused[struct {
			A []any `actito:"a"`
		}], []string{".A", "interfaces"}},
		"a slice of slices": {refused[struct {
			A [][]string `actito:"a"`
		}], []string{".A", "[]string"}},
		"an array": {refused[struct {
			A [2]string `actito:"a"`
		}], []string{".A", "[2]string"}},
		"a pointer to a pointer": {refused[struct {
			A **string `actito:"a"`
		}], []string{".A", "*string"}},
		"an Opt of a pointer": {refused[struct {
			A Opt[*string] `actito:"a"`
		}], []string{".A", "*string"}},
		"an Opt of an Opt": {refused[struct {
			A Opt[Opt[string]] `actito:"a"`
		}], []string{".A", "another Opt"}},
		"a pointer to an Opt": {refused[struct {
			A *Opt[string] `actito:"a"`
		}], []string{".A", "an Opt of plain values"}},
		"a type that can only be written": {refused[struct {
			A onlyMarshals `actito:"a"`
		}], []string{".A", "UnmarshalText"}},
		"a struct without tags":    {refused[struct{ A string }], []string{"no field"}},
		"rows that are pointers":   {refused[*address], []string{"*actito.address", "use a struct"}},
		"rows that are other maps": {refused[map[string]string], []string{"map[string]string", "map[string]any"}},
		"rows that are no struct":  {refused[string], []string{"use a struct"}},
		"rows that are interfaces": {refused[any], []string{"use a struct"}},
		"embedded in two levels":   {refused[struct{ outer }], []string{".outer.inner.A", "time.Time"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.make()
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func refused[T any]() error {
	_, err := newCodec[T](ProfileTableType, time.UTC)
	return err
}

type (
	outer struct{ inner }
	inner struct {
		A time.Time `actito:"a"`
	}
)

func TestTagsChooseWhatTravels(t *testing.T) {
	t.Parallel()
	type skipped struct{ Secret string }
	c := mustCodec[struct {
		ID   int `actito:"id,key"`
		Note string
		address
		*skipped `actito:"-"`
		time.Location
		Skip  chan int   `actito:"-"`
		IP    netip.Addr `actito:"ip,omitzero"`
		Total *big.Int   `actito:"total"`
		Made  DateTime   `actito:"updateMoment,readonly"`
	}](t, ProfileTableType)
	cols, err := c.columns(nil, true)
	require.NoError(t, err)
	require.Equal(t, []string{"id", "street", "city", "ip", "total"}, cols.header())
}

func TestServerAttributesAreOrdinaryNamesInCustomTables(t *testing.T) {
	t.Parallel()
	mustCodec[struct {
		A string `actito:"profileId"`
	}](t, CustomTableType)
}

func TestKeyGivesTheTextOfTheKey(t *testing.T) {
	t.Parallel()
	t.Run("a string", func(t *testing.T) {
		t.Parallel()
		type row struct {
			ID string `actito:"customerID,key"`
		}
		name, text, ok, err := mustCodec[row](t, ProfileTableType).key(&row{"a/é+1"})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []string{"customerID", "a/é+1"}, []string{name, text})

		_, _, _, err = mustCodec[row](t, ProfileTableType).key(&row{})
		requireRefused(t, err, "customerID", "empty-key")
		_, _, _, err = mustCodec[row](t, ProfileTableType).key(&row{"a\x00"})
		requireRefused(t, err, "customerID", "text")
	})
	t.Run("a number", func(t *testing.T) {
		t.Parallel()
		type row struct {
			ID uint64 `actito:"id,key,omitzero"`
		}
		_, text, _, err := mustCodec[row](t, CustomTableType).key(&row{1<<64 - 1})
		require.NoError(t, err)
		require.Equal(t, "18446744073709551615", text)
		_, _, _, err = mustCodec[row](t, CustomTableType).key(&row{})
		requireRefused(t, err, "id", "empty-key")
	})
	t.Run("a type with a text form", func(t *testing.T) {
		t.Parallel()
		type row struct {
			IP netip.Addr `actito:"ip,key"`
		}
		_, text, _, err := mustCodec[row](t, CustomTableType).key(&row{netip.MustParseAddr("::1")})
		require.NoError(t, err)
		require.Equal(t, "::1", text)
	})
	t.Run("the profile id, which is never sent as an attribute", func(t *testing.T) {
		t.Parallel()
		type row struct {
			ID int `actito:"profileId,key,readonly"`
		}
		name, text, _, err := mustCodec[row](t, ProfileTableType).key(&row{7})
		require.NoError(t, err)
		require.Equal(t, []string{"profileId", "7"}, []string{name, text})
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		_, _, ok, err := mustCodec[address](t, ProfileTableType).key(&address{})
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func TestKeyedByGivesAKey(t *testing.T) {
	t.Parallel()
	t.Run("to a struct without one", func(t *testing.T) {
		t.Parallel()
		c := mustCodec[address](t, ProfileTableType)
		keyed, err := c.keyedBy("city")
		require.NoError(t, err)
		name, text, ok, err := keyed.key(&address{City: "Namur"})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []string{"city", "Namur"}, []string{name, text})

		_, _, ok, err = c.key(&address{City: "Namur"})
		require.NoError(t, err)
		require.False(t, ok, "the codec itself stays as it was")

		_, err = c.keyedBy("zip")
		require.ErrorContains(t, err, `"zip"`)
		_, err = keyed.keyedBy("street")
		require.ErrorContains(t, err, "address.City")
		_, err = keyed.keyedBy("city")
		require.NoError(t, err)
	})
	t.Run("but not a bad one", func(t *testing.T) {
		t.Parallel()
		_, err := mustCodec[struct {
			A Opt[string] `actito:"a"`
		}](t, ProfileTableType).keyedBy("a")
		require.ErrorContains(t, err, "use string or an integer")
	})
	t.Run("to maps", func(t *testing.T) {
		t.Parallel()
		c := mustCodec[map[string]any](t, ProfileTableType)
		keyed, err := c.keyedBy("id")
		require.NoError(t, err)
		for _, id := range []any{"12", 12, json.Number("12"), json.Number("1.2e1"), uint8(12)} {
			_, text, ok, err := keyed.key(&map[string]any{"id": id})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, "12", text)
		}
		for _, row := range []map[string]any{nil, {}, {"id": nil}, {"id": ""}, {"id": json.Number("")}} {
			_, _, _, err := keyed.key(&row)
			requireRefused(t, err, "id", "empty-key")
		}
		for _, id := range []any{1.5, true, Set("a"), []string{"a"}, struct{}{}, new(int)} {
			_, _, _, err := keyed.key(&map[string]any{"id": id})
			requireRefused(t, err, "id", "type")
		}
		_, err = c.keyedBy("subscriptions#a")
		require.ErrorContains(t, err, "a key must be an attribute")
		_, err = c.keyedBy("")
		require.ErrorContains(t, err, "empty")
	})
}
