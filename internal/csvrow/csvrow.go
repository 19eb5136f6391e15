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
		dst = Quote(append(dst, cell...), start, sep)
	}
	return End(dst, line)
}

// Quote makes the raw text at dst[start:] a cell: it is enclosed in double quotes if it has to be, or if it begins or
// ends with white space, which some readers trim.
func Quote(dst []byte, start int, sep byte) []byte {
	raw := dst[start:]
	if !needsQuotes(raw, sep) {
		return dst
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
	return dst[:start+copy(dst[start:], dst[end:])]
}

func needsQuotes(raw []byte, sep byte) bool {
	if len(raw) == 0 {
		return false
	}
	if blank(raw[0]) || blank(raw[len(raw)-1]) {
		return true
	}
	for _, c := range raw {
		if c == sep || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// End ends the line at dst[line:]. A lone empty cell is enclosed in quotes: readers skip empty lines.
func End(dst []byte, line int) []byte {
	if len(dst) == line {
		dst = append(dst, '"', '"')
	}
	return append(dst, '\n')
}
