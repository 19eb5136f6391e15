package actito

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// RejectSummary counts the rows that an execution rejected, without their values. It may be logged.
type RejectSummary struct {
	Rows   int
	Counts []RejectCount // most rows first
}

// RejectCount is how many rows of a file were rejected for one reason. Where Code or Column is more than an
// identifier, the row's values, e-mail addresses and numbers in it are masked, and it is shortened.
type RejectCount struct {
	File   string
	Code   string
	Column string
	Rows   int
}

// maxRejectCounts bounds a summary where codes differ from row to row.
const maxRejectCounts = 1000

// String is a table with a header.
func (s RejectSummary) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "rows\tfile\tcode\tcolumn")
	for _, c := range s.Counts {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", c.Rows, c.File, c.Code, c.Column)
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}

// Summarize reads the rejects of an execution and counts them by file, code and column. Past 1000 different ones, the
// rest of each file is counted under the code "(others)". With an error it returns what it had counted.
//
//actito:through ExecutionService.Rejects ExecutionService.Get
func (s *ExecutionService) Summarize(ctx context.Context, e *Execution) (RejectSummary, error) {
	counts := make(map[RejectCount]int)
	err := s.c.eachReject(ctx, e, allFiles, func(f *rejectsFile, row *rejectedRow) error {
		c := RejectCount{File: shorten(mask(f.name, nil), 200), Code: "(cells miscounted)"}
		if n := len(f.header) - 2; row.err == nil {
			c.Code, c.Column = shownReason(row.cells[n], row.cells[:n]), shownReject(row.cells[n+1], f.header[:n], row.cells[:n])
		}
		if _, known := counts[c]; !known && len(counts) >= maxRejectCounts {
			c.Code, c.Column = "(others)", ""
		}
		counts[c]++
		return nil
	})
	var sum RejectSummary
	for c, rows := range counts {
		c.Rows = rows
		sum.Rows += rows
		sum.Counts = append(sum.Counts, c)
	}
	slices.SortFunc(sum.Counts, func(a, b RejectCount) int {
		return cmp.Or(b.Rows-a.Rows, strings.Compare(a.File, b.File), strings.Compare(a.Code, b.Code), strings.Compare(a.Column, b.Column))
	})
	return sum, err
}

// identifier is what a code looks like.
var identifier = regexp.MustCompile(`^[A-Z][A-Z0-9_.-]{0,63}$`)

// shownReason masks the row's values in what the server says about it.
func shownReason(text string, cells []string) string {
	if identifier.MatchString(text) && !slices.Contains(cells, text) {
		return text
	}
	return strings.Map(printable, shown(text, cells, 60))
}

// shownReject masks the column at fault, unless it is one of the file's.
func shownReject(column string, columns, cells []string) string {
	if slices.Contains(columns, column) {
		return shownColumn(column)
	}
	return shownReason(column, cells)
}

// printable keeps a text in its cell of a table.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
