package actito_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// watcher keeps what its hooks are told.
type watcher struct {
	mu       sync.Mutex
	events   []string // in order, without details
	ends     []actito.CallResult
	calls    []actito.CallInfo // as they ended
	attempts []actito.Attempt
	tokens   []actito.TokenResult
	units    []actito.ImportUnit
	imports  []actito.ImportResult
	sent     []actito.CallInfo // by requests on the wire
	nested   int
}

type watched struct{}

func (w *watcher) keep(event string, more func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
	more()
}

func (w *watcher) hooks() actito.Hooks {
	return actito.Hooks{
		CallStart: func(ctx context.Context, c actito.CallInfo) context.Context {
			w.keep("start "+c.Op, func() {})
			return context.WithValue(ctx, watched{}, c.Op)
		},
		CallEnd: func(ctx context.Context, c actito.CallInfo, r actito.CallResult) {
			w.keep("end "+c.Op, func() {
				w.calls, w.ends = append(w.calls, c), append(w.ends, r)
				if ctx.Value(watched{}) == c.Op {
					w.nested++
				}
			})
		},
		Attempt: func(ctx context.Context, c actito.CallInfo, a actito.Attempt) {
			w.keep("attempt", func() {
				w.attempts = append(w.attempts, a)
				if ctx.Value(watched{}) == c.Op {
					w.nested++
				}
			})
		},
		Token: func(_ context.Context, r actito.TokenResult) {
			w.keep("token", func() { w.tokens = append(w.tokens, r) })
		},
		ImportUnit: func(_ context.Context, u actito.ImportUnit) {
			w.keep("unit "+u.State, func() { w.units = append(w.units, u) })
		},
		ImportEnd: func(_ context.Context, r actito.ImportResult) {
			w.keep("import", func() { w.imports = append(w.imports, r) })
		},
		Transport: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				c, ok := actito.CallFromContext(req.Context())
				if ok {
					w.keep("request", func() { w.sent = append(w.sent, c) })
				}
				return next.RoundTrip(req)
			})
		},
	}
}

func TestHooksSeeACallWithItsAttemptsAndItsToken(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	server.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusTooManyRequests))
	var w watcher
	client := newClient(t, server, actito.WithHooks(w.hooks()), actito.WithHooks(actito.Hooks{}), actito.WithRetry(actito.RetryPolicy{MinWait: 1}))
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	_, err = customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com"})
	require.NoError(t, err)

	require.Equal(t, []string{"start upsert profile", "request", "token", "request", "attempt", "request", "attempt", "end upsert profile"}, w.events)
	const template = "/profiles/v4/entity/{entity}/table/{table}/profile"
	require.Equal(t, actito.CallInfo{Op: "upsert profile", Method: http.MethodPost, PathTemplate: template, Attempts: 2}, w.calls[0])
	require.Equal(t, http.StatusCreated, w.ends[0].Status)
	require.NoError(t, w.ends[0].Err)
	require.Positive(t, w.ends[0].Duration)
	require.Equal(t, []int{http.StatusTooManyRequests, http.StatusCreated}, []int{w.attempts[0].Status, w.attempts[1].Status})
	require.NoError(t, w.attempts[0].Err)
	require.Positive(t, w.attempts[0].Duration)
	require.Equal(t, "/auth/token", w.sent[0].PathTemplate)
	require.Equal(t, []int{0, 1}, []int{w.sent[1].Attempts, w.sent[2].Attempts})
	require.Equal(t, template, w.sent[2].PathTemplate)
	require.NoError(t, w.tokens[0].Err)
	require.Equal(t, 3, w.nested, "the context of CallStart is that of its attempts and its end")
}

func TestHooksSeeWhyCallsFail(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	server.RevokeKey(server.APIKey)
	var w watcher
	client := newClient(t, server, actito.WithHooks(w.hooks()))
	_, err := client.Entities.List(t.Context())
	require.ErrorIs(t, err, actito.ErrUnauthorized)
	require.Equal(t, err, w.ends[0].Err)
	require.Equal(t, http.StatusUnauthorized, w.ends[0].Status)
	require.Len(t, w.tokens, 1)
	require.ErrorIs(t, w.tokens[0].Err, actito.ErrUnauthorized)

	full := newClient(t, newShop(t), actito.WithHooks(w.hooks()), actito.WithLimiter(refusing{}))
	_, err = full.Entities.List(t.Context())
	require.ErrorIs(t, err, actito.ErrBusy)
	require.Equal(t, err, w.ends[1].Err)
	require.Zero(t, w.calls[1].Attempts)
	require.ErrorIs(t, w.attempts[1].Err, actito.ErrBusy, "an attempt that was not sent")
	_, ok := actito.CallFromContext(t.Context())
	require.False(t, ok)
}

type refusing struct{}

func (refusing) Acquire(_ context.Context, w actito.Work) (func(), error) {
	return nil, &actito.BusyError{Op: w.Op, Class: w.Class}
}

func TestHooksSeeWhatBecomesOfImports(t *testing.T) {
	t.Parallel()
	var w watcher
	b := newBulk(t, inMemory(t), actito.WithHooks(w.hooks()), actito.WithQuota(actito.Quota{Limit: 2}))
	run := func() (*actito.Execution, error) {
		in := b.customers.InputFile("customers.csv", named, actito.Keep)
		return b.client.ETLs.RunOnce(t.Context(), once(in), actito.DataBytes("customers.csv",
			[]byte("customerID,emailAddress,firstName\nC1,ann@example.com,Ann\nC2,none,Bob\n")))
	}
	exec, err := run()
	require.NoError(t, err)
	exec, rejected := b.client.Executions.Wait(t.Context(), exec)
	require.ErrorIs(t, rejected, actito.ErrRowsRejected)
	_, err = b.client.Executions.Wait(t.Context(), exec, actito.Tolerate(1))
	require.NoError(t, err, "an end that is known is no news")
	require.Equal(t, actito.ImportResult{Status: actito.StatusWithError, Created: 1, Rejected: 1, End: exec.End, Err: rejected}, w.imports[0])
	require.Len(t, w.imports, 1)

	b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer(), actitotest.Status(http.StatusBadRequest))
	_, unknown := run()
	require.ErrorIs(t, unknown, actito.ErrOutcomeUnknown)
	require.ErrorIs(t, w.ends[len(w.ends)-1].Err, actito.ErrOutcomeUnknown)
	_, full := run()
	require.ErrorIs(t, full, actito.ErrQuotaExceeded)
	held, ok := errors.AsType[*actito.OutcomeUnknownError](unknown)
	require.True(t, ok)
	require.NoError(t, b.client.Quota.Settle(t.Context(), held.Handle.ID, actito.Free()))
	_, err = run()
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.Equal(t, []actito.ImportUnit{{State: "used"}, {State: "held"}, {State: "refused", Err: full}, {State: "free"}, {State: "free"}}, w.units)
}

func TestHooksSeeTheEndOfAnImportThatRanWhileNobodyWaited(t *testing.T) {
	t.Parallel()
	var w watcher
	b := newBulk(t, inMemory(t), actito.WithHooks(w.hooks()))
	var handle actito.Handle
	in := b.customers.InputFile("customers.csv", named, actito.Keep)
	exec, err := b.client.ETLs.RunOnce(t.Context(), once(in), actito.OnPrepared(func(h actito.Handle) error { handle = h; return nil }),
		actito.DataBytes("customers.csv", []byte("customerID,emailAddress,firstName\nC1,ann@example.com,Ann\n")))
	require.NoError(t, err)
	for exec, err = b.client.Executions.Get(t.Context(), exec.ID); err == nil && !exec.Ended(); {
		exec, err = b.client.Executions.Get(t.Context(), exec.ID)
	}
	require.NoError(t, err)
	require.Empty(t, w.imports)
	_, err = b.client.Executions.Resume(t.Context(), handle)
	require.NoError(t, err)
	require.Len(t, w.imports, 1)
	require.Equal(t, 1, w.imports[0].Created)
}

func TestHooksThatReturnNilChangeNothing(t *testing.T) {
	t.Parallel()
	client := answering(t, http.StatusOK, "", "{}", actito.WithHooks(actito.Hooks{
		CallStart: func(context.Context, actito.CallInfo) context.Context { return nil },
		Transport: func(http.RoundTripper) http.RoundTripper { return nil },
	}))
	require.NoError(t, client.Do(t.Context(), actito.RawCall{Path: "/x"}, nil))
}
