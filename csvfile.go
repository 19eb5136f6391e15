package actito

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

const (
	csvBufferSize   = 64 << 10
	maxHeaderLength = 1 << 20 // bytes; more is a quote that was never closed
)

// rowWriter takes a CSV file that was checked: its header, as names and as a line, and then each row in one piece or
// several.
type rowWriter interface {
	begin(names []string, header []byte) error
	write(p []byte, endsRow bool) error
}

// csvSink passes a CSV file on to dst, byte for byte, and checks it on the way; fileTransform changes it behind that.
// Memory does not grow with the file, however long its lines are. The file is complete only if finish returned nil. The
// first failure stays, so that a producer that overlooks it cannot complete the file.
//
// The rules are RFC 4180's (documented: that is what Actito reads), with one addition: whatever two readers of CSV
// could take differently is refused, since nobody would notice what the server made of it. That holds for blank lines,
// which some readers skip and others take for an empty cell, for mixed line ends, and for carriage returns on their own.
type csvSink struct {
	file      string
	separator byte
	encoding  Encoding // of what is passed on; "" is UTF-8
	excel     *excelRepair
	transform *fileTransform // that dst is; nil for none
	dst       rowWriter
	special   [256]bool // the bytes that can end a run of plain ones

	// goOn, if it is set, is asked about mistakes after which the reading can go on: of a row that is left out, unless
	// kept says that it is not.
	goOn func(mistake error, kept bool) bool

	buf   []byte // not yet checked
	text  textCheck
	begun bool
	size  int64 // bytes checked
	err   error // the first failure

	state     csvState
	line      int    // physical line of the next byte, from 1
	start     int    // line in which the record starts; of typed rows, the number of the row
	quoteLine int    // line in which the last quoted cell was opened
	hollow    bool   // nothing is in it so far
	cell      int    // index of the cell in the record
	filled    int    // how many cells of the record it takes to hold all that are not empty
	blank     bool   // the record has no bytes but its line end
	lineEnd   string // of the records; "" until the first one ended
	head      []byte // the header's bytes, until header is set
	header    []string
	rows      int       // complete records after the header
	empties   []int     // empty cells of each column, of files that are checked
	refused   []Refusal // rows that were left out
	keyColumn string    // of which the refusals have the text; "" if of none
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
	c := &csvSink{file: file, dst: dst, buf: make([]byte, 0, csvBufferSize), line: 1, start: 1}
	c.separatedBy(separator)
	return c
}

func (c *csvSink) separatedBy(separator byte) {
	c.separator, c.special = separator, [256]bool{'\n': true, '\r': true, '"': true}
	c.special[separator] = true
}

func (c *csvSink) setEncoding(e Encoding) {
	if c.encoding = e; e == ISO88591 {
		c.text.charset = inLatin1
	}
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
			c.err = within(err, "%s", c.file)
		}
	}
	return c.err
}

// writeHeader takes the header of rows that need no check, since the codec made them.
func (c *csvSink) writeHeader(ctx context.Context, names []string, line []byte) error {
	if c.usable(ctx) == nil {
		c.header, c.lineEnd = names, "\n"
		c.size += int64(len(line))
		c.err = c.dst.begin(names, line)
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
	switch {
	case c.rows == 0 && len(c.refused) > 0:
		return fmt.Errorf("%w: all %d rows of %s were refused, the first because: %s", ErrNoRows, len(c.refused), c.file, c.refused[0].Reason)
	case c.rows == 0:
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
	c.endCell()
	if err := c.endRow(nil, ""); err != nil && !c.goesOn(err, false) {
		return err
	}
	return nil
}

func (c *csvSink) goesOn(mistake error, kept bool) bool {
	if c.goOn == nil || !c.goOn(mistake, kept) {
		return false
	}
	if !kept && c.transform != nil {
		c.transform.records.reset()
	}
	return true
}

// leaveOut keeps the row, which was counted, as a refusal.
func (c *csvSink) leaveOut(invalid error, key string) {
	c.refused = append(c.refused, Refusal{File: c.file, Row: c.rows + len(c.refused), Reason: invalid.Error(), Key: key, Err: invalid})
	c.rows--
}

// flush checks what is buffered and passes it on. Bytes of a character whose rest is to come stay buffered.
func (c *csvSink) flush(last bool) {
	if c.err == nil {
		c.err = c.passOn(last)
	}
}

func (c *csvSink) passOn(last bool) error {
	if !c.begun {
		c.begun = true
		if err := c.checkStart(); err != nil {
			return err
		}
	}
	p := c.buf
	if !last {
		p = p[:len(p)-brokenTail(p)]
	}
	valid, flaw := c.text.check(p)
	if err := c.scan(valid); err != nil {
		return err
	}
	if flaw != nil {
		return c.failCell(flaw.rule, flaw.detail)
	}
	if last && c.text.misdeclared() {
		return c.fail(0, "encoding", "the file is declared to be in "+c.text.charset.String()+", and is UTF-8: declare what it is")
	}
	c.size += int64(len(p))
	c.buf = c.buf[:copy(c.buf[:cap(c.buf)], c.buf[len(p):])]
	return nil
}

// checkStart recognises by their first bytes the files that are something else.
func (c *csvSink) checkStart() error {
	if c.excel != nil {
		if err := c.repairStart(); err != nil {
			return err
		}
	}
	for _, kind := range []struct{ magic, rule, detail string }{
		{"\xef\xbb\xbf", "byte-order-mark", "the file starts with a byte-order mark, which Actito rejects: save it as UTF-8 without one, or declare FromExcel"},
		{"\xff\xfe", "byte-order-mark", "the file is in UTF-16: save it as UTF-8 without a byte-order mark"},
		{"\xfe\xff", "byte-order-mark", "the file is in UTF-16: save it as UTF-8 without a byte-order mark"},
		{"PK\x03\x04", "compressed", "the file is a ZIP archive or a spreadsheet: give the CSV file, or declare the archive with Unpack(ZIP)"},
		{"\x1f\x8b", "compressed", "the file is compressed with GZIP: give the CSV file, or declare it with Unpack(GZIP)"},
		{"sep=", "sep-line", "the file starts with a spreadsheet's sep= line, which Actito rejects: remove it, or declare FromExcel"},
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
			c.hollow = c.hollow && n == 0
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
				c.state, c.hollow = csvQuoted, false
				continue
			}
			if !c.special[b] {
				return c.afterQuote(b)
			}
		case csvCellStart:
			if b == '"' {
				c.state, c.quoteLine, c.hollow = csvQuoted, c.line, true
				continue
			}
		}
		switch b {
		case c.separator:
			c.endCell()
			if c.cell++; c.excel != nil && c.cell == len(c.header) {
				c.excel.cut = len(c.excel.record) + i - passed
			}
			c.state = csvCellStart
		case '\r':
			c.endCell()
			c.blank = c.state == csvCellStart && c.cell == 0
			c.state = csvReturnSeen
		case '\n':
			if c.state != csvReturnSeen {
				c.endCell()
			}
			if c.header == nil {
				c.head = append(c.head, p[:i+1]...)
			}
			if err := c.endRecord(p[passed : i+1]); err != nil {
				return err
			}
			passed = i + 1
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
			return c.fail(c.start, "header", fmt.Sprintf("the header is longer than %d bytes: "+
				"a quote may not be closed, or this is not a CSV file", maxHeaderLength))
		}
		return nil
	}
	if c.excel != nil {
		return c.hold(p[passed:])
	}
	return c.dst.write(p[passed:], false)
}

// endCell takes a separator or the end of a record.
func (c *csvSink) endCell() {
	switch {
	case c.state != csvCellStart && (c.state != csvQuoteSeen || !c.hollow):
		c.filled = c.cell + 1
	case c.cell < len(c.empties):
		c.empties[c.cell]++
	}
}

// endRecord takes a line feed outside quotes; rest is what was not yet passed on of the record.
func (c *csvSink) endRecord(rest []byte) error {
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
	case c.blank && (c.excel == nil || c.header == nil):
		err = c.fail(c.line, "blank-line", `the line is blank, which some readers skip and others take for a row: remove it, or write an empty cell as ""`)
	case lineEnd != c.lineEnd:
		err = c.fail(c.line, "line-end", fmt.Sprintf("the line ends in %q and those before it in %q: use one of them", lineEnd, c.lineEnd))
		if c.header != nil && c.goesOn(err, true) {
			err = c.endRow(rest, lineEnd)
		}
	case c.header == nil:
		err = c.readHeader()
	default:
		err = c.endRow(rest, lineEnd)
	}
	if err != nil && c.header != nil && c.goesOn(err, false) {
		err = nil
	}
	c.line++
	c.start, c.cell, c.filled, c.state = c.line, 0, 0, csvCellStart
	return err
}

// endRow ends a record that is not the header.
func (c *csvSink) endRow(rest []byte, lineEnd string) error {
	if c.excel != nil {
		return c.repairRow(rest, lineEnd)
	}
	if err := c.countCells(); err != nil {
		return err
	}
	return c.dst.write(rest, true)
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
	head := c.head
	if c.excel != nil {
		header, head = c.repairHeader(header)
	}
	seen := make(map[string]int, len(header))
	for i, name := range header {
		if c.encoding == ISO88591 {
			name = fromLatin1(name)
			header[i] = name
		}
		if strings.TrimSpace(name) == "" {
			return c.fail(c.start, "header", fmt.Sprintf("cell %d of the header is blank: every column needs a name", i+1))
		}
		if first, ok := seen[name]; ok {
			e := c.fail(c.start, "header", fmt.Sprintf("cells %d and %d of the header have this name", first+1, i+1))
			e.Column = shownColumn(name)
			return e
		}
		seen[name] = i
	}
	c.header, c.head, c.empties = header, nil, make([]int, len(header))
	return c.dst.begin(header, head)
}

// otherSeparator reports whether r is a usual separator, and not the one of this file.
func (c *csvSink) otherSeparator(r rune) bool {
	return r != rune(c.separator) && strings.ContainsRune(",;\t|", r)
}

func (c *csvSink) wrongSeparator(other byte) error {
	return c.fail(c.start, "separator", fmt.Sprintf("the header is a single cell, with %q in it, when cells are separated by %q: "+
		"the file and its definition disagree about the separator, which SeparatedBy declares", other, c.separator))
}

// afterQuote takes a byte that may not follow the quote at the end of a cell.
func (c *csvSink) afterQuote(b byte) error {
	if c.header == nil && c.cell == 0 && c.otherSeparator(rune(b)) {
		return c.wrongSeparator(b)
	}
	return c.failCell("quote", fmt.Sprintf("there is text after the end of a quoted cell that was opened in line %d: "+
		"double the quotes inside cells", c.quoteLine))
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
