// Package transform says how values are brought into the form that Actito wants, as data: a [Transformation] names a
// column, a kind and its parameters. One specification, a checked list of them, serves single rows, files that are
// imported, and as far as the service has them, definitions that the service executes.
//
//	spec, err := transform.New(
//		transform.NullWords("NULL", "N/A").On("contactName", "shippedDate"),
//		transform.Trim().On("contactName"),
//		transform.Country().On("country"),
//		transform.Date("yyyy-MM-dd HH:mm:ss.SSS").On("shippedDate"),
//	)
//
// Transformations run in the order of the list, each on what those before it left. They act on text. A value that is
// unset, null or empty is passed over, except by [Constant], [Fallback], [Concatenate] and [Split]; what becomes empty is
// unset: it is not sent, or is an empty cell. Null clears what is stored, and stays until a text is written over it. A value that
// a kind cannot read is an error, which says what was expected and never holds the value: nothing is guessed, and nothing is
// dropped.
package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Transformation is one step: a kind that acts on a column. It is data: two of one column, kind and parameters are equal
// by ==. Its JSON is that of the service's definitions (assumed, in all its names):
//
//	{"headerColumn": "country", "type": "VALUE_MAPPING", "values": {"Belgique": "BE"}, "default": null}
type Transformation struct {
	Column string // of the file; of rows, the attribute's name
	Kind   Kind
}

// String is the column, the kind and its parameters.
func (t Transformation) String() string { return t.Column + ": " + t.Kind.String() }

// MarshalJSON writes the parameters beside column and type.
func (t Transformation) MarshalJSON() ([]byte, error) {
	fields, err := t.Kind.fields()
	if err != nil {
		return nil, err
	}
	fields[fieldColumn], fields[fieldType] = t.Column, t.Kind.name
	return marshal(fields)
}

// UnmarshalJSON reads any kind, known or not: [New] and [Parse] check. A name that is twice in an object is an error, since
// one of its values would be lost.
func (t *Transformation) UnmarshalJSON(object []byte) error {
	var fields map[string]any
	err := unmarshal(object, &fields)
	column, isColumn := fields[fieldColumn].(string)
	name, isType := fields[fieldType].(string)
	if !isColumn || !isType {
		return &Error{Detail: "a transformation is an object with headerColumn and type, which are texts", Err: err}
	}
	if !utf8.Valid(object) {
		return Refuse("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := once(d); err != nil {
		return err
	}
	delete(fields, fieldColumn)
	delete(fields, fieldType)
	kind, err := NewKind(name, fields)
	*t = Transformation{column, kind}
	return err
}

const (
	fieldColumn = "headerColumn"
	fieldType   = "type"
)

// List is what [New] takes: transformations in their order.
type List []Transformation

// Kind is what a transformation does, with its parameters. Two with the same name and parameters are equal by ==, in whatever
// order the parameters were given; one that is false is not one that is missing. The functions of this package make kinds;
// [NewKind] makes any.
type Kind struct {
	name   string
	params string // JSON in one form, "" for none
}

// NewKind makes a kind of its name, such as "TRIM", and its parameters: nil, or what encoding/json writes as an object, in
// which nothing may be named headerColumn or type, and all must be UTF-8.
// Whether there is such a kind, and whether these are its parameters, [New] checks.
func NewKind(name string, params any) (Kind, error) {
	text, err := marshal(params)
	if err != nil {
		return Kind{}, fmt.Errorf("transform: parameters of %s: %w", name, err)
	}
	// What is not UTF-8 was written as \ufffd; U+FFFD itself is not escaped.
	if bytes.Contains(bytes.ReplaceAll(text, []byte(`\\`), nil), []byte(`\ufffd`)) {
		return Kind{}, fmt.Errorf("transform: a parameter of %s is not UTF-8", name)
	}
	var fields map[string]any
	if err := unmarshal(text, &fields); err != nil {
		return Kind{}, fmt.Errorf("transform: the parameters of %s are no JSON object: %w", name, err)
	}
	for _, own := range [...]string{fieldColumn, fieldType} {
		if _, taken := fields[own]; taken {
			return Kind{}, fmt.Errorf("transform: %s: a parameter cannot be named %s, which the transformation has itself", name, own)
		}
	}
	k := Kind{name: name}
	if len(fields) > 0 {
		text, err = marshal(fields)
		k.params = string(text)
	}
	return k, err
}

// newKind is NewKind for parameters of this package, which are objects. What is wrong with them is that one is not UTF-8.
func newKind(name string, params any) Kind {
	k, err := NewKind(name, params)
	if err != nil {
		k = Kind{name: name, params: notUTF8}
	}
	return k
}

// notUTF8 are parameters that New refuses.
const notUTF8 = "\xff"

// Name is the kind's name, such as "TRIM".
func (k Kind) Name() string { return k.name }

// Params are the kind's parameters as a JSON object.
func (k Kind) Params() json.RawMessage {
	if k.params == "" {
		return json.RawMessage("{}")
	}
	return json.RawMessage(k.params)
}

// String is the kind's name and its parameters.
func (k Kind) String() string {
	if k.params == "" {
		return k.name
	}
	return k.name + " " + k.params
}

// On makes one transformation for each column.
func (k Kind) On(columns ...string) List {
	list := make(List, len(columns))
	for i, column := range columns {
		list[i] = Transformation{column, k}
	}
	return list
}

func (k Kind) fields() (map[string]any, error) {
	var fields map[string]any
	err := unmarshal(k.Params(), &fields)
	return fields, err
}

// with is the kind with one parameter more.
func (k Kind) with(name string, value any) Kind {
	fields, err := k.fields()
	if err != nil {
		return k
	}
	fields[name] = value
	return newKind(k.name, fields)
}

// marshal writes JSON in one form: names in order, nothing escaped that need not be.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// unmarshal keeps numbers as they are written.
func unmarshal(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}

// once reads a value in which no object may have a name twice: unmarshal would take the last of them.
func once(d *json.Decoder) error {
	begin, err := d.Token()
	names := map[json.Token]bool{}
	isObject := begin == json.Delim('{')
	if !isObject && begin != json.Delim('[') {
		return err
	}
	for err == nil && d.More() {
		if isObject {
			var name json.Token
			if name, err = d.Token(); err == nil && names[name] {
				return Refuse(fmt.Sprintf("an object has the name %.100q twice", name))
			}
			names[name] = true
		}
		if err == nil {
			err = once(d)
		}
	}
	if err == nil {
		_, err = d.Token()
	}
	return err
}

// Columns are those that the transformation reads or writes, its own first.
func (t Transformation) Columns() []string {
	columns := []string{t.Column}
	var p struct {
		Columns []string `json:"columns"`
	}
	if (t.Kind.name == kindConcatenate || t.Kind.name == kindSplit) && unmarshal(t.Kind.Params(), &p) == nil {
		for _, c := range p.Columns {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return columns
}
