package transform

import (
	"bytes"
	"encoding/json"
	"unicode"
)

const (
	kindTrim      = "TRIM"
	kindNullWords = "NULL_WORDS"
)

func textKinds() map[string]definition {
	return map[string]definition{
		kindTrim:         {read: readTrim, service: true},
		kindUppercase:    {read: readUppercase, service: true},
		kindLowercase:    {read: readLowercase, service: true},
		kindCapitalize:   {read: readCapitalize, service: true},
		kindMapValues:    {read: readMapValues, service: true},
		kindTitleCase:    {read: readTitleCase},
		kindUnicode:      {read: readUnicode},
		kindReplace:      {read: readReplace},
		kindReplaceRegex: {read: readReplaceRegex},
		kindNullWords:    {read: readNullWords},
	}
}

// Trim removes white space at both ends: what Unicode calls so, no-break spaces among it, and the zero width space and
// byte order mark that come along with copied texts. What is nothing else becomes unset.
func Trim() Kind { return newKind(kindTrim, trim{}) }

// Collapse is [Trim] that makes one space of each run of white space inside, too. Zero width spaces and byte order marks
// that stand alone are removed there: nobody sees them.
func Collapse() Kind { return newKind(kindTrim, trim{Collapse: true}) }

type trim struct {
	Collapse bool `json:"collapse,omitempty"`
}

func readTrim(object json.RawMessage, _ Form) (action, error) {
	p, err := params[trim](object)
	return action{value: p.value}, err
}

func (p trim) value(dst, text []byte) ([]byte, outcome, error) {
	rest, start := bytes.TrimFunc(text, isSpace), len(dst)
	if len(rest) == 0 {
		return dst, unset, nil
	}
	for p.Collapse {
		word := bytes.IndexFunc(rest, isSpace)
		if word < 0 {
			break
		}
		next := bytes.TrimLeftFunc(rest[word:], isSpace)
		dst = append(dst, rest[:word]...)
		if bytes.ContainsFunc(rest[word:len(rest)-len(next)], unicode.IsSpace) {
			dst = append(dst, ' ')
		}
		rest = next
	}
	if len(rest) == len(text) {
		return dst, same, nil
	}
	return compared(append(dst, rest...), start, text)
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }

// compared is the outcome of a text that was written behind dst[:start].
func compared(dst []byte, start int, text []byte) ([]byte, outcome, error) {
	switch written := dst[start:]; {
	case bytes.Equal(written, text):
		return dst[:start], same, nil
	case len(written) == 0:
		return dst, unset, nil
	}
	return dst, changed, nil
}

// NullWords makes values unset that are one of the words, such as "NULL" or "N/A": the whole value, letter by letter,
// spaces included.
func NullWords(words ...string) Kind { return newKind(kindNullWords, nullWords{Words: words}) }

type nullWords struct {
	Words []string `json:"words"`
}

func readNullWords(object json.RawMessage, _ Form) (action, error) {
	p, err := params[nullWords](object)
	if err == nil && len(p.Words) == 0 {
		err = Refuse("its parameter words is missing: list the values that stand for none")
	}
	words := make(map[string]bool, len(p.Words))
	for _, w := range p.Words {
		words[w] = true
	}
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		if words[string(text)] {
			return dst, unset, nil
		}
		return dst, same, nil
	}}, err
}
