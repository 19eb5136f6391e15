package actitotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bodyBound cuts what [Server.Requests] and [Server.Imports] remember of a body.
const bodyBound = 1 << 20

// jsonBound is the longest JSON body that is read. // assumed: no limit is documented
const jsonBound = 10 << 20

// Request is a call as it came in.
type Request struct {
	Operation Operation // empty if the path or method is unknown
	Method    string
	Path      string            // as sent, escaped
	Template  string            // such as /v4/entity/{entity}/…, in the form that was used
	Params    map[string]string // of the template, decoded
	Query     url.Values
	Header    http.Header
	Body      []byte // what the fake read of it, at most 1 MiB
	Time      time.Time
	Status    int // 0 while it runs, or if a fault left it without an answer
}

// call is a request on its way through the fake.
type call struct {
	*http.Request
	route   *route
	params  map[string]string
	seen    *Request
	counted bool          // it holds one of the concurrent requests
	lag     time.Duration // of the list, more than usual

	received bool
	problem  *problem // of the path or the body
	json     []byte
	upload   *uploaded

	entity string
	table  *table
}

// answer is what goes back.
type answer struct {
	status      int
	location    string
	contentType string
	header      http.Header
	body        []byte
	close       bool
}

func reply(status int, value any) answer {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("actitotest: %v", err)) // the fake's own values always marshal
	}
	return answer{status: status, contentType: "application/json", body: text}
}

// problem is a refusal in the service's words: of a call, or of one row of an import.
type problem struct {
	status    int
	message   string
	code      string // of a row
	attribute string // of a row
}

func (p *problem) answer() answer {
	return reply(p.status, map[string]any{"status": p.status, "message": p.message})
}

func refuse(status int, format string, args ...any) *problem {
	return &problem{status: status, message: fmt.Sprintf(format, args...)}
}

// serve is the way of a call: record, count it as running, faults, then the
// service's own handling.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := s.receive(r)
	defer s.leave(c)
	if p := s.enter(c); p != nil {
		s.send(w, c, p.answer())
		return
	}
	fault := s.nextFault(c)
	if instead := fault.before(s, c); instead != nil {
		s.send(w, c, *instead)
		return
	}
	a, p := s.handle(c)
	if p != nil {
		a = p.answer()
	}
	fault.send(s, w, c, a)
}

// receive records a request and finds its route.
func (s *Server) receive(r *http.Request) *call {
	c := &call{Request: r, seen: &Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(),
		Header: r.Header.Clone(), Time: s.clock.Now(),
	}}
	c.route, c.seen.Template, c.params, c.problem = s.find(r)
	c.seen.Params = c.params
	if c.route != nil {
		c.seen.Operation = c.route.op
		if c.route.op == OpProfileUpsert && c.seen.Query.Get("allowUpdate") == "false" {
			c.seen.Operation = OpProfileCreate
		}
	}
	r.Body = &seenBody{ReadCloser: r.Body, s: s, seen: c.seen}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, c.seen)
	return c
}

// seenBody remembers the beginning of a body as it is read.
type seenBody struct {
	io.ReadCloser
	s    *Server
	seen *Request
}

func (r *seenBody) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.seen.Body = append(r.seen.Body, p[:min(n, bodyBound-len(r.seen.Body))]...)
	return n, err
}

// handle is what the service does without faults.
func (s *Server) handle(c *call) (answer, *problem) {
	if c.route == nil {
		return answer{}, c.problem
	}
	if c.route.op != OpToken {
		if p := s.authorize(c); p != nil {
			return answer{}, p
		}
	}
	if !accepts(c.Header.Values("Accept"), c.route.payload) {
		return answer{}, refuse(http.StatusNotAcceptable, "this media type is not served here")
	}
	if s.readBody(c); c.problem != nil {
		return answer{}, c.problem
	}
	if err := s.slowDown(c.Context()); err != nil {
		return answer{}, refuse(http.StatusServiceUnavailable, "the client left")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDue()
	if p := s.resolve(c); p != nil {
		return answer{}, p
	}
	return c.route.handle(s, c)
}

// accepts says whether an Accept header allows what a route gives. Only a header
// that is there can be wrong.
func accepts(header []string, p payload) bool {
	served := []string{"*/*", "application/*", "application/json"}
	if p == download {
		served = []string{"*/*", "application/*", "application/zip", "application/octet-stream"}
	}
	for accepted := range strings.SplitSeq(strings.Join(header, ","), ",") {
		if t, _, err := mime.ParseMediaType(accepted); err == nil && slices.Contains(served, t) {
			return true
		}
	}
	return len(header) == 0
}

// readBody takes in the whole body once, and before anything waits: only after that
// net/http notices that a client has left. A refused body is read too, so that its
// client can read the answer.
func (s *Server) readBody(c *call) {
	if c.received {
		return
	}
	c.received = true
	mediaType, params, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	switch {
	case c.route == nil:
	case c.route.payload == body && mediaType != "application/json":
		c.problem = refuse(http.StatusBadRequest, "the Content-Type must be application/json")
	case c.route.payload == body:
		text, err := io.ReadAll(io.LimitReader(c.Body, jsonBound+1))
		if err != nil || len(text) > jsonBound {
			c.problem = refuse(http.StatusBadRequest, "the body is incomplete or too long")
		}
		c.json = text
	case c.route.payload == upload && mediaType != "multipart/form-data":
		c.problem = refuse(http.StatusBadRequest, "the Content-Type must be multipart/form-data")
	case c.route.payload == upload:
		c.upload, c.problem = readUpload(c.Body, params["boundary"], s.limits.FileBytes)
	}
	_, _ = io.Copy(io.Discard, c.Body) // it fails when the client has left
}

// resolve looks up the entity and table that a path names.
func (s *Server) resolve(c *call) *problem {
	if name, ok := c.params["entity"]; ok {
		if !slices.Contains(s.entities, name) {
			return refuse(http.StatusNotFound, "there is no entity %q", name)
		}
		c.entity = name
	}
	for _, kind := range []tableKind{profileTable, customTable} {
		if name, ok := c.params[string(kind)]; ok {
			if c.table = s.lookUp(c.entity, kind, name); c.table == nil {
				return refuse(http.StatusNotFound, "there is no table %q", name)
			}
		}
	}
	return nil
}

// decode reads a JSON body strictly: an unknown field is refused.
// assumed: the service might as well ignore it, which would hide a mistake here.
func (c *call) decode(into any) *problem {
	d := json.NewDecoder(bytes.NewReader(c.json))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse(http.StatusBadRequest, "invalid JSON: more than one value")
	}
	return nil
}

// send writes an answer.
func (s *Server) send(w http.ResponseWriter, c *call, a answer) {
	s.writeHeader(w, c, a)
	// The client may start its next call at the last byte of this answer, and then
	// this call must not count as running any more.
	last := max(0, len(a.body)-1)
	_, _ = w.Write(a.body[:last]) // a client that left has no use for its answer
	s.leave(c)
	_, _ = w.Write(a.body[last:])
}

func (s *Server) writeHeader(w http.ResponseWriter, c *call, a answer) {
	s.mu.Lock()
	c.seen.Status = a.status
	s.mu.Unlock()
	h := w.Header()
	h.Set("Date", s.clock.Now().UTC().Format(http.TimeFormat))
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if len(a.body) > 0 {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if a.close { // as net/http does with a body that is too large: what the client still sends does not keep the answer from it
		_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
	}
	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(a.status)
}

// Requests lists the calls so far in the order of their arrival, all of them or
// those of the given operations.
func (s *Server) Requests(ops ...Operation) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Request
	for _, r := range s.requests {
		if len(ops) == 0 || slices.Contains(ops, r.Operation) {
			seen := *r
			seen.Body = bytes.Clone(r.Body)
			list = append(list, seen)
		}
	}
	return list
}
