package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func TestADayKeepsWithinItsImports(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Contains(t, out.String(), "09:00    5 read =  5 created + 0 updated + 0 rejected, imports left: 11\n")
	assert.Contains(t, out.String(), "20:00    2 orders wait: the last import is for closing time\n")
	assert.Contains(t, out.String(), "21:00    6 read =  6 created + 0 updated + 0 rejected, imports left: 0\n")
	assert.Contains(t, out.String(), "The shop is closed. Orders that the fake holds: 51, imports that it saw: 12.\n")
	assert.Contains(t, out.String(), "22:00    6 orders wait: 12 of 12 imports are used, until ")
}

var (
	opens  = time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)
	closes = opens.Add(4 * time.Hour)
)

const soldInADay = 5 + 2 + 4 + 6

func newDay(t *testing.T, imports int, wait wait) (*actitotest.Server, *store, *bytes.Buffer) {
	t.Helper()
	fake := shop.NewServer(actitotest.InMemory())
	t.Cleanup(fake.Close)
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL),
		actito.WithHTTPClient(&http.Client{Transport: fake.Transport()}), actito.WithQuota(actito.Quota{Limit: imports, KeepFree: min(1, imports-1)}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	require.NoError(t, walkIn(t.Context(), client))
	out := new(bytes.Buffer)
	s, err := newStore(client, wait, out)
	require.NoError(t, err)
	return fake, s, out
}

func TestTheLastImportIsForClosingTime(t *testing.T) {
	t.Parallel()
	fake, s, out := newDay(t, 2, pace(opens, 0))
	require.NoError(t, s.open(t.Context(), opens, closes))
	assert.Len(t, fake.Imports(), 2)
	assert.Len(t, fake.Records(shop.Orders), soldInADay)
	assert.Empty(t, s.pending)
	assert.Equal(t, 2, strings.Count(out.String(), "the last import is for closing time"))
}

func TestOrdersWaitWhenOthersTookTheImports(t *testing.T) {
	t.Parallel()
	fake, s, out := newDay(t, 1, pace(opens, 0))
	other, err := newStore(s.client, s.wait, new(bytes.Buffer))
	require.NoError(t, err)
	other.pending = []Order{{ID: "by-mail", Customer: counter, Date: actito.DateOf(opens)}}
	require.NoError(t, other.load(t.Context(), opens, true))

	require.NoError(t, s.open(t.Context(), opens, closes))
	assert.Len(t, fake.Imports(), 1)
	assert.Len(t, s.pending, soldInADay, "nothing is forgotten")
	assert.Contains(t, out.String(), "12:00   17 orders wait: 1 of 1 imports are used, until ")
}

func TestAnImportWithoutAnswerIsSentAgainAndDoublesNothing(t *testing.T) {
	t.Parallel()
	fake, s, _ := newDay(t, 12, pace(opens, 0))
	fake.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	require.NoError(t, s.open(t.Context(), opens, closes))
	assert.Len(t, fake.Imports(), 4)
	assert.Len(t, fake.Records(shop.Orders), soldInADay)
	assert.Empty(t, s.pending)
}

func TestRejectedOrdersAreNamed(t *testing.T) {
	t.Parallel()
	_, s, out := newDay(t, 12, pace(opens, 0))
	s.pending = []Order{{ID: "1", Customer: "NOBODY", Date: actito.DateOf(opens)}}
	require.NoError(t, s.load(t.Context(), opens, false))
	assert.Contains(t, out.String(), "order 1 was rejected: UNKNOWN_REFERENCE in column customerID\n")
	assert.Empty(t, s.pending)
}

func TestAnInvalidOrderHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	fake, s, out := newDay(t, 12, pace(opens, 0))
	s.pending = []Order{{Customer: counter, Date: actito.DateOf(opens)}}
	require.NoError(t, s.load(t.Context(), opens, false))
	assert.Len(t, s.pending, 1, "it waits for others")
	s.pending = append(s.pending, Order{ID: "1", Customer: counter, Date: actito.DateOf(opens)})
	require.NoError(t, s.load(t.Context(), opens.Add(time.Hour), false))
	assert.Contains(t, out.String(), "09:00   an order was not sent: actito: orders.csv: line 1: ")
	assert.Len(t, fake.Records(shop.Orders), 1)
	assert.Empty(t, s.pending)
}

func TestAnInterruptedDaySaysWhatIsNotLoaded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, s, _ := newDay(t, 2, func(ctx context.Context, until time.Time) error {
		if until.Equal(closes) {
			cancel()
		}
		return ctx.Err()
	})
	err := s.open(ctx, opens, closes)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, "6 orders are not loaded: context canceled")
}

func TestTimePassesFaster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		wait := pace(opens, 3600)
		require.NoError(t, wait(t.Context(), opens.Add(time.Hour)))
		assert.Equal(t, time.Second, time.Since(began))
		require.NoError(t, wait(t.Context(), opens.Add(3*time.Hour)))
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}
