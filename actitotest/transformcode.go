package actitotest

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/actito-go/actito/internal/isonames"
)

// nameList finds the codes of countries or of languages, by the rules that package
// isonames states.
type nameList struct{ codes, names map[string]string }

var (
	countryNames  = sync.OnceValue(func() nameList { return newNameList(isonames.Countries(), isonames.Articles[:]) })
	languageNames = sync.OnceValue(func() nameList { return newNameList(isonames.Languages(), nil) })
	plainLetters  = sync.OnceValue(isonames.Letters)
)

func newNameList(records []isonames.Record, articles []string) nameList {
	l := nameList{map[string]string{}, map[string]string{}}
	for _, r := range records {
		for _, code := range append(r.Codes, r.Code) {
			l.codes[strings.ToUpper(code)] = r.Code
		}
		for _, name := range r.Names {
			for _, key := range keys(name, articles) {
				l.names[key] = r.Code
			}
		}
	}
	return l
}

// between says whether a character counts for nothing in names but to end a word.
func between(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(isonames.Punctuation+isonames.Invisible, r)
}

// keys are what a name is compared by: its letters and digits, also without an
// article in front.
func keys(name string, articles []string) []string {
	var plain strings.Builder
	for _, r := range name {
		r = unicode.ToLower(r)
		letters, accented := plainLetters()[r]
		switch {
		case accented:
			plain.WriteString(letters)
		case r < '\u0300' || r > '\u036f': // those between are combining marks
			plain.WriteRune(r)
		}
	}
	words := strings.FieldsFunc(plain.String(), between)
	all := []string{strings.Join(words, "")}
	if len(words) > 1 && slices.Contains(articles, words[0]) {
		all = append(all, strings.Join(words[1:], ""))
	}
	return all
}

// bare is a cell without what counts for nothing around a code, in capitals, but
// for letters that no code has, such as the Turkish i without a dot.
func bare(cell string) string {
	cell = strings.TrimFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(isonames.Invisible, r)
	})
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, cell)
}

func (l nameList) find(cell string, articles []string) (code string, ok bool) {
	if code, ok = l.codes[bare(cell)]; ok {
		return code, true
	}
	for _, key := range keys(cell, articles) {
		if code, ok = l.names[key]; ok {
			return code, true
		}
	}
	return "", false
}

var fewDigits = regexp.MustCompile("^[0-9]{1,3}$")

func country(*settings) rewrite {
	return func(cell string) (string, error) {
		list := countryNames()
		if digits := bare(cell); fewDigits.MatchString(digits) {
			cell = ("00" + digits)[len(digits)-1:]
		}
		code, ok := list.find(cell, isonames.Articles[:])
		if !ok {
			return "", errors.New("no country is known by it, or several are")
		}
		return code, nil
	}
}

// locale is a language with a script, a region or both, maybe variants, and behind a
// region an encoding and a modifier.
var locale = regexp.MustCompile(`^([A-Z]{2,3})(?:[-_][A-Z]{4})?(?:[-_](?:[A-Z]{2}|[0-9]{3})(?:[-_](?:[A-Z0-9]{5,8}|[0-9][A-Z0-9]{3}))*(?:\.[A-Z0-9-]+)?(?:@[A-Z0-9]+)?)?$`)

func language(*settings) rewrite {
	return func(cell string) (string, error) {
		list := languageNames()
		code, ok := list.find(cell, nil)
		if parts := locale.FindStringSubmatch(bare(cell)); !ok && parts != nil {
			code, ok = list.codes[parts[1]]
		}
		if !ok {
			return "", errors.New("no language with a code of two letters is known by it")
		}
		return code, nil
	}
}
