package actito

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
)

// Reject is a row that the server refused.
//
// Row, Key, Cells and, where the server quotes a value, Code are personal data: they are for the program, and left out of
// what package slog logs of it.
type Reject[T any] struct {
	Row        T        // as far as its cells could be read
	RowErr     error    // why the row could not be read into Row; the others of the file go on
	Key        string   // text of the row's key; "" if T has none
	Columns    []string // the file's header, without errorCode and errorColumn
	Cells      []string // the row as it was sent, but that line ends within a cell are "\n"
	File       string   // the rejects file: a name without folders
	Part       int      // with [SplitAbove]: the part of the import, from 1; else 0
	Line       int      // in the rejects file, from 1, header included
	SourceLine int      // in the file that was imported, as it was sent; 0 without [Source], or if the row was not found
	Code       string   // why, in the server's words
	Column     string   // the column at fault; "" if the server named none
}

// LogValue shows what a log may hold.
func (r Reject[T]) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("file", r.File),
		slog.Int("part", r.Part),
		slog.Int("line", r.Line),
		slog.Int("source_line", r.SourceLine),
		slog.String("code", shownReason(r.Code, r.Cells)),
		slog.String("column", shownReject(r.Column, r.Columns, r.Cells)),
	)
}

// Rejects reads the rows of this table that an execution rejected. It ends with the first error that it yields, other
// than those in RowErr. An ended execution without rejects yields nothing. The download and form of rejects are assumed
// to be version 4's; small ones are held in memory, others in a temporary file until the loop ends. Memory does not grow
// with their number.
//
// A row with more cells than the header, or fewer, has all of them in Cells, a RowErr, and neither Code nor Column. A
// quote that is not closed, or not doubled, ends the loop with an error: where the next row starts is not known. So does
// an archive that unpacks to more than any import's rejects, or that holds names which lead out of it.
//
// When the loop has read the last row and the server said that it rejected another number, an error that matches
// [ErrRowsUnaccounted] follows.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable ExecutionService.Rejects ExecutionService.Get
func (t *ProfileTable[T]) Rejects(ctx context.Context, e *Execution, opts ...RejectsOption) iter.Seq2[Reject[T], error] {
	return rejects(ctx, t.c, e, t.c.filesOf(ctx, ProfileTableType, t.table), t.codec.keyField, t.codec.decodeCells, opts)
}

// Rejects reads the records of this table that an execution rejected; see [ProfileTable.Rejects].
//
//actito:through StructureService.ProfileTable StructureService.CustomTable ExecutionService.Rejects ExecutionService.Get
func (t *CustomTable[T]) Rejects(ctx context.Context, e *Execution, opts ...RejectsOption) iter.Seq2[Reject[T], error] {
	return rejects(ctx, t.c, e, t.c.filesOf(ctx, CustomTableType, t.table), t.codec.keyField, t.codec.decodeCells, opts)
}

// Rejects reads the rows that an execution rejected, of all its files, as maps of columns to cells; see
// [ProfileTable.Rejects].
//
//actito:call GET /mass-imports/v5/entities/{entity}/etl-executions/{execution}/error-file [assumed]
//actito:through ExecutionService.Get
func (s *ExecutionService) Rejects(ctx context.Context, e *Execution, opts ...RejectsOption) iter.Seq2[Reject[map[string]string], error] {
	return rejects(ctx, s.c, e, allFiles, nil, cellsByColumn, opts)
}

func cellsByColumn(header, cells []string, row *map[string]string) error {
	*row = make(map[string]string, len(header))
	for i, name := range header {
		(*row)[name] = cells[i]
	}
	return nil
}

// RejectsOption says how rejects are read.
type RejectsOption func(*sources)

func rejects[T any](ctx context.Context, c *Client, e *Execution, choose wantedFiles, key *field,
	decode func(header, cells []string, row *T) error, opts []RejectsOption) iter.Seq2[Reject[T], error] {
	return func(yield func(Reject[T], error) bool) {
		var from sources
		for _, opt := range opts {
			if opt != nil {
				opt(&from)
			}
		}
		defer from.close()
		err := c.eachReject(ctx, e, choose, func(f *rejectsFile, row *rejectedRow) error {
			reject := rejectOf(f, row, key, decode)
			if row.err == nil {
				var err error
				if reject.SourceLine, err = from.line(ctx, f, reject.Cells); err != nil {
					return err
				}
			}
			if !yield(reject, nil) {
				return errLeft
			}
			return nil
		})
		if err != nil && !errors.Is(err, errLeft) {
			yield(Reject[T]{}, err)
		}
	}
}

// rejectOf is a row of a rejects file, but for its line in the source.
func rejectOf[T any](f *rejectsFile, row *rejectedRow, key *field, decode func(header, cells []string, row *T) error) Reject[T] {
	n := len(f.header) - 2
	reject := Reject[T]{Columns: f.header[:n:n], Cells: row.cells, File: f.name, Part: f.part, Line: row.line, RowErr: row.err}
	if row.err != nil {
		return reject
	}
	reject.Cells, reject.Code, reject.Column = row.cells[:n:n], row.cells[n], row.cells[n+1]
	if key != nil {
		if i := slices.Index(reject.Columns, key.name); i >= 0 {
			reject.Key = row.cells[i]
		}
	}
	reject.RowErr = decode(reject.Columns, reject.Cells, &reject.Row)
	return reject
}

// errLeft ends the reading when the caller left the loop.
var errLeft = errors.New("left")

func allFiles(*Execution) (func(string) bool, error) {
	return func(string) bool { return true }, nil
}

// filesOf chooses the files that were not loaded into another table. One of which that is not known is read: better one
// that does not decode than rejects that nobody sees.
func (c *Client) filesOf(ctx context.Context, kind TableType, table string) wantedFiles {
	return func(e *Execution) (func(string) bool, error) {
		t, err := c.table(ctx, kind, table)
		if err != nil {
			return nil, err
		}
		others := make(map[string]bool)
		for _, f := range e.Files {
			others[f.Name] = f.TableID != "" && f.TableID != t.ID && f.TableID != t.Name || f.Table != "" && f.Table != kind
		}
		return func(name string) bool { return !others[name] }, nil
	}
}
