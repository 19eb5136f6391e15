package actitotest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type profileBody struct {
	Attributes []struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	} `json:"attributes"`
	Subscriptions []struct {
		Name      string `json:"name"`
		Subscribe bool   `json:"subscribe"`
	} `json:"subscriptions"`
	Segmentations []segmentationBody `json:"segmentations"`
	Collection    *collection        `json:"dataCollectionInformation"`
}

// collection says when and where data was collected. It is checked and not kept.
type collection struct {
	Date   string `json:"date"`
	Source string `json:"source"`
	Way    string `json:"way"`
}

func (c *collection) check() *problem {
	if c != nil {
		if _, err := time.Parse(time.DateTime, c.Date); err != nil {
			return refuse(http.StatusBadRequest, "dataCollectionInformation has no valid date")
		}
	}
	return nil
}

// segmentationBody takes both written forms: flat, and nested with "belongs".
type segmentationBody struct {
	Name     string `json:"name"`
	Category string `json:"category"`
	Belongs  *bool  `json:"belongs"`
	Nested   *struct {
		Name     string `json:"name"`
		Category string `json:"category"`
	} `json:"segmentation"`
}

// profileChange reads the body of a v4 write.
func (c *call) profileChange() (change, *problem) {
	var in profileBody
	ch := newChange()
	if p := c.decode(&in); p != nil {
		return ch, p
	}
	for _, a := range in.Attributes {
		if p := c.table.set(&ch, a.Name, a.Value); p != nil {
			return ch, p
		}
	}
	for _, s := range in.Subscriptions {
		if p := c.table.subscribed(&ch, s.Name, s.Subscribe); p != nil {
			return ch, p
		}
	}
	for _, s := range in.Segmentations {
		if s.Nested != nil {
			s.Name, s.Category = s.Nested.Name, s.Nested.Category
		}
		if p := c.table.segmented(&ch, s.Name, s.Category, s.Belongs == nil || *s.Belongs); p != nil {
			return ch, p
		}
	}
	return ch, in.Collection.check()
}

// postProfile creates, or updates too with allowUpdate=true. // assumed: without
// the parameter the call is refused; what the service does is not stated
func (s *Server) postProfile(c *call) (answer, *problem) {
	allowUpdate := c.URL.Query().Get("allowUpdate")
	if allowUpdate != "true" && allowUpdate != "false" {
		return answer{}, refuse(http.StatusBadRequest, "allowUpdate must be true or false")
	}
	ch, p := c.profileChange()
	if p != nil {
		return answer{}, p
	}
	existing, p := c.table.find(ch)
	if p != nil {
		return answer{}, p
	}
	if existing != nil && allowUpdate == "false" {
		return answer{}, c.table.exists(ch)
	}
	return s.writeProfile(c, existing, ch)
}

func (s *Server) putProfile(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	ch, p := c.profileChange()
	if p != nil {
		return answer{}, p
	}
	return s.writeProfile(c, r, ch)
}

func (s *Server) writeProfile(c *call, existing *row, ch change) (answer, *problem) {
	r, p := c.table.upsert(existing, ch)
	if p != nil {
		return answer{}, p
	}
	return s.written(existing == nil, c.seen.Path, r.get("profileId").text(), "profileId", r.id), nil
}

// written answers a write: 201 with a Location below path for a new thing, 200 for
// one that was there. The extra field is one that clients do not know.
func (s *Server) written(created bool, path, key, field string, id any) answer {
	a := reply(http.StatusOK, map[string]any{field: id, "_links": map[string]any{}})
	if created {
		a.status, a.location = http.StatusCreated, path+"/"+escape(key)
		if s.world.holds(IDOnlyInLocation) {
			a.body, a.contentType = nil, ""
		}
	}
	return a
}

// escape writes a segment of a path as clients have to.
func escape(segment string) string {
	return strings.ReplaceAll(url.PathEscape(segment), "+", "%2B")
}

// profile finds the profile of a path, by id or by attribute=value.
func (c *call) profile() (*row, *problem) {
	name, text, named := strings.Cut(c.params["key"], "=")
	if !named {
		name, text = "profileId", c.params["key"]
	}
	if !c.table.unique(name) {
		return nil, refuse(http.StatusBadRequest, "%q is not a unique attribute", name)
	}
	r := c.table.byText(name, text)
	if r == nil {
		return nil, refuse(http.StatusNotFound, "there is no profile with %s %s", name, text)
	}
	return r, nil
}

func (s *Server) getProfile(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	subscriptions := []any{}
	for i, name := range c.table.Subscriptions {
		if r.subscriptions[name] {
			subscriptions = append(subscriptions, map[string]any{"id": i + 1, "name": name})
		}
	}
	segmentations := []any{}
	for _, seg := range c.table.Segmentations {
		if category, ok := r.segments[seg.Name]; ok {
			segmentations = append(segmentations, segmentationJSON(seg.Name, category))
		}
	}
	return reply(http.StatusOK, map[string]any{
		"attributes": c.table.properties(r), "subscriptions": subscriptions, "segmentations": segmentations,
		"tableId": c.table.ID,
	}), nil
}

func segmentationJSON(name, category string) map[string]any {
	out := map[string]any{"name": name}
	if category != "" {
		out["category"] = category
	}
	return out
}

// properties writes all attributes of a row as name and value.
func (t *table) properties(r *row) []any {
	var list []any
	for _, a := range t.all() {
		list = append(list, map[string]any{"name": a.Name, "value": a.toJSON(r.get(a.Name))})
	}
	return list
}

// all lists the attributes with the service's own in front.
func (t *table) all() []Attribute {
	if t.kind == profileTable {
		return slices.Concat(own, t.Attributes)
	}
	return t.Attributes
}

func (s *Server) deleteProfile(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	c.table.remove(r)
	return answer{status: http.StatusOK, contentType: "text/plain", body: []byte("profile deleted")}, nil
}

// getSubscriptions answers in the other of the two forms that clients have met.
func (s *Server) getSubscriptions(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	list := []any{}
	for _, name := range c.table.Subscriptions {
		if subscribed, ok := r.subscriptions[name]; ok {
			list = append(list, map[string]any{"name": name, "subscribe": subscribed})
		}
	}
	return reply(http.StatusOK, map[string]any{"subscriptions": list}), nil
}

func (s *Server) subscribe(c *call) (answer, *problem)   { return s.setSubscription(c, true) }
func (s *Server) unsubscribe(c *call) (answer, *problem) { return s.setSubscription(c, false) }

func (s *Server) setSubscription(c *call, subscribed bool) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	ch := newChange()
	if p := c.table.subscribed(&ch, c.params["subscription"], subscribed); p != nil {
		p.status = http.StatusNotFound
		return answer{}, p
	}
	if _, p := c.table.upsert(r, ch); p != nil {
		return answer{}, p
	}
	return answer{status: http.StatusNoContent}, nil
}

// getSegmentations answers in the nested one of the two forms that clients have met.
func (s *Server) getSegmentations(c *call) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	list := []any{}
	for _, seg := range c.table.Segmentations {
		category, belongs := r.segments[seg.Name]
		list = append(list, map[string]any{"belongs": belongs, "segmentation": segmentationJSON(seg.Name, category)})
	}
	return reply(http.StatusOK, map[string]any{"segmentation": list}), nil
}

func (s *Server) segment(c *call) (answer, *problem)   { return s.setSegmentation(c, true) }
func (s *Server) unsegment(c *call) (answer, *problem) { return s.setSegmentation(c, false) }

func (s *Server) setSegmentation(c *call, belongs bool) (answer, *problem) {
	r, p := c.profile()
	if p != nil {
		return answer{}, p
	}
	ch := newChange()
	if p := c.table.segmented(&ch, c.params["segmentation"], c.params["category"], belongs); p != nil {
		p.status = http.StatusNotFound
		return answer{}, p
	}
	if _, p := c.table.upsert(r, ch); p != nil {
		return answer{}, p
	}
	return reply(http.StatusOK, map[string]any{}), nil
}
