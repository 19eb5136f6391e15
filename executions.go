package actito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	pathExecutions = "/mass-imports/v5/entities/{entity}/etl-executions"
	pathExecution  = pathExecutions + "/{execution}"
	pathErrorFile  = pathExecution + "/error-file" // assumed: version 4 has /errors
)

// ExecutionStatus is the status of an execution or of one of its files.
type ExecutionStatus string

// The statuses. Others count as running until the execution has an end.
const (
	StatusQueued    ExecutionStatus = "QUEUED"  // assumed
	StatusRunning   ExecutionStatus = "RUNNING" // assumed
	StatusSuccess   ExecutionStatus = "SUCCESS"
	StatusWithError ExecutionStatus = "WITH_ERROR"
	StatusFailed    ExecutionStatus = "FAILED"     // assumed
	StatusNotLoaded ExecutionStatus = "NOT_LOADED" // assumed; of a file only: an earlier one failed, and this one was not tried
	StatusDryRun    ExecutionStatus = "DRY_RUN"    // of a client made with WithDryRun: nothing was sent
)

func (s ExecutionStatus) ended() bool {
	return s == StatusSuccess || s == StatusWithError || s == StatusFailed || s == StatusDryRun
}

func (s ExecutionStatus) known() bool {
	return s.ended() || s == StatusQueued || s == StatusRunning
}

// Execution is one run of an ETL.
type Execution struct {
	ID     string
	ETLID  string // "" for a one shot
	Status ExecutionStatus
	Start  time.Time
	End    time.Time // zero while it runs
	Files  []FileResult
	Raw    json.RawMessage // as the server sent it; nil if the server sent only an id

	AlreadyStarted bool // a former call with the same [Once] key started it, and this one sent nothing

	Sent    map[string]int // rows by file, where it was started here, or found by its [Handle]; nil otherwise
	Refused []Refusal      // rows that were taken out before it was sent; the server knows nothing of them
	Parts   []*Execution   // with [SplitAbove]: the imports that it took, in the order of the rows; ID is "" then

	given []HandleFile // those of Sent
}

// FileResult is what became of one file.
type FileResult struct {
	Name     string
	Table    TableType
	TableID  string
	Status   ExecutionStatus
	Read     int // rows
	Created  int
	Updated  int
	Rejected int

	counted bool // the server gave all four numbers
}

// String shows the execution in a line for a log: ids, status and counts.
func (e *Execution) String() string {
	var b strings.Builder
	b.WriteString("execution")
	if id := e.ids(); id != "" {
		b.WriteString(" " + id)
	}
	if e.ETLID != "" {
		b.WriteString(" of ETL " + e.ETLID)
	}
	fmt.Fprintf(&b, ": %s", cmp.Or(string(e.Status), "not read yet"))
	if len(e.Files) > 0 {
		t := e.Totals()
		fmt.Fprintf(&b, ", %d rows read, %d created, %d updated, %d rejected", t.Read, t.Created, t.Updated, t.Rejected)
	}
	if len(e.Refused) > 0 {
		fmt.Fprintf(&b, ", %d refused", len(e.Refused))
	}
	return b.String()
}

// Ended reports whether the execution is over.
func (e *Execution) Ended() bool { return e.Status.ended() || !e.End.IsZero() }

// Totals adds up the files.
func (e *Execution) Totals() FileResult {
	var t FileResult
	for _, f := range e.Files {
		t.Read += f.Read
		t.Created += f.Created
		t.Updated += f.Updated
		t.Rejected += f.Rejected
	}
	return t
}

// ExecutionService reads executions and waits for them.
type ExecutionService struct{ c *Client }

// Get reads an execution.
//
//actito:call GET /mass-imports/v5/entities/{entity}/etl-executions/{execution} [documented]
func (s *ExecutionService) Get(ctx context.Context, id string, opts ...CallOption) (*Execution, error) {
	r := request{op: "get execution", method: http.MethodGet, path: pathExecution, segments: []string{escape(id)},
		repeatable: true, class: Polling}
	var raw json.RawMessage
	if err := s.c.read(ctx, &r, &raw, opts); err != nil {
		return nil, err
	}
	e, err := s.c.decodeExecution(raw)
	if err != nil {
		return nil, r.undecodable(reply{status: http.StatusOK, body: raw}, err)
	}
	e.ID = cmp.Or(e.ID, id)
	return e, nil
}

// ExecutionFilter selects executions.
type ExecutionFilter struct {
	ETLID    string    // "" for all
	From, To time.Time // zero for no bound
}

// List reads executions (assumed: the call and its parameters). Where the service has none, the error matches
// [ErrNotFound].
//
//actito:call GET /mass-imports/v5/entities/{entity}/etl-executions [assumed]
func (s *ExecutionService) List(ctx context.Context, f ExecutionFilter, opts ...CallOption) ([]*Execution, error) {
	q := url.Values{}
	if f.ETLID != "" {
		q.Set("etlId", f.ETLID)
	}
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			q.Set(name, t.In(s.c.zone).Format(time.DateTime))
		}
	}
	r := request{op: "list executions", method: http.MethodGet, path: pathExecutions, query: q.Encode(), repeatable: true, class: Listing}
	var raw []json.RawMessage
	if err := s.c.readList(ctx, &r, "etlExecutions", &raw, opts); err != nil { // assumed; a bare array is accepted too
		return nil, err
	}
	list := make([]*Execution, len(raw))
	for i := range raw {
		var err error
		if list[i], err = s.c.decodeExecution(raw[i]); err != nil {
			return nil, r.undecodable(reply{status: http.StatusOK, body: raw[i]}, err)
		}
	}
	return list, nil
}

func (c *Client) decodeExecution(raw json.RawMessage) (*Execution, error) {
	var wire struct {
		ID     text            `json:"id"`
		ETLID  text            `json:"etlId"`
		Status ExecutionStatus `json:"status"`
		Start  text            `json:"startMoment"`
		End    text            `json:"endMoment"`
		Files  []struct {
			Name        string `json:"fileName"`
			Destination struct {
				Table   TableType `json:"tableType"`
				TableID text      `json:"tableId"`
			} `json:"destination"`
			Status   ExecutionStatus `json:"status"`
			Read     *int            `json:"rowsRead"`
			Created  *int            `json:"rowsCreated"`
			Updated  *int            `json:"rowsUpdated"`
			Rejected *int            `json:"rowsInError"`
		} `json:"files"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return nil, err
	}
	e := &Execution{ID: string(wire.ID), ETLID: string(wire.ETLID), Status: wire.Status, Raw: bytes.Clone(raw)}
	e.Start, _ = parseMoment(string(wire.Start), c.zone)
	if wire.End != "" {
		var ok bool
		if e.End, ok = parseMoment(string(wire.End), c.zone); !ok {
			e.End = time.Now() // an end in a form that is not known is an end
		}
	}
	for _, f := range wire.Files {
		result := FileResult{Name: f.Name, Table: f.Destination.Table, TableID: string(f.Destination.TableID), Status: f.Status, counted: true}
		for to, count := range map[*int]*int{
			&result.Read: f.Read, &result.Created: f.Created, &result.Updated: f.Updated, &result.Rejected: f.Rejected,
		} {
			if count == nil {
				result.counted = false
				continue
			}
			*to = *count
		}
		e.Files = append(e.Files, result)
	}
	return e, nil
}

// parseMoment reads a time stamp in the forms that servers use.
func parseMoment(s string, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
