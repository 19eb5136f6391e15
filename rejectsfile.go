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
	"math"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/actito-go/actito/internal/transport"
)

// The columns that a rejects file has after those of the row, as version 4 has them; assumed for version 5.
const (
	columnErrorCode   = "errorCode"
	columnErrorColumn = "errorColumn"
)

// What an archive of rejects may hold. The rejects of the largest import stay far below; an archive made to fill memory
// or to keep a reader busy for days does not. Entries that overlap count in full.
const (
	maxRejectsPacked  = 4 << 30
	maxRejectsText    = 64 << 30
	maxRejectsRatio   = 200 // text to packed, of more than rejectsRatioFree; rows with keys of their own reach about 50
	rejectsRatioFree  = 64 << 20
	maxRejectsEntries = 1000
	maxRejectLength   = 4 << 20 // of a row; more is a quote that was never closed
)

// rejectsHeader finds what separates the cells: it stands between the last two columns.
var rejectsHeader = regexp.MustCompile(columnErrorCode + `"?([^"\r\n])"?` + columnErrorColumn + `"?\r?(?:\n|$)`)

// wantedFiles chooses files of an execution by their names.
type wantedFiles func(*Execution) (func(name string) bool, error)

// eachReject visits the rejects of an execution, or of its parts, in the files that are wanted. Each execution's rows
// are counted in the end.
func (c *Client) eachReject(ctx context.Context, e *Execution, choose wantedFiles, visit func(*rejectsFile, *rejectedRow) error) error {
	switch {
	case e == nil || e.ID == "" && len(e.Parts) == 0:
		return nil // nothing was started, as in a dry run
	case len(e.Parts) == 0:
		return c.eachRejectOf(ctx, e, 0, choose, visit)
	}
	for i, part := range e.Parts {
		if part == nil || part.ID == "" {
			continue
		}
		if err := c.eachRejectOf(ctx, part, i+1, choose, visit); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) eachRejectOf(ctx context.Context, e *Execution, part int, choose wantedFiles, visit func(*rejectsFile, *rejectedRow) error) error {
	if len(e.Files) == 0 { // as it was started
		latest, err := c.Executions.Get(ctx, e.ID)
		if err != nil {
			return err
		}
		e = latest
	}
	wanted, err := choose(e)
	if err != nil {
		return err
	}
	packed := &spool{bounds: bounds{limit: math.MaxInt64, memory: stagingMemory}, name: "rejects of execution " + e.ID}
	defer packed.Close()
	if err := c.downloadRejects(ctx, e, wanted, packed); err != nil {
		return err
	}
	entries, err := rejectsEntries(packed, maxRejectsText)
	if err != nil {
		return err
	}
	rows, renamed := 0, false
	for _, entry := range entries {
		name := path.Base(entry.Name)
		if entry.UncompressedSize64 == 0 || !wanted(name) {
			continue
		}
		renamed = renamed || !slices.ContainsFunc(e.Files, func(f FileResult) bool { return f.Name == name })
		n, err := readRejects(ctx, entry, part, visit)
		if err != nil {
			return err
		}
		rows += n
	}
	return e.checkRejects(rows, wanted, renamed)
}

// checkRejects compares the rows of the wanted files with what the server says about them. Of files with names that the
// server does not list nobody can tell whether they are wanted, so that there may be more.
func (e *Execution) checkRejects(rows int, wanted func(string) bool, renamed bool) error {
	expected, all := 0, true
	for _, f := range e.Files {
		switch {
		case !wanted(f.Name):
			all = false
		case !f.counted && f.Rejected == 0:
			return nil // the server did not say
		default:
			expected += f.Rejected
		}
	}
	if len(e.Files) == 0 || !e.Ended() || rows == expected || rows > expected && renamed && !all {
		return nil
	}
	return fmt.Errorf("%w: execution %s: the server says that it rejected %d rows, and hands out %d", ErrRowsUnaccounted, e.ID, expected, rows)
}

// downloadRejects leaves packed empty if there are no rejects. The download's slot is free before they are read.
func (c *Client) downloadRejects(ctx context.Context, e *Execution, wanted func(string) bool, packed io.Writer) error {
	r := request{op: "download rejects", method: http.MethodGet, path: pathErrorFile, segments: []string{escape(e.ID)},
		answer: transport.Stream, repeatable: true, class: BackgroundWork}
	reply, err := c.send(ctx, &r, nil)
	if errors.Is(err, ErrNotFound) {
		rejected := 0
		for _, f := range e.Files {
			if wanted(f.Name) {
				rejected += f.Rejected
			}
		}
		switch {
		case !e.Ended():
			return within(err, "execution %s has no rejects to read before it ends", e.ID)
		case rejected == 0 && (e.Status != StatusWithError || e.Totals().Rejected > 0):
			return nil
		}
		return within(err, "execution %s rejected %d rows and has no file of them; its definition may lack GenerateErrorFile", e.ID, rejected)
	}
	if err != nil {
		return err
	}
	defer reply.stream.Close()
	n, err := io.Copy(packed, io.LimitReader(reply.stream, maxRejectsPacked+1))
	if err != nil {
		return &APIError{Op: r.op, Method: r.method, PathTemplate: r.path, Status: reply.status, Attempts: reply.attempts, Err: err}
	}
	if n > maxRejectsPacked {
		return unreadableRejects(fmt.Errorf("it is larger than %d bytes", int64(maxRejectsPacked)))
	}
	return nil
}

// rejectsEntries opens an archive of rejects and refuses what no import's are, or holds more than most bytes.
func rejectsEntries(packed *spool, most uint64) ([]*zip.File, error) {
	if packed.size == 0 {
		return nil, nil
	}
	content, err := packed.content()
	if err != nil {
		return nil, err
	}
	archive, err := zip.NewReader(content, packed.size)
	if err != nil {
		return nil, unreadableRejects(err)
	}
	if n := len(archive.File); n > maxRejectsEntries {
		return nil, unreadableRejects(fmt.Errorf("it holds %d files, more than %d", n, maxRejectsEntries))
	}
	text := uint64(0) // what an entry really holds beyond its declared size is an error of package zip
	for i, entry := range archive.File {
		switch {
		case escapes(entry.Name):
			return nil, unreadableRejects(fmt.Errorf("the name of its file %d leads out of the archive", i+1))
		case entry.Flags&1 != 0:
			return nil, unreadableRejects(fmt.Errorf("its file %d is encrypted", i+1))
		case !entry.Mode().IsRegular() && !entry.Mode().IsDir():
			return nil, unreadableRejects(fmt.Errorf("its file %d is a link or a device", i+1))
		}
		text += min(entry.UncompressedSize64, most+1)
		if text > most || text > rejectsRatioFree && text > maxRejectsRatio*uint64(packed.size) { //nolint:gosec // a size is not negative
			return nil, unreadableRejects(fmt.Errorf("it is %d bytes and unpacks to %d or more, as no rejects do", packed.size, text))
		}
	}
	return archive.File, nil
}

// escapes finds names that would be followed out of a folder, on any system. Nothing is unpacked here, but [Reject].File
// may become a path at the caller's.
func escapes(name string) bool {
	drive := len(name) > 1 && name[1] == ':'
	return drive || strings.HasPrefix(name, "/") || strings.ContainsRune(name, '\\') || strings.ContainsFunc(name, unicode.IsControl) ||
		slices.Contains(strings.Split(name, "/"), "..")
}

// readRejects visits the rows of one CSV file, and counts them.
func readRejects(ctx context.Context, entry *zip.File, part int, visit func(*rejectsFile, *rejectedRow) error) (rows int, err error) {
	in, err := entry.Open()
	if err != nil {
		return 0, unreadableRejects(err)
	}
	defer in.Close()
	f := &rejectsFile{name: path.Base(entry.Name), part: part}
	if err := f.open(in); err != nil {
		return 0, unreadableRejects(err)
	}
	for ; ; rows++ {
		if ctx.Err() != nil {
			return rows, fmt.Errorf("actito: reading rejects: %w", ctx.Err())
		}
		row, err := f.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, unreadableRejects(err)
		}
		if err := visit(f, row); err != nil {
			return rows, err
		}
	}
}

func unreadableRejects(err error) error {
	return fmt.Errorf("actito: the rejects file cannot be read: %w", err)
}

// rejectsFile reads a CSV file of rejects.
type rejectsFile struct {
	name      string
	part      int      // of the execution, from 1; 0 if it has none
	header    []string // with the two columns that say why
	rawHeader []byte   // with its line end
	csv       *csv.Reader
	raw       rawText
	offset    int64 // at which the next row starts
}

// rejectedRow is one row of a rejects file.
type rejectedRow struct {
	cells []string // with code and column, if there are as many as the header has
	raw   []byte   // as it stands in the file, with its line end; until the next row
	line  int
	err   error // there are more cells or fewer
}

// open reads the header, whose last two columns tell what separates the cells.
func (f *rejectsFile) open(in io.Reader) error {
	buffered := bufio.NewReaderSize(in, maxHeaderLength)
	start, err := buffered.Peek(maxHeaderLength)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.HasPrefix(start, []byte("\ufeff")) {
		_, _ = buffered.Discard(len("\ufeff"))
	}
	separator := rejectsHeader.FindSubmatch(start)
	if separator == nil {
		return fmt.Errorf("its header does not end with %s and %s", columnErrorCode, columnErrorColumn)
	}
	f.raw.in = buffered
	f.csv = csv.NewReader(&f.raw)
	f.csv.Comma, _ = utf8.DecodeRune(separator[1])
	header, err := f.csv.Read()
	if err != nil {
		return err
	}
	if n := len(header); n < 3 || header[n-2] != columnErrorCode || header[n-1] != columnErrorColumn {
		return fmt.Errorf("its header does not end with %s and %s after the columns of the row", columnErrorCode, columnErrorColumn)
	}
	for i, name := range header {
		header[i] = toUTF8(name)
	}
	f.header, f.rawHeader = header, bytes.Clone(f.cut())
	return nil
}

// next returns io.EOF after the last row. Quotes that are not RFC 4180's end the file: nobody can tell where the next
// row starts.
func (f *rejectsFile) next() (*rejectedRow, error) {
	cells, err := f.csv.Read()
	miscounted := errors.Is(err, csv.ErrFieldCount)
	if err != nil && !miscounted {
		return nil, err
	}
	for i, cell := range cells {
		cells[i] = toUTF8(cell)
	}
	row := &rejectedRow{cells: cells, raw: f.cut()}
	row.line, _ = f.csv.FieldPos(0)
	if miscounted {
		row.err = &ValidationError{File: f.name, Line: row.line, Rule: "cell-count",
			Detail: fmt.Sprintf("the row of the rejects file has %d cells instead of %d: look at its cells", len(cells), len(f.header))}
	}
	return row, nil
}

// cut takes the text of the row that was just read, without blank lines before it.
func (f *rejectsFile) cut() []byte {
	end := f.csv.InputOffset()
	text := f.raw.take(int(end - f.offset))
	f.offset = end
	for {
		rest, blank := bytes.CutPrefix(text, []byte("\n"))
		if !blank {
			rest, blank = bytes.CutPrefix(text, []byte("\r\n"))
		}
		if !blank {
			return text
		}
		text = rest
	}
}

// rawText passes text on and keeps it until it is taken.
type rawText struct {
	in   io.Reader
	kept []byte
	from int // of kept, that was not taken
}

func (r *rawText) Read(p []byte) (int, error) {
	if len(r.kept)-r.from > maxRejectLength {
		return 0, fmt.Errorf("a row is longer than %d bytes: a quote may not be closed", maxRejectLength)
	}
	if r.from > 0 {
		r.kept, r.from = r.kept[:copy(r.kept, r.kept[r.from:])], 0
	}
	n, err := r.in.Read(p)
	r.kept = append(r.kept, p[:n]...)
	return n, err
}

// take returns the next n bytes, which stay until the next Read.
func (r *rawText) take(n int) []byte {
	text := r.kept[r.from : r.from+n]
	r.from += n
	return text
}

// toUTF8 reads what is not UTF-8 as ISO-8859-1, the only other encoding of an import.
func toUTF8(cell string) string {
	if utf8.ValidString(cell) {
		return cell
	}
	return fromLatin1(cell)
}
