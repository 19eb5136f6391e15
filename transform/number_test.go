package transform

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func TestANumberInGroupsIsTheNumber(t *testing.T) {
	t.Parallel()
	change := changeOf(t, Number(",", ".", " ", "'"))
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`-?[1-9][0-9]{0,30}(\.[0-9]{1,20})?`).Draw(t, "number")
		mark := rapid.SampledFrom([]string{"", ".", " ", "'", "\u00a0", "\u202f"}).Draw(t, "mark")
		whole, places, _ := strings.Cut(strings.TrimPrefix(want, "-"), ".")
		written := whole
		for i := len(whole) - 3; i > 0; i -= 3 {
			written = written[:i] + mark + written[i:]
		}
		if places != "" {
			written += "," + places
		}
		if strings.HasPrefix(want, "-") {
			written = rapid.SampledFrom([]string{"-", "−"}).Draw(t, "sign") + written
		}
		got, err := change(written)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func FuzzNumber(f *testing.F) {
	for _, text := range []string{"1.234,50", "-0", "+.5", "−1 234", "0.123", "1,2,3", "007", "1e3", "٤٢", "12\u00a0345"} {
		f.Add(text, ",", ".", " ")
		f.Add(text, ".", ",", "'")
	}
	f.Add("\x98", "\x93", " ", " ") // neither is text
	again := changeOf(f, Number("."))
	f.Fuzz(func(t *testing.T, text, decimal, thousands, more string) {
		k := Number(decimal, thousands, more)
		if _, err := New(k.On("column")); err != nil || text == "" {
			return
		}
		got, err := changeOf(t, k)(text)
		if err != nil {
			return
		}
		require.Regexp(t, plainNumber, got)
		stays, err := again(got)
		require.NoError(t, err)
		require.Equal(t, got, stays)
		number, ok := new(big.Rat).SetString(got)
		require.True(t, ok)
		require.False(t, number.Sign() == 0 && strings.HasPrefix(got, "-"))
	})
}
