package feed_test

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// staleness is that of the lanes of a bulkShop.
const staleness = 30 * time.Minute

// slow is a licence with which a small backlog is one.
var slow = actito.RateLimit{CallsPerMinute: 20, RealTimeCalls: 5}

// item is a row without parents, some of whose columns may be unset.
type item struct {
	ID    string              `actito:"itemID,key"`
	Name  actito.Opt[string]  `actito:"name"`
	Stock actito.Opt[float64] `actito:"stock"`
}

// bulkShop is a shop whose lanes spill.
type bulkShop struct {
	*shop
	items *feed.Lane[item]
}

type bulkOptions struct {
	server []actitotest.Option
	quota  actito.Quota
	empty  []actito.EmptyCells
	rate   actito.RateLimit // slow
}

func newBulkShop(t *testing.T, o bulkOptions) *bulkShop {
	t.Helper()
	s := &bulkShop{shop: &shop{t: t, server: newServer(append([]actitotest.Option{actitotest.InMemory(),
		actitotest.WithImportTimes(time.Minute, 2*time.Minute)}, o.server...)...), memory: feedtest.NewMemory()}}
	s.server.AddCustomTable("Shop", actitotest.Table{
		Name: "Items", PrimaryKey: "itemID",
		Attributes: []actitotest.Attribute{
			{Name: "itemID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "name", Type: "STRING", MaxLength: 20},
			{Name: "stock", Type: "NUMBER"},
		},
	})
	var err error
	s.client, err = actito.New(s.server.APIKey, "Shop", actito.WithBaseURL(s.server.URL), actito.WithQuota(o.quota),
		actito.WithRateLimit(cmp.Or(o.rate, slow)), actito.WithHTTPClient(&http.Client{Transport: s.server.Transport()}))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.client.Close()
		s.server.Close()
	})
	s.feed, s.customers, s.orders, s.items = s.openBulk(s.memory, o.empty...)
	return s
}

// openBulk opens the feed of another process.
func (s *bulkShop) openBulk(
	store feed.Store, empty ...actito.EmptyCells,
) (*feed.Feed, *feed.Lane[customer], *feed.Lane[order], *feed.Lane[item]) {
	f, err := feed.Open(s.client, store)
	require.NoError(s.t, err)
	customers, err := actito.Profiles[customer](s.client, "Customers")
	require.NoError(s.t, err)
	orders, err := actito.Records[order](s.client, "Orders")
	require.NoError(s.t, err)
	items, err := actito.Records[item](s.client, "Items")
	require.NoError(s.t, err)
	lane := feed.Profiles(f, customers, feed.SpillToBulk(staleness, empty...))
	return f, lane, feed.Records(f, orders, feed.After(lane), feed.SpillToBulk(staleness, empty...)),
		feed.Records(f, items, feed.SpillToBulk(staleness, empty...))
}

// pushItems pushes items with a name and a stock, from a number on.
func (s *bulkShop) pushItems(from, n int, name string, opts ...feed.PushOption) {
	s.t.Helper()
	for i := range n {
		s.pushItem(item{ID: fmt.Sprint(from + i), Name: actito.Set(name), Stock: actito.Set(float64(i))}, opts...)
	}
}

func (s *bulkShop) pushItem(i item, opts ...feed.PushOption) {
	s.t.Helper()
	require.NoError(s.t, s.items.Push(s.t.Context(), s.memory, i, opts...))
}

// pending counts what the outbox holds, in any state.
func (s *bulkShop) pending() (pending, held, dead int) {
	s.t.Helper()
	stats, err := s.feed.Stats(s.t.Context())
	require.NoError(s.t, err)
	for _, l := range stats.Lanes {
		pending, held, dead = pending+l.Pending, held+l.Held, dead+l.Dead
	}
	return pending, held, dead
}

// until waits in virtual time until something is so.
func (s *bulkShop) until(what string, within time.Duration, so func() bool) {
	s.t.Helper()
	for began := time.Now(); !so(); time.Sleep(time.Second) {
		if time.Since(began) > within {
			require.FailNow(s.t, "it took too long until "+what)
		}
	}
}

func (s *bulkShop) untilSent() {
	s.t.Helper()
	s.until("an import holds rows and was started", staleness, func() bool {
		_, held, _ := s.pending()
		return held > 0 && len(s.server.Imports()) > 0
	})
}

func (s *bulkShop) untilDelivered(within time.Duration) {
	s.t.Helper()
	s.until("all was delivered", within, func() bool {
		pending, _, _ := s.pending()
		return pending == 0
	})
}

func (s *bulkShop) name(id string) string {
	r, _ := s.server.Record("Items", id)
	return r["name"]
}

func TestABacklogSpillsWithinTheStaleness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{rate: actito.RateLimit{CallsPerMinute: 100}})
		for i := range 5000 {
			s.push(customer{ID: fmt.Sprint(i % 100), Email: "ann@example.com"})
			require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: fmt.Sprint(i), Customer: fmt.Sprint(i % 100), Amount: 1}))
		}
		began := time.Now()
		stop := s.run(s.feed)
		defer stop()
		s.untilDelivered(staleness + 2*time.Minute)
		assert.Equal(t, 5000, len(s.server.Records("Orders"))) //nolint:testifylint // Len prints them all
		imports := s.server.Imports()
		require.NotEmpty(t, imports)
		calls := len(s.server.Requests(actitotest.OpRecordUpsert))
		t.Logf("%s, %d calls, %d imports of %d rows", time.Since(began), calls, len(imports), imports[0].Rows)
		assert.Len(t, imports, 1)
		assert.Equal(t, 5000, calls+imports[0].Rows)
		assert.Greater(t, imports[0].Time.Sub(began), staleness/2, "an import starts late")
	})
}
