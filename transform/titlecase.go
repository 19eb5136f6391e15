package transform

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

const kindTitleCase = "TITLE_CASE"

// TitleCase is for names of people and places that are written in capitals, or not at all: of each word it writes the
// first letter as a capital, and all others small.
//
// Words end at white space, hyphens and other signs. Behind one letter and an apostrophe, as in O'Brien and D'Arcy, comes
// another capital; a 's or 't in front of a word stays small, as in 's-Hertogenbosch. Words that begin with a digit are
// small: 1er, 2nd. [Kind.Language] names the language, of which the following have words that are small unless they are
// the first: nl, fr, de and es, such as van, de la, zu and del. Belgian surnames begin with a capital, as in Jan De Smet: leave
// the language out where a column holds first names, too.
//
// Capitals inside words are lost: McDonald becomes Mcdonald, and NASA Nasa.
func TitleCase() Kind { return newKind(kindTitleCase, nil) }

// particlesOf a language are words that are small unless they are the first. Of French, d' and l' are, too.
var particlesOf = map[string]map[string]bool{
	"nl": wordSet("aan bij de den der en het in op te ten ter van"),
	"fr": wordSet("à au aux d de des du en et l la le les lès lez sous sur"),
	"de": wordSet("am an auf bei dem den der im in ob und vom von zu zum zur"),
	"es": wordSet("de del la las los y"),
}

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

const longestParticle = 4 // in bytes

// titles writes words in the way of one language.
type titles struct {
	title, lower *caser
	particles    map[string]bool
	odd, dutch   bool
}

func readTitleCase(object json.RawMessage, _ Form) (action, error) {
	tag, odd, err := readLetters(object)
	base, _ := tag.Base()
	t := &titles{
		title:     newCaser(func() cases.Caser { return cases.Title(tag) }),
		lower:     newCaser(func() cases.Caser { return cases.Lower(tag) }),
		particles: particlesOf[base.String()], odd: odd, dutch: isDutch(tag),
	}
	return action{value: t.value}, err
}

func (t *titles) value(dst, text []byte) ([]byte, outcome, error) {
	start, first, quoted := len(dst), true, false
	for rest := text; len(rest) > 0; {
		n, apostrophe := wordLength(rest)
		if n == 0 {
			r, size := utf8.DecodeRune(rest)
			dst, rest, quoted = append(dst, rest[:size]...), rest[size:], isApostrophe(r)
			continue
		}
		var err error
		if quoted && n == 1 && (rest[0]|0x20 == 's' || rest[0]|0x20 == 't') {
			dst = append(dst, rest[0]|0x20)
		} else {
			dst, err = t.word(dst, rest[:n], apostrophe, first)
			first = false
		}
		if err != nil {
			return dst, same, err
		}
		rest, quoted = rest[n:], false
	}
	return compared(dst, start, text)
}

// wordLength is the length of the word that a text begins with, and where its first apostrophe is, or 0. An apostrophe
// is part of a word if letters are on both sides of it.
func wordLength(text []byte) (n, apostrophe int) {
	for n < len(text) {
		if b := text[n]; 'a' <= b|0x20 && b|0x20 <= 'z' || '0' <= b && b <= '9' {
			n++
			continue
		}
		r, size := utf8.DecodeRune(text[n:])
		if isApostrophe(r) && n > 0 {
			next, _ := utf8.DecodeRune(text[n+size:])
			if !unicode.IsLetter(next) {
				break
			}
			if apostrophe == 0 {
				apostrophe = n
			}
		} else if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			break
		}
		n += size
	}
	return n, apostrophe
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

func (t *titles) word(dst, word []byte, apostrophe int, first bool) ([]byte, error) {
	if r, _ := utf8.DecodeRune(word); unicode.IsDigit(r) {
		return t.small(dst, word)
	}
	if head := word[:apostrophe]; apostrophe > 0 && isLetter(head) {
		_, size := utf8.DecodeRune(word[apostrophe:])
		tail := word[apostrophe+size:]
		dst, err := t.word(dst, head, 0, first)
		if err != nil {
			return dst, err
		}
		dst = append(dst, word[apostrophe:apostrophe+size]...)
		if isLetter(tail) {
			return t.small(dst, tail)
		}
		return t.big(dst, tail)
	}
	if !first && t.particles != nil && len(word) <= longestParticle {
		start := len(dst)
		lower, err := t.small(dst, word)
		if err != nil || t.particles[string(lower[start:])] {
			return lower, err
		}
	}
	return t.big(dst, word)
}

// isLetter reports whether the word is one letter, with its marks.
func isLetter(word []byte) bool { return firstLetter(word, false) == len(word) }

// small appends the word in small letters.
func (t *titles) small(dst, word []byte) ([]byte, error) {
	if t.odd || !isASCII(word) {
		return t.lower.append(dst, word)
	}
	for _, b := range word {
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		dst = append(dst, b)
	}
	return dst, nil
}

// big appends the word with its first letter as a capital.
func (t *titles) big(dst, word []byte) ([]byte, error) {
	if t.odd || t.dutch && word[0]|0x20 == 'i' || !isASCII(word) {
		return t.title.append(dst, word)
	}
	start := len(dst)
	dst, err := t.small(dst, word)
	if b := &dst[start]; 'a' <= *b && *b <= 'z' {
		*b ^= 0x20
	}
	return dst, err
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
