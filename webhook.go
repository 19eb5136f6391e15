package actito

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/actito-go/actito/internal/transport"
)

const pathWebhookSubscription = "/webhooks/v4/entity/{entity}/webhookSubscription"

// WebhookService subscribes to webhooks and receives them. Calls to list and to end subscriptions are not known; the
// UI has both, and [Client.Do] is the way for who knows more.
type WebhookService struct{ c *Client }

// WebhookSource is what a webhook reports on.
type WebhookSource string

// The sources.
const (
	SourceETL          WebhookSource = "ETL" // assumed
	SourceProfileTable WebhookSource = "PROFILE_TABLE"
	SourceCustomTable  WebhookSource = "CUSTOM_TABLE"
)

// EventType is what a webhook reports.
type EventType string

// The events: of ETLs, the first two; of tables, the others. Imports raise none of the latter.
const (
	EventStarted  EventType = "STARTED"
	EventFinished EventType = "FINISHED"

	EventCreate       EventType = "CREATE"
	EventUpdate       EventType = "UPDATE"
	EventDelete       EventType = "DELETE"
	EventSubscription EventType = "UPDATED_SUBSCRIPTION" // also sent as UPDATED_SUBSCRIPTIONS, and read as this
	EventSegment      EventType = "UPDATED_SEGMENT"
)

// WebhookSubscription asks Actito to POST one type of events to a URL. Printed, logged or encoded in
// JSON, it shows neither URL nor headers.
type WebhookSubscription struct {
	On        WebhookSource
	Of        string // the ETL's id; the table's id or name
	Event     EventType
	Fields    []string          // attributes of a table; nil for no choice
	TargetURL string            // https; plain http to loopback only
	Headers   map[string]string // sent with each webhook: a secret is the only proof of where it comes from
	Bulk      bool              // several events in one call, when there are several
	Inactive  bool              // to be activated later, in the UI
}

// Format keeps a print from showing the secret.
func (s WebhookSubscription) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "actito.WebhookSubscription("+string(s.On)+" "+string(s.Event)+")")
}

// LogValue is what a log may hold.
func (s WebhookSubscription) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// MarshalJSON writes what a print shows: what is sent is encoded elsewhere.
func (s WebhookSubscription) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(s)) }

// Subscribe makes a subscription and returns its id. The call is seen in use; its value for ETLs, and that their events
// are named STARTED and FINISHED here, are assumed. It is repeated only after failures in which the server certainly did
// nothing. Make a subscription once, not at each start of a program: each one sends webhooks of its own.
//
//actito:call POST /webhooks/v4/entity/{entity}/webhookSubscription [seen in use]
//actito:through StructureService.ProfileTable StructureService.CustomTable
func (s *WebhookService) Subscribe(ctx context.Context, sub WebhookSubscription, opts ...CallOption) (string, error) {
	if err := sub.check(); err != nil {
		return "", err
	}
	if table := TableType(sub.On); table == ProfileTableType || table == CustomTableType {
		t, err := s.c.table(ctx, table, sub.Of)
		if err != nil {
			return "", err
		}
		sub.Of = t.ID
	}
	r := request{op: "subscribe webhook", method: http.MethodPost, path: pathWebhookSubscription,
		answer: transport.Maybe, private: []string{sub.TargetURL}}
	for _, value := range sub.Headers {
		r.private = append(r.private, value)
	}
	pushType := "ONE_BY_ONE"
	if sub.Bulk {
		pushType = "BULK" // assumed
	}
	var err error
	r.body, err = json.Marshal(struct {
		On       WebhookSource     `json:"on"`
		Of       string            `json:"onElementId"`
		Event    EventType         `json:"eventType"`
		Fields   []string          `json:"onFields,omitempty"`
		Target   string            `json:"targetUrl"`
		Headers  map[string]string `json:"headers,omitempty"`
		PushType string            `json:"webhookPushType"`
		Active   bool              `json:"isActive"`
	}{sub.On, sub.Of, sub.Event, sub.Fields, sub.TargetURL, sub.Headers, pushType, !sub.Inactive})
	if err != nil {
		return "", &ValidationError{Rule: "json", Detail: "the subscription cannot be encoded as JSON", Err: err}
	}
	reply, err := s.c.send(ctx, &r, opts)
	if err != nil {
		return "", err
	}
	id := newID(reply)
	if id == "" && !s.c.dryRun {
		return "", r.undecodable(reply, errors.New("the subscription is made and its id is not said"))
	}
	return id, nil
}

func (s WebhookSubscription) check() error {
	wrong := func(field, rule, detail string) error {
		return &ValidationError{Column: field, Rule: rule, Detail: detail}
	}
	switch {
	case s.On == "":
		return wrong("On", "webhook-source", "what is the webhook on: SourceETL, SourceProfileTable or SourceCustomTable?")
	case s.Of == "":
		return wrong("Of", "webhook-source", "the ETL or table is missing: name its id")
	case s.Event == "":
		return wrong("Event", "webhook-event", "the event is missing, such as EventFinished or EventUpdate")
	}
	target, err := url.Parse(s.TargetURL)
	switch {
	case err != nil || target.Hostname() == "" || target.User != nil || target.Fragment != "":
		return wrong("TargetURL", "webhook-target", "it must be a URL with a host, and without user and fragment")
	case target.Scheme != "https" && (target.Scheme != "http" || !isLoopback(target.Hostname())):
		return wrong("TargetURL", "webhook-target",
			"it must be https, since the secret travels with each webhook; plain http is accepted to loopback only")
	}
	for name, value := range s.Headers {
		if !isHeaderName(name) || !isHeaderValue(value) {
			return wrong("Headers", "webhook-header", fmt.Sprintf("header %q has a name or a value that cannot be sent", name))
		}
	}
	return nil
}

func isHeaderName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isHeaderValue says whether s arrives as it was sent.
func isHeaderValue(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// WebhookConfig says what a handler accepts, and what becomes of it. Printed, it shows no secret.
type WebhookConfig struct {
	// Secrets are what the header must hold, one of them: a single one, or a new and a former one while subscriptions are
	// replaced. New subscriptions get the first. Long and random, such as rand.Text() of crypto/rand: Actito signs
	// nothing, so that who knows a secret can forge events.
	Secrets []string
	Header  string // the header's name; "" for X-Webhook-Secret

	// OnETL is told of executions. It may be nil: waits end without it.
	OnETL func(context.Context, ETLEvent) error
	// OnData is told of changed rows.
	OnData func(context.Context, DataEvent) error
}

// Format keeps a print from showing the secrets.
func (WebhookConfig) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "actito.WebhookConfig") }

// LogValue is what a log may hold.
func (WebhookConfig) LogValue() slog.Value { return slog.StringValue("actito.WebhookConfig") }

// Handler makes a handler for the URL of a subscription. Waits of this client, and of those for other entities made from
// it, end when it is told that their execution has.
func (s *WebhookService) Handler(cfg WebhookConfig) (*WebhookHandler, error) {
	switch {
	case len(cfg.Secrets) == 0 || slices.Contains(cfg.Secrets, ""):
		return nil, errors.New("actito: a webhook handler needs a secret that is not empty: without it, everybody could send it events")
	case len(cfg.Secrets) > 2:
		return nil, errors.New("actito: a webhook handler has at most two secrets, a new and a former one")
	case slices.ContainsFunc(cfg.Secrets, func(s string) bool { return !isHeaderValue(s) }):
		return nil, errors.New("actito: a webhook's secret travels in a header: it must be printable ASCII, without spaces around it")
	}
	h := &WebhookHandler{c: s.c, header: cmp.Or(cfg.Header, "X-Webhook-Secret"), secret: cfg.Secrets[0], onETL: cfg.OnETL, onData: cfg.OnData}
	if !isHeaderName(h.header) {
		return nil, fmt.Errorf("actito: %q is no name of a header", h.header)
	}
	for _, secret := range cfg.Secrets {
		h.accepted = append(h.accepted, sha256.Sum256([]byte(secret)))
	}
	return h, nil
}

// Subscription is one to be received by this handler, under the URL at which it is reached: the secret is filled in, the
// rest is the caller's.
//
//	sub := handler.Subscription("https://shop.example/webhooks/actito")
//	sub.On, sub.Of, sub.Event = actito.SourceETL, etlID, actito.EventFinished
//	id, err := client.Webhooks.Subscribe(ctx, sub)
func (h *WebhookHandler) Subscription(targetURL string) WebhookSubscription {
	return WebhookSubscription{TargetURL: targetURL, Headers: map[string]string{h.header: h.secret}}
}
