package actito

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/actito-go/actito/internal/multipart"
	"github.com/actito-go/actito/internal/transport"
)

// The names of the form's parts, as version 4 has them.
const (
	partFile       = "inputFile"  // assumed for version 5: one part per file
	partDefinition = "parameters" // assumed for version 5: a file part
)

// ImportOption is given to the calls that start an import: what to load, and how. Every [Data] and *[Staged] is one.
type ImportOption interface{ applyImport(*importRun) }

type importOption func(*importRun)

func (o importOption) applyImport(im *importRun) { o(im) }

func (d Data) applyImport(im *importRun)       { im.data = append(im.data, d) }
func (s *Staged) applyImport(im *importRun)    { im.given = append(im.given, s) }
func (e EmptyCells) applyImport(im *importRun) { im.empties = append(im.empties, e) }

// Loads names the tables that a stored ETL loads, by name or id, where its definition cannot be read. One import is
// counted for each.
func Loads(tables ...string) ImportOption {
	return importOption(func(im *importRun) { im.loads = append(im.loads, tables...) })
}

// Once starts an import at most once per key, such as "customers-2026-11-23". A second start with the same key and
// content sends nothing and returns the first execution, by its id and marked AlreadyStarted; with other content, or
// while the outcome of the first is unknown, it is an [AlreadyStartedError]: [ExecutionService.Reconcile] settles that one. A start that the server refused frees its
// key; an execution that failed keeps it, since some of its rows may be loaded: choose another key for the next try.
// Of an import that [SplitAbove] cut, each part has a key of its own, so that a second start sends only what is missing.
// Keys live as long as the ledger that [Quota] names: the one in memory forgets them with the process.
func Once(key string) ImportOption {
	return importOption(func(im *importRun) { im.once, im.keyed = key, true })
}

// Urgent lets an import use what [Quota].KeepFree keeps for such.
func Urgent() ImportOption { return importOption(func(im *importRun) { im.urgent = true }) }

// Progress is how far an upload is.
type Progress struct {
	Rows  int // of all files
	Sent  int64
	Total int64 // bytes
}

// OnProgress is called while files are sent, from another goroutine, not concurrently, and not any more once the call
// that starts the import has returned; it must return soon. A repeated attempt starts at 0 again.
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
	empty      EmptyCells   // the one of empties
	empties    []EmptyCells // as they were declared
	once       string
	keyed      bool // once was given
	urgent     bool
	progress   func(Progress)
	prepared   func(Handle) error

	// What assign finds, if the definition is known.
	plan   map[string]*InputFile // of the files that were given, by their names
	loaded []*InputFile          // those for which a file was given, in the order of the definition
}

func newImport(c *Client, op string, opts []ImportOption) *importRun {
	im := &importRun{c: c, op: op}
	for _, o := range opts {
		if o != nil {
			o.applyImport(im)
		}
	}
	return im
}

// check refuses options that cannot be meant.
func (im *importRun) check() error {
	for _, s := range im.given {
		if s == nil {
			return &ValidationError{Rule: "no-data", Detail: "a *Staged is nil: look at the error of Stage"}
		}
	}
	if im.keyed && im.once == "" {
		return &ValidationError{Column: "Once", Rule: "once", Detail: "the key is empty: name what is imported, or leave Once out"}
	}
	if !utf8.ValidString(im.once) {
		return &ValidationError{Column: "Once", Rule: "once", Detail: "the key is not UTF-8 text"}
	}
	for _, e := range im.empties {
		if im.empty != EmptyCellsUndeclared && e != im.empty {
			return &ValidationError{Rule: "empty-cells", Detail: "Keep and Clear are both given to one import: an empty cell does one or the other"}
		}
		im.empty = e
	}
	return nil
}

// run is the way of every import: assign files → stage → parts → reserve → send → settle.
func (im *importRun) run(ctx context.Context) (*Execution, error) {
	if err := im.check(); err != nil {
		return nil, err
	}
	if err := im.assign(); err != nil {
		return nil, err
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
	parts, err := im.parts(ctx, files, tables)
	if err != nil {
		return nil, err
	}
	if im.c.dryRun {
		im.c.log.LogAttrs(ctx, slog.LevelInfo, "actito: dry run, not sent", slog.String("op", im.op),
			slog.Int("files", len(files)), slog.Int("rows", rowsOfFiles(files)), slog.Int64("bytes", bytesOf(parts)))
		return &Execution{ETLID: im.etlID, Status: StatusDryRun}, ctx.Err()
	}
	return im.start(ctx, parts)
}

func rowsOfFiles(files []StagedFile) int {
	n := 0
	for _, f := range files {
		n += f.Rows
	}
	return n
}

// send sends a part once its turn has come.
func (im *importRun) send(ctx context.Context, p *part, progress *reporter) (*Execution, error) {
	form := p.form
	call := request{op: im.op, method: http.MethodPost, path: im.path, segments: im.segments, answer: transport.Maybe, class: BackgroundWork,
		file: &upload{contentType: form.ContentType(), length: form.Length(), open: progress.opened(form)}, begin: p.booking.begin}
	reply, err := im.c.send(ctx, &call, nil)
	if err != nil {
		return nil, err
	}
	exec := &Execution{}
	if decoded, err := im.c.decodeExecution(reply.body); err == nil {
		exec = decoded
	}
	exec.ETLID = cmp.Or(exec.ETLID, im.etlID)
	if exec.ID = cmp.Or(exec.ID, newID(reply)); exec.ID == "" {
		return nil, &OutcomeUnknownError{RowsMayBeImported: true, UnitMayBeUsed: true,
			Err: call.undecodable(reply, errors.New("it accepts the import and does not say its id"))}
	}
	return exec, nil
}

// reporter reports the progress of an upload. The transport may still read a body when its answer is there.
type reporter struct {
	before int64 // bytes of the parts that were sent
	mu     sync.Mutex
	report func(Progress) // nil once the call has ended
	p      Progress
}

// opened opens the form with its progress reported.
func (r *reporter) opened(form *multipart.Form) func() (io.ReadCloser, error) {
	if r.report == nil {
		return form.Open
	}
	before := r.before
	return func() (io.ReadCloser, error) {
		body, err := form.Open()
		return &reportedBody{ReadCloser: body, to: r, sent: before}, err
	}
}

func (r *reporter) show(sent int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.report != nil {
		r.p.Sent = sent
		r.report(r.p)
	}
}

func (r *reporter) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report = nil
}

type reportedBody struct {
	io.ReadCloser
	to   *reporter
	sent int64 // by the parts before this one too
}

func (b *reportedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.sent += int64(n)
		b.to.show(b.sent)
	}
	return n, err
}
