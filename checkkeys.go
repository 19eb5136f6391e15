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
	first   keyTable // by the value without case
	cased   keyTable // by the value with case: those that differ from one in first by case only
	most    int      // values that it may hold
	scratch []byte
	filled  bool // a column holds the values
}

// keyState says whether a value is in a set.
type keyState uint8

const (
	keyAbsent keyState = iota
	keyPresent
	keyOtherCase // in other upper or lower case only
)

func newKeySet() *keySet {
	return &keySet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, most: maxCheckedKeys}
}

// find looks a value up and tells the line of the one that it found.
func (s *keySet) find(value []byte) (state keyState, line int) {
	return s.lookUp(s.hash(value))
}

// add looks a value up, and remembers it if it is not there in the same case. Lines begin with 1.
func (s *keySet) add(value []byte, line int) (state keyState, first int) {
	folded, exact := s.hash(value)
	state, first = s.lookUp(folded, exact)
	at := uint32(min(line, 1<<32-1)) //nolint:gosec // a file of more lines has too many keys
	switch state {
	case keyAbsent:
		s.first.add(keyEntry{folded, exact[0], at})
	case keyOtherCase:
		s.cased.add(keyEntry{exact, exact[0], at})
	}
	return state, first
}

func (s *keySet) lookUp(folded, exact keyHash) (keyState, int) {
	first := s.first.get(folded)
	switch {
	case first.line == 0:
		return keyAbsent, 0
	case first.exact == exact[0]:
		return keyPresent, int(first.line)
	}
	if same := s.cased.get(exact); same.line > 0 {
		return keyPresent, int(same.line)
	}
	return keyOtherCase, int(first.line)
}

func (s *keySet) size() int { return s.first.size + s.cased.size }

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
	high, low := maphash.Bytes(s.seeds[0], b), maphash.Bytes(s.seeds[1], b)
	return keyHash{uint32(high >> 32), uint32(high), uint32(low)} //nolint:gosec // the parts of a hash
}

// A keyTable finds entries by their hashes, in half the memory of a map. It is in parts by the first byte of the hash,
// each of which grows alone and by a quarter, so that growing needs little memory more.
type keyTable struct {
	size  int
	parts [256]keyPart
}

type keyPart struct {
	used    int
	entries []keyEntry // in the order of the second word of their hashes, but for those whose place was taken
}

// A keyHash is the hash of a value without case. With a word of that of the value itself it makes the 16 bytes that two
// values never share.
type keyHash [3]uint32

type keyEntry struct {
	hash  keyHash
	exact uint32 // of the value itself
	line  uint32 // 0 if the entry is free
}

// get returns the entry of a hash, and a free one if there is none.
func (t *keyTable) get(hash keyHash) (e keyEntry) {
	if p := &t.parts[hash[0]>>24]; p.used > 0 {
		e = *p.place(hash)
	}
	return e
}

// add adds an entry whose hash is not there.
func (t *keyTable) add(e keyEntry) {
	p := &t.parts[e.hash[0]>>24]
	if old := p.entries; (p.used+1)*8 > len(old)*7 {
		p.entries = make([]keyEntry, len(old)+len(old)/4+8)
		for _, e := range old {
			if e.line > 0 {
				*p.place(e.hash) = e
			}
		}
	}
	*p.place(e.hash) = e
	p.used++
	t.size++
}

// place finds the entry of a hash, or the free one that it would take. One in eight at least is free.
func (p *keyPart) place(hash keyHash) *keyEntry {
	i := int(uint64(hash[1]) * uint64(len(p.entries)) >> 32)
	for p.entries[i].line > 0 && p.entries[i].hash != hash {
		if i++; i == len(p.entries) {
			i = 0
		}
	}
	return &p.entries[i]
}
