package actito

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/transform"
)

// transformed is what a kind makes of a value.
func cleaned(t require.TestingT, kind transform.Kind, value string) (string, error) {
	spec, err := transform.New(kind.On("value"))
	require.NoError(t, err)
	program, err := spec.Bind([]string{"value"}, transform.CSV)
	require.NoError(t, err)
	row := program.NewRow()
	row.Values[0].SetString(value)
	err = program.Run(row)
	return string(row.Values[0].Text), err
}

func TestAddressesThatWereCleanedPassTheCheck(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(
			rapid.StringMatching(`[ \x{a0}]?(mailto:)?[a-zA-Z.é!+']{0,4}@?[a-zA-Z0-9.-]{0,4}\.?[a-zA-Z1]{0,3}[ \x{200b}]?`),
			rapid.StringMatching(`("?[A-Z][a-z@.]{0,3}"? ?)?<[a-z.]{1,4}@[a-zA-Z0-9.-]{1,4}\.[a-zA-Z1]{0,3}>`),
			rapid.String(),
		).Draw(t, "value")
		out, err := cleaned(t, transform.Email(), value)
		if err == nil && value != "" {
			require.True(t, isEmail([]byte(out)), "%q became %q", value, out)
		}
		if isEmail([]byte(value)) {
			require.NoError(t, err, "the check takes %q", value)
			require.True(t, strings.EqualFold(value, out), "%q became %q", value, out)
		}
	})
}
