package actitotest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// schedule is when an ETL runs by itself. // assumed: all names
type schedule struct {
	Frequency string `json:"frequency"`
	TimeOfDay string `json:"timeOfDay"`
	TimeZone  string `json:"timeZone"`

	zone *time.Location
	at   time.Time // hour and minute
}

// check completes a schedule, or says what is wrong with it.
func (s *schedule) check() string {
	var err error
	if s.Frequency != "DAILY" { // assumed: there are others, whose names are not known
		return "the frequency must be DAILY"
	}
	if s.at, err = time.Parse("15:04", s.TimeOfDay); err != nil || len(s.TimeOfDay) != 5 {
		return "timeOfDay must be of the form HH:mm"
	}
	if s.zone, err = time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		return "there is no such timeZone"
	}
	return ""
}

// after is the first time of the schedule after t. A time that a day lacks, since
// clocks are put forward, comes an hour later.
func (s *schedule) after(t time.Time) time.Time {
	t = t.In(s.zone)
	for day := t.Day(); ; day++ {
		if next := time.Date(t.Year(), t.Month(), day, s.at.Hour(), s.at.Minute(), 0, 0, s.zone); next.After(t) {
			return next
		}
	}
}

// runDue brings the fake up to the clock's present: it runs the schedules whose
// time has passed, and the executions whose end has come.
func (s *Server) runDue() {
	now := s.clock.Now()
	for {
		var due *etl
		for _, e := range s.etls {
			if e.schedule != nil && !e.next.After(now) && (due == nil || e.next.Before(due.next)) {
				due = e
			}
		}
		if due == nil {
			break
		}
		at := due.next
		due.next = due.schedule.after(at)
		s.runEnded(at)
		if d, p := s.parseDefinition(due.entity, due.raw); p == nil {
			s.startByItself(due, d, WayScheduled, at)
		}
	}
	s.runEnded(now)
}

// startByItself starts an ETL that no call started. // assumed: nothing happens if one
// of its tables has no import left
func (s *Server) startByItself(e *etl, d *definition, way Way, at time.Time) {
	x := &execution{
		Import:     Import{ETLID: e.id, Entity: e.entity, Way: way, Definition: json.RawMessage(e.raw), Time: at},
		definition: d, created: at,
	}
	var files uploaded
	if p := s.prepare(x, &files); p == nil {
		s.accept(x)
	}
}

// prepare finds the files of an execution, plans it, and asks for the quota.
func (s *Server) prepare(e *execution, u *uploaded) *problem {
	day := e.created.In(s.brussels)
	if ref := e.definition.Location; ref != nil {
		l := s.location(e.Entity, ref.ID)
		if l == nil || l.id != ref.ID {
			return refuse(http.StatusBadRequest, "there is no location %q", ref.ID)
		}
		u.fetch(l, e.definition, day)
	}
	e.Files = u.files
	e.plan(u.unpack(), day)
	return s.overQuota(e.tables, e.created)
}

// accept gives an execution its id and its turn.
func (s *Server) accept(e *execution) {
	e.ExecutionID = strconv.Itoa(s.nextID())
	s.schedule(e)
}
