package actitotest

import (
	"archive/zip"
	"bytes"
	"net/http"
)

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
