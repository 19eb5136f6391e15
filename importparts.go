package actito

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/actito-go/actito/internal/multipart"
)

// part is one of the calls that an import takes: all of it, unless SplitAbove cut a file.
type part struct {
	im         *importRun
	number, of int
	apart      bool // a file was cut, and each has a call of its own
	files      []StagedFile
	tableIDs   []string   // of the files; "" where the definition is not known
	tables     []tableRef // that are counted
	once       string     // "" for none
	content    [sha256.Size]byte
	mark       string // of the Handle
	form       *multipart.Form

	// Of a part that waits for other imports to end:
	id      string // of the reservation; "" for a new one
	lasting bool   // the reservation may lie until its unit does not count any more

	booking  *booking
	started  *Execution // in place of a booking: by a former call with the same key
	accepted string     // the id of its execution
	notSent  bool       // it was given up
	ended    time.Time  // when the call did, with an outcome that is not known
}

// parts makes the calls of an import, in the order in which they are sent.
func (im *importRun) parts(ctx context.Context, files []StagedFile, tables []tableRef) ([]*part, error) {
	calls, err := im.calls(files)
	if err != nil {
		return nil, err
	}
	var parts []*part
	for i, files := range calls {
		p := &part{im: im, number: i + 1, of: len(calls), apart: len(calls) > 1, files: files, tables: tables, once: im.once}
		if i > 0 && p.once != "" {
			// The first has the key of an import that is not cut, so that one excludes the other.
			p.once = fmt.Sprintf("%s part %d", im.once, p.number)
		}
		if err := im.tablesOfPart(ctx, p); err != nil {
			return nil, err
		}
		if err := im.fill(p); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// calls divides the files among calls: one for all, or if one of them was cut, one for each, in the order of the
// definition. Then the rows of a file are loaded before those of the next one, which may refer to them.
func (im *importRun) calls(files []StagedFile) ([][]StagedFile, error) {
	if !slices.ContainsFunc(files, func(f StagedFile) bool { return f.Part > 0 }) {
		return [][]StagedFile{files}, nil
	}
	if im.definition == nil {
		for _, f := range files {
			missing := slices.IndexFunc(im.files, func(in InputFile) bool { return !in.Optional && !in.fits(f.Name) })
			if missing >= 0 || f.Name != files[0].Name && len(im.files) == 0 {
				return nil, &ValidationError{File: f.Name, Rule: "split",
					Detail: "SplitAbove takes several calls, and the stored definition requires several files in each: use RunOnce, or import fewer rows"}
			}
		}
	}
	if len(im.remotes) > 0 {
		return nil, &ValidationError{File: files[0].Name, Rule: "split",
			Detail: "SplitAbove takes several calls, and the server would fetch the files of Remote in each: import them apart"}
	}
	var calls [][]StagedFile
	for i := range files {
		calls = append(calls, files[i:i+1])
	}
	return calls, nil
}

// tablesOfPart finds the tables of a part's files. [importRun.tables] looked them up before, so that they are known.
func (im *importRun) tablesOfPart(ctx context.Context, p *part) error {
	p.tableIDs = make([]string, len(p.files))
	if len(im.loads) > 0 {
		return nil
	}
	var tables []tableRef
	for i, f := range p.files {
		to := im.plan[f.Name].Destination
		t, err := im.c.table(ctx, to.Table, to.TableID)
		if err != nil {
			return err
		}
		p.tableIDs[i] = t.ID
		if !slices.Contains(tables, t) {
			tables = append(tables, t)
		}
	}
	if p.apart {
		p.tables = tables
	}
	return nil
}

// fill makes the body of a part's call, with its mark, and the hash that [Once] compares, without it.
func (im *importRun) fill(p *part) error {
	letters := newMark()
	p.mark = ""
	plain, definition := im.parameters, im.parameters
	if im.definition != nil {
		d := *im.definition
		if p.apart {
			d.Files = slices.DeleteFunc(slices.Clone(d.Files), func(in InputFile) bool { return !in.fits(p.files[0].Name) })
		}
		var err error
		if plain, err = json.Marshal(d); err == nil {
			d.Name = marked(d.Name, letters)
			definition, err = json.Marshal(d)
		}
		if err != nil {
			return &ValidationError{Rule: "json", Detail: "the definition cannot be encoded as JSON", Err: err}
		}
		if bytes.Contains(definition, []byte(letters)) { // else the caller's own JSON says the name
			p.mark = markName + letters
		}
	}
	var list []multipart.Part
	if definition != nil {
		list = append(list, multipart.Part{Field: im.c.parts.definition, File: "parameters.json", ContentType: "application/json",
			Size: int64(len(definition)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(definition)), nil }})
	}
	sent := p.files
	if im.oneArchive && len(p.files) > 0 {
		_ = im.archive.Close() // of rows of which some were held back since
		var err error
		if im.archive, err = (bounds{limit: maxFileSize, memory: stagingMemory}).bundle(p.files); err != nil {
			return err
		}
		sent = im.archive.files
	}
	for i := range sent {
		f := sent[i].part(im.c.parts.file)
		if name, isZIP := strings.CutSuffix(f.File, ".zip"); isZIP && f.ContentType == "application/zip" {
			f.File = name + "-" + markArchive + letters + ".zip" // its name is independent of the CSV file's (documented)
			p.mark = cmp.Or(p.mark, markArchive+letters)
		}
		list = append(list, f)
	}
	p.content = im.content(plain, p.files)
	var err error
	p.form, err = multipart.New(list...)
	return err
}

// marked is the name of a one shot with a mark behind it.
func marked(name, letters string) string {
	if name == "" {
		return markName + letters
	}
	return name + " [" + markName + letters + "]"
}

// content identifies what is imported, and how, for [Once]. A file's name is no part of it: it may hold the date.
func (im *importRun) content(definition []byte, files []StagedFile) [sha256.Size]byte {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q\n", im.c.entity, im.etlID, definition)
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b StagedFile) int { return strings.Compare(a.Name, b.Name) }) {
		hash.Write(f.hash[:])
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// handle tells the import as it is now.
func (im *importRun) handle(parts []*part) Handle {
	if len(parts) == 1 {
		h := im.handleOf(parts[0])
		h.Refused = refusedWithoutKeys(parts)
		return h
	}
	whole := Handle{Entity: im.c.entity, ETLID: im.etlID, Refused: refusedWithoutKeys(parts)}
	for _, p := range parts {
		h := im.handleOf(p)
		if whole.Prepared.IsZero() {
			whole.Prepared = h.Prepared
		}
		whole.Parts = append(whole.Parts, h)
	}
	return whole
}

func (im *importRun) handleOf(p *part) Handle {
	h := Handle{Entity: im.c.entity, ETLID: im.etlID, Fetched: len(im.remotes) > 0}
	if p.started != nil {
		h.ExecutionID = p.started.ID
	} else {
		h.ID, h.Prepared, h.Mark, h.Ended, h.NotSent = p.booking.ID, p.booking.At.Round(0), p.mark, p.ended.Round(0), p.notSent
		h.ExecutionID, h.Uncounted = p.accepted, im.c.quota.failOpen && p.booking.Once == ""
	}
	for _, t := range p.tables {
		h.Tables = append(h.Tables, t.ID)
	}
	for i, f := range p.files {
		told := HandleFile{Name: f.Name, Rows: f.Rows, Table: p.tableIDs[i]}
		if in := im.plan[f.Name]; in != nil {
			told.Optional, told.Mode = in.Optional, in.Mode
		}
		h.Files = append(h.Files, told)
	}
	return h
}

// refusedWithoutKeys are the rows that were left out, without what may be personal data.
func refusedWithoutKeys(parts []*part) (list []Refusal) {
	for _, p := range parts {
		for _, f := range p.files {
			for _, r := range f.Refused {
				list = append(list, Refusal{File: r.File, Row: r.Row, Reason: r.Reason})
			}
		}
	}
	return list
}

// loads reports whether a part loads a table, or tables together, as a [QuotaError] names them.
func (p *part) loads(table string) bool {
	return joinNames(p.tables, " and ") == table || slices.ContainsFunc(p.tables, func(t tableRef) bool { return t.Name == table })
}

// named says which part of several an error is about.
func (p *part) named(err error) error {
	if p.of == 1 {
		return err
	}
	return within(err, "part %d of %d", p.number, p.of)
}

func rowsOfParts(parts []*part) (n int) {
	for _, p := range parts {
		n += rowsOfFiles(p.files)
	}
	return n
}

func bytesOf(parts []*part) (n int64) {
	for _, p := range parts {
		n += p.form.Length()
	}
	return n
}
