package actito

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// findingLines is how many lines a [Finding] names.
const findingLines = 5

// CheckReport counts what a check found, without any value of the data. It prints as tables.
type CheckReport struct {
	Files   []CheckedFile // in the order in which they are loaded
	Missing []string      // patterns of files that the definition requires and that were not given
}

// CheckedFile is one file of a [CheckReport].
type CheckedFile struct {
	Name     string
	Table    string
	Rows     int // that were read
	Bad      int // of these, rows with a problem that is more than a warning
	Columns  []CheckedColumn
	Findings []Finding // by rule and column, in the order in which they were found first

	typed bool
}

// CheckedColumn is a column of a file. What its empty cells do to values that exist is declared by [EmptyCells].
type CheckedColumn struct {
	Name      string
	Attribute string // that it is mapped to, "" if there is none
	Empty     int    // cells
}

// Finding is how often a rule was broken in a column.
type Finding struct {
	Rule    string
	Column  string // "" for rows and files as a whole
	Detail  string // of the first problem
	Warning bool   // the server is expected to load the rows all the same
	Count   int
	Lines   []int // the first 5, header included; for typed rows their numbers from 1; 0 for the file as a whole
}

// Problems counts the problems that are more than warnings: nothing that is known keeps the server from loading every
// row if there are none.
func (c *CheckReport) Problems() int { return c.count(false) }

// Warnings counts the problems that are warnings, files that are missing included.
func (c *CheckReport) Warnings() int { return c.count(true) + len(c.Missing) }

func (c *CheckReport) count(warnings bool) int {
	n := 0
	for _, f := range c.Files {
		for _, finding := range f.Findings {
			if finding.Warning == warnings {
				n += finding.Count
			}
		}
	}
	return n
}

func (f *CheckedFile) add(p Problem) {
	for i := range f.Findings {
		if known := &f.Findings[i]; known.Rule == p.Rule && known.Column == p.Column && known.Warning == p.Warning {
			if known.Count++; len(known.Lines) < findingLines {
				known.Lines = append(known.Lines, p.Line)
			}
			return
		}
	}
	f.Findings = append(f.Findings, Finding{p.Rule, p.Column, p.Detail, p.Warning, 1, []int{p.Line}})
}

// WriteTo writes a table per file: each rule that was broken, where, how often, in which lines first, and the columns
// that have empty cells.
func (c *CheckReport) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	for _, f := range c.Files {
		f.write(&b)
	}
	for _, pattern := range c.Missing {
		fmt.Fprintf(&b, "%s: required by the definition, and not given\n", pattern)
	}
	return b.WriteTo(w)
}

// String is what WriteTo writes.
func (c *CheckReport) String() string {
	var b strings.Builder
	_, _ = c.WriteTo(&b)
	return b.String()
}

func (f *CheckedFile) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s for %s: rows %d, with problems %d\n", f.Name, f.Table, f.Rows, f.Bad)
	if len(f.Findings) > 0 {
		lines := "LINES"
		if f.typed {
			lines = "ROWS"
		}
		table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "  RULE\tCOLUMN\tCOUNT\t%s\tMEANING\n", lines)
		for _, finding := range f.Findings {
			detail := finding.Detail
			if finding.Warning {
				detail = "warning: " + detail
			}
			fmt.Fprintf(table, "  %s\t%s\t%d\t%s\t%s\n", finding.Rule, finding.Column, finding.Count, finding.where(), detail)
		}
		_ = table.Flush() // to a buffer
	}
	var empty []string
	for _, column := range f.Columns {
		if column.Empty > 0 {
			empty = append(empty, fmt.Sprintf("%s %d", column.Name, column.Empty))
		}
	}
	if len(empty) > 0 {
		fmt.Fprintf(b, "  empty cells: %s\n", strings.Join(empty, ", "))
	}
}

// where names the first lines.
func (f *Finding) where() string {
	var lines []string
	for _, line := range f.Lines {
		if line > 0 {
			lines = append(lines, strconv.Itoa(line))
		}
	}
	text := strings.Join(lines, ", ")
	if f.Count > len(f.Lines) {
		text += ", …"
	}
	return text
}
