package actito

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Sentinels for errors.Is. The concrete types carry the details.
var (
	// ErrUnauthorized: 401. The API key or its token was refused.
	ErrUnauthorized = errors.New("actito: unauthorized")
	// ErrForbidden: 403.
	ErrForbidden = errors.New("actito: forbidden")
	// ErrNotFound: 404. Actito also answers it in place of 401 and 403.
	ErrNotFound = errors.New("actito: not found")
	// ErrConflict: 409.
	ErrConflict = errors.New("actito: conflict")
	// ErrInvalid: 400 or 422 from the server, or a [ValidationError] or [FileTooLargeError] found here.
	ErrInvalid = errors.New("actito: invalid")
	// ErrTooManyRequests: 429, for concurrent requests or for the day's imports.
	ErrTooManyRequests = errors.New("actito: too many requests")

	// ErrBusy: the call would have waited here longer than its deadline or [MaxWait] allows. Nothing was
	// sent, or nothing but what the server certainly did not do.
	ErrBusy = errors.New("actito: busy")
	// ErrQuotaExceeded: the day's imports into a table are used up. Nothing was sent, or it matches ErrTooManyRequests too.
	ErrQuotaExceeded = errors.New("actito: import quota exceeded")
	// ErrClockSkew: this machine's clock and the server's differ by more than five minutes. Nothing was sent.
	ErrClockSkew = errors.New("actito: clocks differ")
	// ErrReservationLost: the lease on the day's import ran out before the first byte was sent.
	ErrReservationLost = errors.New("actito: import reservation lost")
	// ErrAlreadyStarted: an import with this [Once] key exists, with other content or unknown outcome. Nothing was sent.
	ErrAlreadyStarted = errors.New("actito: import already started")
	// ErrNotStarted: an import whose outcome was in doubt certainly did not start. Its unit is free, and it can be started anew.
	ErrNotStarted = errors.New("actito: import not started")
	// ErrPartlyStarted: of an import in several parts, some did not start, whose units are free. Its [Once] key continues it.
	ErrPartlyStarted = errors.New("actito: import partly started")
	// ErrOutcomeUnknown: nobody here can tell whether the server did what was asked.
	ErrOutcomeUnknown = errors.New("actito: outcome unknown")

	// ErrNoRows: an import without rows. Nothing was sent or counted.
	ErrNoRows = errors.New("actito: no rows to import")
	// ErrRowsRejected: the import ended and the server rejected rows.
	ErrRowsRejected = errors.New("actito: rows rejected")
	// ErrRowsRefused: rows of a step of a [Sequence] were refused or held back before it was sent.
	ErrRowsRefused = errors.New("actito: rows refused before sending")
	// ErrImportFailed: the import ended and did not load a file.
	ErrImportFailed = errors.New("actito: import failed")
	// ErrRowsUnaccounted: the server's numbers do not add up to the rows that were sent, or to the rejects that it hands out.
	ErrRowsUnaccounted = errors.New("actito: rows unaccounted for")
	// ErrStatusUnknown: an execution kept one unknown status, without an end, for an hour.
	ErrStatusUnknown = errors.New("actito: execution status unknown")
)

// APIError is a call that failed: the server refused it, answered something unusable, or never answered.
//
// Error and LogValue never show key values, query values or bodies. The fields Message and Body are for the program
// and may hold personal data.
type APIError struct {
	Op           string // what was attempted, such as "upsert profile"
	Method       string
	PathTemplate string        // such as "/profiles/v4/entity/{entity}/table/{table}/profile/{key}"
	Status       int           // HTTP status; 0 if no answer came
	Message      string        // the server's message, raw
	Body         []byte        // the answer's body, raw, at most 1 MiB
	RequestID    string        // the server's or proxy's id for the request, if it sent one
	Attempts     int           // how often the call was sent
	RetryAfter   time.Duration // how long the server asked to wait; 0 if it did not
	Err          error         // why there was no usable answer, or why no further attempt was made

	private []string // values of the path, kept out of what is shown
	broken  bool     // the connection ended within the answer
}

func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString("actito: ")
	b.WriteString(e.Op)
	if e.PathTemplate != "" {
		fmt.Fprintf(&b, ": %s %s", e.Method, e.PathTemplate)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if m := e.shownMessage(); m != "" {
		fmt.Fprintf(&b, ": %s", m)
	}
	if e.Err != nil {
		private := e.private
		if _, ok := errors.AsType[timeoutError](e.Err); ok {
			private = nil // of this library or package net, which know no values
		}
		fmt.Fprintf(&b, ": %s", mask(unnamed(e.Err), private))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (the server asks to wait %s)", e.RetryAfter)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	}
	if h := e.hint(); h != "" {
		fmt.Fprintf(&b, "; %s", h)
	}
	return b.String()
}

// GoString keeps %#v from printing the body and the message.
func (e *APIError) GoString() string { return fmt.Sprintf("&actito.APIError{%q}", e.Error()) }

// MarshalJSON writes what LogValue shows: a log in JSON must not hold the body and the message either.
func (e APIError) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"op": e.Op, "method": e.Method, "path": e.PathTemplate, "status": e.Status,
		"attempts": e.Attempts, "request_id": e.RequestID, "error": e.Error()})
}

// timeoutError is what errors of the network are, whether they are timeouts or not.
type timeoutError interface {
	error
	Timeout() bool
}

// hint names the settings that most often explain a status.
func (e *APIError) hint() string {
	switch {
	case e.Status == http.StatusUnauthorized && e.Op == opToken:
		return "the API key may be revoked or belong to another environment: DiscoverEnvironment finds the right one"
	case (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusGone) &&
		strings.Contains(e.PathTemplate, "/v4/"):
		return "if the table and key exist, this licence may no longer serve this form of the v4 API: see WithProfilesV5 and WithUnprefixedPaths"
	}
	return ""
}

func (e *APIError) shownMessage() string { return shown(e.Message, e.private, 300) }

// Unwrap makes the cause visible, such as a context's error.
func (e *APIError) Unwrap() error { return e.Err }

// Is matches the sentinel of the status.
func (e *APIError) Is(target error) bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return target == ErrInvalid
	case http.StatusUnauthorized:
		return target == ErrUnauthorized
	case http.StatusForbidden:
		return target == ErrForbidden
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusConflict:
		return target == ErrConflict
	case http.StatusTooManyRequests:
		return target == ErrTooManyRequests
	}
	return false
}

// LogValue shows what a log may hold.
func (e *APIError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("op", e.Op),
		slog.String("method", e.Method),
		slog.String("path", e.PathTemplate),
		slog.Int("status", e.Status),
		slog.Int("attempts", e.Attempts),
		slog.String("request_id", e.RequestID),
		slog.String("error", e.Error()),
	)
}

// BusyError is a call that was not sent because it would have waited here too long. It matches [ErrBusy].
type BusyError struct {
	Op    string
	Class Class
	Wait  time.Duration // the wait that was foreseen, or the one that was spent

	SameKey bool  // what was in the way are earlier writes to the same key, not the licence's pace
	Err     error // the context's error, if that ended the wait
}

func (e *BusyError) Error() string {
	if e.SameKey {
		return fmt.Sprintf("actito: %s: not sent: earlier writes to the same key took longer than %s", e.Op, e.Wait.Round(time.Millisecond))
	}
	return fmt.Sprintf("actito: %s: not sent: the licence's calls are busy for %s (class %s); try later, allow a longer MaxWait, or spread the load",
		e.Op, e.Wait.Round(time.Millisecond), e.Class)
}

// Is matches ErrBusy.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// Unwrap returns the context's error, if that ended the wait.
func (e *BusyError) Unwrap() error { return e.Err }

// QuotaError is an import that was not started because a table's imports of the day are used up. It matches
// [ErrQuotaExceeded]. Nothing was sent, unless Err says that Actito refused it.
type QuotaError struct {
	Table   string
	Limit   int
	Used    int
	Held    int  // started, outcome unknown; they count
	Kept    int  // of the limit, for [Urgent] imports only
	Closed  bool // Actito refused an import although the ledger had room, and the table is closed until ResetAt
	Needed  int  // imports that one takes which [SplitAbove] cut into several, or that a [Sequence] takes; 0: one
	ResetAt time.Time
	Err     error // Actito's refusal, where it counts more imports than the ledger

	sequence bool // Needed is what a sequence takes
}

func (e *QuotaError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("actito: table %s: the server takes no more imports, although fewer than %d are in the ledger; "+
			"the budget should reset at %s; Quota.Sync counts what others started, and Quota.Limit is for a licence with fewer: %s",
			e.Table, e.Limit, e.ResetAt.Format(time.RFC3339), e.Err)
	}
	if e.Closed {
		return fmt.Sprintf("actito: table %s: closed until %s: the server refused an import although only %d of %d are in the ledger; "+
			"other programs, schedules or people may start imports too: Quota.Sync finds them. One import an hour is tried; Quota.Reopen opens the table",
			e.Table, e.ResetAt.Format(time.RFC3339), e.Used+e.Held, e.Limit)
	}
	kept, needed := "", ""
	booked := e.Used + e.Held
	switch {
	case e.Needed > 0:
		who := "this one, cut by SplitAbove,"
		if e.sequence {
			who = "the sequence"
		}
		needed = fmt.Sprintf(", so that %d are left and %s needs %d", max(0, e.Limit-e.Kept-booked), who, e.Needed)
		if e.Kept > 0 {
			kept = fmt.Sprintf(", %d kept for Urgent imports", e.Kept)
		}
	case booked < e.Limit:
		kept = fmt.Sprintf(", %d kept for Urgent imports", e.Limit-booked)
	}
	return fmt.Sprintf("actito: table %s: %d of %d imports used and %d held%s%s: no import was started; the budget resets at %s. "+
		"Licences can be extended by packs: set Quota.Limit or Quota.Limits to yours",
		e.Table, e.Used, e.Limit, e.Held, kept, needed, e.ResetAt.Format(time.RFC3339))
}

// Is matches ErrQuotaExceeded.
func (e *QuotaError) Is(target error) bool { return target == ErrQuotaExceeded }

// Unwrap returns Actito's refusal, if there was one.
func (e *QuotaError) Unwrap() error { return e.Err }

// OutcomeUnknownError is a call that was sent, whose effect nobody here can tell: the connection broke or a proxy
// answered after the server may have acted. It matches [ErrOutcomeUnknown] and is never repeated by the library.
// [ExecutionService.Reconcile] finds out what became of an import.
type OutcomeUnknownError struct {
	RowsMayBeImported bool   // rows or the record may be in the table
	UnitMayBeUsed     bool   // one of the day's imports may be used; it is held until reconciled
	Handle            Handle // of the import; zero for calls that write one profile or record
	Err               error

	reconciled bool // by a call of Reconcile, which could not tell either
}

func (e *OutcomeUnknownError) Error() string {
	advice := ""
	if e.UnitMayBeUsed && !e.reconciled {
		advice = "; Executions.Reconcile finds out, given the Handle of this error"
	}
	return fmt.Sprintf("actito: outcome unknown (rows may be imported: %t, import may count: %t): %s%s",
		e.RowsMayBeImported, e.UnitMayBeUsed, unnamed(e.Err), advice)
}

// Is matches ErrOutcomeUnknown.
func (e *OutcomeUnknownError) Is(target error) bool { return target == ErrOutcomeUnknown }

// Unwrap returns the failure that left the outcome open.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// ValidationError is input that was refused here, before anything was sent or counted. It matches [ErrInvalid].
// It never holds the value itself.
type ValidationError struct {
	File   string // the data's name, or "" for a row that comes from no file
	Line   int    // in the file, header included, from 1; for typed rows the row's number from 1; 0 if none
	Column string // attribute, header or key
	Rule   string // short and stable, such as "cell-count"
	Detail string // what is wrong and what to do
	Err    error  `json:"-"` // the cause, such as the error of a user's TextMarshaler, which may hold the value
}

func (e *ValidationError) Error() string {
	var where []string
	if e.File != "" {
		where = append(where, e.File)
	}
	if e.Line > 0 {
		where = append(where, fmt.Sprintf("line %d", e.Line))
	}
	if e.Column != "" {
		where = append(where, fmt.Sprintf("column %q", e.Column))
	}
	return "actito: " + strings.Join(append(where, e.Detail), ": ")
}

// Is matches ErrInvalid.
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }

// Unwrap returns the cause.
func (e *ValidationError) Unwrap() error { return e.Err }

// Retryable reports whether the same call can succeed later without a change to what it sends: no answer or half of one,
// no token, a 401 (a key can be replaced), a 429, a 5xx, a busy licence, a wait that was cut short. It is meant for
// handlers that queue: keep what is retryable, park the rest. A call whose outcome is unknown is not retryable: repeating
// may double it.
func Retryable(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	if errors.Is(err, ErrBusy) || errors.Is(err, ErrQuotaExceeded) || errors.Is(err, ErrReservationLost) {
		return true
	}
	var e *APIError
	if !errors.As(err, &e) {
		return false
	}
	return e.Status == 0 || e.broken || e.Op == opToken || e.Status == http.StatusUnauthorized || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// passing reports whether what kept a reading from the service may pass while somebody waits: also an answer that is
// not the service's, such as a proxy's page.
func passing(err error) bool {
	api, ok := errors.AsType[*APIError](err)
	return Retryable(err) && !errors.Is(err, ErrUnauthorized) || ok && api.Status/100 == 2
}

// sentBefore is why a call was not repeated, after an attempt that may have done what was asked. A BusyError among the
// reasons is shown, but not found: it says that nothing was sent.
type sentBefore struct{ error }

func (e sentBefore) Is(target error) bool { return target != ErrBusy && errors.Is(e.error, target) }

func (e sentBefore) As(target any) bool {
	_, busy := target.(**BusyError)
	return !busy && errors.As(e.error, target)
}

// within says what an error of this library is about, and that it is the library's only once.
func within(err error, what string, args ...any) error {
	return &placedError{what: fmt.Sprintf(what, args...), err: err}
}

type placedError struct {
	what string
	err  error
}

func (e *placedError) Error() string {
	return "actito: " + e.what + ": " + unnamed(e.err)
}

func (e *placedError) Unwrap() error { return e.err }

// unnamed is the text of an error for an error that names the library itself.
func unnamed(err error) string { return strings.TrimPrefix(fmt.Sprint(err), "actito: ") }

// AlreadyStartedError is an import that was not started because one with the same [Once] key was: with other content,
// or, without an ExecutionID, with an outcome that is not known yet. It matches [ErrAlreadyStarted].
type AlreadyStartedError struct {
	ExecutionID string // "" while the first one is not settled
	SameContent bool
}

// Is matches ErrAlreadyStarted.
func (e *AlreadyStartedError) Is(target error) bool { return target == ErrAlreadyStarted }

func (e *AlreadyStartedError) Error() string {
	switch {
	case !e.SameContent:
		return "actito: an import with this Once key was started before with other content; use another key for other data"
	case e.ExecutionID == "":
		return "actito: an import with this Once key is being started or its outcome is unknown: Executions.Reconcile finds out, given its Handle"
	}
	return "actito: an import with this Once key was started before as execution " + e.ExecutionID
}
