package actito_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// answering is a client whose server has one answer for everything but the token.
func answering(t testing.TB, status int, location, body string, opts ...actito.Option) *actito.Client {
	t.Helper()
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/auth/token" {
			return response(req, http.StatusOK, "", `{"accessToken":"T","expiresIn":"900s"}`), nil
		}
		return response(req, status, location, body), nil
	})
	client, err := actito.New("KEY", "MyEntity", append([]actito.Option{actito.WithEnvironment(actito.Env3),
		actito.WithHTTPClient(&http.Client{Transport: transport})}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func response(req *http.Request, status int, location, body string) *http.Response {
	header := http.Header{}
	if location != "" {
		header.Set("Location", location)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

func answer(t testing.TB, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "answers", name))
	require.NoError(t, err)
	return string(body)
}

func TestTheIDOfAWriteIsFoundWhereverItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status              int
		location, body      string
		profile, recordless string
	}{
		"a number":                          {200, "", `{"profileId":7,"businessKey":7}`, "7", "7"},
		"a string":                          {200, "", `{"profileId":"7","businessKey":"7"}`, "7", "7"},
		"a number past the digits of float": {200, "", `{"profileId":9007199254740993,"businessKey":9007199254740993}`, "9007199254740993", "9007199254740993"},
		"among unknown fields":              {201, "", `{"_links":{"self":[1]},"profileId":7,"businessKey":"7","new":null}`, "7", "7"},
		"in a Location without host":        {201, "/profiles/v4/entity/MyEntity/table/Customers/profile/7", "", "7", "7"},
		"in a Location with host":           {201, "https://api3.actito.com/profiles/v4/x/profile/7/?v=1", "{}", "7", "7"},
		"in a Location, escaped":            {201, "/x/A%2F1%20%C3%A9", "", "A/1 é", "A/1 é"},
		"in a Location beside null":         {201, "/x/7", `{"profileId":null,"businessKey":null}`, "7", "7"},
		"nowhere, with an empty object":     {200, "", `{}`, "", ""},
		"nowhere, with null":                {200, "", `null`, "", ""},
		"nowhere, with white space":         {200, "", "\r\n", "", ""},
		"nowhere, without a body":           {204, "", "", "", ""},
		"nowhere, in a broken Location":     {201, "http://a b/%zz", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, c.status, c.location, c.body)
			id, err := profiles[keyed](t, client).Upsert(t.Context(), keyed{Email: "ann@example.com"})
			require.NoError(t, err)
			require.Equal(t, c.profile, id)
			id, err = profiles[keyed](t, client).Create(t.Context(), keyed{Email: "ann@example.com"})
			require.NoError(t, err)
			require.Equal(t, c.profile, id)
			id, err = records[map[string]any](t, client).Upsert(t.Context(), map[string]any{"status": "NEW"})
			require.NoError(t, err)
			require.Equal(t, c.recordless, id)
			id, err = records[keyedRecord](t, client).Upsert(t.Context(), keyedRecord{ID: "K"})
			require.NoError(t, err)
			if c.recordless == "" {
				c.recordless = "K" // known without the server
			}
			require.Equal(t, c.recordless, id)
			require.NoError(t, profiles[keyed](t, client).Update(t.Context(), actito.ByID("7"), keyed{Email: "x"}))
			require.NoError(t, records[keyedRecord](t, client).Update(t.Context(), "K", keyedRecord{ID: "K"}))
		})
	}
}

func TestAnyAnswerToADeleteIsFine(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", "profile deleted", "<html>", `"deleted"`, "null"} {
		client := answering(t, http.StatusOK, "", body)
		require.NoError(t, profiles[keyed](t, client).Delete(t.Context(), actito.ByID("7")), body)
		require.NoError(t, profiles[keyed](t, client).Unsubscribe(t.Context(), actito.ByID("7"), "Newsletter"), body)
		require.NoError(t, profiles[keyed](t, client).Unsegment(t.Context(), actito.ByID("7"), "VIP"), body)
		require.NoError(t, records[keyedRecord](t, client).Delete(t.Context(), "K"), body)
	}
}

func TestAPageInPlaceOfAnAnswerIsNoSuccess(t *testing.T) {
	t.Parallel()
	client := answering(t, http.StatusOK, "", "<html>maintenance</html>")
	customers, orders := profiles[keyed](t, client), records[keyedRecord](t, client)
	ctx, key := t.Context(), actito.ByID("7")
	for name, call := range map[string]func() error{
		"upsert":             func() error { _, err := customers.Upsert(ctx, keyed{Email: "x"}); return err },
		"create":             func() error { _, err := customers.Create(ctx, keyed{Email: "x"}); return err },
		"update":             func() error { return customers.Update(ctx, key, keyed{Email: "x"}) },
		"get":                func() error { _, err := customers.Get(ctx, key); return err },
		"subscriptions":      func() error { _, err := customers.Subscriptions(ctx, key); return err },
		"segmentations":      func() error { _, err := customers.Segmentations(ctx, key); return err },
		"upsert of a record": func() error { _, err := orders.Upsert(ctx, keyedRecord{ID: "K"}); return err },
		"update of a record": func() error { return orders.Update(ctx, "K", keyedRecord{ID: "K"}) },
		"get of a record":    func() error { _, err := orders.Get(ctx, "K"); return err },
		"list of records":    func() error { _, _, err := orders.List(ctx, actito.ListOptions{}); return err },
		"tables":             func() error { _, err := client.Structures.ProfileTables(ctx); return err },
		"entities":           func() error { _, err := client.Entities.List(ctx); return err },
	} {
		var failed *actito.APIError
		require.ErrorAs(t, call(), &failed, name)
		require.Equal(t, "<html>maintenance</html>", string(failed.Body), name)
		require.NotContains(t, failed.Error(), "maintenance", name)
	}
	// Nobody knows whether the profile was made.
	_, err := customers.Create(ctx, keyed{Email: "x"})
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
}

func TestProfilesOfBothVersionsReadTheSame(t *testing.T) {
	t.Parallel()
	want := shopper{Email: "john@example.com", Points: 12, OptedIn: true, Newsletter: actito.Set(true), Retarget: actito.Set(false),
		VIP: actito.Set(true), Lapsed: actito.Set(false)}
	for _, name := range []string{"profile_v4.json", "profile_v5.json"} {
		client := answering(t, http.StatusOK, "", answer(t, name))
		read, err := profiles[shopper](t, client).Get(t.Context(), actito.ByID("7"))
		require.NoError(t, err)
		require.Equal(t, want, read)
		asMap, err := profiles[map[string]any](t, client).Get(t.Context(), actito.ByID("7"))
		require.NoError(t, err)
		require.Contains(t, asMap, "shoeSize", "what is new is there in maps")
		require.Equal(t, true, asMap["subscriptions#Newsletter"])
	}
}

func TestSubscriptionsAreReadInAllForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []actito.Subscription
	}{
		"with numbers as ids":    {`{"subscriptions":[{"id":2,"name":"Newsletter"}]}`, []actito.Subscription{{ID: "2", Name: "Newsletter", Subscribed: true}}},
		"with texts as ids":      {`{"subscriptions":[{"id":"2","name":"Newsletter","since":1}]}`, []actito.Subscription{{ID: "2", Name: "Newsletter", Subscribed: true}}},
		"with what they are":     {`{"subscriptions":[{"name":"A","subscribe":true},{"name":"B","subscribe":false}],"new":1}`, []actito.Subscription{{Name: "A", Subscribed: true}, {Name: "B"}}},
		"without envelope":       {`[{"name":"A","subscribe":false}]`, []actito.Subscription{{Name: "A"}}},
		"none":                   {`{"subscriptions":[]}`, nil},
		"null":                   {`{"subscriptions":null}`, nil},
		"in an unknown envelope": {`{"consents":[]}`, nil},
	} {
		list, err := profiles[keyed](t, answering(t, http.StatusOK, "", c.body)).Subscriptions(t.Context(), actito.ByID("7"))
		if strings.Contains(c.body, "consents") {
			require.ErrorContains(t, err, "another shape than expected: it has no subscriptions", name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.want, list, name)
	}
}

func TestSegmentationsAreReadInAllForms(t *testing.T) {
	t.Parallel()
	want := []actito.Segmentation{{Name: "Activity", Category: "Active"}, {Name: "VIP"}}
	for _, list := range []string{
		`[{"name":"Activity","category":"Active"},{"name":"VIP","category":null,"new":1}]`,
		`[{"belongs":true,"segmentation":{"name":"Activity","category":"Active"}},{"belongs":false,"segmentation":{"name":"Lapsed"}},
		  {"segmentation":{"name":"VIP"}}]`,
	} {
		for _, body := range []string{`{"segmentations":` + list + `}`, `{"new":{},"segmentation":` + list + `}`, list} {
			read, err := profiles[keyed](t, answering(t, http.StatusOK, "", body)).Segmentations(t.Context(), actito.ByID("7"))
			require.NoError(t, err, body)
			require.Equal(t, want, read, body)
		}
	}
	_, err := profiles[keyed](t, answering(t, http.StatusOK, "", `{"segments":[]}`)).Segmentations(t.Context(), actito.ByID("7"))
	require.ErrorContains(t, err, "it has no segmentations")
}

func TestStructuresAreReadWrappedAndBare(t *testing.T) {
	t.Parallel()
	profile, custom := answer(t, "profile_table.json"), answer(t, "custom_table.json")
	wantCustom := []actito.Structure{{
		Table: actito.CustomTableType, ID: "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", Name: "OnlineOrders", Type: "INTERACTIONS",
		PrimaryKey: "orderId", CreationTime: "orderMoment",
		Attributes: []actito.Attribute{
			{Name: "orderId", ValueType: "STRING", Mandatory: true, Indexed: true, Unique: true, MinLength: 20, MaxLength: 20},
			{Name: "amount", ValueType: "NUMBER", Mandatory: true},
			{Name: "status", ValueType: "STRING", AcceptedValues: []string{"NEW", "SHIPPED", "CANCELED"}},
		},
		ForeignKeys: []actito.ForeignKey{{Name: "link-to-customer", Attribute: "customerId", ReferencedTable: actito.ProfileTableType,
			ReferencedTableID: "97", ReferencedAttribute: "customerId", OnDelete: "CASCADE"}},
		Raw: []byte(strings.TrimSpace(custom)),
	}}
	type lists = func(context.Context, ...actito.CallOption) ([]actito.Structure, error)
	read := func(body string, list func(*actito.Client) lists) []actito.Structure {
		tables, err := list(answering(t, http.StatusOK, "", body))(t.Context())
		require.NoError(t, err)
		return tables
	}
	customTables := func(c *actito.Client) lists { return c.Structures.CustomTables }
	profileTables := func(c *actito.Client) lists { return c.Structures.ProfileTables }
	require.Equal(t, wantCustom, read(`{"customTables":[`+custom+`],"total":1}`, customTables))
	require.Equal(t, wantCustom, read("["+custom+"]", customTables))
	for _, body := range []string{`{"profileTables":[` + profile + `]}`, "[" + profile + "]"} {
		tables := read(body, profileTables)
		require.Len(t, tables, 1)
		require.Equal(t, actito.ProfileTableType, tables[0].Table)
		require.Equal(t, actito.Attribute{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true, Mandatory: true}, tables[0].Attributes[3])
		require.Equal(t, 255, tables[0].Attributes[5].MaxLength)
	}
	require.Equal(t, "16", read(`[{"id":16,"name":"Profiles","new":{}}]`, profileTables)[0].ID)
	_, err := answering(t, http.StatusOK, "", `{"tables":[]}`).Structures.ProfileTables(t.Context())
	require.ErrorContains(t, err, "it has no profileTables")
	entities, err := answering(t, http.StatusOK, "", `{"entities":[{"id":1,"name":"sandbox","comment":null,"new":0}]}`).Entities.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []actito.Entity{{ID: "1", Name: "sandbox"}}, entities)
}

func TestATableThatIsNotListedIsNotFound(t *testing.T) {
	t.Parallel()
	client := newClient(t, newStore(t))
	for _, table := range []string{"customers", "17", ""} {
		structure, err := client.Structures.ProfileTable(t.Context(), table)
		require.ErrorIs(t, err, actito.ErrNotFound)
		require.Nil(t, structure)
	}
	byID, err := client.Structures.ProfileTable(t.Context(), "16")
	require.NoError(t, err)
	require.Equal(t, "Customers", byID.Name)

	odd, err := answering(t, http.StatusOK, "", `[{"id":"16","name":"Customers"}]`).Structures.ProfileTable(t.Context(), "Customers")
	require.ErrorContains(t, err, "another shape than expected")
	require.Nil(t, odd)
}

func TestAnAnswerThatCannotBeUsedTellsHowManyAttemptsItTook(t *testing.T) {
	t.Parallel()
	server := newStore(t)
	client := newClient(t, server, actito.WithRetry(actito.RetryPolicy{MinWait: 1, MaxWait: 1}))
	for op, call := range map[actitotest.Operation]func() error{
		actitotest.OpEntityList:   func() error { _, err := client.Entities.List(t.Context()); return err },
		actitotest.OpLocationTest: func() error { return client.Locations.Test(t.Context(), "42") },
	} {
		server.Fail(op, actitotest.Status(http.StatusServiceUnavailable), jsonAnswer(`{"entities":7,"success":false}`))
		var failed *actito.APIError
		require.ErrorAs(t, call(), &failed)
		require.Equal(t, http.StatusOK, failed.Status)
		require.Equal(t, 2, failed.Attempts)
	}
}

func TestALongValueIsHiddenWhereverItEnds(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	customers, err := actito.Profiles[customer](newClient(t, server), "Customers")
	require.NoError(t, err)
	long := strings.TrimSpace(strings.Repeat("Ann Peeters ", 1000))
	server.Fail(actitotest.OpProfileUpsert, actitotest.Status(400).WithBody("application/json", `{"status":400,"message":"too long: `+long+`"}`))
	_, err = customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com", FirstName: long})
	require.ErrorContains(t, err, "too long: [value]")
	require.NotContains(t, err.Error(), "Peeters")
}
