// Package csvrow appends the lines of CSV files (RFC 4180, lines end in "\n") to byte slices, in UTF-8 or ISO-8859-1. No
// file of such lines begins like a byte-order mark.
//
// A separator is one ASCII character other than the double quote, CR and LF.
package csvrow

import (
	"bytes"
	"encoding/binary"
)

// Append appends a line that holds the given cells.
func Append(dst []byte, sep byte, cells ...string) []byte {
	line := len(dst)
	for i, cell := range cells {
		if i > 0 {
			dst = append(dst, sep)
		}
		start := len(dst)
		dst, _ = Quote(append(dst, cell...), start, sep)
	}
	return End(dst, line)
}

// Quote makes the raw text at dst[start:] a cell: it is enclosed in double quotes if it has to be, if it begins or ends
// with white space, which some readers trim, or if it begins like a byte-order mark, which they take for one at the
// start of a file. plain reports that the text is ASCII without NUL, which comes for free here and saves most callers a
// closer look.
//
// It looks at eight bytes together, the last of them twice where they do not fill a word, and at single ones only if it
// has to.
func Quote(dst []byte, start int, sep byte) (cell []byte, plain bool) {
	raw := dst[start:]
	seps := uint64(sep) * ones
	var seen, found uint64
	switch last := len(raw) - 8; {
	case last >= 0:
		for i := 0; i < last; i += 8 {
			w := binary.LittleEndian.Uint64(raw[i:])
			seen, found = seen|w, found|notable(w, seps)
		}
		w := binary.LittleEndian.Uint64(raw[last:])
		seen, found = seen|w, found|notable(w, seps)
	case len(raw) >= 4:
		seen = uint64(binary.LittleEndian.Uint32(raw))<<32 | uint64(binary.LittleEndian.Uint32(raw[len(raw)-4:]))
		found = notable(seen, seps)
	case len(raw) == 0:
		return dst, true
	default:
		found = highs
	}
	special, plain := false, seen&highs == 0
	if found != 0 {
		special, plain = scan(raw, sep)
	}
	if special || blank(raw[0]) || blank(raw[len(raw)-1]) || !plain && mark(raw) {
		dst = enclose(dst, start)
	}
	return dst, plain
}

// In words whose bytes are all ones, or all highs, arithmetic acts on eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// notable is not 0 if a byte of w is a quote, a byte of seps or a control, as line ends and NUL are.
func notable(w, seps uint64) uint64 {
	const lows = highs - ones // 0x7f in each byte, so that no sum carries into the next one
	quote, sep := w^'"'*ones, w^seps
	others := (quote&lows + lows | quote) & (sep&lows + lows | sep) & (w&lows + (0x80-' ')*ones | w)
	return ^others & highs
}

// scan reports whether a byte of raw must be enclosed, and whether all of them are ASCII without NUL.
func scan(raw []byte, sep byte) (special, plain bool) {
	var seen class
	for _, c := range raw {
		seen |= classes[c]
		if c == sep {
			seen |= mustEnclose
		}
	}
	return seen&mustEnclose != 0, seen&odd == 0
}

// A class says what a byte means to a cell.
type class uint8

const (
	mustEnclose class = 1 << iota
	odd               // NUL or not ASCII
)

var classes = func() (table [256]class) {
	table['"'], table['\n'], table['\r'] = mustEnclose, mustEnclose, mustEnclose
	table[0] = odd
	for c := 0x80; c <= 0xff; c++ {
		table[c] = odd
	}
	return table
}()

func blank(c byte) bool { return c == ' ' || c == '\t' }

// mark reports whether a cell begins like the byte-order mark of UTF-8 or UTF-16.
func mark(cell []byte) bool {
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
