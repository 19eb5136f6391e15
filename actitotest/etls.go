package actitotest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// etl is a stored definition. // assumed: the calls other than get and trigger
type etl struct {
	id, entity string
	raw        []byte
	fields     map[string]json.RawMessage // of raw
	location   string                     // whose files it loads; "" if none is named
	schedule   *schedule                  // nil if it does not run by the clock
	next       time.Time                  // when it will
}

func (s *Server) listETLs(c *call) (answer, *problem) {
	list := []any{}
	for _, e := range s.etls {
		if e.entity == c.entity {
			list = append(list, e.json())
		}
	}
	return reply(http.StatusOK, map[string]any{"etls": list}), nil
}

// createETL answers with the id as a number, which everything else writes as a string.
func (s *Server) createETL(c *call) (answer, *problem) {
	d, p := s.parseDefinition(c.entity, c.json)
	if p != nil {
		return answer{}, p
	}
	id := s.nextID()
	e := &etl{id: strconv.Itoa(id), entity: c.entity}
	e.store(c.json, d, s.clock.Now())
	s.etls = append(s.etls, e)
	return s.written(true, c.seen.Path, e.id, "id", id), nil
}

// store keeps a definition that was parsed before, so that it is a JSON object.
func (e *etl) store(raw []byte, d *definition, now time.Time) {
	e.raw, e.fields, e.schedule, e.location = raw, nil, d.Schedule, ""
	if d.Location != nil {
		e.location = d.Location.ID
	}
	if e.schedule != nil {
		e.next = e.schedule.after(now)
	}
	_ = json.Unmarshal(raw, &e.fields)
	delete(e.fields, "id")
}

// json gives the definition back with its id and with a field that clients do not know.
func (e *etl) json() map[string]any {
	out := map[string]any{"active": true}
	for name, value := range e.fields {
		out[name] = value
	}
	out["id"] = e.id
	return out
}

func (s *Server) findETL(c *call) (*etl, *problem) {
	for _, e := range s.etls {
		if e.id == c.params["etl"] && e.entity == c.entity {
			return e, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no ETL %s", c.params["etl"])
}

func (s *Server) getETL(c *call) (answer, *problem) {
	e, p := s.findETL(c)
	if p != nil {
		return answer{}, p
	}
	return reply(http.StatusOK, e.json()), nil
}

func (s *Server) replaceETL(c *call) (answer, *problem) {
	e, p := s.findETL(c)
	if p != nil {
		return answer{}, p
	}
	d, p := s.parseDefinition(c.entity, c.json)
	if p != nil {
		return answer{}, p
	}
	e.store(c.json, d, s.clock.Now())
	return s.written(false, "", "", "id", e.id), nil
}

func (s *Server) deleteETL(c *call) (answer, *problem) {
	e, p := s.findETL(c)
	if p != nil {
		return answer{}, p
	}
	s.etls = slices.DeleteFunc(s.etls, func(other *etl) bool { return other == e })
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) triggerETL(c *call) (answer, *problem) {
	e, p := s.findETL(c)
	if p != nil {
		return answer{}, p
	}
	var o *override
	if c.upload.parameters != nil {
		o = &override{}
		d := json.NewDecoder(bytes.NewReader(c.upload.parameters))
		d.DisallowUnknownFields() // of a definition, which is stored already, nothing else is expected
		if err := d.Decode(o); err != nil {
			return answer{}, refuse(http.StatusBadRequest, "part parameters names a location and files: %v", err)
		}
	}
	return s.start(c, WayTriggered, e.id, e.raw, o)
}

func (s *Server) runOnce(c *call) (answer, *problem) {
	if c.upload.parameters == nil {
		return answer{}, refuse(http.StatusBadRequest, "part parameters is missing")
	}
	return s.start(c, WayOneShot, "", c.upload.parameters, nil)
}
