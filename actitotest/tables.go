package actitotest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Table declares a profile table or a custom table.
type Table struct {
	ID         string // by default a number for a profile table, a UUID for a custom table
	Name       string
	Attributes []Attribute

	// Of profile tables only. The service's own attributes (profileId,
	// creationMoment, updateMoment) are there without being declared.
	Subscriptions []string
	Segmentations []Segmentation

	// Of custom tables only.
	PrimaryKey   string // the attribute that is the business key
	GeneratedKey bool   // the service makes the business keys, unless a write names one that exists
	Type         string // such as INTERACTIONS
	CreationTime string // the attribute that says when the record came about

	ForeignKeys []ForeignKey
}

// Attribute declares an attribute. Texts are measured in UTF-16 units.
type Attribute struct {
	Name string
	// Type is a value type (STRING, INTEGER, LONG, NUMBER, NUMERIC, BOOLEAN, DATE,
	// TIMESTAMP), or in a profile table also a kind: EMAIL_ADDRESS, BIRTHDATE, SEX,
	// MOTHER_LANGUAGE, LANGUAGE, COUNTRY, ADDRESS_COUNTRY, PHONE_NUMBER, GSM_NUMBER and
	// FAX_NUMBER have forms of their own, any other one is text.
	Type           string
	Unique         bool
	Mandatory      bool
	MultiValued    bool
	MinLength      int
	MaxLength      int // 255 if 0
	AcceptedValues []string
}

// Segmentation declares a segmentation. One with categories puts a profile into
// exactly one of them; one without has profiles that belong and others.
type Segmentation struct {
	Name       string
	Categories []string
}

// ForeignKey declares that an attribute's values exist in a unique attribute of
// another table, which was added before.
type ForeignKey struct {
	Name       string
	Attribute  string
	Table      string // by name or id
	Referenced string // attribute of that table
	Cascade    bool   // deleting the referenced row deletes the ones that refer to it
}

type tableKind string

const (
	profileTable tableKind = "profileTable"
	customTable  tableKind = "customTable"
)

// wireType is the kind as definitions and structures write it.
func (k tableKind) wireType() string {
	if k == profileTable {
		return "PROFILE_TABLE"
	}
	return "CUSTOM_TABLE"
}

// own are the service's own attributes of a profile table.
var own = []Attribute{
	{Name: "profileId", Type: "INTEGER", Unique: true, Mandatory: true, MaxLength: 255},
	{Name: "creationMoment", Type: "TIMESTAMP", Mandatory: true, MaxLength: 255},
	{Name: "updateMoment", Type: "TIMESTAMP", Mandatory: true, MaxLength: 255},
}

func (t *table) isOwn(name string) bool {
	return t.kind == profileTable && slices.ContainsFunc(own, func(a Attribute) bool { return a.Name == name })
}

type table struct {
	Table
	s      *Server
	entity string
	kind   tableKind
	rows   map[int]*row
	// index finds rows by their unique values, attribute by attribute.
	index map[string]map[string]*row
}

type row struct {
	id               int
	values           map[string]value
	created, updated string
	subscriptions    map[string]bool
	segments         map[string]string // segmentation to category, "" for one without
}

// AddProfileTable adds a profile table, and its entity if it is new. It panics on a
// declaration that contradicts itself.
func (s *Server) AddProfileTable(entity string, t Table) { s.addTable(entity, profileTable, t) }

// AddCustomTable adds a custom table, and its entity if it is new. It panics on a
// declaration that contradicts itself.
func (s *Server) AddCustomTable(entity string, t Table) { s.addTable(entity, customTable, t) }

func (s *Server) addTable(entity string, kind tableKind, declared Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &table{Table: declared, s: s, entity: entity, kind: kind, rows: map[int]*row{}}
	t.Attributes = slices.Clone(t.Attributes)
	for i := range t.Attributes {
		a := &t.Attributes[i]
		a.MaxLength = cmp.Or(a.MaxLength, 255)
		if a.Type == "" || kind == customTable && !slices.Contains(valueTypes, a.Type) {
			panic(fmt.Sprintf("actitotest: table %s: attribute %s has no type %q", t.Name, a.Name, a.Type))
		}
	}
	if t.ID == "" {
		t.ID = strconv.Itoa(s.nextID())
		if kind == customTable {
			t.ID = fmt.Sprintf("a4aa57cd-64c4-49bc-a17b-%012d", s.nextID())
		}
	}
	if kind == customTable {
		t.declareKey()
	}
	for _, fk := range t.ForeignKeys {
		target := s.lookUp(entity, "", fk.Table)
		if target == nil || t.attribute(fk.Attribute) == nil || !target.unique(fk.Referenced) {
			panic(fmt.Sprintf("actitotest: table %s: foreign key %s refers to nothing unique", t.Name, fk.Name))
		}
	}
	if s.lookUp(entity, kind, t.Name) != nil || s.lookUp("", kind, t.ID) != nil {
		panic(fmt.Sprintf("actitotest: there is a table %s (%s) already", t.Name, t.ID))
	}
	t.reindex()
	s.tables = append(s.tables, t)
	if !slices.Contains(s.entities, entity) {
		s.entities = append(s.entities, entity)
	}
}

// declareKey makes the primary key of a custom table an attribute like any other.
func (t *table) declareKey() {
	key := t.attribute(t.PrimaryKey)
	if key == nil && t.GeneratedKey && t.PrimaryKey != "" {
		t.Attributes = append([]Attribute{{Name: t.PrimaryKey, Type: "LONG", MaxLength: 255}}, t.Attributes...)
		key = &t.Attributes[0]
	}
	if key == nil {
		panic(fmt.Sprintf("actitotest: custom table %s has no primary key", t.Name))
	}
	key.Unique, key.Mandatory = true, true
}

// lookUp finds a table by name (case counts) or id, of any entity or kind if that
// is empty.
func (s *Server) lookUp(entity string, kind tableKind, name string) *table {
	for _, t := range s.tables {
		if (entity == "" || t.entity == entity) && (kind == "" || t.kind == kind) && (t.Name == name || t.ID == name) {
			return t
		}
	}
	return nil
}

func (t *table) attribute(name string) *Attribute {
	for i := range t.Attributes {
		if t.Attributes[i].Name == name {
			return &t.Attributes[i]
		}
	}
	return nil
}

func (t *table) unique(name string) bool {
	a := t.attribute(name)
	return a != nil && a.Unique || t.isOwn(name) && name == "profileId"
}

// fold is what two keys have in common that are the same key.
func (t *table) fold(key string) string {
	if t.s.world.holds(KeysWithoutCase) {
		return strings.ToLower(key)
	}
	return key
}

func (t *table) reindex() {
	t.index = map[string]map[string]*row{}
	for _, a := range t.Attributes {
		if a.Unique {
			t.index[a.Name] = map[string]*row{}
		}
	}
	for _, r := range t.sorted() {
		t.put(r)
	}
}

// put makes a row, new or changed, findable; lose undoes it before a change.
func (t *table) put(r *row) {
	t.rows[r.id] = r
	for name, rows := range t.index {
		if v := r.values[name]; v != nil {
			rows[t.fold(v.text())] = r
		}
	}
}

func (t *table) lose(r *row) {
	delete(t.rows, r.id)
	for name, rows := range t.index {
		if v := r.values[name]; v != nil && rows[t.fold(v.text())] == r {
			delete(rows, t.fold(v.text()))
		}
	}
}

// by finds the row that has this value in a unique attribute.
func (t *table) by(name string, v value) *row {
	if t.isOwn(name) { // the only unique one of them
		id, _ := strconv.Atoi(v.text())
		return t.rows[id]
	}
	return t.index[name][t.fold(v.text())]
}

// byText is by for a value in text form, as paths and look-ups have it.
func (t *table) byText(name, text string) *row {
	a := t.attribute(name)
	if a == nil {
		return t.by(name, value{text})
	}
	v, p := a.parse(text)
	if p != nil {
		return nil
	}
	return t.by(name, v)
}

// sorted lists the rows in the order of their creation.
func (t *table) sorted() []*row {
	return slices.SortedFunc(maps.Values(t.rows), func(a, b *row) int { return cmp.Compare(a.id, b.id) })
}

// get gives an attribute of a row, the service's own included.
func (r *row) get(name string) value {
	switch name {
	case "profileId":
		return value{strconv.Itoa(r.id)}
	case "creationMoment":
		return value{r.created}
	case "updateMoment":
		return value{r.updated}
	}
	return r.values[name]
}

// remove deletes a row and, where foreign keys say so, those that refer to it.
func (t *table) remove(r *row) {
	t.lose(r)
	t.raise(EventDelete, r)
	for _, other := range t.s.tables {
		for _, fk := range other.ForeignKeys {
			if !fk.Cascade || t.s.lookUp(t.entity, "", fk.Table) != t {
				continue
			}
			key := r.get(fk.Referenced)
			for _, child := range other.sorted() {
				if v := child.values[fk.Attribute]; key != nil && v != nil && t.fold(v.text()) == t.fold(key.text()) {
					other.remove(child)
				}
			}
		}
	}
}
