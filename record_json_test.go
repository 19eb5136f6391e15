package actito

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type customer struct {
	ID         string      `actito:"customerID"`
	Email      string      `actito:"emailAddress,key"`
	FirstName  string      `actito:"firstName"`
	Birth      Opt[Date]   `actito:"birthDate"`
	Phone      Opt[string] `actito:"gsmNumber"`
	Points     int         `actito:"points"`
	VIP        bool        `actito:"vip"`
	Interests  []string    `actito:"interests"`
	LastVisit  DateTime    `actito:"lastVisit"`
	Newsletter Opt[bool]   `actito:"subscriptions#Newsletter"`
	Retarget   Opt[bool]   `actito:"subscriptions#Retargeting"`
	Active     Opt[bool]   `actito:"segmentations#NewsletterActivity"`
	Lapsed     Opt[bool]   `actito:"segmentations#Lapsed"`
	Created    DateTime    `actito:"creationMoment,readonly"`
}

var john = customer{
	Email:      "john@example.com",
	FirstName:  "John",
	Birth:      Set(NewDate(1980, time.February, 3)),
	Phone:      Null[string](),
	Points:     42,
	Interests:  []string{"wine", `"cheese"`},
	LastVisit:  DateTimeOf(time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)),
	Newsletter: Set(true),
	Retarget:   Set(false),
	Active:     Set(true),
	Lapsed:     Set(false),
	Created:    DateTimeOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)),
}

func TestBodiesHaveTheShapesOfTheWire(t *testing.T) {
	t.Parallel()
	c := mustCodec[customer](t, ProfileTableType)
	collected := &DataCollectionInfo{Date: DateTimeOf(time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)), Source: "webshop", Way: "api_push"}

	for name, body := range map[string]func() ([]byte, error){
		"profile_v4": func() ([]byte, error) { return c.appendProfileV4(nil, &john, profileExtra{}) },
		"profile_v4_collected": func() ([]byte, error) {
			return c.appendProfileV4(nil, &customer{Email: "john@example.com"}, profileExtra{DataCollection: collected})
		},
		"profile_v5": func() ([]byte, error) { return c.appendProfileV5(nil, &john, profileExtra{Key: true}) },
		"profile_v5_by_path": func() ([]byte, error) {
			return c.appendProfileV5(nil, &customer{Email: "john@example.com"}, profileExtra{DataCollection: &DataCollectionInfo{Way: "api_push"}})
		},
		"profile_of_map": func() ([]byte, error) {
			return mustCodec[map[string]any](t, ProfileTableType).appendProfileV4(nil, &map[string]any{
				"profileId": json.Number("7"), "emailAddress": "john@example.com", "gsmNumber": nil, "birthDate": NewDate(1980, 2, 3),
				"lastVisit": john.LastVisit, "points": Set(42), "interests": []any{"wine", json.Number("1e3"), true},
				"firstName": Opt[string]{}, "lastName": "", "subscriptions#Newsletter": false, "segmentations#Lapsed": Set(true),
			}, profileExtra{})
		},
		"record": func() ([]byte, error) {
			type order struct {
				ID     string   `actito:"orderId,key"`
				Amount float64  `actito:"amount"`
				At     DateTime `actito:"orderMoment"`
			}
			return mustCodec[order](t, CustomTableType).appendRecord(nil, &order{"A-1", 12.5, john.LastVisit})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := body()
			require.NoError(t, err)
			goldenJSON(t, "codec/"+name+".json", b)
		})
	}
}

func TestValuesAreWrittenInActitosTextForms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"an integer":                      {int64(math.MinInt64), "-9223372036854775808"},
		"an integer past int64":           {uint64(math.MaxUint64), "18446744073709551615"},
		"a large float without exponent":  {1e21, "1000000000000000000000"},
		"a small float without exponent":  {1e-7, "0.0000001"},
		"a float32 in its own precision":  {float32(0.1), "0.1"},
		"a number as it came":             {json.Number("12.50"), "12.50"},
		"a large number without exponent": {json.Number("-1.25e3"), "-1250"},
		"a number with a fraction left":   {json.Number("1.2345E+2"), "123.45"},
		"a small number without exponent": {json.Number("12.5e-4"), "0.00125"},
		"zero with an exponent":           {json.Number("0e5"), "0"},
		"a boolean":                       {true, "true"},
		"a date":                          {NewDate(24, 3, 5), `"0024-03-05"`},
		"an instant in winter":            {DateTimeOf(time.Date(2024, 1, 15, 23, 30, 0, 0, time.UTC)), `"2024-01-16 00:30:00"`},
		"an instant in summer":            {DateTimeOf(time.Date(2024, 7, 15, 12, 30, 0, 0, time.UTC)), `"2024-07-15 14:30:00"`},
		"a type with a text form":         {netip.MustParseAddr("10.0.0.1"), `"10.0.0.1"`},
		"a duration, which is an integer": {time.Second, "1000000000"},
		"text with quotes":                {"a\"\\\n\r\t\x01é\u2028<", `"a\"\\\n\r\t\u0001é` + "\u2028" + `<"`},
		"an empty text that is set":       {Set(""), `""`},
		"an empty list that is set":       {Set([]int{}), `[]`},
		"null":                            {Null[int](), `null`},
		"a list":                          {[]Date{NewDate(2024, 1, 2)}, `["2024-01-02"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := mustCodec[map[string]any](t, CustomTableType).appendRecord(nil, &map[string]any{"a": test.value})
			require.NoError(t, err)
			require.Equal(t, `{"properties":[{"name":"a","value":`+test.want+`}]}`, string(b))
		})
	}
}

func TestUnsetValuesAreNotSent(t *testing.T) {
	t.Parallel()
	type row struct {
		Text    string      `actito:"text"`
		Color   color       `actito:"color"`
		Day     Date        `actito:"day"`
		At      DateTime    `actito:"at"`
		IP      netip.Addr  `actito:"ip"`
		Number  json.Number `actito:"number"`
		List    []string    `actito:"list"`
		Pointer *int        `actito:"pointer"`
		Opt     Opt[int]    `actito:"opt"`
		News    Opt[bool]   `actito:"subscriptions#news"`
		Zero    int         `actito:"zero,omitzero"`
		False   bool        `actito:"false,omitzero"`
		Level   level       `actito:"level,omitzero"`
		Read    string      `actito:"read,readonly"`
		Always  int         `actito:"always"`
		Too     bool        `actito:"too"`
	}
	b, err := mustCodec[row](t, ProfileTableType).appendProfileV5(nil, &row{Read: "x", Level: -1, List: []string{}}, profileExtra{})
	require.NoError(t, err)
	require.JSONEq(t, `{"attributes":{"always":0,"too":false}}`, string(b))
}

// level is unknown, and then zero, when it is negative.
type level int

func (l level) IsZero() bool { return l < 0 }

func TestWhatCannotBeSentIsRefusedByName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		attribute string
		value     any
		rule      string
	}{
		"text that is not UTF-8":         {"a", "\xff", "text"},
		"text with a NUL":                {"a", Set("secret\x00"), "text"},
		"text in a list":                 {"a", []string{"fine", "\xff"}, "text"},
		"NaN":                            {"a", math.NaN(), "number"},
		"infinity":                       {"a", Set(float32(math.Inf(-1))), "number"},
		"a number that is none":          {"a", json.Number("secret"), "number"},
		"a number in quotes":             {"a", json.Number(`"1"`), "number"},
		"a number with white space":      {"a", json.Number(" 1"), "number"},
		"a number of absurd length":      {"a", json.Number("1e1000000000"), "number"},
		"a date that does not exist":     {"a", NewDate(2023, 2, 29), "impossible-date"},
		"an instant past the year 9999":  {"a", DateTimeOf(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), "impossible-date"},
		"a date that is set and empty":   {"a", Set(Date{}), "empty-value"},
		"an instant, set and empty":      {"a", Set(DateTime{}), "empty-value"},
		"a number that is set and empty": {"a", Set(json.Number("")), "empty-value"},
		"an empty date in a list":        {"a", []Date{{}}, "empty-value"},
		"a pointer in a map":             {"a", new(int), "type"},
		"time.Time in a map":             {"a", time.Now(), "type"},
		"a map in a map":                 {"a", map[string]any{}, "type"},
		"nil in a list":                  {"a", []any{nil}, "type"},
		"a list in a list":               {"a", []any{[]any{}}, "type"},
		"a map in a list":                {"a", []any{map[string]any{}}, "type"},
		"a null subscription":            {"subscriptions#a", nil, "null-consent"},
		"a null segmentation":            {"segmentations#a", Null[bool](), "null-consent"},
		"a subscription that is text":    {"subscriptions#a", "true", "type"},
		"an unknown prefix":              {"consents#a", true, "name"},
		"an empty name":                  {"", true, "name"},
		"a type that fails":              {"a", broken{}, "text-form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := map[string]any{test.attribute: test.value}
			c := mustCodec[map[string]any](t, ProfileTableType)
			for _, appendProfile := range []func([]byte, *map[string]any, profileExtra) ([]byte, error){c.appendProfileV4, c.appendProfileV5} {
				_, err := appendProfile(nil, &row, profileExtra{})
				requireRefused(t, err, test.attribute, test.rule)
				require.NotContains(t, err.Error(), "secret")
			}
		})
	}
}

// broken fails to write itself and tells a secret.
type broken struct{}

var errSecret = errors.New("secret")

func (broken) MarshalText() ([]byte, error) { return nil, errSecret }
func (broken) UnmarshalText([]byte) error   { return errSecret }

func TestTheErrorOfAUsersTypeIsKeptButNotShown(t *testing.T) {
	t.Parallel()
	type row struct {
		A broken `actito:"a"`
	}
	c := mustCodec[row](t, CustomTableType)
	_, err := c.appendRecord(nil, &row{})
	requireRefused(t, err, "a", "text-form")
	require.ErrorIs(t, err, errSecret)
	require.NotContains(t, err.Error(), "secret")

	_, err = c.decodeRecord([]byte(`{"properties":{"a":"x"}}`))
	require.ErrorIs(t, err, errSecret)
	require.NotContains(t, err.Error(), "secret")
	require.NotErrorIs(t, err, ErrInvalid, "nobody's input was refused")
}

func TestBadDataCollectionIsRefused(t *testing.T) {
	t.Parallel()
	c := mustCodec[customer](t, ProfileTableType)
	_, err := c.appendProfileV4(nil, &john, profileExtra{DataCollection: &DataCollectionInfo{Source: "\x00"}})
	requireRefused(t, err, "dataCollectionInformation.source", "text")
}

func TestV5NeedsTheKeyThatItIsAskedFor(t *testing.T) {
	t.Parallel()
	_, err := mustCodec[address](t, ProfileTableType).appendProfileV5(nil, &address{City: "Namur"}, profileExtra{Key: true})
	requireRefused(t, err, "", "no-key")
	_, err = mustCodec[customer](t, ProfileTableType).appendProfileV5(nil, &customer{FirstName: "John"}, profileExtra{Key: true})
	requireRefused(t, err, "emailAddress", "empty-key")
}

// TestBodiesSayWhatTheRowHolds reads bodies with encoding/json and nothing else of this package.
func TestBodiesSayWhatTheRowHolds(t *testing.T) {
	t.Parallel()
	c := mustCodec[map[string]any](t, ProfileTableType)
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.MapOf(
			rapid.StringMatching(`[a-zA-Z"é\\]{1,8}`),
			rapid.OneOf(
				rapid.Custom(drawElement).AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
				rapid.Custom(func(t *rapid.T) json.Number { return drawNumber(t) + "0" }).Filter(func(n json.Number) bool { return json.Valid([]byte(n)) }).AsAny(),
			),
		).Draw(t, "row")

		v5, err := c.appendProfileV5(nil, &row, profileExtra{})
		require.NoError(t, err)
		var flat struct{ Attributes map[string]any }
		unmarshalNumbers(t, v5, &flat)
		require.Equal(t, row, flat.Attributes)

		v4, err := c.appendProfileV4(nil, &row, profileExtra{})
		require.NoError(t, err)
		var listed struct {
			Attributes []struct {
				Name  string
				Value any
			}
		}
		unmarshalNumbers(t, v4, &listed)
		attributes := map[string]any{}
		for _, a := range listed.Attributes {
			attributes[a.Name] = a.Value
		}
		require.Equal(t, row, attributes)
	})
}

func unmarshalNumbers(t require.TestingT, b []byte, v any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	require.NoError(t, d.Decode(v))
}

func TestBodiesAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	profiles, records := mustCodec[wide](t, ProfileTableType), mustCodec[wideRecord](t, CustomTableType)
	rapid.Check(t, func(t *rapid.T) {
		row := drawWide(t)
		for _, appendProfile := range []func([]byte, *wide, profileExtra) ([]byte, error){profiles.appendProfileV4, profiles.appendProfileV5} {
			b, err := appendProfile(nil, &row, profileExtra{})
			require.NoError(t, err)
			require.True(t, json.Valid(b), "%s", b)
			got, err := profiles.decodeProfile(b)
			require.NoError(t, err)
			require.Equal(t, row, got)
		}
		record := wideRecord{row.ID, row.Int64, row.OText, row.OAt}
		b, err := records.appendRecord(nil, &record)
		require.NoError(t, err)
		got, err := records.decodeRecord(b)
		require.NoError(t, err)
		require.Equal(t, record, got)
	})
}

type wideRecord struct {
	ID   string        `actito:"id,key"`
	Long int64         `actito:"long"`
	Text Opt[string]   `actito:"text"`
	At   Opt[DateTime] `actito:"at"`
}

func TestProfilesReadAsMapsCanBeSentAgain(t *testing.T) {
	t.Parallel()
	structs, maps := mustCodec[wide](t, ProfileTableType), mustCodec[map[string]any](t, ProfileTableType)
	rapid.Check(t, func(t *rapid.T) {
		row := drawWide(t)
		first, err := structs.appendProfileV5(nil, &row, profileExtra{})
		require.NoError(t, err)
		m, err := maps.decodeProfile(first)
		require.NoError(t, err)
		second, err := maps.appendProfileV5(nil, &m, profileExtra{})
		require.NoError(t, err)
		require.JSONEq(t, string(first), string(second))
	})
}

func FuzzAppendJSONString(f *testing.F) {
	for _, s := range []string{"", `a"b\c`, "\x00\x1f\x7f", "é\u2028\U0001f600", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("refused before")
		}
		var got string
		require.NoError(t, json.Unmarshal(appendJSONString(nil, s), &got))
		require.Equal(t, s, got)
	})
}

func BenchmarkAppendProfileV4(b *testing.B) {
	c := mustCodec[customer](b, ProfileTableType)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = c.appendProfileV4(dst[:0], &john, profileExtra{})
	}
}
