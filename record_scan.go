package actito

import (
	"bytes"
	"unicode/utf8"
)

// plainValues reads [{"name":"…","value":…},…], the form in which Actito writes attributes and properties, in one pass
// over b, which is valid JSON. Anything else, such as further members, another order or a name with escapes, is not
// plain: package json reads it, more slowly.
func plainValues(b []byte) (values []namedValue, plain bool) {
	s := scanner{b}
	if !s.take(`[`) {
		return nil, false
	}
	s.rest = bytes.Clone(s.rest) // the caller may use b again
	values = make([]namedValue, 0, bytes.Count(b, []byte(`"value"`)))
	if s.take(`]`) {
		return values, true
	}
	for {
		if !s.take(`{`) || !s.take(`"name"`) || !s.take(`:`) {
			return nil, false
		}
		name, plain := unescaped(s.value())
		if !plain || !s.take(`,`) || !s.take(`"value"`) || !s.take(`:`) {
			return nil, false
		}
		values = append(values, namedValue{string(name), s.value()})
		if !s.take(`}`) {
			return nil, false
		}
		if !s.take(`,`) {
			return values, true
		}
	}
}

// unescaped returns what is between the quotes of a JSON string, where that is what the string stands for.
func unescaped(b []byte) (text []byte, plain bool) {
	if b[0] != '"' {
		return nil, false
	}
	text = b[1 : len(b)-1]
	return text, bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text)
}

// A scanner walks through JSON that is known to be valid: it looks for no mistakes.
type scanner struct{ rest []byte }

// take goes past the token if it is next.
func (s *scanner) take(token string) bool {
	s.skipSpace()
	if len(s.rest) < len(token) || string(s.rest[:len(token)]) != token {
		return false
	}
	s.rest = s.rest[len(token):]
	return true
}

// value goes past the value that is next, within a list or an object, and returns it.
func (s *scanner) value() []byte {
	s.skipSpace()
	from := s.rest
	switch from[0] {
	case '"':
		s.skipString()
	case '{', '[':
		s.skipNested()
	default: // a number, true, false or null
		end := 1
		for c := from[end]; c > ' ' && c != ',' && c != '}' && c != ']'; c = from[end] {
			end++
		}
		s.rest = from[end:]
	}
	end := len(from) - len(s.rest)
	return from[:end:end]
}

func (s *scanner) skipSpace() {
	for len(s.rest) > 0 && s.rest[0] <= ' ' {
		s.rest = s.rest[1:]
	}
}

func (s *scanner) skipString() {
	end := 1
	for s.rest[end] != '"' {
		if s.rest[end] == '\\' {
			end++
		}
		end++
	}
	s.rest = s.rest[end+1:]
}

// skipNested goes past a list or an object.
func (s *scanner) skipNested() {
	for depth := 0; ; {
		switch s.rest[0] {
		case '"':
			s.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.rest = s.rest[1:]
		if depth == 0 {
			return
		}
	}
}
