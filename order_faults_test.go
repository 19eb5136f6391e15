package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
)

// patient repeats whatever may be repeated until it succeeds.
var patient = actito.WithRetry(actito.RetryPolicy{Tries: 1000, Budget: 1})

// someFault is a fault that a call survives, or most often none.
func someFault(r *rand.Rand) actitotest.Fault {
	switch r.IntN(16) {
	case 0:
		return actitotest.Refuse()
	case 1:
		return actitotest.LoseAnswer()
	case 2:
		return actitotest.Status(503)
	case 3:
		return actitotest.Status(429).WithHeader("Retry-After", strconv.Itoa(r.IntN(4)))
	case 4, 5:
		return actitotest.Delay(time.Duration(r.IntN(40_000))*time.Millisecond + 1) // some longer than the client waits
	}
	return actitotest.Pass()
}

// written lists the versions of each customer in the order in which the server saw them, first attempts and repeats.
func written(t testing.TB, server *actitotest.Server) map[string][]int {
	t.Helper()
	list := map[string][]int{}
	for _, r := range server.Requests(actitotest.OpProfileUpsert, actitotest.OpProfileUpdate) {
		var body struct {
			Attributes []struct{ Name, Value string }
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue // it was cut
		}
		key, version := strings.TrimPrefix(r.Params["key"], "customerID="), 0
		for _, a := range body.Attributes {
			switch a.Name {
			case "customerID":
				key = a.Value
			case "firstName":
				var err error
				version, err = strconv.Atoi(strings.TrimPrefix(a.Value, "v"))
				require.NoError(t, err)
			}
		}
		list[key] = append(list[key], version)
	}
	return list
}

func TestTheLastCallWins(t *testing.T) {
	t.Parallel()
	const versions = 3
	keys := race.Less(1000)
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		client := newClient(t, server, inProcess(server), unpaced, patient)
		customers, err := actito.Profiles[customer](client, "Customers")
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(2026, 11))
		last := make([]error, keys) // of each key's newest write
		var work sync.WaitGroup
		started := make([]int, keys)
		for range keys * versions {
			i := random.IntN(keys)
			if started[i] == versions {
				i = slices.IndexFunc(started, func(n int) bool { return n < versions })
			}
			started[i]++
			version, key := started[i], "C"+strconv.Itoa(i)
			server.Fail(actitotest.OpProfileUpsert, someFault(random))
			server.Fail(actitotest.OpProfileUpdate, someFault(random))
			ctx, cancel := context.WithCancel(t.Context())
			if version < versions && random.IntN(8) == 0 {
				time.AfterFunc(time.Duration(random.IntN(30_000))*time.Millisecond, cancel)
			}
			update := version > 1 && random.IntN(2) == 0
			work.Go(func() {
				defer cancel()
				c := customer{FirstName: fmt.Sprintf("v%d", version)}
				var err error
				if update {
					err = customers.Update(ctx, actito.By("customerID", key), c)
				} else {
					c.ID = key
					_, err = customers.Upsert(ctx, c)
				}
				if version == versions {
					last[i] = err
				}
			})
			synctest.Wait() // it stands in line: the next call is a later one
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		}
		work.Wait()
		repeats, won := 0, 0
		for key, seen := range written(t, server) {
			assert.True(t, slices.IsSorted(seen), "%s: an older write followed a newer one: %v", key, seen)
			repeats += len(seen) - len(slices.Compact(seen))
		}
		for i := range keys {
			if last[i] != nil { // its first write was cancelled, and the last one is an update; or repeats ran out
				require.True(t, errors.Is(last[i], actito.ErrNotFound) || actito.Retryable(last[i]), last[i])
				continue
			}
			p, ok := server.Profile("Customers", "customerID", "C"+strconv.Itoa(i))
			require.True(t, ok)
			require.Equal(t, fmt.Sprintf("v%d", versions), p.Attributes["firstName"])
			won++
		}
		assert.Greater(t, won, keys*9/10)
		assert.Greater(t, repeats, keys/5, "the faults were met")
	})
}

func TestUpsertEachKeepsTheOrderOfEachKeyThroughFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newUnlimitedShop(t)
		client := newClient(t, server, through(server), unpaced, patient)
		customers, err := actito.Profiles[customer](client, "Customers")
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(7, 7))
		const keys, rows = 5, 300
		n := 0
		next := func(yield func(customer, error) bool) {
			for ; n < rows; n++ {
				server.Fail(actitotest.OpProfileUpsert, someFault(random))
				if !yield(customer{ID: "C" + strconv.Itoa(random.IntN(keys)), FirstName: fmt.Sprintf("v%d", n)}, nil) {
					return
				}
			}
		}
		row := 0
		for result := range customers.UpsertEach(t.Context(), next) {
			row++
			require.Equal(t, row, result.Row)
			require.NoError(t, result.Err)
			require.NotEmpty(t, result.ID)
		}
		assert.Equal(t, rows, row, "one result per row")
		seen := written(t, server)
		assert.Len(t, seen, keys)
		for key, versions := range seen {
			assert.True(t, slices.IsSorted(versions), "%s: %v", key, versions)
			p, ok := server.Profile("Customers", "customerID", key)
			require.True(t, ok)
			assert.Equal(t, fmt.Sprintf("v%d", versions[len(versions)-1]), p.Attributes["firstName"])
		}
	})
}

func TestLeavingUpsertEachEarlyEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		server := newUnlimitedShop(t)
		server.Fail(actitotest.OpProfileUpsert, actitotest.Times(100, actitotest.Delay(10*time.Second)))
		customers, err := actito.Profiles[customer](newClient(t, server, through(server), unpaced), "Customers")
		require.NoError(t, err)
		read := 0
		endless := func(yield func(customer, error) bool) {
			for yield(customer{ID: "C" + strconv.Itoa(read%3)}, nil) {
				read++
			}
		}
		began := time.Now()
		for result := range customers.UpsertEach(t.Context(), endless) {
			require.NoError(t, result.Err)
			break
		}
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Less(t, read, 20, "the source is not read far ahead")
	})
}

func TestARowThatCannotBeSentDoesNotHoldUpItsKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyShop(t)
		customers, err := actito.Profiles[map[string]any](s.client, "Customers")
		require.NoError(t, err)
		customers, err = customers.KeyedBy("customerID")
		require.NoError(t, err)
		orders, err := actito.Records[map[string]any](s.client, "Orders")
		require.NoError(t, err)
		orders, err = orders.KeyedBy("orderId")
		require.NoError(t, err)
		broken := make(chan int)
		for name, results := range map[string][]actito.UpsertResult{
			"profile": slices.Collect(customers.UpsertEach(t.Context(), all(
				map[string]any{"customerID": "C1", "firstName": broken}, map[string]any{"customerID": "C1", "firstName": "Ann"}))),
			"record": slices.Collect(orders.UpsertEach(t.Context(), all(
				map[string]any{"orderId": "O1", "amount": broken}, map[string]any{"orderId": "O1", "customerID": secretKey}))),
		} {
			require.Len(t, results, 2, name)
			require.ErrorIs(t, results[0].Err, actito.ErrInvalid, name)
			require.NoError(t, results[1].Err, name)
		}
	})
}

func TestAWriteWaitsForItsTurnUnderItsOwnContext(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		opts []actito.CallOption
		want error
	}{
		"which is cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, nil, context.Canceled},
		"which has a deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, nil, actito.ErrBusy},
		"and its MaxWait": {context.WithCancel, []actito.CallOption{actito.MaxWait(time.Second)}, actito.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t)
				s.Fail(actitotest.OpProfileUpsert, actitotest.Delay(20*time.Second))
				var work sync.WaitGroup
				work.Go(func() {
					_, err := s.customers.Upsert(t.Context(), customer{ID: secretKey, FirstName: "First"})
					assert.NoError(t, err)
				})
				synctest.Wait()
				ctx, cancel := tt.ctx(t.Context())
				defer cancel()
				began := time.Now()
				err := s.customers.Update(ctx, actito.By("customerID", secretKey), customer{FirstName: "Second"}, tt.opts...)
				require.ErrorIs(t, err, tt.want)
				assert.True(t, actito.Retryable(err))
				assert.Equal(t, time.Second, time.Since(began))
				s.keepsSecrets(t, err)
				_, err = s.customers.Get(t.Context(), actito.By("customerID", secretKey))
				require.NoError(t, err, "reads do not wait")
				assert.Equal(t, time.Second, time.Since(began))
				require.NoError(t, s.customers.Update(t.Context(), actito.By("customerID", secretKey), customer{FirstName: "Third"}))
				assert.Equal(t, 20*time.Second, time.Since(began))
				work.Wait()
				p, _ := s.Profile("Customers", "customerID", secretKey)
				assert.Equal(t, "Third", p.Attributes["firstName"])
			})
		})
	}
}

func TestOtherEntitiesAndTablesHaveTheirOwnOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyShop(t)
		s.AddProfileTable("Other", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{{Name: "customerID", Type: "STRING", Unique: true}}})
		others, err := actito.Profiles[struct {
			ID string `actito:"customerID,key"`
		}](s.client.Entity("Other"), "Customers")
		require.NoError(t, err)
		s.Fail(actitotest.OpProfileUpsert, actitotest.Delay(20*time.Second))
		began := time.Now()
		var work sync.WaitGroup
		work.Go(func() {
			_, err := s.customers.Upsert(t.Context(), customer{ID: "C1"})
			assert.NoError(t, err)
		})
		synctest.Wait()
		_, err = others.Upsert(t.Context(), struct {
			ID string `actito:"customerID,key"`
		}{"C1"})
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
		work.Wait()
		assert.Equal(t, http.StatusCreated, s.calls()[0].Status)
	})
}
