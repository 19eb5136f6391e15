// Package isonames holds the codes and names of countries and languages as data. What looks them up has rules of its own
// for it; these are the ones that the data is made for.
//
// A code stands alone, in small letters or capitals, or as a number whose zeros in front may be missing ("56" is 056),
// perhaps with white space or [Invisible] runes around it. So "n.a." is not NA, Namibia.
//
// A name is compared by its letters and digits, in small letters, with those of [Letters] written plainly: white space,
// combining marks (U+0300 to U+036F), and the runes of [Invisible] and [Punctuation] are left out, so that "St.-Lucia" and
// "st lucia" are one. In front of the name of a country may be one of [Articles], if white space or such a rune stands
// between: "the Netherlands", "l'Italie". The names have articles too: "La Réunion" is also "Réunion".
//
// No name belongs to two records, and none is another's code: what is ambiguous is left out.
package isonames

import (
	_ "embed" // of the tables
	"strings"
	"unicode/utf8"
)

//go:generate env GOWORK=off go -C ../../tools run ./isonames ../internal/isonames

// Record is a country or a language.
type Record struct {
	Code  string   // ISO 3166-1 alpha-2, or ISO 639-1 in capitals
	Codes []string // others: alpha-3 and three digits; ISO 639-2 and 639-3, and those of ISO 639-1 that were withdrawn
	Names []string
}

// Articles are the words that the name of a country may have in front.
var Articles = [...]string{"the", "la", "le", "les", "l", "de", "het", "der", "die", "das", "el", "los", "las"}

// What counts for nothing in names, beside white space and combining marks.
const (
	Punctuation = ".,()&_'‘’`´ʻʼ-‐‑‒–—"
	Invisible   = "\u00ad\u200b\u200c\u200d\u2060\ufeff" // runes that have no width
)

var (
	//go:embed countries.txt
	countries string
	//go:embed countries-more.txt
	moreCountries string
	//go:embed languages.txt
	languages string
	//go:embed languages-more.txt
	moreLanguages string
	//go:embed letters.txt
	letters string
)

// Countries are those of ISO 3166-1, by their codes. Their names are English, French, Dutch, German and Spanish.
func Countries() []Record { return records(countries, moreCountries) }

// Languages are those of ISO 639-1, by their codes. Their names are English, French, Dutch, German, Spanish, and their
// own.
func Languages() []Record { return records(languages, moreLanguages) }

// Letters are small letters with accents, and what they are written as without.
func Letters() map[rune]string {
	all := make(map[rune]string, utf8.RuneCountInString(letters))
	for plain, accented := range lines(letters) {
		for _, r := range accented {
			all[r] = plain
		}
	}
	return all
}

// records reads lines of codes that have spaces between, a tab, and names that have bars between.
func records(text, more string) []Record {
	var list []Record
	number := map[string]int{}
	for codes, names := range lines(text + more) {
		all := strings.Fields(codes)
		i, known := number[all[0]]
		if !known {
			i = len(list)
			number[all[0]] = i
			list = append(list, Record{Code: all[0]})
		}
		list[i].Codes = append(list[i].Codes, all[1:]...)
		if names != "" {
			list[i].Names = append(list[i].Names, strings.Split(names, "|")...)
		}
	}
	return list
}

// lines are those of a table, cut at their tab.
func lines(text string) func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for line := range strings.Lines(text) {
			before, behind, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if found && !strings.HasPrefix(line, "#") && !yield(before, behind) {
				return
			}
		}
	}
}
