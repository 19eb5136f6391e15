package actito

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/actito-go/actito/internal/csvrow"
)

// listSeparator stands between the values of a multi-valued attribute in a CSV cell, as in the vendor's exports.
const listSeparator = ","

// wordCharacters are all that numbers, booleans and date-times are written with. They need no quotes unless one of these
// is the separator.
const wordCharacters = "0123456789+-.: TRUEFALS"

// columns are the columns of a CSV file made of rows of type T.
type columns[T any] struct {
	codec  *codec[T]
	fields []*field // for maps, nothing but the names: their values bring the rest
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
	cols := &columns[T]{codec: c}
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

// appendHeader appends the first line of a file: the names of the columns.
func (cols *columns[T]) appendHeader(dst []byte, sep byte, enc Encoding) ([]byte, error) {
	line := len(dst)
	n := notation{sep: sep, latin1: enc == ISO88591}
	for i, f := range cols.fields {
		if i > 0 {
			dst = append(dst, sep)
		}
		start := len(dst)
		var err error
		if dst, err = finishCell(append(dst, f.name...), start, n); err != nil {
			return dst[:line], f.refuse(err)
		}
	}
	return csvrow.End(dst, line), nil
}

// appendRow appends the line of a row. sep is an ASCII character. A row whose key is empty is an error, and so is one
// with a character that the encoding does not have.
func (cols *columns[T]) appendRow(dst []byte, sep byte, enc Encoding, row *T) ([]byte, blanks, error) {
	var b blanks
	line, held := len(dst), 0
	n := notation{loc: cols.codec.loc, sep: sep, latin1: enc == ISO88591}
	root := reflect.ValueOf(row).Elem()
	for i, f := range cols.fields {
		if i > 0 {
			dst = append(dst, sep)
		}
		state := stateUnset
		m, found, err := cols.codec.member(root, f)
		if err == nil && found {
			held++
			dst, state, err = m.appendCell(dst, m.v, n)
		}
		if key := cols.codec.keyField; err == nil && state != stateSet && key != nil && key.name == f.name {
			err = f.emptyKey()
		}
		if err != nil {
			return dst[:line], blanks{}, err
		}
		b.note(f.name, state)
	}
	if cols.codec.isMap {
		if values := any(*row).(map[string]any); held < len(values) {
			if err := cols.undeclared(values); err != nil {
				return dst[:line], blanks{}, err
			}
		}
	}
	return csvrow.End(dst, line), b, nil
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
func (f *field) appendCell(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
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
	case f.kind >= dateTimeKind && !f.list && strings.IndexByte(wordCharacters, n.sep) < 0:
		return dst, state, nil
	}
	if dst, err = finishCell(dst, start, n); err != nil {
		return dst, state, f.refuse(err)
	}
	return dst, state, nil
}

// finishCell makes the raw text at dst[start:] a cell in the encoding of the file.
func finishCell(dst []byte, start int, n notation) ([]byte, error) {
	dst, plain := csvrow.Quote(dst, start, n.sep)
	if plain {
		return dst, nil
	}
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
