package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/actito-go/actito/internal/multipart"
	"github.com/actito-go/actito/internal/transport"
)

// The names of the form's parts, as version 4 has them. See [WithPartNames].
const (
	partFile       = "inputFile"  // assumed for version 5: one part per file
	partDefinition = "parameters" // assumed for version 5: a file part
)

type partNames struct{ file, definition string }

// ImportOption is given to the calls that start an import: what to load, and how. Every [Data] and *[Staged] is one.
type ImportOption interface{ applyImport(*importRun) }

type importOption func(*importRun)

func (o importOption) applyImport(im *importRun) { o(im) }

func (d Data) applyImport(im *importRun)       { im.data = append(im.data, d) }
func (s *Staged) applyImport(im *importRun)    { im.given = append(im.given, s) }
func (e EmptyCells) applyImport(im *importRun) { im.empties = append(im.empties, e) }

// Loads names the tables that an import loads, by name or id, where its definition is stored and cannot be read, or is a
// [RawDefinition] that does not tell. One import is counted for each. Files are not compared with a definition that cannot
// be read: a column may be transformed here and by it, which a warning in the log says, and rows [OnServer] are refused.
func Loads(tables ...string) ImportOption {
	return importOption(func(im *importRun) { im.loads = append(im.loads, tables...) })
}

// Once starts an import at most once per key, such as "customers-2026-11-23". A second start with the same key and
// content sends nothing and returns the first execution, by its id and marked AlreadyStarted; with other content, or
// while the outcome of the first is unknown, it is an [AlreadyStartedError]: [ExecutionService.Reconcile] settles that
// one. A start that the server refused frees its key; an execution that failed keeps it, since some of its rows may be
// loaded: choose another key for the next try.
// Of an import that [SplitAbove] cut, each part has a key of its own, so that a second start sends only what is missing.
// Keys live as long as the ledger that [Quota] names: the one in memory forgets them with the process.
func Once(key string) ImportOption {
	return importOption(func(im *importRun) { im.once, im.keyed = key, true })
}

// Urgent lets an import use what [Quota].KeepFree keeps for such.
func Urgent() ImportOption { return importOption(func(im *importRun) { im.urgent = true }) }

// Phase is what an import is at.
type Phase uint8

// The phases, in their order.
const (
	Staging   Phase = iota + 1 // rows are encoded or files checked, and compressed
	Uploading                  // bytes are sent
)

func (p Phase) String() string {
	switch p {
	case Staging:
		return "staging"
	case Uploading:
		return "uploading"
	}
	return fmt.Sprintf("Phase(%d)", uint8(p))
}

// Progress is how far an import is.
type Progress struct {
	Phase Phase
	Rows  int   // of all files; while staging, so far
	Sent  int64 // bytes sent so far; while staging, bytes of CSV text so far
	Total int64 // bytes to send; 0 while staging
}

// OnProgress is called while files are staged and sent, not concurrently, at most once per 64 KiB and at the end of each,
// and not any more once the call that starts the import has returned. While files are sent that is from another goroutine,
// and it must return soon. A repeated attempt starts at 0 again. What the server does then is told by [WaitProgress].
func OnProgress(f func(Progress)) ImportOption {
	return importOption(func(im *importRun) { im.progress = f })
}

// reportEvery is how many bytes pass between reports of progress.
const reportEvery = 64 << 10

// importRun is one start of an import.
type importRun struct {
	c        *Client
	op       string
	path     string
	segments []string
	etlID    string

	definition *Definition  // sent along by one shots
	parameters []byte       // sent along as they are, in place of definition
	location   *LocationRef // of a one shot's definition, nil if it has none or is not known
	files      []InputFile  // of the definition, if it is known
	data       []Data
	given      []*Staged // staged by the caller
	remotes    []remote
	loads      []string
	empty      EmptyCells   // the one of empties
	empties    []EmptyCells // as they were declared
	once       string
	keyed      bool // once was given
	urgent     bool
	progress   func(Progress)
	guards     []guard
	allowBoth  []string // columns
	splits     bool     // SplitAbove was given
	splitAbove int64    // bytes
	prepared   func(Handle) error
	lookUps    int  // parents; negative: parents are not checked
	orphans    bool // nor here: imports before this one may load them
	oneArchive bool
	repeats    bool // Repeats was given
	failed     *ImportError
	force      bool
	renews     bool // prepared takes another Handle, if a reservation is made once more

	// What assign finds, if the definition is known.
	plan    map[string]*InputFile // of the files that were given, by their names
	loaded  []*InputFile          // those for which a file was given, in the order of the definition
	fetched []*InputFile          // those of which the server fetches the file

	references []reference // of the files in loaded
	archive    *Staged     // of all files, with OneArchive
}

func newImport(c *Client, op string, opts []ImportOption) *importRun {
	im := &importRun{c: c, op: op, lookUps: defaultLookUps}
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
	if len(im.remotes) > 0 && len(im.data)+len(im.given) == 0 && (im.splits || im.oneArchive || len(im.guards) > 0) {
		return &ValidationError{Column: "Remote", Rule: "remote",
			Detail: "the server fetches all files of this import: SplitAbove, OneArchive, MinRows, MaxRows and MaxEmpty have nothing to look at"}
	}
	if im.splits && im.oneArchive {
		return &ValidationError{Column: "OneArchive", Rule: "one-archive",
			Detail: "SplitAbove takes several calls, and OneArchive puts all files into one: leave one of them out"}
	}
	if im.splitAbove < 0 {
		return &ValidationError{Column: "SplitAbove", Rule: "split",
			Detail: "the size is negative: give bytes, or 0 for the most that Actito takes"}
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
	files, parts, discard, err := im.ready(ctx)
	if err != nil {
		return nil, err
	}
	defer discard()
	if im.c.dryRun {
		im.c.log.LogAttrs(ctx, slog.LevelInfo, "actito: dry run, not sent", slog.String("op", im.op),
			slog.Int("files", len(files)), slog.Int("rows", rowsOfFiles(files)), slog.Int64("bytes", bytesOf(parts)))
		return &Execution{ETLID: im.etlID, Status: StatusDryRun, Refused: refusedOf(files)}, ctx.Err()
	}
	exec, err := im.start(ctx, parts)
	if exec != nil {
		exec.Refused = refusedOf(files)
	}
	return exec, err
}

// ready is the part of that way on which nothing is counted or sent.
func (im *importRun) ready(ctx context.Context) (files []StagedFile, parts []*part, discard func(), err error) {
	if err := im.check(); err != nil {
		return nil, nil, nil, err
	}
	if err := im.assign(); err != nil {
		return nil, nil, nil, err
	}
	if err := im.checkRepeat(); err != nil {
		return nil, nil, nil, err
	}
	tables, err := im.tables(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := im.checkOrder(ctx); err != nil {
		return nil, nil, nil, err
	}
	files, unstage, err := im.stage(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	discard = func() {
		unstage()
		_ = im.archive.Close()
	}
	if err = im.checkParents(ctx, files); err == nil {
		parts, err = im.parts(ctx, files, tables)
	}
	if err != nil {
		discard()
		return nil, nil, nil, err
	}
	return files, parts, discard, nil
}

func refusedOf(files []StagedFile) []Refusal {
	var list []Refusal
	for _, f := range files {
		list = append(list, f.Refused...)
	}
	return list
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
	if exec.ID = cmp.Or(exec.ID, newID(reply)); !isExecutionID(exec.ID) {
		return nil, &OutcomeUnknownError{RowsMayBeImported: true, UnitMayBeUsed: true,
			Err: call.undecodable(reply, errors.New("it accepts the import and does not say its id"))}
	}
	return exec, nil
}

// isExecutionID refuses what is no id but something else that the server says: ids are logged and stand in ledgers.
func isExecutionID(s string) bool {
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"@<>`, r) })
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
		return &reportedBody{ReadCloser: body, to: r, sent: before, reported: before}, err
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
	to       *reporter
	sent     int64 // by the parts before this one too
	reported int64
}

func (b *reportedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.sent += int64(n)
		if b.sent-b.reported >= reportEvery || b.sent == b.to.p.Total {
			b.reported = b.sent
			b.to.show(b.sent)
		}
	}
	return n, err
}
