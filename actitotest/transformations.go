package actitotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// step is one transformation of a definition, ready to run on the cells of its column.
type step struct {
	column, attribute string
	rewrite           rewrite
}

// rewrite gives what becomes of a cell that is not empty; "" is an empty cell. Its
// error says why the cell cannot be read, without the cell.
type rewrite func(cell string) (string, error)

// kinds are those that the vendor's guide names, in words of its own.
// assumed: all names of kinds and parameters, and that no other is there
var kinds = map[string]func(*settings) rewrite{
	"TRIM": trim, "UPPERCASE": uppercase, "LOWERCASE": lowercase, "CAPITALIZE": capitalize, "VALUE_MAPPING": mapValues,
	"DATE": date, "DATE_TIME": dateTime, "COUNTRY": country, "LANGUAGE": language,
}

// parseSteps reads the transformations of a file, whose columns must be mapped.
func (f *inputFile) parseSteps() error {
	f.steps = nil
	for i, raw := range f.Transformations {
		st, err := f.parseStep(raw)
		if err != nil {
			return fmt.Errorf("transformations[%d]: %w", i, err)
		}
		f.steps = append(f.steps, st)
	}
	return nil
}

func (f *inputFile) parseStep(raw json.RawMessage) (st step, err error) {
	s := &settings{}
	if err := json.Unmarshal(raw, &s.left); err != nil || s.left == nil {
		return st, errors.New("it is no object")
	}
	var kind string
	s.take("headerColumn", &st.column)
	s.take("type", &kind)
	read, known := kinds[kind]
	at := slices.IndexFunc(f.Mapping, func(m mapping) bool { return m.Column == st.column })
	switch {
	case s.err != nil:
		return st, s.err
	case !known:
		return st, fmt.Errorf("there is no type %q, only %s", kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	case at < 0: // assumed: what no attribute takes is not transformed
		return st, fmt.Errorf("no attribute is mapped to column %q", st.column)
	}
	st.attribute, st.rewrite = f.Mapping[at].Attribute, read(s)
	for _, name := range slices.Sorted(maps.Keys(s.left)) {
		s.refuse("%s has no parameter %q", kind, name)
	}
	return st, s.err
}

// settings are the parameters of a transformation that were not taken yet, and what
// was wrong first.
type settings struct {
	left map[string]json.RawMessage
	err  error
}

// take reads a parameter. One that is null is as good as missing.
func (s *settings) take(name string, into any) {
	if raw, ok := s.left[name]; ok && json.Unmarshal(raw, into) != nil {
		s.refuse("%s is not of the right type", name)
	}
	delete(s.left, name)
}

func (s *settings) refuse(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// transform runs the steps of a file on a row, which stays as it is.
func (l *load) transform(header, cells []string) ([]string, *problem) {
	cells = slices.Clone(cells)
	for _, st := range l.steps {
		cell := &cells[slices.Index(header, st.column)]
		if *cell == "" {
			continue
		}
		changed, err := st.rewrite(*cell)
		if err != nil {
			return nil, rejected("TRANSFORMATION_FAILED", st.attribute, "%v", err) // assumed: the code
		}
		*cell = changed
	}
	return cells, nil
}
