package actito_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
)

func ExampleOpt() {
	type Customer struct {
		Email string             `actito:"emailAddress,key" json:"email"`
		Phone actito.Opt[string] `actito:"gsmNumber" json:"phone,omitzero"`
	}
	for _, c := range []Customer{
		{Email: "ann@example.com"},                                   // what is stored stays
		{Email: "ann@example.com", Phone: actito.Null[string]()},     // what is stored is cleared
		{Email: "ann@example.com", Phone: actito.Set("+3210458514")}, // what is stored is replaced
	} {
		b, err := json.Marshal(c)
		fmt.Println(c.Phone, string(b), err)
	}
	// Output:
	// unset {"email":"ann@example.com"} <nil>
	// null {"email":"ann@example.com","phone":null} <nil>
	// +3210458514 {"email":"ann@example.com","phone":"+3210458514"} <nil>
}

func ExampleOpt_Get() {
	newsletter := actito.Set(false)
	subscribed, known := newsletter.Get()
	fmt.Println(subscribed, known)

	newsletter = actito.Opt[bool]{}
	subscribed, known = newsletter.Get()
	fmt.Println(subscribed, known)
	// Output:
	// false true
	// false false
}

func TestOptTellsThreeStatesApart(t *testing.T) {
	t.Parallel()
	var unset actito.Opt[int]
	null, zero := actito.Null[int](), actito.Set(0)

	require.Equal(t, []bool{true, false, false}, []bool{unset.IsZero(), unset.IsNull(), unset.IsSet()})
	require.Equal(t, []bool{false, true, false}, []bool{null.IsZero(), null.IsNull(), null.IsSet()})
	require.Equal(t, []bool{false, false, true}, []bool{zero.IsZero(), zero.IsNull(), zero.IsSet()})

	for _, o := range []actito.Opt[int]{unset, null} {
		_, ok := o.Get()
		require.False(t, ok)
	}
	require.Equal(t, "unset null 0", fmt.Sprint(unset, " ", null, " ", zero))
	require.NotEqual(t, unset, null)
	require.NotEqual(t, unset, zero)
}

func TestOptReadsTheJSONThatItWrites(t *testing.T) {
	t.Parallel()
	type row struct {
		Text actito.Opt[string]            `json:"text,omitzero"`
		List actito.Opt[[]int64]           `json:"list,omitzero"`
		Date actito.Opt[actito.Date]       `json:"date,omitzero"`
		Deep actito.Opt[map[string]string] `json:"deep,omitzero"`
	}
	rapid.Check(t, func(t *rapid.T) {
		in := row{
			Text: opt(t, rapid.String()),
			List: opt(t, rapid.SliceOf(rapid.Int64())),
			Date: opt(t, rapid.Custom(date)),
			Deep: opt(t, rapid.MapOf(rapid.String(), rapid.String())),
		}
		b, err := json.Marshal(in)
		require.NoError(t, err)
		var out row
		require.NoError(t, json.Unmarshal(b, &out))
		require.Equal(t, in, out)
	})
}

func TestOptRefusesJSONOfAnotherType(t *testing.T) {
	t.Parallel()
	var o actito.Opt[int]
	require.Error(t, json.Unmarshal([]byte(`"many"`), &o))
	require.True(t, o.IsZero())
}

func opt[T any](t *rapid.T, values *rapid.Generator[T]) actito.Opt[T] {
	switch rapid.IntRange(0, 2).Draw(t, "state") {
	case 0:
		return actito.Opt[T]{}
	case 1:
		return actito.Null[T]()
	}
	return actito.Set(values.Draw(t, "value"))
}
