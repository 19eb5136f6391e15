package actito

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// dateParts are what placeholders of the date are made of: letters, and how package time writes as many digits. Of two
// that begin alike, the longer comes first. $yyyyMMdd is documented; assumed: the other parts and orders, and a "-" or
// "_" between parts.
var dateParts = []struct{ letters, layout string }{
	{"yyyy", "2006"}, {"yy", "06"}, {"MM", "01"}, {"dd", "02"}, {"HH", "15"}, {"mm", "04"}, {"ss", "05"},
}

// namePart is a part of a file name pattern.
type namePart struct {
	text string
	date bool // text is the layout of a part of the date
}

// parsePattern reads a file name pattern. After an error, the parts are those before what is wrong.
func parsePattern(pattern string) ([]namePart, error) {
	var parts []namePart
	text, at := 0, 0 // where the text before the next placeholder begins, and where to look for it
	for {
		i := strings.IndexByte(pattern[at:], '$')
		if i < 0 {
			return append(parts, namePart{text: pattern[text:]}), nil
		}
		start := at + i
		if at = start + 1; letters(pattern[at:]) == "" {
			continue // a dollar
		}
		parts = append(parts, namePart{text: pattern[text:start]})
		for separator := 0; ; {
			part := datePart(pattern[at+separator:])
			if part == "" {
				break
			}
			parts = append(parts, namePart{text: pattern[at : at+separator]}, namePart{text: part, date: true})
			at += separator + len(part)
			separator = 0
			if at < len(pattern) && (pattern[at] == '-' || pattern[at] == '_') {
				separator = 1
			}
		}
		if unknown := letters(pattern[at:]); unknown != "" {
			return parts, &ValidationError{File: pattern, Rule: "placeholder", Detail: fmt.Sprintf(
				"unknown letters %q in the placeholder %s: a date is written with yyyy, yy, MM, dd, HH, mm and ss, as in $yyyyMMdd, and no letter may follow it",
				unknown, pattern[start:at]+unknown)}
		}
		text = at
	}
}

// datePart is the layout of the part of a date that s begins with, "" if it begins with none.
func datePart(s string) string {
	for _, p := range dateParts {
		if strings.HasPrefix(s, p.letters) {
			return p.layout
		}
	}
	return ""
}

// letters are those that s begins with.
func letters(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
}

// fits reports whether a file's name fits the pattern: a date stands for as many digits, and no pattern for any name. Of
// a pattern that cannot be read, as a stored one may be, only the beginning is compared.
func (f *InputFile) fits(name string) bool {
	if f.FileNamePattern == "" {
		return true
	}
	parts, err := parsePattern(f.FileNamePattern)
	for _, p := range parts {
		if n := len(p.text); p.date && len(name) >= n && strings.Trim(name[:n], "0123456789") == "" {
			name = name[n:]
			continue
		}
		rest, found := strings.CutPrefix(name, p.text)
		if p.date || !found {
			return false
		}
		name = rest
	}
	return err != nil || name == ""
}

// nearMidnight is how close to it a file may arrive on another day than the one that it was named for.
const nearMidnight = 5 * time.Minute

// FileName is the name that a pattern such as customers_$yyyyMMdd.csv stands for at an instant, in the zone of
// [WithTimeZone], which is assumed to be the service's. The service resolves the pattern when the file arrives: within
// five minutes of midnight that may be another day, and a warning is logged. Letters that no placeholder has are an
// error.
func (s *ETLService) FileName(pattern string, at time.Time) (string, error) {
	parts, err := parsePattern(pattern)
	if err != nil {
		return "", err
	}
	at = at.In(s.c.zone)
	var name strings.Builder
	dated := false
	for _, p := range parts {
		if p.date {
			dated = true
			p.text = at.Format(p.text)
		}
		name.WriteString(p.text)
	}
	if day := at.YearDay(); dated && (at.Add(-nearMidnight).YearDay() != day || at.Add(nearMidnight).YearDay() != day) {
		s.c.log.Warn("actito: a file is named for its day close to midnight, and may arrive on another", slog.String("pattern", pattern),
			slog.Time("at", at))
	}
	return name.String(), nil
}
