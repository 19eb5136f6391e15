package transform

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	xtransform "golang.org/x/text/transform"
)

const (
	kindUppercase  = "UPPERCASE"
	kindLowercase  = "LOWERCASE"
	kindCapitalize = "CAPITALIZE"
)

// Uppercase writes all letters as capitals, as Unicode says: ß becomes SS. [Kind.Language] names a language that has
// rules of its own. A value that is not UTF-8 stays as it is.
func Uppercase() Kind { return newKind(kindUppercase, nil) }

// Lowercase writes all letters small, as Unicode says: a Σ at the end of a word becomes ς. [Kind.Language] names a
// language that has rules of its own. A value that is not UTF-8 stays as it is.
func Lowercase() Kind { return newKind(kindLowercase, nil) }

// Capitalize writes the first letter as a capital, and leaves all others as they are. Whatever stands before it stays,
// be it quotes, digits or an apostrophe. [Kind.Language] names a language that has rules of its own.
func Capitalize() Kind { return newKind(kindCapitalize, nil) }

// Language lets [Uppercase], [Lowercase], [Capitalize] and [TitleCase] follow the rules of a language, a BCP 47 tag: İ is
// the capital of i in "tr" and "az", IJ that of ij in "nl", and capitals have no accents in "el". Of [Date] and [DateTime]
// it is the language of the names of months: "de", "en", "es", "fr" or "nl", and "en" unless it is set.
func (k Kind) Language(tag string) Kind { return k.with("language", tag) }

type letters struct {
	Language string `json:"language"`
}

// readLetters reads the language: the root of all if none is given. odd is a language that treats an ASCII letter
// in its own way, at least beside others.
func readLetters(object json.RawMessage) (tag language.Tag, odd bool, err error) {
	p, err := params[letters](object)
	if err != nil || p.Language == "" {
		return language.Und, false, err
	}
	tag, err = language.Parse(p.Language)
	if err != nil {
		return tag, false, Refuse(`its parameter language is no language: give a BCP 47 tag such as "nl"`)
	}
	base, _ := tag.Base()
	return tag, slices.Contains([]string{"tr", "az", "lt"}, base.String()), nil
}

func isDutch(tag language.Tag) bool {
	base, _ := tag.Base()
	return base.String() == "nl"
}

func readUppercase(object json.RawMessage, _ Form) (action, error) {
	tag, odd, err := readLetters(object)
	c := newCaser(func() cases.Caser { return cases.Upper(tag) })
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		return c.all(dst, text, 'a', 'z', odd)
	}}, err
}

func readLowercase(object json.RawMessage, _ Form) (action, error) {
	tag, odd, err := readLetters(object)
	c := newCaser(func() cases.Caser { return cases.Lower(tag) })
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		return c.all(dst, text, 'A', 'Z', odd)
	}}, err
}

func readCapitalize(object json.RawMessage, _ Form) (action, error) {
	tag, odd, err := readLetters(object)
	c, dutch := newCaser(func() cases.Caser { return cases.Title(tag, cases.NoLower) }), isDutch(tag)
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		from := 0
		for from < len(text) {
			r, size := utf8.DecodeRune(text[from:])
			if unicode.IsLetter(r) {
				break
			}
			from += size
		}
		if from == len(text) {
			return dst, same, nil
		}
		start := len(dst)
		if first := text[from]; first < utf8.RuneSelf && !odd && !dutch {
			if first <= 'Z' {
				return dst, same, nil
			}
			dst = append(dst, text...)
			dst[start+from] -= 'a' - 'A'
			return dst, changed, nil
		}
		to := from + firstLetter(text[from:], dutch)
		dst, err := c.append(append(dst, text[:from]...), text[from:to])
		if err != nil {
			return dst, same, err
		}
		return compared(append(dst, text[to:]...), start, text)
	}}, err
}

// firstLetter is the length of the letter that a text begins with: of its marks too, and in Dutch of ij.
func firstLetter(text []byte, dutch bool) int {
	_, n := utf8.DecodeRune(text)
	if dutch && len(text) > 1 && text[0]|0x20 == 'i' && text[1]|0x20 == 'j' {
		n = 2
	}
	for n < len(text) {
		r, size := utf8.DecodeRune(text[n:])
		if !unicode.IsMark(r) {
			break
		}
		n += size
	}
	return n
}

// caser changes the case of texts. It is safe for concurrent use, which those of the package cases are not.
type caser struct{ pool sync.Pool }

func newCaser(build func() cases.Caser) *caser {
	return &caser{sync.Pool{New: func() any { c := build(); return &c }}}
}

// all changes all letters. ASCII letters from the first to the last are those that change, unless the language is odd.
func (c *caser) all(dst, text []byte, first, last byte, odd bool) ([]byte, outcome, error) {
	start, ascii, change := len(dst), !odd, -1
	for i := 0; ascii && i < len(text); i++ {
		b := text[i]
		ascii = b < utf8.RuneSelf
		if change < 0 && first <= b && b <= last {
			change = i
		}
	}
	if !ascii && !utf8.Valid(text) { // the package cases may panic, and a reader of rows refuses it
		return dst, same, nil
	}
	if !ascii {
		dst, err := c.append(dst, text)
		if err != nil {
			return dst, same, err
		}
		return compared(dst, start, text)
	}
	if change < 0 {
		return dst, same, nil
	}
	dst = append(dst, text...)
	for i, b := range dst[start+change:] {
		if first <= b && b <= last {
			dst[start+change+i] = b ^ 0x20
		}
	}
	return dst, changed, nil
}

// append changes the text at once: where a caser goes on after a short dst, it has forgotten that it was in a word.
func (c *caser) append(dst, text []byte) ([]byte, error) {
	own := c.pool.Get().(*cases.Caser)
	defer c.pool.Put(own)
	for room := len(text) + len(text)/4 + 8; ; room *= 2 {
		dst = slices.Grow(dst, room)
		own.Reset()
		n, _, err := own.Transform(dst[len(dst):cap(dst)], text, true)
		if !errors.Is(err, xtransform.ErrShortDst) {
			return dst[:len(dst)+n], err
		}
	}
}
