package actito_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// through reaches a fake without a network, as a synctest bubble needs.
func through(server *actitotest.Server) actito.Option {
	return actito.WithHTTPClient(&http.Client{Transport: server.Transport()})
}

// inProcess hands requests to a fake's handler, for tests with so many that connections would cost most of their time.
func inProcess(server *actitotest.Server) actito.Option {
	return actito.WithHTTPClient(&http.Client{Transport: handled{server.Handler()}})
}

type handled struct{ http.Handler }

func (h handled) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if aborted := recover(); aborted != nil {
			if err, ok := aborted.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(aborted)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// unpaced takes the pace out of a test that is about something else.
var unpaced = actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 100_000, Concurrent: 10_000})

func newUnlimitedShop(t testing.TB, opts ...actitotest.Option) *actitotest.Server {
	return newShop(t, append(opts, actitotest.InMemory(), actitotest.WithLimits(actitotest.Limits{Concurrent: -1, PerMinute: -1}))...)
}

// getAnn is a read whose outcome does not matter.
func getAnn(t testing.TB, client *actito.Client) func(context.Context) error {
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	return func(ctx context.Context) error {
		_, err := customers.Get(ctx, actito.ByID("7"))
		return err
	}
}

func TestAThousandGoroutinesAskForOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		server.Fail(actitotest.OpToken, actitotest.Delay(time.Second))
		get := getAnn(t, newClient(t, server, inProcess(server), unpaced))
		var work sync.WaitGroup
		for range 1000 {
			work.Go(func() { assert.ErrorIs(t, get(t.Context()), actito.ErrNotFound) })
		}
		work.Wait()
		assert.Len(t, server.Requests(actitotest.OpToken), 1)
		assert.Len(t, server.Requests(actitotest.OpProfileGet), 1000)
	})
}

func TestEachCallerWaitsForTheSharedTokenUnderItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		server.Fail(actitotest.OpToken, actitotest.Delay(10*time.Second))
		get := getAnn(t, newClient(t, server, through(server), unpaced))
		began := time.Now()
		var work sync.WaitGroup
		first, cancel := context.WithCancel(t.Context())
		work.Go(func() { // it has started the request, and does not take it along when it leaves
			assert.ErrorIs(t, get(first), context.Canceled) //nolint:testifylint // not the test's goroutine
			assert.Equal(t, time.Second, time.Since(began))
		})
		synctest.Wait()
		time.AfterFunc(time.Second, cancel)
		work.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			assert.ErrorIs(t, get(ctx), context.DeadlineExceeded) //nolint:testifylint // not the test's goroutine
			assert.Equal(t, 5*time.Second, time.Since(began))
		})
		work.Go(func() {
			assert.ErrorIs(t, get(t.Context()), actito.ErrNotFound) //nolint:testifylint // not the test's goroutine
			assert.Equal(t, 10*time.Second, time.Since(began))
		})
		work.Wait()
		assert.Len(t, server.Requests(actitotest.OpToken), 1)
	})
}

func TestATokenIsRefreshedAtFourFifthsOfItsLifeWhileItStillServes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		get := getAnn(t, newClient(t, server, through(server), unpaced))
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		time.Sleep(12*time.Minute - time.Second)
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		require.Len(t, server.Requests(actitotest.OpToken), 1)
		time.Sleep(time.Second)

		server.Fail(actitotest.OpToken, actitotest.Delay(20*time.Second))
		began := time.Now()
		for range 5 {
			require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		}
		assert.Zero(t, time.Since(began), "nobody waits for the refresh")
		synctest.Wait()
		require.Len(t, server.Requests(actitotest.OpToken), 2)
		time.Sleep(3 * time.Minute) // the first token's end
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		assert.Len(t, server.Requests(actitotest.OpToken), 2)
		for _, r := range server.Requests(actitotest.OpProfileGet) {
			assert.Equal(t, http.StatusNotFound, r.Status, "no call is sent with a token that ran out")
		}
	})
}

func TestARefreshThatFailsHurtsNobodyWhileTheTokenLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		get := getAnn(t, newClient(t, server, through(server), unpaced))
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		time.Sleep(12 * time.Minute)
		server.Fail(actitotest.OpToken, actitotest.Times(5, actitotest.Status(503)))
		for range 60 {
			require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		assert.Len(t, server.Requests(actitotest.OpToken), 7, "a try a second until one succeeds")
	})
}

func TestARefusedTokenIsReplacedOnceThenTheRefusalIsFinal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refusals int
		want     error
		calls    int
		tokens   int
	}{
		"once":    {1, actito.ErrNotFound, 2, 2},
		"forever": {100, actito.ErrUnauthorized, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newUnlimitedShop(t)
				server.Fail(actitotest.OpProfileGet, actitotest.Times(tt.refusals, actitotest.Status(401)))
				began := time.Now()
				err := getAnn(t, newClient(t, server, through(server)))(t.Context())
				require.ErrorIs(t, err, tt.want)
				assert.Len(t, server.Requests(actitotest.OpProfileGet), tt.calls)
				assert.Len(t, server.Requests(actitotest.OpToken), tt.tokens)
				assert.Zero(t, time.Since(began))
			})
		})
	}
}

func TestATokenThatWasReplacedMeanwhileIsNotReplacedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		get := getAnn(t, newClient(t, server, inProcess(server), unpaced))
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		server.RevokeTokens()
		var work sync.WaitGroup
		for range 1000 {
			work.Go(func() { assert.ErrorIs(t, get(t.Context()), actito.ErrNotFound) })
		}
		work.Wait()
		assert.Len(t, server.Requests(actitotest.OpToken), 2, "a thousand refusals of one token cost one new one")
	})
}

func TestAnAnswerWithoutTokenIsAnErrorAndNotKept(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"because it is empty":         `{}`,
		"because it has another name": `{"access_token":"eyJhbGciOi"}`,
		"because it is null":          `{"accessToken":null}`,
		"because it is empty text":    `{"accessToken":""}`,
		"because it is a number":      `{"accessToken":5}`,
		"because it is a list":        `["eyJhbGciOi"]`,
		"because it is a page":        `<html>eyJhbGciOi</html>`,
		"because there is no body":    ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mock := httpmock.NewMockTransport()
				mock.RegisterResponder("GET", "https://api.actito.com/auth/token", httpmock.NewStringResponder(200, body).
					Then(httpmock.NewStringResponder(200, `{"accessToken":"T"}`)))
				mock.RegisterResponder("GET", `=~/profile/7$`, httpmock.NewStringResponder(404, ""))
				client, err := actito.New("K", "MyEntity", actito.WithEnvironment(actito.Env0), actito.WithHTTPClient(&http.Client{Transport: mock}))
				require.NoError(t, err)
				get := getAnn(t, client)
				err = get(t.Context())
				var api *actito.APIError
				require.ErrorAs(t, err, &api)
				assert.Equal(t, "get token", api.Op)
				assert.Equal(t, 200, api.Status)
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "eyJhbGciOi", "it may be a token under another name")
				time.Sleep(time.Second)
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
				require.NoError(t, client.Close())
			})
		})
	}
}

func TestARevokedKeyIsNotInsistedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		get := getAnn(t, newClient(t, server, inProcess(server), unpaced))
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		server.RevokeKey(server.APIKey)
		before := len(server.Requests(actitotest.OpToken))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute-time.Millisecond)
		defer cancel()
		var work sync.WaitGroup
		for range 1000 {
			work.Go(func() {
				for ctx.Err() == nil {
					err := get(ctx)
					assert.True(t, errors.Is(err, actito.ErrUnauthorized) || ctx.Err() != nil, err)
					time.Sleep(4 * time.Second)
				}
			})
		}
		work.Wait()
		asked := server.Requests(actitotest.OpToken)[before:]
		assert.LessOrEqual(t, len(asked), 3)
		for i := 1; i < len(asked); i++ {
			assert.GreaterOrEqual(t, asked[i].Time.Sub(asked[i-1].Time), 30*time.Second)
		}
		err := get(t.Context())
		assert.Equal(t, "actito: get token: GET /auth/token: 401 Unauthorized: the API key is not valid; "+
			"the API key may be revoked or belong to another environment: DiscoverEnvironment finds the right one", err.Error())
		assert.True(t, actito.Retryable(err), "a key can be replaced")
	})
}

func TestAReplacedKeyIsTakenWithoutARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t, actitotest.WithAPIKeys("old", "new"))
		var asked atomic.Int32
		var key atomic.Value
		key.Store("old")
		client, err := actito.New("", "MyEntity", actito.WithBaseURL(server.URL), through(server),
			actito.WithAPIKeyFunc(func(context.Context) (string, error) { asked.Add(1); return key.Load().(string), nil }))
		require.NoError(t, err)
		defer client.Close()
		get := getAnn(t, client)
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		server.RevokeKey("old")
		require.ErrorIs(t, get(t.Context()), actito.ErrUnauthorized)
		key.Store("new")
		require.ErrorIs(t, get(t.Context()), actito.ErrUnauthorized)
		assert.EqualValues(t, 2, asked.Load())
		time.Sleep(30 * time.Second)
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		assert.EqualValues(t, 3, asked.Load())
	})
}

func TestAKeyThatCannotBeReadIsAskedForAgain(t *testing.T) {
	t.Parallel()
	sealed := errors.New("the vault is sealed")
	for name, tt := range map[string]struct {
		key  string
		err  error
		want string
	}{
		"because its function fails": {"", sealed, "the vault is sealed"},
		"because it is empty":        {"", nil, "the API key is empty"},
		"because it has a line end":  {"key\n", nil, "white space"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newUnlimitedShop(t)
				good := false
				client, err := actito.New("", "MyEntity", actito.WithBaseURL(server.URL), through(server),
					actito.WithAPIKeyFunc(func(context.Context) (string, error) {
						if good {
							return server.APIKey, nil
						}
						return tt.key, tt.err
					}))
				require.NoError(t, err)
				defer client.Close()
				get := getAnn(t, client)
				err = get(t.Context())
				require.ErrorContains(t, err, tt.want)
				if tt.err != nil {
					require.ErrorIs(t, err, sealed)
				}
				assert.True(t, actito.Retryable(err))
				assert.Empty(t, server.Requests())
				good = true
				time.Sleep(time.Second)
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
			})
		})
	}
}

func TestATokenEndpointThatHangsIsLeftAfter30Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		server.Fail(actitotest.OpToken, actitotest.Times(100, actitotest.Hang()))
		get := getAnn(t, newClient(t, server, through(server), actito.WithRetry(actito.RetryPolicy{Tries: 1})))
		began := time.Now()
		err := get(t.Context())
		require.ErrorContains(t, err, "no token within 30s")
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller set no deadline")
		assert.Equal(t, 30*time.Second, time.Since(began))
		assert.True(t, actito.Retryable(err))
	})
}

func TestCloseEndsARefreshUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		server := newUnlimitedShop(t)
		server.Fail(actitotest.OpToken, actitotest.Hang())
		client := newClient(t, server, through(server))
		get := getAnn(t, client)
		failed := make(chan error)
		go func() { failed <- get(t.Context()) }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, client.Close())
		err := <-failed
		require.ErrorContains(t, err, "the client is closed")
		require.NotErrorIs(t, err, context.Canceled, "the caller did not cancel")
		assert.Zero(t, time.Since(began))
		require.ErrorContains(t, get(t.Context()), "the client is closed")
		require.NoError(t, client.Close(), "twice is fine")
	})
}

func TestAClosedClientServesWhileItsTokenLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		client := newClient(t, server, through(server))
		get := getAnn(t, client)
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		require.NoError(t, client.Close())
		time.Sleep(14 * time.Minute)
		require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		time.Sleep(time.Minute)
		require.ErrorContains(t, get(t.Context()), "the client is closed")
		assert.Len(t, server.Requests(actitotest.OpToken), 1)
	})
}

func TestClosingWhileTokensAreAskedForLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	server := newShop(t, actitotest.InMemory())
	for range 50 {
		client := newClient(t, server, through(server), unpaced)
		get := getAnn(t, client)
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() { _ = get(t.Context()) })
		}
		work.Go(func() { _ = client.Close() })
		work.Wait()
	}
}

func TestATokenEndpointThatNamesATimeIsNotAskedBefore(t *testing.T) {
	t.Parallel()
	for header, pause := range map[string]time.Duration{"7": 7 * time.Second, "86400": 30 * time.Second} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newUnlimitedShop(t)
				server.Fail(actitotest.OpToken, actitotest.Status(429).WithHeader("Retry-After", header))
				get := getAnn(t, newClient(t, server, through(server), unpaced, actito.WithRetry(actito.RetryPolicy{Tries: 1})))
				began := time.Now()
				for errors.Is(get(t.Context()), actito.ErrTooManyRequests) {
					time.Sleep(100 * time.Millisecond)
				}
				assert.Equal(t, pause, time.Since(began))
				assert.Len(t, server.Requests(actitotest.OpToken), 2)
			})
		})
	}
}
