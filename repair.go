package actito

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// RepairOption says how a repair file is written.
type RepairOption func(*repairFile)

// ForSpreadsheets writes a repair file to be opened in a spreadsheet program: in UTF-8 with a byte-order mark, so that
// accents show, with errorCode and errorColumn as the last columns, and with an apostrophe before every cell that starts
// with = + - @, a tab or a line end, so that none of them runs as a formula. It cannot be imported as it is: remove the
// last two columns and those apostrophes, and read it with FromExcel.
func ForSpreadsheets() RepairOption {
	return func(f *repairFile) { f.spreadsheet = true }
}

// OnlyRejects writes those rejects alone for which f says so, such as the ones that [ProfileTable.Repair] left, which are
// told by their Part and Line. f sees each once, in order, as [ExecutionService.Rejects] yields it.
func OnlyRejects(f func(Reject[map[string]string]) bool) RepairOption {
	return func(o *repairFile) { o.only = f }
}

// WriteRepair writes the rows of one file that an execution rejected, as a CSV file in which they can be put right and
// imported again, and returns how many there are. file is the name of the file that was imported; of an import in
// several parts, the rows of all are written. Each row is byte for byte what the rejects file holds, without errorCode
// and errorColumn: header, separator, quotes, line ends and encoding stay. Without rejects nothing is written. Rows that
// were transformed before they were sent are so here: import them with an [InputFile] that has no Local, or they are
// transformed twice.
//
// A row with more cells than the header, or fewer, is left out, since nobody can tell which of them are its own; after
// the last row the error says how many are. What else ends with an error is as for [ProfileTable.Rejects]. The file
// holds personal data.
//
//actito:through ExecutionService.Rejects ExecutionService.Get
func (s *ExecutionService) WriteRepair(ctx context.Context, e *Execution, file string, w io.Writer, opts ...RepairOption) (rows int, err error) {
	if w == nil {
		return 0, errors.New("actito: WriteRepair: the writer is nil")
	}
	out := &repairFile{name: file, w: bufio.NewWriter(w)}
	for _, opt := range opts {
		if opt != nil {
			opt(out)
		}
	}
	err = s.c.eachReject(ctx, e, out.choose, out.add)
	if out.cells != nil {
		out.cells.Flush()
	}
	if err = cmp.Or(err, out.w.Flush()); err != nil {
		return out.rows, err
	}
	if out.miscounted > 0 {
		return out.rows, &ValidationError{File: file, Line: out.firstMiscounted, Rule: "cell-count", Detail: fmt.Sprintf(
			"this row of the rejects file and %d more have another number of cells than its header, and are not in the repair file: read them with Rejects", out.miscounted-1)}
	}
	return out.rows, nil
}

// repairFile is one that is being written.
type repairFile struct {
	name        string
	spreadsheet bool
	only        func(Reject[map[string]string]) bool // nil: all
	w           *bufio.Writer
	header      []byte // as it was written
	cells       *csv.Writer
	rows        int

	miscounted, firstMiscounted int
}

// choose finds the file in the execution.
func (o *repairFile) choose(e *Execution) (func(string) bool, error) {
	var names []string
	for _, f := range e.Files {
		names = append(names, f.Name)
	}
	if len(names) > 0 && !slices.Contains(names, o.name) {
		return nil, &ValidationError{File: o.name, Rule: "file-name",
			Detail: fmt.Sprintf("execution %s has no file of this name, only %s", e.ID, strings.Join(names, ", "))}
	}
	return func(name string) bool { return name == o.name }, nil
}

func (o *repairFile) add(f *rejectsFile, row *rejectedRow) error {
	if row.err != nil {
		if o.miscounted++; o.miscounted == 1 {
			o.firstMiscounted = row.line
		}
		return nil
	}
	if o.only != nil && !o.only(rejectOf(f, row, nil, cellsByColumn)) {
		return nil
	}
	if o.header == nil {
		if err := o.start(f); err != nil {
			return err
		}
	} else if !bytes.Equal(o.header, f.rawHeader) {
		return &ValidationError{File: o.name, Rule: "header", Detail: "the parts of the import have different headers: their rows do not fit into one file"}
	}
	o.rows++
	if o.spreadsheet {
		return o.cells.Write(inert(slices.Clone(row.cells)))
	}
	return o.write(f, row.raw)
}

// start writes the header.
func (o *repairFile) start(f *rejectsFile) error {
	o.header = f.rawHeader
	if !o.spreadsheet {
		return o.write(f, f.rawHeader)
	}
	o.cells = csv.NewWriter(o.w)
	o.cells.Comma = f.csv.Comma
	if _, err := o.w.WriteString("\ufeff"); err != nil {
		return err
	}
	return o.cells.Write(inert(slices.Clone(f.header)))
}

// write writes the text of a row without its last two cells.
func (o *repairFile) write(f *rejectsFile, row []byte) error {
	text := row[:ownCells(row, f.csv.Comma, len(f.header)-2)]
	if len(text) == 0 {
		text = []byte(`""`) // a blank line is none to some readers
	}
	if _, err := o.w.Write(text); err != nil {
		return err
	}
	end := lineEnd(row)
	if end == "" {
		end = lineEnd(f.rawHeader)
	}
	_, err := o.w.WriteString(end)
	return err
}

// ownCells is the length of the first n cells of a row.
func ownCells(row []byte, separator rune, n int) int {
	sep := utf8.AppendRune(nil, separator)
	quoted := false
	for i := range row {
		switch {
		case row[i] == '"':
			quoted = !quoted
		case !quoted && bytes.HasPrefix(row[i:], sep):
			if n--; n == 0 {
				return i
			}
		}
	}
	return len(row)
}

func lineEnd(row []byte) string {
	switch {
	case bytes.HasSuffix(row, []byte("\r\n")):
		return "\r\n"
	case bytes.HasSuffix(row, []byte("\n")):
		return "\n"
	}
	return ""
}

// inert keeps spreadsheet programs from running cells as formulas.
func inert(cells []string) []string {
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	return cells
}

// Repair sends the profiles that an execution rejected again, one by one and put right by fix, which costs no import.
// It is [ProfileTable.UpsertEach] over [ProfileTable.Rejects]: it yields each reject that was sent with what became of
// it, in order. fix returns the row to send, or false to leave it out; it is given rejects with a RowErr too, whose Row
// is incomplete. A table that is Transformed does not transform them: the import did, before they were sent. Only the text
// of booleans is made that of a call, where BOOLEAN wrote it. Rows of an import with [OnServer] are as they were sent: fix
// may use a [Transformer].
//
// Unlike an import, each profile that is sent raises Actito's scenarios. A cell that is empty is unset in Row, and so not
// sent. When the rejects cannot be read to the end, or do not add up, the last result has the error, and no reject.
//
//actito:through ProfileTable.Upsert StructureService.ProfileTable StructureService.CustomTable ExecutionService.Rejects ExecutionService.Get
func (t *ProfileTable[T]) Repair(ctx context.Context, e *Execution, fix func(Reject[T]) (T, bool), opts ...CallOption) iter.Seq2[Reject[T], UpsertResult] {
	plain := *t
	plain.rows = t.rows.rejected()
	return repair(t.Rejects(ctx, e), fix, func(rows iter.Seq2[T, error]) iter.Seq[UpsertResult] { return plain.UpsertEach(ctx, rows, opts...) })
}

// Repair sends the records that an execution rejected again, one by one and put right by fix, which costs no import;
// see [ProfileTable.Repair].
//
//actito:through CustomTable.Upsert StructureService.ProfileTable StructureService.CustomTable ExecutionService.Rejects ExecutionService.Get
func (t *CustomTable[T]) Repair(ctx context.Context, e *Execution, fix func(Reject[T]) (T, bool), opts ...CallOption) iter.Seq2[Reject[T], UpsertResult] {
	plain := *t
	plain.rows = t.rows.rejected()
	return repair(t.Rejects(ctx, e), fix, func(rows iter.Seq2[T, error]) iter.Seq[UpsertResult] { return plain.UpsertEach(ctx, rows, opts...) })
}

func repair[T any](rejects iter.Seq2[Reject[T], error], fix func(Reject[T]) (T, bool),
	upsertEach func(iter.Seq2[T, error]) iter.Seq[UpsertResult]) iter.Seq2[Reject[T], UpsertResult] {
	return func(yield func(Reject[T], UpsertResult) bool) {
		if fix == nil {
			yield(Reject[T]{}, UpsertResult{Err: &ValidationError{Rule: "no-fix", Detail: "Repair needs a function that puts rejects right"}})
			return
		}
		var sent []Reject[T] // without a result, the oldest first
		rows := func(yield func(T, error) bool) {
			for reject, err := range rejects {
				row, send := reject.Row, true
				if err == nil {
					row, send = fix(reject)
				}
				if !send {
					continue
				}
				sent = append(sent, reject)
				if !yield(row, err) {
					return
				}
			}
		}
		for result := range upsertEach(rows) {
			reject := sent[0]
			sent = sent[1:]
			if !yield(reject, result) {
				return
			}
		}
	}
}
