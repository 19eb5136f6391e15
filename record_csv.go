package actito

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/actito-go/actito/internal/csvrow"
)

// listSeparator stands between the values of a multi-valued attribute in a CSV cell, as in the vendor's exports.
const listSeparator = ","

// columns are the columns of a CSV file made of rows of type T. They hold the row that is being written, so they serve
// one goroutine at a time.
type columns[T any] struct {
	codec  *codec[T]
	fields []*field // for maps, nothing but the names: their values bring the rest
	row    *T       // what the cells are part of
	cells  []cell   // of structs, in the order of the fields
}

// A cell is a field's place in a row. Reflection is asked about it once for all rows that are copied there: asking for
// every row would cost more than writing it.
type cell struct {
	*field
	v     reflect.Value // the value; of an Opt, what is in it
	at    any           // a pointer to v, to a basic type if v is of one; nil of lists and pointers
	plain bool          // it always is a value
	bare  bool          // a number, boolean, date or date-time, which needs no quotes
	state *optState     // of an Opt, or nil
}

// basics are the types whose values are written without reflection.
var basics = map[reflect.Kind]reflect.Type{
	reflect.String:  reflect.TypeFor[*string](),
	reflect.Bool:    reflect.TypeFor[*bool](),
	reflect.Int:     reflect.TypeFor[*int](),
	reflect.Int64:   reflect.TypeFor[*int64](),
	reflect.Float64: reflect.TypeFor[*float64](),
}

// blanks tell what the empty cells of a line stand for, which the line itself cannot: each is the name of the first
// column that was unset or null, or "".
type blanks struct {
	unset, null string
}

// columns chooses the columns of a file. For structs these are all fields that are sent, or the named ones in the given
// order; maps need names, since no row can tell what the next one holds. Subscriptions and segmentations are columns
// only if asked for: people unsubscribe inside Actito, and a file must not subscribe them again.
func (c *codec[T]) columns(names []string, consents bool) (*columns[T], error) {
	cols := &columns[T]{codec: c, row: new(T)}
	switch {
	case len(names) > 0:
		for _, name := range names {
			f, err := c.column(name, consents)
			if err == nil && slices.ContainsFunc(cols.fields, func(f *field) bool { return f.name == name }) {
				err = errors.New("named twice")
			}
			if err != nil {
				return nil, fmt.Errorf("actito: column %q: %w", name, err)
			}
			cols.fields = append(cols.fields, f)
		}
	case c.isMap:
		return nil, fmt.Errorf("actito: a row of type %s cannot tell the columns of the next: name them", reflect.TypeFor[T]())
	default:
		for _, f := range c.fields {
			if !f.readOnly && (consents || f.section == attributeSection) {
				cols.fields = append(cols.fields, f)
			}
		}
	}
	if len(cols.fields) == 0 {
		return nil, fmt.Errorf("actito: %s has no field that a file may hold", reflect.TypeFor[T]())
	}
	if !c.isMap {
		for _, f := range cols.fields {
			cols.cells = append(cols.cells, member{f, reflect.ValueOf(cols.row).Elem().FieldByIndex(f.index)}.cell())
		}
	}
	return cols, nil
}

// column returns the field of a column that was named.
func (c *codec[T]) column(name string, consents bool) (*field, error) {
	f := c.byName[name]
	if c.isMap {
		f = new(field)
		if err := f.setName(name, c.table); err != nil {
			return nil, err
		}
	}
	switch {
	case c.fromServer(name):
		return nil, errors.New("it is the server's own and cannot be sent")
	case f == nil:
		return nil, fmt.Errorf("no field of %s has this name in its actito tag", reflect.TypeFor[T]())
	case f.readOnly:
		return nil, fmt.Errorf("%s is readonly", f.goName)
	case !consents && f.section != attributeSection:
		return nil, errors.New("subscriptions and segmentations need WithSubscriptions")
	}
	return f, nil
}

// header returns the names of the columns, which are also the names of their attributes.
func (cols *columns[T]) header() []string {
	names := make([]string, len(cols.fields))
	for i, f := range cols.fields {
		names[i] = f.name
	}
	return names
}

// appendHeader appends the first line of a file: the names of the columns. One with a character that the encoding does
// not have is an error.
func (cols *columns[T]) appendHeader(dst []byte, sep byte, enc Encoding) ([]byte, error) {
	line := dst
	n := &notation{sep: sep, latin1: enc == ISO88591}
	for i, f := range cols.fields {
		if i > 0 {
			line = append(line, sep)
		}
		start := len(line)
		var err error
		if line, err = finishCell(append(line, f.name...), start, n); err != nil {
			return dst, f.refuse(err)
		}
	}
	return csvrow.End(line, len(dst)), nil
}

// appendRow appends the line of a row. sep is an ASCII character. A row whose key is empty is an error, and so is one
// with a character that the encoding does not have. After an error dst is what it was.
func (cols *columns[T]) appendRow(dst []byte, sep byte, enc Encoding, row *T) ([]byte, blanks, error) {
	var b blanks
	var line []byte
	var err error
	n := notation{loc: cols.codec.loc, sep: sep, bare: sep == ',' || sep == ';' || sep == '\t' || sep == '|', latin1: enc == ISO88591}
	if cols.codec.isMap {
		line, err = cols.appendMap(dst, &n, any(*row).(map[string]any), &b)
	} else {
		if row != cols.row {
			*cols.row = *row
		}
		line, err = cols.appendCells(dst, &n, &b)
	}
	if err != nil {
		return dst, blanks{}, err
	}
	return csvrow.End(line, len(dst)), b, nil
}

func (cols *columns[T]) appendCells(dst []byte, n *notation, b *blanks) ([]byte, error) {
	for i := range cols.cells {
		if i > 0 {
			dst = append(dst, n.sep)
		}
		var state optState
		var err error
		c := &cols.cells[i]
		if dst, state, err = c.append(dst, n); err == nil && state != stateSet {
			err = cols.note(b, c.name, state)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (cols *columns[T]) appendMap(dst []byte, n *notation, values map[string]any, b *blanks) ([]byte, error) {
	held := 0
	for i, f := range cols.fields {
		if i > 0 {
			dst = append(dst, n.sep)
		}
		state := stateUnset
		var err error
		if value, found := values[f.name]; found {
			held++
			var m member
			if m, err = cols.codec.mapMember(f.name, value); err == nil && m.v.IsValid() && cols.codec.keyName() == f.name {
				err = m.checkType()
			}
			if err == nil {
				c := m.cell()
				dst, state, err = c.append(dst, n)
			}
		}
		if err == nil && state != stateSet {
			err = cols.note(b, f.name, state)
		}
		if err != nil {
			return dst, err
		}
	}
	if held < len(values) {
		return dst, cols.undeclared(values)
	}
	return dst, nil
}

// note takes an empty cell to account. The key's is an error.
func (cols *columns[T]) note(b *blanks, name string, state optState) error {
	if key := cols.codec.keyField; key != nil && key.name == name {
		return key.emptyKey()
	}
	switch {
	case state == stateUnset && b.unset == "":
		b.unset = name
	case state == stateNull && b.null == "":
		b.null = name
	}
	return nil
}

// undeclared finds a value of a map that no column holds: leaving it out would lose it silently.
func (cols *columns[T]) undeclared(values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		declared := slices.ContainsFunc(cols.fields, func(f *field) bool { return f.name == name })
		if !declared && !cols.codec.fromServer(name) {
			return &ValidationError{Column: name, Rule: "unknown-column", Detail: "the row has a value that no column was named for"}
		}
	}
	return nil
}

// cell is the member's place.
func (m member) cell() cell {
	c := cell{field: m.field, v: m.v}
	switch {
	case !m.v.IsValid():
		return c
	case m.wrap == wrapOpt:
		state, value := m.v.Addr().Interface().(optional).slot()
		c.state, c.v = state, reflect.ValueOf(value).Elem()
	}
	if !m.list && m.wrap != wrapPointer {
		p := c.v.Addr()
		if basic := basics[c.v.Kind()]; basic != nil && (m.kind == stringKind || m.kind >= intKind) {
			p = p.Convert(basic)
		}
		c.at = p.Interface()
	}
	_, date := c.at.(*Date)
	c.bare = date || m.kind >= dateTimeKind && !m.list
	c.plain = m.wrap == wrapNone && !m.list && !m.omitZero
	return c
}

// append appends the value that is there. One that is set but whose text is empty counts as null: either wants the
// attribute empty.
func (c *cell) append(dst []byte, n *notation) ([]byte, optState, error) {
	state := stateSet
	if c.state != nil {
		state = *c.state
	} else if !c.plain {
		_, state = c.content(c.v)
	}
	if state != stateSet {
		if state == stateNull && c.section != attributeSection {
			return dst, state, c.refuse(errNullConsent)
		}
		return dst, state, nil
	}
	start := len(dst)
	var err error
	switch p := c.at.(type) {
	case *string:
		if *p != "" {
			if dst, err = appendCell(dst, *p, n); err != nil {
				err = c.refuse(err)
			}
			return dst, state, err
		}
	case *bool:
		dst = appendBool(dst, *p)
	case *int:
		dst = strconv.AppendInt(dst, int64(*p), 10)
	case *int64:
		dst = strconv.AppendInt(dst, *p, 10)
	case *float64:
		dst, err = appendFloat(dst, *p, 64)
	case *DateTime:
		dst, err = p.appendIn(dst, n.loc)
	case *Date:
		dst, err = p.AppendText(dst)
	default:
		v := c.v
		if c.wrap == wrapPointer {
			v = v.Elem()
		}
		if c.list {
			dst, err = c.appendList(dst, v, *n)
		} else {
			dst, err = c.appendText(dst, v, *n)
		}
	}
	switch {
	case err != nil:
	case len(dst) == start:
		if !c.list {
			state, err = c.empty()
		}
		if state == stateSet {
			state = stateNull
		}
	case !c.bare || !n.bare:
		dst, err = finishCell(dst, start, n)
	}
	if err != nil {
		err = c.refuse(err)
	}
	return dst, state, err
}

// appendCell appends text as a cell in the encoding of the file.
func appendCell(dst []byte, text string, n *notation) ([]byte, error) {
	start := len(dst)
	dst, plain := csvrow.AppendCell(dst, text, n.sep)
	if plain {
		return dst, nil
	}
	return encodeCell(dst, start, n)
}

// finishCell makes the raw text at dst[start:] such a cell.
func finishCell(dst []byte, start int, n *notation) ([]byte, error) {
	dst, plain := csvrow.Quote(dst, start, n.sep)
	if plain {
		return dst, nil
	}
	return encodeCell(dst, start, n)
}

func encodeCell(dst []byte, start int, n *notation) ([]byte, error) {
	if err := checkText(dst[start:]); err != nil || !n.latin1 {
		return dst, err
	}
	dst, mapped := csvrow.Latin1(dst, start)
	if !mapped {
		return dst, errNotLatin1
	}
	return dst, nil
}

var errNotLatin1 = &ValidationError{Rule: "encoding",
	Detail: "ISO-8859-1 does not have one of the characters: replace it, or write the file in UTF-8 and declare that"}

func (f *field) appendList(dst []byte, v reflect.Value, n notation) ([]byte, error) {
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, listSeparator...)
		}
		s, e, err := f.element(v, i)
		if err != nil {
			return dst, err
		}
		start := len(dst)
		if dst, err = s.appendText(dst, e, n); err != nil {
			return dst, err
		}
		if len(dst) == start || bytes.Contains(dst[start:], []byte(listSeparator)) {
			return dst, &ValidationError{Rule: "multi-value", Detail: "a value of a list is empty or holds a comma: in a file it could not be told apart"}
		}
	}
	return dst, nil
}
