package actito

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/actito-go/actito/transform"
)

// Problem is a mistake in data, or what may be one, found by a check before anything was sent.
//
// Rules of a file as a whole are missing-file, load-order, missing-column, unmapped-column, ignored-column,
// unknown-attribute, mapped-twice, mandatory and empty-key; those of rows are cell-count, blank-line, line-end, row-length,
// mandatory, empty-key, empty-cells, duplicate-key, key-case, missing-parent, transform, and those of the codec for typed rows; those
// of values are integer, number, boolean, date, date-time, time-gap, email, sex, language, country, phone, too-long,
// too-short, accepted-values, decimal-comma, spreadsheet and null-text.
type Problem struct {
	File      string
	Line      int    // in which the row starts, header included, from 1; for typed rows the row's number from 1; 0 if none
	Column    string // as the header has it; "" for the row or file as a whole
	Attribute string // that the column is mapped to
	Rule      string // short and stable
	Detail    string // what is wrong, without the value
	First     int    // of duplicate-key and key-case: the line that has the value first; 0 if it is in an earlier file
	Warning   bool   // the server is expected to load the row all the same
	Value     string `json:"-"` // the cell; personal data, for the program: no other field and no method shows it
}

// String says where and what, without the value.
func (p Problem) String() string {
	at := ValidationError{File: p.File, Line: p.Line, Column: p.Column, Detail: p.Detail}
	text := strings.TrimPrefix(at.Error(), "actito: ")
	if p.First > 0 {
		text += fmt.Sprintf(" (first in line %d)", p.First)
	}
	return text
}

// CheckOption is given to a check: what to look at, and how. Every [Data] is one, every [EmptyCells], and a
// *[CheckReport], which is filled while the problems are read.
type CheckOption interface{ applyCheck(*checkRun) }

type checkOption func(*checkRun)

func (o checkOption) applyCheck(r *checkRun) { o(r) }

func (d Data) applyCheck(r *checkRun)       { d.applyImport(r.im) }
func (e EmptyCells) applyCheck(r *checkRun) { e.applyImport(r.im) }

func (c *CheckReport) applyCheck(r *checkRun) {
	if r.report = c; c == nil {
		r.report, r.err = new(CheckReport), &ValidationError{Rule: "no-report", Detail: "a *CheckReport is nil: give the address of one"}
	}
}

// Holds says what attributes hold whose structure only says text: one of EMAIL_ADDRESS, PHONE_NUMBER, COUNTRY (ISO
// 3166-1 alpha-2), LANGUAGE (ISO 639-1), SEX, or a value type such as DATE. Values of another form are then problems,
// although the server may load them.
func Holds(kind string, attributes ...string) CheckOption {
	return checkOption(func(r *checkRun) {
		if _, known := forms[kind]; !known {
			r.err = &ValidationError{Column: "Holds", Rule: "type", Detail: fmt.Sprintf("there is no kind %.40q of values to check for", kind)}
		}
		for _, a := range attributes {
			r.holds[a] = kind
		}
	})
}

// Check is the dry run of [ETLService.RunOnce]: it reads the structures of the tables and all data, and reports what the
// server would reject and what is likely not meant. It sends no row and costs none of the day's imports. Only what keeps
// the data from being read to its end is an error: the file's, such as a quote that is never closed, the definition's, or
// a failed call.
//
// The definition's mode and EmptyCells count: in mode UPDATE_ONLY no attribute is mandatory unless EmptyCells: Clear
// would empty it. Files of the definition may be left out, which is a warning. Those that are given are checked in the
// definition's order, and values of a foreign key must stand in an earlier file of the table that they refer to, if there
// is one: rows whose parent only Actito has are reported too, so leave the parents' file out if it holds changes only. A
// parent counts as there even if its own row has problems.
//
// Transformations run first: those that run here, and those of the definition as package transform has them. A value that
// one refuses is a problem of the rule transform.
//
// What the structure does not tell cannot be checked: names of subscriptions and categories of segmentations, what Actito
// has already, and that a table makes its keys itself, whose empty keys are reported. Phone numbers and countries are
// checked in attributes of such a kind, and in those that [Holds] names.
//
// Memory does not grow with the data but for the hashes of keys: about 30 bytes for each different value of a unique
// attribute, of at most 10,000,000 per column; more is an error with the rule too-many-keys. Readers and rows can be read
// only once, so make them anew for the import.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *ETLService) Check(ctx context.Context, d Definition, opts ...CheckOption) (*CheckReport, error) {
	return s.c.check(ctx, opts, forDefinition(d))
}

// CheckEach is [ETLService.Check] for every single problem. They come in the order of the files and their lines, and the
// loop may be left early. An error is the last that is yielded. Given a *[CheckReport], it fills that too.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *ETLService) CheckEach(ctx context.Context, d Definition, opts ...CheckOption) iter.Seq2[Problem, error] {
	return s.c.checkEach(ctx, opts, forDefinition(d))
}

// Check is the dry run of loading data into the table, each column into the attribute of its name, created or updated;
// see [ETLService.Check].
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (t *ProfileTable[T]) Check(ctx context.Context, opts ...CheckOption) (*CheckReport, error) {
	return t.c.check(ctx, opts, forTable(ProfileTableType, t.table, t.rows.specification()))
}

// CheckEach is [ProfileTable.Check] for every single problem; see [ETLService.CheckEach].
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (t *ProfileTable[T]) CheckEach(ctx context.Context, opts ...CheckOption) iter.Seq2[Problem, error] {
	return t.c.checkEach(ctx, opts, forTable(ProfileTableType, t.table, t.rows.specification()))
}

// Check is the dry run of loading data into the table, each column into the attribute of its name, created or updated;
// see [ETLService.Check].
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (t *CustomTable[T]) Check(ctx context.Context, opts ...CheckOption) (*CheckReport, error) {
	return t.c.check(ctx, opts, forTable(CustomTableType, t.table, t.rows.specification()))
}

// CheckEach is [CustomTable.Check] for every single problem; see [ETLService.CheckEach].
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (t *CustomTable[T]) CheckEach(ctx context.Context, opts ...CheckOption) iter.Seq2[Problem, error] {
	return t.c.checkEach(ctx, opts, forTable(CustomTableType, t.table, t.rows.specification()))
}

func (c *Client) check(ctx context.Context, opts []CheckOption, plan checkPlan) (*CheckReport, error) {
	report := new(CheckReport)
	for _, err := range c.checkEach(ctx, append(slices.Clip(opts), report), plan) {
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

func (c *Client) checkEach(ctx context.Context, opts []CheckOption, plan checkPlan) iter.Seq2[Problem, error] {
	return func(yield func(Problem, error) bool) {
		r := &checkRun{c: c, im: newImport(c, "check", nil), holds: map[string]string{}, report: new(CheckReport),
			structures: map[tableRef]*Structure{}, yield: yield}
		for _, o := range opts {
			if o != nil {
				o.applyCheck(r)
			}
		}
		*r.report = CheckReport{}
		if err := r.run(ctx, plan); err != nil && !errors.Is(err, errLeft) {
			yield(Problem{}, err)
		}
	}
}

// checkRun is one check.
type checkRun struct {
	c          *Client
	im         *importRun // what an import makes of the definition and the options
	holds      map[string]string
	err        error // of an option
	report     *CheckReport
	structures map[tableRef]*Structure
	files      []*fileCheck // in the order in which they are loaded
	yield      func(Problem, error) bool
	left       bool // the caller has left the loop
}

// A checkPlan finds the input file that each Data is for, and puts the data in their order.
type checkPlan func(context.Context, *checkRun) error

func forTable(kind TableType, table string, spec *transform.Specification) checkPlan {
	return func(_ context.Context, r *checkRun) error {
		for _, d := range r.im.data {
			f := &InputFile{Destination: Destination{Table: kind, TableID: table}, Mode: CreateUpdate, Local: spec}
			if d.onServer != nil {
				f.Local, f.Transformations = nil, d.onServer.List()
			}
			r.im.plan[d.name] = f
		}
		return nil
	}
}

func forDefinition(d Definition) checkPlan {
	return func(ctx context.Context, r *checkRun) error {
		if err := d.executable(); err != nil {
			return err
		}
		d, err := r.c.complete(ctx, d)
		if err != nil {
			return err
		}
		r.im.files = d.Files
		place := map[*InputFile]int{nil: -1}
		for i := range d.Files {
			place[&d.Files[i]] = i
		}
		given := map[*InputFile]bool{}
		for _, data := range r.im.data {
			f, err := r.im.inputFile(data.name)
			if err == nil && given[f] {
				err = &ValidationError{File: data.name, Rule: "file-name", Detail: "the definition's " + f.FileNamePattern + " is given twice"}
			}
			if err == nil {
				err = f.sendable()
			}
			if err != nil {
				return err
			}
			r.im.plan[data.name], given[f] = f, true
		}
		for i := range d.Files {
			if f := &d.Files[i]; !given[f] && !f.Optional {
				err := r.emit(nil, Problem{File: f.FileNamePattern, Rule: "missing-file", Warning: true,
					Detail: "the definition requires this file, and it was not given to the check"})
				if err != nil {
					return err
				}
			}
		}
		slices.SortStableFunc(r.im.data, func(a, b Data) int { return place[r.im.plan[a.name]] - place[r.im.plan[b.name]] })
		return nil
	}
}

func (r *checkRun) run(ctx context.Context, plan checkPlan) error {
	if r.err != nil {
		return r.err
	}
	if err := r.im.check(); err != nil {
		return err
	}
	if len(r.im.data) == 0 {
		return fmt.Errorf("%w: no data was given", ErrNoRows)
	}
	seen := map[string]bool{}
	for _, d := range r.im.data {
		if err := d.check(); err != nil {
			return err
		}
		if seen[d.name] {
			return &ValidationError{File: d.name, Rule: "file-name", Detail: "two files of one check have this name"}
		}
		seen[d.name] = true
	}
	r.im.plan = map[string]*InputFile{}
	if err := plan(ctx, r); err != nil {
		return err
	}
	for i := range r.im.data {
		if err := r.im.prepare(&r.im.data[i]); err != nil {
			return err
		}
		if err := r.open(ctx, r.im.data[i]); err != nil {
			return err
		}
	}
	for name := range r.holds {
		if !slices.ContainsFunc(r.files, func(f *fileCheck) bool { return f.structure.attribute(name) != nil }) {
			return &ValidationError{Column: name, Rule: "unknown-attribute", Detail: "Holds names this attribute, and no table of the check has it"}
		}
	}
	for i, f := range r.files {
		if err := r.link(i, f); err != nil {
			return err
		}
	}
	for i, f := range r.files {
		if err := f.run(ctx); err != nil {
			return err
		}
		r.files[i] = nil // its keys, unless other files refer to them
	}
	return nil
}

// open reads the structure of the table that a file is for.
func (r *checkRun) open(ctx context.Context, d Data) error {
	input := r.im.plan[d.name]
	ref, err := r.c.table(ctx, input.Destination.Table, input.Destination.TableID)
	if err != nil {
		return err
	}
	structure, known := r.structures[ref]
	if !known {
		if structure, err = r.c.Structures.byID(ctx, input.Destination.Table, ref.ID, []CallOption{Background()}); err != nil {
			return err
		}
		r.structures[ref] = structure
	}
	r.report.Files = append(r.report.Files, CheckedFile{Name: d.name, Table: ref.Name, typed: d.typed})
	r.files = append(r.files, &fileCheck{check: r, data: d, input: input, table: ref, structure: structure,
		report: len(r.report.Files) - 1, zone: r.c.zone, wanted: map[string]*keySet{}, parents: map[string][]*keySet{},
		before: map[string][]*keySet{}})
	return nil
}

// link finds the files that hold the parents of a file's rows, and those that create the same rows before it does.
func (r *checkRun) link(at int, f *fileCheck) error {
	for _, before := range r.files[:at] {
		if f.input.Mode != CreateOnly || before.table != f.table {
			continue
		}
		for _, a := range f.structure.Attributes {
			if f.structure.unique(&a) {
				f.before[a.Name] = append(f.before[a.Name], before.want(a.Name))
			}
		}
	}
	for _, k := range f.structure.ForeignKeys {
		for i, parent := range r.files {
			switch {
			case parent.table.ID != k.ReferencedTableID:
			case i > at:
				err := r.emit(f, Problem{File: f.data.name, Rule: "load-order",
					Detail: "the file is loaded before " + parent.data.name + ", to whose rows it refers: put that first in the definition"})
				if err != nil {
					return err
				}
			default:
				f.parents[k.Attribute] = append(f.parents[k.Attribute], parent.want(k.ReferencedAttribute))
			}
		}
	}
	return nil
}

// want has the values of an attribute remembered for other files.
func (f *fileCheck) want(attribute string) *keySet {
	if f.wanted[attribute] == nil {
		f.wanted[attribute] = newKeySet()
	}
	return f.wanted[attribute]
}

// emit reports a problem of a file, nil for one that was not given. It fails once the caller has left the loop.
func (r *checkRun) emit(f *fileCheck, p Problem) error {
	if f != nil {
		r.report.Files[f.report].add(p)
	} else {
		r.report.Missing = append(r.report.Missing, p.File)
	}
	if !r.yield(p, nil) {
		r.left = true
	}
	if r.left {
		return errLeft
	}
	return nil
}
