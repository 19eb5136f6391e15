package actito

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainValuesAreReadWithoutPackageJSON(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		`[]`, " [\t] ",
		`[{"name":"a","value":"x"},{"name":"é","value":-1.50e+3},{"name":"","value":null},{"name":"a","value":true}]`,
		` [ { "name" : "a" , "value" : 1 } ,` + "\r\n" + `{ "name" : "b" , "value" : [ "]\"" , { "}" : "\\" } ] } ] `,
		`[{"name":"broken","value":"` + "\xff" + `\u00e9\""},{"name":"value","value":"\"value\""}]`,
	} {
		values, plain := plainValues([]byte(list))
		require.True(t, plain, list)
		require.Equal(t, readByPackageJSON(t, list), values, list)
	}
}

func TestValuesThatAreNotPlainAreLeftToPackageJSON(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		`null`, `7`, `"x"`, `{}`, `{"name":1}`, `[null]`, `[[]]`, `["x"]`, `[{}]`,
		`[{"name":"a"}]`, `[{"name":null,"value":1}]`, `[{"name":7,"value":1}]`, `[{"name":"a","value":1,"value":2}]`,
		`[{"value":1,"name":"a"}]`, `[{"Name":"a","value":1}]`, `[{"name":"a","VALUE":1}]`, `[{"name":"a","value":1,"type":"X"}]`,
		`[{"name":"\u0061","value":1}]`, `[{"na\u006de":"a","value":1}]`, "[{\"name\":\"\xff\",\"value\":1}]",
		`[{"name":"a","value":1},{"name":"b"}]`, `[{"name":"a","value":1},7]`,
	} {
		require.True(t, json.Valid([]byte(list)), list)
		_, plain := plainValues([]byte(list))
		require.False(t, plain, list)
	}
}

func TestPlainValuesDoNotChangeWithWhatTheyWereReadFrom(t *testing.T) {
	t.Parallel()
	list := []byte(`[{"name":"a","value":"x"}]`)
	values, plain := plainValues(list)
	require.True(t, plain)
	clear(list)
	require.Equal(t, []namedValue{{"a", json.RawMessage(`"x"`)}}, values)
}

func readByPackageJSON(t *testing.T, list string) (values []namedValue) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(list), &values), list)
	return values
}

func FuzzPlainValues(f *testing.F) {
	for _, list := range []string{
		`[]`, `[{"name":"a","value":"x"},{"name":"b","value":[1,{"c":"]"}]}]`, `[ { "name" : "é\"" , "value" : null } ]`,
		`[{"name":"a","value":1e5,"type":"INTEGER"}]`, `[{"name":"a","value":"\\"},{"name":"a","value":-0}]`, "[{\"name\":\"\xff\",\"value\":\"\xff\"}]",
	} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if !json.Valid([]byte(list)) {
			return
		}
		values, plain := plainValues([]byte(list))
		if !plain {
			return
		}
		require.Equal(t, readByPackageJSON(t, list), values)
		for _, v := range values {
			if text, plain := unescaped(v.Value); plain {
				var want string
				require.NoError(t, json.Unmarshal(v.Value, &want))
				require.Equal(t, want, string(text))
			}
		}
	})
}
