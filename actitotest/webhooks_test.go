package actitotest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

const subscriptions = "/webhooks/v4/entity/MyEntity/webhookSubscription"

// target keeps what webhooks bring.
type target struct {
	mu     sync.Mutex
	bodies []map[string]any
	heads  []http.Header
	times  []time.Time
	status int
}

func (g *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(text, &body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodies, g.heads, g.times = append(g.bodies, body), append(g.heads, r.Header), append(g.times, time.Now())
	if g.status != 0 {
		w.WriteHeader(g.status)
	}
}

func (c *client) subscribe(on, of, event, url, pushType string) string {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"on": on, "onElementId": of, "eventType": event, "targetUrl": url,
		"headers": map[string]string{"X-Secret": "s3cret"}, "webhookPushType": pushType, "isActive": true})
	require.NoError(c.t, err)
	r := c.call("POST", subscriptions, string(body))
	require.Equal(c.t, http.StatusCreated, r.StatusCode, r.text)
	return r.Header.Get("Location")[len(subscriptions)+1:]
}

// etl stores a definition for Customers.
func (c *client) etl() string {
	c.t.Helper()
	r := c.call("POST", imports+"/etls", webhookDefinition)
	require.Equal(c.t, http.StatusCreated, r.StatusCode, r.text)
	return r.Header.Get("Location")[len(imports+"/etls/"):]
}

const webhookDefinition = `{"name":"d","inputFiles":[{"fileNamePattern":"c.csv","compression":"NONE","encoding":"UTF-8",` +
	`"format":{"separator":";","endOfLine":"\n","enclosing":"\"","escaping":"\""},"mode":"CREATE_UPDATE",` +
	`"destination":{"tableType":"PROFILE_TABLE","tableId":"16"},"attributesMapping":[{"headerColumn":"id","attributeName":"customerID"}]}]}`

func (c *client) trigger(etl string) string {
	c.t.Helper()
	r := c.post(imports+"/etls/"+etl+"/trigger-execution", part{"inputFile", "c.csv", "text/csv", "id\nC1\n"})
	require.Equal(c.t, http.StatusCreated, r.StatusCode, r.text)
	return r.Header.Get("Location")[len(imports+"/etl-executions/"):]
}

func (c *client) delivered() []actitotest.Webhook {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	require.NoError(c.t, c.server.DeliverWebhooks(ctx))
	return c.server.Webhooks()
}

func TestExecutionsOfAnETLSendWebhooksAsTheClockPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, actitotest.WithImportTimes(time.Minute, time.Hour))
		got := &target{}
		c.server.SendWebhooksTo(got)
		etl := c.etl()
		started := c.subscribe("ETL", etl, "STARTED", "https://shop.example/hooks", "ONE_BY_ONE")
		c.subscribe("ETL", etl, "FINISHED", "https://shop.example/hooks", "BULK")
		began := time.Now()
		id := c.trigger(etl)
		require.Empty(t, c.delivered())
		time.Sleep(2 * time.Hour) // of the bubble
		require.Len(t, c.delivered(), 2)
		require.WithinDuration(t, began.Add(time.Minute), got.times[0], time.Second)
		require.WithinDuration(t, began.Add(61*time.Minute), got.times[1], time.Second)

		first := got.bodies[0]["data"].(map[string]any)
		assert.Equal(t, "RUNNING", first["etl.executionStatus"])
		assert.Equal(t, id, first["etl.executionId"])
		assert.Equal(t, etl, first["etl.id"])
		assert.NotEmpty(t, got.bodies[0]["id"])
		assert.Equal(t, map[string]any{"webhook": map[string]any{"href": subscriptions + "/" + started}}, got.bodies[0]["_links"])
		second := got.bodies[1]["data"].([]any)
		require.Len(t, second, 1)
		assert.Equal(t, "SUCCESS", second[0].(map[string]any)["etl.executionStatus"])
		assert.Equal(t, "s3cret", got.heads[1].Get("X-Secret"))
		assert.Equal(t, "application/json", got.heads[1].Get("Content-Type"))

		got.status = http.StatusInternalServerError
		c.server.RepeatWebhooks()
		sent := c.delivered()
		require.Len(t, sent, 4)
		assert.Equal(t, sent[1].Body, sent[3].Body)
		assert.Equal(t, []int{200, 200, 500, 500}, []int{sent[0].Status, sent[1].Status, sent[2].Status, sent[3].Status})
	})
}

func TestWebhooksGoByAClockThatWasTaken(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	got := &target{}
	c.server.SendWebhooksTo(got)
	etl := c.etl()
	c.subscribe("ETL", etl, "FINISHED", "https://shop.example/hooks", "ONE_BY_ONE")
	c.server.Clock().Advance(0)
	c.trigger(etl)
	require.Empty(t, c.delivered())
	c.server.Clock().Advance(2 * time.Minute)
	require.Len(t, c.delivered(), 1)
}

func TestOneShotsAndOthersSendNoWebhooks(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	c.server.SendWebhooksTo(&target{})
	etl, other := c.etl(), c.etl()
	c.trigger(etl) // before the subscription
	c.subscribe("ETL", etl, "FINISHED", "https://shop.example/hooks", "ONE_BY_ONE")
	r := c.post(imports+"/etl-executions", part{"parameters", "p.json", "application/json", webhookDefinition}, part{"inputFile", "c.csv", "text/csv", "id\nC1\n"})
	require.Equal(t, http.StatusCreated, r.StatusCode, r.text)
	c.trigger(other)
	c.server.AddExecution("MyEntity", "Customers")
	require.Empty(t, c.delivered())
}

func TestWritesOneByOneSendWebhooksAndImportsDoNot(t *testing.T) {
	t.Parallel()
	c := overNetwork(t)
	got := &target{}
	hooks := httptest.NewServer(got)
	t.Cleanup(hooks.Close)
	c.subscribe("PROFILE_TABLE", "16", "CREATE", hooks.URL, "ONE_BY_ONE")
	c.subscribe("PROFILE_TABLE", "16", "UPDATED_SUBSCRIPTION", hooks.URL, "BULK")
	c.subscribe("CUSTOM_TABLE", "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", "DELETE", "https://shop.example", "ONE_BY_ONE")
	c.call("POST", profiles+"?allowUpdate=true", `{"attributes":[{"name":"customerID","value":"C1"},{"name":"vip","value":true}],"subscriptions":[{"name":"Newsletter","subscribe":true}]}`)
	c.call("POST", profiles+"/customerID=C1/subscription/Newsletter", "")
	c.call("POST", records, `{"properties":[{"name":"orderId","value":"A-1"},{"name":"amount","value":12.5}]}`)
	c.call("DELETE", records+"/A-1", "")
	c.trigger(c.etl())
	sent := c.delivered()
	require.Len(t, sent, 3)
	create := got.bodies[0]
	assert.InDelta(t, 101+3, create["id"], 10, "a number")
	assert.Equal(t, "PROFILE_TABLE", create["tableType"])
	assert.Equal(t, "16", create["tableId"])
	assert.Equal(t, "CREATE", create["eventType"])
	assert.Contains(t, create, "fields")
	assert.Nil(t, create["fields"])
	assert.Equal(t, "true", create["data"].(map[string]any)["vip"], "values are texts")
	bulk := got.bodies[1]
	assert.NotContains(t, bulk, "id")
	assert.Len(t, bulk["data"], 1)
	assert.ErrorContains(t, sent[2].Err, "loopback", "the fake calls nobody else")
}

func TestASubscriptionThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	for name, body := range map[string]string{
		"an unknown source":     `{"on":"TABLE","onElementId":"16","eventType":"CREATE","targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE","isActive":true}`,
		"a name for an id":      `{"on":"PROFILE_TABLE","onElementId":"Customers","eventType":"CREATE","targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE"}`,
		"an unknown ETL":        `{"on":"ETL","onElementId":"1","eventType":"FINISHED","targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE"}`,
		"another's event":       `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"FINISHED","targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE"}`,
		"the misspelt event":    `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"UPDATED_SUBSCRIPTIONS","targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE"}`,
		"an unknown attribute":  `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"UPDATE","onFields":["x"],"targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE"}`,
		"an unknown push type":  `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"CREATE","targetUrl":"https://a.example"}`,
		"a target without host": `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"CREATE","targetUrl":"https:","webhookPushType":"ONE_BY_ONE"}`,
		"an unknown field":      `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"CREATE","targetUrl":"https://a.example","webhookPushType":"ONE_BY_ONE","x":1}`,
	} {
		assert.Equal(t, http.StatusBadRequest, c.call("POST", subscriptions, body).StatusCode, name)
	}
}

func TestAServerThatIsClosedSendsNothingMore(t *testing.T) {
	t.Parallel()
	c := inMemory(t)
	entered := make(chan struct{})
	c.server.SendWebhooksTo(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
	}))
	c.subscribe("PROFILE_TABLE", "16", "CREATE", "https://shop.example", "ONE_BY_ONE")
	for _, id := range []string{"C1", "C2"} {
		c.call("POST", profiles+"?allowUpdate=true", `{"attributes":[{"name":"customerID","value":"`+id+`"}]}`)
	}
	<-entered
	c.server.Close()
	sent := c.delivered()
	require.Len(t, sent, 1)
	require.ErrorIs(t, sent[0].Err, context.Canceled)
}
