package actito

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// TableType is a kind of table.
type TableType string

// The kinds of tables.
const (
	ProfileTableType TableType = "PROFILE_TABLE"
	CustomTableType  TableType = "CUSTOM_TABLE"
)

// A section is what a member of a row is, by the prefix of its name in tags, map keys and CSV headers.
type section string

const (
	attributeSection    section = ""
	subscriptionSection section = "subscriptions#"
	segmentationSection section = "segmentations#"
)

// A codec turns rows of type T into JSON bodies and CSV lines, and back. Every road into a table uses it, so that names,
// nulls and the text of values are decided once. It never changes once it is made, so it is safe for concurrent use.
//
// T is a struct whose exported fields carry tags; a field without one stays at home:
//
//		`actito:"name[,key][,omitzero][,readonly]"`
//
//	  - Plain numbers and booleans are always sent, unless they are zero and have omitzero.
//	  - Anything else that is plain is unset, and so not sent, while its text is empty: strings, Date, DateTime and types
//	    with MarshalText. So are empty slices.
//	  - An Opt is unset, null or a value. A pointer is unset or a value: it cannot clear.
//	  - readonly fields are read, never sent.
//	  - Fields of embedded structs count as the row's own.
//
// T can also be map[string]any. Its keys are the names, nil is null, and a missing key is unset; values follow the rules
// above. What is read holds numbers as json.Number, lists as []any, and true or false for subscriptions.
type codec[T any] struct {
	schema
	loc *time.Location // zone of the text form of DateTime
}

// A schema is what the tags of a struct say. For maps it holds no fields.
type schema struct {
	table    TableType
	isMap    bool
	fields   []*field // in the order of the struct
	byName   map[string]*field
	keyField *field // or nil
}

// A field is one member of a row.
type field struct {
	shape
	name     string // as in the tag, with its prefix
	quoted   []byte // the name without its prefix, as JSON
	section  section
	goName   string
	index    []int // for reflect.Value.FieldByIndex
	omitZero bool
	readOnly bool
}

// A member is a field with its value in one row. The value is invalid if it is the nil of a map.
type member struct {
	*field
	v reflect.Value
}

// openTable makes the codec of a table's rows. It sends nothing.
func openTable[T any](c *Client, kind TableType, table string) (*codec[T], error) {
	if c == nil || c.core == nil {
		return nil, errNoClient
	}
	if table == "" {
		return nil, &ValidationError{Column: "table", Rule: "empty-table", Detail: "the " + kind.words() + "'s name or id is empty"}
	}
	return newCodec[T](kind, c.zone)
}

// newCodec reads the tags of T. Its errors name the field and what to do about it.
func newCodec[T any](table TableType, loc *time.Location) (*codec[T], error) {
	c := &codec[T]{schema: schema{table: table, byName: map[string]*field{}}, loc: loc}
	t := reflect.TypeFor[T]()
	switch {
	case t == reflect.TypeFor[map[string]any]():
		c.isMap = true
		return c, nil
	case t.Kind() != reflect.Struct:
		return nil, fmt.Errorf("actito: rows of type %s: use a struct with actito tags, or map[string]any", t)
	}
	if err := c.addStruct(t, nil, t.Name()); err != nil {
		return nil, err
	}
	if len(c.fields) == 0 {
		return nil, fmt.Errorf("actito: %s has no field with an actito tag, such as `actito:\"emailAddress\"`", t)
	}
	return c, nil
}

// addStruct adds the tagged fields of t, and those of the structs that it embeds.
func (s *schema) addStruct(t reflect.Type, parent []int, path string) error {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("actito")
		index := append(slices.Clone(parent), i)
		goName := path + "." + sf.Name
		var err error
		switch {
		case tag == "-":
		case tagged && !sf.IsExported():
			err = errors.New("a field with a tag must be exported")
		case tagged:
			err = s.addField(sf.Type, tag, index, goName)
		case sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			if err := s.addStruct(sf.Type, index, goName); err != nil {
				return err
			}
		case sf.Anonymous && sf.Type.Kind() == reflect.Pointer:
			err = fmt.Errorf("embedded pointers are not supported: embed %s itself, or skip it with `actito:\"-\"`", sf.Type.Elem())
		}
		if err != nil {
			return fmt.Errorf("actito: %s: %w", goName, err)
		}
	}
	return nil
}

func (s *schema) addField(t reflect.Type, tag string, index []int, goName string) error {
	name, options, _ := strings.Cut(tag, ",")
	f := &field{goName: goName, index: index}
	if err := f.setName(name, s.table); err != nil {
		return err
	}
	isKey := false
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "key":
			isKey = true
		case option == "omitzero":
			f.omitZero = true
		case option == "readonly":
			f.readOnly = true
		case options != "":
			return fmt.Errorf("unknown tag option %q: use key, omitzero or readonly", option)
		}
	}
	if other, taken := s.byName[name]; taken {
		return fmt.Errorf("the name %q is taken by %s", name, other.goName)
	}
	if !f.readOnly && s.fromServer(name) {
		return fmt.Errorf("%s is the server's own: add the tag option readonly", name)
	}
	var err error
	if f.shape, err = shapeOf(t); err != nil {
		return err
	}
	if f.kind == anyKind {
		return errors.New("a list of interfaces: use the type of its values")
	}
	if f.section != attributeSection && (f.wrap != wrapOpt || f.list || f.kind != boolKind) {
		return errors.New("consent is never a plain value: use actito.Opt[bool], whose zero value is not sent")
	}
	if isKey {
		if s.keyField != nil {
			return fmt.Errorf("a second key: %s is the key already", s.keyField.goName)
		}
		if err := f.checkKey(); err != nil {
			return err
		}
		s.keyField = f
	}
	s.byName[name] = f
	s.fields = append(s.fields, f)
	return nil
}

// fromServer reports whether an attribute is read but never sent.
func (s *schema) fromServer(name string) bool {
	return s.table == ProfileTableType && (name == "profileId" || name == "creationMoment" || name == "updateMoment")
}

// setName takes a name with its prefix.
func (f *field) setName(name string, table TableType) error {
	bare := name[strings.IndexByte(name, '#')+1:]
	f.name, f.section = name, section(name[:len(name)-len(bare)])
	switch f.section {
	case attributeSection:
	case subscriptionSection, segmentationSection:
		if table == CustomTableType {
			return fmt.Errorf("%q: only profile tables have subscriptions and segmentations", name)
		}
	default:
		return fmt.Errorf("unknown prefix in %q: use %s or %s", name, subscriptionSection, segmentationSection)
	}
	if bare == "" {
		return errors.New("the name is empty: give the attribute's name, or \"-\" to skip the field")
	}
	if strings.TrimSpace(bare) != bare || checkText([]byte(bare)) != nil {
		return fmt.Errorf("%q is no name: it has white space at its ends, a NUL, or is not UTF-8", name)
	}
	f.quoted = appendJSONString(nil, bare)
	return nil
}

func (f *field) checkKey() error {
	if f.section != attributeSection || f.wrap != wrapNone || f.list {
		return errors.New("a key must be an attribute with a plain value: use string or an integer")
	}
	switch f.kind {
	case floatKind, boolKind, dateTimeKind:
		return errors.New("a key must have one text form only: use string or an integer")
	}
	return nil
}

// refuse is the error for a value of the field that cannot be sent.
func (f *field) refuse(err error) error {
	if e, ok := errors.AsType[*ValidationError](err); ok {
		refused := *e
		refused.Column = f.name
		return &refused
	}
	return &ValidationError{Column: f.name, Rule: "text-form", Detail: "its type failed to write it as text", Err: err}
}

// keyedBy returns a codec whose key is the given attribute. It is how maps, and structs without the tag option key, get
// one.
func (c *codec[T]) keyedBy(attribute string) (*codec[T], error) {
	if c.keyField != nil && c.keyField.name != attribute {
		return nil, fmt.Errorf("actito: the key is %s by the tag of %s, and cannot be %s", c.keyField.name, c.keyField.goName, attribute)
	}
	f := c.byName[attribute]
	switch {
	case c.isMap:
		f = new(field)
		if err := f.setName(attribute, c.table); err != nil {
			return nil, fmt.Errorf("actito: key: %w", err)
		}
	case f == nil:
		return nil, fmt.Errorf("actito: key: no field of %s has the name %q in its actito tag", reflect.TypeFor[T](), attribute)
	}
	if err := f.checkKey(); err != nil {
		return nil, fmt.Errorf("actito: key %q: %w", attribute, err)
	}
	keyed := *c
	keyed.keyField = f
	return &keyed, nil
}

// key returns the name of the key attribute and its text in a row. ok is false if T has no key. A row whose key is empty
// is an error.
func (c *codec[T]) key(row *T) (name, text string, ok bool, err error) {
	if c.keyField == nil {
		return "", "", false, nil
	}
	m, err := c.keyMember(row)
	if err != nil {
		return "", "", false, err
	}
	b, err := m.appendText(nil, m.v, notation{loc: c.loc})
	if err == nil {
		err = checkText(b)
	}
	if err != nil {
		return "", "", false, m.refuse(err)
	}
	if len(b) == 0 {
		return "", "", false, m.emptyKey()
	}
	return m.name, string(b), true, nil
}

// sentKey is key for a write that the server matches by it.
func (c *codec[T]) sentKey(row *T) (name, text string, ok bool, err error) {
	if f := c.keyField; f != nil && (f.readOnly || c.fromServer(f.name)) {
		return "", "", false, &ValidationError{Column: f.name, Rule: "readonly-key",
			Detail: "the key is never sent, so that no row would be found by it: use Update, or another key"}
	}
	return c.key(row)
}

// keyMember returns the key of a row. Its text may still turn out to be empty.
func (c *codec[T]) keyMember(row *T) (member, error) {
	m, found, err := c.member(reflect.ValueOf(row).Elem(), c.keyField)
	switch {
	case err != nil:
		return m, err
	case !found || !m.v.IsValid():
		return m, c.keyField.emptyKey()
	}
	if err := m.checkType(); err != nil {
		return m, err
	}
	if m.isUnset(m.v) {
		return m, m.emptyKey()
	}
	return m, nil
}

// checkType refuses a key of a map, whose values bring their types, that has several text forms.
func (m member) checkType() error {
	if err := m.checkKey(); err != nil {
		return &ValidationError{Column: m.name, Rule: "type", Detail: err.Error()}
	}
	return nil
}

func (f *field) emptyKey() error {
	return &ValidationError{Column: f.name, Rule: "empty-key", Detail: "the row's key is empty"}
}

// member returns a field with its value in a row. found is false if the row is a map that lacks it.
func (s *schema) member(row reflect.Value, f *field) (m member, found bool, err error) {
	if !s.isMap {
		v := row.Field(f.index[0])
		if len(f.index) > 1 { // of an embedded struct
			v = v.FieldByIndex(f.index[1:])
		}
		return member{f, v}, true, nil
	}
	value, found := row.Interface().(map[string]any)[f.name]
	if !found {
		return member{}, false, nil
	}
	m, err = s.mapMember(f.name, value)
	return m, true, err
}

// members returns what a row may send: fields in the order of the struct, keys of a map in alphabetical order.
func (c *codec[T]) members(row *T) ([]member, error) {
	if !c.isMap {
		v := reflect.ValueOf(row).Elem()
		members := make([]member, 0, len(c.fields))
		for _, f := range c.fields {
			if !f.readOnly {
				members = append(members, member{f, v.FieldByIndex(f.index)})
			}
		}
		return members, nil
	}
	values := any(*row).(map[string]any)
	members := make([]member, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if c.fromServer(name) {
			continue
		}
		m, err := c.mapMember(name, values[name])
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// mapMember makes the field that a struct would have for a value of a map.
func (s *schema) mapMember(name string, value any) (member, error) {
	var f field
	if err := f.setName(name, s.table); err != nil {
		return member{}, &ValidationError{Column: name, Rule: "name", Detail: err.Error()}
	}
	if value == nil {
		return member{&f, reflect.Value{}}, nil
	}
	t := reflect.TypeOf(value)
	var err error
	f.shape, err = shapeOf(t)
	if err == nil && f.wrap == wrapPointer {
		err = errors.New("a pointer: use its value, nil or actito.Opt")
	}
	if err == nil && f.section != attributeSection && (f.list || f.kind != boolKind) {
		err = errors.New("subscriptions and segmentations are bool or actito.Opt[bool]")
	}
	if err != nil {
		return member{}, &ValidationError{Column: name, Rule: "type", Detail: err.Error()}
	}
	v := reflect.New(t).Elem() // Opt and pointer receivers need an address
	v.Set(reflect.ValueOf(value))
	return member{&f, v}, nil
}
