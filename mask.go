package actito

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	emailPattern = regexp.MustCompile(`[^\s"'<>=,:;()]+@[^\s"'<>=,:;()]+`)
	phonePattern = regexp.MustCompile(`\+?\d[\d ./()-]{5,}\d`)
)

// mask hides the given values, as they are and as a URL spells them, e-mail addresses and phone numbers in a text that
// will be shown. A value within a word or number is none.
func mask(s string, private []string) string {
	s = emailPattern.ReplaceAllString(hide(s, private), "[e-mail]")
	return phonePattern.ReplaceAllString(s, "[number]")
}

// hide is mask for the given values only.
func hide(s string, private []string) string {
	var forms []string
	for _, p := range private {
		forms = append(forms, p, escape(p), url.PathEscape(p), url.QueryEscape(p))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var b strings.Builder
	for at := 0; at < len(s); {
		if form := standsAt(s, at, forms); form != "" {
			b.WriteString("[value]")
			at += len(form)
			continue
		}
		_, n := utf8.DecodeRuneInString(s[at:])
		b.WriteString(s[at : at+n])
		at += n
	}
	return b.String()
}

// standsAt returns the first of the forms that stands at a place in s, with no word or number going on at its ends.
func standsAt(s string, at int, forms []string) string {
	for _, form := range forms {
		if form == "" || !strings.HasPrefix(s[at:], form) {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(s[:at])
		first, _ := utf8.DecodeRuneInString(form)
		last, _ := utf8.DecodeLastRuneInString(form)
		after, _ := utf8.DecodeRuneInString(s[at+len(form):])
		within := isWord(before) && isWord(first) || isWord(last) && isWord(after)
		if !within {
			return form
		}
	}
	return ""
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// shorten cuts s to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
