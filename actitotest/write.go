package actitotest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// change is what a write of any kind asks of one row; what it does not name stays.
type change struct {
	values        map[string]value  // nil clears
	subscriptions map[string]*bool  // nil forgets
	segments      map[string]string // to a category, "" for a segmentation without
	unsegment     []string
}

func newChange() change {
	return change{values: map[string]value{}, subscriptions: map[string]*bool{}, segments: map[string]string{}}
}

// find gives the existing row that a change is about: of a profile table the one
// that has one of its unique values, of a custom table the one with its key.
// assumed: a profile may be found by one unique value and get another one changed,
// as when a customer has a new address
func (t *table) find(ch change) (*row, *problem) {
	var found *row
	for _, a := range t.Attributes {
		v := ch.values[a.Name]
		if v == nil || !a.Unique || t.kind == customTable && a.Name != t.PrimaryKey {
			continue
		}
		switch r := t.by(a.Name, v); {
		case r == nil && t.GeneratedKey:
			// assumed: a table that makes its keys itself refuses one it has not made
			return nil, rejected("UNKNOWN_KEY", a.Name, "the table makes its keys itself, and made none %s", v.text())
		case r != nil && found != nil && r != found:
			return nil, t.taken(a.Name, v)
		case r != nil:
			found = r
		}
	}
	return found, nil
}

// key names the attribute by which a change would find its row.
func (t *table) key(ch change) string {
	for _, a := range t.Attributes {
		if a.Unique && ch.values[a.Name] != nil {
			return a.Name
		}
	}
	return t.PrimaryKey
}

// exists refuses to create a row that is there.
func (t *table) exists(ch change) *problem {
	key := t.key(ch)
	return t.taken(key, ch.values[key])
}

// taken refuses a unique value that another row has.
func (t *table) taken(name string, v value) *problem {
	p := rejected("DUPLICATE", name, "there is a row with %s already", v.text())
	if t.s.world.holds(ExistingConflict) {
		p.status = http.StatusConflict
	}
	return p
}

// write checks a change of an existing row, or of a new one if r is nil, and does
// it all or not at all.
func (t *table) write(r *row, ch change) (*row, *problem) {
	if p := t.check(r, ch); p != nil {
		return nil, p
	}
	now := t.s.moment(t.s.clock.Now())
	if r == nil {
		r = &row{
			id: t.s.nextID(), created: now,
			values: map[string]value{}, subscriptions: map[string]bool{}, segments: map[string]string{},
		}
		if t.GeneratedKey && ch.values[t.PrimaryKey] == nil {
			r.values[t.PrimaryKey] = value{strconv.Itoa(r.id)}
		}
	} else {
		t.lose(r)
	}
	r.updated = now
	maps.Copy(r.values, ch.values)
	for name, subscribed := range ch.subscriptions {
		if subscribed == nil {
			delete(r.subscriptions, name)
		} else {
			r.subscriptions[name] = *subscribed
		}
	}
	maps.Copy(r.segments, ch.segments)
	for _, name := range ch.unsegment {
		delete(r.segments, name)
	}
	t.put(r)
	return r, nil
}

func (t *table) check(r *row, ch change) *problem {
	for _, a := range t.Attributes {
		v, named := ch.values[a.Name]
		generated := t.GeneratedKey && a.Name == t.PrimaryKey
		if a.Mandatory && v.text() == "" && (named || r == nil && !generated) {
			return rejected("MANDATORY", a.Name, "must have a value")
		}
		if a.Unique && v != nil {
			if other := t.by(a.Name, v); other != nil && other != r {
				return t.taken(a.Name, v)
			}
		}
	}
	for _, fk := range t.ForeignKeys {
		v := ch.values[fk.Attribute]
		if v != nil && t.s.lookUp(t.entity, "", fk.Table).by(fk.Referenced, v) == nil {
			return rejected("UNKNOWN_REFERENCE", fk.Attribute, "%s does not exist in table %s", v.text(), fk.Table)
		}
	}
	return nil
}

// upsert is a 1-by-1 write of a row that may exist.
func (t *table) upsert(r *row, ch change) (*row, *problem) {
	created := r == nil
	r, p := t.write(r, ch)
	if p != nil {
		return nil, p
	}
	if created {
		t.raise(EventCreate, r)
		return r, nil
	}
	if len(ch.values) > 0 {
		t.raise(EventUpdate, r)
	}
	if len(ch.subscriptions) > 0 {
		t.raise(EventSubscription, r)
	}
	if len(ch.segments)+len(ch.unsegment) > 0 {
		t.raise(EventSegment, r)
	}
	return r, nil
}

// subscribed names a subscription in a change.
func (t *table) subscribed(ch *change, name string, subscribed bool) *problem {
	if !slices.Contains(t.Subscriptions, name) {
		return refuse(http.StatusBadRequest, "there is no subscription %q", name)
	}
	ch.subscriptions[name] = &subscribed
	return nil
}

// segmented names a segmentation in a change.
func (t *table) segmented(ch *change, name, category string, belongs bool) *problem {
	i := slices.IndexFunc(t.Segmentations, func(s Segmentation) bool { return s.Name == name })
	if i < 0 {
		return refuse(http.StatusBadRequest, "there is no segmentation %q", name)
	}
	if !belongs {
		ch.unsegment = append(ch.unsegment, name)
		return nil
	}
	categories := t.Segmentations[i].Categories
	if category == "" && len(categories) > 0 || category != "" && !slices.Contains(categories, category) {
		return refuse(http.StatusBadRequest, "segmentation %s has no category %q", name, category)
	}
	ch.segments[name] = category
	return nil
}

// set names an attribute with its JSON value in a change.
func (t *table) set(ch *change, name string, in any) *problem {
	a := t.attribute(name)
	if t.isOwn(name) {
		return refuse(http.StatusBadRequest, "%s is set by the service and must not be sent", name)
	}
	if a == nil {
		return refuse(http.StatusBadRequest, "there is no attribute %q", name)
	}
	if _, twice := ch.values[name]; twice {
		return refuse(http.StatusBadRequest, "attribute %s is named twice", name)
	}
	v, p := a.fromJSON(in)
	ch.values[name] = v
	return p
}
