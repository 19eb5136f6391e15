package actito

import (
	"sync"

	"github.com/actito-go/actito/internal/isonames"
)

// A codeSet holds codes of two letters: one bit each, in a word per first letter.
type codeSet struct {
	bits  [26]uint32
	upper bool // the codes must be in capitals
}

// languages are the codes of ISO 639-1; Actito's examples have them in capitals.
var languages = codesOf(isonames.Languages, false)

// countries are the codes of ISO 3166-1 alpha-2.
var countries = codesOf(isonames.Countries, true)

// codesOf are the codes of records, which are read when the first value is checked.
func codesOf(records func() []isonames.Record, upper bool) func() *codeSet {
	return sync.OnceValue(func() *codeSet {
		set := &codeSet{upper: upper}
		for _, r := range records() {
			set.bits[r.Code[0]-'A'] |= 1 << (r.Code[1] - 'A')
		}
		return set
	})
}

func isLanguage(b []byte) bool { return languages().holds(b) }
func isCountry(b []byte) bool  { return countries().holds(b) }

func (s *codeSet) holds(b []byte) bool {
	if len(b) != 2 || !isLetter(b[0]) || !isLetter(b[1]) || s.upper && (b[0] > 'Z' || b[1] > 'Z') {
		return false
	}
	const lower = 0x20
	return s.bits[(b[0]|lower)-'a']&(1<<((b[1]|lower)-'a')) != 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
