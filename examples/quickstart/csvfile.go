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

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

//go:embed customers.csv orders.csv
var samples embed.FS

// table is the rows of a CSV file, as they are, and what is made of them when they are sent.
type table[T any] struct {
	file string
	rows []T
	data *transform.Specification
}

// readFile reads a CSV file with a header line, or the sample if there is no path. All rows are held, since they are
// shown several times; a program that loads a large file hands rows to the import while it reads them.
func readFile[T any](path, sample string, read func(*record) T, data []transform.Option) (table[T], error) {
	t := table[T]{file: sample}
	var err error
	if t.data, err = transform.New(data...); err != nil {
		return t, err
	}
	transformer, err := actito.NewTransformer[T](t.data)
	if err != nil {
		return t, err
	}
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
		if _, err := transformer.Apply(row); r.err == nil { // what it refuses is told with its line
			r.err = err
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

func (r *record) text(column string) string {
	i, ok := r.columns[column]
	if !ok {
		r.missing = cmp.Or(r.missing, column)
		return ""
	}
	return r.cells[i]
}

// optional leaves an attribute unset where the cell says nothing, so that a value which Actito has already stays.
func (r *record) optional(column string) actito.Opt[string] {
	if text := r.text(column); text != "" {
		return actito.Set(text)
	}
	return actito.Opt[string]{}
}

func (r *record) number(column string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(r.text(column)), 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("column %q: this is not a number", column)
	}
	return n
}
