package actito

import (
	"bytes"
	"math"
	"time"

	"github.com/actito-go/actito/internal/email"
)

// A defect is what is wrong with a value; its rule is "" if nothing is. It never holds the value.
type defect struct {
	rule, detail string
	warning      bool // the server is expected to load the value all the same
}

// A form is how the values of a type are written.
type form struct {
	is     func([]byte) bool
	defect defect
}

// forms are those of the types that a structure names, and of [Holds]. Every other type is text.
//
// assumed: the names of the kinds of phone numbers, countries and languages; the documentation lists none.
var forms = map[string]form{
	"INTEGER":         {func(b []byte) bool { return isInteger(b, math.MaxInt32) }, defect{rule: "integer", detail: "not a whole number of 32 bits"}},
	"LONG":            {func(b []byte) bool { return isInteger(b, math.MaxInt64) }, defect{rule: "integer", detail: "not a whole number of 64 bits"}},
	"NUMBER":          numberForm,
	"NUMERIC":         numberForm,
	"BOOLEAN":         {isFlag, defect{rule: "boolean", detail: "not TRUE, 1, Y, FALSE, 0 or N, in capitals"}},
	"DATE":            dateForm,
	"BIRTHDATE":       dateForm,
	"TIMESTAMP":       {isDateTime, defect{rule: "date-time", detail: "not a date-time of the form yyyy-MM-dd HH:mm:ss"}},
	"EMAIL_ADDRESS":   {isEmail, defect{rule: "email", detail: "not an e-mail address that Actito takes: no accents, no two dots in a row, a suffix of at least two letters"}},
	"SEX":             {isSex, defect{rule: "sex", detail: "neither M nor F"}},
	"MOTHER_LANGUAGE": languageForm,
	"LANGUAGE":        languageForm,
	"COUNTRY":         countryForm,
	"ADDRESS_COUNTRY": countryForm,
	"PHONE_NUMBER":    phoneForm,
	"GSM_NUMBER":      phoneForm,
	"FAX_NUMBER":      phoneForm,
}

var (
	numberForm   = form{isNumber, defect{rule: "number", detail: "not a number with a decimal point, such as -3.14"}}
	dateForm     = form{isDate, defect{rule: "date", detail: "not an existing day of the form yyyy-MM-dd"}}
	languageForm = form{isLanguage, defect{rule: "language", detail: "not a language code of two letters (ISO 639-1)"}}
	countryForm  = form{isCountry, defect{rule: "country", detail: "not a country code of two capitals (ISO 3166-1)"}}
	phoneForm    = form{isPhone, defect{rule: "phone", detail: "not a phone number in international form, such as +3210458514"}}
)

// isInteger takes what has a sign, digits and leading zeros, as the server may.
func isInteger(b []byte, limit uint64) bool {
	_, ok := parseInteger(b, limit)
	return ok
}

func parseInteger(b []byte, limit uint64) (n int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if negative {
		limit++
	}
	var u uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || u > (limit-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	if n = int64(u); negative { // the lowest number is its own opposite
		n = -n
	}
	return n, len(b) > 0
}

// isNumber matches -?(0|[1-9][0-9]*)(\.[0-9]+)?
func isNumber(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	whole, fraction, point := bytes.Cut(b, []byte{'.'})
	return digits(whole) && (whole[0] != '0' || len(whole) == 1) && (!point || digits(fraction))
}

// digits reports whether b is one digit or more.
func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

func isFlag(b []byte) bool {
	switch string(b) {
	case "TRUE", "1", "Y", "FALSE", "0", "N": // assumed: the last three, and that case counts
		return true
	}
	return false
}

func isSex(b []byte) bool { return len(b) == 1 && (b[0] == 'M' || b[0] == 'F') }

func isDate(b []byte) bool {
	if len(b) != len(time.DateOnly) || b[4] != '-' || b[7] != '-' || !digits(b[:4]) || !digits(b[5:7]) || !digits(b[8:]) {
		return false
	}
	year, month, day := decimal(b[:4]), time.Month(decimal(b[5:7])), decimal(b[8:])
	switch {
	case year < 1 || month < time.January || month > time.December || day < 1:
		return false
	case day <= 28:
		return true
	case month == time.February:
		return day == 29 && year%4 == 0 && (year%100 != 0 || year%400 == 0)
	case month == time.April || month == time.June || month == time.September || month == time.November:
		return day <= 30
	}
	return day <= 31
}

func isDateTime(b []byte) bool {
	return len(b) == len(time.DateTime) && isDate(b[:10]) && b[10] == ' ' && b[13] == ':' && b[16] == ':' &&
		digits(b[11:13]) && digits(b[14:16]) && digits(b[17:]) &&
		decimal(b[11:13]) < 24 && decimal(b[14:16]) < 60 && decimal(b[17:]) < 60
}

// skipped reports whether the clocks of the zone never show this date-time, since summer time begins.
func skipped(b []byte, zone *time.Location) bool {
	hour, minute := decimal(b[11:13]), decimal(b[14:16])
	t := time.Date(decimal(b[:4]), time.Month(decimal(b[5:7])), decimal(b[8:10]), hour, minute, decimal(b[17:]), 0, zone)
	return t.Hour() != hour || t.Minute() != minute
}

func decimal(digits []byte) int {
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}

func isEmail(b []byte) bool {
	_, ok := email.At(b)
	return ok
}

// isPhone takes the digits of E.164 behind a plus sign.
func isPhone(b []byte) bool {
	return len(b) >= 8 && len(b) <= 16 && b[0] == '+' && b[1] != '0' && digits(b[1:])
}

// spoiled finds what spreadsheets and databases leave in the place of a value.
func spoiled(b []byte) defect {
	switch c := b[0]; {
	case c == '#' && isSheetError(b):
		return defect{rule: "spreadsheet", detail: "a spreadsheet's error, or a value for which its column was too narrow"}
	case (c == '-' || c >= '0' && c <= '9') && isScientific(b):
		return defect{rule: "spreadsheet", detail: "a spreadsheet has cut this number to a few digits: format its column as text before the values come in"}
	case len(b) >= 5 && len(b) <= 9 && isDayOrMonth(b):
		return defect{rule: "spreadsheet", detail: "a spreadsheet may have taken this for a day: format its column as text, or its dates as yyyy-MM-dd"}
	case len(b) <= len("undefined") && nothings[string(b)]:
		return defect{rule: "null-text", detail: "a word that databases and programs write for a missing value: leave the cell empty"}
	}
	return defect{}
}

var nothings = map[string]bool{"NULL": true, "null": true, `\N`: true, "NaN": true, "undefined": true}

// isSheetError knows ####, and errors such as #REF! and #NAME? in any language.
func isSheetError(b []byte) bool {
	switch string(b) {
	case "#N/A", "#N/B", "#NV":
		return true
	}
	if len(b) < 2 {
		return false
	}
	inner, last := b[1:len(b)-1], b[len(b)-1]
	if last == '#' {
		return len(bytes.Trim(b, "#")) == 0
	}
	for _, c := range inner {
		if (c < 'A' || c > 'Z') && c != '/' && c != '0' {
			return false
		}
	}
	return len(inner) > 1 && (last == '!' || last == '?')
}

// isScientific matches -?[0-9]([.,][0-9]+)?E[+-][0-9]{2,3}, as spreadsheets show long numbers.
func isScientific(b []byte) bool {
	mantissa, exponent, found := bytes.Cut(b, []byte{'E'})
	if !found || len(exponent) < 3 || len(exponent) > 4 || exponent[0] != '+' && exponent[0] != '-' || !digits(exponent[1:]) {
		return false
	}
	mantissa = bytes.TrimPrefix(mantissa, []byte{'-'})
	switch len(mantissa) {
	case 0, 2:
		return false
	case 1:
		return digits(mantissa)
	}
	return digits(mantissa[:1]) && (mantissa[1] == '.' || mantissa[1] == ',') && digits(mantissa[2:])
}

// isDayOrMonth knows 12-mrt and Mar-12, which spreadsheets make of what looks like a day.
func isDayOrMonth(b []byte) bool {
	first, second, found := bytes.Cut(b, []byte{'-'})
	if !found {
		return false
	}
	if digits(second) {
		first, second = second, first
	}
	if len(first) > 2 || !digits(first) {
		return false
	}
	var lower [8]byte
	second = bytes.TrimSuffix(second, []byte{'.'})
	for i, c := range second[:min(len(second), len(lower))] {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return len(second) < len(lower) && months[string(lower[:len(second)])]
}

// months are the short names in English, Dutch, French and German.
var months = func() map[string]bool {
	all := map[string]bool{}
	for name := range bytes.FieldsSeq([]byte("jan feb mar apr may jun jul aug sep oct nov dec mrt mei okt janv févr mars avr mai juin juil août sept déc mär dez")) {
		all[string(name)] = true
	}
	return all
}()

// isDayNumber knows the number under which spreadsheets keep a day between 1954 and 2119.
func isDayNumber(b []byte) bool { return len(b) == 5 && digits(b) && b[0] >= '2' && b[0] < '8' }

// isDecimalComma knows numbers such as 12,5 and 1.234,50.
func isDecimalComma(b []byte) bool {
	whole, fraction, found := bytes.Cut(bytes.TrimPrefix(b, []byte{'-'}), []byte{','})
	if !found || !digits(fraction) || len(whole) == 0 {
		return false
	}
	for _, c := range whole {
		if (c < '0' || c > '9') && c != '.' && c != ' ' {
			return false
		}
	}
	return true
}

// longer reports whether b has more than limit UTF-16 units, of which it has at most as many as bytes.
func longer(b []byte, limit int) bool { return len(b) > limit && units(b) > limit }

func units(b []byte) int {
	n := 0
	for _, c := range b {
		switch {
		case c >= 0xf0:
			n += 2
		case c < 0x80 || c >= 0xc0:
			n++
		}
	}
	return n
}
