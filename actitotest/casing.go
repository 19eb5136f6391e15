package actitotest

import (
	"strings"
	"unicode"
)

// wide are the letters whose capitals are several, by Unicode's SpecialCasing: each
// with its upper case and its title case.
var wide = func() map[rune][2]string {
	all := map[rune][2]string{}
	fields := strings.Fields(wideLetters)
	for i := 0; i < len(fields); i += 3 {
		all[[]rune(fields[i])[0]] = [2]string{fields[i+1], fields[i+2]}
	}
	return all
}()

const wideLetters = `
	ß SS Ss  ŉ ʼN ʼN  ǰ J̌ J̌  ΐ Ϊ́ Ϊ́  ΰ Ϋ́ Ϋ́  և ԵՒ Եւ  ẖ H̱ H̱  ẗ T̈ T̈  ẘ W̊ W̊  ẙ Y̊ Y̊
	ẚ Aʾ Aʾ  ὐ Υ̓ Υ̓  ὒ Υ̓̀ Υ̓̀  ὔ Υ̓́ Υ̓́  ὖ Υ̓͂ Υ̓͂  ᾀ ἈΙ ᾈ  ᾁ ἉΙ ᾉ  ᾂ ἊΙ ᾊ  ᾃ ἋΙ ᾋ  ᾄ ἌΙ ᾌ  ᾅ ἍΙ ᾍ
	ᾆ ἎΙ ᾎ  ᾇ ἏΙ ᾏ  ᾈ ἈΙ ᾈ  ᾉ ἉΙ ᾉ  ᾊ ἊΙ ᾊ  ᾋ ἋΙ ᾋ  ᾌ ἌΙ ᾌ  ᾍ ἍΙ ᾍ  ᾎ ἎΙ ᾎ  ᾏ ἏΙ ᾏ  ᾐ ἨΙ ᾘ  ᾑ ἩΙ ᾙ
	ᾒ ἪΙ ᾚ  ᾓ ἫΙ ᾛ  ᾔ ἬΙ ᾜ  ᾕ ἭΙ ᾝ  ᾖ ἮΙ ᾞ  ᾗ ἯΙ ᾟ  ᾘ ἨΙ ᾘ  ᾙ ἩΙ ᾙ  ᾚ ἪΙ ᾚ  ᾛ ἫΙ ᾛ  ᾜ ἬΙ ᾜ  ᾝ ἭΙ ᾝ
	ᾞ ἮΙ ᾞ  ᾟ ἯΙ ᾟ  ᾠ ὨΙ ᾨ  ᾡ ὩΙ ᾩ  ᾢ ὪΙ ᾪ  ᾣ ὫΙ ᾫ  ᾤ ὬΙ ᾬ  ᾥ ὭΙ ᾭ  ᾦ ὮΙ ᾮ  ᾧ ὯΙ ᾯ  ᾨ ὨΙ ᾨ  ᾩ ὩΙ ᾩ
	ᾪ ὪΙ ᾪ  ᾫ ὫΙ ᾫ  ᾬ ὬΙ ᾬ  ᾭ ὭΙ ᾭ  ᾮ ὮΙ ᾮ  ᾯ ὯΙ ᾯ  ᾲ ᾺΙ Ὰͅ  ᾳ ΑΙ ᾼ  ᾴ ΆΙ Άͅ  ᾶ Α͂ Α͂  ᾷ Α͂Ι ᾼ͂
	ᾼ ΑΙ ᾼ  ῂ ῊΙ Ὴͅ  ῃ ΗΙ ῌ  ῄ ΉΙ Ήͅ  ῆ Η͂ Η͂  ῇ Η͂Ι ῌ͂  ῌ ΗΙ ῌ  ῒ Ϊ̀ Ϊ̀  ΐ Ϊ́ Ϊ́  ῖ Ι͂ Ι͂
	ῗ Ϊ͂ Ϊ͂  ῢ Ϋ̀ Ϋ̀  ΰ Ϋ́ Ϋ́  ῤ Ρ̓ Ρ̓  ῦ Υ͂ Υ͂  ῧ Ϋ͂ Ϋ͂  ῲ ῺΙ Ὼͅ  ῳ ΩΙ ῼ  ῴ ΏΙ Ώͅ  ῶ Ω͂ Ω͂
	ῷ Ω͂Ι ῼ͂  ῼ ΩΙ ῼ  ﬀ FF Ff  ﬁ FI Fi  ﬂ FL Fl  ﬃ FFI Ffi  ﬄ FFL Ffl  ﬅ ST St  ﬆ ST St  ﬓ ՄՆ Մն
	ﬔ ՄԵ Մե  ﬕ ՄԻ Մի  ﬖ ՎՆ Վն  ﬗ ՄԽ Մխ`

// dotted says whether a language writes i with a dot also as a capital.
func dotted(language string) bool { return language == "tr" || language == "az" }

// tonos takes the accents from Greek letters, which have none in capitals. It knows
// those of modern Greek.
var tonos = strings.NewReplacer(strings.Fields("ά Α Ά Α έ Ε Έ Ε ή Η Ή Η ί Ι Ί Ι ό Ο Ό Ο ύ Υ Ύ Υ ώ Ω Ώ Ω ΐ Ϊ ΰ Ϋ")...)

func upper(text, language string) string {
	var out strings.Builder
	if language == "el" {
		text = tonos.Replace(text)
	}
	for _, r := range text {
		switch capitals, ok := wide[r]; {
		case ok:
			out.WriteString(capitals[0])
		case r == 'i' && dotted(language):
			out.WriteRune('İ')
		default:
			out.WriteRune(unicode.ToUpper(r))
		}
	}
	return out.String()
}

func lower(text, language string) string {
	var out strings.Builder
	letters := []rune(text)
	for i := 0; i < len(letters); i++ {
		switch r := letters[i]; {
		case r == 'İ' && dotted(language):
			out.WriteRune('i')
		case r == 'İ':
			out.WriteString("i\u0307")
		case r == 'I' && dotted(language):
			if i+1 < len(letters) && letters[i+1] == '\u0307' {
				out.WriteRune('i')
				i++
				continue
			}
			out.WriteRune('ı')
		case r == 'Σ' && endsWord(letters, i):
			out.WriteRune('ς')
		default:
			out.WriteRune(unicode.ToLower(r))
		}
	}
	return out.String()
}

// endsWord says whether a letter is the last of several, by Unicode's Final_Sigma.
func endsWord(letters []rune, at int) bool {
	before, after := at-1, at+1
	for before >= 0 && ignorable(letters[before]) {
		before--
	}
	for after < len(letters) && ignorable(letters[after]) {
		after++
	}
	return before >= 0 && cased(letters[before]) && (after == len(letters) || !cased(letters[after]))
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

// ignorable says whether case rules look past a character.
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("'.:^`\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", r)
}

// capital writes the first letter of a text as a capital, and leaves the rest.
func capital(text, language string) string {
	at := strings.IndexFunc(text, unicode.IsLetter)
	if at < 0 {
		return text
	}
	first := []rune(text[at:])[0]
	before, rest := text[:at], text[at+len(string(first)):]
	capitals, ok := wide[first]
	switch {
	case ok:
		return before + capitals[1] + rest
	case first == 'i' && dotted(language):
		return before + "İ" + rest
	case language == "nl" && strings.ContainsRune("iI", first) && strings.HasPrefix(rest, "j"):
		return before + "IJ" + rest[1:]
	}
	return before + string(unicode.ToTitle(first)) + rest
}
