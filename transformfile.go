package actito

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/actito-go/actito/internal/csvrow"
	"github.com/actito-go/actito/transform"
)

// maxTransformed bounds what is held of a row that is transformed, in bytes.
const maxTransformed = 32 << 20

// fileTransform stands between a csvSink and what takes its rows: it takes them apart, and passes on what the
// specification makes of them, written anew. Memory does not grow with the file.
type fileTransform struct {
	spec        *transform.Specification
	skipInvalid bool
	key         string // the column of the rows' key, or ""
	sink        *csvSink
	dst         rowWriter

	records *recordReader
	row     *transform.Row
	program *transform.Program
	keyed   int      // the key's column in the file; -1 if it is none
	columns []int    // of the program, that are written
	names   []string // of those
	empties []int    // empty cells of each
	line    []byte
	n       *notation
	lineEnd string
}

// begin takes the header.
func (t *fileTransform) begin(names []string, _ []byte) error {
	var err error
	if t.program, err = t.spec.Bind(names, transform.CSV); err != nil {
		return t.refuse(err)
	}
	t.row, t.keyed = t.program.NewRow(), slices.Index(names, t.key)
	for i, name := range t.program.Columns() {
		if !t.program.Dropped(i) {
			t.columns, t.names = append(t.columns, i), append(t.names, name)
		}
	}
	if len(t.columns) == 0 {
		return t.refuse(transform.Refuse("the transformations drop all columns of the file"))
	}
	t.empties = make([]int, len(t.columns))
	t.records = newRecordReader(t.sink.separator, t.sink.encoding, maxTransformed)
	t.n = &notation{sep: t.sink.separator, latin1: t.sink.encoding == ISO88591}
	t.lineEnd = cmp.Or(t.sink.lineEnd, "\n")
	for i, name := range t.names {
		if err := t.append(i, []byte(name)); err != nil {
			return err
		}
	}
	return t.dst.begin(t.names, t.end())
}

// refuse is the error of package transform with its place in the file.
func (t *fileTransform) refuse(err error) error {
	e := refusedBy(err)
	e.File, e.Line = t.sink.file, t.sink.start
	return e
}

// write takes a part of a row.
func (t *fileTransform) write(p []byte, endsRow bool) error {
	t.records.read(p)
	if !endsRow {
		return nil
	}
	t.records.endCell()
	defer t.records.reset()
	err := t.transform()
	switch {
	case err == nil:
		return t.dst.write(t.end(), true)
	case t.sink.goesOn(err, false):
		return nil
	case t.skipInvalid && t.sink.goOn == nil && !t.records.long:
		key := ""
		if t.keyed >= 0 {
			key = string(t.records.cell(t.keyed))
		}
		t.sink.leaveOut(err, key)
		return nil
	}
	return err
}

// transform makes the line of the record.
func (t *fileTransform) transform() error {
	if t.records.long {
		return t.sink.fail(t.sink.start, "row-length",
			fmt.Sprintf("the row has more than %d bytes, and is to be transformed: a quote may not be closed", maxTransformed))
	}
	for i := range t.row.Values {
		v := &t.row.Values[i]
		v.Leave()
		if i < len(t.records.ends) {
			if cell := t.records.cell(i); len(cell) > 0 {
				v.SetText(cell)
			}
		}
	}
	if err := t.program.Run(t.row); err != nil {
		return t.refuse(err)
	}
	t.line = t.line[:0]
	for n, i := range t.columns {
		if err := t.append(n, t.row.Values[i].Text); err != nil {
			return err
		}
	}
	for n, i := range t.columns { // once the row is sure to be written
		if len(t.row.Values[i].Text) == 0 {
			t.empties[n]++
		}
	}
	return nil
}

// append appends the n-th cell of the line.
func (t *fileTransform) append(n int, text []byte) error {
	if n > 0 {
		t.line = append(t.line, t.n.sep)
	}
	start := len(t.line)
	var err error
	t.line, err = finishCell(append(t.line, text...), start, t.n)
	if err == nil {
		return nil
	}
	e := &ValidationError{Rule: "text", Detail: "the text cannot be written", Err: err}
	if v, ok := errors.AsType[*ValidationError](err); ok {
		*e = *v
	}
	e.File, e.Line, e.Column = t.sink.file, t.sink.start, shownColumn(t.names[n])
	return e
}

// end ends the line as the file's lines end.
func (t *fileTransform) end() []byte {
	t.line = csvrow.End(t.line, 0)
	t.line = append(t.line[:len(t.line)-1], t.lineEnd...)
	return t.line
}
