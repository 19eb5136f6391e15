package actito_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// awkward are keys that URLs, proxies and frameworks like to bend.
var awkward = []string{
	"ann+b/c d;é%@example.com", "a%2Fb", "a%2fb", "a?b#c", "a=b=c", "a&b", "...", "a/../b", "../x", "./x", "..;x", ".;category=x",
	" ", "+", "%", ";", "=", "/", "//", `\`, "日本", "a\tb", "*", "(a)", "a:b,c", "~", "null", "7",
}

func newKeyed(t testing.TB, opts ...actitotest.Option) *actitotest.Server {
	server := actitotest.NewServer(append(opts, actitotest.WithLimits(actitotest.Limits{PerMinute: -1}))...)
	t.Cleanup(server.Close)
	server.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "emailAddress", Type: "STRING", Unique: true}, {Name: "firstName", Type: "FIRSTNAME"},
	}, Subscriptions: awkward, Segmentations: []actitotest.Segmentation{{Name: "Activity", Categories: awkward}}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Orders", PrimaryKey: "orderId", Attributes: []actitotest.Attribute{
		{Name: "orderId", Type: "STRING"}, {Name: "status", Type: "STRING"},
	}})
	return server
}

type keyed struct {
	Email     string `actito:"emailAddress,key"`
	FirstName string `actito:"firstName"`
}

type keyedRecord struct {
	ID     string `actito:"orderId,key"`
	Status string `actito:"status"`
}

func TestKeysArriveUnharmed(t *testing.T) {
	t.Parallel()
	roads := map[string]func(t *testing.T) (*actitotest.Server, []actito.Option){
		"over a listener": func(t *testing.T) (*actitotest.Server, []actito.Option) { return newKeyed(t), nil },
		"in memory": func(t *testing.T) (*actitotest.Server, []actito.Option) {
			server := newKeyed(t, actitotest.InMemory())
			return server, []actito.Option{actito.WithHTTPClient(&http.Client{Transport: server.Transport()})}
		},
		"with version 5": func(t *testing.T) (*actitotest.Server, []actito.Option) {
			return newKeyed(t), []actito.Option{actito.WithProfilesV5()}
		},
		"without prefix": func(t *testing.T) (*actitotest.Server, []actito.Option) {
			return newKeyed(t, actitotest.UnprefixedOnly()), []actito.Option{actito.WithUnprefixedPaths()}
		},
	}
	for name, road := range roads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, opts := road(t)
			server.Assume(actitotest.KeysWithCase)
			client := newClient(t, server, append(opts, actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 10_000}))...)
			customers, orders := profiles[keyed](t, client), records[keyedRecord](t, client)
			for _, value := range awkward {
				key := actito.By("emailAddress", value)
				_, err := customers.Upsert(t.Context(), keyed{Email: value})
				require.NoError(t, err, value)
				require.NoError(t, customers.Update(t.Context(), key, keyed{Email: value, FirstName: "Ann"}), value)
				require.NoError(t, customers.Subscribe(t.Context(), key, value), value)
				require.NoError(t, customers.Segment(t.Context(), key, actito.Segmentation{Name: "Activity", Category: value}), value)
				read, err := customers.Get(t.Context(), key)
				require.NoError(t, err, value)
				require.Equal(t, keyed{value, "Ann"}, read)
				stored, found := server.Profile("Customers", "emailAddress", value)
				require.True(t, found, value)
				require.Equal(t, value, stored.Attributes["emailAddress"])
				require.Equal(t, map[string]bool{value: true}, stored.Subscriptions)
				require.Equal(t, map[string]string{"Activity": value}, stored.Segmentations)

				_, err = orders.Upsert(t.Context(), keyedRecord{ID: value})
				require.NoError(t, err, value)
				require.NoError(t, orders.Update(t.Context(), value, keyedRecord{ID: value, Status: "NEW"}), value)
				record, err := orders.Get(t.Context(), value)
				require.NoError(t, err, value)
				require.Equal(t, keyedRecord{value, "NEW"}, record)
				require.NoError(t, orders.Delete(t.Context(), value), value)
			}
			for _, r := range server.Requests(actitotest.OpProfileGet) {
				require.Contains(t, awkward, r.Params["key"][len("emailAddress="):])
			}
		})
	}
}

func TestIDsInLocationAreDecoded(t *testing.T) {
	t.Parallel()
	server := newKeyed(t)
	server.Assume(actitotest.IDOnlyInLocation)
	orders := records[map[string]any](t, newClient(t, server))
	for _, value := range awkward {
		id, err := orders.Upsert(t.Context(), map[string]any{"orderId": value})
		require.NoError(t, err)
		require.Equal(t, value, id)
	}
}

func TestSegmentsThatChangeAPathAreRefused(t *testing.T) {
	t.Parallel()
	server := newKeyed(t)
	client := newClient(t, server)
	customers, orders := profiles[keyed](t, client), records[keyedRecord](t, client)
	ctx, ann := t.Context(), actito.By("emailAddress", "ann@example.com")
	get := func(k actito.Key) error { _, err := customers.Get(ctx, k); return err }
	record := func(key string) error { _, err := orders.Get(ctx, key); return err }
	raw := func(path string, params map[string]string) error {
		return client.Do(ctx, actito.RawCall{Method: http.MethodGet, Path: path, Params: params}, nil)
	}
	for name, c := range map[string]struct {
		err    error
		column string
	}{
		"a key by value that is empty":      {get(actito.By("emailAddress", "")), "emailAddress"},
		"a key by attribute that is empty":  {get(actito.By("", "ann@example.com")), "key"},
		"an attribute with an equals sign":  {get(actito.By("a=b", "c")), "key"},
		"the zero key":                      {get(actito.Key{}), "key"},
		"an empty id":                       {get(actito.ByID("")), "profileId"},
		"an id that goes up":                {get(actito.ByID("..")), "key"},
		"an id that stays":                  {get(actito.ByID(".")), "key"},
		"an id that is a key by attribute":  {get(actito.ByID("emailAddress=ann@example.com")), "profileId"},
		"an empty business key":             {record(""), "businessKey"},
		"a business key that goes up":       {record(".."), "businessKey"},
		"an empty subscription":             {customers.Subscribe(ctx, ann, ""), "subscription"},
		"a subscription that goes up":       {customers.Unsubscribe(ctx, ann, ".."), "subscription"},
		"an empty segmentation":             {customers.Unsegment(ctx, ann, ""), "segmentation"},
		"a segmentation without name":       {customers.Segment(ctx, ann, actito.Segmentation{Category: "Active"}), "segmentation"},
		"a segmentation that goes up":       {customers.Segment(ctx, ann, actito.Segmentation{Name: ".."}), "segmentation"},
		"a category behind two dots":        {customers.Segment(ctx, ann, actito.Segmentation{Name: "..", Category: "x"}), "segmentation"},
		"a category behind one dot":         {customers.Segment(ctx, ann, actito.Segmentation{Name: ".", Category: "x"}), "segmentation"},
		"an empty entity":                   {func() error { _, err := client.Entity("").ETLs.List(ctx); return err }(), "entity"},
		"an empty parameter of a raw call":  {raw("/a/v4/{name}", map[string]string{"name": ""}), "name"},
		"a parameter that goes up":          {raw("/a/v4/{name}", map[string]string{"name": ".."}), "name"},
		"a parameter that was forgotten":    {raw("/a/v4/{name}/{other}", map[string]string{"name": "x"}), "other"},
		"an entity as a parameter":          {raw("/a/v4/{entity}", map[string]string{"entity": "x"}), "entity"},
		"a placeholder that does not close": {raw("/a/v4/{name", map[string]string{"name": "x"}), "Path"},
		"a path with a query":               {raw("/a/v4/b?c=d", nil), "Path"},
		"a path with a fragment":            {raw("/a/v4/b#c", nil), "Path"},
		"a path without a slash":            {raw("a/v4/b", nil), "Path"},
	} {
		var refused *actito.ValidationError
		require.ErrorAs(t, c.err, &refused, name)
		require.ErrorIs(t, c.err, actito.ErrInvalid, name)
		require.Equal(t, c.column, refused.Column, name)
	}
	require.Empty(t, server.Requests())
}

func FuzzKeys(f *testing.F) {
	for _, key := range append(awkward, "", ".", "..", "\x00", "\xff") {
		f.Add(key)
	}
	server := newKeyed(f, actitotest.InMemory())
	client := newClient(f, server, actito.WithHTTPClient(&http.Client{Transport: server.Transport()}),
		actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 100_000}))
	customers, orders := profiles[map[string]any](f, client), records[map[string]any](f, client)
	f.Fuzz(func(t *testing.T, key string) {
		arrives := func(err error, want, column string, refused bool) {
			t.Helper()
			if refused {
				var v *actito.ValidationError
				require.ErrorAs(t, err, &v)
				require.Equal(t, column, v.Column)
				return
			}
			require.ErrorIs(t, err, actito.ErrNotFound)
			seen := server.Requests(actitotest.OpProfileGet, actitotest.OpRecordGet)
			require.Equal(t, want, seen[len(seen)-1].Params["key"])
		}
		_, err := customers.Get(t.Context(), actito.By("emailAddress", key))
		arrives(err, "emailAddress="+key, "emailAddress", key == "")
		_, err = orders.Get(t.Context(), key)
		arrives(err, key, "businessKey", key == "" || key == "." || key == "..")
	})
}
