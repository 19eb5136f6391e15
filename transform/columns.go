package transform

import (
	"bytes"
	"encoding/json"
	"slices"
)

const (
	kindConcatenate = "CONCATENATE"
	kindSplit       = "SPLIT"
	kindConstant    = "CONSTANT"
	kindDrop        = "DROP"
)

// Concatenate writes the values of the columns one behind the other, with the separator between them, into the
// transformation's own column, which may be a new one. If all are empty, it is unset, or stays null. If some are, that is an error,
// since a key made of what is left might be another's: [Kind.SkipEmpty] leaves them out.
func Concatenate(separator string, columns ...string) Kind {
	return newKind(kindConcatenate, join{Columns: columns, Separator: separator})
}

// SkipEmpty lets [Concatenate] leave out values that are empty, and their separator.
func (k Kind) SkipEmpty() Kind { return k.with("skipEmpty", true) }

type join struct {
	Columns   []string `json:"columns"`
	Separator string   `json:"separator"`
	SkipEmpty bool     `json:"skipEmpty,omitempty"`
}

func readConcatenate(object json.RawMessage, _ Form) (action, error) {
	p, err := params[join](object)
	switch {
	case err != nil:
	case len(p.Columns) == 0:
		err = Refuse("its parameter columns is missing: name those whose values it writes")
	case slices.Contains(p.Columns, ""):
		err = Refuse("its parameter columns has a name that is empty")
	}
	return action{join: &p}, err
}

func (r *Row) join(st *step, v *Value) error {
	start, filled := len(r.buffer), 0
	for _, i := range st.others {
		text := r.Values[i].Text
		if len(text) == 0 {
			continue
		}
		if filled++; filled > 1 {
			r.buffer = append(r.buffer, st.join.Separator...)
		}
		r.buffer = append(r.buffer, text...)
	}
	if filled > 0 && filled < len(st.others) && !st.join.SkipEmpty {
		return Refuse("some of the columns are empty: a text made of the others might be that of another row; SkipEmpty allows it")
	}
	v.change(r.buffer[start:len(r.buffer):len(r.buffer)])
	return nil
}

// Split cuts a value at the separator, and writes its parts into the columns, which may be new ones. What is left when
// there are more parts than columns is in the last one; columns without a part are unset, and all of them if there is no
// value. The transformation's own column stays, unless it is one of them.
func Split(separator string, columns ...string) Kind {
	return newKind(kindSplit, split{Columns: columns, Separator: separator})
}

type split struct {
	Columns   []string `json:"columns"`
	Separator string   `json:"separator"`
}

func readSplit(object json.RawMessage, _ Form) (action, error) {
	p, err := params[split](object)
	switch {
	case err != nil:
	case len(p.Columns) < 2:
		err = Refuse("its parameter columns needs two or more: they take the parts")
	case len(slices.Compact(slices.Sorted(slices.Values(p.Columns)))) < len(p.Columns):
		err = Refuse("its parameter columns names one twice")
	case slices.Contains(p.Columns, ""):
		err = Refuse("its parameter columns has a name that is empty")
	case p.Separator == "":
		err = Refuse("its parameter separator is missing")
	}
	return action{split: &p}, err
}

func (r *Row) split(st *step, v *Value) {
	rest, separator := v.Text, []byte(st.split.Separator)
	for n, i := range st.others {
		part := rest
		if n < len(st.others)-1 {
			part, rest, _ = bytes.Cut(rest, separator)
		}
		r.Values[i].change(part)
	}
}

// Constant writes a text into the column, which may be a new one, whatever is in it.
func Constant(text string) Kind { return newKind(kindConstant, fixed{Value: text}) }

// Fallback is [Constant] for values that are unset or empty. One that is null stays: it clears what is stored.
func Fallback(text string) Kind { return newKind(kindConstant, fixed{Value: text, OnlyEmpty: true}) }

type fixed struct {
	Value     string `json:"value"`
	OnlyEmpty bool   `json:"onlyEmpty,omitempty"`
	text      []byte
}

func readConstant(object json.RawMessage, _ Form) (action, error) {
	p, err := params[fixed](object)
	if err == nil && p.Value == "" {
		err = Refuse("its parameter value is missing")
	}
	p.text = []byte(p.Value)
	return action{fixed: &p}, err
}

// Drop leaves the column out of what is imported, from there on. It says openly that its values are not wanted: a file's
// column that no attribute is mapped to is refused otherwise. Rows that are structs cannot lose a field.
func Drop() Kind { return newKind(kindDrop, nil) }

func readDrop(object json.RawMessage, _ Form) (action, error) {
	_, err := params[struct{}](object)
	return action{drop: true}, err
}
