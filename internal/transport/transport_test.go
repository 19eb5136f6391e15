package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inner stands in for the link after the one under test.
type inner func(*http.Request) (*http.Response, error)

func (f inner) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// requestFor is a call's request as the chain makes it.
func requestFor(t testing.TB, c *Call) *http.Request {
	t.Helper()
	if c.URL == "" {
		c.URL = "https://api.actito.test/profiles"
	}
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	req, err := newRequest(t.Context(), c)
	require.NoError(t, err)
	if c.Open != nil || c.Body != nil {
		req.Body, err = req.GetBody()
		require.NoError(t, err)
	}
	return req.Request
}

// answering is an answer whose body knows whether it was closed.
func answering(status int, body string, header ...string) (*http.Response, *watchedBody) {
	watched := &watchedBody{Reader: strings.NewReader(body)}
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: watched, ContentLength: int64(len(body))}, watched
}

type watchedBody struct {
	io.Reader
	closed bool
}

func (b *watchedBody) Close() error { b.closed = true; return nil }

// tokens hands out "token 1", "token 2" and so on: another one after each that was invalidated.
type tokens struct {
	mu      sync.Mutex
	number  int
	refused []string
	left    []time.Duration // as it was asked for
	err     error
}

func (s *tokens) Token(_ context.Context, left time.Duration) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = append(s.left, left)
	return "token " + string(rune('1'+s.number)), s.err
}

func (s *tokens) Invalidate(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, token)
	s.number++
}

func faultFrom(t testing.TB, err error) *Fault {
	t.Helper()
	var f *Fault
	require.ErrorAs(t, err, &f)
	return f
}

func testPolicy() Policy {
	return Policy{Tries: 4, StartTries: 5, StartWithin: time.Minute, StartWait: 4 * time.Second, MinWait: 500 * time.Millisecond, MaxWait: 20 * time.Second,
		MaxRetryAfter: time.Minute, Budget: 0.1}
}

// newChain puts a whole chain in front of a transport.
func newChain(next http.RoundTripper, change ...func(*Config)) *Chain {
	c := Config{
		Client: &http.Client{Transport: next}, Tokens: &tokens{}, Policy: testPolicy(), Log: slog.New(slog.DiscardHandler),
		Acquire: func(context.Context, *Call) (func(), error) { return func() {}, nil },
		Limits:  Timeouts{Answer: 30 * time.Second, Import: 10 * time.Minute, Progress: time.Minute},
	}
	for _, f := range change {
		f(&c)
	}
	return New(c)
}

func TestEveryAttemptIsPacedThenAuthorizedThenSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		mock := httpmock.NewMockTransport()
		mock.RegisterResponder(http.MethodGet, "https://api.actito.test/profiles", func(req *http.Request) (*http.Response, error) {
			order = append(order, "sent with "+req.Header.Get("Authorization"))
			if len(order) < 4 {
				return httpmock.NewStringResponse(503, ""), nil
			}
			return httpmock.NewStringResponse(200, `{}`), nil
		})
		chain := newChain(mock, func(c *Config) {
			c.Acquire = func(context.Context, *Call) (func(), error) {
				order = append(order, "paced")
				return func() { order = append(order, "released") }, nil
			}
		})
		header := http.Header{"Accept": {"application/json"}}
		call := &Call{Method: http.MethodGet, URL: "https://api.actito.test/profiles", Header: header, Repeatable: true}
		_, err := chain.Do(t.Context(), call)
		require.NoError(t, err)
		assert.Equal(t, `{}`, string(call.Result()))
		assert.Equal(t, []string{"paced", "sent with Bearer token 1", "released", "paced", "sent with Bearer token 1", "released"}, order)
		assert.Equal(t, http.Header{"Accept": {"application/json"}}, header, "headers are shared by calls and stay as they are")
	})
}

func TestDirectCallsPassLimiterAuthorizationAndRetry(t *testing.T) {
	t.Parallel()
	calls := 0
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder(http.MethodGet, "https://api.actito.test/auth/token", func(req *http.Request) (*http.Response, error) {
		calls++
		assert.Equal(t, "the key", req.Header.Get("Authorization"))
		return httpmock.NewStringResponse(503, `{"status":503,"message":"down"}`), nil
	})
	chain := newChain(mock, func(c *Config) {
		c.Acquire = func(context.Context, *Call) (func(), error) { return nil, errors.New("asked the limiter") }
		c.Tokens = &tokens{err: errors.New("asked for a token")}
	})
	_, err := chain.Direct(t.Context(), &Call{Method: http.MethodGet, URL: "https://api.actito.test/auth/token", Header: http.Header{"Authorization": {"the key"}}})
	f := faultFrom(t, err)
	assert.Equal(t, "down", f.Message)
	assert.Equal(t, 1, calls)
}

func TestADirectCallFollowsNoRedirectAndLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resp, body := answering(302, "elsewhere", "Location", "https://api.actito.test/other")
		var sent context.Context
		chain := newChain(inner(func(req *http.Request) (*http.Response, error) {
			require.Nil(t, sent, "the API key must not travel")
			sent = req.Context()
			return resp, nil
		}))
		_, err := chain.Direct(t.Context(), &Call{Method: http.MethodGet, URL: "https://api.actito.test/auth/token"})
		require.ErrorIs(t, err, errRedirect)
		assert.Equal(t, 302, faultFrom(t, err).Status)
		assert.True(t, body.closed)
		assert.Error(t, sent.Err(), "the attempt has ended")
	})
}

func TestABodyIsOpenedOnlyWhenItIsSentAndOncePerAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opened, closed := 0, 0
		var sent []string
		chain := newChain(inner(func(req *http.Request) (*http.Response, error) {
			assert.EqualValues(t, 7, req.ContentLength)
			b, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.NoError(t, req.Body.Close())
			sent = append(sent, string(b))
			resp, _ := answering([]int{429, 503, 200}[len(sent)-1], `{"status":1,"message":"m"}`)
			return resp, nil
		}))
		_, err := chain.Do(t.Context(), &Call{
			Method: http.MethodPost, URL: "https://api.actito.test/x", Length: 7,
			Open: func() (io.ReadCloser, error) {
				opened++
				return readCloser{strings.NewReader("a;b\n1;2"), func() { closed++ }}, nil
			},
		})
		require.NoError(t, err)
		assert.Equal(t, []string{"a;b\n1;2", "a;b\n1;2", "a;b\n1;2"}, sent, "each attempt sends all of it")
		assert.Equal(t, 3, opened)
		assert.Equal(t, 3, closed)
	})
}

type readCloser struct {
	io.Reader
	close func()
}

func (r readCloser) Close() error { r.close(); return nil }

func TestABodyThatWasNeverReadIsNeverOpened(t *testing.T) {
	t.Parallel()
	body := &lazyBody{open: func() (io.ReadCloser, error) { t.Error("opened"); return nil, nil }}
	require.NoError(t, body.Close())

	broken := errors.New("the file is gone")
	body = &lazyBody{open: func() (io.ReadCloser, error) { return nil, broken }}
	_, err := body.Read(make([]byte, 1))
	require.ErrorIs(t, err, broken)
	require.NoError(t, body.Close())
}

func TestARequestThatCannotBeMadeDoesNotPrintItsURL(t *testing.T) {
	t.Parallel()
	_, err := newChain(nil).Do(t.Context(), &Call{Method: http.MethodGet, URL: "https://api.actito.test/emailAddress=ann@example.com/\x7f"})
	f := faultFrom(t, err)
	assert.True(t, f.Undone)
	assert.NotContains(t, f.Error(), "ann@example.com")
}

func TestAFailedCallLeavesTheSharedConnectionsOpen(t *testing.T) {
	t.Parallel()
	next := &closer{inner: func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }}
	_, err := newChain(next).Do(t.Context(), &Call{Method: http.MethodPost, URL: "https://api.actito.test/x"})
	require.Error(t, err)
	assert.Zero(t, next.closed)
}

type closer struct {
	inner
	closed int
}

func (c *closer) CloseIdleConnections() { c.closed++ }
