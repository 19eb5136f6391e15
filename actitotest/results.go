package actitotest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Import is an import that the fake accepted.
type Import struct {
	ExecutionID string
	ETLID       string // empty for a one shot import
	Entity      string
	Way         Way
	Definition  json.RawMessage // as it was sent
	Files       []ImportFile
	Rows        int      // read in all files, once it has ended
	Tables      []string // names of those that a file came for; each costs one of the day's imports
	Status      string   // as the service names it
	Time        time.Time
}

// ImportFile is a file of an import as it was sent, maybe an archive.
type ImportFile struct {
	Name        string
	ContentType string
	Size        int64
	Content     []byte // at most 1 MiB
}

// Imports lists the accepted imports so far.
func (s *Server) Imports() []Import {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	var list []Import
	for _, e := range s.executions {
		i := e.Import
		i.Files, i.Tables = slices.Clone(i.Files), slices.Clone(i.Tables)
		i.Status = string(e.now(s.clock.Now()))
		list = append(list, i)
	}
	return list
}

// getResultFile gives the rows that were loaded, with a column that says how.
// assumed: what the service's result file holds
func (s *Server) getResultFile(c *call) (answer, *problem) {
	return s.resultZIP(c, func(d *definition, l *load) ([]byte, bool) { return l.results, d.GenerateResultFile })
}

// getErrorFile gives the rows that were rejected with two more columns, errorCode
// and errorColumn; a file without rejects has its header only.
func (s *Server) getErrorFile(c *call) (answer, *problem) {
	return s.resultZIP(c, func(d *definition, l *load) ([]byte, bool) { return l.rejects, d.GenerateErrorFile })
}

// resultZIP packs what pick gives for each file, under the file's own name.
func (s *Server) resultZIP(c *call, pick func(*definition, *load) (text []byte, wanted bool)) (answer, *problem) {
	e, p := s.findExecution(c)
	if p != nil {
		return answer{}, p
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for _, l := range e.loads {
		text, wanted := pick(e.definition, l)
		if !e.ended || !wanted || s.world.holds(ResultFilesMissing) {
			return answer{}, refuse(http.StatusNotFound, "execution %s has no such file", e.ExecutionID)
		}
		if len(text) > 0 {
			entry, _ := archive.Create(l.name) // a buffer takes everything
			_, _ = entry.Write(encodeText(text, l.Encoding))
		}
	}
	_ = archive.Close()
	return answer{status: http.StatusOK, contentType: "application/zip", body: packed.Bytes()}, nil
}
