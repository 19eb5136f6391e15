package transform

import (
	"fmt"
	"maps"
	"slices"
)

// Change is what one transformation did to one column of a row. It holds values, which are personal data: it is for the
// eyes of who writes a specification, and not for logs.
type Change struct {
	Transformation Transformation
	Column         string // Transformation's own, or another that it writes
	Before, After  string // "" is unset
}

// String shows the change, and the name of the kind that made it.
func (c Change) String() string {
	return fmt.Sprintf("%s: %q → %q (%s)", c.Column, c.Before, c.After, c.Transformation.Kind.name)
}

// Explain runs the specification on a sample, and says what each transformation changed, in their order. Columns that the
// sample lacks are empty. What [Drop] leaves out is not among the changes. A value that is refused ends it with an [*Error],
// beside what was changed before. form is where the values would go.
func (s *Specification) Explain(sample map[string]string, form Form) ([]Change, error) {
	columns := slices.Collect(maps.Keys(sample))
	for _, t := range s.list {
		for _, c := range t.Columns() {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	p, err := s.Bind(columns, form)
	if err != nil {
		return nil, err
	}
	row := p.NewRow()
	for i, c := range p.columns {
		if text := sample[c]; text != "" {
			row.Values[i].SetString(text)
		}
	}
	return p.Explain(row)
}

// Explain runs the program on a row, and says what each transformation changed, in their order. A value that is refused
// ends it with an [*Error], beside what was changed before.
func (p *Program) Explain(row *Row) ([]Change, error) {
	row.buffer = row.buffer[:0]
	var changes []Change
	for i := range p.steps {
		st := &p.steps[i]
		before := slices.Clone(row.Values)
		err := row.take(st)
		if err != nil {
			return changes, refused(st.of, err).in(st.number)
		}
		for _, name := range st.of.Columns() {
			n := slices.Index(p.columns, name)
			if was, is := string(before[n].Text), string(row.Values[n].Text); was != is {
				changes = append(changes, Change{st.of, name, was, is})
			}
		}
	}
	return changes, nil
}
