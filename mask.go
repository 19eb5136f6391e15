package actito

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	emailPattern = regexp.MustCompile(`[^\s"'<>=,:;()]+@[^\s"'<>=,:;()]+`)
	tokenPattern = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+(\.[\w-]*)?`) // of a form that access tokens have
	phonePattern = regexp.MustCompile(`\+?\d[\d ./()-]{5,}\d`)
)

// mask hides the given values, as they are and as a URL spells them, e-mail addresses, tokens and phone numbers in a text
// that will be shown. A value within a word or number is none.
func mask(s string, private []string) string {
	s = emailPattern.ReplaceAllString(hide(s, private), "[e-mail]")
	s = tokenPattern.ReplaceAllString(s, "[token]")
	return phonePattern.ReplaceAllString(s, "[number]")
}

// shown masks a text for people, and shortens it to n bytes. A value is hidden wherever it ends. The first half of an
// address or of a number is not known as one, and left out.
func shown(s string, private []string, n int) string {
	s, cut := hideUntil(s, private, 4*n)
	s = mask(s, nil)
	if cut && len(s) <= n {
		return s[:strings.LastIndexByte(s, ' ')+1] + "…"
	}
	return shorten(s, n)
}

// hide is mask for the given values only.
func hide(s string, private []string) string {
	s, _ = hideUntil(s, private, math.MaxInt)
	return s
}

// hideUntil is hide that ends once so much is to be shown; cut is true if there is more.
func hideUntil(s string, private []string, most int) (hidden string, cut bool) {
	var forms []string
	for _, p := range private {
		forms = append(forms, p, escape(p), url.PathEscape(p), url.QueryEscape(p))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var b strings.Builder
	for at := 0; at < len(s); {
		if b.Len() >= most {
			return b.String(), true
		}
		if form := standsAt(s, at, forms); form != "" {
			b.WriteString("[value]")
			at += len(form)
			continue
		}
		_, n := utf8.DecodeRuneInString(s[at:])
		b.WriteString(s[at : at+n])
		at += n
	}
	return b.String(), false
}

// appendValues appends the texts and numbers of JSON that was sent, but for the names of a row's members.
func appendValues(values []string, body []byte) []string {
	read := json.NewDecoder(bytes.NewReader(body))
	read.UseNumber()
	var sent any
	if read.Decode(&sent) != nil {
		return values
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			values = append(values, v)
		case json.Number:
			values = append(values, v.String())
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			_, attribute := v["value"]
			_, subscription := v["subscribe"]
			for name, one := range v {
				if name != "name" || !attribute && !subscription {
					walk(one)
				}
			}
		}
	}
	walk(sent)
	return values
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
