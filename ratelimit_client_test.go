package actito_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// sendAll reads in turn through the clients until the pace allows no more, and counts.
func sendAll(t *testing.T, clients ...*actito.Client) (n int) {
	t.Helper()
	for ; ; n++ {
		_, err := profiles[customer](t, clients[n%len(clients)]).Get(t.Context(), actito.ByID("7"), actito.MaxWait(0))
		if errors.Is(err, actito.ErrBusy) {
			return n
		}
		require.ErrorIs(t, err, actito.ErrNotFound)
	}
}

func TestACallThatTimesOutSlowsItsClientDown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		timeouts actito.Timeouts
		http     time.Duration // the HTTP client's own
		after    time.Duration
		calls    int // of the next minute
	}{
		"after 30 seconds":                {actito.Timeouts{}, 0, 30 * time.Second, 5},
		"after the time of its own":       {actito.Timeouts{Answer: 7 * time.Second}, 0, 7 * time.Second, 5},
		"after that of its HTTP client":   {actito.Timeouts{}, 8 * time.Second, 8 * time.Second, 5},
		"but not when it was just slow":   {actito.Timeouts{Answer: 40 * time.Second}, 0, 35 * time.Second, 10},
		"and not by a longer one of HTTP": {actito.Timeouts{Answer: 9 * time.Second}, time.Minute, 9 * time.Second, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newUnlimitedShop(t)
				client := newClient(t, server, actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 10}), actito.WithTimeouts(tt.timeouts),
					actito.WithRetry(actito.RetryPolicy{Tries: 1}), actito.WithHTTPClient(&http.Client{Transport: server.Transport(), Timeout: tt.http}))
				server.Fail(actitotest.OpProfileGet, actitotest.Delay(35*time.Second))
				began := time.Now()
				_, err := profiles[customer](t, client).Get(t.Context(), actito.ByID("7"))
				require.Error(t, err)
				require.Equal(t, tt.after, time.Since(began))
				time.Sleep(time.Minute - 1) // a whole one of fast answers would bring a call back
				require.Equal(t, tt.calls, sendAll(t, client))
			})
		})
	}
}

func TestClientsOfOneLicenceMayShareALimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		limiter, err := actito.NewLimiter(actito.RateLimit{CallsPerMinute: 10})
		require.NoError(t, err)
		shop := newClient(t, server, through(server), actito.WithLimiter(limiter))
		office := newClient(t, server, through(server), actito.WithLimiter(limiter))
		require.Equal(t, 8, sendAll(t, shop, office), "beside a token for each")
		require.Len(t, server.Requests(), 10)
	})
}

func TestReplicasWithTheirSharesStayWithinTheLicence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newShop(t, actitotest.InMemory())
		var replicas []*actito.Client
		for range 3 {
			replicas = append(replicas, newClient(t, server, through(server), actito.WithRateLimit(actito.RateLimit{Share: 3})))
		}
		began := time.Now()
		calls := 0
		for _, replica := range replicas {
			calls += sendAll(t, replica)
		}
		require.Equal(t, 3*33-3, calls, "beside a token for each")
		require.Zero(t, time.Since(began), "nobody was slowed down")
	})
}

func TestARefreshedTokenTakesItsTurnWhileTheOldOneIsGood(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		calls   time.Duration
		refused int // as one too many at once
		after   time.Duration
	}{
		"when a call has ended":    {3 * time.Second, 0, 2 * time.Second},
		"or is too urgent to wait": {20 * time.Second, 1, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newShop(t, actitotest.InMemory())
				get := getAnn(t, newClient(t, server, inProcess(server)))
				require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
				server.Fail(actitotest.OpProfileGet, actitotest.Times(5, actitotest.Delay(tt.calls)))
				var calls sync.WaitGroup
				time.Sleep(12*time.Minute - time.Second)
				for range 4 {
					calls.Go(func() { _ = get(t.Context()) })
				}
				time.Sleep(time.Second) // the token is old, and the fifth call sees it
				calls.Go(func() { _ = get(t.Context()) })
				began := time.Now()
				time.Sleep(tt.after)
				synctest.Wait()
				tokens := server.Requests(actitotest.OpToken)
				require.Len(t, tokens, 2)
				require.LessOrEqual(t, tokens[1].Time.Sub(began), tt.after)
				calls.Wait()
				refused := 0
				for _, r := range server.Requests() {
					if r.Status == http.StatusTooManyRequests {
						refused++
					}
				}
				require.Equal(t, tt.refused, refused)
			})
		})
	}
}

func TestAClientWithoutRateLimitIsAsFastAsItsService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		get := getAnn(t, newClient(t, server, inProcess(server), actito.WithLimiter(actito.NoRateLimit{})))
		began := time.Now()
		for range 1000 {
			require.ErrorIs(t, get(t.Context()), actito.ErrNotFound)
		}
		require.Zero(t, time.Since(began))
	})
}

func ExampleNoRateLimit() {
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithLimits(actitotest.Limits{PerMinute: -1}))
	addStore(server)
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}),
		actito.WithLimiter(actito.NoRateLimit{})) // a test need not wait for the minute
	if err != nil {
		log.Fatal(err)
	}
	type Customer struct {
		ID string `actito:"customerID,key"`
	}
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	for n := range 1000 {
		if _, err := customers.Upsert(context.Background(), Customer{ID: fmt.Sprintf("C%d", n)}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(server.Requests(actitotest.OpProfileUpsert)), "calls")
	// Output: 1000 calls
}
