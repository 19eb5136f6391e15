package feed

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/actito-go/actito"
)

// verdictOf says what a call's error means for the row that it carried: parked, or if that is nil, to be repeated.
//
// What the service refuses because of the row is parked. Anything else, such as a 404 to an upsert, which is about the
// table or the rights, will pass for all rows at once.
func verdictOf(err error, row map[string]any) *Parked {
	if v, ok := errors.AsType[*actito.ValidationError](err); ok {
		return &Parked{Code: v.Rule, Column: v.Column, Reason: v.Detail, At: time.Now()}
	}
	e, ok := errors.AsType[*actito.APIError](err)
	if !ok || errors.Is(err, actito.ErrOutcomeUnknown) || actito.Retryable(err) {
		return nil
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return &Parked{Code: strconv.Itoa(e.Status), Column: named(e.Message, row), Reason: e.Error(), At: time.Now()}
	}
	return nil
}

// hopeless parks a row that fails again and again while others go through.
func hopeless(err error) *Parked {
	p := &Parked{Code: "unanswered", Reason: err.Error(), At: time.Now()}
	if e, ok := errors.AsType[*actito.APIError](err); ok && e.Status > 0 {
		p.Code = strconv.Itoa(e.Status)
	}
	return p
}

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
