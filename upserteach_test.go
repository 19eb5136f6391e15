package actito_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// inStoreBubble runs a test of a fake in virtual time.
func inStoreBubble(t *testing.T, test func(t *testing.T, server *actitotest.Server, client *actito.Client)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newStore(t, actitotest.InMemory())
		test(t, server, newInMemory(t, server))
	})
}

func newInMemory(t testing.TB, server *actitotest.Server, opts ...actito.Option) *actito.Client {
	t.Helper()
	return newClient(t, server, append(opts, actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))...)
}

// numbered yields rows with the keys K1, K2 and so on, and notes how many were asked for.
func numbered(n int, asked *int) iter.Seq2[purchase, error] {
	return func(yield func(purchase, error) bool) {
		for *asked < n {
			*asked++
			if !yield(purchase{ID: fmt.Sprint("K", *asked)}, nil) {
				return
			}
		}
	}
}

func TestUpsertEachYieldsOneResultPerRowInOrder(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		rows := func(yield func(purchase, error) bool) {
			for i := range 250 {
				row := purchase{ID: fmt.Sprint("K", i+1)}
				switch i % 10 {
				case 3:
					row.ID = ""
				case 7:
					row.Status = actito.Set("no such status")
				case 8:
					row.Customer = "\xff"
				}
				if !yield(row, nil) {
					return
				}
			}
		}
		n := 0
		for r := range records[purchase](t, client).UpsertEach(t.Context(), rows) {
			n++
			require.Equal(t, n, r.Row)
			switch (r.Row - 1) % 10 {
			case 3, 7, 8:
				require.ErrorIs(t, r.Err, actito.ErrInvalid)
				require.Empty(t, r.ID)
			default:
				require.NoError(t, r.Err)
				require.Equal(t, fmt.Sprint("K", n), r.ID)
			}
		}
		require.Equal(t, 250, n)
		require.Len(t, server.Records("Orders"), 175)
	})
}

func TestARefusedRowHoldsUpNoOtherOfItsKey(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		customers := profiles[shopper](t, client)
		var results []actito.UpsertResult
		for r := range customers.UpsertEach(t.Context(), all(
			shopper{ID: "C1", FirstName: "\xff"}, shopper{ID: "C1", Newsletter: actito.Null[bool]()}, shopper{ID: "C1", FirstName: "Ann"},
		)) {
			results = append(results, r)
		}
		require.ErrorIs(t, results[0].Err, actito.ErrInvalid)
		require.ErrorIs(t, results[1].Err, actito.ErrInvalid)
		require.NoError(t, results[2].Err)
		_, err := customers.Upsert(t.Context(), shopper{ID: "C1", FirstName: "Anna"})
		require.NoError(t, err)
		ann, _ := server.Profile("Customers", "customerID", "C1")
		require.Equal(t, "Anna", ann.Attributes["firstName"])
	})
}

func TestRowsWithOneKeyAreSentInOrder(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		server.Fail(actitotest.OpProfileUpsert, actitotest.Pass(), actitotest.Status(http.StatusServiceUnavailable), actitotest.LoseAnswer())
		rows := func(yield func(shopper, error) bool) {
			for i := range 40 {
				if !yield(shopper{ID: fmt.Sprint("C", i%2), Points: i + 1}, nil) {
					return
				}
			}
		}
		for r := range profiles[shopper](t, client).UpsertEach(t.Context(), rows) {
			require.NoError(t, r.Err)
		}
		for i, want := range []string{"39", "40"} {
			stored, _ := server.Profile("Customers", "customerID", fmt.Sprint("C", i))
			require.Equal(t, want, stored.Attributes["points"])
		}
	})
}

func TestARowMayBeReusedByItsSource(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		orders, err := records[map[string]any](t, client).KeyedBy("orderId")
		require.NoError(t, err)
		row := map[string]any{}
		rows := func(yield func(map[string]any, error) bool) {
			for i := range 30 {
				row["orderId"], row["points"] = fmt.Sprint("K", i), i
				if !yield(row, nil) {
					return
				}
			}
		}
		for r := range orders.UpsertEach(t.Context(), rows) {
			require.NoError(t, r.Err)
		}
		require.Len(t, server.Records("Orders"), 30)
		last, _ := server.Record("Orders", "K29")
		require.Equal(t, "29", last["points"])
	})
}

func TestTheErrorOfTheSourceIsTheLastResult(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		broken := errors.New("the database went away")
		rows := func(yield func(purchase, error) bool) {
			_ = yield(purchase{ID: "K1"}, nil) && yield(purchase{ID: "K2"}, nil) && yield(purchase{}, broken) && yield(purchase{ID: "K4"}, nil)
		}
		var results []actito.UpsertResult
		for r := range records[purchase](t, client).UpsertEach(t.Context(), rows) {
			results = append(results, r)
		}
		require.Equal(t, []actito.UpsertResult{{Row: 1, ID: "K1"}, {Row: 2, ID: "K2"}, {Row: 3, Err: broken}}, results)
		require.Len(t, server.Records("Orders"), 2)
	})
}

func TestNoRowsGiveNoResults(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		for range records[purchase](t, client).UpsertEach(t.Context(), all[purchase]()) {
			t.Error("a result")
		}
		require.Empty(t, server.Requests())
	})
}

func TestLeavingTheLoopEndsTheWork(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		server.Fail(actitotest.OpRecordUpsert, actitotest.Times(1000, actitotest.Delay(time.Minute)))
		asked := 0
		for range records[purchase](t, client).UpsertEach(t.Context(), numbered(1000, &asked)) {
			break
		}
		require.Less(t, asked, 50)
		server.Clock().Advance(time.Hour)
		synctest.Wait()
		require.Empty(t, server.Records("Orders"))
	})
}

func TestCancellingEndsTheWorkWithItsError(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, server *actitotest.Server, client *actito.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		asked, n := 0, 0
		var last actito.UpsertResult
		for last = range records[purchase](t, client).UpsertEach(ctx, numbered(100_000, &asked)) {
			if n++; n == 5 {
				cancel()
			}
			require.Equal(t, n, last.Row)
		}
		require.ErrorIs(t, last.Err, context.Canceled)
		require.Equal(t, asked, n, "each row that was taken has a result")
		require.Less(t, n, 50)
		require.Less(t, len(server.Requests(actitotest.OpRecordUpsert)), n)
	})
}

func TestUpsertEachWorksInTheBackgroundSeveralAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		watch := &watchedLimiter{slots: make(chan struct{}, 4)}
		server := newStore(t, actitotest.InMemory())
		server.Fail(actitotest.OpRecordUpsert, actitotest.Times(40, actitotest.Delay(time.Second)))
		client, asked := newInMemory(t, server, actito.WithLimiter(watch)), 0
		began := time.Now()
		for r := range records[purchase](t, client).UpsertEach(t.Context(), numbered(40, &asked), actito.MaxWait(time.Hour)) {
			require.NoError(t, r.Err)
		}
		require.Equal(t, 10*time.Second, time.Since(began).Truncate(time.Second))
		require.Len(t, watch.work, 40)
		for _, w := range watch.work {
			require.Equal(t, actito.Work{Op: "upsert record", Class: actito.BackgroundWork, MaxWait: time.Hour}, w)
		}
	})
}

// watchedLimiter notes what asks for its turn, and lets as many through at a time as it has slots.
type watchedLimiter struct {
	slots chan struct{}
	mu    sync.Mutex
	work  []actito.Work
}

func (l *watchedLimiter) Acquire(_ context.Context, w actito.Work) (func(), error) {
	l.slots <- struct{}{}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.work = append(l.work, w)
	return sync.OnceFunc(func() { <-l.slots }), nil
}

func TestACancelledUpsertEachEndsWithTheContextsErrorWhateverRowIsNext(t *testing.T) {
	inStoreBubble(t, func(t *testing.T, _ *actitotest.Server, client *actito.Client) {
		records, err := actito.Records[order](client, "Orders")
		require.NoError(t, err)
		rows := make([]order, 100)
		for i := range rows {
			rows[i] = order{ID: strconv.Itoa(i)}
		}
		rows[16].ID = "" // the one that is next when the first result comes
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last actito.UpsertResult
		for last = range records.UpsertEach(ctx, actito.FromSlice(rows)) {
			cancel()
		}
		require.ErrorIs(t, last.Err, context.Canceled)
	})
}
