package actito

import (
	"fmt"
	"strings"
)

// problem is what the end of the execution means to who waited for it.
func (e *Execution) problem() error {
	failed := e.Status != StatusSuccess && e.Status != StatusWithError && e.Status != StatusDryRun
	for _, f := range e.Files {
		unloaded := e.Status != StatusSuccess && f.Status != "" && f.Status != StatusSuccess && f.Status != StatusWithError
		failed = failed || f.Status == StatusFailed || unloaded
	}
	switch {
	case failed:
		return &ImportError{Execution: e, Files: e.Files, kind: ErrImportFailed}
	case e.Status == StatusWithError || e.Totals().Rejected > 0:
		return &ImportError{Execution: e, Files: e.Files, kind: ErrRowsRejected}
	}
	return nil
}

// ImportError is an import that ended without loading everything. It matches [ErrImportFailed] if a file was not
// loaded, else [ErrRowsRejected]; the rows that were rejected are read by [ProfileTable.Rejects],
// [CustomTable.Rejects] or [ExecutionService.Rejects].
type ImportError struct {
	Execution *Execution
	Files     []FileResult
	kind      error
}

func (e *ImportError) Error() string {
	return fmt.Sprintf("%s: execution %s ended with %s: %s", e.kind, e.Execution.ID, e.Execution.Status, e.Summary())
}

// Is matches ErrImportFailed or ErrRowsRejected.
func (e *ImportError) Is(target error) bool { return target == e.kind }

// Summary counts by file: no values, no names of people.
func (e *ImportError) Summary() string {
	if len(e.Files) == 0 {
		return "the server named no files"
	}
	var parts []string
	for _, f := range e.Files {
		parts = append(parts, fmt.Sprintf("%s %s: %d rows read, %d created, %d updated, %d rejected",
			f.Name, f.Status, f.Read, f.Created, f.Updated, f.Rejected))
	}
	return strings.Join(parts, "; ")
}

// Refusal is a row that was taken out before anything was sent.
type Refusal struct {
	File   string `json:"file"`
	Row    int    `json:"row"`    // its number in the file, from 1
	Reason string `json:"reason"` // as the caller gave it, or why the row is invalid
	Key    string `json:"-"`      // text of the row's key, "" without one; personal data
	Err    error  `json:"-"`      // of an invalid row: a *ValidationError
}
