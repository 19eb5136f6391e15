package actito

import (
	"errors"
	"fmt"
	"time"
)

var (
	errDateText     = errors.New("actito: not a date of the form yyyy-MM-dd between the years 1 and 9999")
	errDateTimeText = errors.New("actito: not a date-time of the form yyyy-MM-dd HH:mm:ss or RFC 3339 between the years 1 and 9999")
)

// Date is a civil date, without time or zone. The zero Date is unset. Dates can be compared with ==.
type Date struct {
	year  int
	month time.Month
	day   int
}

// NewDate returns a date. One that does not exist, such as 30 February, is kept as it is and refused when it is sent,
// and so are years outside 1 to 9999.
func NewDate(year int, month time.Month, day int) Date { return Date{year, month, day} }

// DateOf returns the year, month and day that t shows in its own location, never converted to another. The zero time
// gives the zero Date.
func DateOf(t time.Time) Date {
	if t.IsZero() {
		return Date{}
	}
	return NewDate(t.Date())
}

// ParseDate reads a date of the form "2006-01-02".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return Date{}, errDateText // time's own error would repeat the value
	}
	return NewDate(t.Date()), nil
}

// IsZero reports whether d is unset.
func (d Date) IsZero() bool { return d == Date{} }

// Time returns the start of the day in loc.
func (d Date) Time(loc *time.Location) time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, loc)
}

// String returns d as "2006-01-02", and "" if d is unset.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, int(d.month), d.day)
}

// AppendText appends d as "2006-01-02", and nothing if d is unset.
func (d Date) AppendText(b []byte) ([]byte, error) {
	if d.IsZero() {
		return b, nil
	}
	if d.year < 1 || d.year > 9999 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 28 && d.Time(time.UTC).Day() != d.day {
		return b, &ValidationError{Rule: "impossible-date", Detail: "the day does not exist, or its year is outside 1 to 9999"}
	}
	return appendDate(b, d.year, d.month, d.day), nil
}

// appendDate appends what time.DateOnly formats, without interpreting a layout for every cell of a file.
func appendDate(b []byte, year int, month time.Month, day int) []byte {
	b = appendTwo(appendTwo(b, year/100), year%100)
	b = appendTwo(append(b, '-'), int(month))
	return appendTwo(append(b, '-'), day)
}

func appendTwo(b []byte, n int) []byte { return append(b, '0'+byte(n/10), '0'+byte(n%10)) } //nolint:gosec // two digits

// MarshalText is AppendText for encoding/json and others.
func (d Date) MarshalText() ([]byte, error) { return d.AppendText(nil) }

// UnmarshalText reads what MarshalText writes.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// DateTime is an instant in whole seconds. The zero DateTime is unset. DateTimes can be compared with ==.
//
// Actito's text form, "2006-01-02 15:04:05", names no zone: it is written and read in the client's. In the hour that is
// repeated when summer time ends, the text cannot tell the two instants apart.
type DateTime struct {
	seconds int64 // since the zero time.Time, so that the two zero values mean the same instant
}

// secondsToUnix is the zero time.Time in Unix seconds.
const secondsToUnix = -62135596800

// DateTimeOf returns t, truncated to the second. The zero time gives the zero DateTime.
func DateTimeOf(t time.Time) DateTime { return DateTime{t.Unix() - secondsToUnix} }

// Time returns d in UTC, and the zero time if d is unset.
func (d DateTime) Time() time.Time { return time.Unix(d.seconds+secondsToUnix, 0).UTC() }

// IsZero reports whether d is unset.
func (d DateTime) IsZero() bool { return d.seconds == 0 }

// String returns d in RFC 3339 and UTC, and "" if d is unset.
func (d DateTime) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Time().Format(time.RFC3339)
}

// MarshalText writes d in RFC 3339 and UTC, and nothing if d is unset. It serves encoding/json and others: what is sent
// to Actito is written in the client's zone.
func (d DateTime) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.Time().MarshalText()
}

// UnmarshalText reads RFC 3339.
func (d *DateTime) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = DateTime{}
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return errDateTimeText
	}
	*d = DateTimeOf(t)
	return nil
}

// appendIn appends Actito's text form in loc, and nothing if d is unset.
// assumed: JSON bodies have the text form that is documented for files.
func (d DateTime) appendIn(dst []byte, loc *time.Location) ([]byte, error) {
	if d.IsZero() {
		return dst, nil
	}
	_, offset := d.Time().In(loc).Zone()
	local := DateTime{d.seconds + int64(offset)} // so that the zone is looked up once
	year, month, day := local.Time().Date()
	if year < 1 || year > 9999 {
		return dst, &ValidationError{Rule: "impossible-date", Detail: "the year is outside 1 to 9999"}
	}
	second := int(local.seconds % (24 * 60 * 60))
	dst = appendTwo(append(appendDate(dst, year, month, day), ' '), second/3600)
	dst = appendTwo(append(dst, ':'), second/60%60)
	return appendTwo(append(dst, ':'), second%60), nil
}

// parseDateTime reads Actito's text form in loc, or RFC 3339.
func parseDateTime(s string, loc *time.Location) (DateTime, error) {
	t, err := time.ParseInLocation(time.DateTime, s, loc)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || t.Year() < 1 {
		return DateTime{}, errDateTimeText // time's own error would repeat the value
	}
	return DateTimeOf(t), nil
}
