package actitotest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// EventType says what a real-time event reports.
type EventType string

// The real-time events.
const (
	EventCreate       EventType = "CREATE"
	EventUpdate       EventType = "UPDATE"
	EventDelete       EventType = "DELETE"
	EventSubscription EventType = "UPDATED_SUBSCRIPTION" // assumed: one page ends it in S
	EventSegment      EventType = "UPDATED_SEGMENT"
)

// Event is a real-time event, which 1-by-1 writes raise and imports do not.
type Event struct {
	Type      EventType
	Entity    string
	TableType string // PROFILE_TABLE or CUSTOM_TABLE
	TableID   string
	ID        string            // profile id or business key
	Data      map[string]string // the row after the write
	Time      time.Time
}

// Profile is a profile as it is stored. Values are in the text form of CSV files,
// but booleans are true and false; an attribute without value is left out.
type Profile struct {
	ID            string
	Attributes    map[string]string // the service's own included
	Subscriptions map[string]bool   // those that were ever set
	Segmentations map[string]string // to the category, "" for one without
}

func (t *table) raise(typ EventType, r *row) {
	id := r.get("profileId").text()
	if t.kind == customTable {
		id = r.values[t.PrimaryKey].text()
	}
	event := Event{
		Type: typ, Entity: t.entity, TableType: t.kind.wireType(), TableID: t.ID, ID: id,
		Data: t.texts(r), Time: t.s.clock.Now(),
	}
	t.s.events = append(t.s.events, event)
	t.s.announceRow(event)
}

func (t *table) texts(r *row) map[string]string {
	texts := map[string]string{}
	for _, a := range t.all() {
		if v := r.get(a.Name); v != nil {
			texts[a.Name] = v.text()
		}
	}
	return texts
}

// Events lists the real-time events so far.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Forget drops what [Server.Requests], [Server.Events] and [Server.Webhooks] remember,
// so that a test of millions of calls does not fill the memory. Tables and imports stay.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.events, s.hooks.sent = nil, nil, nil
}

// Profile looks up a profile by a unique attribute, or by profileId. The table is a
// name or an id.
func (s *Server) Profile(table, attribute, value string) (Profile, bool) {
	t, unlock := s.view(profileTable, table)
	defer unlock()
	if t == nil || !t.unique(attribute) {
		return Profile{}, false
	}
	r := t.byText(attribute, value)
	if r == nil {
		return Profile{}, false
	}
	return t.profile(r), true
}

// Profiles lists a profile table in the order of creation.
func (s *Server) Profiles(table string) []Profile {
	t, unlock := s.view(profileTable, table)
	defer unlock()
	var list []Profile
	if t != nil {
		for _, r := range t.sorted() {
			list = append(list, t.profile(r))
		}
	}
	return list
}

// Record looks up a record by its business key; see [Profile] for the form of the
// values.
func (s *Server) Record(table, key string) (map[string]string, bool) {
	t, unlock := s.view(customTable, table)
	defer unlock()
	if t == nil {
		return nil, false
	}
	r := t.byText(t.PrimaryKey, key)
	if r == nil {
		return nil, false
	}
	return t.texts(r), true
}

// Records lists a custom table in the order of creation.
func (s *Server) Records(table string) []map[string]string {
	t, unlock := s.view(customTable, table)
	defer unlock()
	var list []map[string]string
	if t != nil {
		for _, r := range t.sorted() {
			list = append(list, t.texts(r))
		}
	}
	return list
}

// view brings the tables up to date and gives one, nil if there is none.
func (s *Server) view(kind tableKind, name string) (t *table, unlock func()) {
	s.mu.Lock()
	s.runDue()
	return s.lookUp("", kind, name), s.mu.Unlock
}

func (t *table) profile(r *row) Profile {
	return Profile{
		ID:            r.get("profileId").text(),
		Attributes:    t.texts(r),
		Subscriptions: maps.Clone(r.subscriptions),
		Segmentations: maps.Clone(r.segments),
	}
}

// Import is an import that the fake accepted.
type Import struct {
	ExecutionID string
	ETLID       string // empty for a one shot import
	Entity      string
	Way         Way
	Definition  json.RawMessage // as it was sent
	Files       []ImportFile
	Rows        int      // read in all files, once it has ended
	Tables      []string // names of those that a file came for; each costs one of the day's imports
	Status      string   // as the service names it
	Time        time.Time
}

// ImportFile is a file of an import as it was sent, maybe an archive.
type ImportFile struct {
	Name        string
	ContentType string
	Size        int64
	Content     []byte // at most 1 MiB
}

// AddExecution puts an execution into the list that the service gives, one that
// nobody started through the API: a schedule, a file that arrived, or a person did,
// at the clock's present. It loads nothing, and costs each of the tables, which are
// names or ids, one of the day's imports. The id is that of the execution. It
// panics if there is no such table.
func (s *Server) AddExecution(entity string, tables ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	e := &execution{Import: Import{Entity: entity, Way: WayOther, Time: s.clock.Now()}, created: s.clock.Now()}
	for _, name := range tables {
		t := s.lookUp(entity, "", name)
		if t == nil {
			panic(fmt.Sprintf("actitotest: entity %s has no table %q", entity, name))
		}
		l := &load{name: t.Name + ".csv", status: statusSuccess}
		l.Destination = destination{TableType: t.kind.wireType(), TableID: t.ID}
		e.loads, e.tables, e.Tables = append(e.loads, l), append(e.tables, t), append(e.Tables, t.Name)
	}
	e.ExecutionID = strconv.Itoa(s.nextID())
	e.begin, e.end, e.ended, e.status = e.created, e.created, true, statusSuccess
	s.executions = append(s.executions, e)
	return e.ExecutionID
}

// Imports lists the accepted imports so far.
func (s *Server) Imports() []Import {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	var list []Import
	for _, e := range s.executions {
		i := e.Import
		i.Files, i.Tables = slices.Clone(i.Files), slices.Clone(i.Tables)
		i.Status = string(e.now(s.clock.Now()))
		list = append(list, i)
	}
	return list
}
