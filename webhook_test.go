package actito_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

const (
	hookSecret   = "a-new-secret-42"
	formerSecret = "a-former-secret-41"

	documented = `{"id":"95f1cebc-4dd7-4246-83a1-164d8da8c583",
 "data":{"etl.id":"123456","etl.executionId":"123654987","etl.executionStatus":"SUCCESS",
  "_links":{"etlExecution":{"href":"/mass-imports/v5/entities/MyEntity/etl-executions/123654987"},
            "etl":{"href":"/mass-imports/v5/entities/MyEntity/etls/123456"}}},
 "_links":{"webhook":{"href":"/webhooks/v4/entity/MyEntity/webhookSubscription/123789654"}}}`
	created = `{"id":26,"tableType":"CUSTOM_TABLE","tableId":"a4aa57cd","fields":null,"eventType":"CREATE","data":{"id":"26","synchronized":"false"}}`
)

// inbox keeps what the callbacks of a handler are told.
type inbox struct {
	mu   sync.Mutex
	etl  []actito.ETLEvent
	data []actito.DataEvent
	fail int // of the next callbacks, after so many that succeed
	left int // how many fail
}

var errInbox = errors.New("ann@example.com cannot be stored")

func (b *inbox) next() error {
	if b.fail--; b.fail < 0 && b.left > 0 {
		b.left--
		return errInbox
	}
	return nil
}

func (b *inbox) onETL(_ context.Context, e actito.ETLEvent) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.etl = append(b.etl, e)
	return b.next()
}

func (b *inbox) onData(_ context.Context, e actito.DataEvent) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, e)
	return b.next()
}

func (b *inbox) config() actito.WebhookConfig {
	return actito.WebhookConfig{Secrets: []string{hookSecret, formerSecret}, OnETL: b.onETL, OnData: b.onData}
}

// offline is a client that nobody answers.
func offline(t testing.TB, opts ...actito.Option) *actito.Client {
	t.Helper()
	client, err := actito.New("key", "MyEntity", append([]actito.Option{actito.WithEnvironment(actito.Env3)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func handlerOf(t testing.TB, client *actito.Client, cfg actito.WebhookConfig) *actito.WebhookHandler {
	t.Helper()
	h, err := client.Webhooks.Handler(cfg)
	require.NoError(t, err)
	return h
}

// hook sends a webhook to a handler and returns the answer.
func hook(h http.Handler, secret, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body))
	r.Header.Set("X-Webhook-Secret", secret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAHandlerAcceptsPostsWithASecretOnly(t *testing.T) {
	t.Parallel()
	type change = func(*http.Request)
	header := func(name, value string) change {
		return func(r *http.Request) { r.Header = http.Header{}; r.Header.Set(name, value) }
	}
	for name, tt := range map[string]struct {
		method string
		change change
		body   string
		want   int
	}{
		"the first secret":           {"POST", header("X-Webhook-Secret", hookSecret), documented, 204},
		"the second secret":          {"POST", header("x-webhook-secret", formerSecret), documented, 204},
		"a wrong secret":             {"POST", header("X-Webhook-Secret", "a-new-secret-43"), documented, 401},
		"a secret's beginning":       {"POST", header("X-Webhook-Secret", hookSecret[:5]), documented, 401},
		"a secret and more":          {"POST", header("X-Webhook-Secret", hookSecret+formerSecret), documented, 401},
		"an empty secret":            {"POST", header("X-Webhook-Secret", ""), documented, 401},
		"no header":                  {"POST", func(r *http.Request) { r.Header = http.Header{} }, documented, 401},
		"the secret elsewhere":       {"POST", header("Authorization", hookSecret), documented, 401},
		"a wrong secret, no webhook": {"POST", header("X-Webhook-Secret", "x"), "{", 401},
		"GET":                        {"GET", header("X-Webhook-Secret", hookSecret), documented, 405},
		"PUT without secret":         {"PUT", func(r *http.Request) { r.Header = http.Header{} }, documented, 405},
		"1 MiB": {"POST", header("X-Webhook-Secret", hookSecret),
			documented + strings.Repeat(" ", 1<<20-len(documented)), 204},
		"more than 1 MiB": {"POST", header("X-Webhook-Secret", hookSecret),
			documented + strings.Repeat(" ", 1<<20-len(documented)+1), 413},
		"a cut body": {"POST", func(r *http.Request) {
			header("X-Webhook-Secret", hookSecret)(r)
			r.Body = http.MaxBytesReader(nil, r.Body, 10)
		}, documented, 413},
		"no body": {"POST", header("X-Webhook-Secret", hookSecret), "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			box := &inbox{}
			h := handlerOf(t, offline(t, actito.WithLogger(newLogger(&log))), box.config())
			r := httptest.NewRequest(tt.method, "/hooks", strings.NewReader(tt.body))
			tt.change(r)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, tt.want, w.Code)
			require.Equal(t, tt.want == 204, len(box.etl) == 1)
			if tt.want == 405 {
				require.Equal(t, "POST", w.Header().Get("Allow"))
			}
			shown := log.String() + w.Body.String()
			for _, hidden := range []string{hookSecret, formerSecret, "a-new", "123654987"} {
				require.NotContains(t, shown, hidden)
			}
		})
	}
}

func TestAHandlerWithoutASecretIsNone(t *testing.T) {
	t.Parallel()
	client := offline(t)
	for name, tt := range map[string]struct {
		cfg  actito.WebhookConfig
		want string
	}{
		"none":                     {actito.WebhookConfig{}, "needs a secret"},
		"an empty one":             {actito.WebhookConfig{Secrets: []string{""}}, "needs a secret"},
		"an empty one beside":      {actito.WebhookConfig{Secrets: []string{hookSecret, ""}}, "needs a secret"},
		"three":                    {actito.WebhookConfig{Secrets: []string{hookSecret, "b", "c"}}, "at most two"},
		"one that arrives changed": {actito.WebhookConfig{Secrets: []string{hookSecret + "\n"}}, "printable"},
		"one in other letters":     {actito.WebhookConfig{Secrets: []string{hookSecret + "é"}}, "printable"},
		"a header that is none":    {actito.WebhookConfig{Secrets: []string{hookSecret}, Header: "X Secret"}, "no name of a header"},
	} {
		h, err := client.Webhooks.Handler(tt.cfg)
		require.ErrorContains(t, err, tt.want, name)
		require.NotContains(t, err.Error(), hookSecret)
		require.Nil(t, h)
	}
	h := handlerOf(t, client, actito.WebhookConfig{Secrets: []string{hookSecret}, Header: "X-Mine"})
	require.Equal(t, map[string]string{"X-Mine": hookSecret}, h.Subscription("https://shop.example").Headers)
	var log bytes.Buffer
	cfg, sub := actito.WebhookConfig{Secrets: []string{hookSecret}}, h.Subscription("https://shop.example/"+hookSecret)
	logger := newLogger(&log)
	for _, v := range []any{h, cfg, &cfg, sub, &sub} {
		logger.Info("shown", slog.Any("value", v))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			require.NotContains(t, fmt.Sprintf(verb, v), hookSecret)
		}
	}
	require.NotContains(t, log.String(), hookSecret)
}

func TestWebhooksAreDecodedInEveryForm(t *testing.T) {
	t.Parallel()
	etl := actito.ETLEvent{ID: "95f1cebc-4dd7-4246-83a1-164d8da8c583", Entity: "MyEntity", ETLID: "123456", ExecutionID: "123654987", Status: "SUCCESS"}
	const item = `{"etl.id":"123456","etl.executionId":"123654987","etl.executionStatus":"SUCCESS"}`
	bare := actito.ETLEvent{Entity: "MyEntity", ETLID: "123456", ExecutionID: "123654987", Status: "SUCCESS"}
	with := func(e actito.ETLEvent, change func(*actito.ETLEvent)) actito.ETLEvent { change(&e); return e }
	row := actito.DataEvent{ID: "26", Table: actito.CustomTableType, TableID: "a4aa57cd", Type: actito.EventCreate,
		Values: map[string]string{"id": "26", "synchronized": "false"}}
	of := func(change func(*actito.DataEvent)) actito.DataEvent { e := row; change(&e); return e }
	for name, tt := range map[string]struct {
		body string
		etl  []actito.ETLEvent
		data []actito.DataEvent
	}{
		"an ETL's, as documented": {body: documented, etl: []actito.ETLEvent{etl}},
		"without links and id":    {body: `{"data":` + item + `}`, etl: []actito.ETLEvent{bare}},
		"ids as numbers": {body: `{"id":7,"data":{"etl.id":123456,"etl.executionId":123654987,"etl.executionStatus":"SUCCESS"}}`,
			etl: []actito.ETLEvent{with(bare, func(e *actito.ETLEvent) { e.ID = "7" })}},
		"absolute links of another entity, and nothing else": {
			body: `{"data":{"etl.executionStatus":"PAUSED","_links":{"etlExecution":{"href":"https://api3.actito.com/v5/entities/Other%20One/etl-executions/9"},"etl":{"href":"https://api3.actito.com/v5/entities/Other%20One/etls/8/"}}}}`,
			etl:  []actito.ETLEvent{{Entity: "Other One", ETLID: "8", ExecutionID: "9", Status: "PAUSED"}}},
		"links in other forms": {body: `{"_links":[],"data":{"etl.executionId":"9","_links":{"etl":[{"href":1}],"etlExecution":{"href":"9"}}}}`,
			etl: []actito.ETLEvent{{Entity: "MyEntity", ExecutionID: "9"}}},
		"in bulk": {body: `{"id":"b","data":[` + item + `,{"etl.executionId":"2","etl.executionStatus":"FAILED","new":{}}]}`,
			etl: []actito.ETLEvent{with(bare, func(e *actito.ETLEvent) { e.ID = "b" }), {ID: "b", Entity: "MyEntity", ExecutionID: "2", Status: "FAILED"}}},
		"none in bulk": {body: `{"id":"b","data":[]}`},
		"an array of whole ones": {body: "[" + documented + "," + created + "]",
			etl: []actito.ETLEvent{etl}, data: []actito.DataEvent{row}},
		"a row's, as seen in use": {body: created, data: []actito.DataEvent{row}},
		"a row's with fields, numbers, null and lists": {
			body: `{"id":"26","tableType":"CUSTOM_TABLE","tableId":"a4aa57cd","fields":["x",7],"eventType":"CREATE","data":{"a":null,"b":1.50,"c":true,"d":["x"],"e":""}}`,
			data: []actito.DataEvent{of(func(e *actito.DataEvent) {
				e.Fields, e.Values = []string{"x", "7"}, map[string]string{"b": "1.50", "c": "true", "d": `["x"]`, "e": ""}
			})}},
		"fields in another form": {body: strings.Replace(created, `"fields":null`, `"fields":"id"`, 1), data: []actito.DataEvent{row}},
		"a deleted row": {body: `{"id":7,"tableType":"PROFILE_TABLE","tableId":16,"eventType":"DELETE"}`,
			data: []actito.DataEvent{{ID: "7", Table: actito.ProfileTableType, TableID: "16", Type: actito.EventDelete, Values: map[string]string{}}}},
		"a subscription, in the spelling of one page": {body: strings.Replace(created, "CREATE", "UPDATED_SUBSCRIPTIONS", 1),
			data: []actito.DataEvent{of(func(e *actito.DataEvent) { e.Type = actito.EventSubscription })}},
		"an event from the future": {body: strings.Replace(created, "CREATE", "MERGED", 1),
			data: []actito.DataEvent{of(func(e *actito.DataEvent) { e.Type = "MERGED" })}},
		"rows in bulk": {body: `{"id":"b","tableType":"CUSTOM_TABLE","tableId":"a4aa57cd","eventType":"CREATE","data":[{"id":"26","synchronized":"false"},{}]}`,
			data: []actito.DataEvent{of(func(e *actito.DataEvent) { e.ID = "" }), of(func(e *actito.DataEvent) { e.ID, e.Values = "", map[string]string{} })}},
		"whole rows in bulk": {body: `{"id":"b","data":[` + created + `]}`, data: []actito.DataEvent{row}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := &inbox{}
			require.Equal(t, 204, hook(handlerOf(t, offline(t), box.config()), hookSecret, tt.body).Code)
			for i := range box.etl {
				require.True(t, len(box.etl[i].Raw) > 0 && strings.Contains(tt.body, string(box.etl[i].Raw)))
				box.etl[i].Raw = nil
			}
			for i := range box.data {
				require.True(t, len(box.data[i].Raw) > 0 && strings.Contains(tt.body, string(box.data[i].Raw)))
				box.data[i].Raw = nil
			}
			require.Equal(t, tt.etl, box.etl)
			require.Equal(t, tt.data, box.data)
		})
	}
	for name, body := range map[string]string{
		"no JSON": "etl", "a number": "7", "a text": `"x"`, "null": "null", "nothing": "{}", "more than one": created + created, "cut": documented[:80],
		"an execution without id": `{"data":{"etl.id":"1"}}`, "data that is a text": `{"data":"x"}`, "a row of texts": strings.Replace(created, `{"id":"26","synchronized":"false"}`, `"x"`, 1),
		"one of several": `{"data":[` + item + `,{}]}`, "numbers in bulk": `{"data":[1]}`,
	} {
		box := &inbox{}
		require.Equal(t, 400, hook(handlerOf(t, offline(t), box.config()), hookSecret, body).Code, name)
		require.Empty(t, box.etl, "all of a call or nothing")
		require.Empty(t, box.data)
	}
	require.True(t, etl.Ended())
	require.False(t, actito.ETLEvent{Status: "PAUSED"}.Ended())
	require.False(t, actito.ETLEvent{Status: actito.StatusRunning}.Ended())
}

func TestAnEventOfAnETLIsHandledOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		box := &inbox{}
		h := handlerOf(t, offline(t), box.config())
		send := func(body string, want int) {
			t.Helper()
			require.Equal(t, want, hook(h, hookSecret, body).Code)
		}
		send(documented, 204)
		send(documented, 204)
		send(strings.Replace(documented, "\n", "", 1), 204) // the id counts, not the text
		require.Len(t, box.etl, 1)
		send(strings.Replace(documented, "SUCCESS", "RUNNING", 1), 204) // another event, should the id be a subscription's
		require.Len(t, box.etl, 2)
		noID := `{"data":{"etl.executionId":"1","etl.executionStatus":"SUCCESS"}}`
		send(noID, 204)
		send(noID, 204)
		require.Len(t, box.etl, 3)

		box.left = 1
		other := strings.Replace(documented, "95f1", "96f1", 1)
		send(other, 500) // to be sent again, and then it is no repeat
		send(other, 204)
		send(other, 204)
		require.Len(t, box.etl, 5)

		time.Sleep(11 * time.Hour)
		send(documented, 204)
		require.Len(t, box.etl, 5)
		time.Sleep(14 * time.Hour)
		send(noID, 204)
		time.Sleep(14 * time.Hour)
		send(documented, 204)
		require.Len(t, box.etl, 6, "what is remembered ends")
	})
}

func TestWhatAHandlerRemembersIsBounded(t *testing.T) {
	t.Parallel()
	box := &inbox{}
	h := handlerOf(t, offline(t), box.config())
	numbered := func(n int) string {
		return fmt.Sprintf(`{"id":"%d","data":{"etl.executionId":"1","etl.executionStatus":"SUCCESS"}}`, n)
	}
	for n := range 10_001 {
		hook(h, hookSecret, numbered(n))
	}
	hook(h, hookSecret, numbered(0))
	require.Len(t, box.etl, 10_001, "the older half is still known")
	for n := range 10_001 {
		hook(h, hookSecret, numbered(20_000+n))
	}
	hook(h, hookSecret, numbered(0))
	require.Len(t, box.etl, 20_003, "and then no more")
}

func TestDataEventsThatLookTheSameAreAllHandled(t *testing.T) {
	t.Parallel()
	box := &inbox{}
	h := handlerOf(t, offline(t), box.config())
	// A consent is given, withdrawn and given again: the values do not tell.
	same := strings.Replace(created, "CREATE", "UPDATED_SUBSCRIPTION", 1)
	for range 3 {
		require.Equal(t, 204, hook(h, hookSecret, same).Code)
	}
	require.Len(t, box.data, 3)

	// Of a call that failed half way, its repeat handles the rest.
	bulk := `{"tableType":"CUSTOM_TABLE","tableId":"t","eventType":"UPDATE","data":[{"n":"1"},{"n":"1"},{"n":"3"}]}`
	*box = inbox{fail: 2, left: 1}
	require.Equal(t, 500, hook(h, hookSecret, bulk).Code)
	require.Equal(t, 204, hook(h, hookSecret, bulk).Code)
	require.Equal(t, 204, hook(h, hookSecret, bulk).Code)
	var got []string
	for _, e := range box.data {
		got = append(got, e.Values["n"])
	}
	require.Equal(t, []string{"1", "1", "3", "3", "1", "1", "3"}, got)
}

func TestACallbackThatIsMissingOrFailsIsSaid(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	client := offline(t, actito.WithLogger(newLogger(&log)))
	h := handlerOf(t, client, actito.WebhookConfig{Secrets: []string{hookSecret}})
	require.Equal(t, 204, hook(h, hookSecret, documented).Code, "waits want no callback")
	require.Equal(t, 500, hook(h, hookSecret, created).Code, "nothing is dropped silently")
	box := &inbox{left: 9}
	h = handlerOf(t, client, box.config())
	w := hook(h, hookSecret, created)
	require.Equal(t, 500, w.Code)
	require.NotContains(t, w.Body.String()+log.String(), "example.com")
	require.NotContains(t, log.String(), "synchronized")

	panics := handlerOf(t, client, actito.WebhookConfig{Secrets: []string{hookSecret}, OnETL: func(context.Context, actito.ETLEvent) error {
		panic("once")
	}})
	for range 2 { // the second one is no repeat, and not held up by the first
		require.PanicsWithValue(t, "once", func() { hook(panics, hookSecret, documented) })
	}
}

func TestTheSameEventTwiceAtOnceIsHandledOnce(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	calls := 0
	h := handlerOf(t, offline(t), actito.WebhookConfig{Secrets: []string{hookSecret}, OnETL: func(context.Context, actito.ETLEvent) error {
		calls++
		close(entered)
		<-leave
		return nil
	}})
	first := make(chan int)
	go func() { first <- hook(h, hookSecret, documented).Code }()
	<-entered
	require.Equal(t, 503, hook(h, hookSecret, documented).Code, "neither handled nor refused: its outcome is open")
	close(leave)
	require.Equal(t, 204, <-first)
	require.Equal(t, 204, hook(h, hookSecret, documented).Code)
	require.Equal(t, 1, calls)
}

func FuzzWebhook(f *testing.F) {
	for _, body := range []string{documented, created, "[" + created + "," + documented + "]", `{"id":"b","data":[{"etl.executionId":1},{}]}`,
		`{"data":[` + created + `]}`, `{"data":null,"eventType":"DELETE","tableId":1}`, `[[]]`, `{"data":{"_links":{"etlExecution":{"href":"://%zz"}}}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		box := &inbox{}
		h := handlerOf(t, offline(t), box.config())
		code := hook(h, hookSecret, string(body)).Code
		require.Contains(t, []int{204, 400}, code)
		etl, data := len(box.etl), len(box.data)
		require.False(t, code == 400 && etl+data > 0)
		for _, e := range box.etl {
			require.NotEmpty(t, e.ExecutionID)
			require.NotEmpty(t, e.Entity)
		}
		require.Equal(t, code, hook(h, hookSecret, string(body)).Code)
		require.Len(t, box.etl, etl, "a repeat")
		require.Len(t, box.data, 2*data)
	})
}

func TestASubscriptionIsMadeAndItsSecretIsKept(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		h := handlerOf(t, b.client, actito.WebhookConfig{Secrets: []string{hookSecret}})
		sub := h.Subscription("https://shop.example/hooks?x=" + hookSecret)
		sub.On, sub.Of, sub.Event, sub.Fields, sub.Bulk = actito.SourceProfileTable, "Customers", actito.EventUpdate, []string{"firstName"}, true
		id, err := b.client.Webhooks.Subscribe(t.Context(), sub)
		require.NoError(t, err)
		require.NotEmpty(t, id)
		require.JSONEq(t, `{"on":"PROFILE_TABLE","onElementId":"16","eventType":"UPDATE","onFields":["firstName"],
			"targetUrl":"https://shop.example/hooks?x=a-new-secret-42","headers":{"X-Webhook-Secret":"a-new-secret-42"},"webhookPushType":"BULK","isActive":true}`,
			string(b.Requests(actitotest.OpWebhookSubscribe)[0].Body))

		b.Fail(actitotest.OpWebhookSubscribe, actitotest.Status(400).WithBody("application/json", `{"message":"header `+hookSecret+` at https://shop.example/hooks?x=`+hookSecret+`"}`))
		_, err = b.client.Webhooks.Subscribe(t.Context(), sub)
		require.ErrorIs(t, err, actito.ErrInvalid)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), hookSecret)
		b.Fail(actitotest.OpWebhookSubscribe, actitotest.LoseAnswer())
		_, err = b.client.Webhooks.Subscribe(t.Context(), sub)
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown, "a second one would send everything twice")
		require.Len(t, b.Requests(actitotest.OpWebhookSubscribe), 3)
		b.Fail(actitotest.OpWebhookSubscribe, jsonAnswer(`{}`))
		_, err = b.client.Webhooks.Subscribe(t.Context(), sub)
		require.ErrorContains(t, err, "its id is not said")
	}, actitotest.IDOnlyInLocation)
}

func TestASubscriptionThatCannotWorkIsRefusedHere(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	good := actito.WebhookSubscription{On: actito.SourceETL, Of: "1", Event: actito.EventFinished, TargetURL: "https://shop.example",
		Headers: map[string]string{"X-Secret": hookSecret}}
	for field, changes := range map[string][]func(*actito.WebhookSubscription){
		"On":    {func(s *actito.WebhookSubscription) { s.On = "" }},
		"Of":    {func(s *actito.WebhookSubscription) { s.Of = "" }},
		"Event": {func(s *actito.WebhookSubscription) { s.Event = "" }},
		"TargetURL": {
			func(s *actito.WebhookSubscription) { s.TargetURL = "" },
			func(s *actito.WebhookSubscription) { s.TargetURL = "http://shop.example" },
			func(s *actito.WebhookSubscription) { s.TargetURL = "https://user:" + hookSecret + "@shop.example" },
			func(s *actito.WebhookSubscription) { s.TargetURL = "https://" + hookSecret + "\x7f" },
		},
		"Headers": {
			func(s *actito.WebhookSubscription) { s.Headers = map[string]string{"X": hookSecret + "\r\nY: z"} },
			func(s *actito.WebhookSubscription) { s.Headers = map[string]string{"": hookSecret} },
		},
	} {
		for i, change := range changes {
			sub := good
			change(&sub)
			_, err := b.client.Webhooks.Subscribe(t.Context(), sub)
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid, "%s %d", field, i)
			require.Equal(t, field, invalid.Column)
			require.NotContains(t, err.Error(), hookSecret)
		}
	}
	good.On, good.Of = actito.SourceCustomTable, "Nowhere"
	_, err := b.client.Webhooks.Subscribe(t.Context(), good)
	require.ErrorIs(t, err, actito.ErrNotFound)
	require.Empty(t, b.Requests(actitotest.OpWebhookSubscribe))
}
