package actitotest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// location is a folder on a file server. Files stay there. // assumed: all of its
// calls and its JSON form
type location struct {
	id, entity, name string
	fields           map[string]json.RawMessage // as they were sent, but for the password
	files            []remoteFile               // the newest last
}

type remoteFile struct {
	ImportFile
	data    []byte
	arrived time.Time
}

func (l *location) json() map[string]any {
	out := map[string]any{"createdBy": "somebody"} // a field that clients do not know
	for name, value := range l.fields {
		out[name] = value
	}
	out["id"], out["name"] = l.id, l.name
	return out
}

func (s *Server) listLocations(c *call) (answer, *problem) {
	list := []any{}
	for _, l := range s.locations {
		if l.entity == c.entity {
			list = append(list, l.json())
		}
	}
	return reply(http.StatusOK, map[string]any{"locations": list}), nil
}

func (s *Server) createLocation(c *call) (answer, *problem) {
	var in struct{ Name, Protocol, Host string }
	l := &location{entity: c.entity}
	if err := cmp.Or(json.Unmarshal(c.json, &in), json.Unmarshal(c.json, &l.fields)); err != nil {
		return answer{}, refuse(http.StatusBadRequest, "invalid location: %v", err)
	}
	switch {
	case in.Name == "" || in.Host == "":
		return answer{}, refuse(http.StatusBadRequest, "the location needs a name and a host")
	case !slices.Contains([]string{"SFTP", "FTPS", "FTP"}, in.Protocol):
		return answer{}, refuse(http.StatusBadRequest, "the protocol must be SFTP, FTPS or FTP")
	case s.location(c.entity, in.Name) != nil:
		return answer{}, refuse(http.StatusConflict, "there is a location of this name")
	}
	delete(l.fields, "password")
	id := s.nextID()
	l.id, l.name = strconv.Itoa(id), in.Name
	s.locations = append(s.locations, l)
	return s.written(true, c.seen.Path, l.id, "id", id), nil
}

// testLocation reaches every location there is.
func (s *Server) testLocation(c *call) (answer, *problem) {
	if l := s.location(c.entity, c.params["location"]); l == nil || l.id != c.params["location"] {
		return answer{}, refuse(http.StatusNotFound, "there is no location %s", c.params["location"])
	}
	return reply(http.StatusOK, map[string]any{"success": true}), nil
}

// location finds a location by id or name, of any entity if that is empty.
func (s *Server) location(entity, name string) *location {
	for _, l := range s.locations {
		if (entity == "" || l.entity == entity) && (l.id == name || l.name == name) {
			return l
		}
	}
	return nil
}

// AddLocation adds a folder on a file server, and its entity if it is new, and gives
// its id.
func (s *Server) AddLocation(entity, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &location{id: strconv.Itoa(s.nextID()), entity: entity, name: name}
	s.locations = append(s.locations, l)
	if !slices.Contains(s.entities, entity) {
		s.entities = append(s.entities, entity)
	}
	return l.id
}

// PutFile lets a file, maybe an archive, arrive at a location, which is named by id
// or name, at the clock's present; one of the same name is replaced. It starts the
// ETLs of the location that have no schedule and a pattern that the file fits, once
// all files that they require are there. It panics if there is no such location.
func (s *Server) PutFile(location, name string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	l := s.location("", location)
	if l == nil {
		panic(fmt.Sprintf("actitotest: there is no location %q", location))
	}
	now := s.clock.Now()
	l.files = append(slices.DeleteFunc(l.files, func(f remoteFile) bool { return f.Name == name }), remoteFile{
		ImportFile: ImportFile{Name: name, Size: int64(len(data)), Content: bytes.Clone(data[:min(len(data), bodyBound)])},
		data:       bytes.Clone(data), arrived: now,
	})
	for _, e := range slices.Clone(s.etls) {
		if e.schedule == nil && e.location == l.id {
			s.arrived(e, l, now)
		}
	}
	s.runEnded(now)
}

// arrived starts an ETL for which the newest file of a location may have come.
// assumed: a location without schedule makes an ETL start by file; one of several
// files starts with the last required one, and takes the newest of each
func (s *Server) arrived(e *etl, l *location, now time.Time) {
	d, p := s.parseDefinition(e.entity, e.raw)
	if p != nil {
		return
	}
	newest, came := len(l.files)-1, false
	for _, in := range d.InputFiles {
		at := l.find(in.FileNamePattern, now.In(s.brussels))
		if at < 0 && !in.Optional {
			return
		}
		came = came || at == newest
	}
	if came {
		s.startByItself(e, d, WayFile, now)
	}
}

// find gives the newest file that fits a pattern by its own name or, if it is an
// archive, by one in it; -1 if there is none.
func (l *location) find(pattern string, now time.Time) int {
	for i, f := range slices.Backward(l.files) {
		came := !f.arrived.After(now)
		if came && anyFits(unpack(f.Name, f.data), pattern, now) {
			return i
		}
	}
	return -1
}

func anyFits(files []*csvFile, pattern string, now time.Time) bool {
	return slices.ContainsFunc(files, func(f *csvFile) bool {
		_, ok := f.fitting(pattern, now)
		return ok
	})
}

// fetch adds to an upload the files of a location that it lacks.
func (u *uploaded) fetch(l *location, d *definition, now time.Time) {
	sent := u.unpack()
	for _, in := range d.InputFiles {
		if anyFits(sent, in.FileNamePattern, now) {
			continue
		}
		if at := l.find(in.FileNamePattern, now); at >= 0 {
			f := l.files[at]
			if !slices.ContainsFunc(u.files, func(other ImportFile) bool { return other.Name == f.Name }) {
				u.files, u.data = append(u.files, f.ImportFile), append(u.data, f.data)
			}
		}
	}
}

// override is what a call that triggers a stored ETL says of its files.
type override struct {
	Location   *locationRef `json:"location"`
	InputFiles []struct {
		FileNamePattern string `json:"fileNamePattern"`
	} `json:"inputFiles"`
}

// apply puts a location and file names into a definition.
func (o *override) apply(d *definition) *problem {
	if o.Location == nil || len(o.InputFiles) == 0 {
		return refuse(http.StatusBadRequest, "part parameters needs location and inputFiles")
	}
	d.Location = o.Location
	for _, named := range o.InputFiles {
		at := slices.IndexFunc(d.InputFiles, func(in inputFile) bool {
			return in.FileNamePattern == named.FileNamePattern || likeness(in.FileNamePattern, named.FileNamePattern)
		})
		if at < 0 || named.FileNamePattern == "" {
			return refuse(http.StatusBadRequest, "the definition has no input file %q", named.FileNamePattern)
		}
		d.InputFiles[at].FileNamePattern = named.FileNamePattern
	}
	return nil
}

// plausible says whether a text looks like an e-mail address.
func plausible(address string) bool {
	local, domain, ok := strings.Cut(address, "@")
	return ok && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(address, " <>,;") && !strings.Contains(domain, "@")
}
