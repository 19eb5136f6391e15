package actito

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/actito-go/actito/internal/csvrow"
)

// listSeparator stands between the values of a multi-valued attribute in a CSV cell.
const listSeparator = ","

// columns are the columns of a CSV file made of rows of type T.
type columns[T any] struct {
	codec *codec[T]
	names []string
	// fields of a struct, one per column; nil for maps, whose values bring their own.
	fields []*field
}

// blanks tell what the empty cells of a line stand for, which the line itself cannot: each is the name of the first
// column that was unset or null, or "".
type blanks struct {
	unset, null string
}

// columns chooses the columns of a file. For structs these are all fields that are sent, or the named ones in the given
// order; maps need names, since no row can tell the columns of the next. Subscriptions and segmentations are columns
// only if asked for: people unsubscribe inside Actito, and a file must not subscribe them again.
func (c *codec[T]) columns(names []string, consents bool) (*columns[T], error) {
	if len(names) == 0 && c.isMap {
		return nil, fmt.Errorf("actito: rows of type %s have no order: name the columns", reflect.TypeFor[T]())
	}
	cols := &columns[T]{codec: c}
	if len(names) == 0 {
		for i := range c.fields {
			if f := &c.fields[i]; !f.readOnly && (consents || f.section == attributeSection) {
				cols.names = append(cols.names, f.name)
				cols.fields = append(cols.fields, f)
			}
		}
		if len(cols.names) == 0 {
			return nil, fmt.Errorf("actito: %s has no field that a file may hold", reflect.TypeFor[T]())
		}
		return cols, nil
	}
	for _, name := range names {
		f, err := c.column(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("actito: column %q: %w", name, err)
		case slices.Contains(cols.names, name):
			return nil, fmt.Errorf("actito: column %q is named twice", name)
		case !consents && f.section != attributeSection:
			return nil, fmt.Errorf("actito: column %q: subscriptions and segmentations need WithSubscriptions", name)
		}
		cols.names = append(cols.names, name)
		if !c.isMap {
			cols.fields = append(cols.fields, f)
		}
	}
	return cols, nil
}

// column returns the field of a column that was named.
func (c *codec[T]) column(name string) (*field, error) {
	if c.fromServer(name) {
		return nil, errors.New("it is the server's own and cannot be sent")
	}
	if c.isMap {
		f := new(field)
		return f, f.setName(name, c.table)
	}
	i, found := c.byName[name]
	switch {
	case !found:
		return nil, fmt.Errorf("no field of %s has this name in its actito tag", reflect.TypeFor[T]())
	case c.fields[i].readOnly:
		return nil, fmt.Errorf("%s is readonly", c.fields[i].goName)
	}
	return &c.fields[i], nil
}

// header returns the names of the columns, which are also the names of their attributes.
func (cols *columns[T]) header() []string { return cols.names }

// appendRow appends the line of a row. sep is an ASCII character.
func (cols *columns[T]) appendRow(dst []byte, sep byte, row *T) ([]byte, blanks, error) {
	var b blanks
	line := len(dst)
	n := notation{loc: cols.codec.loc, csv: true}
	if cols.codec.isMap {
		return cols.appendMap(dst, sep, any(*row).(map[string]any), n)
	}
	v := reflect.ValueOf(row).Elem()
	for i, f := range cols.fields {
		if i > 0 {
			dst = append(dst, sep)
		}
		var state optState
		var err error
		if dst, state, err = f.appendCell(dst, sep, v.FieldByIndex(f.index), n); err != nil {
			return dst[:line], b, err
		}
		if state != stateSet {
			if f.name == cols.codec.keyName {
				return dst[:line], b, emptyKey(f.name)
			}
			b.note(f.name, state)
		}
	}
	return csvrow.End(dst, line), b, nil
}

func (cols *columns[T]) appendMap(dst []byte, sep byte, values map[string]any, n notation) ([]byte, blanks, error) {
	var b blanks
	line, held := len(dst), 0
	for i, name := range cols.names {
		if i > 0 {
			dst = append(dst, sep)
		}
		state := stateUnset
		if value, found := values[name]; found {
			held++
			m, err := cols.codec.mapMember(name, value)
			if err != nil {
				return dst[:line], b, err
			}
			if dst, state, err = m.appendCell(dst, sep, m.v, n); err != nil {
				return dst[:line], b, err
			}
		}
		if state != stateSet {
			if name == cols.codec.keyName {
				return dst[:line], b, emptyKey(name)
			}
			b.note(name, state)
		}
	}
	if held < len(values) {
		if err := cols.undeclared(values); err != nil {
			return dst[:line], b, err
		}
	}
	return csvrow.End(dst, line), b, nil
}

// undeclared finds a value of a map that no column holds: leaving it out would lose it silently.
func (cols *columns[T]) undeclared(values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(cols.names, name) && !cols.codec.fromServer(name) {
			return &ValidationError{Column: name, Rule: "unknown-column", Detail: "the row has a value that no column was named for"}
		}
	}
	return nil
}

func (b *blanks) note(name string, state optState) {
	switch {
	case state == stateUnset && b.unset == "":
		b.unset = name
	case state == stateNull && b.null == "":
		b.null = name
	}
}

// appendCell appends a field's value as a CSV cell. A value that is set but whose text is empty counts as null: either
// wants the attribute empty.
func (f *field) appendCell(dst []byte, sep byte, v reflect.Value, n notation) ([]byte, optState, error) {
	v, state := f.content(v)
	switch {
	case state == stateNull && f.section != attributeSection:
		return dst, state, f.refuse(errNullConsent)
	case state != stateSet:
		return dst, state, nil
	}
	start := len(dst)
	var err error
	if f.list {
		dst, err = f.appendList(dst, v, n)
	} else if dst, err = f.appendText(dst, v, n); err == nil && len(dst) == start {
		state, err = f.empty()
	}
	switch {
	case err != nil:
		return dst, state, f.refuse(err)
	case len(dst) == start && state == stateSet:
		return dst, stateNull, nil
	}
	return csvrow.Quote(dst, start, sep), state, nil
}

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
