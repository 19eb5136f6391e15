package isonames_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/internal/isonames"
)

func TestCountriesAreThoseOfISO3166(t *testing.T) {
	t.Parallel()
	countries := isonames.Countries()
	require.Len(t, countries, 249)
	seen := map[string]bool{}
	for _, r := range countries {
		require.Regexp(t, `^[A-Z]{2} [A-Z]{3} [0-9]{3}$`, r.Code+" "+strings.Join(r.Codes, " "))
		for _, code := range append(r.Codes, r.Code) {
			assert.False(t, seen[code], code)
			seen[code] = true
		}
		assert.NotEmpty(t, r.Names, r.Code)
	}
	for _, none := range []string{"SU", "YU", "AN", "XK", "EU", "UK", "ZR", "TP"} {
		assert.False(t, seen[none], none)
	}
	i := slices.IndexFunc(countries, func(r isonames.Record) bool { return r.Code == "BE" })
	assert.Equal(t, []string{"BEL", "056"}, countries[i].Codes)
	assert.Subset(t, countries[i].Names, []string{"Belgium", "Belgique", "België", "Belgien", "Bélgica", "Kingdom of Belgium"})
}

func TestLanguagesAreThoseOfISO639(t *testing.T) {
	t.Parallel()
	languages := isonames.Languages()
	require.Len(t, languages, 184)
	seen := map[string]bool{}
	bibliographic := 0
	for _, r := range languages {
		require.Regexp(t, `^[A-Z]{2} [a-z]{3}( [a-z]{2,3})*$`, r.Code+" "+strings.Join(r.Codes, " "))
		for _, code := range append(r.Codes, strings.ToLower(r.Code)) {
			assert.False(t, seen[code], code)
			seen[code] = true
		}
		if len(r.Codes) > 1 && len(r.Codes[1]) == 3 && r.Code != "RO" {
			bibliographic++
		}
		if r.Code != "BH" { // a group
			assert.NotEmpty(t, r.Names, r.Code)
		}
	}
	assert.Equal(t, 19, bibliographic, "ISO 639-2 has 20 bibliographic codes, of which one is that of RO")
}

func TestLettersAreSmallAndHaveMarks(t *testing.T) {
	t.Parallel()
	letters := isonames.Letters()
	for accented, plain := range map[rune]string{'é': "e", 'ë': "e", 'ç': "c", 'ß': "ss", 'ø': "o", 'ı': "i", 'ł': "l", 'ά': "α", 'й': "и", 'ệ': "e"} {
		assert.Equal(t, plain, letters[accented], string(accented))
	}
	assert.NotContains(t, letters, 'e')
}
