package actitotest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// recordedBytes is how much of each body a [Recorder] looks at.
const recordedBytes = 64 << 10

// Recorder writes down how a client and the real service talk, without what they say: one line of JSON for each
// exchange, with the shapes of the data in place of the data. What it writes can be shown to others, to settle what is
// assumed about the service:
//
//	recorder := actitotest.NewRecorder(http.DefaultTransport, file)
//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3),
//		actito.WithHTTPClient(&http.Client{Transport: recorder}))
//
// A line holds the method, the path, the query, the headers that matter, the status, the bodies and how long the answer
// took. These stay as they are: the words of the service's own paths, the names of JSON fields, of query parameters, of
// attributes and of columns, and the values of fields that have few, such as the status of an execution, as long as they
// are written like names. Everything else becomes a placeholder:
//
//	"<email>", "<uuid>", "<date>", "<date-time>", "<number>", "<boolean>", "<string 12>" with the length, 0 and 0.0 for numbers
//
// Names of entities, tables and files are data; those of subscriptions are kept where they name a field or a column. Of a CSV file, also within a ZIP or GZIP archive, the line holds the size
// and the names of the columns, which are its first line: a file without a header would show its first row, if all its
// cells are written like names. Nothing of API keys and tokens is written, and of failures only the kind.
//
// Bodies pass unchanged, as they are read, and at most 64 KiB of each are kept to be looked at: what is behind them is
// "<cut>". A line is written when the answer's body was read to its end or closed. A Recorder is safe for concurrent use.
type Recorder struct {
	next http.RoundTripper

	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewRecorder makes a Recorder that hands requests on to next, or to [http.DefaultTransport] if next is nil, and writes
// to w, one line in each call of Write.
func NewRecorder(next http.RoundTripper, w io.Writer) *Recorder {
	if next == nil {
		next = http.DefaultTransport
	}
	return &Recorder{next: next, w: w}
}

// Err is the first error of the writer. After it nothing more is written, and requests are handed on all the same.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// RoundTrip hands a request on and notes what comes of it.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	line := exchange{
		Host: scrubHost(req.URL.Hostname()), Method: scrubMethod(req.Method), Path: scrubPath(req.URL.EscapedPath()),
		Query: scrubQuery(req.URL.RawQuery), RequestHeader: scrubHeader(req.Header),
	}
	sent := newGlance(req.Header) // what is read later may have changed by then: callers use requests again
	began := time.Now()
	resp, err := r.next.RoundTrip(sent.watch(req))
	line.Milliseconds = time.Since(began).Milliseconds()
	if err != nil {
		line.RequestBody, line.Error = sent.describe(), failure(err)
		r.write(line)
		return resp, err
	}
	line.Status, line.Header = resp.StatusCode, scrubHeader(resp.Header)
	received := newGlance(resp.Header)
	end := sync.OnceFunc(func() {
		line.RequestBody, line.Body = sent.describe(), received.describe()
		r.write(line)
	})
	if resp.Body == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		end()
		return resp, nil
	}
	resp.Body = &glancedBody{ReadCloser: resp.Body, seen: received, end: end}
	return resp, nil
}

// exchange is a line of a recording.
type exchange struct {
	Host          string              `json:"host"`
	Method        string              `json:"method"`
	Path          string              `json:"path"`
	Query         map[string][]string `json:"query,omitempty"`
	RequestHeader map[string]string   `json:"requestHeader,omitempty"`
	RequestBody   any                 `json:"requestBody,omitempty"`
	Status        int                 `json:"status,omitempty"` // none if no answer came
	Header        map[string]string   `json:"header,omitempty"`
	Body          any                 `json:"body,omitempty"`
	Error         string              `json:"error,omitempty"`
	Milliseconds  int64               `json:"milliseconds"` // until the answer's header
}

func (r *Recorder) write(line exchange) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // placeholders are to be read by people
	err := e.Encode(line)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.err == nil {
		_, err = r.w.Write(text.Bytes())
	}
	if r.err == nil {
		r.err = err
	}
}

// failure is the kind of an error, whose text may hold the URL.
func failure(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "no answer"
}

// glance is the beginning of a body that passes. A transport may still read a request's body when its answer is there.
type glance struct {
	contentType, contentEncoding string

	mu   sync.Mutex
	head []byte
	size int64
}

func newGlance(h http.Header) *glance {
	return &glance{contentType: h.Get("Content-Type"), contentEncoding: h.Get("Content-Encoding")}
}

func (g *glance) see(p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.head = append(g.head, p[:min(len(p), recordedBytes-len(g.head))]...)
	g.size += int64(len(p))
}

// watch gives a request whose body is seen as it is read, also where the transport opens it once more.
func (g *glance) watch(req *http.Request) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	watched := *req // RoundTrip must leave the request as it is
	watched.Body = &glancedBody{ReadCloser: req.Body, seen: g}
	if req.GetBody != nil {
		watched.GetBody = func() (io.ReadCloser, error) {
			again, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			g.head, g.size = nil, 0
			return &glancedBody{ReadCloser: again, seen: g}, nil
		}
	}
	return &watched
}

// describe is what a recording says of the body.
func (g *glance) describe() any {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.size == 0 {
		return nil
	}
	return scrubBody(g.contentType, g.contentEncoding, g.head, g.size)
}

// glancedBody shows what is read to a glance, and calls end, if there is one, when there is no more to read.
type glancedBody struct {
	io.ReadCloser
	seen *glance
	end  func()
}

func (b *glancedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.seen.see(p[:n])
	if err != nil && b.end != nil {
		b.end()
	}
	return n, err
}

func (b *glancedBody) Close() error {
	err := b.ReadCloser.Close()
	if b.end != nil {
		b.end()
	}
	return err
}
