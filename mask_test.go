package actito

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMaskedTexts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text    string
		private []string
		want    string
	}{
		"keep what is harmless":           {"there is no table 12", nil, "there is no table 12"},
		"hide a value":                    {"row C 1/2 is there", []string{"C 1/2"}, "row [value] is there"},
		"hide a value wherever it stands": {"C1 and C1", []string{"C1"}, "[value] and [value]"},
		"hide a value spelt for a path":   {"no /key=C%201%2F2+x and no /key=C%201%2F2%2Bx", []string{"C 1/2+x"}, "no /key=[value] and no /key=[value]"},
		"hide a value spelt for a query":  {"no ?key=C+1%2F2", []string{"C 1/2"}, "no ?key=[value]"},
		"are not made of empty values":    {"abc", []string{""}, "abc"},
		"hide e-mail addresses":           {`bad "ann.x+y@example.com", <bob@example.com>`, nil, `bad "[e-mail]", <[e-mail]>`},
		"hide e-mail addresses in a path": {"/emailAddress=ann%2Bx@example.com/", nil, "/emailAddress=[e-mail]"},
		"hide phone numbers":              {"number +32 475/12.34.56 is taken", nil, "number [number] is taken"},
		"hide phone numbers without plus": {"0475 12 34 56", nil, "[number]"},
		"keep short numbers and statuses": {"404 after 12 of 100", nil, "404 after 12 of 100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, mask(tt.text, tt.private))
		})
	}
}

func TestShortenedTextsEndBetweenCharacters(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", shorten("abc", 3))
	assert.Equal(t, "ab…", shorten("abc", 2))
	assert.Equal(t, "a…", shorten("aéb", 2), "not within the é")
	assert.Equal(t, "…", shorten("é", 1))
}

func FuzzMask(f *testing.F) {
	f.Add("no ann@example.com here", "ann@example.com")
	f.Add("x%20y", "x y")
	f.Fuzz(func(t *testing.T, text, private string) {
		const word = "[value][e-mail][token][number]"
		if private == "" || strings.Contains(word, private) || strings.ContainsAny(private, "[]") {
			t.Skip("it may be put together by what replaces others")
		}
		got := mask(text+" "+private+" "+text, []string{private})
		for at := range len(got) {
			if standsAt(got, at, []string{private}) != "" {
				t.Fatalf("%q shows %q", got, private)
			}
		}
	})
}
