package actito

import (
	"hash/maphash"
	"unicode"
	"unicode/utf8"
)

// maxCheckedKeys is how many different values a check remembers of one column.
const maxCheckedKeys = 10_000_000

// A keySet remembers the values of a column by hashes of 16 bytes, and the line in which each stands first.
type keySet struct {
	seeds   [2]maphash.Seed
	first   map[keyHash]firstKey // by the value without case
	cased   map[keyHash]uint32   // lines of values that differ from one in first by case only
	scratch []byte
	filled  bool // a column holds the values
}

// A keyHash is 16 bytes, so that two values never share one.
type keyHash [2]uint64

// firstKey is the first of the values that are the same without case.
type firstKey struct {
	line  uint32
	exact uint32 // of the hash with case: few values are compared with it
}

// keyState says whether a value is in a set.
type keyState uint8

const (
	keyAbsent keyState = iota
	keyPresent
	keyOtherCase // in other upper or lower case only
)

func newKeySet() *keySet {
	return &keySet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, first: map[keyHash]firstKey{}}
}

// find looks a value up and tells the line of the one that it found.
func (s *keySet) find(value []byte) (state keyState, line int) {
	folded, exact := s.hash(value)
	return s.lookUp(folded, exact)
}

// add looks a value up, and remembers it if it is not there in the same case.
func (s *keySet) add(value []byte, line int) (state keyState, first int) {
	folded, exact := s.hash(value)
	state, first = s.lookUp(folded, exact)
	switch at := uint32(min(line, 1<<32-1)); state { //nolint:gosec // a file of more lines has too many keys
	case keyAbsent:
		s.first[folded] = firstKey{at, uint32(exact[0])} //nolint:gosec // a part of the hash
	case keyOtherCase:
		if s.cased == nil {
			s.cased = map[keyHash]uint32{}
		}
		s.cased[exact] = at
	}
	return state, first
}

func (s *keySet) lookUp(folded, exact keyHash) (keyState, int) {
	f, found := s.first[folded]
	if !found {
		return keyAbsent, 0
	}
	if f.exact == uint32(exact[0]) { //nolint:gosec // a part of the hash
		return keyPresent, int(f.line)
	}
	if line, found := s.cased[exact]; found {
		return keyPresent, int(line)
	}
	return keyOtherCase, int(f.line)
}

func (s *keySet) size() int { return len(s.first) + len(s.cased) }

// hash hashes a value without case and with it.
func (s *keySet) hash(value []byte) (folded, exact keyHash) {
	exact = s.sum(value)
	lower, changed := s.scratch[:0], false
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c < utf8.RuneSelf:
			if c >= 'A' && c <= 'Z' {
				c, changed = c+'a'-'A', true
			}
			lower = append(lower, c)
			i++
		default:
			r, n := utf8.DecodeRune(value[i:])
			low := unicode.ToLower(r)
			lower, changed = utf8.AppendRune(lower, low), changed || low != r
			i += n
		}
	}
	s.scratch = lower
	if !changed {
		return exact, exact
	}
	return s.sum(lower), exact
}

func (s *keySet) sum(b []byte) keyHash {
	return keyHash{maphash.Bytes(s.seeds[0], b), maphash.Bytes(s.seeds[1], b)}
}
