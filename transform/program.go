package transform

import (
	"fmt"
	"maps"
	"slices"
	"unsafe"
)

// Form is where values go: the text of a boolean depends on it.
type Form uint8

// The forms.
const (
	JSON Form = iota // true and false
	CSV              // TRUE and FALSE
)

// outcome is what became of a value.
type outcome uint8

const (
	same outcome = iota
	changed
	unset
)

// A valueFunc appends to dst what becomes of a text that is not empty. Unless it is changed, dst stays as it was. It
// keeps neither, and is safe for concurrent use.
type valueFunc func(dst, text []byte) ([]byte, outcome, error)

// action is what a transformation does once its parameters are read: one of these.
type action struct {
	value valueFunc
	join  *join
	split *split
	fixed *fixed
	drop  bool
}

// Program is a specification bound to the columns of rows. It is safe for concurrent use.
type Program struct {
	columns []string // of what goes in, followed by those that are added
	dropped []bool
	steps   []step
}

// step is an action with its columns by number.
type step struct {
	action
	of     Transformation
	number int
	column int
	others []int // of the parameters, in their order
}

// Bind finds the columns of the transformations among those of rows. A column that none is found for is an error, unless
// a transformation writes it: those are added behind the others. So is one that two are found for.
func (s *Specification) Bind(columns []string, form Form) (*Program, error) {
	p := &Program{columns: slices.Clone(columns), dropped: make([]bool, len(columns))}
	for i, t := range s.list {
		a, err := s.action(t, form)
		if err != nil {
			return nil, refused(t, err).in(i)
		}
		st := step{action: a, of: t, number: i}
		var names []string
		switch {
		case a.join != nil:
			names = a.join.Columns
		case a.split != nil:
			names = a.split.Columns
		}
		for _, name := range names {
			var other int
			if other, err = p.column(name, a.split != nil); err != nil {
				return nil, refused(t, err).in(i)
			}
			st.others = append(st.others, other)
		}
		if st.column, err = p.column(t.Column, a.join != nil || a.fixed != nil); err != nil {
			return nil, refused(t, err).in(i)
		}
		if a.drop {
			p.dropped[st.column] = true
			continue
		}
		p.steps = append(p.steps, st)
	}
	return p, nil
}

func (p *Program) column(name string, written bool) (int, error) {
	i := slices.Index(p.columns, name)
	switch {
	case i >= 0 && p.dropped[i]:
		return 0, Refuse(fmt.Sprintf("column %.100q was dropped before", name))
	case i >= 0 && slices.Contains(p.columns[i+1:], name):
		return 0, Refuse(fmt.Sprintf("there are two columns %.100q: give them names that differ", name))
	case i >= 0:
		return i, nil
	case !written:
		return 0, Refuse(fmt.Sprintf("there is no column %.100q", name))
	}
	p.columns, p.dropped = append(p.columns, name), append(p.dropped, false)
	return len(p.columns) - 1, nil
}

// Columns are those that the program was bound to, followed by those that it adds: the values of a [Row].
func (p *Program) Columns() []string { return slices.Clone(p.columns) }

// Dropped reports whether the i-th column is left out of what comes out.
func (p *Program) Dropped(i int) bool { return p.dropped[i] }

// Touched lists the columns that transformations read or write, in ascending order; the values of others need not be set.
func (p *Program) Touched() []int {
	var list []int
	for _, st := range p.steps {
		list = append(append(list, st.column), st.others...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Written lists the columns that transformations write, in ascending order.
func (p *Program) Written() []int { return slices.Sorted(maps.Keys(p.writers())) }

// Booleans lists the columns whose values are what [Boolean] writes, in ascending order: no other transformation writes
// them after it.
func (p *Program) Booleans() []int {
	last := p.writers()
	maps.DeleteFunc(last, func(_ int, st *step) bool { return st.of.Kind.name != kindBoolean })
	return slices.Sorted(maps.Keys(last))
}

// writers are the last steps that write each column.
func (p *Program) writers() map[int]*step {
	last := map[int]*step{}
	for i := range p.steps {
		st := &p.steps[i]
		written := []int{st.column}
		if st.split != nil {
			written = st.others
		}
		for _, column := range written {
			last[column] = st
		}
	}
	return last
}

// State is whether there is a value.
type State uint8

// The states.
const (
	Unset State = iota
	Null        // what is stored is cleared
	Set
)

// Value is a value of a row. Its text must not be changed, and is valid until the row is used again.
type Value struct {
	Text    []byte // of Set
	State   State
	Changed bool // since it was set: by SetText, Clear or Leave
}

// SetText makes the value that text.
func (v *Value) SetText(text []byte) { *v = Value{Text: text, State: Set} }

// SetString makes the value that text, without a copy.
func (v *Value) SetString(text string) {
	v.SetText(unsafe.Slice(unsafe.StringData(text), len(text))) //nolint:gosec // never written to
}

// Clear makes the value null.
func (v *Value) Clear() { *v = Value{State: Null} }

// Leave makes the value unset.
func (v *Value) Leave() { *v = Value{} }

// change writes a text. One that is empty unsets the value, but leaves null, which clears what is stored.
func (v *Value) change(text []byte) {
	switch {
	case len(text) > 0:
		*v = Value{Text: text, State: Set, Changed: true}
	case v.State != Null:
		*v = Value{Changed: true}
	}
}

// Row holds the values of one row after another. For each row, all values that transformations touch have to be set, cleared
// or left, those of added columns too: what is in them is of the row before. It serves one goroutine at a time.
type Row struct {
	Values []Value // one for each of the program's Columns
	buffer []byte  // of texts that changed
}

// NewRow makes a row for the program.
func (p *Program) NewRow() *Row { return &Row{Values: make([]Value, len(p.columns))} }

// Run transforms the values of the row. It allocates nothing unless a buffer has to grow, or a kind does. After an error,
// an [*Error], some of the values may have changed.
func (p *Program) Run(r *Row) error {
	r.buffer = r.buffer[:0]
	for i := range p.steps {
		if err := r.take(&p.steps[i]); err != nil {
			return refused(p.steps[i].of, err).in(p.steps[i].number)
		}
	}
	return nil
}

func (r *Row) take(st *step) error {
	v := &r.Values[st.column]
	switch {
	case st.value != nil:
		if v.State != Set || len(v.Text) == 0 {
			return nil
		}
		start := len(r.buffer)
		out, what, err := st.value(r.buffer, v.Text)
		if cap(out) > cap(r.buffer) {
			r.buffer = out[:start]
		}
		switch {
		case err != nil:
			return err
		case what == changed:
			r.buffer = out
			v.change(out[start:len(out):len(out)])
		case what == unset:
			v.change(nil)
		}
	case st.join != nil:
		return r.join(st, v)
	case st.split != nil:
		r.split(st, v)
	case st.fixed != nil:
		if !st.fixed.OnlyEmpty || v.State != Null && len(v.Text) == 0 {
			v.change(st.fixed.text)
		}
	}
	return nil
}
