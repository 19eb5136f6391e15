package transform_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/transform"
)

func TestAParameterThatIsNotUTF8IsRefused(t *testing.T) {
	t.Parallel()
	for _, k := range []transform.Kind{
		transform.Replace("\xe9", "é"), transform.Replace(`\`, "\xe9"), transform.MapValues(map[string]string{"\xe9": "x"}),
		transform.MapValues(map[string]string{"x": "y"}).Default("\xe9"), transform.Constant("\xe9").Strict(),
	} {
		_, err := transform.New(k.On("a"))
		require.ErrorContains(t, err, "a parameter is not UTF-8", k.Name())
		_, err = json.Marshal(k.On("a"))
		require.Error(t, err, "what was given is lost")
	}
	_, err := transform.NewKind("PHONE", map[string]string{"region": "\xe9"})
	require.ErrorContains(t, err, "a parameter of PHONE is not UTF-8")
	_, err = transform.Parse([]byte("[{\"headerColumn\":\"a\",\"type\":\"REPLACE\",\"old\":\"\xe9\",\"new\":\"e\"}]"))
	require.ErrorContains(t, err, "transformation 1: it is not UTF-8")

	_, err = transform.New(transform.Replace("\ufffd", `\ufffd`).On("a"))
	require.NoError(t, err, "the sign of what could not be read is a character like others")
}

func TestNumbersOfParametersAreWhatWasWritten(t *testing.T) {
	t.Parallel()
	var list transform.List
	text := `[{"big":12345678901234567890.10,"headerColumn":"a","type":"OWN"}]`
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	again, err := json.Marshal(list)
	require.NoError(t, err)
	assert.Equal(t, text, string(again))
}

func TestAParameterMayNotHaveTheNameOfTheColumnOrTheType(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"headerColumn", "type"} {
		_, err := transform.NewKind("PHONE", map[string]string{name: "mobile"})
		require.ErrorContains(t, err, "PHONE: a parameter cannot be named "+name)
	}
}

func TestANameThatIsTwiceInAnObjectIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[{"headerColumn":"a","headerColumn":"b","type":"TRIM"}]`,
		`[{"headerColumn":"a","type":"VALUE_MAPPING","values":{"x":"1","\u0078":"2"}}]`,
		`[{"headerColumn":"a","type":"OWN","list":[[1e999,{"x":{"y":null}}],{"x":{},"z":[],"x":true}]}]`,
	} {
		_, err := transform.Parse([]byte(text))
		require.ErrorContains(t, err, "transformation 1: an object has the name ", text)
		require.ErrorContains(t, err, "twice", text)
		require.Error(t, json.Unmarshal([]byte(text), &transform.List{}))
	}
	var list transform.List
	require.NoError(t, json.Unmarshal([]byte(`[{"headerColumn":"a","type":"OWN","x":[{"x":{"x":1}},{"x":2},"x","x"]}]`), &list), "each object has its own")
}

func TestOtherColumnsNeedNames(t *testing.T) {
	t.Parallel()
	for _, k := range []transform.Kind{transform.Concatenate("-", "a", ""), transform.Split("-", "a", "")} {
		_, err := transform.New(k.On("x"))
		require.ErrorContains(t, err, "a name that is empty")
	}
}

func TestAColumnThatIsThereTwiceIsNotTransformed(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Concatenate("-", "b", "c").On("d"))
	require.NoError(t, err)
	_, err = s.Bind([]string{"a", "a", "b", "c"}, transform.CSV)
	require.NoError(t, err, "it is not touched")
	for _, columns := range [][]string{{"b", "c", "b"}, {"b", "c", "d", "d"}} {
		_, err = s.Bind(columns, transform.CSV)
		require.ErrorContains(t, err, `there are two columns "`)
	}
}

func TestNullStaysWhereNothingIsWritten(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Concatenate("-", "a", "b").On("null"), transform.Split("-", "x", "y").On("a"))
	require.NoError(t, err)
	p, err := s.Bind([]string{"a", "b", "null", "x", "y"}, transform.JSON)
	require.NoError(t, err)
	row := p.NewRow()
	row.Values[2].Clear()
	row.Values[3].Clear()
	row.Values[4].SetString("old")
	require.NoError(t, p.Run(row))
	assert.Equal(t, []transform.Value{{}, {}, {State: transform.Null}, {State: transform.Null}, {Changed: true}}, row.Values)

	for i := range 2 {
		row.Values[i].SetString("v")
	}
	require.NoError(t, p.Run(row))
	assert.Equal(t, "v-v", string(row.Values[2].Text), "a text is written over it")
}

func TestExplainHasTheOrderOfTheParts(t *testing.T) {
	t.Parallel()
	s, err := transform.New(transform.Split(" ", "z", "y", "x", "w").On("name"))
	require.NoError(t, err)
	for range 20 {
		changes, err := s.Explain(map[string]string{"name": "1 2 3 4", "w": "", "x": "", "y": "", "z": ""}, transform.JSON)
		require.NoError(t, err)
		require.Len(t, changes, 4)
		for i, c := range changes {
			require.Equal(t, string(rune('1'+i)), c.After)
		}
	}
}

func TestNilIsNoSpecification(t *testing.T) {
	t.Parallel()
	s, err := transform.New()
	require.NoError(t, err)
	assert.False(t, s.Equal(nil))
	assert.True(t, (*transform.Specification)(nil).Equal(nil))
}
