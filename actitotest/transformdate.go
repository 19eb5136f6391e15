package actitotest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dating is how a transformation of dates reads and writes.
type dating struct {
	from      []*pattern
	expected  string // as the definition names them
	to        *pattern
	months    monthNames
	firstYear int
	truncate  bool
	fromZone  *time.Location // nil if all patterns have offsets, or there is no toZone
	toZone    *time.Location // nil if clocks stay as they are
}

func date(s *settings) rewrite {
	d := readDating(s, "yyyy-MM-dd")
	for _, p := range d.from {
		if p.has('X') {
			s.refuse("a DATE has no offset")
		}
	}
	if d.to.has('H') {
		s.refuse("to: a DATE has no time of day")
	}
	return d.rewrite
}

func dateTime(s *settings) rewrite {
	d := readDating(s, "yyyy-MM-dd HH:mm:ss")
	var from, to string
	s.take("fromZone", &from)
	s.take("toZone", &to)
	d.fromZone, d.toZone = zone(s, from), zone(s, to)
	offset := func(p *pattern) bool { return p.has('X') }
	switch {
	case to == "" && (from != "" || slices.ContainsFunc(d.from, offset)):
		s.refuse("toZone is missing")
	case to != "" && from == "" && !allOf(d.from, offset):
		s.refuse("fromZone is missing")
	}
	return d.rewrite
}

func allOf(list []*pattern, is func(*pattern) bool) bool {
	return !slices.ContainsFunc(list, func(p *pattern) bool { return !is(p) })
}

// zone is nil for none.
func zone(s *settings, name string) *time.Location {
	if name == "" {
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		s.refuse("there is no time zone %q", name)
		return nil
	}
	return loc
}

// readDating takes the parameters that dates and date-times share.
func readDating(s *settings, usual string) *dating {
	d := &dating{}
	var from []string
	var language string
	to := usual
	s.take("from", &from)
	s.take("to", &to)
	s.take("firstYear", &d.firstYear)
	s.take("language", &language)
	s.take("truncate", &d.truncate)
	if to == "" {
		to = usual
	}
	if language == "" {
		language = "en"
	}
	var known bool
	if d.months, known = months[language]; !known {
		s.refuse("there are no months of language %q", language)
	}
	if len(from) == 0 {
		s.refuse("from is missing")
	}
	if d.firstYear < 0 || d.firstYear > 9900 {
		s.refuse("firstYear is not from 1 to 9900")
	}
	for _, text := range from {
		p, err := readPattern(text, d.months)
		if err == nil && p.letters['y'] == "yy" && d.firstYear == 0 {
			err = errors.New("yy needs firstYear")
		}
		if err != nil {
			s.refuse("from %q: %v", text, err)
			continue
		}
		d.from = append(d.from, p)
	}
	p, err := readPattern(to, d.months)
	if err == nil && (p.has('X') || p.letters['y'] == "yy" || len(p.letters['M']) > 2) {
		err = errors.New("yy, MMM and XXX are not written")
	}
	if err != nil {
		s.refuse("to %q: %v", to, err)
	}
	d.to, d.expected = p, strings.Join(from, " or ")
	return d
}

// rewrite reads a cell by the first pattern that fits, and writes it.
func (d *dating) rewrite(cell string) (string, error) {
	for _, p := range d.from {
		if groups := p.form.FindStringSubmatch(cell); groups != nil {
			t, err := d.moment(p, groups[1:])
			if err != nil {
				return "", err
			}
			if rest := d.to.rest(t); rest != 0 && !d.truncate {
				return "", errors.New("a part of it would be lost")
			}
			return d.to.write(t), nil
		}
	}
	return "", errors.New("expected " + d.expected)
}

// moment makes a time of what stands for the parts of a pattern: a wall clock that
// is told in UTC.
func (d *dating) moment(p *pattern, groups []string) (time.Time, error) {
	var zero time.Time
	numbers := map[byte]int{}
	offset := ""
	for i, letters := range p.order {
		switch text := groups[i]; {
		case letters[0] == 'X':
			offset = text
		case letters[0] == 'S':
			numbers['S'], _ = strconv.Atoi((text + "00000000")[:9])
		case len(letters) > 2 && letters[0] == 'M':
			numbers['M'] = d.months.number(text)
		default:
			numbers[letters[0]], _ = strconv.Atoi(text)
		}
	}
	year := numbers['y']
	if p.letters['y'] == "yy" {
		year = d.firstYear + (year-d.firstYear%100+100)%100
	}
	clock := [...]int{numbers['H'], numbers['m'], numbers['s'], numbers['S']}
	day := time.Date(year, time.Month(numbers['M']), numbers['d'], 0, 0, 0, 0, time.UTC)
	midnight := clock == [...]int{24, 0, 0, 0}
	switch {
	case year < 1:
		return zero, errors.New("the year is outside 1 to 9999")
	case int(day.Month()) != numbers['M'] || day.Day() != numbers['d']:
		return zero, errors.New("there is no such day")
	case !midnight && (clock[0] > 23 || clock[1] > 59 || clock[2] > 59):
		return zero, errors.New("there is no such time of day")
	}
	t, err := d.convert(time.Date(year, day.Month(), day.Day(), clock[0], clock[1], clock[2], clock[3], time.UTC), offset)
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = errors.New("the year is outside 1 to 9999")
	}
	return t, err
}

// convert changes a wall clock to that of another zone.
func (d *dating) convert(wall time.Time, offset string) (time.Time, error) {
	if d.toZone == nil {
		return wall, nil
	}
	instant := wall
	switch {
	case offset == "":
		var shown bool
		if instant, shown = first(wall, d.fromZone); !shown {
			return wall, fmt.Errorf("clocks of %s never showed this time", d.fromZone)
		}
	case offset != "Z":
		hours, _ := strconv.Atoi(offset[1:3])
		minutes, _ := strconv.Atoi(offset[4:])
		ahead := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
		if ahead > 18*time.Hour || minutes > 59 {
			return wall, errors.New("there is no such offset")
		}
		if offset[0] == '+' {
			ahead = -ahead
		}
		instant = wall.Add(ahead)
	}
	there := instant.In(d.toZone)
	_, ahead := there.Zone()
	return instant.Add(time.Duration(ahead) * time.Second), nil
}

// first is the first instant at which the clocks of a zone show a time. Time.Date
// would take another if there is none, and any of two.
func first(wall time.Time, zone *time.Location) (instant time.Time, shown bool) {
	for near := -16; near <= 16; near++ { // no zone was ever farther from UTC
		_, ahead := wall.Add(time.Duration(near) * time.Hour).In(zone).Zone()
		t := wall.Add(-time.Duration(ahead) * time.Second)
		if _, then := t.In(zone).Zone(); then == ahead && (!shown || t.Before(instant)) {
			instant, shown = t, true
		}
	}
	return instant, shown
}
