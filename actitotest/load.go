package actitotest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// load is the work on one file of an execution, and what came of it.
type load struct {
	inputFile
	name    string   // of the file that came, or the one expected
	archive string   // that it came in, "" if in none
	file    *csvFile // nil if none came
	fault   error    // why it cannot be loaded, known before the run
	stormed bool     // it fails when it runs

	status                         status
	message                        string
	read, created, updated, errors int
	results, rejects               []byte // CSV
}

// run loads the file: validation of the whole, then its rows.
func (l *load) run(s *Server) {
	err := l.fault
	if err == nil {
		err = s.nextFileFault(l.name)
	}
	if err == nil && l.stormed {
		err = errors.New("the service could not load the file")
	}
	if err == nil {
		err = l.rows(s)
	}
	switch {
	case err != nil:
		l.status, l.message = statusFailed, err.Error()
	case l.errors > 0:
		l.status = statusWithError
	default:
		l.status = statusSuccess
	}
}

func (l *load) rows(s *Server) error {
	text, err := decodeText(l.file.data, l.Encoding)
	if err != nil {
		return err
	}
	rows, err := parseCSV(text, l.separator)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return errors.New("the file has no header")
	}
	header := rows[0]
	targets, err := l.targets(header)
	if err != nil {
		return err
	}
	for i, cells := range rows[1:] {
		if len(cells) != len(header) {
			return fmt.Errorf("row %d has %d cells, the header has %d", i+2, len(cells), len(header))
		}
	}
	clears := s.world.holds(EmptyCellsClear)
	l.results = appendCSV(nil, append(slices.Clone(header), "result"), l.separator)
	l.rejects = appendCSV(nil, append(slices.Clone(header), "errorCode", "errorColumn"), l.separator)
	for _, cells := range rows[1:] {
		l.read++
		changed, p := l.transform(header, cells)
		created := false
		if p == nil {
			created, p = l.row(targets, changed, clears)
		}
		if p != nil {
			l.errors++
			column := l.column(p.attribute)
			l.rejects = appendCSV(l.rejects, append(slices.Clone(cells), p.code, column), l.separator)
			continue
		}
		result := "UPDATED"
		if created {
			result = "CREATED"
			l.created++
		} else {
			l.updated++
		}
		l.results = appendCSV(l.results, append(slices.Clone(cells), result), l.separator)
	}
	return nil
}

// targets gives the attribute of each column, "" for one that is ignored.
// assumed: a file with a column more or less than mapped is not loaded
func (l *load) targets(header []string) ([]string, error) {
	mapped := map[string]string{}
	for _, m := range l.Mapping {
		mapped[m.Column] = m.Attribute
		if !slices.Contains(header, m.Column) {
			return nil, fmt.Errorf("column %q is missing", m.Column)
		}
	}
	targets := make([]string, len(header))
	for i, column := range header {
		attribute, ok := mapped[column]
		switch {
		case slices.Index(header, column) != i:
			return nil, fmt.Errorf("column %q is there twice", column)
		case !ok && !l.table.isOwn(column):
			return nil, fmt.Errorf("column %q is not mapped", column)
		case ok && !l.table.isOwn(attribute):
			targets[i] = attribute
		}
	}
	return targets, nil
}

// row loads one row.
func (l *load) row(targets, cells []string, clears bool) (created bool, p *problem) {
	ch := newChange()
	for i, cell := range cells {
		if p := l.cell(&ch, targets[i], cell, clears); p != nil {
			return false, p
		}
	}
	existing, p := l.table.find(ch)
	switch {
	case p != nil:
	case existing == nil && l.Mode == "UPDATE_ONLY":
		p = rejected("UNKNOWN_KEY", l.table.key(ch), "there is no such row")
	case existing != nil && l.Mode == "CREATE_ONLY":
		p = l.table.exists(ch)
	default:
		_, p = l.table.write(existing, ch)
	}
	return existing == nil, p
}

// cell reads one cell into a change.
func (l *load) cell(ch *change, target, cell string, clears bool) *problem {
	if target == "" || cell == "" && !clears {
		return nil
	}
	if name, ok := strings.CutPrefix(target, subscriptionColumn); ok {
		subscribed, valid := parseFlag(cell)
		if cell != "" && !valid {
			return rejected("INVALID_VALUE", target, "%q is not a BOOLEAN", cell)
		}
		ch.subscriptions[name] = &subscribed
		if cell == "" {
			ch.subscriptions[name] = nil
		}
		return nil
	}
	ch.values[target] = nil
	if cell == "" {
		return nil
	}
	v, p := l.table.attribute(target).fromCell(cell)
	ch.values[target] = v
	return p
}

// column names the column of an attribute, or the attribute itself if none is
// mapped to it.
func (l *load) column(attribute string) string {
	for _, m := range l.Mapping {
		if m.Attribute == attribute {
			return m.Column
		}
	}
	return attribute
}
