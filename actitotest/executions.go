package actitotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// status is that of an execution or of one of its files.
type status string

const (
	statusQueued    status = "QUEUED"  // assumed
	statusRunning   status = "RUNNING" // assumed
	statusSuccess   status = "SUCCESS"
	statusWithError status = "WITH_ERROR"
	statusFailed    status = "FAILED"     // assumed
	statusNotLoaded status = "NOT_LOADED" // assumed; of a file only
)

// Way is how an import was started.
type Way string

// The ways to start an import.
const (
	WayOneShot   Way = "ONE_SHOT"
	WayTriggered Way = "TRIGGERED"
	WayScheduled Way = "SCHEDULED" // by the clock
	WayFile      Way = "FILE"      // by a file that arrived; see [Server.PutFile]
	WayOther     Way = "OTHER"     // not through the API; see [Server.AddExecution]
)

// execution is one run of a definition. Its times are fixed when it is accepted,
// since imports run one after another; its rows are written when its end has come.
type execution struct {
	Import
	definition          *definition
	loads               []*load
	tables              []*table // that it loads
	created, begin, end time.Time
	ended               bool
	startTold, endTold  bool   // by webhooks, as far as there are any
	status              status // once it has ended
}

// start accepts an import. // assumed: files that a call does not bring come from
// the location that it names, else from that of the definition
func (s *Server) start(c *call, way Way, etlID string, raw []byte, o *override) (answer, *problem) {
	d, p := s.parseDefinition(c.entity, raw)
	if p != nil {
		return answer{}, p
	}
	now := s.clock.Now()
	switch {
	case way == WayOneShot && d.Schedule != nil:
		return answer{}, refuse(http.StatusBadRequest, "a one shot has no schedule")
	case o != nil:
		if p := o.apply(d); p != nil {
			return answer{}, p
		}
	}
	if len(c.upload.files) == 0 && d.Location == nil {
		return answer{}, refuse(http.StatusBadRequest, "part inputFile is missing")
	}
	e := &execution{
		Import: Import{
			ETLID: etlID, Entity: c.entity, Way: way, Definition: json.RawMessage(raw), Time: now,
		},
		definition: d, created: now,
	}
	if p := s.prepare(e, c.upload); p != nil {
		return answer{}, p
	}
	if s.storm.noQuota(now) {
		return answer{}, refuse(http.StatusTooManyRequests, "too many requests")
	}
	s.accept(e)
	s.runEnded(now)
	id := e.ExecutionID
	path := c.seen.Path[:strings.LastIndex(c.seen.Path, "/etl")] + "/etl-executions"
	return s.written(true, path, id, "id", id), nil
}

// plan gives each file of the definition the one that came for it. A file that no
// pattern fits fails the execution, which is the loudest answer to a mistake.
// assumed: file name patterns go by the day in Europe/Brussels
func (e *execution) plan(files []*csvFile, now time.Time) {
	left := slices.Clone(files)
	for _, in := range e.definition.InputFiles {
		l := &load{inputFile: in, name: resolve(in.FileNamePattern, now)}
		var fitting []*csvFile
		for _, f := range files {
			if name, ok := f.fitting(in.FileNamePattern, now); ok {
				l.name, fitting = name, append(fitting, f)
			}
		}
		left = slices.DeleteFunc(left, func(f *csvFile) bool { return slices.Contains(fitting, f) })
		switch {
		case len(fitting) == 0 && in.Optional:
			continue
		case len(fitting) == 0:
			l.fault = errors.New("the file is required and did not come")
		case len(fitting) > 1:
			l.fault = errors.New("several files fit the pattern")
		case fitting[0].err != nil:
			l.fault = fmt.Errorf("the archive is broken: %w", fitting[0].err)
		case fitting[0].compression != in.Compression:
			l.fault = fmt.Errorf("the file came with compression %s, not %s", fitting[0].compression, in.Compression)
		default:
			l.file = fitting[0]
		}
		if len(fitting) > 0 {
			l.archive = fitting[0].archive
		}
		if len(fitting) > 0 && !slices.Contains(e.tables, in.table) {
			e.tables = append(e.tables, in.table)
			e.Tables = append(e.Tables, in.table.Name)
		}
		e.loads = append(e.loads, l)
	}
	for _, f := range left {
		e.loads = append(e.loads, &load{name: f.names[0], fault: errors.New("the file fits no pattern of the definition")})
	}
}

// schedule queues an execution behind the one before it.
func (s *Server) schedule(e *execution) {
	queued, running := s.queueTime, s.runTime
	if _, taken, _ := s.clock.look(); taken && !s.timedImports {
		queued, running = time.Minute, time.Minute
	}
	e.begin = e.created.Add(queued + s.storm.onExecution(e))
	if n := len(s.executions); n > 0 && s.executions[n-1].end.After(e.begin) {
		e.begin = s.executions[n-1].end
	}
	e.end = e.begin.Add(running)
	s.executions = append(s.executions, e)
	s.hooksChanged()
}

// runEnded runs the executions whose end has come.
func (s *Server) runEnded(now time.Time) {
	for _, e := range s.executions {
		if !e.ended && !now.Before(e.end) {
			e.run(s)
		}
	}
	s.announceExecutions()
}

// run loads the files in the order of the definition. A file that is known to be
// missing or wrong fails the execution before anything is loaded.
func (e *execution) run(s *Server) {
	e.ended, e.status = true, statusSuccess
	stop := slices.ContainsFunc(e.loads, func(l *load) bool { return l.fault != nil })
	for _, l := range e.loads {
		if stop && l.fault == nil {
			l.status = statusNotLoaded
			continue
		}
		l.run(s)
		e.Rows += l.read
		switch {
		case l.status == statusFailed:
			e.status = statusFailed
			stop = stop || s.world.holds(FailedFileStops)
		case l.status == statusWithError && e.status == statusSuccess:
			e.status = statusWithError
		}
		l.file = nil // its bytes are of no more use
	}
}

func (e *execution) now(t time.Time) status {
	switch {
	case e.ended:
		return e.status
	case t.Before(e.begin):
		return statusQueued
	}
	return statusRunning
}

// json writes an execution; "origin" is a field that clients do not know.
func (e *execution) json(s *Server) map[string]any {
	current := e.now(s.clock.Now())
	out := map[string]any{"id": e.ExecutionID, "status": current, "origin": e.Way, "files": []any{}}
	if e.ETLID != "" {
		out["etlId"] = e.ETLID
	}
	named := s.world.holds(NamesInExecutions)
	if named && e.Way == WayOneShot {
		out["name"] = e.definition.Name // assumed
	}
	if current != statusQueued {
		out["startMoment"] = s.moment(e.begin)
	}
	if !e.ended {
		return out
	}
	out["endMoment"] = s.moment(e.end)
	var files []any
	for _, l := range e.loads {
		file := map[string]any{
			"fileName": l.name, "destination": l.Destination.json(), "status": l.status,
			"rowsRead": l.read, "rowsCreated": l.created, "rowsUpdated": l.updated, "rowsInError": l.errors,
		}
		if l.message != "" {
			file["message"] = l.message
		}
		if named && l.archive != "" {
			file["archiveName"] = l.archive // assumed
		}
		files = append(files, file)
	}
	out["files"] = files
	return out
}

func (d destination) json() map[string]any {
	return map[string]any{"tableType": d.TableType, "tableId": d.TableID}
}

func (s *Server) findExecution(c *call) (*execution, *problem) {
	for _, e := range s.executions {
		if e.ExecutionID == c.params["execution"] && e.Entity == c.entity {
			return e, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no execution %s", c.params["execution"])
}

func (s *Server) getExecution(c *call) (answer, *problem) {
	e, p := s.findExecution(c)
	if p != nil {
		return answer{}, p
	}
	return reply(http.StatusOK, e.json(s)), nil
}

// ListLag lets executions appear in the list of them only so long after they were
// accepted, by the fake's clock. They can be read by their ids at once.
func (s *Server) ListLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listLag = d
}

// listExecutions filters by ETL and by the moment of acceptance, both ends included.
func (s *Server) listExecutions(c *call) (answer, *problem) {
	if s.world.holds(ExecutionListMissing) {
		return answer{}, refuse(http.StatusNotFound, "there is nothing at this path")
	}
	query := c.URL.Query()
	from, to := query.Get("from"), query.Get("to")
	for _, bound := range []string{from, to} {
		if _, err := time.Parse(time.DateTime, bound); bound != "" && err != nil {
			return answer{}, refuse(http.StatusBadRequest, "%q is not of the form yyyy-MM-dd HH:mm:ss", bound)
		}
	}
	list := []any{}
	for _, e := range s.executions {
		at := s.moment(e.created)
		outside := from != "" && at < from || to != "" && at > to
		late := s.clock.Now().Before(e.created.Add(max(s.listLag, c.lag)))
		if e.Entity != c.entity || outside || late || query.Has("etlId") && query.Get("etlId") != e.ETLID {
			continue
		}
		list = append(list, e.json(s))
	}
	return reply(http.StatusOK, map[string]any{"etlExecutions": list}), nil
}
