package transport

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"
)

// Tokens hands out access tokens. A token should be good for as long as is asked for, if one can be had.
type Tokens interface {
	Token(ctx context.Context, left time.Duration) (string, error)
	Invalidate(token string) // the server refused it
}

// TokenPause is how soon a request for a token that failed is made again, so that many callers do not storm an
// endpoint that is down.
const TokenPause = time.Second

// uploadLeft is how long the token of an upload should be good for: it may be looked at only when the last byte is there.
const uploadLeft = 10 * time.Minute

// authorize is the link that adds the token. It is never asked about another host: checkRedirect sees to that.
type authorize struct {
	tokens Tokens
	next   http.RoundTripper
}

func (a *authorize) RoundTrip(req *http.Request) (*http.Response, error) {
	var left time.Duration
	if callOf(req).Open != nil {
		left = uploadLeft
	}
	token, err := a.tokens.Token(req.Context(), left)
	if err != nil {
		closeBody(req)
		return nil, tokenFault(callOf(req), err)
	}
	callOf(req).token = token
	// A copy: a former attempt's request may still be on its way out.
	out := *req
	out.Header = maps.Clone(req.Header)
	out.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(&out)
}

// tokenFault keeps what is known of a failed token request; the call itself was certainly not made.
func tokenFault(c *Call, err error) *Fault {
	var f *Fault
	if !errors.As(err, &f) {
		return &Fault{Call: c, Undone: true, Err: err}
	}
	undone := *f
	undone.Undone = true
	return &undone
}
