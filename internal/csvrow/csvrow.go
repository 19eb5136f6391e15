// Package csvrow appends the lines of CSV files (RFC 4180, lines end in "\n") to byte slices.
//
// A separator is one ASCII character other than the double quote, CR and LF.
package csvrow

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

// Quote makes the raw text at dst[start:] a cell: it is enclosed in double quotes if it has to be, or if it begins or
// ends with white space, which some readers trim. plain reports that the text is ASCII without NUL, which comes for
// free here and saves most callers a closer look.
func Quote(dst []byte, start int, sep byte) (cell []byte, plain bool) {
	raw := dst[start:]
	if len(raw) == 0 {
		return dst, true
	}
	var seen class
	for _, c := range raw {
		seen |= classes[c]
		if c == sep {
			seen |= special
		}
	}
	plain = seen&odd == 0
	if seen&special == 0 && !blank(raw[0]) && !blank(raw[len(raw)-1]) {
		return dst, plain
	}
	// The cell is built behind the raw text and then moved over it, so that no scratch space is needed.
	end := len(dst)
	dst = append(dst, '"')
	for _, c := range raw {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	dst = append(dst, '"')
	return dst[:start+copy(dst[start:], dst[end:])], plain
}

// A class says what a byte means to a cell.
type class uint8

const (
	special class = 1 << iota // must be enclosed
	odd                       // NUL or not ASCII
)

var classes = func() (table [256]class) {
	table['"'], table['\n'], table['\r'] = special, special, special
	table[0] = odd
	for c := 0x80; c <= 0xff; c++ {
		table[c] = odd
	}
	return table
}()

func blank(c byte) bool { return c == ' ' || c == '\t' }

// End ends the line at dst[line:]. A lone empty cell is enclosed in quotes: readers skip empty lines.
func End(dst []byte, line int) []byte {
	if len(dst) == line {
		dst = append(dst, '"', '"')
	}
	return append(dst, '\n')
}
