package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // minimal images have no zones, and another zone than the one asked for must never be used
)

const (
	kindDate     = "DATE"
	kindDateTime = "DATE_TIME"
)

func timeKinds() map[string]definition {
	return map[string]definition{
		kindDate:     {read: readDate, service: true},
		kindDateTime: {read: readDateTime, service: true},
	}
}

// Date brings dates into Actito's form, yyyy-MM-dd, from any of these forms:
//
//	yyyy        a year of four digits
//	yy          one of two digits, in the hundred years that FirstYear begins
//	MM, M       a month of two digits; of one or two
//	MMMM, MMM   its name, and its short name with a dot or without; capitals and small letters are equal
//	dd, d       a day of two digits; of one or two
//	HH, H       an hour of two digits; of one or two
//	mm, ss      minutes and seconds of two digits
//	S, SSS, …   a fraction of a second, of one to nine digits, however many S there are
//	XXX         an offset from UTC such as +02:00, or Z; only of [DateTime]
//	'T', ''     a text in quotes, and a quote; what is no letter needs no quotes
//
// The first form whose digits and other characters are those of the whole text decides: "07/25/1996" is no day of
// dd/MM/yyyy, and is not tried as MM/dd/yyyy, which would guess. A text that is already as wanted is refused like any
// other unless from names that form.
//
// A day or a time that does not exist is an error, and so are years outside 1 to 9999. 24:00 is midnight of the next
// day. A time of day that is not midnight would be lost, and is an error unless [Kind.Truncate] allows it.
func Date(from ...string) Kind { return newKind(kindDate, dateParams{From: from}) }

// DateTime brings dates with a time of day into Actito's form, yyyy-MM-dd HH:mm:ss. [Date] describes the forms that it
// reads; a date without a time is its midnight. A fraction of a second that is not zero is an error unless
// [Kind.Truncate] allows it.
//
// The time of day is taken over as it is, unless [Kind.FromZone] and [Kind.ToZone] say from where to where it is
// converted. A time that the clocks of the first zone skipped is an error; of one that they showed twice it is the first,
// in summer time. In the second zone two instants may be written alike. A form with an offset needs ToZone only.
func DateTime(from ...string) Kind { return newKind(kindDateTime, dateParams{From: from}) }

// To lets [Date] or [DateTime] write another form, of yyyy, MM, M, dd, d, and for DateTime HH, H, mm, ss and S, of which
// there are as many as digits. It has to have a year, a month and a day.
func (k Kind) To(form string) Kind { return k.with("to", form) }

// FirstYear says what years yy are of [Date] and [DateTime]: from 1950 on, 50 is 1950 and 49 is 2049.
func (k Kind) FirstYear(year int) Kind { return k.with("firstYear", year) }

// Truncate lets [Date] and [DateTime] leave out what is finer than the form that they write: nothing is rounded.
func (k Kind) Truncate() Kind { return k.with("truncate", true) }

// FromZone is the time zone that [DateTime] reads, such as America/New_York.
func (k Kind) FromZone(name string) Kind { return k.with("fromZone", name) }

// ToZone is the time zone that [DateTime] writes, such as Europe/Brussels.
func (k Kind) ToZone(name string) Kind { return k.with("toZone", name) }

type dateParams struct {
	From      []string `json:"from"`
	To        string   `json:"to,omitempty"`
	FirstYear int      `json:"firstYear,omitempty"`
	Language  string   `json:"language,omitempty"`
	Truncate  bool     `json:"truncate,omitempty"`
}

func readDate(object json.RawMessage, _ Form) (action, error) {
	p, err := params[dateParams](object)
	if err != nil {
		return action{}, err
	}
	d, err := p.dates("yyyy-MM-dd")
	switch {
	case err != nil:
		return action{}, err
	case d.to.has[hour]:
		return action{}, Refuse("its parameter to: a DATE has no time of day; DATE_TIME has")
	case d.offsets > 0:
		return action{}, Refuse("a DATE has no offset (XXX), which may move it into another day: use DATE_TIME with toZone, and yyyy-MM-dd as to")
	}
	return action{value: d.change}, nil
}

func readDateTime(object json.RawMessage, _ Form) (action, error) {
	p, err := params[struct {
		dateParams
		FromZone string `json:"fromZone"`
		ToZone   string `json:"toZone"`
	}](object)
	if err != nil {
		return action{}, err
	}
	d, err := p.dates("yyyy-MM-dd HH:mm:ss")
	switch {
	case err != nil:
		return action{}, err
	case p.ToZone == "" && p.FromZone != "":
		return action{}, Refuse("its parameter toZone is missing: fromZone alone converts nothing")
	case p.ToZone == "" && d.offsets > 0:
		return action{}, Refuse("its parameter toZone is missing: an offset (XXX) is converted into that zone")
	case p.ToZone == "":
		return action{value: d.change}, nil
	case p.FromZone == "" && d.offsets < len(d.from):
		return action{}, Refuse("its parameter fromZone is missing, which patterns without an offset (XXX) need")
	}
	if d.toZone, err = readZone(p.ToZone); err == nil && p.FromZone != "" {
		d.fromZone, err = readZone(p.FromZone)
		d.skipped = Refuse("the clocks of " + p.FromZone + " never showed this time, since they were put forward")
	}
	return action{value: d.change}, err
}

// dates is what DATE and DATE_TIME do.
type dates struct {
	from     []*pattern
	offsets  int // how many of from have one
	to       *pattern
	truncate bool

	fromZone, toZone        *zone
	expected, lost, skipped error
}

func (p *dateParams) dates(to string) (*dates, error) {
	if p.To != "" {
		to = p.To
	}
	if p.Language == "" {
		p.Language = "en"
	}
	switch _, known := monthNames[p.Language]; {
	case len(p.From) == 0:
		return nil, Refuse("its parameter from is missing: it lists the forms that are read, such as dd/MM/yyyy")
	case p.FirstYear < 0 || p.FirstYear > 9900:
		return nil, Refuse("its parameter firstYear is from 1 to 9900")
	case !known:
		return nil, Refuse("its parameter language is one of de, en, es, fr, nl")
	}
	d := &dates{truncate: p.Truncate}
	for _, text := range p.From {
		from, err := readPattern(text, p.Language, p.FirstYear)
		switch {
		case err != nil:
			return nil, err
		case from.window && p.FirstYear == 0:
			return nil, Refuse(fmt.Sprintf("the pattern %q has yy: the parameter firstYear says which hundred years are meant", text))
		case from.has[offset]:
			d.offsets++
		}
		d.from = append(d.from, from)
	}
	var err error
	if d.to, err = readPattern(to, p.Language, p.FirstYear); err != nil {
		return nil, err
	}
	if d.to.window || d.to.named || d.to.has[offset] {
		return nil, Refuse(fmt.Sprintf("its parameter to is %q: yy, MMM, MMMM and XXX are only read", to))
	}
	d.expected = Refuse("expected " + strings.Join(p.From, " or "))
	d.lost = Refuse("what is finer than " + to + " is not zero and would be lost: Truncate allows it")
	return d, nil
}

var (
	errYear   = Refuse("the year is outside 1 to 9999")
	errDay    = Refuse("there is no such day")
	errTime   = Refuse("there is no such time of day")
	errOffset = Refuse("there is no such offset from UTC")
)

func (d *dates) change(dst, text []byte) ([]byte, outcome, error) {
	var m moment
	if err := d.read(text, &m); err != nil {
		return dst, same, err
	}
	if m[year] < 1 || m[year] > 9999 {
		return dst, same, errYear
	}
	if !d.truncate && d.to.loses(&m) {
		return dst, same, d.lost
	}
	var room [48]byte
	out := d.to.append(room[:0], &m)
	if bytes.Equal(out, text) {
		return dst, same, nil
	}
	return append(dst, out...), changed, nil
}

// read reads a text with the first pattern that fits, and converts it into toZone.
func (d *dates) read(text []byte, m *moment) error {
	for i := range d.from {
		if p := d.from[i]; p.read(text, m) {
			if err := m.check(); err != nil {
				return err
			}
			if m[hour] < 24 && d.toZone == nil {
				return nil
			}
			return d.convert(m, p.has[offset])
		}
	}
	return d.expected
}

func (d *dates) convert(m *moment, offsetKnown bool) error {
	at := time.Date(m[year], time.Month(m[month]), m[day], m[hour], m[minute], m[second], 0, time.UTC).Unix()
	if d.toZone != nil {
		if offsetKnown {
			at -= int64(m[offset])
		} else if instant, shown := d.fromZone.instant(at); shown {
			at = instant
		} else {
			return d.skipped
		}
		at += d.toZone.offset(at)
	}
	t := time.Unix(at, 0).UTC()
	y, mon, dd := t.Date()
	m[year], m[month], m[day] = y, int(mon), dd
	m[hour], m[minute], m[second] = t.Clock()
	return nil
}
