package actito

import (
	"cmp"
	"context"
	"slices"
)

// RunOnce starts a one shot import: definition and files in one call. Each file must fit the pattern of exactly one
// [InputFile], and every InputFile that is not Optional must get one; they are loaded in the order of the definition.
// Tables may be named; their ids are looked up. What Compression, Encoding and Format leave open is that of the files. A
// definition with a Schedule is refused: store it with Create. Otherwise it is like [ETLService.Trigger].
//
// Of several files, none may be loaded before one that its rows refer to by a foreign key, nor refer to rows that are not
// there: see [ETLService.Ordered] and [LookUpParents].
//
//actito:call POST /mass-imports/v5/entities/{entity}/etl-executions [documented]
//actito:through EntityService.List StructureService.ProfileTable StructureService.CustomTable ETLService.Get ExecutionService.List ProfileTable.Get CustomTable.Get CustomTable.List
func (s *ETLService) RunOnce(ctx context.Context, d Definition, opts ...ImportOption) (*Execution, error) {
	im, err := s.oneShot(ctx, d, opts)
	if err != nil {
		return nil, err
	}
	return im.run(ctx)
}

func (s *ETLService) oneShot(ctx context.Context, d Definition, opts []ImportOption) (*importRun, error) {
	im := newImport(s.c, "run one shot", opts)
	im.path = pathExecutions
	if d.raw != nil {
		known, err := d.read()
		if err != nil {
			return nil, err
		}
		im.files, im.location, im.parameters = known.Files, known.Location, d.raw
		d.Schedule = known.Schedule
	}
	if d.Schedule != nil {
		return nil, &ValidationError{Column: "schedule", Rule: "schedule",
			Detail: "a one shot runs at once: leave Schedule nil, or store the definition with Create"}
	}
	if d.raw == nil {
		err := d.executable()
		if err != nil {
			return nil, err
		}
		if d, err = s.c.complete(ctx, d); err != nil {
			return nil, err
		}
		im.files, im.location, im.definition = d.Files, d.Location, &d
	}
	return im, nil
}

// complete checks a definition and fills in what the library knows: table ids and defaults. A format is left as it is.
func (c *Client) complete(ctx context.Context, d Definition) (Definition, error) {
	yes := true
	d.ID = "" // the server's; a call that names one has it in its path
	d.GenerateResultFile = cmp.Or(d.GenerateResultFile, &yes)
	d.GenerateErrorFile = cmp.Or(d.GenerateErrorFile, &yes)
	if len(d.Files) == 0 {
		return d, &ValidationError{Column: "inputFiles", Rule: "definition", Detail: "the definition loads no file"}
	}
	if err := d.complete(c.zone); err != nil {
		return d, err
	}
	d.Files = slices.Clone(d.Files)
	for i := range d.Files {
		f := &d.Files[i]
		if err := f.check(); err != nil {
			return d, err
		}
		f.Mode = cmp.Or(f.Mode, CreateUpdate)
		f.Format.Enclosing = cmp.Or(f.Format.Enclosing, `"`)
		f.Format.Escaping = cmp.Or(f.Format.Escaping, `"`)
		t, err := c.table(ctx, f.Destination.Table, f.Destination.TableID)
		if err != nil {
			return d, within(err, "input file %s", f.FileNamePattern)
		}
		f.Destination.TableID = t.ID
	}
	return d, nil
}

// check finds what no definition can lack.
func (f *InputFile) check() error {
	switch {
	case f.err != nil:
		return f.err
	case f.FileNamePattern == "":
		return f.refuse("definition", "an input file of the definition has no FileNamePattern")
	case f.key != "" && f.Destination.Table == CustomTableType && f.Mode != CreateOnly && f.column(f.key) == "": // a profile may be told by another attribute
		return f.refuse("missing-key", "the columns lack the table's key "+f.key+", by which records are told: add it, or create only")
	case f.Destination.Table != ProfileTableType && f.Destination.Table != CustomTableType || f.Destination.TableID == "":
		return f.refuse("definition", "the input file's Destination needs a Table type and a TableID, which may be the table's name")
	case len(f.Mapping) == 0:
		return f.refuse("mapping", "the input file has no Mapping: derive it with a table's InputFile, or name the columns to load")
	}
	_, err := parsePattern(f.FileNamePattern)
	return err
}

// fillFormat decides what a definition leaves open of files that the library does not see.
func (f *InputFile) fillFormat() {
	f.Compression, f.Encoding = cmp.Or(f.Compression, ZIP), cmp.Or(f.Encoding, UTF8)
	f.Format.Separator, f.Format.EndOfLine = cmp.Or(f.Format.Separator, ","), cmp.Or(f.Format.EndOfLine, "\n")
}

func (f *InputFile) refuse(rule, detail string) error {
	return &ValidationError{File: f.FileNamePattern, Rule: rule, Detail: detail}
}
