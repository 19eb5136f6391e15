package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testLimits = Timeouts{Answer: 30 * time.Second, Import: 10 * time.Minute, Progress: time.Minute}

func TestWhatAFailedExchangeProves(t *testing.T) {
	t.Parallel()
	asks := func(trace *httptrace.ClientTrace) { trace.GetConn("api.actito.test:443") }
	connects := func(trace *httptrace.ClientTrace) { asks(trace); trace.GotConn(httptrace.GotConnInfo{}) }
	untrusted := &tls.CertificateVerificationError{Err: errors.New("unknown authority")}
	for name, tt := range map[string]struct {
		trace  func(*httptrace.ClientTrace)
		err    error
		undone bool
		broken bool
	}{
		"that nothing was done if no connection was made":        {asks, errReset, true, true},
		"nothing once there was a connection":                    {connects, errReset, false, true},
		"nothing with a transport that reports no connections":   {nil, errReset, false, true},
		"that no repeat helps if the certificate is not trusted": {asks, untrusted, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			link := &send{limits: testLimits, next: inner(func(req *http.Request) (*http.Response, error) {
				if tt.trace != nil {
					tt.trace(httptrace.ContextClientTrace(req.Context()))
				}
				return nil, tt.err
			})}
			_, err := link.RoundTrip(requestFor(t, &Call{}))
			f := faultFrom(t, err)
			require.ErrorIs(t, f, tt.err)
			assert.Equal(t, tt.undone, f.Undone)
			assert.Equal(t, tt.broken, f.Broken)
			assert.False(t, f.Local)
		})
	}
}

func TestACallersOwnTraceIsKept(t *testing.T) {
	t.Parallel()
	got := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got++ }})
	link := &send{limits: testLimits, next: inner(func(req *http.Request) (*http.Response, error) {
		httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{})
		return nil, errReset
	})}
	req, err := newRequest(ctx, &Call{Method: http.MethodGet, URL: "https://api.actito.test/x"})
	require.NoError(t, err)
	_, err = link.RoundTrip(req.Request)
	require.Error(t, err)
	assert.Equal(t, 1, got)
}

// slowly is a transport that takes its time for each step, unless the attempt ends.
type slowly struct {
	upload   time.Duration // before each read of the request's body
	answer   time.Duration // before the answer
	download time.Duration // before each byte of its body
	body     string
	status   int  // 0: 200
	reopens  bool // the request's body, as net/http does on a connection that was closed meanwhile
}

func (s *slowly) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.reopens {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		req.Body = body
	}
	for range req.ContentLength {
		if err := pause(req.Context(), s.upload); err != nil {
			return nil, err
		}
		if _, err := req.Body.Read(make([]byte, 1)); err != nil {
			return nil, err
		}
	}
	if err := pause(req.Context(), s.answer); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: cmp.Or(s.status, http.StatusOK), Header: http.Header{}, Body: &slowBody{req.Context(), s.download, strings.NewReader(s.body)}}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type slowBody struct {
	ctx   context.Context
	pause time.Duration
	body  io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	if err := pause(b.ctx, b.pause); err != nil {
		return 0, err
	}
	return b.body.Read(p[:1])
}

func (b *slowBody) Close() error { return nil }

func TestEachPhaseOfAnAttemptIsBounded(t *testing.T) {
	t.Parallel()
	const ever = 1000 * time.Hour
	upload := Call{Length: 100, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Repeat("x", 100))), nil
	}}
	start := upload
	start.Start = true
	download := Call{Answer: Stream}
	hundred := strings.Repeat("x", 100)
	for name, tt := range map[string]struct {
		call  Call
		slow  slowly
		err   string
		after time.Duration
	}{
		"an answer that comes in time is taken":              {Call{}, slowly{answer: 29 * time.Second}, "", 29 * time.Second},
		"an answer that never comes":                         {Call{}, slowly{answer: ever}, "no answer within 30s", 30 * time.Second},
		"an answer whose body never ends":                    {Call{}, slowly{answer: time.Second, download: time.Second, body: hundred}, "no answer within 30s", 30 * time.Second},
		"an upload may take its time":                        {upload, slowly{upload: 59 * time.Second}, "", 100 * 59 * time.Second},
		"an upload that stops":                               {upload, slowly{upload: ever}, "no progress of the upload within 1m0s", time.Minute},
		"an upload on a second connection may take its time": {upload, slowly{upload: 59 * time.Second, reopens: true}, "", 100 * 59 * time.Second},
		"an import on a second connection has its time too":  {start, slowly{answer: 9 * time.Minute, reopens: true}, "", 9 * time.Minute},
		"an upload that is not answered":                     {upload, slowly{answer: ever}, "no answer within 30s", 30 * time.Second},
		"an import that is answered after minutes is taken":  {start, slowly{answer: 9 * time.Minute}, "", 9 * time.Minute},
		"an import that is not answered":                     {start, slowly{answer: ever}, "no answer to the upload within 10m0s", 10 * time.Minute},
		"a download may take its time":                       {download, slowly{download: 59 * time.Second, body: hundred}, "", 101 * 59 * time.Second},
		"a download that stops":                              {download, slowly{download: ever, body: hundred}, "no progress of the download within 1m0s", time.Minute},
		"a download that never starts":                       {download, slowly{answer: ever}, "no answer within 30s", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				link := &answer{next: &send{limits: testLimits, next: &tt.slow}}
				tt.call.Answer = max(tt.call.Answer, Any)
				resp, err := link.RoundTrip(requestFor(t, &tt.call))
				if err == nil && tt.call.Answer == Stream {
					_, err = io.ReadAll(resp.Body)
					require.NoError(t, resp.Body.Close())
				}
				assert.Equal(t, tt.after, time.Since(began))
				if tt.err == "" {
					require.NoError(t, err)
					return
				}
				var s *stall
				require.ErrorAs(t, err, &s)
				require.EqualError(t, s, tt.err)
				assert.True(t, s.Timeout())
				if f := (*Fault)(nil); errors.As(err, &f) {
					assert.True(t, f.Broken)
					assert.False(t, f.Undone)
				}
			})
		})
	}
}

func TestTheErrorOfADownloadHasTheTimeOfAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		link := &answer{next: &send{limits: testLimits, next: &slowly{status: 404, download: 20 * time.Second, body: strings.Repeat("x", 1000)}}}
		_, err := link.RoundTrip(requestFor(t, &Call{Answer: Stream}))
		require.Equal(t, 404, faultFrom(t, err).Status)
		require.Equal(t, testLimits.Answer, time.Since(began))
	})
}

func TestWhatErrorsOfTheNetworkQuoteIsHidden(t *testing.T) {
	t.Parallel()
	for text, shown := range map[string]string{
		"connection reset by peer":                           "connection reset by peer",
		`malformed HTTP response "HTTP/9 ann \"x\" C1"`:      `malformed HTTP response "…"`,
		`failed to parse Location header "a" : parse "b": x`: `failed to parse Location header "…" : parse "…": x`,
		`cut "in the mid`:                                    `cut "…"`,
	} {
		cause := errors.New(text)
		err := unwrapURL(&url.Error{Op: "Get", URL: "https://x.example/ann", Err: cause})
		require.EqualError(t, err, shown)
		require.ErrorIs(t, err, cause)
	}
}

func TestACallerWhoLeavesEndsTheAttempt(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]slowly{
		"before the answer": {answer: time.Hour},
		"within the answer": {download: time.Hour, body: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				req, err := newRequest(ctx, &Call{Method: http.MethodGet, URL: "https://api.actito.test/x"})
				require.NoError(t, err)
				began := time.Now()
				_, err = (&answer{next: &send{limits: testLimits, next: &slow}}).RoundTrip(req.Request)
				f := faultFrom(t, err)
				require.ErrorIs(t, f, context.Canceled)
				assert.False(t, f.Broken)
				assert.Equal(t, time.Second, time.Since(began))
			})
		})
	}
}

func TestAnUploadWhoseSourceFailsNamesTheSourceAndIsNotRepeated(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk error")
	c := &Call{Length: 9, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{broken})), nil
	}}
	link := &send{limits: testLimits, next: inner(func(req *http.Request) (*http.Response, error) {
		_, err := io.ReadAll(req.Body)
		return nil, errors.Join(errReset, err)
	})}
	_, err := link.RoundTrip(requestFor(t, c))
	f := faultFrom(t, err)
	assert.Equal(t, broken, f.Err)
	assert.False(t, f.Broken)
	assert.False(t, f.Undone)
}

func TestBeginRunsJustBeforeTheFirstByteOfEachAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		chain := newChain(inner(func(*http.Request) (*http.Response, error) {
			order = append(order, "sent")
			resp, _ := answering([]int{429, 429, 200}[(len(order)-3)/2], "", "Retry-After", "1")
			return resp, nil
		}), func(c *Config) {
			c.Acquire = func(context.Context, *Call) (func(), error) {
				if len(order) == 0 {
					order = append(order, "paced")
				}
				return func() {}, nil
			}
		})
		_, err := chain.Do(t.Context(), &Call{Method: http.MethodPost, URL: "https://api.actito.test/x", Answer: Maybe, Begin: func(context.Context) error {
			order = append(order, "begun")
			return nil
		}})
		require.NoError(t, err)
		assert.Equal(t, []string{"paced", "begun", "sent", "begun", "sent", "begun", "sent"}, order)
	})
}

func TestACallThatCannotBeginIsNotSent(t *testing.T) {
	t.Parallel()
	lost := errors.New("the lease ran out")
	body := &watchedBody{}
	link := &send{limits: testLimits, next: inner(func(*http.Request) (*http.Response, error) { t.Error("sent"); return nil, lost })}
	req := requestFor(t, &Call{Begin: func(context.Context) error { return lost }})
	req.Body = body
	_, err := link.RoundTrip(req)
	f := faultFrom(t, err)
	require.ErrorIs(t, f, lost)
	assert.True(t, f.Undone)
	assert.False(t, f.Broken)
	assert.True(t, body.closed)
}

func TestASmallBodyIsSentOnlyIfTheCallBeginsAgainAsItIsRead(t *testing.T) {
	t.Parallel()
	lost := errors.New("the lease ran out")
	asked := 0
	arrived := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			arrived <- string(body)
		}
	}))
	defer server.Close()
	link := &send{limits: testLimits, next: &http.Transport{DisableKeepAlives: true}}
	c := &Call{Method: http.MethodPost, URL: server.URL, Header: http.Header{}, Body: []byte("{}")}
	c.Begin = func(context.Context) error {
		if asked++; asked > 1 {
			return lost
		}
		return nil
	}
	_, err := link.RoundTrip(requestFor(t, c))
	f := faultFrom(t, err)
	require.ErrorIs(t, f, lost)
	assert.True(t, f.Undone)
	assert.False(t, f.Broken)
	assert.Equal(t, 2, asked)
	server.Close() // with which all that came in has ended
	assert.Empty(t, arrived)
}

// A transport may read a body for as long as it likes, also when the attempt is over.
func TestACallDoesNotBeginWhenItsAttemptIsOver(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ fails, read error }{
		"answered": {nil, nil}, // what comes now does nothing
		"failed":   {errors.New("cut"), errOver},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over, read := make(chan struct{}), make(chan error)
			link := &send{limits: testLimits, next: inner(func(req *http.Request) (*http.Response, error) {
				go func() {
					<-over
					_, err := io.ReadAll(req.Body)
					read <- err
				}()
				resp, _ := answering(200, "{}")
				return resp, tt.fails
			})}
			begun := 0
			c := &Call{Method: http.MethodPost, URL: "https://api.actito.test/x", Header: http.Header{}, Body: []byte("{}"),
				Begin: func(context.Context) error { begun++; return nil }}
			_, err := link.RoundTrip(requestFor(t, c))
			require.Equal(t, tt.fails != nil, err != nil)
			close(over)
			require.Equal(t, tt.read, <-read)
			require.Equal(t, 1, begun)
		})
	}
}

func TestAnAttemptEndsWhenItsAnswerIsClosed(t *testing.T) {
	t.Parallel()
	var sent context.Context
	link := &send{limits: testLimits, next: inner(func(req *http.Request) (*http.Response, error) {
		sent = req.Context()
		resp, _ := answering(200, "{}")
		return resp, nil
	})}
	resp, err := link.RoundTrip(requestFor(t, &Call{}))
	require.NoError(t, err)
	require.NoError(t, sent.Err())
	require.NoError(t, resp.Body.Close())
	require.Error(t, sent.Err())
}
