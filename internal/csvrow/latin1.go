package csvrow

import "unicode/utf8"

// Latin1 turns the cell at dst[start:], which is valid UTF-8, into ISO-8859-1, whose characters are the first 256 of
// Unicode. mapped reports whether it has them all; otherwise what dst[start:] holds is undefined.
func Latin1(dst []byte, start int) (cell []byte, mapped bool) {
	text := dst[start:]
	n := 0
	for i := 0; i < len(text); n++ {
		c := text[i]
		i++
		if c >= utf8.RuneSelf {
			if c > 0xc3 { // the first byte of U+0100 and above
				return dst, false
			}
			c = c<<6 | text[i]&0x3f
			i++
		}
		text[n] = c
	}
	dst = dst[:start+n]
	if mark(dst[start:]) {
		dst = enclose(dst, start)
	}
	return dst, true
}
