package actito

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/actito-go/actito/transform"
)

// Transformed returns the same table whose rows are transformed before they are sent: one by one, by Upsert, Create,
// Update, UpsertEach and Map, and as files, by Rows and InputFile, while they are staged. The key by which writes are
// ordered and repeated is the transformed one. Keys that are given apart, as to Get and Delete, are taken as they are.
// Check transforms what it is given like an import with the table's InputFile.
//
// What [NewTransformer] refuses is refused here, and so is a table that is Transformed: make one specification of both.
func (t *ProfileTable[T]) Transformed(spec *transform.Specification) (*ProfileTable[T], error) {
	rows, err := transformed(t.codec, t.rows, spec)
	if err != nil {
		return nil, err
	}
	same := *t
	same.rows = rows
	return &same, nil
}

// Transformed returns the same table whose records are transformed before they are sent; see [ProfileTable.Transformed].
func (t *CustomTable[T]) Transformed(spec *transform.Specification) (*CustomTable[T], error) {
	rows, err := transformed(t.codec, t.rows, spec)
	if err != nil {
		return nil, err
	}
	same := *t
	same.rows = rows
	return &same, nil
}

func transformed[T any](c *codec[T], rows *Transformer[T], spec *transform.Specification) (*Transformer[T], error) {
	if rows != nil {
		return nil, &ValidationError{Rule: ruleTransform, Detail: "the table is transformed already: make one specification of both with transform.New"}
	}
	return newTransformer(c, spec, transform.JSON)
}

// specification is that of a table's rows; nil if there is none.
func (t *Transformer[T]) specification() *transform.Specification {
	if t == nil {
		return nil
	}
	return t.spec
}

// rejected transforms rows that a file had already, transformed, for calls; nil if they are the same there.
func (t *Transformer[T]) rejected() *Transformer[T] {
	if t == nil || len(t.booleans) == 0 {
		return nil
	}
	var columns []string
	for _, i := range t.booleans {
		columns = append(columns, t.columns[i])
	}
	// Neither fails: the parameters are right, and the columns are those of t.
	spec, _ := transform.New(transform.MapValues(map[string]string{"TRUE": "true", "FALSE": "false"}).On(columns...))
	again, _ := newTransformer(t.codec, spec, transform.JSON)
	return again
}

// Transformed declares that a specification runs on the data while it is staged, before anything is sent: on each row, or
// on the cells of a CSV file that exists, whose columns it names. Where the data's table or [InputFile.Local] says it too,
// they have to be equal, and it runs once. Columns of a file that it adds stand behind the others, and those that it drops
// are left out. A value that is refused is a [*ValidationError] with file, line and column, or with [SkipInvalid] a
// [Refusal].
//
// A file is then written anew: cells that do not change keep their text, but perhaps not their quotes. A row may have 32
// MiB.
func Transformed(spec *transform.Specification) DataOption {
	return func(d *Data) { d.transformBy(spec) }
}

// Place says where the transformations of a table run, if not here.
type Place uint8

// OnServer lets Actito execute them, when the table's InputFile and Rows are given it: the definition has the list, and
// the rows go as they are. Of a kind that it is not known to have, and of a table that is not Transformed, it is an
// error when the definition or the rows are used. Kinds and parameters have assumed names in the definition. Cells that
// they empty are not seen here: declare EmptyCells by what they mean too.
const OnServer Place = 1

func (p Place) applyColumns(c *columnConfig) { c.onServer = true }

func (p Place) applyRows(c *rowsConfig) { c.columns = append(c.columns, p) }

// AllowBoth lets an import, or its check, transform these columns twice: here and then by its definition. It is refused
// otherwise, since what one does may be what the other cannot read.
func AllowBoth(columns ...string) interface {
	ImportOption
	CheckOption
} {
	return bothAllowed(columns)
}

type bothAllowed []string

func (c bothAllowed) applyImport(im *importRun) { im.allowBoth = append(im.allowBoth, c...) }
func (c bothAllowed) applyCheck(r *checkRun)    { c.applyImport(r.im) }

// transformBy adds a specification to the one that is there, which has to be equal.
func (d *Data) transformBy(spec *transform.Specification) {
	switch {
	case spec == nil:
		d.wrong = errNoSpecification.Detail
	case d.onServer != nil:
		d.wrong = "its transformations run OnServer, and others run here: choose one"
	case d.local != nil && !d.local.Equal(spec):
		d.wrong = "two specifications are given for it, by its table, the definition's Local or Transformed, and they are not equal"
	}
	d.local = spec
}

// placed checks where the transformations of a file run; f is nil if its definition is not known.
func (im *importRun) placed(file string, f *InputFile, local, onServer *transform.Specification) error {
	refuse := func(column, detail string) error {
		return &ValidationError{File: file, Column: column, Rule: ruleTransform, Detail: detail}
	}
	if f == nil {
		if onServer != nil {
			return refuse("", "the rows are sent for the server to transform, and the definition cannot be read, so that nobody knows whether it does: "+
				"send rows of the table that is not Transformed")
		}
		return nil
	}
	other := f.otherTransformations()
	if onServer != nil {
		if other || !slices.Equal(f.Transformations, onServer.List()) {
			return refuse("", "the rows are sent for the server to transform, and the definition does not have exactly the transformations of their table: "+
				"derive it with InputFile and OnServer, or leave OnServer out")
		}
		return nil
	}
	if local == nil {
		return nil
	}
	for _, here := range local.List() {
		for _, column := range here.Columns() {
			if (other || transforms(f.Transformations, column)) && !slices.Contains(im.allowBoth, column) {
				return refuse(column, "the column is transformed here and by the definition: leave one of them out, or name the column with AllowBoth")
			}
		}
	}
	return nil
}

// otherTransformations reports whether the server has transformations in a form that is not known, which may be of any
// column.
func (f *InputFile) otherTransformations() bool {
	raw, found := f.Extra["transformations"]
	var list []json.RawMessage
	return found && (json.Unmarshal(raw, &list) != nil || len(list) > 0)
}

// executable finds transformations that the server is not known to execute.
func (d *Definition) executable() error {
	for i := range d.Files {
		f := &d.Files[i]
		spec, err := transform.New(f.Transformations)
		if err == nil {
			_, err = spec.ForService()
		}
		if err != nil {
			refused := refusedBy(err)
			refused.File = f.FileNamePattern
			return refused
		}
		for _, t := range f.Transformations {
			for _, column := range t.Columns() {
				if !slices.ContainsFunc(f.Mapping, func(m Mapping) bool { return m.Column == column }) {
					return &ValidationError{File: f.FileNamePattern, Column: column, Rule: ruleTransform,
						Detail: "the definition transforms this column and does not map it, so that no file has it"}
				}
			}
		}
	}
	return nil
}

const neverHere = "the server fetches the file, so that it cannot be transformed here, as Local says: derive the input file with OnServer"

// storable finds transformations that would never run, since the files come without this library.
func (d *Definition) storable() error {
	for i := range d.Files {
		if f := &d.Files[i]; f.Local != nil && (d.Schedule != nil || d.Location != nil) {
			return f.refuse(ruleTransform, neverHere)
		}
	}
	return nil
}

// checkLocal adds to a Data the transformations of its input file, nil if that is not known.
func (im *importRun) checkLocal(d *Data, f *InputFile) error {
	if f != nil && f.Local != nil {
		d.transformBy(f.Local)
		if err := d.check(); err != nil {
			return err
		}
	}
	return im.placed(d.name, f, d.local, d.onServer)
}

// checkStagedLocal checks that a file that the caller staged has the transformations of its input file.
func (im *importRun) checkStagedLocal(s *StagedFile, f *InputFile) error {
	if f.Local != nil && (s.local == nil || !s.local.Equal(f.Local)) {
		return &ValidationError{File: s.Name, Rule: ruleTransform,
			Detail: fmt.Sprintf("the definition's %s is transformed here, and the file was staged without that: stage it with Transformed", f.FileNamePattern)}
	}
	return im.placed(s.Name, f, s.local, s.onServer)
}
