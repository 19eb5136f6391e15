package transport

import (
	"strconv"
	"strings"
)

// quietError is an error of the network. What it quotes is hidden: package net/http quotes lines of broken answers,
// addresses of redirects and of proxies with their passwords, and others whole URLs.
type quietError struct{ error }

func quiet(err error) error {
	if err == nil || !strings.Contains(err.Error(), `"`) {
		return err
	}
	return quietError{err}
}

func (e quietError) Error() string {
	text := e.error.Error()
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, `"`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(`"…"`)
		quoted, err := strconv.QuotedPrefix(`"` + rest)
		if err != nil { // its end is not known
			return b.String()
		}
		text = rest[len(quoted)-1:]
	}
}

func (e quietError) Unwrap() error { return e.error }
