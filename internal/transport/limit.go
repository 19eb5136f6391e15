package transport

import (
	"context"
	"io"
	"net/http"
	"time"
)

// limit is the link that makes an attempt wait for its turn. The turn ends with the answer; a download's, when its
// body is closed.
type limit struct {
	acquire func(context.Context, *Call) (release func(), err error)
	next    http.RoundTripper
}

func (l *limit) RoundTrip(req *http.Request) (*http.Response, error) {
	c, began := callOf(req), time.Now()
	release, err := l.acquire(req.Context(), c)
	c.waited = time.Since(began)
	if err != nil {
		closeBody(req)
		return nil, &Fault{Call: c, Local: true, Undone: true, Err: err}
	}
	if release == nil {
		release = func() {}
	}
	ended := release
	defer func() { ended() }() // also if a RoundTripper or BeforeSend of the user panics
	resp, err := l.next.RoundTrip(req)
	if err == nil && c.Answer == Stream {
		resp.Body, ended = &released{ReadCloser: resp.Body, release: release}, func() {}
	}
	return resp, err
}

type released struct {
	io.ReadCloser
	release func()
}

func (r *released) Close() error {
	defer r.release()
	return r.ReadCloser.Close()
}
