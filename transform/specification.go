package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Specification is a list of transformations that was checked. It never changes, so it is safe for concurrent use.
type Specification struct {
	list  List
	kinds map[string]Custom
}

// Option is given to [New] and [Parse]: transformations, and kinds of the caller's own.
type Option interface{ apply(*Specification) }

func (l List) apply(s *Specification) { s.list = append(s.list, l...) }

type option func(*Specification)

func (o option) apply(s *Specification) { o(s) }

// New makes a specification of transformations in their order. A kind that is unknown, a parameter that is missing,
// unknown or makes no sense, such as a regular expression that does not compile, is an [*Error].
func New(opts ...Option) (*Specification, error) {
	s := &Specification{kinds: map[string]Custom{}}
	for _, o := range opts {
		if o != nil {
			o.apply(s)
		}
	}
	for name, c := range s.kinds {
		if _, taken := builtIn(name); taken || name == "" || c.New == nil {
			return nil, &Error{Kind: name, Detail: "a kind of your own needs a function New, and a name that no other kind has"}
		}
	}
	for i, t := range s.list {
		if _, err := s.action(t, JSON); err != nil {
			return nil, refused(t, err).in(i)
		}
	}
	return s, nil
}

// Parse reads the list that [Specification.MarshalJSON] writes, an array of transformations, and checks it as [New] does. The
// types and their parameters are these; those in brackets may be missing:
//
//	TRIM                        [collapse]
//	UPPERCASE, LOWERCASE,
//	CAPITALIZE, TITLE_CASE      [language]
//	UNICODE                     form
//	REPLACE                     old, [new]
//	REPLACE_REGEX               pattern, [replacement]
//	NULL_WORDS                  words
//	VALUE_MAPPING               values, [default, strict]
//	DATE                        from, [to, firstYear, language, truncate]
//	DATE_TIME                   from, [to, firstYear, language, truncate, fromZone, toZone]
//	NUMBER                      decimal, [thousands]
//	BOOLEAN                     [true, false]
//	SEX                         [M, F]
//	TITLE, COUNTRY, LANGUAGE,
//	EMAIL, DROP
//	CONCATENATE                 columns, [separator, skipEmpty]
//	SPLIT                       columns, separator
//	CONSTANT                    value, [onlyEmpty]
func Parse(array []byte, opts ...Option) (*Specification, error) {
	var items []json.RawMessage
	d := json.NewDecoder(bytes.NewReader(array))
	if err := d.Decode(&items); err != nil {
		why := fmt.Sprintf("at byte %d: %v", d.InputOffset(), err)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			why = "it is of type " + wrong.Value
		}
		return nil, &Error{Detail: "this is no JSON array of transformations: " + why, Err: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{Detail: "there is something behind the JSON array of transformations"}
	}
	if items == nil {
		return nil, &Error{Detail: "this is null, and no JSON array of transformations"}
	}
	list := make(List, len(items))
	for i, item := range items {
		if err := json.Unmarshal(item, &list[i]); err != nil {
			return nil, refused(Transformation{}, err).in(i)
		}
	}
	return New(append([]Option{list}, opts...)...)
}

// List returns the transformations in their order.
func (s *Specification) List() List { return slices.Clone(s.list) }

// MarshalJSON writes the array that [Parse] reads. Of kinds of the caller's own it writes names and parameters.
func (s *Specification) MarshalJSON() ([]byte, error) {
	if len(s.list) == 0 {
		return []byte("[]"), nil
	}
	return marshal(s.list)
}

// String is a line for each transformation.
func (s *Specification) String() string {
	lines := make([]string, len(s.list))
	for i, t := range s.list {
		lines[i] = t.String()
	}
	return strings.Join(lines, "\n")
}

// Equal reports whether both have the same transformations in the same order. Kinds of the caller's own are told by their
// names and parameters: functions cannot be compared.
func (s *Specification) Equal(other *Specification) bool {
	return s == other || s != nil && other != nil && slices.Equal(s.list, other.list)
}

// ForService returns the transformations for a definition that the service executes. It takes only what the vendor's
// guide names: normalisation of strings ([Trim], [Uppercase], [Lowercase], [Capitalize]), value mapping, dates, language
// and country codes. Anything else is an error. The names of kinds and parameters are assumed.
func (s *Specification) ForService() (List, error) {
	for i, t := range s.list {
		if d, _ := builtIn(t.Kind.name); !d.service {
			e := &Error{Column: t.Column, Kind: t.Kind.name, Detail: "the service is not known to have this kind: let it run here, while the file is staged"}
			return nil, e.in(i)
		}
	}
	return s.List(), nil
}

// Custom is a kind of the caller's own.
type Custom struct {
	Name string // such as "PHONE"; none of this package's

	// New reads the parameters of one transformation, a JSON object, and returns what it does to a text that is not
	// empty; "" is unset. That function must be safe for concurrent use. Of its errors the messages of those made by
	// Refuse are shown, and no others, which may hold the value.
	New func(params json.RawMessage) (func(text string) (string, error), error)
}

// WithKinds adds kinds of the caller's own.
func WithKinds(kinds ...Custom) Option {
	return option(func(s *Specification) {
		for _, c := range kinds {
			if _, twice := s.kinds[c.Name]; twice {
				c.New = nil // New refuses it
			}
			s.kinds[c.Name] = c
		}
	})
}

// Refuse is the error of a value that a kind cannot read. The reason must not hold the value.
func Refuse(reason string) error { return &Error{Detail: reason} }

// Error is a transformation that cannot be made, or a value that one refuses. It never holds the value.
type Error struct {
	Number int    // of the transformation in its list, from 1; 0 if the error is about none
	Column string // that it acts on
	Kind   string // by its name
	Detail string // what is wrong and what to do
	Err    error  `json:"-"` // the cause, which may hold the value
}

func (e *Error) Error() string {
	where := "transform: "
	if e.Number > 0 {
		where += fmt.Sprintf("transformation %d: ", e.Number)
	}
	if e.Column != "" {
		where += fmt.Sprintf("column %q: ", e.Column)
	}
	if e.Kind != "" {
		where += e.Kind + ": "
	}
	return where + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// in is the error of the i-th transformation.
func (e *Error) in(i int) *Error {
	e.Number = i + 1
	return e
}

// action is what a transformation does.
func (s *Specification) action(t Transformation, form Form) (action, error) {
	if t.Column == "" || !utf8.ValidString(t.Column) {
		return action{}, Refuse("the column has no name, or one that is not UTF-8")
	}
	if t.Kind.params == notUTF8 {
		return action{}, Refuse("a parameter is not UTF-8")
	}
	if d, known := builtIn(t.Kind.name); known {
		return d.read(t.Kind.Params(), form)
	}
	if own, known := s.kinds[t.Kind.name]; known {
		return own.read(t.Kind.Params())
	}
	return action{}, Refuse("there is no such kind: it is one of " + strings.Join(slices.Sorted(maps.Keys(kinds())), ", ") +
		", or a kind of your own that WithKinds adds")
}

// refused is an error of a kind with its place.
func refused(t Transformation, err error) *Error {
	e := &Error{Column: t.Column, Kind: t.Kind.name, Detail: "the value is refused", Err: err}
	if own, ok := errors.AsType[*Error](err); ok {
		e.Detail, e.Err = own.Detail, own.Err
	}
	return e
}

func (c Custom) read(params json.RawMessage) (action, error) {
	change, err := c.New(params)
	if err != nil {
		return action{}, &Error{Detail: "its parameters are refused: " + strings.TrimPrefix(err.Error(), "transform: "), Err: err}
	}
	if change == nil {
		return action{}, Refuse("its New returned no function")
	}
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		before := string(text)
		after, err := change(before)
		switch {
		case err != nil:
			return dst, same, err
		case after == before:
			return dst, same, nil
		case after == "":
			return dst, unset, nil
		}
		return append(dst, after...), changed, nil
	}}, nil
}

// params reads parameters, of which none may be unknown.
func params[T any](object json.RawMessage) (T, error) {
	var p T
	d := json.NewDecoder(bytes.NewReader(object))
	d.DisallowUnknownFields()
	err := d.Decode(&p)
	var given map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(object, &given)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		delete(given, name)
	}
	for name := range given { // it differs in case, which Decode takes
		err = fmt.Errorf("unknown field %q", name)
	}
	if err == nil {
		return p, nil
	}
	why := strings.TrimPrefix(err.Error(), "json: ")
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		why = fmt.Sprintf("%s has a %s in place of %s", wrong.Field, wrong.Value, inJSON[wrong.Type.Kind()])
	}
	return p, &Error{Detail: "its parameters are not those of this kind: " + why, Err: err}
}

// inJSON is what the types of parameters are called there.
var inJSON = map[reflect.Kind]string{
	reflect.String: "a text", reflect.Slice: "an array of texts", reflect.Map: "an object of texts", reflect.Bool: "true or false", reflect.Int: "a whole number",
}
