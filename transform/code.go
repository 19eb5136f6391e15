package transform

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/actito-go/actito/internal/isonames"
)

const (
	kindCountry  = "COUNTRY"
	kindLanguage = "LANGUAGE"
	kindEmail    = "EMAIL"
)

// Country writes countries as Actito wants them: codes of ISO 3166-1 of two capitals, such as BE. It reads names in
// English, French, Dutch, German and Spanish, short ones and the official ones in use, codes of two and three letters, and
// numbers ("056", "56"). Case, accents, punctuation, white space and an article in front ("the", "les") do not matter.
// What is the name of none or of several, such as Congo, is refused, as are codes that were withdrawn and those that ISO
// has not assigned, such as XK. NA and No are read as Namibia and Norway: where they stand for nothing, let [NullWords]
// come first.
func Country() Kind { return newKind(kindCountry, nil) }

// Language writes languages as in Actito's example: codes of ISO 639-1 in capitals, such as FR. It reads names in English,
// French, Dutch, German and Spanish, the language's own one where it is known (Deutsch, Ελληνικά), codes of ISO 639 of two
// and three letters, and locales (fr-BE, fr_BE.UTF-8), of which FR-NL is one: French in the Netherlands. Case, accents,
// punctuation and white space do not matter. What is the name of none, or has no code of two letters, is refused.
func Language() Kind { return newKind(kindLanguage, nil) }

func codeKinds() map[string]definition {
	return map[string]definition{
		kindCountry:  {read: readCountry, service: true},
		kindLanguage: {read: readLanguage, service: true},
		kindEmail:    {read: readEmail},
	}
}

func readCountry(object json.RawMessage, _ Form) (action, error) {
	_, err := params[struct{}](object)
	countries := countryTable()
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		code, found := countries.find(text)
		if !found {
			return dst, same, Refuse("no country is known by this name or code, or more than one: map it to a code of ISO 3166-1 first, with MapValues")
		}
		return write(dst, text, code)
	}}, err
}

func readLanguage(object json.RawMessage, _ Form) (action, error) {
	_, err := params[struct{}](object)
	languages := languageTable()
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		code, found := languages.find(text)
		if !found {
			code, found = languages.code(localeLanguage(text))
		}
		if !found {
			return dst, same, Refuse("no language with a code of two letters is known by this name or code: map it to a code of ISO 639-1 first, with MapValues")
		}
		return write(dst, text, code)
	}}, err
}

// write appends the code, unless the text is that already.
func write(dst, text []byte, code alpha2) ([]byte, outcome, error) {
	if string(text) == string(code[:]) {
		return dst, same, nil
	}
	return append(dst, code[:]...), changed, nil
}

type alpha2 [2]byte

// codeTable finds codes of two capitals by the rules of package isonames.
type codeTable struct {
	codes, names map[string]alpha2 // by small letters and digits
	articles     []string
}

// The tables are built when a kind first needs them.
var (
	countryTable  = sync.OnceValue(func() *codeTable { return newCodeTable(isonames.Countries(), isonames.Articles[:]...) })
	languageTable = sync.OnceValue(func() *codeTable { return newCodeTable(isonames.Languages()) })
	plainLetters  = sync.OnceValue(isonames.Letters)
)

func newCodeTable(records []isonames.Record, articles ...string) *codeTable {
	t := &codeTable{codes: map[string]alpha2{}, names: map[string]alpha2{}, articles: articles}
	for _, r := range records {
		code := alpha2([]byte(r.Code))
		t.codes[strings.ToLower(r.Code)] = code
		for _, other := range r.Codes {
			t.codes[other] = code
			t.codes[strings.ToLower(other)] = code
		}
		for _, name := range r.Names {
			var b [maxName]byte
			key, word := plain(&b, []byte(name))
			t.names[string(key)] = code
			if rest := t.withoutArticle(key, word); rest != nil {
				t.names[string(rest)] = code
			}
		}
	}
	return t
}

func (t *codeTable) find(text []byte) (alpha2, bool) {
	if code, found := t.code(bytes.TrimFunc(text, blank)); found {
		return code, true
	}
	var b [maxName]byte
	key, word := plain(&b, text)
	code, found := t.names[string(key)]
	if !found {
		code, found = t.names[string(t.withoutArticle(key, word))]
	}
	return code, found
}

// code finds codes alone.
func (t *codeTable) code(text []byte) (alpha2, bool) {
	b := [3]byte{'0', '0', '0'}
	if len(text) == 0 || len(text) > len(b) {
		return alpha2{}, false
	}
	key := b[:len(text)]
	if text[0] <= '9' {
		key = b[:]
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		key[len(key)-len(text)+i] = c
	}
	code, found := t.codes[string(key)]
	return code, found
}

// withoutArticle is the key without its first word, which is that long, if that is an article.
func (t *codeTable) withoutArticle(key []byte, word int) []byte {
	if word < len(key) {
		for _, article := range t.articles {
			if string(key[:word]) == article {
				return key[word:]
			}
		}
	}
	return nil
}

// maxName is more than the longest name has, and bounds what is looked at.
const maxName = 80

// plain is what names are compared by, and how long its first word is. It is nil for what is longer than any name.
func plain(b *[maxName]byte, text []byte) (key []byte, word int) {
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r < utf8.RuneSelf {
			if c := ascii[r]; c != 0 {
				if n == maxName {
					return nil, 0
				}
				b[n] = c
				n++
			} else if word == 0 {
				word = n
			}
			text = text[1:]
			continue
		}
		text = text[size:]
		r = unicode.ToLower(r)
		letters, accented := plainLetters()[r]
		switch {
		case accented:
		case r >= 0x300 && r <= 0x36F: // combining marks
			continue
		case unicode.IsSpace(r), strings.ContainsRune(isonames.Punctuation+isonames.Invisible, r):
			if word == 0 {
				word = n
			}
			continue
		}
		if n+max(len(letters), utf8.UTFMax) > maxName {
			return nil, 0
		}
		if accented {
			n += copy(b[n:], letters)
		} else {
			n += utf8.EncodeRune(b[n:], r)
		}
	}
	if word == 0 {
		word = n
	}
	return b[:n], word
}

// ascii are the characters in small letters, and 0 for those that count for nothing.
var ascii = func() (table [utf8.RuneSelf]byte) {
	for c := range table {
		switch r := rune(c); {
		case unicode.IsSpace(r), strings.ContainsRune(isonames.Punctuation, r):
		default:
			table[c] = byte(unicode.ToLower(r))
		}
	}
	return table
}()

// blank is what may stand around a code or an address.
func blank(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(isonames.Invisible, r)
}

// localeLanguage is the language of a locale such as fr-BE, zh_Hant_TW or nl_BE.UTF-8@euro, and nil for another text.
func localeLanguage(text []byte) []byte {
	text = bytes.TrimFunc(text, blank)
	end := bytes.IndexAny(text[:min(len(text), 4)], "-_")
	if end < 0 || len(text) > 50 || !locale().Match(text) {
		return nil
	}
	return text[:end]
}

// locale matches a language with a script, a region or both, and behind a region what variants, encoding and modifier
// there may be.
var locale = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3})([-_]([0-9A-Za-z]{5,8}|[0-9][0-9A-Za-z]{3}))*(\.[0-9A-Za-z-]+)?(@[0-9A-Za-z]+)?)?$`)
})
