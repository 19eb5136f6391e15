package transport

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestACallIsSentWithTheToken(t *testing.T) {
	t.Parallel()
	c := &Call{Header: http.Header{"Accept": {"application/json"}}}
	req := requestFor(t, c)
	link := &authorize{tokens: &tokens{}, next: inner(func(sent *http.Request) (*http.Response, error) {
		assert.Equal(t, http.Header{"Accept": {"application/json"}, "Authorization": {"Bearer token 1"}}, sent.Header)
		return nil, errReset
	})}
	_, err := link.RoundTrip(req)
	require.ErrorIs(t, err, errReset)
	assert.Equal(t, "token 1", c.token, "the one to drop if it is refused")
	assert.Equal(t, http.Header{"Accept": {"application/json"}}, req.Header, "what http.Client copies to a redirect holds no token")
}

func TestAnUploadAsksForATokenThatLasts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call *Call
		want time.Duration
	}{
		"an upload":   {&Call{Header: http.Header{}, Open: func() (io.ReadCloser, error) { return nil, errReset }}, 10 * time.Minute},
		"a small one": {&Call{Header: http.Header{}, Body: []byte("{}")}, 0},
	} {
		source := &tokens{}
		link := &authorize{tokens: source, next: inner(func(*http.Request) (*http.Response, error) { return nil, errReset })}
		_, err := link.RoundTrip(requestFor(t, tt.call))
		require.ErrorIs(t, err, errReset)
		assert.Equal(t, []time.Duration{tt.want}, source.left, name)
	}
}

func TestACallWithoutTokenIsNotSent(t *testing.T) {
	t.Parallel()
	own := errors.New("vault is sealed")
	token := &Call{Op: "get token"}
	shared := &Fault{Call: token, Status: 503, Message: "down"}
	for name, tt := range map[string]struct {
		err    error
		call   *Call // nil: the call itself
		status int
	}{
		"because a source of the user's failed":   {err: own},
		"because the token's own request failed":  {err: shared, call: token, status: 503},
		"because that failed, and was wrapped up": {err: errors.Join(own, shared), call: token, status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &watchedBody{}
			c := &Call{}
			req := requestFor(t, c)
			req.Body = body
			link := &authorize{tokens: &tokens{err: tt.err}, next: inner(func(*http.Request) (*http.Response, error) {
				t.Error("sent")
				return nil, errReset
			})}
			_, err := link.RoundTrip(req)
			f := faultFrom(t, err)
			if tt.call == nil {
				tt.call = c
				require.ErrorIs(t, f, own)
			}
			assert.Same(t, tt.call, f.Call)
			assert.Equal(t, tt.status, f.Status)
			assert.True(t, f.Undone)
			assert.False(t, f.Local)
			assert.True(t, body.closed)
			assert.NotSame(t, shared, f, "one failed request for a token is told to many calls")
			assert.False(t, shared.Undone)
		})
	}
}
