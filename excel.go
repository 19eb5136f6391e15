package actito

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/actito-go/actito/internal/csvrow"
)

// FromExcel declares a CSV file that a spreadsheet program saved, and repairs what such programs do:
//
//   - A byte-order mark is removed, and the text behind it is UTF-8. Without one, the text is Windows-1252, and becomes
//     UTF-8; a file that is UTF-8 all the same is refused.
//   - A first line such as "sep=;" is removed. It says which byte separates the cells, unless [SeparatedBy] or the
//     import's definition does: then they have to agree.
//   - No-break spaces in column names become spaces, and white space around the names is removed.
//   - Columns without a name at the right end are removed, if all their cells are empty.
//   - Blank lines, and rows whose cells are all empty, are removed at the end of the file.
//
// Everything else is checked as in other files, and errors name the line in the file as it was. Values are not touched: a
// number that the program has rounded stays so.
func FromExcel() DataOption { return func(d *Data) { d.excel = true } }

// maxExcelRow bounds what is held of a row, in bytes.
const maxExcelRow = 4 << 20

// excelRepair is what a csvSink needs to repair a spreadsheet's file. Rows are passed on as a whole.
type excelRepair struct {
	declared bool   // the separator was
	record   []byte // the beginning of the row
	cut      int    // where the columns without a name begin in it; 0 if there are none
	empty    int    // line of the first of the empty rows just before this one; 0 if there is none
}

// repairStart takes off what stands before the header.
func (c *csvSink) repairStart() error {
	c.text.charset = inWindows1252
	if rest, marked := bytes.CutPrefix(c.buf, []byte("\xef\xbb\xbf")); marked {
		c.text.charset = inUTF8
		c.drop(len(c.buf) - len(rest))
	}
	end := bytes.IndexByte(c.buf, '\n') + 1
	if !bytes.HasPrefix(c.buf, []byte("sep=")) || end == 0 {
		return nil
	}
	said := bytes.TrimRight(c.buf[len("sep="):end], "\r\n")
	if len(said) != 1 || !separates(said[0]) {
		return c.fail(1, "sep-line", fmt.Sprintf("the sep= line says %.20q, which cannot separate cells", said))
	}
	if c.excel.declared && said[0] != c.separator {
		return c.fail(1, "separator", fmt.Sprintf("the sep= line says that cells are separated by %q, "+
			"and it was declared that they are by %q", said, c.separator))
	}
	c.separatedBy(said[0])
	c.drop(end)
	c.line, c.start = 2, 2
	return nil
}

func (c *csvSink) drop(n int) {
	c.size += int64(n)
	c.buf = c.buf[:copy(c.buf, c.buf[n:])]
}

// repairHeader returns the names of the columns, and the line that has them.
func (c *csvSink) repairHeader(names []string) ([]string, []byte) {
	last := 0
	for i, name := range names {
		names[i] = strings.TrimSpace(strings.ReplaceAll(name, "\u00a0", " "))
		if names[i] != "" {
			last = i + 1
		}
	}
	if last > 0 { // otherwise the header is blank, which is an error
		names = names[:last]
	}
	line := csvrow.Append(nil, c.separator, names...)
	return names, append(line[:len(line)-1], cmp.Or(c.lineEnd, "\n")...)
}

// hold keeps the beginning of a row.
func (c *csvSink) hold(p []byte) error {
	c.excel.record = append(c.excel.record, p...)
	if len(c.excel.record) > maxExcelRow {
		return c.fail(c.start, "row-length", fmt.Sprintf("the row is longer than %d bytes: a quote may not be closed", maxExcelRow))
	}
	return nil
}

// repairRow passes a row on without the cells that have no column, unless it is empty and may be the last.
func (c *csvSink) repairRow(rest []byte, lineEnd string) error {
	x := c.excel
	err := c.hold(rest)
	row, cut := x.record, x.cut
	x.record, x.cut = x.record[:0], 0
	if err != nil {
		return err
	}
	if c.filled == 0 {
		x.empty = cmp.Or(x.empty, c.start)
		for i := range min(c.cell+1, len(c.empties)) {
			c.empties[i]--
		}
		return nil
	}
	if x.empty != 0 {
		err := c.fail(x.empty, "blank-line", "the row is empty and others follow it: remove it")
		if x.empty = 0; !c.goesOn(err, false) {
			return err
		}
	}
	switch {
	case c.filled > len(c.header):
		return c.fail(c.start, "cell-count", fmt.Sprintf("cell %d has a value, and its column has no name in the header", c.filled))
	case c.cell >= len(c.header):
		row = append(row[:cut], lineEnd...)
		c.cell = len(c.header) - 1
	}
	if err := c.countCells(); err != nil {
		return err
	}
	return c.dst.write(row, true)
}
