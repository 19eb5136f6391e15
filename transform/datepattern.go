package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// field is what a part of a pattern stands for.
type field uint8

const (
	year field = iota
	month
	day
	hour
	minute
	second
	fraction // nanoseconds
	offset   // seconds east of UTC
	literal
)

var fieldNames = [...]string{"year", "month", "day", "hour", "minute", "second", "fraction", "offset"}

// moment has a value for each field.
type moment [literal]int

// part is a part of a pattern: a literal, the name of a month, an offset, or a number.
type part struct {
	field       field
	least, most int // digits of a number; none of others
	text        string
	literal     []byte
	firstYear   int // of the hundred that yy stands for
	names       []monthName
	dot         bool // one may follow a name
}

var dateParts = map[string]part{
	"yyyy": {field: year, least: 4, most: 4},
	"yy":   {field: year, least: 2, most: 2},
	"MMMM": {field: month},
	"MMM":  {field: month, dot: true},
	"MM":   {field: month, least: 2, most: 2},
	"M":    {field: month, least: 1, most: 2},
	"dd":   {field: day, least: 2, most: 2},
	"d":    {field: day, least: 1, most: 2},
	"HH":   {field: hour, least: 2, most: 2},
	"H":    {field: hour, least: 1, most: 2},
	"mm":   {field: minute, least: 2, most: 2},
	"ss":   {field: second, least: 2, most: 2},
	"XXX":  {field: offset},
}

// datePart finds the part that equal letters stand for.
func datePart(letters string) (part, bool) {
	p, known := dateParts[letters]
	if letters[0] == 'S' && len(letters) <= 9 {
		p, known = part{field: fraction, least: 1, most: 9}, true
	}
	p.text = letters
	return p, known
}

// pattern is a form of dates.
type pattern struct {
	parts  []part
	has    [literal + 1]bool
	window bool // it has yy
	named  bool // it has MMM or MMMM
	unit   int  // of the fraction that is written, in nanoseconds
}

// readPattern reads a pattern of the letters that [Date] lists.
func readPattern(text, language string, firstYear int) (*pattern, error) {
	p := &pattern{unit: 1e9}
	err := p.scan(text)
	for i := 0; err == nil && i < len(p.parts); i++ {
		switch part := &p.parts[i]; {
		case part.text == "yy":
			part.firstYear, p.window = firstYear, true
		case part.field == month && part.most == 0:
			part.names, p.named = namesOf(language, part.dot), true
		case part.field == fraction:
			for range part.text {
				p.unit /= 10
			}
		}
		err = p.beside(i)
	}
	if err == nil {
		err = p.complete()
	}
	if err != nil {
		return nil, Refuse(fmt.Sprintf("the pattern %q: %s", text, err))
	}
	return p, nil
}

// scan divides a pattern into its parts.
func (p *pattern) scan(rest string) error {
	for rest != "" {
		next := part{field: literal}
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == '\'':
			var err error
			if next.text, size, err = quoted(rest); err != nil {
				return err
			}
		case !unicode.IsLetter(r):
			next.text = rest[:size]
		default:
			size = len(rest) - len(strings.TrimLeft(rest, string(r)))
			var known bool
			if next, known = datePart(rest[:size]); !known {
				return fmt.Errorf("unknown letters %q: it is made of yyyy, yy, MMMM, MMM, MM, M, dd, d, HH, H, mm, ss, S and XXX; other letters stand in quotes", next.text)
			}
			if p.has[next.field] {
				return fmt.Errorf("it has the %s twice", fieldNames[next.field])
			}
			p.has[next.field] = true
		}
		rest = rest[size:]
		if last := len(p.parts) - 1; next.field == literal && last >= 0 && p.parts[last].field == literal {
			next.text = p.parts[last].text + next.text
			p.parts = p.parts[:last]
		}
		next.literal = []byte(next.text)
		p.parts = append(p.parts, next)
	}
	return nil
}

// quoted reads a literal in quotes, in which two of them are one. Two alone are one, too.
func quoted(text string) (plain string, size int, err error) {
	for size = 1; ; size += 2 {
		i := strings.IndexByte(text[size:], '\'')
		if i < 0 {
			return "", 0, errors.New("a quote is not closed")
		}
		plain += text[size : size+i]
		size += i
		if !strings.HasPrefix(text[size:], "''") {
			break
		}
		plain += "'"
	}
	if size++; size == 2 {
		plain = "'"
	}
	return plain, size, nil
}

// beside checks the i-th part against the one behind it.
func (p *pattern) beside(i int) error {
	part, next := &p.parts[i], &part{}
	if i+1 < len(p.parts) {
		next = &p.parts[i+1]
	}
	begins := byte(0)
	if next.field == literal {
		begins = next.text[0]
	}
	if part.least < part.most && (next.most > 0 || isDigit(begins)) {
		return fmt.Errorf("%s is directly followed by digits, so that nobody can tell where it ends", part.text)
	}
	part.dot = part.dot && begins != '.'
	return nil
}

// complete checks that there are a year, a month, a day, and what is coarser than the finest part.
func (p *pattern) complete() error {
	finest := day
	for f := hour; f <= fraction; f++ {
		if p.has[f] {
			finest = f
		}
	}
	for f := range finest + 1 {
		if !p.has[f] {
			return fmt.Errorf("it lacks the %s", fieldNames[f])
		}
	}
	return nil
}

// read reports whether a text has the form, and reads its fields. Whether there is such a moment, check tells.
func (p *pattern) read(text []byte, m *moment) bool {
	*m = moment{}
	for i := range p.parts {
		n := p.parts[i].read(text, m)
		if n == 0 {
			return false
		}
		text = text[n:]
	}
	return len(text) == 0
}

// read reads the part that text begins with, and returns its length: 0 if there is none.
func (p *part) read(text []byte, m *moment) int {
	n, value := 0, 0
	switch {
	case p.most > 0:
		for n < p.most && n < len(text) && isDigit(text[n]) {
			value = value*10 + int(text[n]-'0')
			n++
		}
		if n < p.least {
			return 0
		}
		switch {
		case p.firstYear > 0:
			value = p.firstYear + (value-p.firstYear%100+100)%100
		case p.field == fraction:
			for range 9 - n {
				value *= 10
			}
		}
	case p.field == literal:
		if !bytes.HasPrefix(text, p.literal) {
			return 0
		}
		return len(p.literal)
	case p.field == offset:
		n, value = readOffset(text)
	default:
		n, value = readMonth(text, p.names)
		if n > 0 && p.dot && n < len(text) && text[n] == '.' {
			n++
		}
	}
	m[p.field] = value
	return n
}

// noOffset is that of a text that has the form of one, and is none.
const noOffset = 24 * 60 * 60

// readOffset reads Z or an offset such as +02:00, of which there are none above 18 hours.
func readOffset(text []byte) (n, seconds int) {
	if len(text) > 0 && text[0] == 'Z' {
		return 1, 0
	}
	if len(text) < 6 || text[0] != '+' && text[0] != '-' || !isDigit(text[1]) || !isDigit(text[2]) || text[3] != ':' ||
		!isDigit(text[4]) || !isDigit(text[5]) {
		return 0, 0
	}
	hours, minutes := int(text[1]-'0')*10+int(text[2]-'0'), int(text[4]-'0')*10+int(text[5]-'0')
	seconds = (hours*60 + minutes) * 60
	if minutes > 59 || seconds > 18*60*60 {
		return 6, noOffset
	}
	if text[0] == '-' {
		seconds = -seconds
	}
	return 6, seconds
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// check checks that there is such a moment. 24:00 is one.
func (m *moment) check() error {
	switch {
	case m[year] == 0:
		return errYear
	case m[month] < 1 || m[month] > 12 || m[day] < 1 || m[day] > daysOf(m[year], m[month]):
		return errDay
	case m[hour] > 24 || m[minute] > 59 || m[second] > 59 || m[hour] == 24 && m[minute]+m[second]+m[fraction] > 0:
		return errTime
	case m[offset] == noOffset:
		return errOffset
	}
	return nil
}

func daysOf(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// loses reports whether something that is not zero is finer than the pattern.
func (p *pattern) loses(m *moment) bool {
	return !p.has[hour] && m[hour] > 0 || !p.has[minute] && m[minute] > 0 || !p.has[second] && m[second] > 0 || m[fraction]%p.unit > 0
}

// append writes the moment.
func (p *pattern) append(dst []byte, m *moment) []byte {
	for i := range p.parts {
		part := &p.parts[i]
		if part.field == literal {
			dst = append(dst, part.literal...)
			continue
		}
		value, width := m[part.field], len(part.text)
		if part.field == fraction {
			value /= p.unit
		}
		if width == 1 && value > 9 {
			width = 2
		}
		dst = append(dst, "000000000"[:width]...)
		for last := len(dst) - 1; value > 0; last-- {
			dst[last] += byte(value % 10)
			value /= 10
		}
	}
	return dst
}
