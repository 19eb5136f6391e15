package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// send is the innermost link: one HTTP exchange, with each of its phases bounded.
type send struct {
	next     http.RoundTripper
	limits   Timeouts
	dated    func(date string, sent, received time.Time)
	watchdog watchdog
}

func (s *send) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req)
	parent := req.Context()
	if c.Begin != nil {
		if err := c.Begin(parent); err != nil {
			closeBody(req)
			return nil, &Fault{Call: c, Undone: true, Err: err}
		}
	}

	ctx, cancel := context.WithCancelCause(parent)
	a := &attempt{send: s, parent: parent, ctx: ctx, cancel: cancel, limit: stall{"answer", s.limits.Answer}}
	if c.Open != nil {
		a.limit = stall{uploadStall, s.limits.Progress}
	}
	s.watchdog.watch(a)
	if !c.Repeatable || c.Method == http.MethodDelete {
		ctx = a.traced(ctx)
	}
	out := req.WithContext(ctx)
	var failed atomic.Pointer[error] // what reading an upload, or beginning again, failed with
	if c.Open == nil && c.Begin != nil && req.Body != nil && req.GetBody != nil {
		begins := func(body io.ReadCloser) *beginning {
			return &beginning{ReadCloser: body, attempt: a, call: c, failed: &failed}
		}
		out.Body = begins(req.Body)
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := req.GetBody()
			return begins(body), err
		}
	}
	if c.Open != nil {
		uploads := func(body io.ReadCloser) *uploading {
			return &uploading{body, a, req.ContentLength, c.Start, &failed}
		}
		out.Body = uploads(req.Body)
		out.GetBody = func() (io.ReadCloser, error) { // for another connection, where this one was closed before the first byte
			body, err := req.GetBody()
			return uploads(body), err
		}
	}

	sent := time.Now()
	resp, err := s.next.RoundTrip(out)
	a.over(err)
	if err == nil && resp != nil && s.dated != nil && resp.Header.Get("Age") == "" { // else a cache's answer, of another time
		s.dated(resp.Header.Get("Date"), sent, time.Now())
	}
	if resp == nil && err == nil {
		err = errNoAnswer
	}
	if err != nil {
		a.end()
		f := &Fault{Call: c, Undone: a.asked.Load() && !a.connected.Load(), Err: a.why(err)}
		f.Broken = parent.Err() == nil && !isCertificate(err)
		if source := failed.Load(); source != nil {
			f.Err, f.Broken = *source, false
			var unopened *openError
			f.Undone = f.Undone || c.Open == nil || errors.As(*source, &unopened)
		}
		return nil, f
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	streams := c.Answer == Stream && resp.StatusCode >= 200 && resp.StatusCode < 300 // an error is short, however slowly it comes
	if streams {
		a.enter(downloadStall, s.limits.Progress)
	}
	resp.Body = &receiving{attempt: a, body: resp.Body, stream: streams}
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	return errors.As(err, &verify)
}

const (
	uploadStall   = "progress of the upload"
	downloadStall = "progress of the download"
)

// stall is a phase of an attempt that took too long, and the error that says so.
type stall struct {
	what  string
	after time.Duration
}

func (s *stall) Error() string { return "no " + s.what + " within " + s.after.String() }

// Timeout makes it a timeout in the sense of package net.
func (s *stall) Timeout() bool { return true }

// attempt is one exchange from its start until its answer's body is closed.
type attempt struct {
	send        *send
	parent, ctx context.Context //nolint:containedctx // its life is the attempt's
	cancel      context.CancelCauseFunc

	asked, connected atomic.Bool // for a connection

	begins   sync.Mutex // held while the call begins again
	answered bool
	failed   bool

	// The watchdog's.
	limit stall // of the current phase
	due   time.Time
}

// traced notes whether a connection was made. That is known only from a transport that reports both ends of the search
// for one, and matters only where it decides what may be repeated, or what a 404 means.
func (a *attempt) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { a.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { a.connected.Store(true) },
	})
}

// over waits for a beginning that is under way: none comes after it.
func (a *attempt) over(err error) {
	a.begins.Lock()
	defer a.begins.Unlock()
	a.answered, a.failed = err == nil, err != nil
}

func (a *attempt) enter(what string, after time.Duration) {
	a.send.watchdog.enter(a, stall{what, after})
}

func (a *attempt) end() {
	a.send.watchdog.leave(a)
	a.cancel(nil)
}

// why names what ended the attempt, where that was its own bound or its caller.
func (a *attempt) why(err error) error {
	if err := a.parent.Err(); err != nil {
		return err
	}
	var s *stall
	if errors.As(context.Cause(a.ctx), &s) {
		return s
	}
	return unwrapURL(err)
}

// beginning is a small request body that begins once more as it is read: a connection had to be found meanwhile, and the
// process may have stood still. A head without its body does nothing.
type beginning struct {
	io.ReadCloser
	attempt *attempt
	call    *Call
	begun   bool
	failed  *atomic.Pointer[error]
}

func (b *beginning) Read(p []byte) (int, error) {
	if !b.begun {
		if err := b.begin(); err != nil {
			b.failed.CompareAndSwap(nil, &err)
			return 0, err
		}
		b.begun = true
	}
	return b.ReadCloser.Read(p)
}

// begin leaves the call in peace when the attempt is over, which a transport may read on for: what comes after an answer
// does nothing, and nothing comes after an error.
func (b *beginning) begin() error {
	b.attempt.begins.Lock()
	defer b.attempt.begins.Unlock()
	switch {
	case b.attempt.answered:
		return nil
	case b.attempt.failed:
		return errOver
	}
	return b.call.Begin(b.attempt.parent)
}

var errOver = errors.New("the attempt is over")

// uploading is a large request body.
type uploading struct {
	io.ReadCloser
	attempt *attempt
	left    int64
	start   bool
	failed  *atomic.Pointer[error] // what reading it failed with
}

func (u *uploading) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	u.left -= int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		u.failed.CompareAndSwap(nil, &err)
	case u.left > 0:
		u.attempt.enter(uploadStall, u.attempt.send.limits.Progress)
	case u.start:
		u.attempt.enter("answer to the upload", u.attempt.send.limits.Import)
	default:
		u.attempt.enter("answer", u.attempt.send.limits.Answer)
	}
	return n, err
}

// receiving is an answer's body.
type receiving struct {
	attempt *attempt
	body    io.ReadCloser
	stream  bool
}

func (r *receiving) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, r.attempt.why(err)
	}
	if r.stream && n > 0 {
		r.attempt.enter(downloadStall, r.attempt.send.limits.Progress)
	}
	return n, err
}

func (r *receiving) Close() error {
	err := r.body.Close()
	r.attempt.end()
	return err
}
