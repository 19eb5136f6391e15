package actito

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// String is the entity and the table, with a slash between them.
func (t *ProfileTable[T]) String() string { return t.c.entity + "/" + t.table }

// String is the entity and the table, with a slash between them.
func (t *CustomTable[T]) String() string { return t.c.entity + "/" + t.table }

// Client is the client that the table was made of.
func (t *ProfileTable[T]) Client() *Client { return t.c }

// Client is the client that the table was made of.
func (t *CustomTable[T]) Client() *Client { return t.c }

// KeyAttribute is the name of the attribute that is the key of the rows, or "".
func (t *ProfileTable[T]) KeyAttribute() string { return t.codec.keyName() }

// KeyAttribute is the name of the attribute that is the business key of the records, or "".
func (t *CustomTable[T]) KeyAttribute() string { return t.codec.keyName() }

// Attributes are the names of what the rows send, with the prefixes of subscriptions and segmentations; nil where rows
// are maps, which may hold any.
func (t *ProfileTable[T]) Attributes() []string { return t.codec.sentNames() }

// Attributes are the names of what the records send; nil where records are maps, which may hold any.
func (t *CustomTable[T]) Attributes() []string { return t.codec.sentNames() }

// Untyped returns the same table, with the same key, for rows that are maps: those that Map makes. Those of a
// table that is Transformed are transformed already, so that this one does not transform.
func (t *ProfileTable[T]) Untyped() *ProfileTable[map[string]any] {
	return &ProfileTable[map[string]any]{c: t.c, table: t.table, codec: untyped(t.codec)}
}

// Untyped returns the same table, with the same key, for records that are maps: those that Map makes. Those of
// a table that is Transformed are transformed already, so that this one does not transform.
func (t *CustomTable[T]) Untyped() *CustomTable[map[string]any] {
	return &CustomTable[map[string]any]{c: t.c, table: t.table, codec: untyped(t.codec)}
}

// Map returns what a row would send: each name with its value, nil where it is cleared; what is unset is missing. A row
// that cannot be sent is a [ValidationError]. Dates are in their text form, numbers are [json.Number], lists []any, and
// what the kind BOOLEAN of package transform writes is a bool, whose text is another in a call than in a file. An empty text that is set is
// an [Opt], since a plain one would be unset.
//
// It is how rows are kept for later: a map can be stored as JSON, be read back by [ParseMap], take over what a newer one
// of the same row says, name by name, and be sent through Untyped.
func (t *ProfileTable[T]) Map(row T) (map[string]any, error) { return toMap(t.codec, t.rows, &row) }

// Map returns what a record would send: each name with its value, nil where it is cleared; what is unset is missing. See
// [ProfileTable.Map].
func (t *CustomTable[T]) Map(record T) (map[string]any, error) {
	return toMap(t.codec, t.rows, &record)
}

// ParseMap reads a row from the JSON that [json.Marshal] writes of one that Map made.
func ParseMap(object []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	var row map[string]any
	if err := d.Decode(&row); err != nil || row == nil {
		return nil, &ValidationError{Rule: "json", Detail: "this is no row: use an object of names and values", Err: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &ValidationError{Rule: "json", Detail: "something follows the row, which would be lost"}
	}
	for name, value := range row {
		row[name] = setEmpty(value)
	}
	return row, nil
}

// setEmpty keeps an empty value from being taken for one that is unset.
func setEmpty(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return Set("")
		}
	case []any:
		if len(v) == 0 {
			return Set([]string{})
		}
	}
	return value
}

func (s *schema) keyName() string {
	if s.keyField == nil {
		return ""
	}
	return s.keyField.name
}

func (s *schema) sentNames() (names []string) {
	for _, f := range s.fields {
		if !f.readOnly {
			names = append(names, f.name)
		}
	}
	return names
}

// untyped is the codec of maps with the same key.
func untyped[T any](c *codec[T]) *codec[map[string]any] {
	return &codec[map[string]any]{schema: schema{table: c.table, isMap: true, keyField: c.keyField}, loc: c.loc}
}

func toMap[T any](c *codec[T], rows *Transformer[T], row *T) (map[string]any, error) {
	row, err := rows.applied(row)
	if err != nil {
		return nil, err
	}
	if _, _, _, err := c.sentKey(row); err != nil {
		return nil, err
	}
	members, err := c.members(row)
	if err != nil {
		return nil, err
	}
	object := []byte{'{'}
	for _, m := range members {
		before := len(object)
		if before > 1 {
			object = append(object, ',')
		}
		// The whole name tells the sections apart.
		var state optState
		object, state, err = m.appendValue(append(appendJSONString(object, m.name), ':'), m.v, notation{loc: c.loc})
		if err != nil {
			return nil, err
		}
		if state == stateUnset {
			object = object[:before]
		}
	}
	kept, err := ParseMap(append(object, '}'))
	if rows == nil || err != nil {
		return kept, err
	}
	for _, i := range rows.booleans {
		if text, set := kept[rows.columns[i]].(string); set {
			kept[rows.columns[i]] = text == "true"
		}
	}
	return kept, nil
}
