package actito

import (
	"fmt"
	"log/slog"
	"strings"
)

// problem is what the end of the execution means to who waited for it.
func (e *Execution) problem() error {
	failed := e.Status != StatusSuccess && e.Status != StatusWithError && e.Status != StatusDryRun
	for _, f := range e.Files {
		unloaded := e.Status != StatusSuccess && f.Status != "" && f.Status != StatusSuccess && f.Status != StatusWithError
		failed = failed || f.Status == StatusFailed || unloaded
	}
	var kind error
	switch {
	case failed:
		kind = ErrImportFailed
	case e.discrepancy() != "":
		kind = ErrRowsUnaccounted
	case e.Status == StatusWithError || e.Totals().Rejected > 0:
		kind = ErrRowsRejected
	default:
		return nil
	}
	return &ImportError{Execution: e, Files: e.Files, kind: kind}
}

// discrepancy says what is wrong with the server's numbers; "" if they add up, or are not given.
func (e *Execution) discrepancy() string {
	given := len(e.Files) > 0
	for _, f := range e.Files {
		given = given && f.counted
		if ends := f.Created + f.Updated + f.Rejected; f.counted && ends != f.Read {
			return fmt.Sprintf("of %d rows read from %s, %d have an outcome", f.Read, f.Name, ends)
		}
	}
	// By totals, since the server may name files in its own way.
	sent, read := e.sent(), e.Totals().Read
	if given && sent > 0 && sent != read {
		return fmt.Sprintf("%d rows were sent and %d read", sent, read)
	}
	return ""
}

// sent counts the rows that were sent, 0 if that is not known.
func (e *Execution) sent() int {
	n := 0
	for _, rows := range e.Sent {
		n += rows
	}
	if n == 0 {
		for _, part := range e.Parts {
			n += part.sent()
		}
	}
	return n
}

// Account says what became of the rows of an import: Rows = Accepted + Rejected + Refused + Unknown.
type Account struct {
	Rows     int // that were given
	Accepted int // created or updated
	Rejected int // by the server; [ExecutionService.Rejects] reads them
	Refused  int // before anything was sent: [Execution].Refused
	Unknown  int // of which the server did not say what became of them, such as those of a file that failed midway
}

// Account counts the rows of an execution that has ended. Where Sent is nil, only those that the server read are known to
// have been sent.
func (e *Execution) Account() Account {
	t := e.Totals()
	a := Account{Accepted: t.Created + t.Updated, Rejected: t.Rejected, Refused: len(e.Refused)}
	a.Unknown = max(0, max(e.sent(), t.Read)-a.Accepted-a.Rejected)
	a.Rows = a.Accepted + a.Rejected + a.Refused + a.Unknown
	return a
}

// Verdict is what became of a file.
type Verdict string

// The verdicts on files.
const (
	Loaded            Verdict = "loaded"
	LoadedWithRejects Verdict = "loaded with rejects"
	NotLoaded         Verdict = "failed" // some of its rows may be loaded all the same
	NotAttempted      Verdict = "not attempted"
	VerdictUnknown    Verdict = "unknown" // the status is none that the library knows
)

// Verdict reads the file's status.
func (f FileResult) Verdict() Verdict {
	switch f.Status {
	case StatusSuccess:
		if f.Rejected == 0 {
			return Loaded
		}
		return LoadedWithRejects
	case StatusWithError:
		return LoadedWithRejects
	case StatusFailed:
		return NotLoaded
	case StatusNotLoaded:
		return NotAttempted
	}
	return VerdictUnknown
}

// ImportError is an import that ended without loading everything. It matches [ErrImportFailed] if a file was not
// loaded, else [ErrRowsUnaccounted] if the server's numbers do not add up, else [ErrRowsRejected]. In each case the rows
// that were rejected are read by [ProfileTable.Rejects], [CustomTable.Rejects] or [ExecutionService.Rejects], and
// counted by code and column by [ExecutionService.Summarize]. What to send again after a failure, Again tells.
type ImportError struct {
	Execution *Execution
	Files     []FileResult
	kind      error
}

func (e *ImportError) Error() string {
	return fmt.Sprintf("%s: execution %s ended with %s: %s%s", e.kind, e.Execution.ids(), e.Execution.Status, e.Summary(), e.advice())
}

// ids is the execution's id, or those of its parts.
func (e *Execution) ids() string {
	if e.ID != "" || len(e.Parts) == 0 {
		return e.ID
	}
	var ids []string
	for _, part := range e.Parts {
		ids = append(ids, part.ID)
	}
	return strings.Join(ids, ", ")
}

// Is matches ErrImportFailed, ErrRowsUnaccounted or ErrRowsRejected.
func (e *ImportError) Is(target error) bool { return target == e.kind }

// Summary says what became of each file, and counts its rows: no values, no names of people.
func (e *ImportError) Summary() string {
	var parts []string
	for _, f := range e.Files {
		part := fmt.Sprintf("%s %s (%s)", f.Name, f.Status, f.Verdict())
		if f.counted || f.Read+f.Created+f.Updated+f.Rejected > 0 {
			part += fmt.Sprintf(": %d rows read, %d created, %d updated, %d rejected", f.Read, f.Created, f.Updated, f.Rejected)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		parts = append(parts, "the server named no files")
	}
	if wrong := e.Execution.discrepancy(); wrong != "" {
		parts = append(parts, wrong)
	}
	if n := len(e.Execution.Refused); n > 0 {
		parts = append(parts, fmt.Sprintf("%d rows refused before sending", n))
	}
	return strings.Join(parts, "; ")
}

// Refusal is a row that was taken out before anything was sent.
type Refusal struct {
	File   string `json:"file"`
	Row    int    `json:"row"`    // its number in the file, from 1
	Reason string `json:"reason"` // as the caller gave it, or why the row is invalid
	Key    string `json:"-"`      // text of the row's key, before a transformation that refused it, "" if it has none or is not known; personal data
	Err    error  `json:"-"`      // of an invalid row: a *ValidationError
}

// LogValue shows what a log may hold.
func (r Refusal) LogValue() slog.Value {
	return slog.GroupValue(slog.String("file", r.File), slog.Int("row", r.Row), slog.String("reason", r.Reason))
}
