package feed_test

import (
	"context"
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

type customer struct {
	ID         string             `actito:"customerID,key"`
	Email      string             `actito:"emailAddress"`
	FirstName  actito.Opt[string] `actito:"firstName"`
	Newsletter actito.Opt[bool]   `actito:"subscriptions#Newsletter"`
}

type order struct {
	ID       string  `actito:"orderID,key"`
	Customer string  `actito:"customerID"`
	Amount   float64 `actito:"amount"`
}

// shop is a fake with customers and orders, and a feed into it.
type shop struct {
	t         *testing.T
	server    *actitotest.Server
	client    *actito.Client
	memory    *feedtest.Memory
	store     feed.Store // the memory, or what stands before it
	feed      *feed.Feed
	customers *feed.Lane[customer]
	orders    *feed.Lane[order]
}

// setup is what makes a shop differ from others.
type setup struct {
	server []actitotest.Option
	client []actito.Option
	before func(ctx context.Context, method string) error // of the store
	wire   wire
	feed   []feed.Option
}

func newServer(opts ...actitotest.Option) *actitotest.Server {
	server := actitotest.NewServer(opts...)
	server.AddProfileTable("Shop", actitotest.Table{
		Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS"},
			{Name: "firstName", Type: "FIRSTNAME"},
		},
		Subscriptions: []string{"Newsletter"},
	})
	server.AddCustomTable("Shop", actitotest.Table{
		Name: "Orders", PrimaryKey: "orderID",
		Attributes: []actitotest.Attribute{
			{Name: "orderID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "customerID", Type: "STRING", Mandatory: true},
			{Name: "amount", Type: "NUMBER"},
		},
		ForeignKeys: []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}},
	})
	return server
}

func newShop(t *testing.T, opts ...feed.Option) *shop {
	t.Helper()
	return setup{feed: opts}.open(t)
}

func (u setup) open(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, server: newServer(append(u.server, actitotest.InMemory())...), memory: feedtest.NewMemory()}
	s.store = s.memory
	if u.before != nil {
		s.store = guarded{s.memory, u.before}
	}
	transport := s.server.Transport()
	if u.wire != nil {
		transport = intercepted{transport, u.wire}
	}
	var err error
	s.client, err = actito.New(s.server.APIKey, "Shop", append([]actito.Option{actito.WithBaseURL(s.server.URL),
		actito.WithHTTPClient(&http.Client{Transport: transport})}, u.client...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.client.Close()
		s.server.Close()
	})
	s.feed, s.customers, s.orders = s.open(u.feed...)
	return s
}

// open opens the feed of another process.
func (s *shop) open(opts ...feed.Option) (*feed.Feed, *feed.Lane[customer], *feed.Lane[order]) {
	f, err := feed.Open(s.client, s.store, opts...)
	require.NoError(s.t, err)
	customers, err := actito.Profiles[customer](s.client, "Customers")
	require.NoError(s.t, err)
	orders, err := actito.Records[order](s.client, "Orders")
	require.NoError(s.t, err)
	lane := feed.Profiles(f, customers)
	return f, lane, feed.Records(f, orders, feed.After(lane))
}

func (s *shop) push(c customer, opts ...feed.PushOption) {
	s.t.Helper()
	require.NoError(s.t, s.customers.Push(s.t.Context(), s.memory, c, opts...))
}

// run runs a feed until the returned function is called.
func (s *shop) run(f *feed.Feed) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	return func() {
		cancel()
		assert.NoError(s.t, <-ended)
	}
}

func TestAHolderThatDiedDrainsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		drained := func() bool {
			stats, err := s.feed.Stats(t.Context())
			require.NoError(t, err)
			return stats.Drained
		}
		lease, err := s.memory.Take(t.Context(), feed.Lease{}, "another process")
		require.NoError(t, err)
		require.True(t, drained())
		time.Sleep(37 * time.Second)
		require.True(t, drained())
		time.Sleep(time.Second)
		require.False(t, drained(), "no process has kept the lease for longer than it lasts")
		require.NoError(t, s.memory.Apply(t.Context(), lease.Fence, feed.Note{}))
		require.True(t, drained())
	})
}

func TestWhatWasPushedArrives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "1", Email: "ann@example.com", FirstName: actito.Set("Ann"), Newsletter: actito.Set(true)})
		s.push(customer{ID: "1", Email: "ann@example.org", FirstName: actito.Null[string]()})
		require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: "A", Customer: "1", Amount: 12.5}))
		stop := s.run(s.feed)
		time.Sleep(5 * time.Second)
		stop()
		p, ok := s.server.Profile("Customers", "customerID", "1")
		require.True(t, ok)
		assert.Equal(t, "ann@example.org", p.Attributes["emailAddress"])
		assert.NotContains(t, p.Attributes, "firstName")
		assert.True(t, p.Subscriptions["Newsletter"])
		_, ok = s.server.Record("Orders", "A")
		assert.True(t, ok)
		stats, err := s.feed.Stats(t.Context())
		require.NoError(t, err)
		assert.Zero(t, stats.Lanes[0].Pending+stats.Lanes[1].Pending)
		assert.False(t, stats.Drained)
	})
}
