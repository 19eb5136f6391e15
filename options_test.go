package actito_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestOptionsThatCannotWorkAreRefusedByName(t *testing.T) {
	t.Parallel()
	env, local := actito.WithEnvironment(actito.Env3), actito.WithBaseURL("http://127.0.0.1:1")
	key := func(context.Context) (string, error) { return "KEY", nil }
	for name, c := range map[string]struct {
		opts []actito.Option
		want string
	}{
		"no environment":                     {nil, "use WithEnvironment or WithBaseURL"},
		"an unknown environment":             {[]actito.Option{actito.WithEnvironment("ENV-2")}, `unknown environment "ENV-2": use Env0, Env1, Env3 or Preprod`},
		"an empty environment":               {[]actito.Option{actito.WithEnvironment("")}, "unknown environment"},
		"an environment and a URL":           {[]actito.Option{env, local}, "one of WithEnvironment and WithBaseURL"},
		"a URL and an environment":           {[]actito.Option{local, env}, "one of WithEnvironment and WithBaseURL"},
		"two environments":                   {[]actito.Option{env, actito.WithEnvironment(actito.Env0)}, "one of WithEnvironment and WithBaseURL"},
		"an empty URL":                       {[]actito.Option{actito.WithBaseURL("")}, "must have a host"},
		"a URL without scheme":               {[]actito.Option{actito.WithBaseURL("api.actito.com")}, "must have a host"},
		"a URL that cannot be parsed":        {[]actito.Option{actito.WithBaseURL("https://a b")}, "cannot be parsed"},
		"a URL with a port only":             {[]actito.Option{actito.WithBaseURL("https://:443")}, "must have a host"},
		"a URL with a password":              {[]actito.Option{actito.WithBaseURL("https://u:secret@x.example")}, "no user"},
		"a URL with a query":                 {[]actito.Option{actito.WithBaseURL("https://x.example?a=b")}, "query"},
		"a URL with an empty query":          {[]actito.Option{actito.WithBaseURL("https://x.example/?")}, "query"},
		"a URL with a fragment":              {[]actito.Option{actito.WithBaseURL("https://x.example#a")}, "fragment"},
		"plain http":                         {[]actito.Option{actito.WithBaseURL("http://api.actito.com")}, "must be https; plain http is accepted to loopback only"},
		"plain http to a look-alike":         {[]actito.Option{actito.WithBaseURL("http://localhost.example.com")}, "must be https"},
		"plain http to localhost as a part":  {[]actito.Option{actito.WithBaseURL("http://localhost.evil.com")}, "must be https"},
		"plain http to an address as a part": {[]actito.Option{actito.WithBaseURL("http://127.0.0.1.evil.com")}, "must be https"},
		"plain http to a mapped address":     {[]actito.Option{actito.WithBaseURL("http://[::ffff:10.0.0.1]")}, "must be https"},
		"plain http behind a user":           {[]actito.Option{actito.WithBaseURL("http://localhost@evil.com")}, "no user"},
		"plain http to a private net":        {[]actito.Option{actito.WithBaseURL("http://10.0.0.1")}, "must be https"},
		"another scheme":                     {[]actito.Option{actito.WithBaseURL("ftp://x.example")}, "must be https"},
		"a nil option":                       {[]actito.Option{env, nil}, "option 2 is nil"},
		"a nil HTTP client":                  {[]actito.Option{env, actito.WithHTTPClient(nil)}, "WithHTTPClient"},
		"a nil logger":                       {[]actito.Option{env, actito.WithLogger(nil)}, "WithLogger"},
		"a nil token source":                 {[]actito.Option{env, actito.WithTokenSource(nil)}, "WithTokenSource"},
		"a nil key function":                 {[]actito.Option{env, actito.WithAPIKeyFunc(nil)}, "WithAPIKeyFunc"},
		"a nil limiter":                      {[]actito.Option{env, actito.WithLimiter(nil)}, "WithLimiter"},
		"an API key and a function":          {[]actito.Option{env, actito.WithAPIKeyFunc(key)}, "one of an API key, WithAPIKeyFunc and WithTokenSource"},
		"an API key and a token source":      {[]actito.Option{env, actito.WithTokenSource(fixedToken{})}, "one of an API key, WithAPIKeyFunc and WithTokenSource"},
		"a limiter and a rate limit":         {[]actito.Option{env, actito.WithRateLimit(actito.RateLimit{Concurrent: 2}), actito.WithLimiter(&watchedLimiter{})}, "one of WithRateLimit and WithLimiter"},
		"an empty user agent":                {[]actito.Option{env, actito.WithUserAgent("")}, "user agent"},
		"a user agent with a line end":       {[]actito.Option{env, actito.WithUserAgent("a\r\nX: y")}, "printable ASCII"},
		"an unknown zone":                    {[]actito.Option{env, actito.WithTimeZone("Mars/Olympus")}, `"Mars/Olympus" is no time zone`},
		"an empty zone":                      {[]actito.Option{env, actito.WithTimeZone("")}, "time zone"},
		"the zone of the machine":            {[]actito.Option{env, actito.WithTimeZone("Local")}, "time zone"},
		"negative tries":                     {[]actito.Option{env, actito.WithRetry(actito.RetryPolicy{Tries: -1})}, "RetryPolicy"},
		"a budget above one":                 {[]actito.Option{env, actito.WithRetry(actito.RetryPolicy{Budget: 1.1})}, "Budget"},
		"a budget that is no number":         {[]actito.Option{env, actito.WithRetry(actito.RetryPolicy{Budget: math.NaN()})}, "Budget"},
		"negative timeouts":                  {[]actito.Option{env, actito.WithTimeouts(actito.Timeouts{Answer: -1})}, "Timeouts"},
		"a negative rate":                    {[]actito.Option{env, actito.WithRateLimit(actito.RateLimit{CallsPerMinute: -1})}, "CallsPerMinute"},
		"a negative quota":                   {[]actito.Option{env, actito.WithQuota(actito.Quota{Limit: -1})}, "Limit"},
		"a quota with a window that is none": {[]actito.Option{env, actito.WithQuota(actito.Quota{Window: "Mars"})}, "Window"},
	} {
		client, err := actito.New("KEY", "MyEntity", c.opts...)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "actito: ", name)
		require.NotContains(t, err.Error(), "secret", name)
		require.Nil(t, client, name)
	}
	for name, c := range map[string]struct{ key, entity, want string }{
		"no key":                   {"", "MyEntity", "the API key is empty"},
		"a key with its line end":  {"KEY\n", "MyEntity", "white space"},
		"a key with its scheme":    {"Bearer KEY", "MyEntity", "white space"},
		"no entity":                {"KEY", "", "the entity is empty"},
		"a key that is not a text": {"K\x80", "MyEntity", "characters that no key has"},
	} {
		_, err := actito.New(c.key, c.entity, env)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "KEY", name)
	}
	_, err := actito.New("", "MyEntity", env, actito.WithAPIKeyFunc(key), actito.WithTokenSource(fixedToken{}))
	require.ErrorContains(t, err, "one of an API key")
}

func TestOptionsThatWork(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]actito.Option{
		{actito.WithEnvironment(actito.Env0)}, {actito.WithEnvironment(actito.Env1)}, {actito.WithEnvironment(actito.Env3)},
		{actito.WithEnvironment(actito.Preprod)}, {actito.WithBaseURL("http://localhost:8080")}, {actito.WithBaseURL("http://[::1]")},
		{actito.WithBaseURL("http://127.1.2.3")}, {actito.WithBaseURL("HTTPS://proxy.example/actito//")},
		{actito.WithBaseURL("https://proxy.example"), actito.WithRetry(actito.RetryPolicy{Tries: 1, Budget: 1}), actito.WithTimeouts(actito.Timeouts{})},
	} {
		client, err := actito.New("KEY", "MyEntity", opts...)
		require.NoError(t, err)
		require.NoError(t, client.Close())
		require.NoError(t, client.Close(), "twice")
	}
}

type fixedToken struct{}

func (fixedToken) Token(context.Context) (actito.Token, error) {
	return actito.Token{AccessToken: "T"}, nil
}

func TestTheBaseURLMayHaveAPath(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	proxy := httptest.NewServer(http.StripPrefix("/actito", httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(proxy.Close)
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(proxy.URL+"/actito//"), actito.WithUserAgent("shop/2.1"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	_, err = records[keyedRecord](t, client).Upsert(t.Context(), keyedRecord{ID: "A/1"})
	require.NoError(t, err)
	_, found := server.Record("Orders", "A/1")
	require.True(t, found)
	for _, r := range server.Requests() {
		require.Equal(t, "shop/2.1 actito-go/"+actito.Version, r.Header.Get("User-Agent"))
	}
}

func TestDateTimesAreWrittenInTheClientsZone(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	customers := profiles[shopper](t, newClient(t, server, actito.WithTimeZone("America/New_York")))
	_, err := customers.Upsert(t.Context(), shopper{ID: "C1", LastSeen: ann.LastSeen})
	require.NoError(t, err)
	require.Equal(t, "2026-11-23 04:15:00", stored(t, server, "C1").Attributes["lastSeen"])
	read, err := customers.Get(t.Context(), actito.By("customerID", "C1"))
	require.NoError(t, err)
	require.Equal(t, ann.LastSeen, read.LastSeen)
}

func TestADryRunSendsReadsAndNoWrites(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	_, err := profiles[shopper](t, newClient(t, server)).Upsert(t.Context(), shopper{ID: "C1"})
	require.NoError(t, err)
	var log bytes.Buffer
	client := newClient(t, server, actito.WithDryRun(), actito.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	customers, orders := profiles[shopper](t, client), records[purchase](t, client)
	ctx, key := t.Context(), actito.By("customerID", "C1")
	before := len(server.Requests())

	id, err := customers.Upsert(ctx, shopper{ID: "secret-1", Email: "secret@example.com"})
	require.NoError(t, err)
	require.Empty(t, id)
	_, err = customers.Create(ctx, shopper{ID: "C3"})
	require.NoError(t, err)
	require.NoError(t, customers.Update(ctx, key, shopper{ID: "C1", FirstName: "Ann"}))
	require.NoError(t, customers.Delete(ctx, key))
	require.NoError(t, customers.Subscribe(ctx, key, "Newsletter"))
	require.NoError(t, customers.Unsubscribe(ctx, key, "Newsletter"))
	require.NoError(t, customers.Segment(ctx, key, actito.Segmentation{Name: "VIP"}))
	require.NoError(t, customers.Unsegment(ctx, key, "VIP"))
	_, err = orders.Upsert(ctx, purchase{ID: "O1"})
	require.NoError(t, err)
	require.NoError(t, orders.Update(ctx, "O1", purchase{ID: "O1"}))
	require.NoError(t, orders.Delete(ctx, "O1"))
	require.NoError(t, client.Do(ctx, actito.RawCall{Method: http.MethodPost, Path: "/x/v4/y", Body: 1}, nil))
	for r := range customers.UpsertEach(ctx, all(shopper{ID: "C4"}, shopper{ID: "C4"})) {
		require.NoError(t, r.Err)
	}
	require.Len(t, server.Requests(), before, "not even a token is fetched")
	require.Equal(t, 14, bytes.Count(log.Bytes(), []byte("dry run, not sent")))
	require.Contains(t, log.String(), `op="upsert profile" method=POST path=/profiles/v4/entity/{entity}/table/{table}/profile bytes=`)
	require.NotContains(t, log.String(), "secret")

	_, err = customers.Upsert(ctx, shopper{})
	require.ErrorIs(t, err, actito.ErrInvalid, "what would be refused is refused")
	require.ErrorIs(t, orders.Delete(ctx, ""), actito.ErrInvalid)
	read, err := customers.Get(ctx, key)
	require.NoError(t, err)
	require.Empty(t, read.FirstName)
	_, _, err = orders.List(ctx, actito.ListOptions{})
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, customers.Delete(cancelled, key), context.Canceled)
}

func TestEntitiesShareTokenPaceQuotaAndConnections(t *testing.T) {
	t.Parallel()
	server := actitotest.NewServer(actitotest.WithEntities("Belgium", "France"))
	t.Cleanup(server.Close)
	for _, entity := range []string{"Belgium", "France"} {
		server.AddCustomTable(entity, actitotest.Table{Name: "Orders", PrimaryKey: "orderId", Attributes: []actitotest.Attribute{{Name: "orderId", Type: "STRING"}}})
	}
	limiter, ledger := &watchedLimiter{slots: make(chan struct{}, 1)}, &refusingStore{}
	belgium, err := actito.New(server.APIKey, "Belgium", actito.WithBaseURL(server.URL), actito.WithLimiter(limiter), actito.WithQuota(actito.Quota{Store: ledger}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = belgium.Close() })
	france := belgium.Entity("France")

	type row struct {
		ID string `actito:"orderId,key"`
	}
	reused := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused++
		}
	}})
	for _, client := range []*actito.Client{belgium, france} {
		orders := records[row](t, client)
		_, err := orders.Upsert(ctx, row{"O1"})
		require.NoError(t, err)
		_, err = client.ETLs.RunOnce(ctx, actito.Definition{Files: []actito.InputFile{orders.InputFile("o.csv")}}, orders.Rows("o.csv", all(row{"O2"})))
		require.ErrorIs(t, err, errRefusing)
	}
	require.Len(t, server.Requests(actitotest.OpToken), 1)
	require.Len(t, limiter.work, 4, "each entity looked its table up, and wrote a record")
	require.Equal(t, 2, ledger.asked)
	require.GreaterOrEqual(t, reused, 3)
	var entities []string
	for _, r := range server.Requests(actitotest.OpRecordUpsert) {
		entities = append(entities, r.Params["entity"])
	}
	require.Equal(t, []string{"Belgium", "France"}, entities)
}

// refusingStore is a ledger that counts what it is asked for.
type refusingStore struct {
	actito.QuotaStore
	asked int
}

var errRefusing = errors.New("no import")

func (s *refusingStore) Reserve(context.Context, actito.Reservation) error {
	s.asked++
	return errRefusing
}

func (*refusingStore) Settle(context.Context, string, actito.Outcome) error { return nil }

func TestANilCallOptionChangesNothing(t *testing.T) {
	t.Parallel()
	var none actito.CallOption
	_, err := profiles[shopper](t, newClient(t, newStore(t))).Upsert(t.Context(), shopper{ID: "C1"}, none, actito.MaxWait(time.Minute))
	require.NoError(t, err)
}
