// Package transport is the chain that every call goes through.
package transport

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Call is one call on its way through the chain. It is used once.
type Call struct {
	Op       string // for people: "upsert profile"
	Method   string
	Template string // the path with its placeholders, the only form that is ever shown
	URL      string
	Header   http.Header

	Body   []byte                        // small bodies
	Open   func() (io.ReadCloser, error) // large ones: opened afresh per attempt, with Length bytes
	Length int64

	Answer     Answer
	Repeatable bool // doing it twice is the same as doing it once
	Single     bool // never repeated, but for a refused token
	Start      bool // starts an import: the answer may take minutes, and tries are counted by Policy.StartTries
	Class      uint8
	MaxWait    time.Duration                   // the longest local wait; 0: as the context allows
	Begin      func(ctx context.Context) error // runs just before the first byte of each attempt

	waited time.Duration // of the current attempt, for its turn
	made   int32         // attempts; atomic, since what is left of an attempt may still read it
	token  string        // the one the current attempt was sent with
	body   []byte        // of the answer
}

// Attempts is how many attempts have ended so far.
func (c *Call) Attempts() int { return int(atomic.LoadInt32(&c.made)) }

// Credentials are what the call was sent with, which a server may say again.
func (c *Call) Credentials() []string { return []string{c.token, c.Header.Get("Authorization")} }

// holds reports whether a text is part of what was sent, or has a credential as its part.
func (c *Call) holds(text string) bool {
	for _, secret := range c.Credentials() {
		if secret != "" && strings.Contains(text, secret) {
			return true
		}
	}
	return strings.Contains(c.URL, text) || bytes.Contains(c.Body, []byte(text))
}

// Result is the body of a successful answer, unless that was asked for as a Stream.
func (c *Call) Result() []byte { return c.body }

// Answer is what a call accepts as success.
type Answer uint8

// Kinds of answers.
const (
	JSON   Answer = iota // a JSON body
	Maybe                // a JSON body or none: writes
	Any                  // whatever: deletes
	Stream               // a download; the body is handed on unread
)

// Config is what a chain is made of.
type Config struct {
	Client  *http.Client // its Transport sends; Jar and Timeout are kept
	Acquire func(context.Context, *Call) (release func(), err error)
	Tokens  Tokens
	Policy  Policy
	Limits  Timeouts
	Dated   func(date string, sent, received time.Time) // told the Date of each answer
	Log     *slog.Logger

	Attempted func(context.Context, *Call, Attempt) // told of each attempt that has ended; nil: nobody wants to know
}

// Timeouts bound the phases of one attempt.
type Timeouts struct {
	Answer   time.Duration // from the attempt's start to the end of a JSON answer
	Import   time.Duration // from the last byte of an upload to the answer's headers
	Progress time.Duration // the longest pause within an upload or download
}

// Chain sends calls.
type Chain struct {
	retry  *retry
	direct *http.Client
}

// New puts the chain together. From the outside in:
//
//	retry → redirects → per hop: (observer →) limiter → authorization → answer → send
//
// retry decides on the typed error that the answer link made, and it alone answers a 401. Redirects are followed by
// http.Client under the rules of checkRedirect, each hop paced and authorized like a first one. The limiter is
// outside of authorization, so that a token is fetched when its call's turn has come and is fresh when it is sent. The
// observer sees both.
func New(c Config) *Chain {
	base := c.Client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	// A client's own Timeout would count the waits for turns and tokens, and end a call as if its caller had left.
	if c.Client.Timeout > 0 {
		c.Limits.Answer = min(c.Limits.Answer, c.Client.Timeout)
	}
	inner := &answer{next: &send{next: base, limits: c.Limits, dated: c.Dated}}
	paced := *c.Client
	paced.Timeout = 0
	paced.CheckRedirect = checkRedirect
	paced.Transport = &limit{acquire: c.Acquire, next: &authorize{tokens: c.Tokens, next: inner}}
	if c.Attempted != nil {
		paced.Transport = &observe{attempted: c.Attempted, next: paced.Transport}
	}
	direct := paced
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	direct.Transport = inner
	return &Chain{
		retry:  &retry{client: &paced, tokens: c.Tokens, policy: c.Policy, log: c.Log, budget: newBudget(c.Policy.Budget)},
		direct: &direct,
	}
}

// Do sends a call through the whole chain. Its errors are a *Fault, or the limiter's own where nothing was sent.
func (ch *Chain) Do(ctx context.Context, c *Call) (*http.Response, error) {
	req, err := newRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	return ch.retry.do(ctx, req, c)
}

// Direct sends a call once, past limiter, authorization and retry: token requests.
func (ch *Chain) Direct(ctx context.Context, c *Call) (*http.Response, error) {
	req, err := newRequest(ctx, c)
	if err != nil {
		return nil, err
	}
	resp, err := ch.direct.Do(req.Request)
	if err != nil {
		return nil, faultOf(err, c)
	}
	if resp.StatusCode >= 300 {
		return nil, unfollowed(c, resp)
	}
	return resp, nil
}

type callKey struct{}

// FromContext returns the call that a request's context belongs to.
func FromContext(ctx context.Context) (*Call, bool) {
	c, ok := ctx.Value(callKey{}).(*Call)
	return c, ok
}

func callOf(req *http.Request) *Call {
	return req.Context().Value(callKey{}).(*Call)
}

func newRequest(ctx context.Context, c *Call) (*retryablehttp.Request, error) {
	ctx = context.WithValue(ctx, callKey{}, c)
	var body any
	if c.Open != nil {
		body = retryablehttp.ReaderFunc(func() (io.Reader, error) { return &lazyBody{open: c.Open}, nil })
	} else if c.Body != nil {
		body = c.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, c.Method, c.URL, body)
	if err != nil {
		return nil, &Fault{Call: c, Undone: true, Err: unwrapURL(err)}
	}
	if c.Open != nil {
		req.ContentLength = c.Length
	}
	req.Header = c.Header
	return req, nil
}

// openError is a body that could not be opened: no byte of it has left.
type openError struct{ error }

func (e *openError) Unwrap() error { return e.error }

// lazyBody opens at the first read: a request's body is made more often than it is sent.
type lazyBody struct {
	open func() (io.ReadCloser, error)
	body io.ReadCloser
}

func (l *lazyBody) Read(p []byte) (int, error) {
	if l.body == nil {
		body, err := l.open()
		if err != nil {
			return 0, &openError{err}
		}
		l.body = body
	}
	return l.body.Read(p)
}

func (l *lazyBody) Close() error {
	if l.body == nil {
		return nil
	}
	return l.body.Close()
}

// unwrapURL drops the error that prints the URL, key values included, and keeps what is quoted in others from being shown.
func unwrapURL(err error) error {
	for {
		u, ok := err.(*url.Error) //nolint:errorlint // only the outermost layers are taken off
		if !ok {
			return quiet(err)
		}
		err = u.Err
	}
}
