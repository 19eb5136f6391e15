package feed

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/actito-go/actito"
)

// verdictOf says what a call's error means for the row of its plan: parked, or if that is nil, to be repeated.
//
// What the service refuses because of the row is parked. Anything else, such as a 404 to an upsert, which is about the
// table or the rights, will pass for all rows at once.
func verdictOf(err error, p *plan) *Parked {
	if v, ok := errors.AsType[*actito.ValidationError](err); ok {
		return &Parked{Code: v.Rule, Column: v.Column, Reason: v.Detail}
	}
	e, ok := errors.AsType[*actito.APIError](err)
	if !ok || errors.Is(err, actito.ErrOutcomeUnknown) || actito.Retryable(err) {
		return nil
	}
	parked := &Parked{Code: strconv.Itoa(e.Status), Column: named(e.Message, p.row), Reason: shown(err, p)}
	if _, ok := errors.AsType[refusal](err); ok {
		return parked
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return parked
	}
	return nil
}

// mayBeOfTheRow reports whether a row that fails again and again while others go through may be the reason. It is not
// where the licence or the client has no room, or lets nobody in.
func mayBeOfTheRow(err error) bool {
	return !errors.Is(err, actito.ErrTooManyRequests) && !errors.Is(err, actito.ErrBusy) && !errors.Is(err, actito.ErrUnauthorized)
}

// hopeless parks a row that fails again and again while others go through.
func hopeless(err error, p *plan) Parked {
	parked := Parked{Code: "unanswered", Reason: shown(err, p)}
	if e, ok := errors.AsType[*actito.APIError](err); ok && e.Status > 0 {
		parked.Code = strconv.Itoa(e.Status)
	}
	return parked
}

// shown is the text of an error without what it quotes of a plan's row.
func shown(err error, p *plan) string {
	values := []string{p.key}
	for _, value := range p.row {
		values = appendTexts(values, value)
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	s := err.Error()
	for _, value := range values {
		s = without(s, value)
	}
	return s
}

// appendTexts adds how a value may be quoted: as it is, and as Go and JSON do.
func appendTexts(texts []string, value any) []string {
	switch v := value.(type) {
	case []any:
		for _, one := range v {
			texts = appendTexts(texts, one)
		}
	case string:
		quoted := strconv.Quote(v)
		texts = append(texts, v, quoted[1:len(quoted)-1])
	case json.Number:
		texts = append(texts, v.String())
	}
	return texts
}

// without hides a value wherever it is no part of a word or number.
func without(s, value string) string {
	if value == "" {
		return s
	}
	var b strings.Builder
	done := 0 // of s, what is in b
	for at := 0; ; {
		n := strings.Index(s[at:], value)
		if n < 0 {
			return b.String() + s[done:]
		}
		from := at + n
		at = from + len(value)
		left, _ := utf8.DecodeLastRuneInString(s[:from])
		right, _ := utf8.DecodeRuneInString(s[at:])
		if !inWord(left) && !inWord(right) {
			b.WriteString(s[done:from] + "[value]")
			done = at
		}
	}
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var words = regexp.MustCompile(`[\pL\pN_#-]+`)

// named is the one name of a row that a message tells, or "".
func named(message string, row map[string]any) (column string) {
	for _, word := range words.FindAllString(message, -1) {
		if _, ok := row[word]; ok && word != column {
			if column != "" {
				return ""
			}
			column = word
		}
	}
	return column
}

// retryAfter is how long the service wants to be left alone, if it said so.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*actito.APIError](err); ok {
		return e.RetryAfter
	}
	return 0
}
