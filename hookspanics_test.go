package actito_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestACallThatPanicsGivesItsTurnBackAndIsSeenToEnd(t *testing.T) {
	t.Parallel()
	var w watcher
	broken := w.hooks()
	broken.Transport = func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodDelete {
				panic("a hook's own fault")
			}
			return next.RoundTrip(req)
		})
	}
	client := newClient(t, newShop(t), actito.WithHooks(broken), actito.WithRateLimit(actito.RateLimit{Concurrent: 2, RealTimeSlots: 1}))
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	for range 3 {
		assert.Panics(t, func() { _ = customers.Delete(t.Context(), actito.By("customerID", "C1")) })
	}
	_, err = customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com"}, actito.MaxWait(time.Millisecond))
	require.NoError(t, err, "all turns are free")
	require.Len(t, w.ends, 4)
	require.ErrorContains(t, w.ends[0].Err, "panicked")
	require.NoError(t, w.ends[3].Err)
}

func TestEachHookEndsUnderItsOwnContextTheLastFirst(t *testing.T) {
	t.Parallel()
	var told []string
	type name struct{}
	hook := func(own string) actito.Option {
		return actito.WithHooks(actito.Hooks{
			CallStart: func(ctx context.Context, _ actito.CallInfo) context.Context {
				if own == "third" {
					panic("a hook's own fault")
				}
				told = append(told, "start "+own)
				return context.WithValue(ctx, name{}, own)
			},
			CallEnd: func(ctx context.Context, _ actito.CallInfo, _ actito.CallResult) {
				within, _ := ctx.Value(name{}).(string)
				told = append(told, "end "+own+" within "+within)
			},
		})
	}
	two := answering(t, http.StatusOK, "", "{}", hook("first"), hook("second"))
	require.NoError(t, two.Do(t.Context(), actito.RawCall{Path: "/x"}, nil))
	want := []string{"start first", "start second", "end second within second", "end first within first"}
	require.Equal(t, want, told)

	told = nil
	three := answering(t, http.StatusOK, "", "{}", hook("first"), hook("second"), hook("third"))
	require.Panics(t, func() { _ = three.Do(t.Context(), actito.RawCall{Path: "/x"}, nil) })
	require.Equal(t, want, told, "what was not started does not end")
}

func TestTheLedgerKnowsBeforeAHookThatPanics(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithHooks(actito.Hooks{
		ImportUnit: func(context.Context, actito.ImportUnit) { panic("a hook's own fault") },
	}))
	require.Panics(t, func() {
		_, _ = b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named, actito.Keep)),
			actito.DataBytes("customers.csv", []byte("customerID,emailAddress,firstName\nC1,ann@example.com,Ann\n")))
	})
	usage, err := b.client.Quota.Usage(t.Context(), "Customers")
	require.NoError(t, err)
	require.Equal(t, 1, usage.Used)
	require.Zero(t, usage.Held)
}

func TestAPanicWithinUpsertEachGoesToWhoRangesOverIt(t *testing.T) {
	t.Parallel()
	client := newClient(t, newShop(t), actito.WithHooks(actito.Hooks{Attempt: func(context.Context, actito.CallInfo, actito.Attempt) {
		panic("a hook's own fault")
	}}))
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	assert.PanicsWithValue(t, "a hook's own fault", func() {
		for range customers.UpsertEach(t.Context(), all(customer{ID: "C1", Email: "ann@example.com"}, customer{ID: "C2", Email: "bob@example.com"})) {
			assert.Fail(t, "no row was answered")
		}
	})
}
