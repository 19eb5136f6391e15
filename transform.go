package actito

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/actito-go/actito/transform"
)

// Transformer runs a specification on rows of type T. It is safe for concurrent use, and allocates nothing for values of
// structs that do not change.
//
// Transformations act on text: on fields whose type is a string type, a pointer to one or an [Opt] of one, under the
// names of their tags. A plain string without text is unset, a pointer is unset or a value, and an Opt has its three
// states: null stays null. A value that becomes empty is unset.
//
// In maps any name may be transformed. Their values must then be strings, Opt[string] or nil, which is null; what changes
// becomes a string, and what becomes unset or is dropped is removed.
type Transformer[T any] struct {
	spec     *transform.Specification
	codec    *codec[T]
	program  *transform.Program
	columns  []string // of the program
	touched  []int
	booleans []int
	free     sync.Pool
}

// NewTransformer binds a specification to the fields of T. A column that no field has, a field that holds no text, one
// that is readonly and would be written, and a Drop of a field are each a [*ValidationError].
func NewTransformer[T any](spec *transform.Specification) (*Transformer[T], error) {
	zone, _, err := homeZone.parse()
	if err != nil {
		return nil, err
	}
	c, err := newCodec[T]("", zone)
	if err != nil {
		return nil, err
	}
	return newTransformer(c, spec, transform.JSON)
}

func newTransformer[T any](c *codec[T], spec *transform.Specification, form transform.Form) (*Transformer[T], error) {
	if spec == nil {
		return nil, errNoSpecification
	}
	var names []string
	for _, f := range c.fields {
		names = append(names, f.name)
	}
	for _, step := range spec.List() {
		for _, column := range step.Columns() {
			if c.isMap && !slices.Contains(names, column) {
				names = append(names, column)
			}
			if err := c.transformable(column); err != nil {
				return nil, &ValidationError{Column: column, Rule: ruleTransform, Detail: step.Kind.Name() + ": " + err.Error()}
			}
		}
	}
	t := &Transformer[T]{spec: spec, codec: c}
	var err error
	if t.program, err = spec.Bind(names, form); err != nil {
		return nil, refusedBy(err)
	}
	for i, name := range names {
		if t.program.Dropped(i) && !c.isMap {
			return nil, &ValidationError{Column: name, Rule: ruleTransform,
				Detail: "a row that is a struct cannot lose the field " + c.fields[i].goName + ": leave the column out of files with Columns"}
		}
	}
	for _, i := range t.program.Written() {
		switch {
		case c.fromServer(names[i]):
			return nil, &ValidationError{Column: names[i], Rule: ruleTransform, Detail: "it is the server's own and never sent, so that it cannot be written"}
		case !c.isMap && c.fields[i].readOnly:
			return nil, &ValidationError{Column: names[i], Rule: ruleTransform, Detail: c.fields[i].goName + " is readonly and never sent, so that it cannot be written"}
		}
	}
	t.columns, t.touched, t.booleans = t.program.Columns(), t.program.Touched(), t.program.Booleans()
	return t, nil
}

const ruleTransform = "transform"

var errNoSpecification = &ValidationError{Rule: ruleTransform, Detail: "the specification is nil: look at the error of transform.New"}

// transformable finds why a column of rows cannot be read or written as text.
func (c *codec[T]) transformable(column string) error {
	f := c.byName[column]
	switch {
	case c.isMap:
		f = new(field)
		if err := f.setName(column, c.table); err != nil {
			return err
		}
		if f.section != attributeSection {
			return errors.New("subscriptions and segmentations are true or false, and transformations act on text: leave the column out")
		}
	case f == nil:
		return fmt.Errorf("no field of %s has the name %q in its actito tag: if only a file has this column, its transformations are the input file's Local",
			reflect.TypeFor[T](), column)
	case f.kind != stringKind || f.list:
		return fmt.Errorf("%s holds no text, which is what transformations act on: make it a string or actito.Opt[string], or leave the column out", f.goName)
	}
	return nil
}

// refusedBy is the error of package transform as one of this package. It names the column and the kind.
func refusedBy(err error) *ValidationError {
	e, ok := errors.AsType[*transform.Error](err)
	if !ok {
		return &ValidationError{Rule: ruleTransform, Detail: "the row is refused", Err: err}
	}
	detail := e.Detail
	if e.Kind != "" {
		detail = e.Kind + ": " + detail
	}
	return &ValidationError{Column: e.Column, Rule: ruleTransform, Detail: detail, Err: err}
}

// Apply returns the row that the specification makes of one. What the caller holds never changes: maps are copied, and
// pointers are not written through. A value that is refused is a [*ValidationError] with its Column and the Rule
// "transform", beside the row as it was; it never holds the value, though Err may.
func (t *Transformer[T]) Apply(row T) (T, error) {
	b := t.bound()
	defer t.release(b)
	*b.row = row
	err := b.run()
	return *b.row, err
}

// Explain says what each transformation changes in a row, in their order. A value that is refused ends it with the error
// of Apply, beside what was changed before.
func (t *Transformer[T]) Explain(row T) ([]transform.Change, error) {
	b := t.bound()
	defer t.release(b)
	*b.row = row
	if err := b.read(); err != nil {
		return nil, err
	}
	changes, err := t.program.Explain(b.values)
	if err != nil {
		return changes, refusedBy(err)
	}
	return changes, nil
}

// applied returns the row that is sent in place of one; the row itself if t is nil.
func (t *Transformer[T]) applied(row *T) (*T, error) {
	if t == nil {
		return row, nil
	}
	out, err := t.Apply(*row)
	return &out, err
}

func (t *Transformer[T]) bound() *boundRow[T] {
	if b, ok := t.free.Get().(*boundRow[T]); ok {
		return b
	}
	return t.bind(new(T))
}

func (t *Transformer[T]) release(b *boundRow[T]) {
	var none T
	*b.row = none // which may be personal
	clear(b.values.Values)
	t.free.Put(b)
}

// boundRow is a place for rows that are transformed where they are. Reflection is asked about it once for all of them.
type boundRow[T any] struct {
	*Transformer[T]
	row    *T
	texts  []textCell // of structs, as touched
	values *transform.Row
}

// textCell is where a field's text is.
type textCell struct {
	text    *string   // of an Opt, what is in it
	pointer **string  // in place of text
	state   *optState // of an Opt
}

func (t *Transformer[T]) bind(row *T) *boundRow[T] {
	b := &boundRow[T]{Transformer: t, row: row, values: t.program.NewRow()}
	if t.codec.isMap {
		return b
	}
	for _, i := range t.touched {
		f := t.codec.fields[i]
		v := reflect.ValueOf(row).Elem().FieldByIndex(f.index)
		var c textCell
		// The field's type is one of strings, perhaps with a name, so that its memory is a string's.
		switch p := v.Addr(); f.wrap {
		case wrapPointer:
			c.pointer = (**string)(p.UnsafePointer())
		case wrapOpt:
			state, value := p.Interface().(optional).slot()
			c.state, c.text = state, (*string)(reflect.ValueOf(value).UnsafePointer())
		default:
			c.text = (*string)(p.UnsafePointer())
		}
		b.texts = append(b.texts, c)
	}
	return b
}

// run transforms the row. After an error it is as it was.
func (b *boundRow[T]) run() error {
	if err := b.read(); err != nil {
		return err
	}
	if err := b.program.Run(b.values); err != nil {
		return refusedBy(err)
	}
	if b.codec.isMap {
		b.writeMap()
		return nil
	}
	for n, i := range b.touched {
		if v := &b.values.Values[i]; v.Changed {
			b.texts[n].write(v)
		}
	}
	return nil
}

// read sets the values of the columns that are touched.
func (b *boundRow[T]) read() error {
	if b.codec.isMap {
		return b.readMap()
	}
	for n, i := range b.touched {
		b.texts[n].read(&b.values.Values[i])
	}
	return nil
}

func (c *textCell) read(v *transform.Value) {
	text := c.text
	if c.pointer != nil {
		text = *c.pointer
	}
	switch {
	case c.state != nil && *c.state == stateNull:
		v.Clear()
	case c.state != nil && *c.state == stateUnset || text == nil || c.state == nil && c.pointer == nil && *text == "":
		v.Leave()
	default:
		v.SetString(*text)
	}
}

func (c *textCell) write(v *transform.Value) {
	set := v.State == transform.Set
	switch {
	case c.pointer == nil:
		if string(v.Text) != *c.text {
			*c.text = string(v.Text)
		}
		if c.state != nil {
			*c.state = stateUnset
			if set {
				*c.state = stateSet
			}
		}
	case !set:
		*c.pointer = nil
	case *c.pointer == nil || string(v.Text) != **c.pointer:
		text := string(v.Text)
		*c.pointer = &text
	}
}

func (b *boundRow[T]) readMap() error {
	row := any(*b.row).(map[string]any)
	for _, i := range b.touched {
		v, name := &b.values.Values[i], b.columns[i]
		value, found := row[name]
		if !found {
			v.Leave()
			continue
		}
		switch value := value.(type) {
		case nil:
			v.Clear()
		case string:
			if v.Leave(); value != "" {
				v.SetString(value)
			}
		case Opt[string]:
			c := textCell{text: &value.value, state: &value.state}
			c.read(v)
		default:
			return &ValidationError{Column: name, Rule: ruleTransform, Detail: fmt.Sprintf(
				"a %T is no text, which is what transformations act on: use a string, actito.Opt[string] or nil", value)}
		}
	}
	return nil
}

// writeMap puts a copy in the place of the map.
func (b *boundRow[T]) writeMap() {
	row := maps.Clone(any(*b.row).(map[string]any))
	if row == nil {
		row = map[string]any{}
	}
	for i, name := range b.columns {
		v := &b.values.Values[i]
		switch {
		case b.program.Dropped(i), v.Changed && v.State != transform.Set:
			delete(row, name)
		case v.Changed:
			row[name] = string(v.Text)
		}
	}
	*b.row = any(row).(T)
}
