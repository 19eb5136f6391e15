package actito

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// unreadableError is a value from the server that does not fit its field. Its text never shows the value; the cause,
// which a user's UnmarshalText made, may.
type unreadableError struct {
	name, goName string
	goType       reflect.Type
	err          error
}

func (e *unreadableError) Error() string {
	return fmt.Sprintf("actito: the value of %q cannot be read into %s of type %s", e.name, e.goName, e.goType)
}

func (e *unreadableError) Unwrap() error { return e.err }

// errUnreadable is the cause when there is no more to say than that the value does not fit.
var errUnreadable = errors.New("actito: the value does not fit")

// A namedValue is one member of a row on the wire.
type namedValue struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// attributeValues are read from [{"name":…,"value":…}] and from {name:value}.
type attributeValues []namedValue

func (a *attributeValues) UnmarshalJSON(b []byte) error {
	if values, plain := plainValues(b); plain {
		*a = values
		return nil
	}
	return unmarshalMembers((*[]namedValue)(a), b, "", func(v namedValue) namedValue { return v })
}

// subscriptionValues are read from [{"name":…,"subscribe":…}], where a missing "subscribe" means true, and from
// {name:bool}.
type subscriptionValues []namedValue

type wireSubscription struct {
	Name      string          `json:"name"`
	Subscribe json.RawMessage `json:"subscribe"`
}

func (s *subscriptionValues) UnmarshalJSON(b []byte) error {
	return unmarshalMembers((*[]namedValue)(s), b, string(subscriptionSection), func(w wireSubscription) namedValue {
		return namedValue{string(subscriptionSection) + w.Name, orTrue(w.Subscribe)}
	})
}

// segmentationValues are read from [{"name":…}], [{"belongs":…,"segmentation":{"name":…}}] and {name:bool or category}.
type segmentationValues []namedValue

type wireSegmentation struct {
	Name         string          `json:"name"`
	Belongs      json.RawMessage `json:"belongs"`
	Segmentation struct {
		Name string `json:"name"`
	} `json:"segmentation"`
}

func (s *segmentationValues) UnmarshalJSON(b []byte) error {
	err := unmarshalMembers((*[]namedValue)(s), b, string(segmentationSection), func(w wireSegmentation) namedValue {
		return namedValue{string(segmentationSection) + w.Name + w.Segmentation.Name, orTrue(w.Belongs)}
	})
	for i, v := range *s {
		// assumed: of version 5, where a text stands for a segmentation, it is the category that the profile is in.
		if text, _ := jsonText(v.Value); v.Value[0] == '"' && text != "" {
			if _, isBool := parseBool(text); !isBool {
				(*s)[i].Value = orTrue(nil)
			}
		}
	}
	return err
}

func orTrue(b json.RawMessage) json.RawMessage {
	if b == nil {
		return json.RawMessage("true")
	}
	return b
}

// unmarshalMembers reads a list whose elements name themselves, or an object whose keys are the names. What it reads is
// not nil, so that an empty section can be told from a missing one.
func unmarshalMembers[W any](to *[]namedValue, b []byte, prefix string, named func(W) namedValue) error {
	*to = []namedValue{}
	if b[0] == '{' {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(b, &object); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			*to = append(*to, namedValue{prefix + name, object[name]})
		}
		return nil
	}
	var list []W
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, w := range list {
		*to = append(*to, named(w))
	}
	return nil
}

// decodeProfile reads a profile in the form of v4 or v5. What T has no field for is ignored.
func (c *codec[T]) decodeProfile(body []byte) (T, error) {
	var wire struct {
		ProfileID     json.RawMessage    `json:"profileId"` // assumed: v5 has it beside the attributes
		Attributes    attributeValues    `json:"attributes"`
		Subscriptions subscriptionValues `json:"subscriptions"`
		Segmentations segmentationValues `json:"segmentations"`
		Segmentation  segmentationValues `json:"segmentation"`
	}
	var none T
	if err := json.Unmarshal(body, &wire); err != nil {
		return none, fmt.Errorf("actito: the answer is not a profile: %w", err)
	}
	if wire.Attributes == nil && wire.Subscriptions == nil && wire.Segmentations == nil && wire.Segmentation == nil {
		return none, errors.New("actito: the answer is not a profile: it has none of a profile's members")
	}
	var members []namedValue
	if wire.ProfileID != nil {
		members = append(members, namedValue{"profileId", wire.ProfileID})
	}
	members = append(members, wire.Attributes...)
	members = append(members, wire.Subscriptions...)
	members = append(members, wire.Segmentations...)
	return c.decodeRow(append(members, wire.Segmentation...))
}

type wireRecord struct {
	Properties attributeValues `json:"properties"`
}

var errNoProperties = errors.New(`actito: the answer is not a record: it has no "properties"`)

// decodeRecord reads {"properties":[…]}. What T has no field for is ignored.
func (c *codec[T]) decodeRecord(body []byte) (T, error) {
	var wire wireRecord
	var none T
	if err := json.Unmarshal(body, &wire); err != nil {
		return none, fmt.Errorf("actito: the answer is not a record: %w", err)
	}
	if wire.Properties == nil {
		return none, errNoProperties
	}
	return c.decodeRow(wire.Properties)
}

// decodeRecords reads {"records":[…]}.
func (c *codec[T]) decodeRecords(body []byte) ([]T, error) {
	var wire struct {
		Records *[]wireRecord `json:"records"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, fmt.Errorf("actito: the answer is not a list of records: %w", err)
	}
	if wire.Records == nil {
		return nil, errors.New(`actito: the answer is not a list of records: it has no "records"`)
	}
	rows := make([]T, 0, len(*wire.Records))
	for _, r := range *wire.Records {
		if r.Properties == nil {
			return nil, errNoProperties
		}
		row, err := c.decodeRow(r.Properties)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// decodeRow makes a row of members whose names have their prefixes.
func (c *codec[T]) decodeRow(members []namedValue) (T, error) {
	var row, none T
	if c.isMap {
		m := make(map[string]any, len(members))
		*any(&row).(*map[string]any) = m
		for _, member := range members {
			if err := decodeMapValue(m, member); err != nil {
				return none, err
			}
		}
		return row, nil
	}
	v := reflect.ValueOf(&row).Elem()
	for _, member := range members {
		f, found := c.byName[member.Name]
		if !found {
			continue
		}
		if err := f.decodeJSON(v.FieldByIndex(f.index), member.Value, c.loc); err != nil {
			return none, err
		}
	}
	return row, nil
}

func decodeMapValue(m map[string]any, member namedValue) error {
	var value any
	if member.Value != nil {
		d := json.NewDecoder(bytes.NewReader(member.Value))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("actito: the value of %q: %w", member.Name, err)
		}
	}
	if !isConsent(member.Name) {
		m[member.Name] = value
		return nil
	}
	if value == nil {
		return nil
	}
	is, known := parseBool(fmt.Sprint(value))
	if !known {
		return &unreadableError{name: member.Name, goName: "the map", goType: reflect.TypeFor[bool](), err: errUnreadable}
	}
	m[member.Name] = is
	return nil
}

func isConsent(name string) bool {
	return strings.HasPrefix(name, string(subscriptionSection)) || strings.HasPrefix(name, string(segmentationSection))
}

// decodeCells reads a line of a CSV file into row. Columns without a field are ignored; an empty cell is unset. A file
// without the key's column has other names than the attributes', and its rows cannot be told apart.
func (c *codec[T]) decodeCells(header, cells []string, row *T) error {
	if c.isMap {
		m := make(map[string]any, len(header))
		*any(row).(*map[string]any) = m
		for i, name := range header[:min(len(header), len(cells))] {
			switch {
			case cells[i] == "":
			case isConsent(name):
				if err := decodeMapValue(m, namedValue{name, appendJSONString(nil, cells[i])}); err != nil {
					return err
				}
			default:
				m[name] = cells[i]
			}
		}
		return nil
	}
	if c.keyField != nil && !slices.Contains(header, c.keyField.name) {
		return fmt.Errorf("actito: the file has no column %q: its columns have other names than the attributes; read the cells", c.keyField.name)
	}
	v := reflect.ValueOf(row).Elem()
	for i, name := range header[:min(len(header), len(cells))] {
		if f, found := c.byName[name]; found {
			if err := f.decodeCell(v.FieldByIndex(f.index), cells[i], c.loc); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *field) decodeCell(v reflect.Value, cell string, loc *time.Location) error {
	if cell == "" {
		v.SetZero()
		return nil
	}
	texts := []string{cell}
	if f.list {
		texts = strings.Split(cell, listSeparator)
	}
	return f.parse(v, texts, loc)
}

func (f *field) decodeJSON(v reflect.Value, raw json.RawMessage, loc *time.Location) error {
	// assumed: an empty string in place of a number, boolean or date is no value. Webhooks write all values as strings.
	if len(raw) == 0 || raw[0] == 'n' || string(raw) == `""` && (f.kind != stringKind || f.list) {
		f.decodeNull(v)
		return nil
	}
	if !f.list || raw[0] != '[' {
		text, err := jsonText(raw)
		if err != nil {
			return f.unreadable(v, err)
		}
		return f.parse(v, []string{text}, loc)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return f.unreadable(v, err)
	}
	texts := make([]string, len(elements))
	for i, e := range elements {
		var err error
		if texts[i], err = jsonText(e); err != nil {
			return f.unreadable(v, err)
		}
	}
	return f.parse(v, texts, loc)
}

// decodeNull makes an Opt null, unless it is a consent, and anything else zero.
func (f *field) decodeNull(v reflect.Value) {
	v.SetZero()
	if f.wrap == wrapOpt && f.section == attributeSection {
		state, _ := v.Addr().Interface().(optional).slot()
		*state = stateNull
	}
}

// jsonText returns the text of a JSON string, number or boolean.
func jsonText(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		if text, plain := unescaped(raw); plain {
			return string(text), nil
		}
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{', '[', 'n':
		return "", errUnreadable
	}
	return string(raw), nil
}

func (f *field) unreadable(v reflect.Value, err error) error {
	return &unreadableError{name: f.name, goName: f.goName, goType: v.Type(), err: err}
}

// parse sets a field to the values that the texts stand for. Only a list takes other than one.
func (f *field) parse(field reflect.Value, texts []string, loc *time.Location) error {
	v := field
	switch f.wrap {
	case wrapPointer:
		v = reflect.New(field.Type().Elem()).Elem()
	case wrapOpt:
		state, value := field.Addr().Interface().(optional).slot()
		*state = stateSet
		v = reflect.ValueOf(value).Elem()
	}
	if f.list {
		v.Set(reflect.MakeSlice(v.Type(), len(texts), len(texts)))
		for i, text := range texts {
			if err := f.parseText(v.Index(i), text, loc); err != nil {
				return f.unreadable(field, err)
			}
		}
	} else if err := f.parseText(v, texts[0], loc); err != nil {
		return f.unreadable(field, err)
	}
	if f.wrap == wrapPointer {
		field.Set(v.Addr())
	}
	return nil
}
