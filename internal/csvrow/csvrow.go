// Package csvrow appends the lines of CSV files (RFC 4180, lines end in "\n") to byte slices, in UTF-8 or ISO-8859-1. No
// file of such lines begins like a byte-order mark.
//
// A separator is one ASCII character other than the double quote, CR and LF.
package csvrow

import (
	"bytes"
)

// Append appends a line that holds the given cells.
func Append(dst []byte, sep byte, cells ...string) []byte {
	line := len(dst)
	for i, cell := range cells {
		if i > 0 {
			dst = append(dst, sep)
		}
		dst, _ = AppendCell(dst, cell, sep)
	}
	return End(dst, line)
}

// AppendCell appends text as a cell, as Quote makes it.
func AppendCell(dst []byte, text string, sep byte) (cell []byte, plain bool) {
	special, plain := look(text, sep)
	start := len(dst)
	dst = append(dst, text...)
	if special {
		dst = enclose(dst, start)
	}
	return dst, plain
}

// Quote makes the raw text at dst[start:] a cell: it is enclosed in double quotes if it has to be, if it begins or ends
// with white space, which some readers trim, or if it begins like a byte-order mark, which they take for one at the
// start of a file. plain reports that the text is ASCII without controls, which comes for free here and saves most
// callers a closer look.
func Quote(dst []byte, start int, sep byte) (cell []byte, plain bool) {
	special, plain := look(dst[start:], sep)
	if special {
		dst = enclose(dst, start)
	}
	return dst, plain
}

// look reports whether raw has to be enclosed, and whether it is plain. It looks at eight bytes together, the last of
// them twice where they do not fill a word, and at single ones only if it has to.
func look[T string | []byte](raw T, sep byte) (special, plain bool) {
	if len(raw) == 0 {
		return false, true
	}
	var ends, controls, high uint64
	seps := uint64(sep) * ones
	add := func(w uint64) { ends, controls, high = ends|quotesOr(w, seps), controls|below(w), high|w }
	switch last := len(raw) - 8; {
	case last >= 0:
		for i := 0; i < last; i += 8 {
			add(word(raw[i:]))
		}
		add(word(raw[last:]))
	case last >= -4:
		add(half(raw)<<32 | half(raw[last+4:]))
	default:
		add(short(raw))
	}
	special = ends&highs != 0 || controls&highs != 0 && breaks(raw) || blank(raw[0]) || blank(raw[len(raw)-1])
	if high&highs != 0 {
		return special || mark(raw), false
	}
	return special, controls&highs == 0
}

// In words whose bytes are all ones, or all highs, arithmetic acts on eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	lows  = highs - ones // 0x7f in each byte, so that no sum carries into the next one
)

// quotesOr has the highest bit of each byte set that is a quote or a byte of seps.
func quotesOr(w, seps uint64) uint64 {
	quote, sep := w^'"'*ones, w^seps
	return ^((quote&lows + lows | quote) & (sep&lows + lows | sep))
}

// below has the highest bit of each byte set that is a control, as line ends and NUL are.
func below(w uint64) uint64 { return ^(w&lows + (0x80-' ')*ones | w) }

// word is the first eight bytes.
func word[T string | []byte](b T) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func half[T string | []byte](b T) uint64 {
	_ = b[3]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24
}

// short is one to three bytes, of which the first is repeated.
func short[T string | []byte](b T) uint64 {
	w := uint64(b[0]) * ones
	for i := range len(b) {
		w = w<<8 | uint64(b[i])
	}
	return w
}

// breaks reports whether raw holds a line end.
func breaks[T string | []byte](raw T) bool {
	for i := range len(raw) {
		if raw[i] == '\n' || raw[i] == '\r' {
			return true
		}
	}
	return false
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// mark reports whether a cell begins like the byte-order mark of UTF-8 or UTF-16.
func mark[T string | []byte](cell T) bool {
	return len(cell) >= 2 && (cell[0] == 0xfe && cell[1] == 0xff || cell[0] == 0xff && cell[1] == 0xfe ||
		len(cell) >= 3 && cell[0] == 0xef && cell[1] == 0xbb && cell[2] == 0xbf)
}

// enclose puts the raw text at dst[start:] between double quotes, and doubles those in it.
func enclose(dst []byte, start int) []byte {
	// The cell is built behind the raw text and then moved over it, so that no scratch space is needed.
	end := len(dst)
	dst = append(dst, '"')
	for rest := dst[start:end]; len(rest) > 0; {
		n := bytes.IndexByte(rest, '"') + 1
		if n == 0 {
			dst = append(dst, rest...)
			break
		}
		dst = append(append(dst, rest[:n]...), '"')
		rest = rest[n:]
	}
	dst = append(dst, '"')
	return dst[:start+copy(dst[start:], dst[end:])]
}

// End ends the line at dst[line:]. A lone empty cell is enclosed in quotes: readers skip empty lines.
func End(dst []byte, line int) []byte {
	if len(dst) == line {
		dst = append(dst, '"', '"')
	}
	return append(dst, '\n')
}
