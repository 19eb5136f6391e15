package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/actito-go/actito/transform"
)

// EmptyCells declares what an empty CSV cell does to a value that the profile or record already has. Actito's
// documentation does not say, so the library does not guess: typed rows with unset cells are refused for every mode
// that updates until it is declared. Declare what a test import into a table of yours has shown.
//
// It is given in an [InputFile], to a call that starts an import, or to the rows themselves.
type EmptyCells uint8

// What empty cells do.
const (
	// EmptyCellsUndeclared refuses empty cells wherever they could change an existing value.
	EmptyCellsUndeclared EmptyCells = iota
	// Keep: an empty cell leaves the value as it is. Null is refused, since no cell can express it.
	Keep
	// Clear: an empty cell removes the value. Unset is refused, since it would remove what it means to leave alone.
	Clear
)

// RowsOption says what a file of typed rows holds, and how it is written. Every [ColumnOption] is one, and every
// [DataOption] that does not describe a file that exists.
type RowsOption interface{ applyRows(*rowsConfig) }

type rowsConfig struct {
	columns []ColumnOption
	written []DataOption
	refuse  []any // functions of T
}

type rowsOption func(*rowsConfig)

func (o rowsOption) applyRows(c *rowsConfig) { o(c) }

func (o columnOption) applyRows(c *rowsConfig) { c.columns = append(c.columns, o) }

func (e EmptyCells) applyRows(c *rowsConfig) { c.columns = append(c.columns, e) }

func (o DataOption) applyRows(c *rowsConfig) { c.written = append(c.written, o) }

// Refuse takes out the rows for which f says so, and keeps them as [Refusal]s with its reason: a customer who was erased
// must not come back with an older extract. f sees each row once, in order; T is the type of the rows.
func Refuse[T any](f func(row T) (reason string, refuse bool)) RowsOption {
	return rowsOption(func(c *rowsConfig) { c.refuse = append(c.refuse, f) })
}

// SkipInvalid takes out the rows that no file can hold, such as one without its key or with a value that a transformation
// refuses, and keeps them as [Refusal]s; of a file that exists, it is the latter. Without it, the first of them stops the
// import before anything is sent or counted. An error of the rows themselves, mistakes in the structure of a file, and
// empty cells whose meaning is not declared, stop it all the same.
func SkipInvalid() DataOption { return func(d *Data) { d.skipInvalid = true } }

// ColumnOption says which columns a file of typed rows has.
type ColumnOption interface {
	RowsOption
	applyColumns(*columnConfig)
}

type columnConfig struct {
	names    []string
	consents bool
	empty    EmptyCells
	onServer bool
}

type columnOption func(*columnConfig)

func (o columnOption) applyColumns(c *columnConfig) { o(c) }

func (e EmptyCells) applyColumns(c *columnConfig) { c.empty = e }

// Columns names the columns and their order. Rows that are maps need it; of a struct, it chooses fields. Of rows that are
// transformed, it names columns of the outcome.
func Columns(names ...string) ColumnOption {
	return columnOption(func(c *columnConfig) { c.names = names })
}

// WithSubscriptions makes columns of subscriptions and segmentations too. They are left out otherwise: people
// unsubscribe inside Actito, and yesterday's copy must not subscribe them again.
//
// assumed: a segmentation's column is named like its tag, as a subscription's is, which is seen in use.
func WithSubscriptions() ColumnOption {
	return columnOption(func(c *columnConfig) { c.consents = true })
}

// columnsOf chooses the columns of rows, which are those of a table with transformations unless spec is nil.
func columnsOf[T any](c *codec[T], spec *transform.Specification, opts []ColumnOption) (*columns[T], columnConfig, error) {
	var cfg columnConfig
	for _, o := range opts {
		if o != nil {
			o.applyColumns(&cfg)
		}
	}
	if cfg.onServer && spec == nil {
		return nil, cfg, &ValidationError{Column: "OnServer", Rule: ruleTransform, Detail: "there is nothing to run on the server: it is for tables that are Transformed"}
	}
	cols, err := c.columns(cfg.names, cfg.consents)
	return cols, cfg, err
}

// blankRule decides which empty cells of typed rows are refused.
type blankRule struct {
	empty      EmptyCells
	createOnly bool // there is no value that an empty cell could change
}

func (r blankRule) check(file string, row int, b blanks) error {
	switch {
	case b == blanks{} || r.createOnly:
		return nil
	case r.empty != Keep && r.empty != Clear:
		return &ValidationError{File: file, Line: row, Column: cmp.Or(b.unset, b.null), Rule: "empty-cells",
			Detail: "this row has no value here, and what an empty cell does to an existing value is not documented: " +
				"find out with a test import, then declare Keep or Clear as EmptyCells"}
	case r.empty == Keep && b.null != "":
		return &ValidationError{File: file, Line: row, Column: b.null, Rule: "empty-cells",
			Detail: "this row clears the value, and with EmptyCells: Keep no cell can: update it one by one"}
	case r.empty == Clear && b.unset != "":
		return &ValidationError{File: file, Line: row, Column: b.unset, Rule: "empty-cells",
			Detail: "this row leaves the value alone, and with EmptyCells: Clear its empty cell would remove it: " +
				"leave the column out with Columns, or set it"}
	}
	return nil
}

// DataRows is a CSV file made of rows while it is staged; its columns are the fields of T. The rows are read exactly
// once, and their first error ends the staging. A [DateTime] is written in Europe/Brussels; [ProfileTable.Rows] and
// [CustomTable.Rows] write it in the client's zone.
func DataRows[T any](name string, rows iter.Seq2[T, error], opts ...RowsOption) Data {
	zone, _, err := homeZone.parse()
	if err != nil {
		return failedData(name, err)
	}
	codec, err := newCodec[T]("", zone)
	if err != nil {
		return failedData(name, err)
	}
	return rowsOf(codec, nil, name, rows, opts)
}

// FromSlice makes rows of a slice, for [DataRows], Rows and UpsertEach.
func FromSlice[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i := range rows {
			if !yield(rows[i], nil) {
				return
			}
		}
	}
}

// Rows is a CSV file made of rows of this table while it is staged. Its columns are the fields of T that are sent,
// without subscriptions and segmentations. The rows are read exactly once, and their first error ends the staging. Those
// of a table that is Transformed are transformed, unless it is given [OnServer]; [Refuse] sees them as they were.
func (t *ProfileTable[T]) Rows(name string, rows iter.Seq2[T, error], opts ...RowsOption) Data {
	return rowsOf(t.codec, t.rows.specification(), name, rows, opts)
}

// Rows is a CSV file made of records of this table while it is staged. Its columns are the fields of T that are sent.
// The records are read exactly once, and their first error ends the staging. Those of a table that is Transformed are
// transformed, unless it is given [OnServer]; [Refuse] sees them as they were.
func (t *CustomTable[T]) Rows(name string, records iter.Seq2[T, error], opts ...RowsOption) Data {
	return rowsOf(t.codec, t.rows.specification(), name, records, opts)
}

// InputFile derives how a file with this name is loaded into the table: each field that is sent from the column of
// its name, without subscriptions and segmentations. The pattern may hold placeholders of the date. What cannot work,
// such as a column that T does not have, fails when the definition is used. Of a table that is Transformed, it has the
// specification as [InputFile.Local], or with [OnServer] as Transformations.
func (t *ProfileTable[T]) InputFile(pattern string, opts ...ColumnOption) InputFile {
	return inputFile(t.codec, t.rows.specification(), ProfileTableType, t.table, pattern, opts)
}

// InputFile derives how a file with this name is loaded into the table: each field that is sent from the column of
// its name. The pattern may hold placeholders of the date. What cannot work, such as a column that T does not have,
// fails when the definition is used. Of a table that is Transformed, it has the specification as [InputFile.Local], or
// with [OnServer] as Transformations.
func (t *CustomTable[T]) InputFile(pattern string, opts ...ColumnOption) InputFile {
	return inputFile(t.codec, t.rows.specification(), CustomTableType, t.table, pattern, opts)
}

func inputFile[T any](c *codec[T], spec *transform.Specification, kind TableType, table, pattern string, opts []ColumnOption) InputFile {
	cols, cfg, err := columnsOf(c, spec, opts)
	f := InputFile{FileNamePattern: pattern, Destination: Destination{Table: kind, TableID: table}, Mode: CreateUpdate,
		EmptyCells: cfg.empty, err: err}
	if err == nil {
		for _, name := range cols.header() {
			f.Mapping = append(f.Mapping, Mapping{Column: name, Attribute: name})
		}
	}
	switch {
	case spec == nil:
	case !cfg.onServer:
		f.Local = spec
	case err == nil:
		if f.Transformations, err = spec.ForService(); err != nil {
			refused := refusedBy(err)
			refused.File, f.err = pattern, refused
		}
	}
	f.key = c.keyName()
	return f
}

func rowsOf[T any](c *codec[T], spec *transform.Specification, name string, rows iter.Seq2[T, error], opts []RowsOption) Data {
	var cfg rowsConfig
	for _, o := range opts {
		if o != nil {
			o.applyRows(&cfg)
		}
	}
	cols, chosen, err := columnsOf(c, spec, cfg.columns)
	if err != nil {
		return failedData(name, err)
	}
	refuse, err := refusals[T](name, cfg.refuse)
	if err != nil {
		return failedData(name, err)
	}
	d := newData(name, cfg.written, once(func(ctx context.Context, sink *csvSink, d *Data) error {
		if rows == nil {
			return sink.fail(0, "no-data", "the rows are nil")
		}
		row := cols.row // one for all, so that a row costs no allocation
		change := func() error { return nil }
		if d.local != nil {
			t, err := newTransformer(c, d.local, transform.CSV)
			if err != nil {
				return atRow(err, name, 0)
			}
			change = t.bind(row).run
		}
		line, err := cols.appendHeader(nil, sink.separator, sink.encoding)
		if err != nil {
			return atRow(err, name, 0)
		}
		if err := sink.writeHeader(ctx, cols.header(), line); err != nil {
			return err
		}
		if c.keyField != nil {
			sink.keyColumn = c.keyField.name
		}
		n := 0
		leaveOut := func(reason string, err error) {
			_, key, _, _ := c.key(row) // an invalid row may have none
			sink.refused = append(sink.refused, Refusal{File: name, Row: n, Reason: reason, Key: key, Err: err})
		}
		for next, err := range rows {
			n++
			sink.start = n
			if err != nil {
				return within(err, "%s: row %d", name, n)
			}
			if err := sink.usable(ctx); err != nil {
				return err
			}
			*row = next
			if reason, refused := refuse(*row); refused {
				leaveOut(reason, nil)
				continue
			}
			var cells []byte
			var empty blanks
			if err = change(); err == nil {
				cells, empty, err = cols.appendRow(line[:0], sink.separator, sink.encoding, row)
			}
			invalid := err != nil
			unwritten := invalid
			if invalid {
				err = atRow(err, name, n)
			} else {
				err = d.blanks.check(name, n, empty)
				invalid = d.blanks.empty != EmptyCellsUndeclared
			}
			switch {
			case err != nil && sink.goesOn(err, !unwritten):
				if unwritten {
					continue
				}
			case err != nil && d.skipInvalid && invalid:
				leaveOut(err.Error(), err)
				continue
			case err != nil:
				return err
			}
			if err := sink.writeRow(ctx, cells); err != nil {
				return err
			}
			line = cells
		}
		return nil
	}))
	d.typed, d.blanks.empty = true, chosen.empty
	switch {
	case spec == nil:
	case !chosen.onServer:
		d.transformBy(spec)
	case d.local != nil:
		d.wrong = "OnServer and Transformed are both given: choose one"
	default:
		d.onServer = spec
	}
	return d
}

// refusals makes one function of those that were given to Refuse.
func refusals[T any](name string, given []any) (func(T) (string, bool), error) {
	fs := make([]func(T) (string, bool), len(given))
	for i, g := range given {
		var ok bool
		if fs[i], ok = g.(func(T) (string, bool)); !ok || fs[i] == nil {
			return nil, &ValidationError{File: name, Rule: "refuse",
				Detail: fmt.Sprintf("Refuse was given a %T, and these rows need a func(%s) (string, bool)", g, reflect.TypeFor[T]())}
		}
	}
	return func(row T) (reason string, refuse bool) {
		for _, f := range fs {
			if reason, refuse = f(row); refuse {
				return reason, true
			}
		}
		return "", false
	}, nil
}

// failedData fails when it is staged: making it has no error to return.
func failedData(name string, err error) Data {
	return newData(name, nil, func(context.Context, *csvSink, *Data) error { return err })
}

// atRow says where a value was refused.
func atRow(err error, file string, row int) error {
	var v *ValidationError
	if !errors.As(err, &v) {
		return fmt.Errorf("actito: %s: row %d: %w", file, row, err)
	}
	at := *v
	at.File, at.Line = file, row
	return &at
}
