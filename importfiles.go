package actito

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// assign finds the input file that each of the files is for, and takes over from it how rows are written.
func (im *importRun) assign() error {
	var names []string
	for _, d := range im.data {
		if err := d.check(); err != nil {
			return err
		}
		names = append(names, d.name)
	}
	for _, s := range im.given {
		for _, f := range s.files {
			if f.Part <= 1 {
				names = append(names, f.Name)
			}
		}
	}
	if len(names) == 0 && len(im.remotes) == 0 {
		return fmt.Errorf("%w: no data was given", ErrNoRows)
	}
	im.plan = make(map[string]*InputFile)
	taken := make(map[*InputFile]string)
	for _, name := range names {
		f, err := im.inputFile(name)
		if err != nil {
			return err
		}
		if _, twice := im.plan[name]; twice {
			return &ValidationError{File: name, Rule: "file-name", Detail: "two files of one import have this name"}
		}
		if other, twice := taken[f]; twice && f != nil {
			return &ValidationError{File: name, Rule: "file-name", Detail: "the definition's " + f.FileNamePattern + " is given twice, also by " + other}
		}
		im.plan[name], taken[f] = f, name
	}
	if err := im.assignRemotes(taken); err != nil {
		return err
	}
	for i := range im.files {
		f := &im.files[i]
		switch {
		case taken[f] != "":
			if err := f.sendable(); err != nil && !slices.Contains(im.fetched, f) {
				return err
			}
			im.loaded = append(im.loaded, f)
		case !f.Optional:
			return f.refuse("missing-file", "the definition requires this file, and it was not given")
		}
	}
	for i := range im.data {
		if err := im.prepare(&im.data[i]); err != nil {
			return err
		}
	}
	return nil
}

// inputFile finds the input file that a name is for; nil if the definition is not known.
func (im *importRun) inputFile(name string) (*InputFile, error) {
	var found *InputFile
	var patterns []string
	for i := range im.files {
		f := &im.files[i]
		patterns = append(patterns, f.FileNamePattern)
		if !f.fits(name) {
			continue
		}
		if found != nil {
			return nil, &ValidationError{File: name, Rule: "file-name",
				Detail: fmt.Sprintf("the name fits two input files of the definition, %s and %s", found.FileNamePattern, f.FileNamePattern)}
		}
		found = f
	}
	if found == nil && len(im.files) > 0 {
		return nil, &ValidationError{File: name, Rule: "file-name",
			Detail: "the definition has no input file of this name, only " + strings.Join(patterns, ", ")}
	}
	return found, nil
}

// prepare tells a Data what its input file says about how it is written.
func (im *importRun) prepare(d *Data) error {
	f := im.plan[d.name]
	if f == nil {
		f = &InputFile{}
	}
	if d.separator == 0 && f.Format.Separator != "" {
		d.separator = f.Format.Separator[0]
	}
	if !d.excel { // which makes UTF-8
		d.encoding = cmp.Or(d.encoding, f.Encoding)
	}
	d.compression = cmp.Or(d.compression, f.Compression)
	d.blanks.createOnly = f.Mode == CreateOnly
	var err error
	if d.blanks.empty, err = im.emptyCells(d.name, f, d.blanks.empty); err != nil {
		return err
	}
	d.key = f.column(f.key)
	return im.checkLocal(d, im.plan[d.name])
}

// emptyCells is the declaration that counts for a file: where several are made, they agree.
func (im *importRun) emptyCells(file string, f *InputFile, own EmptyCells) (EmptyCells, error) {
	for _, e := range []EmptyCells{im.empty, f.EmptyCells} {
		if own != EmptyCellsUndeclared && e != EmptyCellsUndeclared && e != own {
			return own, &ValidationError{File: file, Rule: "empty-cells", Detail: "EmptyCells is declared as both Keep and Clear for this file"}
		}
		own = cmp.Or(own, e)
	}
	return own, nil
}

// stage stages what the caller has not, and checks all files against the definition, in whose order they are from then on.
func (im *importRun) stage(ctx context.Context) (files []StagedFile, discard func(), err error) {
	discard = func() {}
	if len(im.data) > 0 {
		b := bounds{limit: maxFileSize, memory: stagingMemory, splits: im.splits, staging: im.stagingReporter()}
		if im.splitAbove > 0 {
			b.limit = min(b.limit, im.splitAbove)
		}
		staged, err := b.stage(ctx, im.data)
		if err != nil {
			return nil, nil, err
		}
		discard = func() { _ = staged.Close() }
		files = staged.Files()
	}
	for _, s := range im.given {
		files = append(files, s.files...)
	}
	place := func(f StagedFile) int {
		return slices.IndexFunc(im.files, func(in InputFile) bool { return in.fits(f.Name) })
	}
	slices.SortStableFunc(files, func(a, b StagedFile) int { return place(a) - place(b) })
	if err := im.checkFiles(ctx, files); err != nil {
		discard()
		return nil, nil, err
	}
	return files, discard, nil
}

func (im *importRun) checkFiles(ctx context.Context, files []StagedFile) error {
	for i := range files {
		if err := im.checkStaged(&files[i]); err != nil {
			return err
		}
	}
	for _, check := range im.guards {
		if err := check(ctx, byFile(files)); err != nil {
			return err
		}
	}
	return nil
}

// stagingReporter adds up what is staged.
func (im *importRun) stagingReporter() func(rows int, text int64) {
	if im.progress == nil {
		return nil
	}
	p := Progress{Phase: Staging}
	return func(rows int, text int64) {
		p.Rows += rows
		p.Sent += text
		im.progress(p)
	}
}

// checkStaged compares a file with the definition. What a one shot's definition leaves open is the file's.
func (im *importRun) checkStaged(s *StagedFile) error {
	if _, err := s.compressed.content(); err != nil {
		return err // the caller closed it
	}
	f := im.plan[s.Name]
	if f == nil {
		return im.placed(s.Name, nil, s.local, s.onServer)
	}
	refuse := func(line int, column, rule, detail string) error {
		return &ValidationError{File: s.Name, Line: line, Column: column, Rule: rule, Detail: detail}
	}
	if _, err := im.emptyCells(s.Name, f, s.empty); err != nil {
		return err
	}
	if err := im.checkStagedLocal(s, f); err != nil {
		return err
	}
	if im.definition != nil {
		f.Encoding, f.Compression = cmp.Or(f.Encoding, s.Encoding), cmp.Or(f.Compression, s.Compression)
		f.Format.Separator, f.Format.EndOfLine = cmp.Or(f.Format.Separator, string(s.separator)), cmp.Or(f.Format.EndOfLine, s.lineEnd)
	}
	if declared := cmp.Or(f.Encoding, UTF8); declared != s.Encoding {
		return refuse(0, "", "encoding", fmt.Sprintf("the file is in %s, and the definition says %s", s.Encoding, declared))
	}
	if declared := cmp.Or(f.Compression, ZIP); declared != s.Compression {
		return refuse(0, "", "compression", fmt.Sprintf("the file is staged as %s, and the definition says %s: see Pack", s.Compression, declared))
	}
	if declared := f.Format.Separator; declared != "" && declared != string(s.separator) {
		return refuse(0, "", "separator", fmt.Sprintf("the file's cells are separated by %q, and the definition says %q", s.separator, declared))
	}
	if declared := f.Format.EndOfLine; declared != s.lineEnd && (declared == "\n" || declared == "\r\n") {
		return refuse(0, "", "line-end", fmt.Sprintf("the file's lines end in %q, and the definition says %q", s.lineEnd, declared))
	}
	if len(f.Mapping) == 0 {
		return nil // of a stored definition in another form
	}
	for _, m := range f.Mapping {
		if !slices.Contains(s.header, m.Column) {
			return refuse(1, m.Column, "missing-column", "the definition maps this column and the file does not have it")
		}
	}
	for _, column := range s.header {
		mapped := slices.ContainsFunc(f.Mapping, func(m Mapping) bool { return m.Column == column })
		if own := (&schema{table: f.Destination.Table}).fromServer(column); !mapped && !own {
			return refuse(1, shownColumn(column), "unmapped-column",
				"the definition does not map this column, so its values would be lost: map it, or leave it out")
		}
	}
	return nil
}

// sendable finds what the library cannot send, although a stored definition may say it for files that come otherwise.
func (f *InputFile) sendable() error {
	switch {
	case f.Compression != "" && !f.Compression.known():
		return f.refuse("compression", "the definition expects another compression than ZIP, GZIP or NONE, in which files are sent")
	case f.Encoding != "" && f.Encoding != UTF8 && f.Encoding != ISO88591:
		return f.refuse("encoding", "the definition expects another encoding than UTF-8 or ISO-8859-1, in which files are sent")
	case len(f.Format.Separator) > 1:
		return f.refuse("separator", "the definition's separator must be one ASCII character")
	case cmp.Or(f.Format.Enclosing, `"`) != `"` || cmp.Or(f.Format.Escaping, `"`) != `"`:
		return f.refuse("quote", "the definition expects other quotes than the double quote")
	}
	return nil
}

// tables finds the tables that the import loads, once each: an optional file that was not given loads none.
func (im *importRun) tables(ctx context.Context) ([]tableRef, error) {
	var list []tableRef
	add := func(kind TableType, table string) error {
		t, err := im.c.table(ctx, kind, table)
		if err == nil && !slices.Contains(list, t) {
			list = append(list, t)
		}
		return err
	}
	for _, table := range im.loads {
		if err := add("", table); err != nil {
			return nil, err
		}
	}
	if len(im.loads) > 0 {
		return list, nil
	}
	for _, f := range im.loaded {
		if f.Destination.TableID == "" {
			return nil, errNoTables
		}
		if err := add(f.Destination.Table, f.Destination.TableID); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errNoTables
	}
	return list, nil
}

var errNoTables = &ValidationError{Rule: "no-tables", Detail: "the definition does not say which tables the import loads: name them with Loads"}
