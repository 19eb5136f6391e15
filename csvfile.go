package actito

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	csvBufferSize   = 64 << 10
	maxHeaderLength = 1 << 20 // bytes; more is a quote that was never closed
)

// rowWriter takes a CSV file that was checked: its header with the line end, and then each row in one piece or several.
type rowWriter interface {
	begin(header []byte) error
	write(p []byte, endsRow bool) error
}

// csvSink passes a CSV file on to dst, byte for byte, and checks it on the way. Memory does not grow with the file,
// however long its lines are. The file is complete only if finish returned nil. The first failure stays, so that a
// producer that overlooks it cannot complete the file.
//
// The rules are RFC 4180's (documented: that is what Actito reads), with one addition: whatever two readers of CSV
// could take differently is refused, since nobody would notice what the server made of it. That holds for blank lines,
// which some readers skip and others take for an empty cell, for mixed line ends, and for carriage returns on their own.
type csvSink struct {
	file      string
	separator byte
	dst       rowWriter
	special   [256]bool // the bytes that can end a run of plain ones

	buf  []byte // not yet checked
	size int64  // bytes checked
	err  error  // the first failure

	state     csvState
	line      int    // physical line of the next byte, from 1
	start     int    // line in which the record starts
	quoteLine int    // line in which the last quoted cell was opened
	cell      int    // index of the cell in the record
	blank     bool   // the record has no bytes but its line end
	lineEnd   string // of the records; "" until the first one ended
	head      []byte // the header's bytes, until header is set
	header    []string
	rows      int // complete records after the header
}

type csvState uint8

const (
	csvCellStart csvState = iota
	csvPlain
	csvQuoted
	csvQuoteSeen // inside a quoted cell: its end, or the first half of a doubled quote
	csvReturnSeen
)

func newCSVSink(file string, separator byte, dst rowWriter) *csvSink {
	c := &csvSink{file: file, separator: separator, dst: dst, buf: make([]byte, 0, csvBufferSize), line: 1, start: 1}
	for _, b := range []byte{separator, '\n', '\r', '"'} {
		c.special[b] = true
	}
	return c
}

// readFrom takes all of r.
func (c *csvSink) readFrom(ctx context.Context, r io.Reader) error {
	for idle := 0; c.usable(ctx) == nil; {
		n, err := r.Read(c.buf[len(c.buf):cap(c.buf)])
		if n < 0 || n > cap(c.buf)-len(c.buf) {
			c.err = fmt.Errorf("actito: %s: the reader says that it read more than it was asked for", c.file)
			return c.err
		}
		c.buf = c.buf[:len(c.buf)+n]
		if len(c.buf) == cap(c.buf) {
			c.flush(false)
		}
		idle++
		if n > 0 {
			idle = 0
		}
		if err == nil && idle == 100 { // as bufio does
			err = io.ErrNoProgress
		}
		if err == io.EOF {
			break
		}
		if err != nil && c.err == nil {
			c.err = fmt.Errorf("actito: %s: %w", c.file, err)
		}
	}
	return c.err
}

// writeHeader takes the header of rows that need no check, since the codec made them.
func (c *csvSink) writeHeader(ctx context.Context, names []string, line []byte) error {
	if c.usable(ctx) == nil {
		c.header, c.lineEnd = names, "\n"
		c.size += int64(len(line))
		c.err = c.dst.begin(line)
	}
	return c.err
}

// writeRow takes such a row, with its line end, and keeps nothing of it.
func (c *csvSink) writeRow(ctx context.Context, line []byte) error {
	if c.usable(ctx) == nil {
		c.rows++
		c.size += int64(len(line))
		c.err = c.dst.write(line, true)
	}
	return c.err
}

// usable fails once anything failed or the context ended.
func (c *csvSink) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil && c.err == nil {
		c.err = fmt.Errorf("actito: staging %s: %w", c.file, err)
	}
	return c.err
}

// finish checks what only the end of the file shows.
func (c *csvSink) finish(ctx context.Context) error {
	if err := c.usable(ctx); err != nil {
		return err
	}
	if c.flush(true); c.err != nil {
		return c.err
	}
	if c.size == 0 {
		return fmt.Errorf("%w: %s is empty", ErrNoRows, c.file)
	}
	if err := c.endFile(); err != nil {
		return err
	}
	if c.rows == 0 {
		return fmt.Errorf("%w: %s has a header only", ErrNoRows, c.file)
	}
	return nil
}

// endFile ends a last record that has no line end.
func (c *csvSink) endFile() error {
	switch {
	case c.state == csvQuoted:
		return c.fail(c.quoteLine, "quote", "the quote opened here is never closed")
	case c.state == csvReturnSeen:
		return c.loneReturn()
	case c.state == csvCellStart && c.cell == 0:
		return nil
	case c.header == nil:
		return c.readHeader()
	}
	if err := c.countCells(); err != nil {
		return err
	}
	return c.dst.write(nil, true)
}

// flush checks what is buffered and passes it on. Bytes of a character whose rest is to come stay buffered.
func (c *csvSink) flush(last bool) {
	if c.err == nil {
		c.err = c.passOn(last)
	}
}

func (c *csvSink) passOn(last bool) error {
	if c.size == 0 {
		if err := c.checkStart(); err != nil {
			return err
		}
	}
	p := c.buf
	if !last {
		p = p[:len(p)-brokenTail(p)]
	}
	valid := p
	if i := bytes.IndexByte(valid, 0); i >= 0 {
		valid = valid[:i]
	}
	if !utf8.Valid(valid) {
		valid = valid[:validPrefix(valid)]
	}
	if err := c.scan(valid); err != nil {
		return err
	}
	if len(valid) < len(p) {
		if p[len(valid)] == 0 {
			return c.failCell("nul", "there is a NUL byte: the file is damaged, binary, or in UTF-16")
		}
		return c.failCell("utf-8", "the text is not UTF-8; spreadsheet programs save Windows-1252 unless told otherwise")
	}
	c.size += int64(len(p))
	c.buf = c.buf[:copy(c.buf[:cap(c.buf)], c.buf[len(p):])]
	return nil
}

// brokenTail counts the bytes at the end of p that may be the beginning of a character.
func brokenTail(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

func validPrefix(p []byte) int {
	for i := 0; i < len(p); {
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(p)
}

// checkStart recognises by their first bytes the files that are something else.
func (c *csvSink) checkStart() error {
	for _, kind := range []struct{ magic, rule, detail string }{
		{"\xef\xbb\xbf", "byte-order-mark", "the file starts with a byte-order mark, which Actito rejects: save it as UTF-8 without one"},
		{"\xff\xfe", "byte-order-mark", "the file is in UTF-16: save it as UTF-8 without a byte-order mark"},
		{"\xfe\xff", "byte-order-mark", "the file is in UTF-16: save it as UTF-8 without a byte-order mark"},
		{"PK\x03\x04", "compressed", "the file is a ZIP archive or a spreadsheet: give the CSV file itself, it is compressed on the way"},
		{"\x1f\x8b", "compressed", "the file is compressed with GZIP: give the CSV file itself, it is compressed on the way"},
		{"sep=", "sep-line", "the file starts with a spreadsheet's sep= line, which Actito rejects: remove it"},
	} {
		if bytes.HasPrefix(c.buf, []byte(kind.magic)) {
			return c.fail(1, kind.rule, kind.detail)
		}
	}
	return nil
}

// scan follows the structure of p, which is valid text.
func (c *csvSink) scan(p []byte) error {
	passed := 0
	for i := 0; i < len(p); i++ {
		b := p[i]
		switch c.state {
		case csvQuoted:
			n := bytes.IndexByte(p[i:], '"')
			if n < 0 {
				c.line += bytes.Count(p[i:], []byte{'\n'})
				i = len(p)
				continue
			}
			c.line += bytes.Count(p[i:i+n], []byte{'\n'})
			i += n
			c.state = csvQuoteSeen
			continue
		case csvReturnSeen:
			if b != '\n' {
				return c.loneReturn()
			}
		case csvQuoteSeen:
			if b == '"' {
				c.state = csvQuoted
				continue
			}
			if !c.special[b] {
				return c.afterQuote(b)
			}
		case csvCellStart:
			if b == '"' {
				c.state, c.quoteLine = csvQuoted, c.line
				continue
			}
		}
		switch b {
		case c.separator:
			c.cell++
			c.state = csvCellStart
		case '\r':
			c.blank = c.state == csvCellStart && c.cell == 0
			c.state = csvReturnSeen
		case '\n':
			if c.header == nil {
				c.head = append(c.head, p[:i+1]...)
			} else if err := c.dst.write(p[passed:i+1], true); err != nil {
				return err
			}
			passed = i + 1
			if err := c.endRecord(); err != nil {
				return err
			}
		case '"':
			return c.failCell("quote", "there is a quote inside a cell that does not start with one: put the cell in quotes and double the quote")
		default:
			c.state = csvPlain
			for i+1 < len(p) && !c.special[p[i+1]] {
				i++
			}
		}
	}
	if c.header == nil {
		c.head = append(c.head, p...)
		if len(c.head) > maxHeaderLength {
			return c.fail(1, "header", fmt.Sprintf("the header is longer than %d bytes: a quote may not be closed, or this is not a CSV file", maxHeaderLength))
		}
		return nil
	}
	return c.dst.write(p[passed:], false)
}

// endRecord takes a line feed outside quotes.
func (c *csvSink) endRecord() error {
	lineEnd := "\n"
	if c.state == csvReturnSeen {
		lineEnd = "\r\n"
	} else {
		c.blank = c.state == csvCellStart && c.cell == 0
	}
	if c.lineEnd == "" {
		c.lineEnd = lineEnd
	}
	var err error
	switch {
	case c.blank:
		err = c.fail(c.line, "blank-line", `the line is blank, which some readers skip and others take for a row: remove it, or write an empty cell as ""`)
	case lineEnd != c.lineEnd:
		err = c.fail(c.line, "line-end", fmt.Sprintf("the line ends in %q and those before it in %q: use one of them", lineEnd, c.lineEnd))
	case c.header == nil:
		err = c.readHeader()
	default:
		err = c.countCells()
	}
	c.line++
	c.start, c.cell, c.state = c.line, 0, csvCellStart
	return err
}

func (c *csvSink) countCells() error {
	if got, want := c.cell+1, len(c.header); got != want {
		return c.fail(c.start, "cell-count", fmt.Sprintf("the number of cells is %d instead of the header's %d; "+
			"a cell that holds the separator or a line end must be in quotes", got, want))
	}
	c.rows++
	return nil
}

// readHeader takes the complete header in head.
func (c *csvSink) readHeader() error {
	if c.cell == 0 && !bytes.ContainsRune(c.head, '"') {
		if other := bytes.IndexFunc(c.head, c.otherSeparator); other >= 0 {
			return c.wrongSeparator(c.head[other])
		}
	}
	r := csv.NewReader(bytes.NewReader(c.head))
	r.Comma = rune(c.separator)
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("actito: %s: header: %w", c.file, err)
	}
	seen := make(map[string]int, len(header))
	for i, name := range header {
		if strings.TrimSpace(name) == "" {
			return c.fail(1, "header", fmt.Sprintf("cell %d of the header is blank: every column needs a name", i+1))
		}
		if first, ok := seen[name]; ok {
			e := c.fail(1, "header", fmt.Sprintf("cells %d and %d of the header have this name", first+1, i+1))
			e.Column = shownColumn(name)
			return e
		}
		seen[name] = i
	}
	head := c.head
	c.header, c.head = header, nil
	return c.dst.begin(head)
}

// otherSeparator reports whether r is a usual separator, and not the one of this file.
func (c *csvSink) otherSeparator(r rune) bool {
	return r != rune(c.separator) && strings.ContainsRune(",;\t|", r)
}

func (c *csvSink) wrongSeparator(other byte) error {
	return c.fail(1, "separator", fmt.Sprintf("the header is a single cell, with %q in it, when cells are separated by %q: "+
		"the file and its definition disagree about the separator", other, c.separator))
}

// afterQuote takes a byte that may not follow the quote at the end of a cell.
func (c *csvSink) afterQuote(b byte) error {
	if c.header == nil && c.cell == 0 && c.otherSeparator(rune(b)) {
		return c.wrongSeparator(b)
	}
	return c.failCell("quote", fmt.Sprintf("there is text after the end of a quoted cell that was opened in line %d: double the quotes inside cells", c.quoteLine))
}

func (c *csvSink) loneReturn() error {
	return c.fail(c.line, "line-end", "there is a carriage return without a line feed: end lines in LF or CRLF, or put the cell in quotes")
}

func (c *csvSink) fail(line int, rule, detail string) *ValidationError {
	return &ValidationError{File: c.file, Line: line, Rule: rule, Detail: detail}
}

// failCell names the column too.
func (c *csvSink) failCell(rule, detail string) error {
	e := c.fail(c.line, rule, detail)
	if c.cell < len(c.header) {
		e.Column = shownColumn(c.header[c.cell])
	}
	return e
}

// shownColumn masks a header's cell: a file that lacks its header has a person's data in that place.
func shownColumn(name string) string { return shorten(mask(name, nil), 100) }
