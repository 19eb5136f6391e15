package actito

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Ordered returns the definition with its Files in an order in which no file is loaded before those that its table's
// foreign keys refer to. The order of the caller is kept wherever it may be; several files of one table, and tables that
// refer to themselves, are in nobody's way. A foreign key counts if the file has a column for it.
//
// Foreign keys that go round are a [ValidationError] that names them. The structures of the tables are read, once each;
// one that cannot be read is an error, since the order would be a guess.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *ETLService) Ordered(ctx context.Context, d Definition, opts ...CallOption) (Definition, error) {
	if d.raw != nil {
		return d, &ValidationError{Column: "RawDefinition", Rule: "definition", Detail: "it is sent as it is: put its files in order yourself"}
	}
	files := make([]*InputFile, len(d.Files))
	for i := range d.Files {
		files[i] = &d.Files[i]
		if err := files[i].check(); err != nil {
			return d, err
		}
	}
	references, unread, err := s.c.references(ctx, files, opts...)
	if err = errors.Join(err, unread); err != nil {
		return d, err
	}
	order, err := inOrder(files, references, "")
	if err != nil {
		return d, err
	}
	d.Files = make([]InputFile, len(files))
	for i, place := range order {
		d.Files[i] = *files[place]
	}
	return d, nil
}

// fileTable is the table that a file is loaded into.
type fileTable struct {
	kind TableType
	tableRef
	structure *Structure // nil if it cannot be read
}

// reference is a foreign key by which the rows of a file refer to those of a table that other files load.
type reference struct {
	ForeignKey
	child    int   // place of the file
	parents  []int // places of the others
	from, to *fileTable
}

func (r *reference) String() string { return r.from.Name + "." + r.Attribute }

// references finds the foreign keys between files, which are in the order in which they are loaded. Each structure is
// read once. Those that the caller may not read, or that are not there, are told by unread.
func (c *Client) references(ctx context.Context, files []*InputFile, opts ...CallOption) (list []reference, unread, err error) {
	tables := make([]*fileTable, len(files))
	var known []*fileTable
	for i, f := range files {
		t := fileTable{kind: f.Destination.Table}
		if t.kind != ProfileTableType && t.kind != CustomTableType || f.Destination.TableID == "" {
			continue // of a stored definition in another form
		}
		if t.tableRef, err = c.table(ctx, t.kind, f.Destination.TableID); err != nil {
			if err = within(err, "input file %s", f.FileNamePattern); !hidden(err) {
				return nil, nil, err
			}
			unread = errors.Join(unread, err)
			continue
		}
		at := slices.IndexFunc(known, func(k *fileTable) bool { return *k == t })
		if at < 0 {
			at, known = len(known), append(known, &t)
		}
		tables[i] = known[at]
	}
	if len(known) < 2 {
		return nil, unread, nil
	}
	for _, t := range known {
		t.structure, err = c.Structures.byID(ctx, t.kind, t.ID, append([]CallOption{Background()}, opts...))
		if err != nil {
			if err = within(err, "structure of table %s", t.Name); !hidden(err) {
				return nil, nil, err
			}
			unread = errors.Join(unread, err)
		}
	}
	for i, t := range tables {
		if t == nil || t.structure == nil {
			continue
		}
		for _, k := range t.structure.ForeignKeys {
			r := reference{ForeignKey: k, child: i, from: t}
			for j, to := range tables {
				if to != nil && to != t && to.ID == k.ReferencedTableID && (to.kind == k.ReferencedTable || k.ReferencedTable == "") {
					r.to, r.parents = to, append(r.parents, j)
				}
			}
			if r.to != nil && files[i].column(k.Attribute) != "" {
				list = append(list, r)
			}
		}
	}
	return list, unread, nil
}

// hidden reports whether an error says that something is not there, or not to be read by this key.
func hidden(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) }

// column is the column that is loaded into an attribute, "" if there is none.
func (f *InputFile) column(attribute string) string {
	for _, m := range f.Mapping {
		if m.Attribute == attribute {
			return m.Column
		}
	}
	return ""
}

// inOrder puts files behind those that they refer to. Each time, the first of the rest that may be next is. Of keys that go
// round, the error also says what to do otherwise.
func inOrder(files []*InputFile, references []reference, otherwise string) ([]int, error) {
	var order []int
	for len(order) < len(files) {
		placed := func(i int) bool { return slices.Contains(order, i) }
		open := func(r reference) bool { return slices.ContainsFunc(r.parents, func(p int) bool { return !placed(p) }) }
		next := 0
		for placed(next) || slices.ContainsFunc(references, func(r reference) bool { return r.child == next && open(r) }) {
			if next++; next == len(files) {
				return nil, circle(files, slices.DeleteFunc(slices.Clone(references), func(r reference) bool { return !open(r) }), otherwise)
			}
		}
		order = append(order, next)
	}
	return order, nil
}

// circle names foreign keys that go round, of those that are left when no file may be next: then each leads to another.
func circle(files []*InputFile, references []reference, otherwise string) error {
	var way []*reference
	at := references[0].from
	for !slices.ContainsFunc(way, func(r *reference) bool { return r.from == at }) {
		next := &references[slices.IndexFunc(references, func(r reference) bool { return r.from == at })]
		way, at = append(way, next), next.to
	}
	way = way[slices.IndexFunc(way, func(r *reference) bool { return r.from == at }):]
	var text strings.Builder
	for _, r := range way {
		text.WriteString(r.String() + " → ")
	}
	return &ValidationError{File: files[way[0].child].FileNamePattern, Column: files[way[0].child].column(way[0].Attribute), Rule: "load-cycle",
		Detail: "the foreign keys go round, so that no order of the files has every row behind those it refers to: " + text.String() + at.Name +
			": load the files one by one, the first of them without the column that closes the circle" + otherwise}
}

// checkOrder refuses an order in which a file is loaded before one that its rows refer to. Where structures cannot be
// read, the order is what the caller knows. The error says what to do, and what otherwise.
func (c *Client) checkOrder(ctx context.Context, files []*InputFile, advice, otherwise string) ([]reference, error) {
	references, unread, err := c.references(ctx, files)
	if err != nil {
		return nil, err
	}
	if unread != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "actito: not checked whether files are loaded before those that they refer to", slog.Any("error", unread))
	}
	for _, r := range references {
		late := slices.IndexFunc(r.parents, func(p int) bool { return p > r.child })
		if late < 0 {
			continue
		}
		if _, err := inOrder(files, references, otherwise); err != nil {
			return nil, err
		}
		child := files[r.child]
		return nil, &ValidationError{File: child.FileNamePattern, Column: child.column(r.Attribute), Rule: "load-order",
			Detail: fmt.Sprintf("the file is loaded before %s, to whose rows it refers by the foreign key %s (%s → %s.%s): %s",
				files[r.parents[late]].FileNamePattern, r.Name, &r, r.to.Name, r.ReferencedAttribute, advice+otherwise)}
	}
	return references, nil
}
