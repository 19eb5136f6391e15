package redisquota

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

type customer struct {
	ID    string `actito:"customerID,key"`
	Email string `actito:"emailAddress"`
}

// importer is a client whose imports are booked in Redis, and the service that they are sent to, which takes any number.
type importer struct {
	service   *actitotest.Server
	redis     atomic.Pointer[server] // that it is pointed at
	client    *actito.Client
	customers *actito.ProfileTable[customer]
}

func newImporter(t *testing.T, at *server, quota actito.Quota) *importer {
	t.Helper()
	im := &importer{service: actitotest.NewServer(actitotest.InMemory(), actitotest.WithLimits(actitotest.Limits{ImportsPerDay: -1}))}
	im.service.Assume(actitotest.ExecutionListExists)
	t.Cleanup(im.service.Close)
	im.service.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
	}})
	im.redis.Store(at)
	quota.Window = actito.Rolling24h
	quota.Store = newLedger(t, &redis.Options{Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, im.redis.Load().addr)
	}}).Store
	var err error
	im.client, err = actito.New(im.service.APIKey, "MyEntity", actito.WithBaseURL(im.service.URL),
		actito.WithHTTPClient(&http.Client{Transport: im.service.Transport()}), actito.WithQuota(quota))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, im.client.Close()) })
	im.customers, err = actito.Profiles[customer](im.client, "Customers")
	require.NoError(t, err)
	return im
}

func (im *importer) imports(ctx context.Context) error {
	exec, err := im.client.ETLs.RunOnce(ctx, actito.Definition{Name: "once", Files: []actito.InputFile{im.customers.InputFile("c.csv")}},
		im.customers.Rows("c.csv", actito.FromSlice([]customer{{"C1", "ann@example.com"}})))
	if err == nil {
		_, err = im.client.Executions.Wait(ctx, exec)
	}
	return err
}

func (im *importer) mustImport(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, im.imports(t.Context()))
	}
}

// sent checks how many imports were sent to the service.
func (im *importer) sent(t *testing.T, n int) {
	t.Helper()
	require.Len(t, im.service.Requests(actitotest.OpRunOnce), n)
	require.Len(t, im.service.Imports(), n)
}

// losses are ways in which Redis forgets the latest of the imports that are booked in it: where the client is to look
// after seen of them for what is left.
var losses = map[string]func(t *testing.T, books func(at *server, n int)) (now *server){
	"a replica was promoted that was cut off before the last writes": func(t *testing.T, books func(*server, int)) *server {
		master := startServer(t, "--repl-diskless-sync-delay", "0")
		replica := replicate(t, master)
		books(master, 10)
		catchUp(t, master)
		promote(t, replica)
		books(master, 2)
		master.stop()
		return replica
	},
	"a server without persistence was restarted": func(t *testing.T, books func(*server, int)) *server {
		s := startServer(t)
		books(s, 12)
		s.stop()
		s.start(t)
		return s
	},
	"a server was restarted that saved its data now and then": func(t *testing.T, books func(*server, int)) *server {
		s := startServer(t)
		books(s, 7)
		rdb := redis.NewClient(&redis.Options{Addr: s.addr})
		defer rdb.Close()
		require.NoError(t, rdb.Save(t.Context()).Err())
		books(s, 5)
		s.stop()
		s.start(t)
		return s
	},
}

// lose makes twelve imports, of which Redis forgets some.
func lose(t *testing.T, loss func(*testing.T, func(*server, int)) *server, quota actito.Quota) *importer {
	t.Helper()
	var im *importer
	now := loss(t, func(at *server, n int) {
		if im == nil {
			im = newImporter(t, at, quota)
		}
		im.mustImport(t, n)
	})
	im.redis.Store(now)
	im.sent(t, 12)
	return im
}

func TestNoThirteenthImportIsSentWhateverRedisForgot(t *testing.T) {
	t.Parallel()
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := lose(t, loss, actito.Quota{})
			for range 2 {
				err := im.imports(t.Context())
				var full *actito.QuotaError
				require.ErrorAs(t, err, &full)
				require.Equal(t, []int{12, 12, 0}, []int{full.Limit, full.Used, full.Held})
				im.sent(t, 12)
			}
		})
	}
}

func TestWithoutAListOfExecutionsNothingIsSentAfterRedisForgot(t *testing.T) {
	t.Parallel()
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := lose(t, loss, actito.Quota{})
			im.service.Assume(actitotest.ExecutionListMissing)
			err := im.imports(t.Context())
			require.ErrorIs(t, err, actito.ErrNotFound)
			require.ErrorContains(t, err, `the ledger of imports may be incomplete: Redis`)
			require.ErrorContains(t, err, "Quota.FailOpen")
			im.sent(t, 12)

			// An operator who knows better says so.
			unverified := mustBeUnverified(t, err)
			require.NoError(t, unverified.Confirm(t.Context()))
			usage, err := im.client.Quota.Usage(t.Context(), "Customers")
			require.NoError(t, err)
			require.NoError(t, im.client.Quota.Adjust(t.Context(), "Customers", 12-usage.Used))
			require.ErrorIs(t, im.imports(t.Context()), actito.ErrQuotaExceeded)
			im.sent(t, 12)
		})
	}
}

func TestWithoutAListOfExecutionsFailOpenSends(t *testing.T) {
	t.Parallel()
	im := lose(t, losses["a server without persistence was restarted"], actito.Quota{FailOpen: true})
	im.service.Assume(actitotest.ExecutionListMissing)
	im.mustImport(t, 1)
	im.sent(t, 13)
}

func TestNothingIsSentWhileRedisIsOutOfReach(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	im := newImporter(t, s, actito.Quota{})
	im.mustImport(t, 1)
	s.stop()
	require.ErrorContains(t, im.imports(t.Context()), `redisquota: reserve: licence "1": `)
	im.sent(t, 1)
}
