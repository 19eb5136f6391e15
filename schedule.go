package actito

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// Schedule says when a stored ETL fetches its files and loads them. Its runs cost imports of the day like any other, and
// [QuotaService.Sync] counts them.
type Schedule struct {
	Frequency Frequency                  `json:"frequency,omitempty"` // "" is DAILY; others than the constants are passed on
	TimeOfDay string                     `json:"timeOfDay,omitempty"` // HH:mm, such as 06:00; only DAILY needs one
	TimeZone  string                     `json:"timeZone,omitempty"`  // of the IANA database; "" is that of WithTimeZone
	Extra     map[string]json.RawMessage `json:"-"`
}

// Frequency is how often a schedule runs.
type Frequency string

// Daily runs once a day. // assumed: the name
const Daily Frequency = "DAILY"

// LocationRef names a location, which [LocationService.List] shows.
type LocationRef struct {
	ID    string                     `json:"id"`
	Extra map[string]json.RawMessage `json:"-"`
}

// UnmarshalJSON keeps unknown fields.
func (s *Schedule) UnmarshalJSON(b []byte) error {
	type known Schedule
	return keepExtra(b, (*known)(s), &s.Extra)
}

// MarshalJSON writes unknown fields too.
func (s Schedule) MarshalJSON() ([]byte, error) {
	type known Schedule
	return addExtra(known(s), s.Extra)
}

// UnmarshalJSON keeps unknown fields.
func (l *LocationRef) UnmarshalJSON(b []byte) error {
	type known LocationRef
	return keepExtra(b, (*known)(l), &l.Extra)
}

// MarshalJSON writes unknown fields too.
func (l LocationRef) MarshalJSON() ([]byte, error) {
	type known LocationRef
	return addExtra(known(l), l.Extra)
}

// complete checks what a definition says beside its files, and fills in the schedule's defaults.
func (d *Definition) complete(zone *time.Location) error {
	for i, address := range d.ReportRecipients {
		if !plausibleAddress(address) {
			return &ValidationError{Column: fmt.Sprintf("reportRecipients[%d]", i), Rule: "email", Detail: "this is no plain e-mail address, such as data@shop.example"}
		}
	}
	for _, pattern := range []string{d.ResultFilePattern, d.ErrorFilePattern} {
		if _, err := parsePattern(pattern); err != nil {
			return err
		}
	}
	if d.Location != nil && d.Location.ID == "" {
		return &ValidationError{Column: "location", Rule: "location", Detail: "it has no ID: name one that Locations.List shows, or leave Location nil"}
	}
	if d.Schedule == nil {
		return nil
	}
	if _, other := d.Extra["location"]; d.Location == nil && !other {
		return &ValidationError{Column: "schedule", Rule: "schedule", Detail: "a scheduled ETL fetches its files: set Location"}
	}
	s := *d.Schedule
	s.Frequency, s.TimeZone = cmp.Or(s.Frequency, Daily), cmp.Or(s.TimeZone, zone.String())
	d.Schedule = &s
	return s.check()
}

func (s *Schedule) check() error {
	refuse := func(field, detail string) error {
		if _, other := s.Extra[field]; other {
			return nil // it is sent in place of the library's
		}
		return &ValidationError{Column: "schedule." + field, Rule: "schedule", Detail: detail}
	}
	if _, err := time.Parse("15:04", s.TimeOfDay); (err != nil || len(s.TimeOfDay) != len("15:04")) && (s.TimeOfDay != "" || s.Frequency == Daily) {
		return refuse("timeOfDay", `it must be of the form HH:mm, such as "06:00"`)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		return refuse("timeZone", "it is no time zone: name one of the IANA database, such as Europe/Brussels")
	}
	return nil
}

// plausibleAddress reports whether a text looks like an address that a report reaches.
func plausibleAddress(s string) bool {
	parsed, err := mail.ParseAddress(s)
	suffix := len(s) - 1 - strings.LastIndexByte(s, '.')
	return err == nil && parsed.Address == s && strings.LastIndexByte(s, '.') > strings.LastIndexByte(s, '@') && suffix >= 2
}
