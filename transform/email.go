package transform

import (
	"bytes"
	"encoding/json"

	"github.com/actito-go/actito/internal/email"
)

// Email cleans e-mail addresses and checks them. It takes away white space and runes of no width around them, "mailto:" in
// front, angle brackets and a display name ("Ann Lee <ann@example.be>"), and writes the domain in small letters. What is
// before the @ stays as it is, since mail servers may tell capitals from small letters: chain [Lowercase] for all of it.
// What is left must be an address that Actito takes: one @, no accents and no space, a suffix of at least two letters, no
// dot at either end of a part or beside another. Anything else, such as two addresses, is refused.
func Email() Kind { return newKind(kindEmail, nil) }

func readEmail(object json.RawMessage, _ Form) (action, error) {
	_, err := params[struct{}](object)
	return action{value: cleanEmail}, err
}

func cleanEmail(dst, text []byte) ([]byte, outcome, error) {
	address := withoutScheme(bytes.TrimFunc(text, blank))
	if inner, found := bytes.CutSuffix(address, []byte{'>'}); found {
		name, inner, _ := bytes.Cut(inner, []byte{'<'})
		name = bytes.TrimFunc(name, func(r rune) bool { return blank(r) || r == '"' || r == '\'' })
		address = withoutScheme(bytes.TrimFunc(inner, blank))
		if bytes.IndexByte(name, '@') >= 0 && !bytes.EqualFold(name, address) {
			address = nil // a second address would be lost
		}
	}
	at, ok := email.At(address)
	if !ok {
		return dst, same, Refuse("expected one e-mail address such as ann@example.be: no accents and no spaces, no dots in a row or at an end, a suffix of at least two letters")
	}
	start := len(dst)
	dst = append(dst, address...)
	for i, c := range dst[start+at:] {
		if c >= 'A' && c <= 'Z' {
			dst[start+at+i] = c + 'a' - 'A'
		}
	}
	if bytes.Equal(dst[start:], text) {
		return dst[:start], same, nil
	}
	return dst, changed, nil
}

func withoutScheme(address []byte) []byte {
	const scheme = "mailto:"
	if len(address) >= len(scheme) && bytes.EqualFold(address[:len(scheme)], []byte(scheme)) {
		return bytes.TrimLeftFunc(address[len(scheme):], blank)
	}
	return address
}
