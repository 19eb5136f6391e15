package actito

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	emailPattern = regexp.MustCompile(`[^\s"'<>=,:;()]+@[^\s"'<>=,:;()]+`)
	phonePattern = regexp.MustCompile(`\+?\d[\d ./()-]{5,}\d`)
)

// mask hides the given values, as they are and as a URL spells them, e-mail addresses and phone numbers in a text that
// will be shown.
func mask(s string, private []string) string {
	for _, p := range private {
		for _, form := range []string{p, escape(p), url.PathEscape(p), url.QueryEscape(p)} {
			if form != "" {
				s = strings.ReplaceAll(s, form, "[value]")
			}
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
