package actito

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/actito-go/actito/transform"
)

// fileCheck checks one file.
type fileCheck struct {
	check     *checkRun
	data      Data
	input     *InputFile
	table     tableRef
	structure *Structure
	zone      *time.Location
	report    int                  // its place in the report
	wanted    map[string]*keySet   // by the attributes that other files refer to
	parents   map[string][]*keySet // by the attributes that refer to other files
	before    map[string][]*keySet // by the attributes that must differ from those of other files

	sink    *csvSink
	records *recordReader
	columns []checkColumn
	keyed   []int // those with keys or parents, the table's key first
	bad     bool  // the row has a problem
}

// checkColumn is a column with what its attribute demands.
type checkColumn struct {
	name, attribute string
	ignored         bool   // nothing is known of its values
	form            form   // is: nil for text
	typ             string // of the values
	accepted        map[string]bool
	multi           bool
	min, max        int
	unique          bool
	mandatory       defect    // of an empty cell
	keys            *keySet   // of its values
	lost            bool      // a value is in keys already, and so the server rejects the row
	parents         []*keySet // that hold its values, if there are any
	before          []*keySet // that must not hold them
	flawed          bool      // the cell of this row
}

func (f *fileCheck) run(ctx context.Context) error {
	f.sink = newSink(&f.data, f)
	f.sink.goOn = f.goOn
	if err := f.transformAsServer(); err != nil {
		return err
	}
	err := f.data.produce(ctx, f.sink, &f.data)
	if err == nil {
		err = f.sink.finish(ctx)
	}
	switch {
	case f.check.left:
		return errLeft
	case errors.Is(err, ErrNoRows) && f.counts().Rows > 0:
		return nil // every row has a mistake
	}
	return err
}

// transformAsServer puts the definition's transformations before the check, where the server has them.
func (f *fileCheck) transformAsServer() error {
	if len(f.input.Transformations) == 0 {
		return nil
	}
	spec, err := transform.New(f.input.Transformations)
	if err != nil {
		return refusedBy(err)
	}
	there := &fileTransform{spec: spec, sink: f.sink, dst: f}
	if here := f.sink.transform; here != nil {
		here.dst = there
		return nil
	}
	f.sink.transform, f.sink.dst = there, there
	return nil
}

func (f *fileCheck) counts() *CheckedFile { return &f.check.report.Files[f.report] }

func (f *fileCheck) emit(p Problem) error {
	p.File = f.data.name
	f.bad = f.bad || !p.Warning
	return f.check.emit(f, p)
}

// goOn takes the mistakes of csvSink and of typed rows that need not end the reading.
func (f *fileCheck) goOn(err error, kept bool) bool {
	mistake, ok := errors.AsType[*ValidationError](err)
	if !ok || f.check.left {
		return false
	}
	if f.emit(Problem{Line: mistake.Line, Column: mistake.Column, Rule: mistake.Rule, Detail: mistake.Detail}) != nil {
		return false
	}
	if !kept {
		f.endRow()
	}
	return true
}

// endRow counts a row.
func (f *fileCheck) endRow() {
	counts := f.counts()
	if counts.Rows++; f.bad {
		counts.Bad++
	}
	f.bad = false
	f.records.reset()
}

// line is where the row stands, as a [Problem] has it.
func (f *fileCheck) line() int {
	return f.sink.start
}

// headerLine is the line of the header, which typed rows do not have.
func (f *fileCheck) headerLine() int {
	if f.data.typed {
		return 0
	}
	return f.sink.start
}

// at is where a problem is.
func (f *fileCheck) at(c *checkColumn, w defect) Problem {
	p := Problem{Line: f.line(), Rule: w.rule, Detail: w.detail, Warning: w.warning}
	if c != nil {
		p.Column, p.Attribute = c.name, c.attribute
	}
	return p
}

// write takes a part of a row, as a [rowWriter].
func (f *fileCheck) write(p []byte, endsRow bool) error {
	f.records.read(p)
	if !endsRow {
		return nil
	}
	f.records.endCell()
	var err error
	if f.records.long {
		err = f.emit(f.at(nil, defect{rule: "row-length", detail: fmt.Sprintf("the row has more than %d bytes: a quote may not be closed", maxRecord)}))
	} else {
		err = f.cells()
	}
	f.endRow()
	return err
}

func (f *fileCheck) cells() error {
	for i := range f.columns {
		c, cell := &f.columns[i], f.records.cell(i)
		c.flawed = false
		var w defect
		if len(cell) == 0 {
			f.counts().Columns[i].Empty++
			w = c.mandatory
		} else if !c.ignored {
			w = c.check(cell, f.zone)
		}
		if w.rule == "" {
			continue
		}
		c.flawed = !w.warning
		p := f.at(c, w)
		p.Value = string(cell)
		if err := f.emit(p); err != nil {
			return err
		}
	}
	return f.keys()
}

// check finds what is wrong with a value.
func (c *checkColumn) check(cell []byte, zone *time.Location) (w defect) {
	if !c.multi {
		return c.checkOne(cell, zone)
	}
	for more := true; more && w.rule == ""; {
		var value []byte
		value, cell, more = bytes.Cut(cell, []byte(listSeparator))
		w = c.checkOne(value, zone)
	}
	return w
}

func (c *checkColumn) checkOne(b []byte, zone *time.Location) defect {
	switch {
	case c.accepted != nil && !c.accepted[string(b)]:
		return why(b, defect{rule: "accepted-values", detail: "not one of the values that the attribute accepts"})
	case c.form.is != nil && !c.form.is(b):
		return c.why(b)
	case longer(b, c.max):
		return defect{rule: "too-long", detail: "longer than " + strconv.Itoa(c.max) + " characters, counted in UTF-16 units"}
	case c.min > 0 && units(b) < c.min:
		return defect{rule: "too-short", detail: "shorter than " + strconv.Itoa(c.min) + " characters"}
	case c.typ == "TIMESTAMP" && skipped(b, zone):
		return defect{rule: "time-gap", detail: "the clocks skip this time, since summer time begins", warning: true}
	case c.form.is == nil && c.accepted == nil && len(b) > 0:
		w := spoiled(b)
		w.warning = w.rule != ""
		return w
	}
	return defect{}
}

// why tells more of a value that breaks the form of its type.
func (c *checkColumn) why(b []byte) defect {
	switch c.form.defect.rule {
	case "date":
		if isDayNumber(b) {
			return defect{rule: "spreadsheet", detail: "the number under which a spreadsheet keeps a day: format its column as yyyy-MM-dd"}
		}
	case "integer", "number":
		if isDecimalComma(b) {
			return defect{rule: "decimal-comma", detail: "numbers have a decimal point, and nothing between thousands"}
		}
	}
	return why(b, c.form.defect)
}

func why(b []byte, w defect) defect {
	if len(b) == 0 {
		return w
	}
	if s := spoiled(b); s.rule != "" {
		return s
	}
	return w
}

// keys checks keys and parents of a row.
func (f *fileCheck) keys() error {
	known, uniques, first := false, 0, (*checkColumn)(nil)
	for _, i := range f.keyed {
		c, cell := &f.columns[i], f.records.cell(i)
		if c.unique {
			if first == nil {
				first = c
			}
			if len(cell) > 0 || c.flawed {
				uniques++
			}
		}
		if len(cell) == 0 || c.flawed {
			continue
		}
		var own [24]byte
		value := cell
		if n, ok := parseInteger(cell, 1<<63-1); ok && c.form.defect.rule == "integer" {
			value = strconv.AppendInt(own[:0], n, 10) // 007 is 7
		}
		if err := f.findParent(c, value, cell); err != nil {
			return err
		}
		if c.keys == nil {
			continue
		}
		state, line := c.keys.add(value, f.line())
		if c.keys.size() > c.keys.most {
			return &ValidationError{File: f.data.name, Column: c.name, Rule: "too-many-keys",
				Detail: fmt.Sprintf("the column has more than %d different values: check the file in parts", c.keys.most)}
		}
		var w defect
		switch {
		case !c.unique:
		case state == keyPresent:
			w = defect{rule: "duplicate-key", warning: known || !c.lost,
				detail: "another row has this value, which must be unique: of two rows, the later one counts or is rejected"}
			known = known || c.attribute == f.structure.PrimaryKey
		case slices.ContainsFunc(c.before, func(keys *keySet) bool { before, _ := keys.find(value); return before == keyPresent }):
			w = defect{rule: "duplicate-key", detail: "a row of an earlier file has this value, and this file only creates", warning: known}
			known = known || c.attribute == f.structure.PrimaryKey
		case state == keyOtherCase:
			w = defect{rule: "key-case", warning: true,
				detail: "another row has this value in other upper or lower case: the server may take them for the same"}
		}
		if w.rule == "" {
			continue
		}
		p := f.at(c, w)
		p.First, p.Value = line, string(cell)
		if err := f.emit(p); err != nil {
			return err
		}
	}
	if first == nil || uniques > 0 || first.mandatory.rule != "" || f.structure.Table != ProfileTableType {
		return nil
	}
	return f.emit(f.at(first, defect{rule: "empty-key", detail: "the row has no value that is unique, so that no profile can be found by it",
		warning: f.input.Mode != UpdateOnly}))
}

func (f *fileCheck) findParent(c *checkColumn, value, cell []byte) error {
	filled, otherCase := false, false
	for _, keys := range c.parents {
		if !keys.filled {
			continue
		}
		state, _ := keys.find(value)
		if state == keyPresent {
			return nil
		}
		filled, otherCase = true, otherCase || state == keyOtherCase
	}
	if !filled {
		return nil
	}
	w := defect{rule: "missing-parent", detail: "the row that this refers to is not in the file of its table that was given"}
	if otherCase {
		w.detail = "the row that this refers to has the value in other upper or lower case"
	}
	p := f.at(c, w)
	p.Value = string(cell)
	return f.emit(p)
}

// begin takes the header, as a [rowWriter].
func (f *fileCheck) begin(names []string, _ []byte) error {
	f.records = newRecordReader(f.sink.separator, f.sink.encoding, maxRecord)
	defer func() { f.bad = false }() // the header is no row
	f.columns = make([]checkColumn, len(names))
	counts := f.counts()
	for i, name := range names {
		f.columns[i].name = name
		counts.Columns = append(counts.Columns, CheckedColumn{Name: shownColumn(name)})
	}
	if err := f.mapColumns(); err != nil {
		return err
	}
	mapped := map[string]bool{}
	for i := range f.columns {
		c := &f.columns[i]
		counts.Columns[i].Attribute = c.attribute
		mapped[c.attribute] = true
		if c.keys != nil || c.parents != nil {
			f.keyed = append(f.keyed, i)
		}
	}
	slices.SortStableFunc(f.keyed, func(a, b int) int {
		return cmp.Compare(f.notKey(a), f.notKey(b))
	})
	return f.unmapped(mapped)
}

func (f *fileCheck) notKey(column int) int {
	if f.columns[column].attribute == f.structure.PrimaryKey {
		return 0
	}
	return 1
}
