package actito

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A kind is how one value is written as text.
type kind uint8

const (
	stringKind   kind = iota
	appenderKind      // encoding.TextAppender
	marshalerKind
	dateTimeKind
	numberKind // json.Number
	intKind
	uintKind
	floatKind
	boolKind
	anyKind // element of a []any, which only maps have
)

// quoted reports whether values are strings in JSON.
func (k kind) quoted() bool { return k <= dateTimeKind }

type wrap uint8

const (
	wrapNone wrap = iota
	wrapPointer
	wrapOpt
)

// A shape is what the codec knows of a Go type: one value or a list of values of one kind, plain, behind a pointer or in
// an Opt.
type shape struct {
	wrap wrap
	list bool
	kind kind
	bits int // of numbers
}

// A notation is what the text form of a value depends on besides its kind.
type notation struct {
	loc    *time.Location // zone of date-times
	sep    byte           // between the cells of a CSV file, where booleans are TRUE and FALSE; 0 in JSON
	bare   bool           // the separator is in no number, boolean, date or date-time
	latin1 bool           // the encoding of the file is ISO-8859-1, not UTF-8
}

var (
	textAppender    = reflect.TypeFor[encoding.TextAppender]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shapeOf returns the shape of t, or an error that says what to use in its place.
func shapeOf(t reflect.Type) (shape, error) {
	var s shape
	if t.Kind() == reflect.Pointer {
		s.wrap, t = wrapPointer, t.Elem()
	} else if isOpt(t) {
		_, value := reflect.New(t).Interface().(optional).slot()
		s.wrap, t = wrapOpt, reflect.TypeOf(value).Elem()
	}
	if t.Kind() == reflect.Slice && !implements(t, textUnmarshaler) {
		s.list, t = true, t.Elem()
	}
	var err error
	s.kind, err = kindOf(t)
	switch {
	case s.list && t.Kind() == reflect.Uint8:
		return s, errors.New("bytes: use string, or a type with MarshalText and UnmarshalText")
	case err != nil:
		return s, err
	case s.kind == anyKind && (!s.list || s.wrap != wrapNone):
		return s, errors.New("an interface: use the type of its values")
	}
	if s.kind >= intKind && s.kind <= floatKind {
		s.bits = t.Bits()
	}
	return s, nil
}

// isOpt reports whether t is an [Opt], and not a type that embeds one.
func isOpt(t reflect.Type) bool {
	return t.PkgPath() == reflect.TypeFor[Opt[string]]().PkgPath() && strings.HasPrefix(t.Name(), "Opt[")
}

// embedsAppender reports whether the AppendText of t may be that of an embedded type, although its MarshalText is its own.
func embedsAppender(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	return slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Anonymous && implements(f.Type, textAppender) })
}

// implements reports whether t or *t has the methods: rows are addressable, so either will do.
func implements(t, methods reflect.Type) bool {
	return t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(methods)
}

// marshalsTime reports whether the MarshalText of t is that of an embedded [time.Time].
func marshalsTime(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || !slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Anonymous && f.Type == reflect.TypeFor[time.Time]()
	}) {
		return false
	}
	text, err := reflect.New(t).Interface().(encoding.TextMarshaler).MarshalText()
	zero, _ := time.Time{}.MarshalText()
	return err == nil && bytes.Equal(text, zero)
}

func kindOf(t reflect.Type) (kind, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return 0, errors.New("time.Time: use actito.Date for a day or actito.DateTime for an instant")
	case reflect.TypeFor[DateTime]():
		return dateTimeKind, nil
	case reflect.TypeFor[json.Number]():
		return numberKind, nil
	}
	appends, marshals, unmarshals := implements(t, textAppender), implements(t, textMarshaler), implements(t, textUnmarshaler)
	switch {
	case (appends || marshals) != unmarshals:
		return 0, fmt.Errorf("%s needs both MarshalText and UnmarshalText", t)
	case appends && (!marshals || !embedsAppender(t)):
		return appenderKind, nil
	case marshals && marshalsTime(t):
		return 0, fmt.Errorf("%s embeds time.Time and its MarshalText: use actito.Date for a day or actito.DateTime for an instant", t)
	case marshals:
		return marshalerKind, nil
	case implements(t, reflect.TypeFor[optional]()):
		return 0, fmt.Errorf("%s inside a slice, a pointer or another Opt: use an Opt of plain values", t)
	}
	switch t.Kind() {
	case reflect.String:
		return stringKind, nil
	case reflect.Bool:
		return boolKind, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intKind, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintKind, nil
	case reflect.Float32, reflect.Float64:
		return floatKind, nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return anyKind, nil
		}
	}
	return 0, fmt.Errorf("type %s: use a string, bool, number, actito.Date, actito.DateTime, "+
		"a type with MarshalText and UnmarshalText, or a slice, pointer or actito.Opt of these", t)
}

// isUnset reports whether the value of a field that is no Opt is unset. A plain value whose text turns out to be empty is
// unset too.
func (f *field) isUnset(v reflect.Value) bool {
	switch {
	case f.wrap == wrapPointer:
		return v.IsNil()
	case f.list:
		return v.Len() == 0
	case !f.omitZero:
		return false
	}
	if z, ok := v.Addr().Interface().(interface{ IsZero() bool }); ok { // as omitzero of encoding/json does
		return z.IsZero()
	}
	return v.IsZero()
}

// content takes the wrapping off a field's value.
func (f *field) content(v reflect.Value) (reflect.Value, optState) {
	switch {
	case !v.IsValid():
		return v, stateNull
	case f.wrap == wrapOpt:
		state, value := v.Addr().Interface().(optional).slot()
		return reflect.ValueOf(value).Elem(), *state
	case f.isUnset(v):
		return v, stateUnset
	case f.wrap == wrapPointer:
		return v.Elem(), stateSet
	}
	return v, stateSet
}

// empty says what a value without text is. A plain one is unset. In an Opt or behind a pointer an empty string is sent
// as it is; any other kind has no empty text that the server could read.
func (s *shape) empty() (optState, error) {
	switch {
	case s.wrap == wrapNone && !s.list:
		return stateUnset, nil
	case s.kind == stringKind:
		return stateSet, nil
	}
	return stateSet, &ValidationError{Rule: "empty-value", Detail: "an empty value is set: clear with actito.Null, or leave it unset"}
}

// element returns the i-th value of a list and its shape, which in a []any only the value knows.
func (s *shape) element(list reflect.Value, i int) (*shape, reflect.Value, error) {
	v := list.Index(i)
	if s.kind != anyKind {
		return s, v, nil
	}
	if v.IsNil() {
		return nil, v, &ValidationError{Rule: "type", Detail: "a list holds nil"}
	}
	e, err := shapeOf(v.Elem().Type())
	if err == nil && (e.wrap != wrapNone || e.list) {
		err = errors.New("a list holds plain values only")
	}
	if err != nil {
		return nil, v, &ValidationError{Rule: "type", Detail: err.Error()}
	}
	e.list = true
	addressable := reflect.New(v.Elem().Type()).Elem()
	addressable.Set(v.Elem())
	return &e, addressable, nil
}

// appendText appends the text of one value, which the caller passes to checkText.
func (s *shape) appendText(dst []byte, v reflect.Value, n notation) ([]byte, error) {
	switch s.kind {
	case appenderKind:
		return v.Addr().Interface().(encoding.TextAppender).AppendText(dst)
	case marshalerKind:
		text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
		return append(dst, text...), err
	case dateTimeKind:
		return v.Addr().Interface().(*DateTime).appendIn(dst, n.loc)
	case numberKind:
		return appendDecimal(dst, v.String())
	case intKind:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case uintKind:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case floatKind:
		return appendFloat(dst, v.Float(), s.bits)
	case boolKind:
		if n.sep == 0 {
			return strconv.AppendBool(dst, v.Bool()), nil
		}
		return appendBool(dst, v.Bool()), nil
	}
	return append(dst, v.String()...), nil
}

// appendFloat appends what strconv.AppendFloat does in format 'f' with the fewest digits, which takes most of the time
// that a row of amounts takes. What has at most two decimals, as amounts have, and at most 15 digits is the quotient of
// whole numbers that a float64 holds: no shorter decimal is read as the same float64, since none of these is read as another's.
func appendFloat(dst []byte, x float64, bits int) ([]byte, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return dst, &ValidationError{Rule: "number", Detail: "not a finite number"}
	}
	hundredths := math.Round(x * 100)
	if bits != 64 || math.Abs(hundredths) >= 1e15 || hundredths/100 != x || hundredths == 0 {
		return strconv.AppendFloat(dst, x, 'f', -1, bits), nil
	}
	whole := int64(hundredths)
	if whole < 0 {
		dst, whole = append(dst, '-'), -whole
	}
	dst = strconv.AppendInt(dst, whole/100, 10)
	rest := int(whole % 100)
	if rest == 0 {
		return dst, nil
	}
	dst = appendTwo(append(dst, '.'), rest)
	if rest%10 == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}

// appendBool appends what a CSV file has for a boolean.
func appendBool(dst []byte, x bool) []byte {
	if x {
		return append(dst, "TRUE"...)
	}
	return append(dst, "FALSE"...)
}

func checkText(text []byte) error {
	if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
		return &ValidationError{Rule: "text", Detail: "the text holds a NUL or is not valid UTF-8"}
	}
	return nil
}

var errNotNumber = &ValidationError{Rule: "number", Detail: "not a number in decimal notation"}

// maxExponent is past the range of float64: numbers with a larger one would be written out in absurd length.
const maxExponent = 400

// appendDecimal appends a number in JSON's notation, written out without exponent, and nothing if it is empty.
func appendDecimal(dst []byte, number string) ([]byte, error) {
	if number == "" {
		return dst, nil
	}
	// Of what is valid JSON, only numbers end in a digit.
	if last := number[len(number)-1]; number[0] <= ' ' || last < '0' || last > '9' || !json.Valid([]byte(number)) {
		return dst, errNotNumber
	}
	e := strings.IndexAny(number, "eE")
	if e < 0 {
		return append(dst, number...), nil
	}
	shift, err := strconv.Atoi(number[e+1:])
	if err != nil || shift > maxExponent || shift < -maxExponent {
		return dst, errNotNumber
	}
	mantissa, negative := strings.CutPrefix(number[:e], "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if shift >= 0 {
		fraction += strings.Repeat("0", max(0, shift-len(fraction)))
		whole, fraction = whole+fraction[:shift], fraction[shift:]
	} else {
		whole = strings.Repeat("0", max(0, 1-shift-len(whole))) + whole
		point := len(whole) + shift
		whole, fraction = whole[:point], whole[point:]+fraction
	}
	if negative {
		dst = append(dst, '-')
	}
	whole = strings.TrimLeft(whole[:len(whole)-1], "0") + whole[len(whole)-1:]
	dst = append(dst, whole...)
	if fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, nil
}

// parseText sets v to the value that text stands for.
func (s *shape) parseText(v reflect.Value, text string, loc *time.Location) error {
	switch s.kind {
	case stringKind:
		v.SetString(text)
	case appenderKind, marshalerKind:
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	case dateTimeKind:
		d, err := parseDateTime(text, loc)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(d))
	case numberKind:
		if _, err := appendDecimal(nil, text); err != nil {
			return errUnreadable
		}
		v.SetString(text)
	case intKind:
		x, err := strconv.ParseInt(wholeNumber(text), 10, s.bits)
		if err != nil {
			return errUnreadable
		}
		v.SetInt(x)
	case uintKind:
		x, err := strconv.ParseUint(wholeNumber(text), 10, s.bits)
		if err != nil {
			return errUnreadable
		}
		v.SetUint(x)
	case floatKind:
		if _, err := appendDecimal(nil, text); err != nil {
			return errUnreadable // ParseFloat also takes NaN, Inf and hexadecimal
		}
		x, err := strconv.ParseFloat(text, s.bits)
		if err != nil {
			return errUnreadable
		}
		v.SetFloat(x)
	case boolKind:
		is, known := parseBool(text)
		if !known {
			return errUnreadable
		}
		v.SetBool(is)
	}
	return nil
}

// wholeNumber rewrites 12.0 and 1.2e1, in which no digit is lost, as 12. Any other text stays as it is.
func wholeNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	plain, err := appendDecimal(nil, text)
	if err != nil {
		return text
	}
	whole, fraction, _ := strings.Cut(string(plain), ".")
	if strings.Trim(fraction, "0") != "" {
		return text
	}
	return whole
}

// parseBool reads what JSON, CSV files and webhooks use for booleans.
func parseBool(text string) (is, known bool) {
	switch strings.ToUpper(text) {
	case "TRUE", "1", "Y":
		return true, true
	case "FALSE", "0", "N": // assumed: 0 and N, as opposites of the documented ones
		return false, true
	}
	return false, false
}
