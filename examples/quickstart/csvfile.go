package main

import (
	"cmp"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/actito-go/actito"
)

//go:embed customers.csv orders.csv
var samples embed.FS

// table is the rows of a CSV file.
type table[T any] struct {
	file string
	rows []T
}

// readFile reads a CSV file with a header line, or the sample if there is no path. All rows are held, since they are
// shown several times; a program that loads a large file hands rows to the import while it reads them.
func readFile[T any](path, sample string, read func(*record) T) (table[T], error) {
	t := table[T]{file: sample}
	open := func() (fs.File, error) { return samples.Open(sample) }
	if path != "" {
		t.file = filepath.Base(path)
		open = func() (fs.File, error) { return os.Open(path) } //nolint:gosec // the user names the file
	}
	file, err := open()
	if err != nil {
		return t, err
	}
	defer file.Close()

	in := csv.NewReader(file)
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return t, fmt.Errorf("%s is empty", t.file)
	} else if err != nil {
		return t, fmt.Errorf("%s: %w", t.file, err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // Excel's mark
	columns := make(map[string]int, len(header))
	for i, name := range header {
		columns[strings.TrimSpace(name)] = i
	}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return t, fmt.Errorf("%s: %w", t.file, err)
		}
		r := &record{columns: columns, cells: cells}
		row := read(r)
		if r.missing != "" {
			return t, fmt.Errorf("%s: the header has no column %s", t.file, r.missing)
		}
		if r.err != nil {
			line, _ := in.FieldPos(0)
			return t, fmt.Errorf("%s, line %d: %w", t.file, line, r.err)
		}
		t.rows = append(t.rows, row)
	}
	if len(t.rows) == 0 {
		return t, fmt.Errorf("%s has a header and no rows", t.file)
	}
	return t, nil
}

// record is one line of a CSV file, read by the names of its columns. It keeps the first thing that is wrong with it,
// so that a row can be read without a check per cell.
type record struct {
	columns map[string]int
	cells   []string
	missing string // a column that the header does not have
	err     error
}

func (r *record) fail(column, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("column %s: "+format, append([]any{column}, args...)...)
	}
}

func (r *record) text(column string) string {
	i, ok := r.columns[column]
	if !ok {
		r.missing = cmp.Or(r.missing, column)
		return ""
	}
	cell := strings.TrimSpace(r.cells[i])
	if cell == "NULL" { // as some databases write a missing value
		return ""
	}
	return cell
}

func (r *record) number(column string) float64 {
	n, err := strconv.ParseFloat(r.text(column), 64)
	if err != nil {
		r.fail(column, "this is not a number")
	}
	return n
}

// date reads a date, with or without a time of day.
func (r *record) date(column string) actito.Date {
	day, _, _ := strings.Cut(r.text(column), " ")
	date, err := time.Parse(time.DateOnly, day)
	if err != nil {
		r.fail(column, "this is not a date of the form 2026-11-23")
	}
	return actito.DateOf(date)
}

// optional leaves an attribute unset where the cell says nothing, so that a value which Actito has already stays.
func optional[T any](r *record, column string, read func(*record, string) T) actito.Opt[T] {
	if r.text(column) == "" {
		return actito.Opt[T]{}
	}
	return actito.Set(read(r, column))
}
