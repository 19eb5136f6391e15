package actitotest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// etl is a stored definition. // assumed: the calls other than get and trigger
type etl struct {
	id, entity string
	raw        []byte
	fields     map[string]json.RawMessage // of raw
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
	if _, p := s.parseDefinition(c.entity, c.json); p != nil {
		return answer{}, p
	}
	id := s.nextID()
	e := &etl{id: strconv.Itoa(id), entity: c.entity}
	e.store(c.json)
	s.etls = append(s.etls, e)
	return s.written(true, c.seen.Path, e.id, "id", id), nil
}

// store keeps a definition that was parsed before, so that it is a JSON object.
func (e *etl) store(raw []byte) {
	e.raw, e.fields = raw, nil
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
	if _, p := s.parseDefinition(c.entity, c.json); p != nil {
		return answer{}, p
	}
	e.store(c.json)
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
	if c.upload.parameters != nil {
		return answer{}, refuse(http.StatusBadRequest, "the definition is stored already: part parameters is not expected")
	}
	return s.start(c, WayTriggered, e.id, e.raw)
}

func (s *Server) runOnce(c *call) (answer, *problem) {
	if c.upload.parameters == nil {
		return answer{}, refuse(http.StatusBadRequest, "part parameters is missing")
	}
	return s.start(c, WayOneShot, "", c.upload.parameters)
}
