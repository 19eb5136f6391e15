package actitotest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

const ann = `{"attributes":[{"name":"customerID","value":"1"},{"name":"emailAddress","value":"ann+test@example.com"}]}`

// withAnn is a client of a server that has one profile.
func withAnn(tb testing.TB, opts ...actitotest.Option) *client {
	tb.Helper()
	c := inMemory(tb, opts...)
	r := c.call("POST", profiles+"?allowUpdate=true", ann)
	require.Equal(tb, http.StatusCreated, r.StatusCode, r.text)
	return c
}

func (c *client) ann() actitotest.Profile {
	c.t.Helper()
	profile, ok := c.server.Profile("Customers", "customerID", "1")
	require.True(c.t, ok)
	return profile
}

func eventTypes(c *client) (list []actitotest.EventType) {
	for _, e := range c.server.Events() {
		list = append(list, e.Type)
	}
	return list
}

func TestProfileIsCreatedOnceAndUpdatedByAnyUniqueValue(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	id := c.ann().ID
	r := c.call("POST", profiles+"?allowUpdate=true", `{"attributes":[
		{"name":"emailAddress","value":"ann+test@example.com"},{"name":"points","value":7}]}`)
	assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
	assert.Equal(t, id, r.text[strings.Index(r.text, `"profileId":`)+len(`"profileId":`):len(r.text)-1], "a number, as v4 writes it")
	assert.Equal(t, "7", c.ann().Attributes["points"])
	assert.Equal(t, "ann+test@example.com", c.ann().Attributes["emailAddress"], "attributes that are not named stay")
	assert.Len(t, c.server.Profiles("16"), 1)
	assert.Equal(t, []actitotest.EventType{actitotest.EventCreate, actitotest.EventUpdate}, eventTypes(c))
}

func TestEveryFormOfAWriteReachesTheProfile(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	r := c.call("PUT", profiles+"/customerID=1", `{
		"attributes":[{"name":"vip","value":true},{"name":"balance","value":12.50},{"name":"hobbies","value":["chess","go"]},{"name":"firstName","value":"Ann"}],
		"subscriptions":[{"name":"Newsletter","subscribe":true},{"name":"Retargeting","subscribe":false}],
		"segmentations":[{"name":"Activity","category":"Active"},{"belongs":true,"segmentation":{"name":"Testers"}}],
		"dataCollectionInformation":{"date":"2026-11-23 10:15:00","source":"webshop","way":"api_push"}}`)
	require.Equal(t, http.StatusOK, r.StatusCode, r.text)
	got := c.ann()
	assert.Equal(t, "true", got.Attributes["vip"])
	assert.Equal(t, "12.50", got.Attributes["balance"], "numbers keep their digits")
	assert.Equal(t, "chess,go", got.Attributes["hobbies"])
	assert.Equal(t, map[string]bool{"Newsletter": true, "Retargeting": false}, got.Subscriptions)
	assert.Equal(t, map[string]string{"Activity": "Active", "Testers": ""}, got.Segmentations)

	r = c.call("PUT", profiles+"/"+got.ID, `{
		"attributes":[{"name":"firstName","value":null}],
		"segmentations":[{"belongs":false,"segmentation":{"name":"Testers"}}]}`)
	require.Equal(t, http.StatusOK, r.StatusCode, r.text)
	assert.NotContains(t, c.ann().Attributes, "firstName", "null clears")
	assert.Equal(t, map[string]string{"Activity": "Active"}, c.ann().Segmentations)
	assert.Equal(t, []actitotest.EventType{"CREATE", "UPDATE", "UPDATED_SUBSCRIPTION", "UPDATED_SEGMENT", "UPDATE", "UPDATED_SEGMENT"}, eventTypes(c))

	read := c.call("GET", profiles+"/customerID=1", "").json(t)
	assert.Contains(t, read["attributes"], map[string]any{"name": "vip", "value": true})
	assert.Contains(t, read["attributes"], map[string]any{"name": "balance", "value": 12.5})
	assert.Contains(t, read["attributes"], map[string]any{"name": "firstName", "value": nil})
	assert.Contains(t, read["attributes"], map[string]any{"name": "hobbies", "value": []any{"chess", "go"}})
	assert.Equal(t, []any{map[string]any{"id": 1.0, "name": "Newsletter"}}, read["subscriptions"])
	assert.Equal(t, []any{map[string]any{"name": "Activity", "category": "Active"}}, read["segmentations"])
}

func TestSubscriptionsAndSegmentationsHaveCallsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	for _, call := range []struct{ method, path string }{
		{"POST", "/subscription/Newsletter"},
		{"DELETE", "/subscription/Retargeting"},
		{"PUT", "/segmentation/Activity;category=Sleeping"},
		{"PUT", "/segmentation/Testers"},
		{"DELETE", "/segmentation/Testers"},
	} {
		r := c.call(call.method, profiles+"/customerID=1"+call.path, "")
		assert.Less(t, r.StatusCode, 300, "%s %s: %s", call.method, call.path, r.text)
	}
	assert.Equal(t, map[string]bool{"Newsletter": true, "Retargeting": false}, c.ann().Subscriptions)
	assert.Equal(t, map[string]string{"Activity": "Sleeping"}, c.ann().Segmentations)

	assert.Equal(t, []any{
		map[string]any{"name": "Newsletter", "subscribe": true}, map[string]any{"name": "Retargeting", "subscribe": false},
	}, c.call("GET", profiles+"/customerID=1/subscription", "").json(t)["subscriptions"])
	assert.Contains(t, c.call("GET", profiles+"/customerID=1/segmentation", "").json(t)["segmentation"],
		map[string]any{"belongs": true, "segmentation": map[string]any{"name": "Activity", "category": "Sleeping"}})
}

func TestDeletedProfileIsGoneAndTakesItsOrdersAlong(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	r := c.call("POST", records, `{"properties":[{"name":"orderId","value":"A-1"},{"name":"amount","value":1},{"name":"customerID","value":"1"}]}`)
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	r = c.call("DELETE", profiles+"/emailAddress=ann%2Btest@example.com", "")
	assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
	assert.Equal(t, http.StatusNotFound, c.call("GET", profiles+"/customerID=1", "").StatusCode)
	assert.Empty(t, c.server.Records("Orders"))
	assert.Equal(t, []actitotest.EventType{"CREATE", "CREATE", "DELETE", "DELETE"}, eventTypes(c))
}

func TestWrongWritesAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	const put, post = "PUT " + profiles + "/customerID=1", "POST " + profiles + "?allowUpdate=true"
	attribute := func(name, value string) string {
		return `{"attributes":[{"name":"` + name + `","value":` + value + `}]}`
	}
	for name, test := range map[string]struct {
		call, body string
		status     int
	}{
		"an attribute that does not exist":        {put, attribute("shoeSize", "1"), 400},
		"the service's own attribute":             {put, attribute("profileId", "1"), 400},
		"an attribute named twice":                {put, `{"attributes":[{"name":"points","value":1},{"name":"points","value":2}]}`, 400},
		"a text of 256 characters":                {put, attribute("firstName", `"`+strings.Repeat("é", 256)+`"`), 400},
		"128 characters outside the basic plane":  {put, attribute("firstName", `"`+strings.Repeat("😀", 128)+`"`), 400},
		"a value that is not accepted":            {put, attribute("size", `"XXL"`), 400},
		"an integer with a fraction":              {put, attribute("points", "1.5"), 400},
		"an integer past 32 bits":                 {put, attribute("points", "2147483648"), 400},
		"a number with an exponent":               {put, attribute("balance", "1e3"), 400},
		"a number for a text":                     {put, attribute("size", "1"), 400},
		"a boolean for a number":                  {put, attribute("points", "true"), 400},
		"a day that is not in the calendar":       {put, attribute("birthDate", `"2025-02-29"`), 400},
		"a time with a T":                         {put, attribute("lastVisit", `"2025-02-28T10:00:00"`), 400},
		"an address with two dots in a row":       {put, attribute("emailAddress", `"a..b@example.com"`), 400},
		"an address with a suffix of one letter":  {put, attribute("emailAddress", `"a@example.c"`), 400},
		"an accented address":                     {put, attribute("emailAddress", `"andré@example.com"`), 400},
		"an array for a single value":             {put, attribute("points", "[1]"), 400},
		"a single value for a multi-valued one":   {put, attribute("hobbies", `"chess"`), 400},
		"an object for a value":                   {put, attribute("points", "{}"), 400},
		"null for a mandatory attribute":          {put, attribute("customerID", "null"), 400},
		"a new profile without a mandatory one":   {post, attribute("emailAddress", `"bob@example.com"`), 400},
		"a subscription that does not exist":      {put, `{"subscriptions":[{"name":"Spam","subscribe":true}]}`, 400},
		"a segmentation that does not exist":      {put, `{"segmentations":[{"name":"Spam"}]}`, 400},
		"a category that does not exist":          {put, `{"segmentations":[{"name":"Activity","category":"Dead"}]}`, 400},
		"no category where one is needed":         {put, `{"segmentations":[{"name":"Activity"}]}`, 400},
		"an unknown field":                        {put, `{"attribute":[]}`, 400},
		"a body that is not JSON":                 {put, `attributes`, 400},
		"two bodies":                              {put, `{}{}`, 400},
		"a collection date in another form":       {put, `{"dataCollectionInformation":{"date":"23/11/2026"}}`, 400},
		"no word about updating":                  {"POST " + profiles, ann, 400},
		"creating what exists":                    {"POST " + profiles + "?allowUpdate=false", ann, 409},
		"a key that is not unique":                {"PUT " + profiles + "/firstName=Ann", `{}`, 400},
		"a profile that does not exist":           {"PUT " + profiles + "/customerID=2", `{}`, 404},
		"subscribing to nothing":                  {"POST " + profiles + "/customerID=1/subscription/Spam", "", 404},
		"a table in another case":                 {"PUT " + strings.Replace(profiles, "Customers", "customers", 1) + "/1", `{}`, 404},
		"an entity that does not exist":           {"PUT " + strings.Replace(profiles, "MyEntity", "Other", 1) + "/1", `{}`, 404},
		"a path that does not exist":              {"PUT /profiles/v6/entity/MyEntity", `{}`, 404},
		"a method that is not allowed":            {"PATCH " + profiles + "/customerID=1", `{}`, 405},
		"v5: a key that is not unique":            {"PUT " + profilesV5, `{"key":{"firstName":"Ann"}}`, 400},
		"v5: creating what exists":                {"POST " + profilesV5, `{"key":{"customerID":"1"}}`, 409},
		"v5: a patch of a mandatory attribute":    {"PATCH " + profilesV5 + "/customerID=1", `{"attributes":{"customerID":null}}`, 400},
		"v5: a subscription that does not exist":  {"PUT " + profilesV5, `{"key":{"customerID":"1"},"subscriptions":{"Spam":true}}`, 400},
		"v5: the service's own attribute":         {"PUT " + profilesV5, `{"key":{"customerID":"1"},"attributes":{"updateMoment":null}}`, 400},
		"v5: a segmentation that does not exist":  {"PUT " + profilesV5, `{"key":{"customerID":"1"},"segmentations":{"Spam":true}}`, 400},
		"v5: an attribute that does not exist":    {"PUT " + profilesV5, `{"key":{"customerID":"1"},"attributes":{"shoeSize":1}}`, 400},
		"v5: no key":                              {"PUT " + profilesV5, `{"attributes":{"customerID":"2"}}`, 400},
		"a segmentation path that does not exist": {"PUT " + profiles + "/customerID=1/segmentation/Spam", "", 404},
		"v5: a profile that does not exist":       {"PATCH " + profilesV5 + "/7", `{}`, 404},
		"v5: a method that is not allowed":        {"PUT " + profilesV5 + "/7", `{}`, 405},
		"v5: a new profile without mandatory one": {"PUT " + profilesV5, `{"key":{"emailAddress":"bob@example.com"}}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := withAnn(t)
			c.server.Assume(actitotest.ExistingConflict)
			before := c.ann()
			method, path, _ := strings.Cut(test.call, " ")
			r := c.call(method, path, test.body)
			assert.Equal(t, test.status, r.StatusCode, r.text)
			assert.EqualValues(t, test.status, r.json(t)["status"])
			assert.NotEmpty(t, r.json(t)["message"])
			assert.Equal(t, before, c.ann())
			assert.Len(t, c.server.Events(), 1)
		})
	}
}

const profilesV5 = "/profiles/v5/entities/MyEntity/profile-tables/16/profiles"

func TestV5WritesAndReadsFlatObjects(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.Assume(actitotest.IDInBody)
	r := c.call("PUT", profilesV5, `{"key":{"customerID":"1"},"attributes":{"firstName":"Ann","points":3},
		"subscriptions":{"Newsletter":true},"segmentations":{"Activity":"Active","Testers":true}}`)
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	id := r.json(t)["profileId"]
	assert.Equal(t, c.ann().ID, id, "a string, as v5 writes it")

	r = c.call("PATCH", profilesV5+"/customerID=1", `{"attributes":{"firstName":null},"subscriptions":{"Newsletter":null},"segmentations":{"Testers":null}}`)
	require.Equal(t, http.StatusOK, r.StatusCode, r.text)

	read := c.call("GET", profilesV5+"/customerID=1", "").json(t)
	assert.Equal(t, id, read["profileId"])
	assert.Equal(t, map[string]any{}, read["subscriptions"])
	assert.Equal(t, map[string]any{"Activity": "Active"}, read["segmentations"])
	attributes := read["attributes"].(map[string]any)
	assert.Nil(t, attributes["firstName"])
	assert.EqualValues(t, 3, attributes["points"])
	assert.Equal(t, []any{read}, c.call("GET", profilesV5, "").json(t)["profiles"])

	r = c.call("PUT", profilesV5, `{"key":{"customerID":"1"},"attributes":{"customerID":"2"}}`)
	assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
	assert.Equal(t, http.StatusOK, c.call("DELETE", profilesV5+"/customerID=2", "").StatusCode)
	assert.Empty(t, c.server.Profiles("Customers"))
}

func TestKeysReachTheTableUnharmed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ key, path string }{
		{"a+b", "a%2Bb"},
		{"a+b", "a+b"},
		{"a/b", "a%2Fb"},
		{"a%b", "a%25b"},
		{"a b", "a%20b"},
		{"a;b", "a%3Bb"},
		{"a=b", "a=b"},
		{"a?b#c", "a%3Fb%23c"},
		{"é漢", "%C3%A9%E6%BC%A2"},
		{"a%2Fb", "a%252Fb"},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			r := c.call("POST", profiles+"?allowUpdate=false", `{"attributes":[{"name":"customerID","value":"`+test.key+`"}]}`)
			require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
			r = c.call("GET", profiles+"/customerID="+test.path, "")
			assert.Equal(t, http.StatusOK, r.StatusCode, r.text)
			last := c.server.Requests(actitotest.OpProfileGet)[0]
			assert.Equal(t, profiles+"/customerID="+test.path, last.Path)
			assert.Equal(t, "customerID="+test.key, last.Params["key"])
		})
	}
}

func TestCaseOfKeysIsAnAssumption(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	c.server.Assume(actitotest.KeysWithCase, actitotest.ExistingConflict)
	path := profiles + "/emailAddress=ANN%2BTEST@example.com"
	assert.Equal(t, http.StatusNotFound, c.call("GET", path, "").StatusCode)
	c.server.Assume(actitotest.KeysWithoutCase)
	assert.Equal(t, http.StatusOK, c.call("GET", path, "").StatusCode)
	r := c.call("POST", profiles+"?allowUpdate=false", `{"attributes":[{"name":"customerID","value":"2"},{"name":"emailAddress","value":"Ann+Test@Example.com"}]}`)
	assert.Equal(t, http.StatusConflict, r.StatusCode)
	c.server.Assume(actitotest.ExistingInvalid)
	r = c.call("POST", profiles+"?allowUpdate=false", ann)
	assert.Equal(t, http.StatusBadRequest, r.StatusCode)
}

func TestUniqueValuesMoveWithTheirProfile(t *testing.T) {
	t.Parallel()
	c := withAnn(t)
	c.server.Assume(actitotest.ExistingConflict)
	bob := `{"attributes":[{"name":"customerID","value":"2"},{"name":"emailAddress","value":"bob@example.com"}]}`
	require.Equal(t, http.StatusCreated, c.call("POST", upsert, bob).StatusCode)
	take := `{"attributes":[{"name":"emailAddress","value":"bob@example.com"}]}`
	assert.Equal(t, http.StatusConflict, c.call("PUT", profiles+"/customerID=1", take).StatusCode, "it is taken")
	give := `{"attributes":[{"name":"emailAddress","value":"robert@example.com"}]}`
	require.Equal(t, http.StatusOK, c.call("PUT", profiles+"/customerID=2", give).StatusCode)
	assert.Equal(t, http.StatusNotFound, c.call("GET", profiles+"/emailAddress=bob@example.com", "").StatusCode)
	assert.Equal(t, http.StatusOK, c.call("PUT", profiles+"/customerID=1", take).StatusCode, "it is free")
	assert.Equal(t, http.StatusConflict, c.call("POST", upsert,
		`{"attributes":[{"name":"customerID","value":"1"},{"name":"emailAddress","value":"robert@example.com"}]}`).StatusCode, "two profiles are meant")
}
