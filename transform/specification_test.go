package transform_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/transform"
)

func TestNewNamesWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	unknown, err := transform.NewKind("TRIMM", nil)
	require.NoError(t, err)
	extra, err := transform.NewKind("TRIM", map[string]any{"collapse": true, "colour": "red"})
	require.NoError(t, err)
	otherCase, err := transform.NewKind("TRIM", map[string]any{"Collapse": true})
	require.NoError(t, err)
	for _, test := range []struct {
		name, want string
		list       transform.List
	}{
		{"an unknown kind", `transform: transformation 1: column "name": TRIMM: there is no such kind: it is one of BOOLEAN, CAPITALIZE, `, unknown.On("name")},
		{"no kind", `transform: transformation 1: column "name": there is no such kind`, transform.Kind{}.On("name")},
		{"a parameter that is missing", `transformation 1: column "name": NULL_WORDS: its parameter words is missing`, transform.NullWords().On("name")},
		{"a parameter that is unknown", `TRIM: its parameters are not those of this kind: unknown field "colour"`, extra.On("name")},
		{"a parameter in another case", `TRIM: its parameters are not those of this kind: unknown field "Collapse"`, otherCase.On("name")},
		{"a parameter of another kind", `TRIM: its parameters are not those of this kind: unknown field "strict"`, transform.Trim().Strict().On("name")},
		{"a regular expression that does not compile", "does not compile: error parsing regexp: missing closing ): `(`", transform.ReplaceRegex("(", "").On("name")},
		{"a column without a name", `transformation 1: TRIM: the column has no name`, transform.Trim().On("")},
		{"a column that is not UTF-8", "or one that is not UTF-8", transform.Trim().On("\xff")},
		{"the second of two columns", `transformation 2: TRIM: the column has no name`, transform.Trim().On("name", "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := transform.New(test.list)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, s)
			var own *transform.Error
			require.ErrorAs(t, err, &own)
		})
	}
}

func TestNewTakesWhatHasNothing(t *testing.T) {
	t.Parallel()
	s, err := transform.New(nil, transform.List(nil))
	require.NoError(t, err)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	assert.JSONEq(t, "[]", string(text))
	assert.Empty(t, s.String())
	assert.Empty(t, s.List())
}

func TestListsAreOneBehindTheOther(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Trim().On("a", "b"), transform.Uppercase().Language("tr").On("a"))
	require.NoError(t, err)
	assert.Equal(t, "a: TRIM\nb: TRIM\na: UPPERCASE {\"language\":\"tr\"}", s.String())
	list := s.List()
	list[0].Column = "x"
	assert.Equal(t, "a", s.List()[0].Column, "a specification never changes")
}

func TestTransformationsThatDoTheSameAreEqual(t *testing.T) {
	t.Parallel()
	a := transform.MapValues(map[string]string{"a": "1", "b": "<2>"}).Default("x")
	b := transform.MapValues(map[string]string{"b": "<2>", "a": "1"}).Default("x")
	assert.Equal(t, a, b, "parameters have no order")
	assert.NotEqual(t, a, a.Default("y"))
	assert.Equal(t, a, a.Default("y").Default("x"), "the last one counts")
	assert.NotEqual(t, a.DefaultUnset(), transform.MapValues(map[string]string{"a": "1", "b": "<2>"}), "null is not absent")

	made, err := transform.NewKind("VALUE_MAPPING", map[string]any{"default": "x", "values": map[string]any{"a": "1", "b": "<2>"}})
	require.NoError(t, err)
	assert.Equal(t, a, made)
	assert.Contains(t, map[transform.Kind]bool{a: true}, made, "kinds can be compared by ==")
	assert.Equal(t, `VALUE_MAPPING {"default":"x","values":{"a":"1","b":"<2>"}}`, a.String())
	assert.Equal(t, "VALUE_MAPPING", a.Name())

	var read transform.List
	require.NoError(t, json.Unmarshal([]byte(`[{"default": "x", "type": "VALUE_MAPPING", "headerColumn": "c", "values": {"b": "<2>", "a": "1"}}]`), &read))
	assert.Equal(t, a.On("c"), read)

	one, err := transform.New(a.On("c", "d"))
	require.NoError(t, err)
	two, err := transform.New(b.On("c"), b.On("d"))
	require.NoError(t, err)
	other, err := transform.New(b.On("d", "c"))
	require.NoError(t, err)
	assert.True(t, one.Equal(two))
	assert.False(t, one.Equal(other), "their order matters")
}

func TestNewKindTakesObjectsOnly(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]any{"a number": 1, "a text": "x", "a list": []string{"x"}, "a function": func() {}} {
		_, err := transform.NewKind("TRIM", params)
		require.ErrorContains(t, err, "of TRIM", name)
	}
	empty, err := transform.NewKind("TRIM", struct{}{})
	require.NoError(t, err)
	assert.Equal(t, transform.Trim(), empty)
	assert.Equal(t, "{}", string(empty.Params()))
}

func TestAnObjectIsWrittenInOneForm(t *testing.T) {
	t.Parallel()
	s, err := transform.New(
		transform.Capitalize().On("firstName"),
		transform.MapValues(map[string]string{"Belgique": "BE"}).DefaultUnset().On("country"),
		transform.Replace("<", "&").On(`a "quoted" column`),
	)
	require.NoError(t, err)
	text, err := s.MarshalJSON()
	require.NoError(t, err)
	want := `[{"headerColumn":"firstName","type":"CAPITALIZE"},` +
		`{"default":null,"headerColumn":"country","type":"VALUE_MAPPING","values":{"Belgique":"BE"}},` +
		`{"headerColumn":"a \"quoted\" column","new":"&","old":"<","type":"REPLACE"}]`
	assert.Equal(t, want, string(text))
	again, err := transform.Parse(text)
	require.NoError(t, err)
	assert.True(t, s.Equal(again))
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                     {"", "no JSON array of transformations: at byte 0: EOF"},
		"null":                        {"null", "this is null"},
		"an object":                   {`{"headerColumn": "a", "type": "TRIM"}`, "no JSON array of transformations: it is of type object"},
		"a parameter of another form": {`[{"headerColumn": "a", "type": "DATE", "from": "dd/MM/yyyy"}]`, "not those of this kind: from has a string in place of an array of texts"},
		"a number among texts":        {`[{"headerColumn": "a", "type": "NULL_WORDS", "words": ["-", 0]}]`, "words has a number in place of a text"},
		"a fraction of a year":        {`[{"headerColumn": "a", "type": "DATE", "from": ["yy"], "firstYear": 19.5}]`, "firstYear has a number 19.5 in place of a whole number"},
		"no JSON":                     {`[{"headerColumn": "a",]`, "invalid character ']'"},
		"something behind it":         {`[] []`, "something behind the JSON array"},
		"an item that is null":        {`[null]`, "transformation 1: a transformation is an object with headerColumn and type"},
		"an item that is a text":      {`["TRIM"]`, "transformation 1: a transformation is an object"},
		"an item without a type":      {`[{"headerColumn": "a", "type": "TRIM"}, {"headerColumn": "a"}]`, "transformation 2: a transformation is an object"},
		"a column that is a number":   {`[{"headerColumn": 1, "type": "TRIM"}]`, "which are texts"},
		"an unknown kind":             {`[{"headerColumn": "a", "type": "trim"}]`, `transformation 1: column "a": trim: there is no such kind`},
		"a parameter that is unknown": {`[{"headerColumn": "a", "type": "TRIM", "x": 1}]`, `unknown field "x"`},
	} {
		_, err := transform.Parse([]byte(test.text))
		require.ErrorContains(t, err, test.want, name)
		var own *transform.Error
		require.ErrorAs(t, err, &own, name)
	}
}

// phone is a kind of the caller's own.
var phone = transform.Custom{Name: "PHONE", New: func(params json.RawMessage) (func(string) (string, error), error) {
	var p struct{ Prefix string }
	if err := json.Unmarshal(params, &p); err != nil || p.Prefix == "" {
		return nil, transform.Refuse("a prefix is missing")
	}
	return func(text string) (string, error) {
		switch {
		case strings.HasPrefix(text, "+"):
			return text, nil
		case text == "none":
			return "", nil
		case text == "secret":
			return "", fmt.Errorf("cannot read %s", text)
		case !strings.HasPrefix(text, "0"):
			return "", fmt.Errorf("phone: %w", transform.Refuse("this is no phone number"))
		}
		return p.Prefix + text[1:], nil
	}, nil
}}

func TestAKindOfTheCallersOwn(t *testing.T) {
	t.Parallel()
	kind, err := transform.NewKind("PHONE", map[string]string{"prefix": "+32"})
	require.NoError(t, err)
	s, err := transform.New(kind.On("phone"), transform.WithKinds(phone))
	require.NoError(t, err)
	text, err := s.MarshalJSON()
	require.NoError(t, err)
	_, err = transform.Parse(text)
	require.ErrorContains(t, err, "PHONE: there is no such kind", "it must be given again")
	s, err = transform.Parse(text, transform.WithKinds(phone))
	require.NoError(t, err)
	_, err = s.ForService()
	require.ErrorContains(t, err, "the service is not known to have this kind")

	p, err := s.Bind([]string{"phone"}, transform.JSON)
	require.NoError(t, err)
	row := p.NewRow()
	for _, test := range []struct {
		in      string
		want    transform.Value
		refused string
	}{
		{in: "021234", want: transform.Value{Text: []byte("+3221234"), State: transform.Set, Changed: true}},
		{in: "+3221234", want: transform.Value{Text: []byte("+3221234"), State: transform.Set}},
		{in: "none", want: transform.Value{Changed: true}},
		{in: "x", refused: `transform: transformation 1: column "phone": PHONE: this is no phone number`},
		{in: "secret", refused: `transform: transformation 1: column "phone": PHONE: the value is refused`},
	} {
		row.Values[0].SetString(test.in)
		err := p.Run(row)
		if test.refused != "" {
			require.EqualError(t, err, test.refused)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, test.want, row.Values[0])
	}
}

func TestAKindOfTheCallersOwnThatCannotBe(t *testing.T) {
	t.Parallel()
	kind := func(name string) transform.Custom { return transform.Custom{Name: name, New: phone.New} }
	for name, own := range map[string][]transform.Custom{
		"the name of another": {kind("TRIM")}, "no name": {kind("")}, "no function": {{Name: "PHONE"}}, "one name twice": {phone, phone},
	} {
		_, err := transform.New(transform.WithKinds(own...))
		require.ErrorContains(t, err, "a kind of your own needs a function New, and a name that no other kind has", name)
	}
	bare, err := transform.NewKind("PHONE", nil)
	require.NoError(t, err)
	_, err = transform.New(bare.On("phone"), transform.WithKinds(phone))
	require.EqualError(t, err, `transform: transformation 1: column "phone": PHONE: its parameters are refused: a prefix is missing`)
	_, err = transform.New(bare.On("phone"), transform.WithKinds(transform.Custom{
		Name: "PHONE", New: func(json.RawMessage) (func(string) (string, error), error) { return nil, nil },
	}))
	require.ErrorContains(t, err, "its New returned no function")
}

func TestBindNamesTheColumnThatIsMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		list transform.List
		want string
	}{
		"one that is changed": {transform.Trim().On("x"), `transform: transformation 1: column "x": TRIM: there is no column "x"`},
		"one that is joined":  {transform.Concatenate("-", "a", "x").On("id"), `there is no column "x"`},
		"one that is split":   {transform.Split("-", "a", "b").On("x"), `there is no column "x"`},
		"one that is dropped": {transform.Drop().On("x"), `there is no column "x"`},
		"one that was dropped": {append(transform.Drop().On("a"), transform.Trim().On("a")...),
			`transform: transformation 2: column "a": TRIM: column "a" was dropped before`},
		"one that is made too late": {append(transform.Trim().On("id"), transform.Constant("x").On("id")...), `there is no column "id"`},
	} {
		s, err := transform.New(test.list)
		require.NoError(t, err, name)
		_, err = s.Bind([]string{"a", "b"}, transform.CSV)
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestAProgramAddsColumnsBehindTheOthers(t *testing.T) {
	t.Parallel()
	s, err := transform.New(
		transform.Concatenate("-", "order", "product").On("lineID"), transform.Drop().On("product"),
		transform.Constant("webshop").On("source"), transform.Trim().On("lineID"),
	)
	require.NoError(t, err)
	columns := []string{"other", "order", "product"}
	p, err := s.Bind(columns, transform.CSV)
	require.NoError(t, err)
	assert.Equal(t, []string{"other", "order", "product", "lineID", "source"}, p.Columns())
	assert.Equal(t, []int{1, 2, 3, 4}, p.Touched())
	for i, want := range []bool{false, false, true, false, false} {
		assert.Equal(t, want, p.Dropped(i), i)
	}
	assert.Equal(t, []string{"other", "order", "product"}, columns)

	row := p.NewRow()
	for range 2 { // a row is used again
		for i, text := range []string{"x", "10248", "11"} {
			row.Values[i].SetString(text)
		}
		require.NoError(t, p.Run(row))
		assert.Equal(t, "10248-11", string(row.Values[3].Text))
		assert.Equal(t, "webshop", string(row.Values[4].Text))
		assert.False(t, row.Values[0].Changed)
	}
}

func TestNullAndUnsetValuesArePassedOver(t *testing.T) {
	t.Parallel()
	s, err := transform.New(
		transform.Uppercase().On("a"), transform.MapValues(map[string]string{"x": "y"}).Strict().On("a"), transform.NullWords("NULL").On("a"),
	)
	require.NoError(t, err)
	p, err := s.Bind([]string{"a"}, transform.JSON)
	require.NoError(t, err)
	row := p.NewRow()
	row.Values[0].Clear()
	require.NoError(t, p.Run(row))
	assert.Equal(t, transform.Value{State: transform.Null}, row.Values[0])
	row.Values[0].Leave()
	require.NoError(t, p.Run(row))
	assert.Equal(t, transform.Value{}, row.Values[0])
	row.Values[0].SetText(nil)
	require.NoError(t, p.Run(row))
	assert.Equal(t, transform.Value{State: transform.Set}, row.Values[0])
}

func TestFallbackLeavesNull(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind transform.Kind
		want string
	}{"fallback": {transform.Fallback("BE"), ""}, "constant": {transform.Constant("BE"), "BE"}} {
		s, err := transform.New(test.kind.On("a"))
		require.NoError(t, err)
		p, err := s.Bind([]string{"a"}, transform.JSON)
		require.NoError(t, err)
		row := p.NewRow()
		row.Values[0].Clear()
		require.NoError(t, p.Run(row))
		assert.Equal(t, test.want, string(row.Values[0].Text), name)
	}
}

func TestAnErrorOfAValueHoldsItsPlaceAndNotTheValue(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Trim().On("a"), transform.MapValues(map[string]string{"known": "k"}).Strict().On("a"))
	require.NoError(t, err)
	p, err := s.Bind([]string{"a"}, transform.JSON)
	require.NoError(t, err)
	row := p.NewRow()
	row.Values[0].SetString("confidential")
	err = p.Run(row)
	var own *transform.Error
	require.ErrorAs(t, err, &own)
	assert.Equal(t, 2, own.Number)
	assert.Equal(t, "a", own.Column)
	assert.Equal(t, "VALUE_MAPPING", own.Kind)
	assert.NotContains(t, err.Error(), "confidential")
	row.Values[0].SetString(" known ")
	require.NoError(t, p.Run(row), "a row can be used after an error")
	assert.Equal(t, "k", string(row.Values[0].Text))
}

func TestForServiceTakesWhatTheServiceIsTakenToHave(t *testing.T) {
	t.Parallel()
	list := append(transform.Trim().On("a"), transform.Uppercase().On("a")...)
	list = append(list, transform.Lowercase().On("a")...)
	list = append(list, transform.Capitalize().Language("nl").On("a")...)
	list = append(list, transform.MapValues(map[string]string{"a": "b"}).On("a")...)
	s, err := transform.New(list)
	require.NoError(t, err)
	got, err := s.ForService()
	require.NoError(t, err)
	assert.Equal(t, list, got)

	for _, k := range []transform.Kind{
		transform.TitleCase(), transform.Normalize("NFC"), transform.Replace("a", "b"), transform.ReplaceRegex("a", "b"), transform.NullWords("a"),
		transform.Concatenate("-", "a", "b"), transform.Split("-", "a", "b"), transform.Constant("a"), transform.Fallback("a"), transform.Drop(),
	} {
		s, err := transform.New(transform.Trim().On("a"), k.On("a"))
		require.NoError(t, err)
		_, err = s.ForService()
		require.ErrorContains(t, err, `transformation 2: column "a": `+k.Name()+": the service is not known to have this kind")
	}
}

func TestExplainSaysWhatEachChanged(t *testing.T) {
	t.Parallel()
	s, err := transform.New(
		transform.Trim().On("name", "city"), transform.TitleCase().On("name"), transform.Split(" ", "first", "last").On("name"),
		transform.NullWords("n/a").On("city"), transform.Drop().On("name"), transform.Constant("webshop").On("source"),
	)
	require.NoError(t, err)
	changes, err := s.Explain(map[string]string{"name": "MARIA ANDERS", "city": "n/a "}, transform.JSON)
	require.NoError(t, err)
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = c.String()
	}
	assert.Equal(t, []string{
		`city: "n/a " → "n/a" (TRIM)`,
		`name: "MARIA ANDERS" → "Maria Anders" (TITLE_CASE)`,
		`first: "" → "Maria" (SPLIT)`,
		`last: "" → "Anders" (SPLIT)`,
		`city: "n/a" → "" (NULL_WORDS)`,
		`source: "" → "webshop" (CONSTANT)`,
	}, lines)
	assert.Equal(t, transform.Split(" ", "first", "last").On("name")[0], changes[2].Transformation)
}

func TestExplainEndsWithWhatIsRefused(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Trim().On("a"), transform.MapValues(map[string]string{"x": "y"}).Strict().On("a"))
	require.NoError(t, err)
	changes, err := s.Explain(map[string]string{"a": " z", "not touched": "x"}, transform.JSON)
	require.ErrorContains(t, err, `transform: transformation 2: column "a": VALUE_MAPPING: the value is none of those`)
	assert.Len(t, changes, 1)

	changes, err = s.Explain(nil, transform.CSV)
	require.NoError(t, err, "columns that the sample lacks are empty")
	assert.Empty(t, changes)
}

func TestWhatIsParsedIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		filled := text.Filter(func(s string) bool { return s != "" })
		kinds := rapid.SampledFrom([]transform.Kind{
			transform.Trim(), transform.Collapse(), transform.Capitalize().Language("nl"), transform.Normalize("NFC"),
			transform.MapValues(map[string]string{filled.Draw(t, "from"): text.Draw(t, "to")}).Default(text.Draw(t, "default")),
			transform.MapValues(map[string]string{filled.Draw(t, "from"): text.Draw(t, "to")}).DefaultUnset(),
			transform.Replace(filled.Draw(t, "old"), text.Draw(t, "new")),
			transform.NullWords(text.Draw(t, "word"), text.Draw(t, "word")),
			transform.Concatenate(text.Draw(t, "separator"), filled.Draw(t, "column")).SkipEmpty(),
			transform.Fallback(filled.Draw(t, "value")),
		})
		var list transform.List
		for range rapid.IntRange(0, 5).Draw(t, "transformations") {
			list = append(list, kinds.Draw(t, "kind").On(filled.Draw(t, "column"))...)
		}
		s, err := transform.New(list)
		require.NoError(t, err)
		array, err := json.Marshal(s)
		require.NoError(t, err)
		again, err := transform.Parse(array)
		require.NoError(t, err)
		require.True(t, s.Equal(again), "%s", array)
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`[]`, `null`, `[{"headerColumn":"a","type":"TRIM"}]`, `[{"headerColumn":"a","type":"VALUE_MAPPING","values":{"Belgique":"BE"},"default":null}]`,
		`[{"headerColumn":"a","type":"REPLACE_REGEX","pattern":"(a)","replacement":"${1}x"}]`, `[{"headerColumn":"a","type":"SPLIT","columns":["b","c"],"separator":"-"}]`,
		`[{"headerColumn":"\ud800","type":"UPPERCASE","language":"tr"}]`, `[{"headerColumn":"a","type":"CONSTANT","value":1e999}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, array []byte) {
		s, err := transform.Parse(array)
		if err != nil {
			var own *transform.Error
			require.ErrorAs(t, err, &own)
			return
		}
		written, err := json.Marshal(s)
		require.NoError(t, err)
		again, err := transform.Parse(written)
		require.NoError(t, err, "%s", written)
		require.True(t, s.Equal(again), "%s", written)
		_, err = s.Explain(nil, transform.CSV)
		if err != nil {
			var own *transform.Error
			require.ErrorAs(t, err, &own)
		}
	})
}
