package actitotest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// recordChange reads the body of a record write.
func (c *call) recordChange() (change, *problem) {
	var in struct {
		Properties []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"properties"`
	}
	ch := newChange()
	if p := c.decode(&in); p != nil {
		return ch, p
	}
	for _, property := range in.Properties {
		if p := c.table.set(&ch, property.Name, property.Value); p != nil {
			return ch, p
		}
	}
	return ch, nil
}

// postRecord creates or updates by the business key.
func (s *Server) postRecord(c *call) (answer, *problem) {
	ch, p := c.recordChange()
	if p != nil {
		return answer{}, p
	}
	existing, p := c.table.find(ch)
	if p != nil {
		return answer{}, p
	}
	return s.writeRecord(c, existing, ch)
}

func (s *Server) putRecord(c *call) (answer, *problem) {
	r, p := c.record()
	if p != nil {
		return answer{}, p
	}
	ch, p := c.recordChange()
	if p != nil {
		return answer{}, p
	}
	return s.writeRecord(c, r, ch)
}

// writeRecord answers with the business key in the JSON type of its attribute.
func (s *Server) writeRecord(c *call, existing *row, ch change) (answer, *problem) {
	r, p := c.table.upsert(existing, ch)
	if p != nil {
		return answer{}, p
	}
	key := r.values[c.table.PrimaryKey]
	id := c.table.attribute(c.table.PrimaryKey).toJSON(key)
	return s.written(existing == nil, c.seen.Path, key.text(), "businessKey", id), nil
}

func (c *call) record() (*row, *problem) {
	r := c.table.byText(c.table.PrimaryKey, c.params["key"])
	if r == nil {
		return nil, refuse(http.StatusNotFound, "there is no record %s", c.params["key"])
	}
	return r, nil
}

func (s *Server) getRecord(c *call) (answer, *problem) {
	r, p := c.record()
	if p != nil {
		return answer{}, p
	}
	return reply(http.StatusOK, map[string]any{"properties": c.table.properties(r), "tableId": c.table.ID}), nil
}

func (s *Server) deleteRecord(c *call) (answer, *problem) {
	r, p := c.record()
	if p != nil {
		return answer{}, p
	}
	c.table.remove(r)
	return answer{status: http.StatusNoContent}, nil
}

// listRecords searches for an exact value and sorts. // assumed: 10 records without
// a number, ascending without a word about it
func (s *Server) listRecords(c *call) (answer, *problem) {
	query := c.URL.Query()
	rows := c.table.sorted()
	if name := query.Get("searchField"); name != "" {
		if c.table.attribute(name) == nil {
			return answer{}, refuse(http.StatusBadRequest, "there is no attribute %q", name)
		}
		rows = slices.DeleteFunc(rows, func(r *row) bool { return r.values[name].text() != query.Get("searchValue") })
	}
	if name := query.Get("sortedField"); name != "" {
		a := c.table.attribute(name)
		if a == nil {
			return answer{}, refuse(http.StatusBadRequest, "there is no attribute %q", name)
		}
		direction := 1
		if query.Get("ascending") == "false" {
			direction = -1
		}
		slices.SortStableFunc(rows, func(x, y *row) int { return direction * a.compare(x.values[name], y.values[name]) })
	}
	number, err := strconv.Atoi(cmp.Or(query.Get("number"), "10"))
	if err != nil || number < 0 {
		return answer{}, refuse(http.StatusBadRequest, "number must be a number")
	}
	list := []any{}
	for _, r := range rows[:min(number, len(rows))] {
		list = append(list, map[string]any{"properties": c.table.properties(r)})
	}
	return reply(http.StatusOK, map[string]any{"records": list, "tableId": c.table.ID}), nil
}

// compare orders numbers as numbers and everything else, dates included, as text.
func (a *Attribute) compare(x, y value) int {
	if a.numeric() {
		m, _ := json.Number(x.text()).Float64()
		n, _ := json.Number(y.text()).Float64()
		return cmp.Compare(m, n)
	}
	return strings.Compare(x.text(), y.text())
}
