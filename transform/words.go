package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	kindBoolean = "BOOLEAN"
	kindSex     = "SEX"
	kindTitle   = "TITLE"
)

// Boolean reads true, 1, yes, y, on, oui, vrai, ja, waar, wahr, si, sí and verdadero as true, and false, 0, no, n, off,
// non, faux, nee, onwaar, nein, falsch and falso as false; capitals and small letters are equal. Any other text is an error.
// It writes true and false into JSON, and TRUE and FALSE into files.
func Boolean() Kind { return newKind(kindBoolean, nil) }

// BooleanWords is [Boolean] with other words than its own.
func BooleanWords(yes, no []string) Kind {
	return newKind(kindBoolean, booleanParams{yes, no})
}

type booleanParams struct {
	True  []string `json:"true,omitempty"`
	False []string `json:"false,omitempty"`
}

func readBoolean(object json.RawMessage, form Form) (action, error) {
	p, err := params[booleanParams](object)
	if err != nil {
		return action{}, err
	}
	if p.True == nil && p.False == nil {
		p.True = strings.Fields("true 1 yes y on oui vrai ja waar wahr si sí verdadero")
		p.False = strings.Fields("false 0 no n off non faux nee onwaar nein falsch falso")
	}
	list := []meaning{{"true", p.True}, {"false", p.False}}
	if form == CSV {
		list = []meaning{{"TRUE", p.True}, {"FALSE", p.False}}
	}
	return readWords(list, "", "")
}

// Sex writes M or F. It reads m, male, man, homme, masculin, mannelijk, mann, männlich, hombre and masculino; f, female,
// woman, femme, féminin, feminin, vrouw, vrouwelijk, w, frau, weiblich, mujer and femenino; capitals and small letters
// are equal. Any other text is an error, and so are two letters that are of either sex, by language: v is a Dutch vrouw and a
// Spanish varón, h a French homme and a Spanish hembra. [SexWords] says which. So it must where m is a mujer, in Spanish
// files of H and M: m alone is read as M, which is how Actito writes a man.
func Sex() Kind { return newKind(kindSex, nil) }

// SexWords is [Sex] with other words than its own.
func SexWords(male, female []string) Kind {
	return newKind(kindSex, sexParams{male, female})
}

type sexParams struct {
	M []string `json:"M,omitempty"`
	F []string `json:"F,omitempty"`
}

func readSex(object json.RawMessage, _ Form) (action, error) {
	p, err := params[sexParams](object)
	if err != nil {
		return action{}, err
	}
	hint := ""
	if p.M == nil && p.F == nil {
		p.M = strings.Fields("m male man homme masculin mannelijk mann männlich hombre masculino")
		p.F = strings.Fields("f female woman femme féminin feminin vrouw vrouwelijk w frau weiblich mujer femenino")
		hint = "; h and v are of either sex, by language: SexWords says which"
	}
	return readWords([]meaning{{"M", p.M}, {"F", p.F}}, "", hint)
}

// Title writes Mr, Mrs or Ms. It reads, with dots at the end or without, and capitals and small letters as equal:
//   - mr, mister, m, monsieur, herr, hr, heer, de heer, dhr, meneer, señor, senor and sr as Mr;
//   - mrs, mme, madame, frau, mevrouw, mevr, mw, señora, senora and sra as Mrs;
//   - ms, miss, mlle, mademoiselle, fräulein, fraeulein, frl, juffrouw, mejuffrouw, mej, señorita, senorita and srta as Ms,
//     the one of the three that says nothing about marriage and is closest to them.
//
// Any other text is an error. The Dutch degree mr. reads as Mr: put [MapValues] before it in files that have it.
func Title() Kind { return newKind(kindTitle, nil) }

func readTitle(object json.RawMessage, _ Form) (action, error) {
	if _, err := params[struct{}](object); err != nil {
		return action{}, err
	}
	return readWords([]meaning{
		{"Mr", append(strings.Fields("mr mister m monsieur herr hr heer dhr meneer señor senor sr"), "de heer")},
		{"Mrs", strings.Fields("mrs mme madame frau mevrouw mevr mw señora senora sra")},
		{"Ms", strings.Fields("ms miss mlle mademoiselle fräulein fraeulein frl juffrouw mejuffrouw mej señorita senorita srta")},
	}, ".", "")
}

// meaning is what is written for words.
type meaning struct {
	text  string
	words []string
}

// words is what the kinds of this file do.
type words struct {
	meanings map[string]string // by folded words
	longest  int               // of them, in bytes
	ignored  string            // at the end of a text
	expected error
}

func readWords(list []meaning, ignored, hint string) (action, error) {
	w := &words{meanings: map[string]string{}, ignored: ignored}
	var all []string
	for _, m := range list {
		if len(m.words) == 0 {
			return action{}, Refuse("its parameters lack the words for " + m.text)
		}
		for _, word := range m.words {
			key := fold(nil, []byte(word), len(word))
			if other, taken := w.meanings[string(key)]; taken && other != m.text || word == "" {
				return action{}, Refuse(fmt.Sprintf("its parameters have the word %.100q for %s, which is empty or has another meaning, too", word, m.text))
			}
			w.meanings[string(key)] = m.text
			w.longest = max(w.longest, len(key))
		}
		all = append(all, m.words...)
	}
	w.expected = Refuse("expected one of " + strings.Join(all, ", ") + hint)
	return action{value: w.change}, nil
}

func (w *words) change(dst, text []byte) ([]byte, outcome, error) {
	var room [64]byte
	key := fold(room[:0], bytes.TrimRight(text, w.ignored), w.longest)
	meaning, known := w.meanings[string(key)]
	switch {
	case !known:
		return dst, same, w.expected
	case string(text) == meaning:
		return dst, same, nil
	}
	return append(dst, meaning...), changed, nil
}

// fold appends a text in which letters that differ in case only are equal. It stops behind the longest of interest.
func fold(dst, text []byte, longest int) []byte {
	for len(text) > 0 && len(dst) <= longest {
		r, size := utf8.DecodeRune(text)
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		dst = utf8.AppendRune(dst, least)
		text = text[size:]
	}
	return dst
}
