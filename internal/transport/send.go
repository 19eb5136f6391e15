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
	next   http.RoundTripper
	limits Timeouts
}

func (s *send) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req)
	parent := req.Context()
	if c.Begin != nil && !c.begun {
		if err := c.Begin(parent); err != nil {
			closeBody(req)
			return nil, &Fault{Call: c, Undone: true, Err: err}
		}
		c.begun = true
	}

	ctx, cancel := context.WithCancelCause(parent)
	a := &attempt{parent: parent, ctx: ctx, cancel: cancel, limits: s.limits, limit: stall{"answer", s.limits.Answer}}
	if c.Open != nil {
		a.limit = stall{"progress of the upload", s.limits.Progress}
	}
	a.timer = time.AfterFunc(a.limit.after, a.stalled)
	// Whether a connection was made is known only from a transport that reports both ends of the search for one.
	a.trace.GetConn = func(string) { a.asked.Store(true) }
	a.trace.GotConn = func(httptrace.GotConnInfo) { a.connected.Store(true) }
	out := req.WithContext(httptrace.WithClientTrace(ctx, &a.trace))
	var up *uploading
	if c.Open != nil {
		up = &uploading{attempt: a, body: req.Body, left: req.ContentLength, start: c.Start}
		out.Body = up
	}

	resp, err := s.next.RoundTrip(out)
	if err != nil {
		a.end()
		f := &Fault{Call: c, Undone: a.asked.Load() && !a.connected.Load(), Err: a.why(unwrapURL(err))}
		f.Broken = parent.Err() == nil && !isCertificate(err)
		if up != nil {
			if source := up.failed.Load(); source != nil {
				f.Err, f.Broken = *source, false
			}
		}
		return nil, f
	}
	if c.Answer == Stream {
		a.enter(stall{"progress of the download", s.limits.Progress})
	}
	resp.Body = &receiving{attempt: a, body: resp.Body, stream: c.Answer == Stream}
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
	parent, ctx context.Context //nolint:containedctx // its life is the attempt's
	cancel      context.CancelCauseFunc
	limits      Timeouts
	timer       *time.Timer
	trace       httptrace.ClientTrace

	asked, connected atomic.Bool // for a connection

	mu    sync.Mutex
	limit stall // of the current phase
}

func (a *attempt) enter(s stall) {
	a.mu.Lock()
	a.limit = s
	a.mu.Unlock()
	a.timer.Reset(s.after)
}

func (a *attempt) stalled() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel(&stall{a.limit.what, a.limit.after})
}

func (a *attempt) end() {
	a.timer.Stop()
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
	return err
}

// uploading is a large request body.
type uploading struct {
	attempt *attempt
	body    io.ReadCloser
	left    int64
	start   bool
	failed  atomic.Pointer[error] // what reading it failed with
}

func (u *uploading) Read(p []byte) (int, error) {
	n, err := u.body.Read(p)
	u.left -= int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		u.failed.CompareAndSwap(nil, &err)
	case u.left > 0:
		u.attempt.timer.Reset(u.attempt.limits.Progress)
	case u.start:
		u.attempt.enter(stall{"answer to the upload", u.attempt.limits.Import})
	default:
		u.attempt.enter(stall{"answer", u.attempt.limits.Answer})
	}
	return n, err
}

func (u *uploading) Close() error { return u.body.Close() }

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
		r.attempt.timer.Reset(r.attempt.limits.Progress)
	}
	return n, err
}

func (r *receiving) Close() error {
	err := r.body.Close()
	r.attempt.end()
	return err
}
