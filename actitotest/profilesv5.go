package actitotest

import (
	"maps"
	"net/http"
	"slices"
)

// profileBodyV5 is the flat form of v5. // assumed: all of it, from one client's code
type profileBodyV5 struct {
	Key           map[string]any   `json:"key"`
	Attributes    map[string]any   `json:"attributes"`
	Subscriptions map[string]*bool `json:"subscriptions"`
	Segmentations map[string]any   `json:"segmentations"` // to a category, true, false or null
	Collection    *collection      `json:"dataCollectionInformation"`
}

// profileChangeV5 reads a write, and the row that its key names.
func (c *call) profileChangeV5() (change, *row, *problem) {
	var in profileBodyV5
	ch, keys := newChange(), newChange()
	if p := c.decode(&in); p != nil {
		return ch, nil, p
	}
	if c.Method == http.MethodPut && len(in.Key) == 0 {
		return ch, nil, refuse(http.StatusBadRequest, "key is missing")
	}
	for name, v := range in.Key {
		if !c.table.unique(name) {
			return ch, nil, refuse(http.StatusBadRequest, "%q is not a unique attribute", name)
		}
		if p := c.table.set(&keys, name, v); p != nil {
			return ch, nil, p
		}
	}
	for name, v := range in.Attributes {
		if p := c.table.set(&ch, name, v); p != nil {
			return ch, nil, p
		}
	}
	existing, p := c.table.find(keys)
	if p != nil {
		return ch, nil, p
	}
	for name, v := range keys.values {
		if _, named := ch.values[name]; !named {
			ch.values[name] = v
		}
	}
	for name, subscribed := range in.Subscriptions {
		if p := c.table.subscribed(&ch, name, subscribed != nil && *subscribed); p != nil {
			return ch, nil, p
		}
		ch.subscriptions[name] = subscribed
	}
	for name, v := range in.Segmentations {
		category, _ := v.(string)
		if p := c.table.segmented(&ch, name, category, category != "" || v == true); p != nil {
			return ch, nil, p
		}
	}
	return ch, existing, in.Collection.check()
}

func (s *Server) upsertProfileV5(c *call) (answer, *problem) {
	ch, existing, p := c.profileChangeV5()
	if p != nil {
		return answer{}, p
	}
	return s.writeProfileV5(c, existing, ch)
}

func (s *Server) createProfileV5(c *call) (answer, *problem) {
	ch, existing, p := c.profileChangeV5()
	if p != nil {
		return answer{}, p
	}
	if existing != nil {
		return answer{}, c.table.exists(ch)
	}
	return s.writeProfileV5(c, nil, ch)
}

func (s *Server) patchProfileV5(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	ch, _, p := c.profileChangeV5()
	if p != nil {
		return answer{}, p
	}
	return s.writeProfileV5(c, r, ch)
}

// writeProfileV5 answers with the id as a string, which v4 writes as a number.
func (s *Server) writeProfileV5(c *call, existing *row, ch change) (answer, *problem) {
	r, p := c.table.upsert(existing, ch)
	if p != nil {
		return answer{}, p
	}
	id := r.get("profileId").text()
	return s.written(existing == nil, c.seen.Path, id, "profileId", id), nil
}

func (s *Server) getProfileV5(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	return reply(http.StatusOK, c.table.profileV5(r)), nil
}

func (s *Server) listProfilesV5(c *call) (answer, *problem) {
	list := []any{}
	for _, r := range c.table.sorted() {
		list = append(list, c.table.profileV5(r))
	}
	return reply(http.StatusOK, map[string]any{"profiles": list}), nil
}

func (t *table) profileV5(r *row) map[string]any {
	attributes := map[string]any{}
	for _, a := range t.all() {
		attributes[a.Name] = a.toJSON(r.get(a.Name))
	}
	segmentations := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(r.segments)) {
		if segmentations[name] = r.segments[name]; r.segments[name] == "" {
			segmentations[name] = true
		}
	}
	return map[string]any{
		"profileId": r.get("profileId").text(), "attributes": attributes,
		"subscriptions": r.subscriptions, "segmentations": segmentations, "tableId": t.ID,
	}
}
