package actito

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/actito-go/actito/internal/transport"
)

const (
	pathETLs    = "/mass-imports/v5/entities/{entity}/etls" // assumed, but for its /{etl}
	pathETL     = pathETLs + "/{etl}"
	pathTrigger = pathETL + "/trigger-execution"
)

// ETLService keeps definitions and starts imports.
type ETLService struct{ c *Client }

// Create stores a definition and returns its id (assumed: the call). What starts it: with a Schedule, the clock; with a
// Location alone, a file that arrives there; and [ETLService.Trigger]. Of files that the server fetches, Compression says
// how they lie there, which may not be the default. Tables may be named; the definition is stored with their ids, and
// with the defaults of the fields at zero. Several files must be in an order that their foreign keys allow, as
// [ETLService.Ordered] gives it; that of a [RawDefinition] is not checked. Transformations of kinds that the server is not
// known to have are refused, and so is [InputFile.Local] where the server fetches the file: it never passes here. Elsewhere
// a warning is logged, since it is not stored: each Trigger has to bring it. The call is repeated only after failures in
// which the server certainly did nothing.
//
//actito:call POST /mass-imports/v5/entities/{entity}/etls [assumed]
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *ETLService) Create(ctx context.Context, d Definition, opts ...CallOption) (string, error) {
	r := request{op: "create ETL", method: http.MethodPost, path: pathETLs, answer: transport.Maybe}
	if err := d.executable(); err != nil {
		return "", err
	}
	if err := s.encode(ctx, d, &r); err != nil {
		return "", err
	}
	reply, err := s.c.send(ctx, &r, opts)
	if err != nil {
		return "", err
	}
	id := newID(reply)
	if id == "" && !s.c.dryRun {
		return "", r.undecodable(reply, errors.New("the ETL is stored and its id is not said"))
	}
	return id, nil
}

// Get reads a stored definition. Fields that the library has no name for are in Extra.
//
//actito:call GET /mass-imports/v5/entities/{entity}/etls/{etl} [documented]
func (s *ETLService) Get(ctx context.Context, id string, opts ...CallOption) (*Definition, error) {
	r := request{op: "get ETL", method: http.MethodGet, path: pathETL, segments: []string{escape(id)}, repeatable: true, class: Listing}
	d := new(Definition)
	if err := s.c.read(ctx, &r, d, opts); err != nil {
		return nil, err
	}
	return d, nil
}

// List reads the stored definitions (assumed: the call and its envelope; a bare array is accepted too).
//
//actito:call GET /mass-imports/v5/entities/{entity}/etls [assumed]
func (s *ETLService) List(ctx context.Context, opts ...CallOption) ([]Definition, error) {
	r := request{op: "list ETLs", method: http.MethodGet, path: pathETLs, repeatable: true, class: Listing}
	var list []Definition
	return list, s.c.readList(ctx, &r, "etls", &list, opts)
}

// Replace replaces a stored definition (assumed: the call). It is completed as by Create. Of a definition that was read
// by Get, everything that was not changed stays, fields and kinds of transformations that the library does not know
// included.
//
//actito:call PUT /mass-imports/v5/entities/{entity}/etls/{etl} [assumed]
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *ETLService) Replace(ctx context.Context, id string, d Definition, opts ...CallOption) error {
	r := request{op: "replace ETL", method: http.MethodPut, path: pathETL, segments: []string{escape(id)},
		answer: transport.Maybe, repeatable: true}
	if err := s.encode(ctx, d, &r); err != nil {
		return err
	}
	_, err := s.c.send(ctx, &r, opts)
	return err
}

// Delete deletes a stored definition (assumed: the call).
//
//actito:call DELETE /mass-imports/v5/entities/{entity}/etls/{etl} [assumed]
func (s *ETLService) Delete(ctx context.Context, id string, opts ...CallOption) error {
	r := request{op: "delete ETL", method: http.MethodDelete, path: pathETL, segments: []string{escape(id)},
		answer: transport.Any, repeatable: true}
	_, err := s.c.send(ctx, &r, opts)
	return err
}

func (s *ETLService) encode(ctx context.Context, d Definition, r *request) error {
	if d.raw != nil {
		r.body = d.raw
		_, err := d.read()
		return err
	}
	if err := d.storable(); err != nil {
		return err
	}
	d, err := s.c.complete(ctx, d)
	if err != nil {
		return err
	}
	var files []*InputFile
	for i := range d.Files {
		f := &d.Files[i]
		f.fillFormat()
		files = append(files, f)
		if f.Local != nil {
			s.c.log.LogAttrs(ctx, slog.LevelWarn, "actito: a stored definition does not keep the transformations that run here: "+
				"what it is triggered with has to bring them, as rows of a table that is Transformed do, and files with the option Transformed",
				slog.String("pattern", f.FileNamePattern))
		}
	}
	if _, err := s.c.checkOrder(ctx, files, "put the files in the order that ETLs.Ordered gives",
		", or if it is meant so, store a RawDefinition, which is not checked"); err != nil {
		return err
	}
	if r.body, err = json.Marshal(d); err != nil {
		return &ValidationError{Rule: "json", Detail: "the definition cannot be encoded as JSON", Err: err}
	}
	return nil
}

// Trigger starts a stored ETL with files. It checks and compresses them, reserves one of the day's imports for each
// table that they load, and sends them; the [Execution] it returns is under way. See [ExecutionService.Wait].
//
// The tables come from [Loads], else from the stored definition, which is read for the separator and the file names too.
// Nothing is sent or counted if a file is refused here ([ValidationError], [FileTooLargeError], [ErrNoRows]) or the
// budget of a table is used up ([QuotaError]). A failure that leaves open whether the import runs is an
// [OutcomeUnknownError]; its unit stays held until [ExecutionService.Reconcile] finds out. Whether a scheduled
// ETL can be triggered too, the server decides.
//
// A file that [SplitAbove] cuts takes an import for each part. They are reserved together, and sent in order; the
// Execution then has Parts. Where one fails, the error names it, later ones are not sent, and the Execution beside the
// error has the Parts that were started.
//
// Of several files, order and parents are checked as by RunOnce, by the stored definition: its order cannot be changed here,
// so that one in which rows would be rejected is a ValidationError too. [LookUpParents] with -1 starts it all the same.
//
// Each import carries a mark, by which it is found again: behind a one shot's name, and in the names of ZIP archives.
//
//actito:call POST /mass-imports/v5/entities/{entity}/etls/{etl}/trigger-execution [documented]
//actito:through EntityService.List StructureService.ProfileTable StructureService.CustomTable ETLService.Get ExecutionService.List ProfileTable.Get CustomTable.Get CustomTable.List
func (s *ETLService) Trigger(ctx context.Context, etlID string, opts ...ImportOption) (*Execution, error) {
	im, err := s.triggered(ctx, etlID, opts)
	if err != nil {
		return nil, err
	}
	return im.run(ctx)
}

func (s *ETLService) triggered(ctx context.Context, etlID string, opts []ImportOption) (*importRun, error) {
	im := newImport(s.c, "trigger ETL", opts)
	if etlID == "" {
		return nil, &ValidationError{Column: "etl", Rule: "empty-etl", Detail: "the ETL's id is empty"}
	}
	stored, err := s.Get(ctx, etlID)
	switch {
	case err == nil:
		im.files = stored.Files
	case len(im.loads) == 0:
		return nil, within(err, "which tables does ETL %s load? Its definition cannot be read, so name them with Loads", etlID)
	default:
		s.c.log.LogAttrs(ctx, slog.LevelWarn, "actito: the definition cannot be read, so that files and their transformations are not compared with it",
			slog.String("etl", etlID), slog.Any("error", err))
	}
	im.path, im.segments, im.etlID = pathTrigger, []string{escape(etlID)}, etlID
	return im, nil
}
