package actito_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestAClientWithATimeoutOfItsOwnWorks(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	client := newClient(t, server, actito.WithHTTPClient(&http.Client{Timeout: 10 * time.Second}))
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	id, err := customers.Upsert(t.Context(), customer{ID: "C1", FirstName: "Ann"})
	require.NoError(t, err)
	require.NotEmpty(t, id)
	read, err := customers.Get(t.Context(), actito.ByID(id))
	require.NoError(t, err)
	require.Equal(t, "Ann", read.FirstName)
}

func TestATimeoutOfTheHTTPClientBoundsAnAttemptAndIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := newShop(t, actitotest.InMemory())
		client := newClient(t, server, actito.WithHTTPClient(&http.Client{Transport: server.Transport(), Timeout: 3 * time.Second}))
		customers, err := actito.Profiles[customer](client, "Customers")
		require.NoError(t, err)
		server.Fail(actitotest.OpProfileUpsert, actitotest.Hang())
		began := time.Now()
		_, err = customers.Upsert(t.Context(), customer{ID: "C1"})
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 3*time.Second)
		require.Less(t, time.Since(began), 5*time.Second)
		require.Len(t, server.Requests(actitotest.OpProfileUpsert), 2)
	})
}

func TestATransportThatAnswersWithoutABodyOrAtAllIsNoPanic(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer *http.Response
		want   string
	}{
		"without a body": {&http.Response{StatusCode: http.StatusNoContent}, "the answer has no body"},
		"not at all":     {nil, "the transport gave neither an answer nor an error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := actito.New("", "MyEntity", actito.WithBaseURL("https://api.example"), actito.WithTokenSource(fixedToken{}),
				actito.WithRetry(actito.RetryPolicy{Tries: 1}),
				actito.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return tt.answer, nil })}))
			require.NoError(t, err)
			_, err = client.Entities.List(t.Context())
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestALimiterWithoutReleaseIsNoPanic(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	client := newClient(t, server, actito.WithLimiter(limiterFunc(func(context.Context, actito.Work) (func(), error) { return nil, nil })))
	_, err := client.Entities.List(t.Context())
	require.NoError(t, err)
}

func TestAKeyFunctionThatPanicsFailsTheCallAndNotTheProcess(t *testing.T) {
	t.Parallel()
	client, err := actito.New("", "MyEntity", actito.WithBaseURL("https://api.example"),
		actito.WithAPIKeyFunc(func(context.Context) (string, error) { panic("secret-key") }))
	require.NoError(t, err)
	_, err = client.Entities.List(t.Context())
	require.ErrorContains(t, err, "panicked")
	require.NotContains(t, err.Error(), "secret-key")
}

func TestTablesOfNoClientAreRefused(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]*actito.Client{"nil": nil, "zero": {}} {
		_, err := actito.Profiles[customer](client, "Customers")
		require.ErrorContains(t, err, "New", name)
		_, err = actito.Records[order](client, "Orders")
		require.ErrorContains(t, err, "New", name)
	}
}

func TestTheMethodOfARawCallIsReadInAnyCase(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	client := newClient(t, server)
	call := actito.RawCall{Method: "post", Path: "/profiles/v4/entity/{entity}/table/{table}/profile", Params: map[string]string{"table": "Customers"},
		Query: map[string][]string{"allowUpdate": {"true"}}, Body: map[string]any{}}
	server.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusBadGateway))
	err := client.Do(t.Context(), call, nil)
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
	require.Len(t, server.Requests(actitotest.OpProfileUpsert), 1)

	call.Method = "BREW TEA"
	err = client.Do(t.Context(), call, nil)
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.False(t, actito.Retryable(err))
}

func TestAShortKeyLeavesAnErrorReadable(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	client := newClient(t, server)
	orders, err := actito.Records[order](client, "Orders")
	require.NoError(t, err)
	for key, tt := range map[string]struct{ message, want string }{
		"a":  {"a value is invalid at line 17", "[value] value is invalid at line 17"},
		"7":  {"record 7 of 17 is locked", "record [value] of 17 is locked"},
		"+a": {"no +a here, nor %2Ba", "no [value] here, nor [value]"},
	} {
		server.Fail(actitotest.OpRecordGet, actitotest.Status(http.StatusBadRequest).WithBody("application/json", `{"status":400,"message":"`+tt.message+`"}`))
		_, err = orders.Get(t.Context(), key)
		require.ErrorContains(t, err, tt.want)
	}
	client = newClient(t, server, actito.WithRetry(actito.RetryPolicy{Tries: 1}), actito.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				return http.DefaultTransport.RoundTrip(r)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}), actito.WithTimeouts(actito.Timeouts{Answer: 3 * time.Millisecond}))
	orders, err = actito.Records[order](client, "Orders")
	require.NoError(t, err)
	_, err = orders.Get(t.Context(), "3")
	if !errors.Is(err, actito.ErrUnauthorized) {
		require.ErrorContains(t, err, "within 3ms")
	}
}

func TestStatusesBelow200AreNoSuccess(t *testing.T) {
	t.Parallel()
	client, err := actito.New("", "MyEntity", actito.WithBaseURL("https://api.example"), actito.WithTokenSource(fixedToken{}),
		actito.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: http.NoBody}, nil
		})}))
	require.NoError(t, err)
	orders, err := actito.Records[order](client, "Orders")
	require.NoError(t, err)
	require.Error(t, orders.Delete(t.Context(), "O1"))
}

func TestDiscoveringAsksWithTheKeyOnly(t *testing.T) {
	t.Parallel()
	refuse := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody}, nil
	})
	_, err := actito.DiscoverEnvironment(t.Context(), "key", actito.WithTokenSource(fixedToken{}), actito.WithHTTPClient(&http.Client{Transport: refuse}))
	require.ErrorIs(t, err, actito.ErrUnauthorized)
}

func TestNilDataIsRefused(t *testing.T) {
	t.Parallel()
	b := newBulk(t, newShop(t))
	for name, opt := range map[string]actito.ImportOption{
		"reader": actito.DataReader("customers.csv", nil),
		"rows":   b.customers.Rows("customers.csv", nil, actito.Keep),
		"staged": (*actito.Staged)(nil),
	} {
		_, err := b.client.ETLs.RunOnce(t.Context(), actito.Definition{Files: []actito.InputFile{b.customers.InputFile("customers.csv", actito.Keep)}}, nil, opt)
		require.ErrorIs(t, err, actito.ErrInvalid, name)
	}
	for result := range b.customers.UpsertEach(t.Context(), nil) {
		require.ErrorIs(t, result.Err, actito.ErrInvalid)
	}
	b.untouched(t)
}

func TestEmptyCellsAreDeclaredOneWay(t *testing.T) {
	t.Parallel()
	b := newBulk(t, newShop(t))
	for name, opts := range map[string][]actito.ImportOption{
		"both":    {actito.Keep, actito.Clear},
		"neither": {actito.EmptyCells(9)},
	} {
		opts = append(opts, b.customers.Rows("customers.csv", all(customer{ID: "C1"})))
		_, err := b.client.ETLs.RunOnce(t.Context(), actito.Definition{Files: []actito.InputFile{b.customers.InputFile("customers.csv")}}, opts...)
		require.ErrorIs(t, err, actito.ErrInvalid, name)
	}
	file := b.customers.InputFile("customers.csv")
	file.EmptyCells = 9
	_, err := b.client.ETLs.RunOnce(t.Context(), actito.Definition{Files: []actito.InputFile{file}},
		b.customers.Rows("customers.csv", all(customer{ID: "C1"})))
	require.ErrorIs(t, err, actito.ErrInvalid, "in the definition")
	b.untouched(t)
}
