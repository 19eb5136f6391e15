package actito

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	emailPattern = regexp.MustCompile(`[^\s"'<>=,:;()]+@[^\s"'<>=,:;()]+`)
	phonePattern = regexp.MustCompile(`\+?\d[\d ./()-]{5,}\d`)
)

// mask hides the given values, e-mail addresses and phone numbers in a text that will be shown.
func mask(s string, private []string) string {
	for _, p := range private {
		if p != "" {
			s = strings.ReplaceAll(s, p, "[value]")
		}
	}
	s = emailPattern.ReplaceAllString(s, "[e-mail]")
	return phonePattern.ReplaceAllString(s, "[number]")
}

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
