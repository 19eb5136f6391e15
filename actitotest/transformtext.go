package actitotest

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

// blank is white space, also such as has no width.
func blank(r rune) bool { return unicode.IsSpace(r) || thin(r) }

func thin(r rune) bool { return r == '\u200b' || r == '\ufeff' }

func trim(s *settings) rewrite {
	var collapse bool
	s.take("collapse", &collapse)
	return func(cell string) (string, error) {
		if collapse {
			cell = strings.Map(func(r rune) rune {
				if thin(r) {
					return -1
				}
				return r
			}, cell)
			return strings.Join(strings.Fields(cell), " "), nil
		}
		return strings.TrimFunc(cell, blank), nil
	}
}

func uppercase(s *settings) rewrite  { return inLanguage(s, upper) }
func lowercase(s *settings) rewrite  { return inLanguage(s, lower) }
func capitalize(s *settings) rewrite { return inLanguage(s, capital) }

func inLanguage(s *settings, write func(text, language string) string) rewrite {
	var language string
	s.take("language", &language)
	language, _, _ = strings.Cut(strings.ToLower(language), "-") // what is behind it is a region or a script
	if language != "" && !slices.Contains(languages, language) {
		s.refuse("language is none of ISO 639-1")
	}
	return func(cell string) (string, error) { return write(cell, language), nil }
}

// mapValues replaces cells by what they stand for. Others stay, or are replaced by
// the default, or are refused.
func mapValues(s *settings) rewrite {
	var values map[string]string
	var other *string
	var strict bool
	_, replaced := s.left["default"]
	s.take("values", &values)
	s.take("default", &other)
	s.take("strict", &strict)
	_, ofEmpty := values[""]
	switch {
	case len(values) == 0:
		s.refuse("values is missing")
	case ofEmpty:
		s.refuse("values maps the empty text")
	case strict && replaced:
		s.refuse("with strict there is no default")
	}
	return func(cell string) (string, error) {
		value, known := values[cell]
		switch {
		case known:
			return value, nil
		case strict:
			return "", errors.New("it is none of values")
		case !replaced:
			return cell, nil
		case other == nil:
			return "", nil
		}
		return *other, nil
	}
}
