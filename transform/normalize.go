package transform

import (
	"encoding/json"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const kindUnicode = "UNICODE"

// Normalize brings texts that look the same into one form. "NFC", the usual one, writes é as one character, and "NFD" as
// an e and its accent. "NFKC" and "NFKD" write ligatures, full width letters and the like in the plain way, too. "ASCII"
// leaves out accents and writes ß as ss, ø as o, æ as ae and such; a value with characters that have no such form, as in
// Greek, is refused.
func Normalize(form string) Kind { return newKind(kindUnicode, normalize{Form: form}) }

type normalize struct {
	Form string `json:"form"`
}

func readUnicode(object json.RawMessage, _ Form) (action, error) {
	p, err := params[normalize](object)
	if err != nil {
		return action{}, err
	}
	if p.Form == "ASCII" {
		return action{value: toASCII}, nil
	}
	form, known := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[p.Form]
	if !known {
		return action{}, Refuse("its parameter form is none of NFC, NFD, NFKC, NFKD and ASCII")
	}
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		if form.IsNormal(text) {
			return dst, same, nil
		}
		// What is in dst is another text: its last letter must not get the accent that this one begins with.
		return compared(append(dst, form.Append(dst[len(dst):], text...)...), len(dst), text)
	}}, nil
}

// toASCII writes what ASCII has.
func toASCII(dst, text []byte) ([]byte, outcome, error) {
	if isASCII(text) {
		return dst, same, nil
	}
	start := len(dst)
	for rest := text; len(rest) > 0; {
		_, size := utf8.DecodeRune(rest)
		apart := norm.NFKD.Properties(rest).Decomposition()
		if apart == nil {
			apart = rest[:size]
		}
		for _, r := range string(apart) {
			letters, known := withoutAccent[r]
			switch {
			case r < utf8.RuneSelf:
				dst = utf8.AppendRune(dst, r)
			case known:
				dst = append(dst, letters...)
			case !unicode.Is(unicode.Mn, r):
				return dst, same, Refuse("the value has a character without a form in ASCII")
			}
		}
		rest = rest[size:]
	}
	return compared(dst, start, text)
}

// withoutAccent are what looks like a letter of ASCII, or a sign, and does not come apart.
var withoutAccent = map[rune]string{
	'ß': "ss", 'ẞ': "SS", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'đ': "d", 'Đ': "D", 'ð': "d", 'Ð': "D",
	'þ': "th", 'Þ': "TH", 'ł': "l", 'Ł': "L", 'ħ': "h", 'Ħ': "H", 'ŧ': "t", 'Ŧ': "T", 'ı': "i", '‘': "'", '’': "'", 'ʼ': "'",
	'“': `"`, '”': `"`, '–': "-", '—': "-",
}
