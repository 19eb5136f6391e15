package actito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// checkETL compares a stored definition with what this library makes of it.
func (d *doctor) checkETL(ctx context.Context, id string) error {
	r := request{op: "get ETL", method: http.MethodGet, path: pathETL, segments: []string{escape(id)}, repeatable: true, class: Listing}
	var raw json.RawMessage
	if err := d.c.read(ctx, &r, &raw, nil); err != nil {
		if errors.Is(err, ErrNotFound) {
			d.problem(fmt.Sprintf("entity %q has no such ETL, or the key may not read it", d.c.entity), "ETLs.List lists them; where definitions cannot be read, name the tables of Trigger with Loads")
			return nil
		}
		return err
	}
	var definition Definition
	if err := json.Unmarshal(raw, &definition); err != nil {
		d.problem("the definition has another form than this library's: "+shownError(err), "name the tables of Trigger with Loads; store it with RawDefinition")
		return nil
	}
	before := len(d.diagnosis.Findings)
	d.checkForm(raw, definition)
	var loads, updates []string
	for i := range definition.Files {
		f := &definition.Files[i]
		table, err := d.checkInputFile(ctx, f)
		if err != nil {
			return err
		}
		loads = append(loads, f.FileNamePattern+" into "+table)
		if f.Mode != CreateOnly {
			updates = append(updates, f.FileNamePattern)
		}
	}
	if len(loads) == 0 {
		d.problem("the definition names no file", "name the tables of Trigger with Loads")
		return nil
	}
	if g := definition.GenerateErrorFile; g != nil && !*g {
		d.warning("it generates no error file, so that rejects cannot be read", "set GenerateErrorFile and call ETLs.Replace, or count on Execution.Totals alone")
	}
	advice := ""
	if len(updates) > 0 {
		advice = "declare with Keep or Clear what empty cells do: rows with unset cells are refused without, for " + strings.Join(updates, ", ")
	}
	if len(d.diagnosis.Findings) == before {
		d.ok("it reads and writes back unchanged; it loads "+strings.Join(loads, ", "), advice)
	} else {
		d.ok("it loads "+strings.Join(loads, ", "), advice)
	}
	return nil
}

// checkForm reports fields that the library has no name for, and whatever it would change by reading and writing.
func (d *doctor) checkForm(raw json.RawMessage, definition Definition) {
	if unknown := unknownFields(definition); len(unknown) > 0 {
		d.warning("fields that this library has no name for: "+strings.Join(unknown, ", ")+"; they are kept, and sent as they are",
			"read them from Extra; tell the authors of the library, whose form of definitions is assumed")
	}
	again, err := json.Marshal(definition)
	var was, is any
	if err == nil {
		err = errors.Join(decodeNumbers(raw, &was), decodeNumbers(again, &is))
	}
	if err != nil {
		d.problem("it cannot be encoded again: "+shownError(err), "do not give it to ETLs.Replace: use RawDefinition")
	} else if changed := changes("", was, is); len(changed) > 0 {
		d.problem("reading and writing it changes "+strings.Join(changed, ", "), "do not give it to ETLs.Replace: use RawDefinition")
	}
}

// decodeNumbers keeps numbers as they are written.
func decodeNumbers(b []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}

func unknownFields(d Definition) (paths []string) {
	add := func(at string, extra map[string]json.RawMessage) {
		for _, name := range slices.Sorted(maps.Keys(extra)) {
			paths = append(paths, at+name)
		}
	}
	add("", d.Extra)
	if d.Schedule != nil {
		add("schedule.", d.Schedule.Extra)
	}
	if d.Location != nil {
		add("location.", d.Location.Extra)
	}
	for i, f := range d.Files {
		at := fmt.Sprintf("inputFiles[%d].", i)
		add(at, f.Extra)
		add(at+"format.", f.Format.Extra)
		add(at+"destination.", f.Destination.Extra)
		for k, m := range f.Mapping {
			add(fmt.Sprintf("%sattributesMapping[%d].", at, k), m.Extra)
		}
	}
	return paths
}

// changes lists where two JSON values differ. A value that is empty is the same as none, and a number as its digits.
func changes(path string, was, is any) (paths []string) {
	if isEmptyJSON(was) && isEmptyJSON(is) {
		return nil
	}
	switch before := was.(type) {
	case map[string]any:
		after, isObject := is.(map[string]any)
		if !isObject {
			break
		}
		names := maps.Clone(before)
		maps.Copy(names, after)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			paths = append(paths, changes(strings.TrimPrefix(path+"."+name, "."), before[name], after[name])...)
		}
		return paths
	case []any:
		after, isList := is.([]any)
		if !isList || len(before) != len(after) {
			break
		}
		for i := range before {
			paths = append(paths, changes(fmt.Sprintf("%s[%d]", path, i), before[i], after[i])...)
		}
		return paths
	}
	if fmt.Sprint(was) != fmt.Sprint(is) {
		return []string{path}
	}
	return nil
}

func isEmptyJSON(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if !isEmptyJSON(member) {
				return false
			}
		}
		return true
	}
	return false
}

// checkInputFile reports what Trigger would refuse of a file, and returns the name of its table.
func (d *doctor) checkInputFile(ctx context.Context, f *InputFile) (table string, err error) {
	if err := cmp.Or(f.check(), f.sendable()); err != nil {
		d.warning("Trigger cannot compare files with it, or send them: "+shownError(err), "send files as it says, or name the tables with Loads")
	}
	if f.Destination.TableID == "" {
		d.problem(f.FileNamePattern+" does not say which table it loads", "name the tables of Trigger with Loads")
		return "a table that is not told", nil
	}
	ref, err := d.c.table(ctx, f.Destination.Table, f.Destination.TableID)
	if errors.Is(err, ErrNotFound) {
		d.problem(fmt.Sprintf("%s loads %s %s, which the entity does not have", f.FileNamePattern, f.Destination.Table.words(), f.Destination.TableID),
			"name the tables of Trigger with Loads, or correct the definition")
		return f.Destination.TableID, nil
	}
	return ref.Name, err
}

// checkHandle says what became of an import, as far as that can be told without settling it.
func (d *doctor) checkHandle(ctx context.Context, h Handle) error {
	r := &reconciliation{c: d.c.Entity(h.Entity), began: time.Now()}
	if err := r.check(ctx, h); err != nil {
		return err
	}
	calls := h.Parts
	if len(calls) == 0 {
		calls = []Handle{h}
	}
	for i, p := range calls {
		what := h.String()
		if len(h.Parts) > 0 {
			what = fmt.Sprintf("part %d of %d of %s", i+1, len(h.Parts), what)
		}
		if err := d.checkImport(ctx, r, p, what); err != nil {
			return err
		}
	}
	return nil
}

// checkImport says what became of one call.
func (d *doctor) checkImport(ctx context.Context, r *reconciliation, h Handle, what string) error {
	const settle = "Executions.Reconcile finds out and settles its unit, once the process that sent it has ended"
	execution := h.ExecutionID
	if execution == "" && h.NotSent {
		d.warning(what+": it was not sent, since an earlier part failed", "start the import again with its Once key, which sends only what is missing")
		return nil
	}
	beside, err := r.look(ctx, h)
	if err != nil {
		return err
	}
	if own := beside.own; execution == "" && own != nil && own.State == string(unitUsed) {
		execution = own.ExecutionID
	}
	if execution != "" {
		e, err := r.c.Executions.Get(ctx, execution)
		if err != nil {
			return err
		}
		d.reportExecution(what, e, false)
		return nil
	}
	asked := time.Now()
	list, err := r.c.Executions.List(ctx, ExecutionFilter{ETLID: h.ETLID, From: h.Prepared.Add(-zones)})
	if errors.Is(err, ErrNotFound) {
		d.warning(what+": unknown, since the service does not list its executions", "look for it in Actito's UI, and tell Quota.Settle")
		return nil
	}
	if err != nil {
		return err
	}
	ended := h.Ended
	if ended.IsZero() {
		ended = h.Prepared.Add(checkedAfter) // its process may still send it
	}
	found := clues{Handle: h, neighbours: beside, list: list, caughtUp: !asked.Before(ended.Add(listLag))}
	switch e, verdict := found.verdict(); verdict {
	case itStarted:
		d.reportExecution(what, e, beside.own == nil || beside.own.State != string(unitUsed))
	case itDidNotStart:
		d.warning(what+": the service does not list it, so that it did not start", settle)
	case itIsInDoubt:
		d.warning(what+": unknown: "+found.doubt(), settle+"; else look for it in Actito's UI, and tell Quota.Settle")
	default:
		d.warning(what+": unknown: it may be under way", settle)
	}
	return nil
}

// checkedAfter is how long after it was prepared an import whose end is not known is taken for one that was given up.
const checkedAfter = 24 * time.Hour

func (d *doctor) reportExecution(what string, e *Execution, unsettled bool) {
	found := fmt.Sprintf("%s: execution %s is %s", what, e.ID, e.Status)
	switch {
	case unsettled:
		d.warning(found+", and its unit is not settled in the ledger", "call Executions.Resume or Reconcile with the handle")
	case !e.Ended() && e.Status.known():
		d.ok(found+": running", "Executions.Resume waits for it")
	case !e.Ended():
		d.warning(found+", a status that this library does not know", "look at it in Actito's UI")
	case e.Status == StatusSuccess:
		d.ok(found+": done", "")
	case e.Status == StatusWithError:
		d.warning(found+": done, with rows that were rejected", "read them by the table's Rejects")
	default:
		d.problem(found, "Executions.Resume tells why, and ImportError.Again which files to send again")
	}
}

// checkTemporaryFiles counts the files of processes that died while they staged data.
func (d *doctor) checkTemporaryFiles(context.Context) error {
	const recent = time.Hour
	dir := d.temp
	if dir == "" {
		dir = os.TempDir()
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.warning("the directory of temporary files cannot be read", "see TMPDIR, or TMP on Windows: files above 2 MiB are staged there")
		return nil //nolint:nilerr // the error names the directory, which may name a person
	}
	files, size := 0, int64(0)
	for _, e := range entries {
		suffix, staged := strings.CutPrefix(e.Name(), spoolPrefix)
		info, err := e.Info()
		if !staged || strings.Trim(suffix, "0123456789") != "" || !e.Type().IsRegular() || err != nil {
			continue
		}
		if time.Since(info.ModTime()) > recent {
			files, size = files+1, size+info.Size()
		}
	}
	if files == 0 {
		d.ok("no staged data is left", "")
		return nil
	}
	d.warning(fmt.Sprintf("%d files with staged data, %d bytes, are older than an hour: a process may have died; they hold rows", files, size),
		"delete "+spoolPrefix+"* in the directory of temporary files, unless an import still runs")
	return nil
}
