package actitotest

import (
	"fmt"
	"strings"
	"unicode"
)

// blank is white space, and what looks like none at all.
func blank(r rune) bool {
	return unicode.Is(unicode.White_Space, r) || r == '\u200b' || r == '\ufeff'
}

func trim(s *settings) rewrite {
	var collapse bool
	s.take("collapse", &collapse)
	return func(cell string) (string, error) {
		if collapse {
			return strings.Join(strings.FieldsFunc(cell, blank), " "), nil
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
	switch {
	case len(values) == 0:
		s.refuse("values is missing")
	case strict && replaced:
		s.refuse("with strict there is no default")
	}
	return func(cell string) (string, error) {
		value, known := values[cell]
		switch {
		case known:
			return value, nil
		case strict:
			return "", fmt.Errorf("the value is not one of values")
		case !replaced:
			return cell, nil
		case other == nil:
			return "", nil
		}
		return *other, nil
	}
}
