package actitotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// value is what an attribute holds: one text, several if it is multi-valued, nil
// for null. Texts are in one form per type, so that equal values are equal texts.
type value []string

func (v value) text() string { return strings.Join(v, ",") }

var (
	number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	email  = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_\x60{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_\x60{|}~-]+)*@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$`)
	phone  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

// valueTypes are the types of which values are told apart; all other kinds of
// profile attributes hold texts.
var valueTypes = []string{"STRING", "INTEGER", "LONG", "NUMBER", "NUMERIC", "BOOLEAN", "DATE", "TIMESTAMP"}

// invalid refuses a value. The code names stand in reject files. // assumed: all of them
func (a *Attribute) invalid(format string, args ...any) *problem {
	return rejected("INVALID_VALUE", a.Name, format, args...)
}

func rejected(code, attribute, format string, args ...any) *problem {
	return &problem{
		status: http.StatusBadRequest, code: code, attribute: attribute,
		message: attribute + ": " + fmt.Sprintf(format, args...),
	}
}

// parse checks a single value in its text form and brings it into the one form
// of its type.
func (a *Attribute) parse(text string) (value, *problem) {
	if len(a.AcceptedValues) > 0 && !slices.Contains(a.AcceptedValues, text) {
		return nil, a.invalid("%q is not one of the accepted values", text)
	}
	ok := true
	switch a.Type {
	case "INTEGER", "LONG":
		// assumed: an INTEGER has 32 bits, a LONG 64
		bits := map[string]int{"INTEGER": 32, "LONG": 64}[a.Type]
		n, err := strconv.ParseInt(text, 10, bits)
		ok, text = err == nil, strconv.FormatInt(n, 10)
	case "NUMBER", "NUMERIC":
		ok = number.MatchString(text)
	case "BOOLEAN":
		ok = text == "true" || text == "false"
	case "DATE", "BIRTHDATE":
		ok = isTime(time.DateOnly, text)
	case "TIMESTAMP":
		ok = isTime(time.DateTime, text)
	case "EMAIL_ADDRESS":
		ok = email.MatchString(text)
	case "SEX":
		ok = text == "M" || text == "F"
	case "MOTHER_LANGUAGE", "LANGUAGE":
		ok = len(text) == 2 && slices.Contains(languages, strings.ToLower(text))
	case "COUNTRY", "ADDRESS_COUNTRY":
		ok = slices.Contains(countries, text)
	case "PHONE_NUMBER", "GSM_NUMBER", "FAX_NUMBER":
		ok = phone.MatchString(text)
	}
	if !ok {
		return nil, a.invalid("%q is not a valid %s", text, a.Type)
	}
	units := len(utf16.Encode([]rune(text)))
	if units > a.MaxLength {
		return nil, a.invalid("longer than %d characters", a.MaxLength)
	}
	if units < a.MinLength {
		return nil, a.invalid("shorter than %d characters", a.MinLength)
	}
	return value{text}, nil
}

// isTime is stricter than time.Parse, which takes hours of one digit, fractions of
// seconds and the year 0.
func isTime(layout, text string) bool {
	t, err := time.Parse(layout, text)
	return err == nil && t.Year() > 0 && t.Format(layout) == text
}

// fromJSON reads a value as 1-by-1 calls write it; null gives nil.
// assumed: numbers and booleans may also be written as texts, but not the reverse.
func (a *Attribute) fromJSON(in any) (value, *problem) {
	list, isList := in.([]any)
	switch {
	case in == nil:
		return nil, nil
	case isList != a.MultiValued:
		return nil, a.invalid("an array is for multi-valued attributes, and they need one")
	case !isList:
		list = []any{in}
	}
	var all value
	for _, in := range list {
		var text string
		switch in := in.(type) {
		case string:
			text = in
		case json.Number:
			if !a.numeric() {
				return nil, a.invalid("a number is not a %s", a.Type)
			}
			text = in.String()
		case bool:
			if a.Type != "BOOLEAN" {
				return nil, a.invalid("a boolean is not a %s", a.Type)
			}
			text = strconv.FormatBool(in)
		default:
			return nil, a.invalid("neither text, number, boolean nor null")
		}
		v, p := a.parse(text)
		if p != nil {
			return nil, p
		}
		all = append(all, v...)
	}
	return all, nil
}

// fromCell reads a value as CSV files write it; the cell is not empty.
func (a *Attribute) fromCell(cell string) (value, *problem) {
	cells := []string{cell}
	if a.MultiValued {
		cells = strings.Split(cell, ",")
	}
	var all value
	for _, cell := range cells {
		if a.Type == "BOOLEAN" {
			yes, ok := parseFlag(cell)
			if !ok {
				return nil, a.invalid("%q is not a BOOLEAN", cell)
			}
			cell = strconv.FormatBool(yes)
		}
		v, p := a.parse(cell)
		if p != nil {
			return nil, p
		}
		all = append(all, v...)
	}
	return all, nil
}

// parseFlag reads a boolean of a CSV file. // assumed: FALSE, 0, N, and that case counts
func parseFlag(cell string) (yes, ok bool) {
	switch cell {
	case "TRUE", "1", "Y":
		return true, true
	case "FALSE", "0", "N":
		return false, true
	}
	return false, false
}

// toJSON writes a value as reading calls answer it.
func (a *Attribute) toJSON(v value) any {
	if v == nil {
		return nil
	}
	list := make([]any, len(v))
	for i, text := range v {
		switch {
		case a.numeric():
			list[i] = json.Number(text)
		case a.Type == "BOOLEAN":
			list[i] = text == "true"
		default:
			list[i] = text
		}
	}
	if a.MultiValued {
		return list
	}
	return list[0]
}

func (a *Attribute) numeric() bool {
	return slices.Contains([]string{"INTEGER", "LONG", "NUMBER", "NUMERIC"}, a.Type)
}
