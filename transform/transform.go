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
// unset, null or empty is passed over, except by [Constant], [Fallback] and [Concatenate]; what becomes empty is unset: it is not
// sent, or is an empty cell. A value that a kind cannot read is an error, which says what was expected and never holds
// the value: nothing is guessed, and nothing is dropped.
package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Transformation is one step: a kind that acts on a column. It is data: two that do the same are equal by ==. Its JSON
// is that of the service's definitions (assumed, in all its names):
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

// UnmarshalJSON reads any kind, known or not: [New] and [Parse] check.
func (t *Transformation) UnmarshalJSON(object []byte) error {
	var fields map[string]any
	err := unmarshal(object, &fields)
	column, isColumn := fields[fieldColumn].(string)
	name, isType := fields[fieldType].(string)
	if !isColumn || !isType {
		return &Error{Detail: "a transformation is an object with headerColumn and type, which are texts", Err: err}
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

// Kind is what a transformation does, with its parameters. Two with the same ones are equal by ==. The functions of this
// package make them; [NewKind] makes any.
type Kind struct {
	name   string
	params string // JSON in one form, "" for none
}

// NewKind makes a kind of its name, such as "TRIM", and its parameters: nil, or what encoding/json writes as an object.
// Whether there is such a kind, and whether these are its parameters, [New] checks.
func NewKind(name string, params any) (Kind, error) {
	text, err := marshal(params)
	if err != nil {
		return Kind{}, fmt.Errorf("transform: parameters of %s: %w", name, err)
	}
	var fields map[string]any
	if err := unmarshal(text, &fields); err != nil {
		return Kind{}, fmt.Errorf("transform: the parameters of %s are no JSON object: %w", name, err)
	}
	k := Kind{name: name}
	if len(fields) > 0 {
		text, err = marshal(fields)
		k.params = string(text)
	}
	return k, err
}

// newKind is NewKind for parameters of this package, which are objects.
func newKind(name string, params any) Kind {
	k, err := NewKind(name, params)
	if err != nil { // a text that is not UTF-8 is written with replacements, so that there is none
		k = Kind{name: name, params: "{}"}
	}
	return k
}

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
