package actito

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// charset is how the bytes of a file are declared to be read.
type charset uint8

const (
	inUTF8 charset = iota
	inLatin1
	inWindows1252
)

func (c charset) String() string { return [...]string{"UTF-8", "ISO-8859-1", "Windows-1252"}[c] }

// windows1252 has the characters from 0x80 to 0x9f, where it differs from ISO-8859-1; five are not in use.
var windows1252 = []rune("€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ")

// textCheck checks the text of a file piece by piece. Nothing in a byte tells what it means in ISO-8859-1, so only
// signs of a mistake can be found: codes for which there is no printable character, and a file that is valid UTF-8 all
// through, which no other text of some length is.
type textCheck struct {
	charset charset
	decoded []byte // the last piece in UTF-8, of Windows-1252
	high    bool   // some byte was not ASCII
	notUTF8 bool
}

// flaw is why a piece is valid only in part.
type flaw struct{ rule, detail string }

var (
	flawNUL     = &flaw{"nul", "there is a NUL byte: the file is damaged, binary, or in UTF-16"}
	flawUTF8    = &flaw{"utf-8", "the text is not UTF-8; spreadsheet programs save Windows-1252 unless told otherwise: declare FromExcel, or what it is with Encoded"}
	flawLatin1  = &flaw{"iso-8859-1", "there is a character that ISO-8859-1 does not have; spreadsheet programs save Windows-1252, which FromExcel declares"}
	flawWindows = &flaw{"windows-1252", "there is a byte that has no meaning in Windows-1252: the file is in another encoding"}
)

// check returns the valid beginning of p, in the encoding that is passed on, and what is wrong with what follows. p does
// not end inside a character of UTF-8.
func (t *textCheck) check(p []byte) (valid []byte, f *flaw) {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		p, f = p[:i], flawNUL
	}
	if t.charset == inUTF8 {
		if !utf8.Valid(p) {
			return p[:validPrefix(p)], flawUTF8
		}
		return p, f
	}
	t.notUTF8 = t.notUTF8 || !utf8.Valid(p)
	if t.charset == inWindows1252 {
		return t.decode(p, f)
	}
	for i, b := range p {
		if b < utf8.RuneSelf {
			continue
		}
		t.high = true
		if b < 0xa0 {
			return p[:i], flawLatin1
		}
	}
	return p, f
}

// decode turns Windows-1252 into UTF-8.
func (t *textCheck) decode(p []byte, f *flaw) ([]byte, *flaw) {
	t.decoded = t.decoded[:0]
	for len(p) > 0 {
		plain := 0
		for plain < len(p) && p[plain] < utf8.RuneSelf {
			plain++
		}
		t.decoded = append(t.decoded, p[:plain]...)
		if p = p[plain:]; len(p) == 0 {
			break
		}
		t.high = true
		r := rune(p[0])
		if r < 0xa0 {
			r = windows1252[r-0x80]
		}
		if r == utf8.RuneError {
			return t.decoded, flawWindows
		}
		t.decoded = utf8.AppendRune(t.decoded, r)
		p = p[1:]
	}
	return t.decoded, f
}

// misdeclared reports, at the end of the file, that it is UTF-8.
func (t *textCheck) misdeclared() bool { return t.charset != inUTF8 && t.high && !t.notUTF8 }

// brokenTail counts the bytes at the end of p that may be the beginning of a character.
func brokenTail(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

func validPrefix(p []byte) int {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(p)
}

func fromLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
