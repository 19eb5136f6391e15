// Package email knows which e-mail addresses Actito takes.
package email

import "bytes"

// At finds the @ of an address that Actito takes: words of ASCII with dots between, and behind the @ labels with dots
// between, the last one of two letters or more.
//
// assumed: the characters of words and labels.
func At(address []byte) (at int, ok bool) {
	at = -1
	part, letters := 0, true // of the word or label
	for i, c := range address {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case c == '.' || c == '@' && at < 0:
			if part == 0 {
				return at, false
			}
			if c == '@' {
				at = i
			}
			part, letters = 0, true
			continue
		case letter || c == '-' || c >= '0' && c <= '9':
		case at >= 0 || bytes.IndexByte([]byte("!#$%&'*+/=?^_{|}~`"), c) < 0:
			return at, false
		}
		part, letters = part+1, letters && letter
	}
	return at, at >= 0 && part >= 2 && letters && bytes.IndexByte(address[at:], '.') > 0
}
