package actito_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

// ownKinds are the kinds of these tests: SHOUT changes every text, NONE has none for the word NULL, and DIGITS refuses
// what is no number.
func ownKinds() transform.Option {
	kind := func(name string, change func(string) (string, error)) transform.Custom {
		return transform.Custom{Name: name, New: func(json.RawMessage) (func(string) (string, error), error) { return change, nil }}
	}
	return transform.WithKinds(
		kind("SHOUT", func(s string) (string, error) { return strings.ToUpper(s), nil }),
		kind("NONE", func(s string) (string, error) { return strings.TrimPrefix(s, "NULL"), nil }),
		kind("DIGITS", func(s string) (string, error) {
			if strings.Trim(s, "0123456789") != "" {
				return "", errors.New("no number: " + s)
			}
			return s, nil
		}))
}

func on(kind string, columns ...string) transform.List {
	k, err := transform.NewKind(kind, nil)
	if err != nil {
		panic(err)
	}
	return k.On(columns...)
}

func specOf(t testing.TB, lists ...transform.List) *transform.Specification {
	t.Helper()
	opts := []transform.Option{ownKinds()}
	for _, l := range lists {
		opts = append(opts, l)
	}
	spec, err := transform.New(opts...)
	require.NoError(t, err)
	return spec
}

type word string

type part struct {
	City string `actito:"city"`
}

type texts struct {
	Key     string                  `actito:"key,key"`
	Word    word                    `actito:"word,omitzero"`
	Opt     actito.Opt[string]      `actito:"opt"`
	OptWord actito.Opt[word]        `actito:"optWord"`
	Pointer *string                 `actito:"pointer"`
	Named   *word                   `actito:"named"`
	Int     int                     `actito:"int"`
	Day     actito.Date             `actito:"day"`
	List    []string                `actito:"list"`
	Letter  actito.Opt[bool]        `actito:"subscriptions#Letter"`
	Read    string                  `actito:"read,readonly"`
	Number  json.Number             `actito:"number"`
	Home    *string                 // not sent
	OptDay  actito.Opt[actito.Date] `actito:"optDay"`
	part
}

func TestARowIsTransformed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec      []transform.List
		row, want texts
	}{
		"a text changes":                {[]transform.List{on("SHOUT", "key", "word", "city")}, texts{Key: "a", Word: "b", part: part{"c"}}, texts{Key: "A", Word: "B", part: part{"C"}}},
		"unset stays unset":             {[]transform.List{on("SHOUT", "key", "opt", "optWord", "pointer", "named")}, texts{}, texts{}},
		"null stays null":               {[]transform.List{on("SHOUT", "opt"), transform.Fallback("x").On("opt")}, texts{Opt: actito.Null[string]()}, texts{Opt: actito.Null[string]()}},
		"what is set and empty stays":   {[]transform.List{on("SHOUT", "opt", "pointer")}, texts{Opt: actito.Set(""), Pointer: new("")}, texts{Opt: actito.Set(""), Pointer: new("")}},
		"an Opt changes":                {[]transform.List{on("SHOUT", "opt", "optWord")}, texts{Opt: actito.Set("a"), OptWord: actito.Set(word("b"))}, texts{Opt: actito.Set("A"), OptWord: actito.Set(word("B"))}},
		"a pointer changes":             {[]transform.List{on("SHOUT", "pointer", "named")}, texts{Pointer: new("a"), Named: new(word("b"))}, texts{Pointer: new("A"), Named: new(word("B"))}},
		"what becomes empty is unset":   {[]transform.List{on("NONE", "key", "opt", "pointer")}, texts{Key: "NULL", Opt: actito.Set("NULL"), Pointer: new("NULL")}, texts{}},
		"what is unset gets a text":     {[]transform.List{transform.Fallback("x").On("key", "opt", "pointer", "named")}, texts{}, texts{Key: "x", Opt: actito.Set("x"), Pointer: new("x"), Named: new(word("x"))}},
		"null gets a constant":          {[]transform.List{transform.Constant("x").On("opt")}, texts{Opt: actito.Null[string]()}, texts{Opt: actito.Set("x")}},
		"a readonly field is read":      {[]transform.List{transform.Concatenate("-", "read", "city").On("key")}, texts{Read: "r", part: part{"c"}}, texts{Key: "r-c", Read: "r", part: part{"c"}}},
		"a text is split":               {[]transform.List{transform.Split(" ", "word", "opt").On("key")}, texts{Key: "a b c"}, texts{Key: "a b c", Word: "a", Opt: actito.Set("b c")}},
		"parts that are missing unset":  {[]transform.List{transform.Split(" ", "word", "opt", "pointer").On("key")}, texts{Key: "a", Opt: actito.Set("x"), Pointer: new("x")}, texts{Key: "a", Word: "a"}},
		"each acts on what was left":    {[]transform.List{transform.Constant("a").On("word"), on("SHOUT", "word")}, texts{}, texts{Word: "A"}},
		"other fields stay as they are": {nil, texts{Int: 1, List: []string{"a"}, Number: "1e1", Home: new("h")}, texts{Int: 1, List: []string{"a"}, Number: "1e1", Home: new("h")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, err := actito.NewTransformer[texts](specOf(t, tt.spec...))
			require.NoError(t, err)
			for range 2 { // also a place that held a row before
				got, err := tr.Apply(tt.row)
				require.NoError(t, err)
				require.Equal(t, tt.want, got)
			}
		})
	}
}

func TestARowThatIsTransformedIsNotTheCallers(t *testing.T) {
	t.Parallel()
	tr, err := actito.NewTransformer[texts](specOf(t, on("SHOUT", "pointer")))
	require.NoError(t, err)
	mine := "a"
	got, err := tr.Apply(texts{Pointer: &mine})
	require.NoError(t, err)
	require.Equal(t, "a", mine)
	require.Equal(t, "A", *got.Pointer)

	maps, err := actito.NewTransformer[map[string]any](specOf(t, on("SHOUT", "a")))
	require.NoError(t, err)
	row := map[string]any{"a": "x"}
	changed, err := maps.Apply(row)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": "x"}, row)
	require.Equal(t, map[string]any{"a": "X"}, changed)
}

func TestAMapIsTransformed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec      []transform.List
		row, want map[string]any
	}{
		"a text changes":                 {[]transform.List{on("SHOUT", "a", "b")}, map[string]any{"a": "x", "b": actito.Set("y"), "c": 1}, map[string]any{"a": "X", "b": "Y", "c": 1}},
		"what does not change stays":     {[]transform.List{on("SHOUT", "a", "b")}, map[string]any{"a": "X", "b": actito.Set(""), "c": "c"}, map[string]any{"a": "X", "b": actito.Set(""), "c": "c"}},
		"null stays null":                {[]transform.List{on("SHOUT", "a", "b")}, map[string]any{"a": nil, "b": actito.Null[string]()}, map[string]any{"a": nil, "b": actito.Null[string]()}},
		"what becomes empty is removed":  {[]transform.List{on("NONE", "a")}, map[string]any{"a": "NULL"}, map[string]any{}},
		"a target is added":              {[]transform.List{transform.Concatenate("-", "a", "b").On("ab"), transform.Constant("x").On("c")}, map[string]any{"a": "1", "b": "2"}, map[string]any{"a": "1", "b": "2", "ab": "1-2", "c": "x"}},
		"what is dropped is removed":     {[]transform.List{transform.Drop().On("a")}, map[string]any{"a": 1, "b": 2}, map[string]any{"b": 2}},
		"a nil map can get values":       {[]transform.List{transform.Constant("x").On("c")}, nil, map[string]any{"c": "x"}},
		"a missing source stays missing": {[]transform.List{on("SHOUT", "a")}, map[string]any{"b": 1}, map[string]any{"b": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, err := actito.NewTransformer[map[string]any](specOf(t, tt.spec...))
			require.NoError(t, err)
			got, err := tr.Apply(tt.row)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestWhatCannotBeTransformedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		list         transform.List
		column, says string
	}{
		"a column without field":  {on("SHOUT", "nothing"), "nothing", "no field of actito_test.texts"},
		"a target without field":  {transform.Concatenate("", "key", "word").On("both"), "both", "no field of actito_test.texts"},
		"a source without field":  {transform.Concatenate("", "key", "wrod").On("key"), "wrod", "no field of actito_test.texts"},
		"an int":                  {on("SHOUT", "int"), "int", "texts.Int holds no text"},
		"a date":                  {on("SHOUT", "day"), "day", "texts.Day holds no text"},
		"an Opt of a date":        {on("SHOUT", "optDay"), "optDay", "texts.OptDay holds no text"},
		"a list":                  {on("SHOUT", "list"), "list", "texts.List holds no text"},
		"a number of JSON":        {on("SHOUT", "number"), "number", "texts.Number holds no text"},
		"a consent":               {on("SHOUT", "subscriptions#Letter"), "subscriptions#Letter", "texts.Letter holds no text"},
		"a source that is a date": {transform.Concatenate("", "key", "day").On("key"), "day", "texts.Day holds no text"},
		"a field that is read":    {on("SHOUT", "read"), "read", "texts.Read is readonly"},
		"a part into such a one":  {transform.Split(" ", "word", "read").On("key"), "read", "texts.Read is readonly"},
		"a field that is dropped": {transform.Drop().On("word"), "word", "cannot lose the field texts.Word"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := actito.NewTransformer[texts](specOf(t, tt.list))
			requireRefused(t, refusal{column: tt.column, rule: "transform"}, err)
			require.ErrorContains(t, err, tt.says)
		})
	}
	_, err := actito.NewTransformer[texts](nil)
	require.ErrorIs(t, err, actito.ErrInvalid)
	_, err = actito.NewTransformer[map[string]any](specOf(t, on("SHOUT", "subscriptions#Letter")))
	requireRefused(t, refusal{column: "subscriptions#Letter", rule: "transform"}, err)
	_, err = actito.NewTransformer[int](specOf(t))
	require.ErrorContains(t, err, "use a struct with actito tags")
}

func TestAValueThatIsRefusedIsNotShownAndLeavesTheRow(t *testing.T) {
	t.Parallel()
	tr, err := actito.NewTransformer[texts](specOf(t, on("SHOUT", "key"), on("DIGITS", "word")))
	require.NoError(t, err)
	row := texts{Key: "a", Word: "secret"}
	got, err := tr.Apply(row)
	requireRefused(t, refusal{column: "word", rule: "transform"}, err)
	require.Equal(t, row, got)
	require.NotContains(t, err.Error(), "secret")
	require.ErrorContains(t, err, "DIGITS")
	var cause *transform.Error
	require.ErrorAs(t, err, &cause)
	require.Equal(t, 2, cause.Number)

	maps, err := actito.NewTransformer[map[string]any](specOf(t, on("SHOUT", "a")))
	require.NoError(t, err)
	_, err = maps.Apply(map[string]any{"a": 17})
	requireRefused(t, refusal{column: "a", rule: "transform"}, err)
	require.ErrorContains(t, err, "int")
	require.NotContains(t, err.Error(), "17")
}

func TestExplainSaysWhatChanges(t *testing.T) {
	t.Parallel()
	shout, digits := on("SHOUT", "key"), on("DIGITS", "word")
	tr, err := actito.NewTransformer[texts](specOf(t, shout, on("SHOUT", "city"), transform.Fallback("x").On("opt"), digits))
	require.NoError(t, err)
	want := []transform.Change{{Transformation: shout[0], Column: "key", Before: "a", After: "A"}}
	row := texts{Key: "a", Opt: actito.Null[string]()}
	changes, err := tr.Explain(row)
	require.NoError(t, err)
	require.Equal(t, want, changes)
	row.Word = "b"
	changes, err = tr.Explain(row)
	requireRefused(t, refusal{column: "word", rule: "transform"}, err)
	require.Equal(t, want, changes)
}

func TestATransformerServesManyGoroutines(t *testing.T) {
	t.Parallel()
	tr, err := actito.NewTransformer[texts](specOf(t, on("SHOUT", "key"), transform.Concatenate("-", "key", "city").On("opt")))
	require.NoError(t, err)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			letter := string(rune('a' + i))
			for range 300 {
				got, err := tr.Apply(texts{Key: letter, part: part{"c"}})
				assert.Equal(t, actito.Set(strings.ToUpper(letter)+"-c"), got.Opt)
				assert.NoError(t, err)
			}
		})
	}
	work.Wait()
}
