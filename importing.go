package actito

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/actito-go/actito/internal/multipart"
	"github.com/actito-go/actito/internal/transport"
)

// The names of the form's parts, as version 4 has them.
const (
	partFile       = "inputFile"  // assumed for version 5: one part per file
	partDefinition = "parameters" // assumed for version 5: a file part
)

const (
	// leaseTime is how long a reservation may wait for the first byte; settleTime, how long to wait for the ledger.
	leaseTime  = 5 * time.Minute
	settleTime = 10 * time.Second
)

// ImportOption is given to the calls that start an import: what to load, and how. Every [Data] and *[Staged] is one.
type ImportOption interface{ applyImport(*importRun) }

type importOption func(*importRun)

func (o importOption) applyImport(im *importRun) { o(im) }

func (d Data) applyImport(im *importRun)       { im.data = append(im.data, d) }
func (s *Staged) applyImport(im *importRun)    { im.given = append(im.given, s) }
func (e EmptyCells) applyImport(im *importRun) { im.empty = e }

// Loads names the tables that a stored ETL loads, by name or id, where its definition cannot be read. One import is
// counted for each.
func Loads(tables ...string) ImportOption {
	return importOption(func(im *importRun) { im.loads = append(im.loads, tables...) })
}

// Once starts an import at most once per key, such as "customers-2026-11-23". A second start with the same key and
// content sends nothing and returns the first execution, by its id; with other content it is an error. Keys live as
// long as the ledger that [Quota] names: the one in memory forgets them with the process.
func Once(key string) ImportOption {
	return importOption(func(im *importRun) { im.once = key })
}

// Progress is how far an upload is.
type Progress struct {
	Rows  int // of all files
	Sent  int64
	Total int64 // bytes
}

// OnProgress is called while files are sent, from another goroutine and not concurrently; it must return soon. A
// repeated attempt starts at 0 again.
func OnProgress(f func(Progress)) ImportOption {
	return importOption(func(im *importRun) { im.progress = f })
}

// importRun is one start of an import.
type importRun struct {
	c        *Client
	op       string
	path     string
	segments []string
	etlID    string

	definition *Definition // sent along by one shots
	files      []InputFile // of the definition, if it is known
	data       []Data
	given      []*Staged // staged by the caller
	loads      []string
	empty      EmptyCells
	once       string
	progress   func(Progress)
}

func newImport(c *Client, op string, opts []ImportOption) *importRun {
	im := &importRun{c: c, op: op}
	for _, o := range opts {
		o.applyImport(im)
	}
	return im
}

// run is the way of every import: assign files → stage → form → reserve → send → settle.
func (im *importRun) run(ctx context.Context) (*Execution, error) {
	for i := range im.data {
		if err := im.prepare(&im.data[i]); err != nil {
			return nil, err
		}
	}
	tables, err := im.tables(ctx)
	if err != nil {
		return nil, err
	}
	files, discard, err := im.stage(ctx)
	if err != nil {
		return nil, err
	}
	defer discard()
	form, err := im.form(files)
	if err != nil {
		return nil, err
	}
	if im.c.dryRun {
		im.c.log.LogAttrs(ctx, slog.LevelInfo, "actito: dry run, not sent", slog.String("op", im.op),
			slog.Int("files", len(files)), slog.Int("rows", rowsOfFiles(files)), slog.Int64("bytes", form.Length()))
		return &Execution{ETLID: im.etlID, Status: StatusDryRun}, ctx.Err()
	}
	return im.start(ctx, form, tables, files)
}

// prepare finds the input file that a Data is for and takes over how it is written.
func (im *importRun) prepare(d *Data) error {
	if im.empty != EmptyCellsUndeclared {
		d.blanks.empty = im.empty
	}
	f, err := im.inputFile(d.name)
	if f == nil || err != nil {
		return err
	}
	if d.separator == 0 && f.Format.Separator != "" {
		d.separator = f.Format.Separator[0]
	} else if f.Format.Separator != "" && d.separator != f.Format.Separator[0] {
		return &ValidationError{File: d.name, Rule: "separator", Detail: "SeparatedBy and the definition name different separators"}
	}
	if d.blanks.empty == EmptyCellsUndeclared {
		d.blanks.empty = f.EmptyCells
	}
	d.blanks.createOnly = f.Mode == CreateOnly
	return nil
}

// inputFile finds the input file that a name is for; nil if the definition is not known.
func (im *importRun) inputFile(name string) (*InputFile, error) {
	var found *InputFile
	for i := range im.files {
		if !im.files[i].fits(name) {
			continue
		}
		if found != nil {
			return nil, &ValidationError{File: name, Rule: "file-name",
				Detail: fmt.Sprintf("the name fits two input files of the definition, %s and %s", found.FileNamePattern, im.files[i].FileNamePattern)}
		}
		found = &im.files[i]
	}
	if found == nil && len(im.files) > 0 {
		var patterns []string
		for _, f := range im.files {
			patterns = append(patterns, f.FileNamePattern)
		}
		return nil, &ValidationError{File: name, Rule: "file-name",
			Detail: "the definition has no input file of this name, only " + strings.Join(patterns, ", ")}
	}
	return found, nil
}

// stage stages what the caller has not, and checks all files against the definition.
func (im *importRun) stage(ctx context.Context) (files []StagedFile, discard func(), err error) {
	discard = func() {}
	if len(im.data) > 0 || len(im.given) == 0 {
		staged, err := Stage(ctx, im.data...)
		if err != nil {
			return nil, nil, err
		}
		discard = func() { _ = staged.Close() }
		files = staged.files
	}
	for _, s := range im.given {
		files = append(slices.Clip(files), s.files...)
	}
	if err := im.checkFiles(files); err != nil {
		discard()
		return nil, nil, err
	}
	return files, discard, nil
}

func (im *importRun) checkFiles(files []StagedFile) error {
	taken := make(map[*InputFile]string)
	for i := range files {
		staged := &files[i]
		f, err := im.inputFile(staged.Name)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		if other, ok := taken[f]; ok {
			return &ValidationError{File: staged.Name, Rule: "file-name", Detail: "the definition's " + f.FileNamePattern + " is given twice, also by " + other}
		}
		taken[f] = staged.Name
		for _, m := range f.Mapping {
			if !slices.Contains(staged.header, m.Column) {
				return &ValidationError{File: staged.Name, Line: 1, Column: m.Column, Rule: "missing-column",
					Detail: "the definition maps this column and the file does not have it"}
			}
		}
		if im.definition != nil && staged.lineEnd != "" {
			f.Format.EndOfLine = staged.lineEnd
		}
	}
	for i := range im.files {
		if f := &im.files[i]; !f.Optional && taken[f] == "" {
			return &ValidationError{File: f.FileNamePattern, Rule: "missing-file", Detail: "the definition requires this file, and it was not given"}
		}
	}
	return nil
}

func rowsOfFiles(files []StagedFile) int {
	n := 0
	for _, f := range files {
		n += f.Rows
	}
	return n
}

// form makes the body of the call.
func (im *importRun) form(files []StagedFile) (*multipart.Form, error) {
	var parts []multipart.Part
	if im.definition != nil {
		definition, err := json.Marshal(im.definition)
		if err != nil {
			return nil, err
		}
		parts = append(parts, multipart.Part{Field: partDefinition, File: "parameters.json", ContentType: "application/json",
			Size: int64(len(definition)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(definition)), nil }})
	}
	for i := range files {
		parts = append(parts, files[i].part())
	}
	return multipart.New(parts...)
}

// tables finds the tables that the import loads, once each.
func (im *importRun) tables(ctx context.Context) ([]tableRef, error) {
	var list []tableRef
	add := func(kind TableType, table string) error {
		t, err := im.c.table(ctx, kind, table)
		if err == nil && !slices.ContainsFunc(list, func(o tableRef) bool { return o.ID == t.ID }) {
			list = append(list, t)
		}
		return err
	}
	for _, table := range im.loads {
		if err := add("", table); err != nil {
			return nil, err
		}
	}
	if len(im.loads) == 0 {
		for _, f := range im.files {
			if err := add(f.Destination.Table, f.Destination.TableID); err != nil {
				return nil, err
			}
		}
	}
	if len(list) == 0 {
		return nil, &ValidationError{Rule: "no-tables", Detail: "the stored definition names no table: say with Loads which tables the import loads"}
	}
	return list, nil
}

// start books the import, sends it, and settles what became of it.
func (im *importRun) start(ctx context.Context, form *multipart.Form, tables []tableRef, files []StagedFile) (*Execution, error) {
	quota := im.c.quota
	r := quota.reservation(time.Now())
	r.ID, r.Lease, r.Once = rand.Text(), r.At.Add(leaseTime), im.once
	hash := sha256.New()
	for _, f := range files {
		hash.Write(f.hash[:])
	}
	r.Content = [sha256.Size]byte(hash.Sum(nil))
	for _, t := range tables {
		r.Buckets = append(r.Buckets, quota.bucket(t.ID, t.Name))
	}
	if err := quota.store.Reserve(ctx, r); err != nil {
		return im.refused(err, tables)
	}
	exec, err := im.send(ctx, form, r.ID, rowsOfFiles(files))
	outcome := Used("")
	switch {
	case err == nil:
		outcome.ExecutionID = exec.ID
	case errors.Is(err, ErrOutcomeUnknown):
		outcome = Held()
	default:
		outcome = Free()
	}
	// The outcome is settled even if the caller is gone.
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := quota.store.Settle(settling, r.ID, outcome); err != nil {
		im.c.log.LogAttrs(settling, slog.LevelError, "actito: the import's outcome was not recorded", slog.String("outcome", outcome.State.String()))
	}
	if errors.Is(err, ErrTooManyRequests) {
		return exec, im.tooMany(settling, err, r, tables)
	}
	return exec, err
}

// refused is the answer to a reservation that was not made.
func (im *importRun) refused(err error, tables []tableRef) (*Execution, error) {
	var started *AlreadyStartedError
	if errors.As(err, &started) && started.SameContent && started.ExecutionID != "" {
		return &Execution{ID: started.ExecutionID, ETLID: im.etlID}, nil
	}
	var used *QuotaError
	if errors.As(err, &used) {
		named := *used
		for _, t := range tables {
			if t.ID == used.Table {
				named.Table = t.Name
			}
		}
		return nil, &named
	}
	return nil, err
}

// send sends the form once its turn has come.
func (im *importRun) send(ctx context.Context, form *multipart.Form, reservation string, rows int) (*Execution, error) {
	r := request{op: im.op, method: http.MethodPost, path: im.path, segments: im.segments, answer: transport.Maybe, class: BackgroundWork,
		file:  &upload{contentType: form.ContentType(), length: form.Length(), open: im.counted(form, rows)},
		begin: func(ctx context.Context) error { return im.c.quota.store.Begin(ctx, reservation) }}
	reply, err := im.c.send(ctx, &r, nil)
	if err != nil {
		return nil, err
	}
	exec := &Execution{}
	if decoded, err := im.c.decodeExecution(reply.body); err == nil {
		exec = decoded
	}
	exec.ETLID = or(exec.ETLID, im.etlID)
	if exec.ID = or(exec.ID, newID(reply)); exec.ID == "" {
		return nil, &OutcomeUnknownError{RowsMayBeImported: true, UnitMayBeUsed: true,
			Err: r.undecodable(reply, errors.New("it accepts the import and does not say its id"))}
	}
	return exec, nil
}

// counted opens the form with its progress reported.
func (im *importRun) counted(form *multipart.Form, rows int) func() (io.ReadCloser, error) {
	if im.progress == nil {
		return form.Open
	}
	return func() (io.ReadCloser, error) {
		body, err := form.Open()
		return &countedBody{ReadCloser: body, report: im.progress, p: Progress{Rows: rows, Total: form.Length()}}, err
	}
}

type countedBody struct {
	io.ReadCloser
	report func(Progress)
	p      Progress
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.p.Sent += int64(n)
	b.report(b.p)
	return n, err
}

// tooMany finds out which limit a start ran into that was answered 429 to the end: one cheap read is refused too if
// it is the one for concurrent requests. Otherwise Actito counts more imports than the ledger does, and a table that
// was alone in the import is closed until its budget resets.
func (im *importRun) tooMany(ctx context.Context, err error, r Reservation, tables []tableRef) error {
	if _, probe := im.c.Entities.List(ctx); probe != nil {
		return err
	}
	resetAt := r.ResetAt
	if resetAt.IsZero() {
		resetAt = r.At.Add(r.Rolling)
	}
	if len(tables) == 1 {
		if closing := im.c.quota.store.Close(ctx, tables[0].ID, resetAt); closing != nil {
			return errors.Join(err, closing)
		}
	}
	var names []string
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return &QuotaError{Table: strings.Join(names, " or "), Limit: r.Buckets[0].Limit, ResetAt: resetAt, Err: err}
}
