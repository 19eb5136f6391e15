package actito

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/actito-go/actito/transform"
)

// checkParents refuses an import whose rows refer to rows that are neither in the files of the table they refer to, nor
// on the server. What was staged is read back, so that rows that were left out are missing.
func (im *importRun) checkParents(ctx context.Context, files []StagedFile) error {
	if len(im.references) == 0 || im.orphans {
		return nil
	}
	staged := map[*InputFile][]StagedFile{}
	for _, parts := range byFile(files) {
		staged[im.plan[parts[0].Name]] = parts
	}
	left := im.lookUps
	for i := range im.references {
		s := parentSearch{im: im, reference: &im.references[i], staged: staged}
		if err := s.run(ctx, left); err != nil {
			return err
		}
		left -= s.lookedUp
	}
	return nil
}

// parentSearch looks for the parents of a file's rows by one foreign key.
type parentSearch struct {
	im *importRun
	*reference
	staged   map[*InputFile][]StagedFile // those that the server fetches are missing
	integers bool                        // 007 is 7

	names    []string // of the parents' files
	present  *keySet
	missing  *keySet
	first    []missingParent // of those, at most as many as may be looked up
	line     int             // of the first of all
	cased    bool            // one of the missing is there in other upper or lower case
	lookedUp int
}

type missingParent struct {
	value string
	line  int
}

func (s *parentSearch) run(ctx context.Context, lookUps int) error {
	child := s.im.loaded[s.child]
	column := child.column(s.Attribute)
	rows := s.staged[child]
	if rows == nil || child.transforms(column) {
		return nil
	}
	if a := s.from.structure.attribute(s.Attribute); a != nil {
		if a.MultiValued {
			return nil
		}
		s.integers = forms[a.ValueType].defect.rule == "integer"
	}
	if known, err := s.readParents(ctx); err != nil || !known {
		return err
	}
	s.missing = newKeySet()
	err := eachCell(ctx, rows, column, func(line int, cell []byte) error {
		value := s.key(cell)
		state, _ := s.present.find(value)
		if state == keyPresent || len(cell) == 0 {
			return nil
		}
		s.cased = s.cased || state == keyOtherCase
		if s.line == 0 {
			s.line = line
		}
		if before, _ := s.missing.find(value); before != keyPresent && len(s.first) < lookUps {
			s.first = append(s.first, missingParent{string(value), line})
		}
		return s.add(s.missing, value, rows[0].Name, column)
	})
	switch n := s.missing.size(); {
	case err != nil || n == 0:
		return err
	case n > lookUps:
		return s.refuse(rows[0].Name, column, n, "if Actito has them already, let more of them be looked up with LookUpParents or leave them all to it with LookUpParents(-1)")
	}
	return s.lookUp(ctx, rows[0].Name, column)
}

// readParents remembers the values in the parents' files. They are not known where the server fetches or changes them,
// or where no file has them.
func (s *parentSearch) readParents(ctx context.Context) (known bool, err error) {
	s.present = newKeySet()
	for _, place := range s.parents {
		f := s.im.loaded[place]
		rows, column := s.staged[f], f.column(s.ReferencedAttribute)
		own := (&schema{table: s.to.kind}).fromServer(s.ReferencedAttribute)
		if rows == nil || f.transforms(column) {
			return false, nil
		}
		if column == "" || own {
			continue
		}
		s.names = append(s.names, rows[0].Name)
		err := eachCell(ctx, rows, column, func(_ int, cell []byte) error { return s.add(s.present, s.key(cell), rows[0].Name, column) })
		if err != nil {
			return false, err
		}
	}
	return len(s.names) > 0, nil
}

// key is a value in the form in which it is compared.
func (s *parentSearch) key(cell []byte) []byte {
	if n, ok := parseInteger(cell, 1<<63-1); ok && s.integers {
		return strconv.AppendInt(nil, n, 10)
	}
	return cell
}

func (s *parentSearch) add(keys *keySet, value []byte, file, column string) error {
	if keys.add(value, 1); keys.size() <= keys.most {
		return nil
	}
	return &ValidationError{File: file, Column: shownColumn(column), Rule: "too-many-keys",
		Detail: fmt.Sprintf("the column has more than %d different values, too many to find parents among: import less, or leave parents to the server with LookUpParents(-1)", keys.most)}
}

// lookUp asks the server for those that no file has.
func (s *parentSearch) lookUp(ctx context.Context, file, column string) error {
	absent := 0
	for _, m := range s.first {
		there, err := s.im.c.exists(ctx, s.to, s.ReferencedAttribute, m.value)
		if err != nil {
			return within(err, "%s: line %d: %s: looking up what it refers to in %s, which LookUpParents(-1) leaves to the server",
				file, m.line, shownColumn(column), s.to.Name)
		}
		s.lookedUp++
		if there {
			continue
		}
		if absent++; absent == 1 {
			s.line = m.line
		}
	}
	if absent > 0 {
		return s.refuse(file, column, absent, "since they are not on the server either, let it reject the rows that refer to them with LookUpParents(-1)")
	}
	return nil
}

func (s *parentSearch) refuse(file, column string, values int, or string) error {
	cased := ""
	if s.cased {
		cased = ", or in other upper or lower case"
	}
	parents := strings.Join(s.names, " or ")
	return &ValidationError{File: file, Line: s.line, Column: shownColumn(column), Rule: "missing-parent",
		Detail: fmt.Sprintf("the foreign key %s refers to rows of %s that are not in %s%s (different values: %d): add those rows to that file, or %s",
			s.Name, s.to.Name, parents, cased, values, or)}
}

// transforms reports whether the server reads a column for transformations or makes something else of it, or may.
func (f *InputFile) transforms(column string) bool {
	return f.otherTransformations() || transforms(f.Transformations, column)
}

// transforms reports whether transformations read a column or make something else of it.
func transforms(list []transform.Transformation, column string) bool {
	return slices.ContainsFunc(list, func(t transform.Transformation) bool { return slices.Contains(t.Columns(), column) })
}

// exists reports whether the server has a row with this value of an attribute that is unique.
func (c *Client) exists(ctx context.Context, t *fileTable, attribute, value string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if t.kind == ProfileTableType {
		table, err := Profiles[map[string]any](c, t.Name)
		if err == nil {
			_, err = table.Get(ctx, By(attribute, value), Background())
		}
		return there(err)
	}
	table, err := Records[map[string]any](c, t.Name)
	if err != nil {
		return false, err
	}
	if t.structure != nil && t.structure.PrimaryKey == attribute {
		_, err = table.Get(ctx, value, Background())
		return there(err)
	}
	records, _, err := table.List(ctx, ListOptions{SearchField: attribute, SearchValue: value, Number: 1}, Background())
	return len(records) > 0, err
}

// there reads what became of getting a row.
func there(err error) (bool, error) {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) { // invalid: no row can have this value
		return false, nil
	}
	return err == nil, err
}

// eachCell reads a column of a file that is staged, in its parts. Cells are in UTF-8 and end with the call; lines are those
// of their rows as they were given, if rows that were left out had one line and transformations changed no line ends, or
// of typed rows, their numbers.
func eachCell(ctx context.Context, parts []StagedFile, column string, yield func(line int, cell []byte) error) error {
	at, typed := slices.Index(parts[0].header, column), parts[0].empties == nil
	line, rows, numbers := 1, 0, rowNumbers{refused: parts[0].Refused}
	for i, f := range parts {
		err := f.eachRow(ctx, func(header stagedRow) error {
			if i == 0 {
				line += bytes.Count(header.raw, []byte{'\n'})
			}
			return nil
		}, func(r stagedRow) error {
			number := numbers.next()
			rows++
			where := line + number - rows // rows that were left out are between
			if typed {
				where = number
			}
			line += bytes.Count(r.raw, []byte{'\n'})
			return yield(where, r.cell(at))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
