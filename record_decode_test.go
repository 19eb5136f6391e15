package actito

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreReadInEveryFormOfTheWire(t *testing.T) {
	t.Parallel()
	type profile struct {
		ID         string      `actito:"profileId,key,readonly"`
		Email      string      `actito:"emailAddress"`
		Points     int         `actito:"points"`
		Phone      Opt[string] `actito:"gsmNumber"`
		Newsletter Opt[bool]   `actito:"subscriptions#Newsletter"`
		Retarget   Opt[bool]   `actito:"subscriptions#Retargeting"`
		Active     Opt[bool]   `actito:"segmentations#Active"`
		Lapsed     Opt[bool]   `actito:"segmentations#Lapsed"`
	}
	for name, test := range map[string]struct {
		body string
		want profile
	}{
		"v4 with what is documented": {
			`{"attributes":[{"name":"profileId","value":7},{"name":"emailAddress","value":"john@example.com"}],
			  "subscriptions":[{"id":2,"name":"Newsletter"}],"segmentations":[{"name":"Active","category":"Yes"}]}`,
			profile{ID: "7", Email: "john@example.com", Newsletter: Set(true), Active: Set(true)},
		},
		"v4 with flags and nested segmentations": {
			`{"attributes":[],"subscriptions":[{"name":"Newsletter","subscribe":false},{"name":"Retargeting","subscribe":"true"}],
			  "segmentations":[{"belongs":true,"segmentation":{"category":null,"name":"Active"}},{"belongs":false,"segmentation":{"name":"Lapsed"}}]}`,
			profile{Newsletter: Set(false), Retarget: Set(true), Active: Set(true), Lapsed: Set(false)},
		},
		"v4 with null, numbers as strings and strings as numbers": {
			`{"attributes":[{"name":"gsmNumber","value":null},{"name":"points","value":"42"},{"name":"emailAddress","value":12.50}]}`,
			profile{Phone: Null[string](), Points: 42, Email: "12.50"},
		},
		"v5": {
			`{"profileId":"7","key":{"emailAddress":"x"},"attributes":{"emailAddress":"john@example.com","points":3,"gsmNumber":null},
			  "subscriptions":{"Newsletter":true,"Retargeting":false},"segmentations":{"Active":true}}`,
			profile{ID: "7", Email: "john@example.com", Points: 3, Phone: Null[string](), Newsletter: Set(true), Retarget: Set(false), Active: Set(true)},
		},
		"unknown members everywhere": {
			`{"new":{"a":[1]},"attributes":[{"name":"unknown","value":{"deep":1},"unit":"x"},{"name":"points","value":1,"type":"INTEGER"}],
			  "subscriptions":[{"name":"Unknown","since":1}],"segmentations":[{"name":"Unknown"}]}`,
			profile{Points: 1},
		},
		"sections that are null":             {`{"attributes":null,"subscriptions":null}`, profile{}},
		"consents that are null":             {`{"subscriptions":[{"name":"Newsletter","subscribe":null}],"segmentations":{"Active":null}}`, profile{}},
		"the answer for segmentations alone": {`{"segmentation":[{"name":"Active"}]}`, profile{Active: Set(true)}},
		"the last of two values": {
			`{"attributes":[{"name":"points","value":1},{"name":"points","value":2}]}`, profile{Points: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mustCodec[profile](t, ProfileTableType).decodeProfile([]byte(test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestProfilesAreReadIntoMaps(t *testing.T) {
	t.Parallel()
	got, err := mustCodec[map[string]any](t, ProfileTableType).decodeProfile([]byte(
		`{"attributes":[{"name":"a","value":"x"},{"name":"b","value":9007199254740993},{"name":"c","value":null},{"name":"d"},
		  {"name":"e","value":["y",1,true]},{"name":"f","value":false}],
		  "subscriptions":[{"id":2,"name":"N"},{"name":"M","subscribe":"N"},{"name":"L","subscribe":null}],"segmentations":[{"name":"S","category":"C"}]}`))
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"a": "x", "b": json.Number("9007199254740993"), "c": nil, "d": nil, "e": []any{"y", json.Number("1"), true}, "f": false,
		"subscriptions#N": true, "subscriptions#M": false, "segmentations#S": true,
	}, got)
}

func TestRecordsAreRead(t *testing.T) {
	t.Parallel()
	type record struct {
		ID   int64 `actito:"id,key"`
		Sync bool  `actito:"synchronized"`
	}
	c := mustCodec[record](t, CustomTableType)
	got, err := c.decodeRecord([]byte(`{"businessKey":"26","properties":[{"name":"id","value":"26"},{"name":"synchronized","value":true}]}`))
	require.NoError(t, err)
	require.Equal(t, record{26, true}, got)

	list, err := c.decodeRecords([]byte(`{"records":[{"properties":[{"name":"id","value":1}]},{"properties":[{"name":"id","value":2}]}],"total":2}`))
	require.NoError(t, err)
	require.Equal(t, []record{{ID: 1}, {ID: 2}}, list)

	list, err = c.decodeRecords([]byte(`{"records":[]}`))
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestAnswersOfAnotherKindAreErrors(t *testing.T) {
	t.Parallel()
	c := mustCodec[address](t, ProfileTableType)
	for _, body := range []string{``, `null`, `{}`, `[]`, `"x"`, `<html></html>`, `{"attributes":[]} x`, `{"attributes":7}`, `{"attributes":["x"]}`} {
		_, err := c.decodeProfile([]byte(body))
		require.ErrorContains(t, err, "not a profile", body)
	}
	for _, body := range []string{``, `null`, `{}`, `[]`, `{"properties":7}`, `{"message":"no"}`} {
		_, err := c.decodeRecord([]byte(body))
		require.ErrorContains(t, err, "not a record", body)
	}
	for _, body := range []string{``, `null`, `{}`, `[]`, `{"records":7}`, `{"records":null}`} {
		_, err := c.decodeRecords([]byte(body))
		require.ErrorContains(t, err, "not a list of records", body)
	}
	_, err := c.decodeRecords([]byte(`{"records":[{}]}`))
	require.ErrorContains(t, err, "not a record")
}

func TestValuesAreReadInEveryTextForm(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"a string from a number":         reads("12.50", `12.50`),
		"a string from a boolean":        reads("true", `true`),
		"a named string":                 reads(color("red"), `"red"`),
		"a bool":                         reads(true, `true`, `"true"`, `"TRUE"`, `"True"`, `1`, `"1"`, `"Y"`),
		"false":                          reads(Set(false), `false`, `"false"`, `"FALSE"`, `0`, `"0"`, `"N"`),
		"an integer past float64":        reads(int64(9007199254740993), `9007199254740993`, `"9007199254740993"`, `9007199254740993.0`),
		"an integer in another notation": reads(1200, `1.2e3`, `"1200.00"`, `12000e-1`),
		"the largest integer":            reads(uint64(math.MaxUint64), `18446744073709551615`),
		"a float":                        reads(12.5, `12.5`, `"12.5"`, `125e-1`),
		"a number":                       reads(json.Number("12.50"), `12.50`, `"12.50"`),
		"a date":                         reads(NewDate(2024, 3, 15), `"2024-03-15"`),
		"an instant":                     reads(DateTimeOf(time.Date(2024, 3, 15, 13, 30, 0, 0, time.UTC)), `"2024-03-15 14:30:00"`, `"2024-03-15T13:30:00Z"`, `"2024-03-15T14:30:00.5+01:00"`),
		"a list":                         reads([]int{1, 2}, `[1,"2"]`),
		"a list from one value":          reads([]string{"a,b"}, `"a,b"`),
		"an empty list":                  reads([]string{}, `[]`),
		"an empty string":                reads(Set(""), `""`),
		"a pointer":                      reads(new("x"), `"x"`),
		"null into a plain field":        reads(0, `null`, `""`),
		"null into a pointer":            reads((*string)(nil), `null`),
		"null into an Opt":               reads(Null[int](), `null`, `""`),
		"null into a list":               reads([]string(nil), `null`, `""`),
		"an Opt of a list":               reads(Set([]Date{NewDate(2024, 3, 15)}), `["2024-03-15"]`),
	} {
		t.Run(name, test)
	}
}

type one[V any] struct {
	Value V `actito:"value"`
}

func reads[V any](want V, values ...string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		for _, value := range values {
			got, err := mustCodec[one[V]](t, CustomTableType).decodeRecord([]byte(`{"properties":[{"name":"value","value":` + value + `}]}`))
			require.NoError(t, err, value)
			require.Equal(t, want, got.Value, value)
		}
	}
}

func TestValuesThatDoNotFitAreErrorsThatDoNotShowThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"text into an integer":                refuses[int](`"secret"`, `true`, `[1]`, `{"a":1}`, `"1_000"`, `"0x10"`, `" 1"`),
		"an integer that is too large":        refuses[int8](`300`, `"300"`, `3e2`),
		"a fraction into an integer":          refuses[int](`1.5`, `"1.5"`, `15e-1`, `1e-1`),
		"a negative into an unsigned integer": refuses[uint](`-1`),
		"an absurd exponent":                  refuses[int](`1e999999999999`, `"1e401"`),
		"text into a float":                   refuses[float64](`"NaN"`, `"Inf"`, `"0x1p-2"`, `"secret"`, `"1_0"`),
		"a float that is too large":           refuses[float32](`1e39`),
		"text into a number":                  refuses[json.Number](`"secret"`, `true`),
		"text into a bool":                    refuses[bool](`"secret"`, `2`, `"yes"`),
		"text into a date":                    refuses[Opt[Date]](`"secret"`, `"2023-02-29"`, `"2024-03-15 00:00:00"`, `"0000-01-01"`),
		"text into an instant":                refuses[DateTime](`"secret"`, `"2024-03-15"`, `1710506400000`, `"0000-01-01 00:00:00"`),
		"an object into a string":             refuses[string](`{"secret":1}`),
		"a list into a string":                refuses[Opt[string]](`["secret"]`),
		"null within a list":                  refuses[[]string](`["secret",null]`),
		"text within a list of integers":      refuses[[]int](`[1,"secret"]`),
	} {
		t.Run(name, test)
	}
}

func refuses[V any](values ...string) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		for _, value := range values {
			got, err := mustCodec[one[V]](t, CustomTableType).decodeRecord([]byte(`{"properties":[{"name":"value","value":` + value + `}]}`))
			require.ErrorContains(t, err, `the value of "value" cannot be read into one`, value)
			require.ErrorContains(t, err, "].Value of type", value)
			require.NotContains(t, err.Error(), "secret")
			require.Zero(t, got)
		}
	}
}

func FuzzDecodeProfile(f *testing.F) {
	for _, body := range []string{
		`{"attributes":[{"name":"id","value":7},{"name":"oat","value":"2024-03-15 14:30:00"}],"subscriptions":[{"id":2,"name":"News é"}]}`,
		`{"attributes":{"float64":1e21,"texts":["a",null],"number":"1e5"},"segmentations":[{"belongs":false,"segmentation":{"name":"Active"}}]}`,
		`{"segmentation":{"Active":1}}`, `null`, `[]`,
	} {
		f.Add([]byte(body))
	}
	structs, maps := mustCodec[wide](f, ProfileTableType), mustCodec[map[string]any](f, ProfileTableType)
	f.Fuzz(func(t *testing.T, body []byte) {
		if row, err := structs.decodeProfile(body); err == nil {
			// What was read can be sent, unless a server sent what no client may.
			if b, err := structs.appendProfileV4(nil, &row, profileExtra{}); err == nil {
				again, err := structs.decodeProfile(b)
				require.NoError(t, err)
				b2, err := structs.appendProfileV4(nil, &again, profileExtra{})
				require.NoError(t, err)
				require.Equal(t, string(b), string(b2))
			}
		}
		_, _ = maps.decodeProfile(body)
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"properties":[{"name":"id","value":"x"},{"name":"long","value":12.0},{"name":"at","value":"2024-03-15T14:30:00Z"}]}`))
	f.Add([]byte(`{"properties":{"text":null}}`))
	c := mustCodec[wideRecord](f, CustomTableType)
	f.Fuzz(func(t *testing.T, body []byte) {
		row, err := c.decodeRecord(body)
		if err != nil {
			require.Zero(t, row)
			return
		}
		list, err := c.decodeRecords([]byte(`{"records":[` + string(body) + `]}`))
		require.NoError(t, err)
		require.Equal(t, []wideRecord{row}, list)
	})
}

func FuzzParseDateTime(f *testing.F) {
	for _, s := range []string{"2024-03-15 14:30:00", "2024-03-15T14:30:00+01:00", "0000-01-01 00:00:00", "2024-03-31 02:30:00", "9999-12-31T23:59:59-23:59"} {
		f.Add(s)
	}
	loc := brusselsTime(f)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDateTime(s, loc)
		if err != nil {
			require.True(t, d.IsZero())
			return
		}
		text, err := d.appendIn(nil, loc)
		if err != nil {
			return // the zone moved it out of the years that have a text form
		}
		again, err := parseDateTime(string(text), loc)
		require.NoError(t, err)
		// The hour that is repeated when summer time ends may come back as its twin.
		require.LessOrEqual(t, again.Time().Sub(d.Time()).Abs(), time.Hour)
	})
}
