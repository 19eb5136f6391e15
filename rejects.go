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
	"math"
	"net/http"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/actito-go/actito/internal/transport"
)

// The columns that a rejects file has after those of the row, as version 4 has them; assumed for version 5.
const (
	columnErrorCode   = "errorCode"
	columnErrorColumn = "errorColumn"
)

// rejectsHeader finds what separates the cells: it stands between the last two columns.
var rejectsHeader = regexp.MustCompile(columnErrorCode + `"?([^"\r\n])"?` + columnErrorColumn + `"?\r?(?:\n|$)`)

// Reject is a row that the server refused.
type Reject[T any] struct {
	Row     T        // as far as its cells could be read
	RowErr  error    // why a cell could not be read into Row; the others of the file go on
	Columns []string // the file's header, without errorCode and errorColumn
	Cells   []string // the row as it was sent, but that line ends within a cell are "\n"; personal data
	File    string   // the rejects file
	Line    int      // in the rejects file, from 1, header included
	Code    string   // why, in the server's words
	Column  string   // the column at fault; "" if the server named none
}

// Rejects reads the rows of this table that an execution rejected. It ends with the first error that it yields, other
// than those in RowErr. An ended execution without rejects yields nothing. The download and form of rejects are assumed
// to be version 4's; small ones are held in memory, others in a temporary file until the loop ends.
func (t *ProfileTable[T]) Rejects(ctx context.Context, e *Execution) iter.Seq2[Reject[T], error] {
	return rejects(ctx, t.c, e, t.codec.decodeCells, ProfileTableType, t.table)
}

// Rejects reads the records of this table that an execution rejected; see [ProfileTable.Rejects].
func (t *CustomTable[T]) Rejects(ctx context.Context, e *Execution) iter.Seq2[Reject[T], error] {
	return rejects(ctx, t.c, e, t.codec.decodeCells, CustomTableType, t.table)
}

// Rejects reads the rows that an execution rejected, of all its files, as maps of columns to cells; see
// [ProfileTable.Rejects].
func (s *ExecutionService) Rejects(ctx context.Context, e *Execution) iter.Seq2[Reject[map[string]string], error] {
	return rejects(ctx, s.c, e, func(header, cells []string, row *map[string]string) error {
		*row = make(map[string]string, len(header))
		for i, name := range header {
			(*row)[name] = cells[i]
		}
		return nil
	}, "", "")
}

type decodeCells[T any] func(header, cells []string, row *T) error

func rejects[T any](ctx context.Context, c *Client, e *Execution, decode decodeCells[T], kind TableType, table string) iter.Seq2[Reject[T], error] {
	return func(yield func(Reject[T], error) bool) {
		err := c.eachRejectsFile(ctx, e, kind, table, func(entry *zip.File) error {
			return readRejects(entry, decode, yield)
		})
		if err != nil && !errors.Is(err, errLeft) {
			yield(Reject[T]{}, err)
		}
	}
}

// errLeft ends the reading when the caller left the loop.
var errLeft = errors.New("left")

// eachRejectsFile downloads the rejects of an execution and reads each CSV file in them, but those that were loaded into
// other tables.
func (c *Client) eachRejectsFile(ctx context.Context, e *Execution, kind TableType, table string, read func(*zip.File) error) error {
	if e == nil || e.ID == "" {
		return nil // nothing was started, as in a dry run
	}
	if len(e.Files) == 0 { // as it was started
		latest, err := c.Executions.Get(ctx, e.ID)
		if err != nil {
			return err
		}
		e = latest
	}
	others, err := c.otherFiles(ctx, e, kind, table)
	if err != nil {
		return err
	}
	packed := &spool{bounds: bounds{limit: math.MaxInt64, memory: stagingMemory}, name: "rejects of execution " + e.ID}
	defer packed.Close()
	if err := c.downloadRejects(ctx, e, others, packed); err != nil || packed.size == 0 {
		return err
	}
	content, err := packed.content()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(content, packed.size)
	if err != nil {
		return unreadableRejects(err)
	}
	for _, entry := range archive.File {
		if entry.UncompressedSize64 == 0 || others[path.Base(entry.Name)] {
			continue
		}
		if err := read(entry); err != nil {
			return err
		}
	}
	return nil
}

// otherFiles names the files that were loaded into another table. One of which that is not known is read: better one
// that does not decode than rejects that nobody sees.
func (c *Client) otherFiles(ctx context.Context, e *Execution, kind TableType, table string) (map[string]bool, error) {
	if kind == "" {
		return nil, nil
	}
	t, err := c.table(ctx, kind, table)
	if err != nil {
		return nil, err
	}
	others := make(map[string]bool)
	for _, f := range e.Files {
		others[f.Name] = f.TableID != "" && f.TableID != t.ID && f.TableID != t.Name || f.Table != "" && f.Table != kind
	}
	return others, nil
}

// downloadRejects leaves packed empty if there are no rejects. The download's slot is free before they are read.
func (c *Client) downloadRejects(ctx context.Context, e *Execution, others map[string]bool, packed io.Writer) error {
	r := request{op: "download rejects", method: http.MethodGet, path: pathErrorFile, segments: []string{escape(e.ID)},
		answer: transport.Stream, repeatable: true, class: BackgroundWork}
	reply, err := c.send(ctx, &r, nil)
	if errors.Is(err, ErrNotFound) {
		rejected := 0
		for _, f := range e.Files {
			if !others[f.Name] {
				rejected += f.Rejected
			}
		}
		switch {
		case !e.Ended():
			return fmt.Errorf("actito: execution %s has no rejects to read before it ends: %w", e.ID, err)
		case rejected == 0 && (e.Status != StatusWithError || e.Totals().Rejected > 0):
			return nil
		}
		return fmt.Errorf("actito: execution %s rejected %d rows and has no file of them; its definition may lack GenerateErrorFile: %w", e.ID, rejected, err)
	}
	if err != nil {
		return err
	}
	defer reply.stream.Close()
	if _, err := io.Copy(packed, reply.stream); err != nil {
		return &APIError{Op: r.op, Method: r.method, PathTemplate: r.path, Status: reply.status, Attempts: 1, Err: err}
	}
	return nil
}

// readRejects yields the rows of one CSV file.
func readRejects[T any](entry *zip.File, decode decodeCells[T], yield func(Reject[T], error) bool) error {
	in, err := entry.Open()
	if err != nil {
		return unreadableRejects(err)
	}
	defer in.Close()
	r, header, err := rejectsReader(in)
	if err != nil {
		return unreadableRejects(err)
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

// rejectsReader reads the header, whose last two columns tell what separates the cells.
func rejectsReader(in io.Reader) (*csv.Reader, []string, error) {
	buffered := bufio.NewReaderSize(in, maxHeaderLength)
	start, err := buffered.Peek(maxHeaderLength)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if bytes.HasPrefix(start, []byte("\ufeff")) {
		_, _ = buffered.Discard(len("\ufeff"))
	}
	separator := rejectsHeader.FindSubmatch(start)
	if separator == nil {
		return nil, nil, fmt.Errorf("its header does not end with %s and %s", columnErrorCode, columnErrorColumn)
	}
	r := csv.NewReader(buffered)
	r.Comma, _ = utf8.DecodeRune(separator[1])
	header, err := r.Read()
	if err != nil {
		return nil, nil, err
	}
	if n := len(header); n < 3 || header[n-2] != columnErrorCode || header[n-1] != columnErrorColumn {
		return nil, nil, fmt.Errorf("its header does not end with %s and %s after the columns of the row", columnErrorCode, columnErrorColumn)
	}
	for i, name := range header {
		header[i] = toUTF8(name)
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
