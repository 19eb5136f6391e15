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
// sample lacks are empty. A value that is refused ends it with an [*Error], beside what was changed before. form is where
// the values would go.
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
	var changes []Change
	for i := range p.steps {
		st := &p.steps[i]
		before := slices.Clone(row.Values)
		err := row.take(st)
		if err != nil {
			return changes, refused(st.of, err).in(st.number)
		}
		touched := slices.Sorted(slices.Values(append([]int{st.column}, st.others...)))
		for _, n := range slices.Compact(touched) {
			if was, is := string(before[n].Text), string(row.Values[n].Text); was != is {
				changes = append(changes, Change{st.of, p.columns[n], was, is})
			}
		}
	}
	return changes, nil
}
