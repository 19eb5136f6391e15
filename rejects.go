package actito

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/actito-go/actito/internal/transport"
)

// The columns that a rejects file has after those of the row, as version 4 has them; assumed for version 5.
const (
	columnErrorCode   = "errorCode"
	columnErrorColumn = "errorColumn"
)

// maxRejectsSize bounds a rejects file, packed and unpacked.
const maxRejectsSize = 4 << 30

// Reject is a row that the server refused.
type Reject[T any] struct {
	Row     T        // as far as its cells could be read
	RowErr  error    // why a cell could not be read into Row; the others of the file go on
	Columns []string // the file's header, without errorCode and errorColumn
	Cells   []string // the row as it was sent; personal data
	File    string   // the rejects file
	Line    int      // in the rejects file, from 1, header included
	Code    string   // why, in the server's words
	Column  string   // the column at fault; "" if the server named none
}

// Rejects reads the rows of this table that an execution rejected. It ends with the first error that it yields, other
// than those in RowErr. An execution without rejects yields nothing.
func (t *ProfileTable[T]) Rejects(ctx context.Context, e *Execution) iter.Seq2[Reject[T], error] {
	return rejects(ctx, t.c, e, ProfileTableType, t.table, t.codec.decodeCells)
}

// Rejects reads the records of this table that an execution rejected. It ends with the first error that it yields,
// other than those in RowErr. An execution without rejects yields nothing.
func (t *CustomTable[T]) Rejects(ctx context.Context, e *Execution) iter.Seq2[Reject[T], error] {
	return rejects(ctx, t.c, e, CustomTableType, t.table, t.codec.decodeCells)
}

// Rejects reads the rows that an execution rejected, of all its files, as maps of columns to cells.
func (s *ExecutionService) Rejects(ctx context.Context, e *Execution) iter.Seq2[Reject[map[string]string], error] {
	return rejects(ctx, s.c, e, "", "", func(header, cells []string, row *map[string]string) error {
		*row = make(map[string]string, len(header))
		for i, name := range header {
			(*row)[name] = cells[i]
		}
		return nil
	})
}

type decodeCells[T any] func(header, cells []string, row *T) error

func rejects[T any](ctx context.Context, c *Client, e *Execution, kind TableType, table string, decode decodeCells[T]) iter.Seq2[Reject[T], error] {
	return func(yield func(Reject[T], error) bool) {
		err := eachRejectsFile(ctx, c, e, kind, table, func(entry *zip.File) error {
			return readRejects(entry, decode, yield)
		})
		if err != nil && !errors.Is(err, errLeft) {
			yield(Reject[T]{}, err)
		}
	}
}

// errLeft ends the reading when the caller left the loop.
var errLeft = errors.New("left")

// eachRejectsFile downloads the rejects of an execution and reads each CSV file in them that is about the table.
func eachRejectsFile(ctx context.Context, c *Client, e *Execution, kind TableType, table string, read func(*zip.File) error) error {
	if e == nil || e.ID == "" {
		return nil // nothing was started, as in a dry run
	}
	file := &spool{bounds: bounds{limit: maxRejectsSize, memory: stagingMemory}, name: "rejects of execution " + e.ID}
	defer file.Close()
	if err := c.downloadRejects(ctx, e, file); err != nil {
		return err
	}
	if file.size == 0 {
		return nil
	}
	content, err := file.content()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(content, file.size)
	if err != nil {
		return unreadableRejects(err)
	}
	for _, entry := range archive.File {
		ours, err := c.isAbout(ctx, e, path.Base(entry.Name), kind, table)
		if err != nil {
			return err
		}
		if !ours {
			continue
		}
		if err := read(entry); err != nil {
			return err
		}
	}
	return nil
}

// downloadRejects leaves file empty if the execution has no rejects. The download's slot is free before they are read.
func (c *Client) downloadRejects(ctx context.Context, e *Execution, file *spool) error {
	r := request{op: "download rejects", method: http.MethodGet, path: pathErrorFile, segments: []string{escape(e.ID)},
		answer: transport.Stream, repeatable: true, class: BackgroundWork}
	reply, err := c.send(ctx, &r, nil)
	if errors.Is(err, ErrNotFound) && e.Status == StatusSuccess && e.Totals().Rejected == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	defer reply.stream.Close()
	if _, err := io.Copy(file, reply.stream); err != nil {
		return &APIError{Op: r.op, Method: r.method, PathTemplate: r.path, Status: reply.status, Attempts: 1, Err: err}
	}
	return nil
}

// isAbout reports whether a rejects file belongs to the table. A file that cannot be told is read: better one that
// does not decode than rejects that nobody sees.
func (c *Client) isAbout(ctx context.Context, e *Execution, name string, kind TableType, table string) (bool, error) {
	if kind == "" || len(e.Files) < 2 {
		return true, nil
	}
	for _, f := range e.Files {
		if f.Name == name {
			t, err := c.table(ctx, kind, table)
			return err == nil && t.ID == f.TableID, err
		}
	}
	return true, nil
}

// readRejects yields the rows of one CSV file.
func readRejects[T any](entry *zip.File, decode decodeCells[T], yield func(Reject[T], error) bool) error {
	in, err := entry.Open()
	if err != nil {
		return unreadableRejects(err)
	}
	defer in.Close()
	r, header, err := rejectsReader(io.LimitReader(in, maxRejectsSize))
	if err != nil {
		return err
	}
	n := len(header) - 2
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadableRejects(err)
		}
		for i, cell := range cells {
			cells[i] = toUTF8(cell)
		}
		line, _ := r.FieldPos(0)
		reject := Reject[T]{Columns: header[:n:n], Cells: cells[:n:n], File: path.Base(entry.Name), Line: line, Code: cells[n], Column: cells[n+1]}
		reject.RowErr = decode(reject.Columns, reject.Cells, &reject.Row)
		if !yield(reject, nil) {
			return errLeft
		}
	}
}

// rejectsReader reads the header, whose last two columns are known; what stands before them separates the cells.
func rejectsReader(in io.Reader) (*csv.Reader, []string, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	start, err := buffered.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, unreadableRejects(err)
	}
	first, _, _ := bytes.Cut(start, []byte("\n"))
	before, _, found := bytes.Cut(bytes.ReplaceAll(first, []byte{'"'}, nil), []byte(columnErrorCode))
	if !found || len(before) == 0 {
		return nil, nil, unreadableRejects(fmt.Errorf("its header has no column %s after others", columnErrorCode))
	}
	r := csv.NewReader(buffered)
	r.Comma = rune(before[len(before)-1])
	header, err := r.Read()
	if err != nil {
		return nil, nil, unreadableRejects(err)
	}
	if n := len(header); n < 3 || header[n-2] != columnErrorCode || header[n-1] != columnErrorColumn {
		return nil, nil, unreadableRejects(fmt.Errorf("its header does not end with %s and %s", columnErrorCode, columnErrorColumn))
	}
	return r, header, nil
}

func unreadableRejects(err error) error {
	return fmt.Errorf("actito: the rejects file cannot be read: %w", err)
}

// toUTF8 reads what is not UTF-8 as ISO-8859-1, the only other encoding of an import.
func toUTF8(cell string) string {
	if utf8.ValidString(cell) {
		return cell
	}
	var b strings.Builder
	for i := range len(cell) {
		b.WriteRune(rune(cell[i]))
	}
	return b.String()
}
