package actito

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// cellRef is a column of a file of a step. The file is "" if the server fetches it.
type cellRef struct{ file, column string }

// orphanEdge is an edge with WithoutOrphans whose columns are known.
type orphanEdge struct {
	needed *stepRun
	of     cellRef // of the needed step
	own    cellRef
}

// sequenceFile is a file of a step as edges see it.
type sequenceFile struct {
	name    string
	fetched bool
	columns []string
	in      *InputFile // nil if the definition is not known
}

// look returns the files of a step that have a column, or all if it is "".
func (s *stepRun) look(file, column string) (list []sequenceFile) {
	add := func(f sequenceFile) {
		if (file == "" || file == f.name) && (column == "" || slices.Contains(f.columns, column)) {
			list = append(list, f)
		}
	}
	for _, f := range s.files {
		if f.Part <= 1 {
			add(sequenceFile{name: f.Name, columns: f.header, in: s.im.plan[f.Name]})
		}
	}
	for _, remote := range s.im.remotes {
		f := sequenceFile{name: remote.pattern, fetched: true, in: s.im.plan[remote.pattern]}
		if f.in != nil {
			for _, m := range f.in.Mapping {
				f.columns = append(f.columns, m.Column)
			}
		}
		add(f)
	}
	return list
}

// follow finds the columns of an edge with WithoutOrphans, and notes that the needed step has to tell values.
func (s *stepRun) follow(ctx context.Context, e Edge) error {
	edge := orphanEdge{needed: s.seq.byName[e.Step]}
	var own, of sequenceFile
	var err error
	if e.Column == "" {
		own, of, err = s.derive(ctx, e, &edge)
	} else {
		edge.own.column, edge.of.column = e.Column, e.Of
		if own, err = s.only(e.File, e.Column, "File"); err == nil {
			of, err = edge.needed.only(e.OfFile, e.Of, "OfFile")
		}
	}
	if err != nil {
		return err
	}
	if own.fetched {
		return s.refuseEdge(own.name, edge.own.column, "the server fetches this file, so that no row of it can be held back: give it as data, or choose Stop or Continue")
	}
	if err := errors.Join(s.readable(own, edge.own.column), s.readable(of, edge.of.column)); err != nil {
		return err
	}
	if edge.own.file = own.name; !of.fetched {
		edge.of.file = of.name
	}
	s.follows = append(s.follows, edge)
	return edge.needed.tellsRefused(edge.of)
}

// only is the one file of a step that has a column.
func (s *stepRun) only(file, column, option string) (sequenceFile, error) {
	switch list := s.look(file, column); len(list) {
	case 0:
		return sequenceFile{}, s.refuseEdge(file, column, fmt.Sprintf("no such file of step %q has this column, which an edge names", s.Name))
	case 1:
		return list[0], nil
	default:
		return sequenceFile{}, s.refuseEdge(file, column, fmt.Sprintf("several files of step %q have this column: name the one that is meant as the edge's %s", s.Name, option))
	}
}

// readable refuses a column whose values are not those that are sent: nobody knows which of them rejects have.
func (s *stepRun) readable(f sequenceFile, column string) error {
	if f.in == nil || !f.in.transforms(column) {
		return nil
	}
	return s.refuseEdge(f.name, column, "the server transforms this column, so that its values cannot be compared here: transform it here, or choose Stop or Continue")
}

func (s *stepRun) refuseEdge(file, column, detail string) error {
	return &ValidationError{File: file, Column: column, Rule: "orphans", Detail: detail}
}

// derive finds the columns by the foreign keys of the tables that the step's files are loaded into.
func (s *stepRun) derive(ctx context.Context, e Edge, edge *orphanEdge) (own, of sequenceFile, err error) {
	found := 0
	for _, f := range s.look(e.File, "") {
		if f.in == nil {
			continue
		}
		t, err := s.c.table(ctx, f.in.Destination.Table, f.in.Destination.TableID)
		if err != nil {
			return own, of, err
		}
		structure, err := s.c.Structures.byID(ctx, f.in.Destination.Table, t.ID, nil)
		if err != nil {
			return own, of, err
		}
		for _, key := range structure.ForeignKeys {
			for _, g := range edge.needed.look(e.OfFile, "") {
				if g.in == nil || g.in.Destination.Table != key.ReferencedTable {
					continue
				}
				t, err := edge.needed.c.table(ctx, g.in.Destination.Table, g.in.Destination.TableID)
				if err != nil {
					return own, of, err
				}
				column, ofColumn := f.in.column(key.Attribute), g.in.column(key.ReferencedAttribute)
				if t.ID == key.ReferencedTableID && column != "" && ofColumn != "" {
					found, own, of = found+1, f, g
					edge.own.column, edge.of.column = column, ofColumn
				}
			}
		}
	}
	if found != 1 {
		return own, of, s.refuseEdge("", "", fmt.Sprintf("%d foreign keys of its tables refer to columns of step %q: "+
			"name the columns as the edge's Column and Of", found, e.Step))
	}
	return own, of, nil
}

// tellsRefused notes that the step has to tell the values of a column in rows that were not loaded, and what they are in
// those that were refused before.
func (s *stepRun) tellsRefused(ref cellRef) error {
	if s.rejected[ref] == nil {
		s.rejected[ref] = make(map[string]struct{})
	}
	for _, f := range s.files {
		if f.Name != ref.file || len(f.Refused) == 0 {
			continue
		}
		if f.keyColumn != ref.column {
			return s.refuseEdge(f.Name, ref.column, fmt.Sprintf("%d rows of the file were refused, of which only the key is known, "+
				"and an edge asks for this column: choose Stop or Continue, or give the file without those rows", len(f.Refused)))
		}
		if f.local != nil && transforms(f.local.List(), ref.column) {
			return s.refuseEdge(f.Name, ref.column, fmt.Sprintf("%d rows of the file were refused, of which the key is known only as it was before "+
				"the transformations: choose Stop or Continue, or give the file without those rows", len(f.Refused)))
		}
		for _, r := range f.Refused {
			if r.Key != "" {
				s.rejected[ref][r.Key] = struct{}{}
			}
		}
	}
	return nil
}

// readRejects notes the values in rows that the server rejected.
func (s *stepRun) readRejects(ctx context.Context, e *Execution) error {
	if len(s.rejected) == 0 {
		return nil
	}
	rows := 0
	err := s.c.eachReject(ctx, e, allFiles, func(f *rejectsFile, row *rejectedRow) error {
		rows++
		for ref, values := range s.rejected {
			if f.name != ref.file && slices.ContainsFunc(s.files, func(other StagedFile) bool { return other.Name == f.name }) {
				continue
			}
			i := slices.Index(f.header[:len(f.header)-2], ref.column)
			switch {
			case row.err != nil:
				return row.err
			case i < 0:
				return s.refuseEdge(f.name, ref.column, "the rejects do not have this column")
			case row.cells[i] != "":
				values[strings.Clone(row.cells[i])] = struct{}{} // a cell shares the memory of its row
			}
		}
		return nil
	})
	if err == nil && rows == 0 {
		err = fmt.Errorf("%w: the server rejected rows and hands out none", ErrRowsUnaccounted)
	}
	return err
}

// orphanRule is what a row is held back by.
type orphanRule struct {
	cell   int // its index
	values map[string]struct{}
	reason string
}

// holdBack takes the orphans out of what is going to be sent, and reports whether anything is left. The parts of a file stay
// what they are, with fewer rows, so that what was reserved for them fits.
func (s *stepRun) holdBack(ctx context.Context) (left bool, err error) {
	rules := make(map[string][]orphanRule)
	for _, edge := range s.follows {
		if err := edge.needed.unread; err != nil {
			return true, within(err, "which rows of step %q were not loaded is not known, so that their orphans cannot be held back", edge.needed.Name)
		}
		i := slices.IndexFunc(s.files, func(f StagedFile) bool { return f.Name == edge.own.file })
		if values := edge.needed.rejected[edge.of]; len(values) > 0 {
			rules[edge.own.file] = append(rules[edge.own.file], orphanRule{slices.Index(s.files[i].header, edge.own.column), values,
				fmt.Sprintf("its parent in step %q was rejected", edge.needed.Name)})
		}
	}
	if len(rules) == 0 {
		return true, nil
	}
	numbers := make(map[string]*rowNumbers)
	for _, f := range s.files {
		if f.Part <= 1 {
			numbers[f.Name] = &rowNumbers{refused: f.Refused}
		}
	}
	var parts []*part
	var homeless []Refusal // of parts of which nothing is left
	for _, p := range s.parts {
		if err := s.holdBackOf(ctx, p, rules, numbers, &homeless); err != nil {
			return true, err
		}
		if len(p.files) == 0 && len(s.im.remotes) == 0 {
			giveUp(ctx, []*part{p})
			continue
		}
		parts = append(parts, p)
	}
	if len(parts) > 0 && len(parts[0].files) > 0 {
		first := &parts[0].files[0]
		first.Refused = append(slices.Clone(first.Refused), homeless...)
	}
	for i, p := range parts {
		p.number, p.of = i+1, len(parts)
		content := p.content // Once compares what was given
		if err := s.im.fill(p); err != nil {
			return true, err
		}
		p.content = content
	}
	s.parts = parts
	return len(parts) > 0, nil
}

// holdBackOf takes the orphans out of a part.
func (s *stepRun) holdBackOf(ctx context.Context, p *part, rules map[string][]orphanRule, numbers map[string]*rowNumbers, homeless *[]Refusal) error {
	var files []StagedFile
	var tables []string
	for i, f := range p.files {
		if rules[f.Name] != nil {
			var err error
			if f, err = s.withoutOrphans(ctx, f, rules[f.Name], numbers[f.Name]); err != nil {
				return err
			}
		}
		if f.Rows == 0 {
			*homeless = append(*homeless, f.Refused...)
			continue
		}
		files, tables = append(files, f), append(tables, p.tableIDs[i])
	}
	if len(files) > 0 || len(s.im.remotes) > 0 {
		for _, f := range p.files {
			kept := slices.ContainsFunc(files, func(other StagedFile) bool { return other.Name == f.Name })
			if in := s.im.plan[f.Name]; !kept && (in == nil || !in.Optional) {
				return s.refuseEdge(f.Name, "", "all of its rows are held back, and the import requires the file beside others: "+
					"make it optional in the definition, or a step of its own")
			}
		}
	}
	p.files, p.tableIDs = files, tables
	return nil
}

// withoutOrphans writes a file anew without the rows that a rule is for. The others stay byte for byte.
func (s *stepRun) withoutOrphans(ctx context.Context, f StagedFile, rules []orphanRule, numbers *rowNumbers) (StagedFile, error) {
	p := newPacker(bounds{limit: maxFileSize, memory: stagingMemory}, f.Name, f.Compression)
	done := false
	defer func() {
		if p.close(); !done {
			_ = p.discard()
		}
	}()
	held, rows := len(s.report.HeldBack), 0
	err := f.eachRow(ctx, func(header stagedRow) error { return p.begin(f.header, header.raw) }, func(r stagedRow) error {
		number := numbers.next()
		if i := slices.IndexFunc(rules, func(rule orphanRule) bool { return rule.holds(r) }); i >= 0 {
			s.hold(&f, r, Refusal{File: f.Name, Row: number, Reason: rules[i].reason})
			return nil
		}
		rows++
		return p.write(r.raw, true)
	})
	if err != nil {
		return f, err
	}
	refused := s.report.HeldBack[held:]
	if len(refused) == 0 {
		return f, nil
	}
	f.Refused = append(slices.Clone(f.Refused), refused...)
	if f.Rows = rows; rows == 0 {
		return f, nil
	}
	files, err := p.finish()
	if err != nil {
		return f, err
	}
	done = true
	kept := files[0]
	s.discards = append(s.discards, func() { _ = kept.compressed.Close() })
	f.Size, f.hash, f.textSize, f.compressed = kept.Size, kept.hash, kept.textSize, kept.compressed
	return f, nil
}

// hold notes a row that is held back, for the report and for steps that look for its values.
func (s *stepRun) hold(f *StagedFile, row stagedRow, r Refusal) {
	s.report.HeldBack = append(s.report.HeldBack, r)
	for ref, values := range s.rejected {
		if ref.file != f.Name {
			continue
		}
		if value := referred(row.cell(slices.Index(f.header, ref.column))); len(value) > 0 {
			values[string(value)] = struct{}{}
		}
	}
}

func (r orphanRule) holds(row stagedRow) bool {
	_, orphan := r.values[string(referred(row.cell(r.cell)))]
	return orphan
}

// referred is a cell as those of rejects are read, in which line ends are "\n".
func referred(cell []byte) []byte {
	if bytes.IndexByte(cell, '\r') < 0 {
		return cell
	}
	return bytes.ReplaceAll(cell, []byte("\r\n"), []byte("\n"))
}
