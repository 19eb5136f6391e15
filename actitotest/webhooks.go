package actitotest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// The events of an ETL's executions.
const (
	EventStarted  EventType = "STARTED"
	EventFinished EventType = "FINISHED"
)

// Webhook is a webhook as it was sent, or one call for several events.
type Webhook struct {
	Subscription string // its id
	Target       string
	Header       http.Header
	Body         []byte
	Time         time.Time
	Status       int   // of the answer; 0 if none came
	Err          error // why none came
}

// webhooks are the subscriptions and what they send. One goroutine sends, from the
// first subscription until the server is closed.
type webhooks struct {
	subscriptions []*subscription
	pending       []message
	sending       bool
	sent          []Webhook
	changed       chan struct{} // closed at any change, of executions too
	transport     *http.Transport
	stop          context.CancelFunc // nil while nothing sends
}

type subscription struct {
	id, entity string
	On         string            `json:"on"`
	Element    string            `json:"onElementId"`
	Event      EventType         `json:"eventType"`
	Fields     []string          `json:"onFields"`
	Target     string            `json:"targetUrl"`
	Headers    map[string]string `json:"headers"`
	PushType   string            `json:"webhookPushType"`
	Active     bool              `json:"isActive"`
}

// message is an event on its way to a subscription, or a repeat of a whole call.
type message struct {
	to       *subscription
	envelope map[string]any // of a single event; of several, without id and data
	data     map[string]any
	again    *Webhook
	due      time.Time // zero: now
	twice    time.Time // when it is sent again, zero: never
}

// subscribe keeps a subscription.
//
// assumed: the answer; that an element is named; ETL, STARTED and FINISHED as values for ETLs; BULK
func (s *Server) subscribeWebhook(c *call) (answer, *problem) {
	sub := &subscription{entity: c.entity}
	if p := c.decode(sub); p != nil {
		return answer{}, p
	}
	if p := s.checkSubscription(c, sub); p != nil {
		return answer{}, p
	}
	id := s.nextID()
	sub.id = strconv.Itoa(id)
	s.hooks.subscriptions = append(s.hooks.subscriptions, sub)
	if s.hooks.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		s.hooks.stop = stop
		s.open++ // so that Close waits for it
		go s.sendWebhooks(ctx)
	}
	return s.written(true, c.seen.Path, sub.id, "id", id), nil
}

func (s *Server) checkSubscription(c *call, sub *subscription) *problem {
	events := []EventType{EventCreate, EventUpdate, EventDelete}
	var t *table
	switch sub.On {
	case "ETL":
		events = []EventType{EventStarted, EventFinished}
		if !slices.ContainsFunc(s.etls, func(e *etl) bool { return e.id == sub.Element && e.entity == c.entity }) {
			return refuse(http.StatusBadRequest, "there is no ETL %q", sub.Element)
		}
	case profileTable.wireType():
		events = append(events, EventSubscription, EventSegment)
		t = s.lookUp(c.entity, profileTable, sub.Element)
	case customTable.wireType():
		t = s.lookUp(c.entity, customTable, sub.Element)
	default:
		return refuse(http.StatusBadRequest, "webhooks are not on %q", sub.On)
	}
	if sub.On != "ETL" && (t == nil || t.ID != sub.Element) {
		return refuse(http.StatusBadRequest, "there is no table with id %q", sub.Element)
	}
	for _, name := range sub.Fields {
		if t == nil || t.attribute(name) == nil {
			return refuse(http.StatusBadRequest, "there is no attribute %q", name)
		}
	}
	target, err := url.Parse(sub.Target)
	switch {
	case !slices.Contains(events, sub.Event):
		return refuse(http.StatusBadRequest, "%s has no event %q", sub.On, sub.Event)
	case sub.PushType != "ONE_BY_ONE" && sub.PushType != "BULK":
		return refuse(http.StatusBadRequest, "there is no webhookPushType %q", sub.PushType)
	case err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http":
		return refuse(http.StatusBadRequest, "the targetUrl is none")
	}
	return nil
}

// SendWebhooksTo sends webhooks to a handler in memory from now on, whatever their
// target; nil sends them to their targets again, of which only loopback addresses
// are reached: a fake calls nobody else.
func (s *Server) SendWebhooksTo(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.transport = loopbackTransport()
	if h != nil {
		s.hooks.transport = newTransport(&http.Server{Handler: h, ConnState: s.connState, ReadHeaderTimeout: time.Minute})
	}
}

func loopbackTransport() *http.Transport {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		ip, notIP := netip.ParseAddr(host)
		if err != nil || host != "localhost" && (notIP != nil || !ip.IsLoopback()) {
			return nil, errors.New("actitotest: webhooks reach loopback addresses only: see Server.SendWebhooksTo")
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return &http.Transport{DialContext: dial, DisableKeepAlives: true}
}

// DeliverWebhooks waits until every webhook of what has happened so far, by the
// fake's clock, is sent and answered, or has failed. Those that a storm holds back come
// later.
func (s *Server) DeliverWebhooks(ctx context.Context) error {
	for {
		s.mu.Lock()
		s.runDue()
		changed := s.hooks.changed
		due := slices.ContainsFunc(s.hooks.pending, func(m message) bool { return !m.due.After(s.clock.Now()) })
		done := s.hooks.stop == nil || !due && !s.hooks.sending
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// RepeatWebhooks sends all that was sent so far once more, as it was, like a sender
// that has not seen the answers.
// assumed: the documentation tells of no repeats, and the fake makes none by itself
func (s *Server) RepeatWebhooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sent := range s.hooks.sent {
		s.hooks.pending = append(s.hooks.pending, message{again: &sent})
	}
	s.hooksChanged()
}

// Webhooks lists what was sent so far, in order.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hooks.sent)
}

func (s *Server) hooksChanged() {
	close(s.hooks.changed)
	s.hooks.changed = make(chan struct{})
}

// announce lines up the webhooks of an event.
func (s *Server) announce(entity, on, element string, typ EventType, envelope, data map[string]any) {
	for _, sub := range s.hooks.subscriptions {
		if sub.Active && sub.entity == entity && sub.On == on && sub.Element == element && sub.Event == typ {
			due, twice := s.storm.onWebhook(s.clock.Now())
			s.hooks.pending = append(s.hooks.pending, message{to: sub, envelope: envelope, data: data, due: due, twice: twice})
			s.hooksChanged()
		}
	}
}

// announceExecutions lines up what executions have done since the last time.
// assumed: one shots, which belong to no ETL, have no webhooks
func (s *Server) announceExecutions() {
	now := s.clock.Now()
	for _, e := range s.executions {
		if !e.startTold && !now.Before(e.begin) {
			e.startTold = true
			s.announceExecution(e, EventStarted, statusRunning)
		}
		if !e.endTold && e.ended {
			e.endTold = true
			s.announceExecution(e, EventFinished, e.status)
		}
	}
}

func (s *Server) announceExecution(e *execution, typ EventType, current status) {
	path := "/mass-imports/v5/entities/" + url.PathEscape(e.Entity)
	s.announce(e.Entity, "ETL", e.ETLID, typ, map[string]any{"id": rand.Text()}, map[string]any{
		"etl.id": e.ETLID, "etl.executionId": e.ExecutionID, "etl.executionStatus": current,
		"_links": map[string]any{
			"etlExecution": map[string]any{"href": path + "/etl-executions/" + e.ExecutionID},
			"etl":          map[string]any{"href": path + "/etls/" + e.ETLID},
		},
	})
}

// announceRow lines up the webhooks of a real-time event.
func (s *Server) announceRow(e Event) {
	data := map[string]any{}
	for name, text := range e.Data {
		data[name] = text
	}
	envelope := map[string]any{"id": e.ID, "tableType": e.TableType, "tableId": e.TableID, "eventType": e.Type}
	if id, err := strconv.Atoi(e.ID); err == nil && strconv.Itoa(id) == e.ID {
		envelope["id"] = id
	}
	s.announce(e.Entity, e.TableType, e.TableID, e.Type, envelope, data)
}

// sendWebhooks sends one call after the other, until ctx ends.
func (s *Server) sendWebhooks(ctx context.Context) {
	defer s.count(-1)
	defer s.stopWebhooks()
	for ctx.Err() == nil {
		now, taken, ticked := s.clock.look() // before what goes by it
		s.mu.Lock()
		s.runDue()
		next, found := s.nextWebhook()
		s.hooks.sending = found
		changed, due, transport := s.hooks.changed, s.nextDue(), s.hooks.transport
		s.mu.Unlock()
		if found {
			next.Status, next.Err = s.post(ctx, transport, next)
			s.mu.Lock()
			s.hooks.sent = append(s.hooks.sent, next)
			s.hooks.sending = false
			s.hooksChanged()
			s.mu.Unlock()
			continue
		}
		var timer <-chan time.Time
		if !taken && !due.IsZero() {
			timer = time.After(due.Sub(now))
		}
		select {
		case <-changed:
		case <-ticked:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// stopWebhooks forgets what is not sent, so that nobody waits for it.
func (s *Server) stopWebhooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.stop()
	s.hooks.stop, s.hooks.pending, s.hooks.sending = nil, nil, false
	s.hooksChanged()
}

// nextDue is when the next execution starts or ends or the next webhook is sent, zero
// if none is.
func (s *Server) nextDue() (next time.Time) {
	for _, m := range s.hooks.pending {
		next = earlier(next, m.due)
	}
	for _, e := range s.executions {
		switch { // they run one after another
		case !e.startTold:
			return earlier(next, e.begin)
		case !e.endTold:
			return earlier(next, e.end)
		}
	}
	return next
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// nextWebhook takes the call that comes next: an event, and in bulk those that wait
// for the same subscription.
// assumed: the events of a table in bulk share an envelope, and have no ids
func (s *Server) nextWebhook() (Webhook, bool) {
	now := s.clock.Now()
	at := slices.IndexFunc(s.hooks.pending, func(m message) bool { return !m.due.After(now) })
	if at < 0 {
		return Webhook{}, false
	}
	first := s.hooks.pending[at]
	s.hooks.pending = slices.Delete(s.hooks.pending, at, at+1)
	if first.again != nil {
		again := *first.again
		again.Time = now
		return again, true
	}
	sub, envelope := first.to, maps.Clone(first.envelope)
	envelope["data"] = first.data
	if sub.On != "ETL" {
		envelope["fields"] = sub.Fields
	}
	if sub.PushType == "BULK" {
		all := []map[string]any{first.data}
		s.hooks.pending = slices.DeleteFunc(s.hooks.pending, func(m message) bool {
			together := m.to == sub && !m.due.After(now)
			if together {
				all = append(all, m.data)
			}
			return together
		})
		envelope["data"] = all
		if sub.On != "ETL" {
			delete(envelope, "id")
		}
	}
	envelope["_links"] = map[string]any{"webhook": map[string]any{
		"href": "/webhooks/v4/entity/" + url.PathEscape(sub.entity) + "/webhookSubscription/" + sub.id,
	}}
	body, _ := json.Marshal(envelope) // texts and numbers always marshal
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range sub.Headers {
		header.Set(name, value)
	}
	w := Webhook{Subscription: sub.id, Target: sub.Target, Header: header, Body: body, Time: now}
	if !first.twice.IsZero() {
		s.hooks.pending = append(s.hooks.pending, message{again: &w, due: first.twice})
	}
	return w, true
}

// post sends a call. A target has ten seconds to answer it. // assumed
func (s *Server) post(ctx context.Context, transport *http.Transport, w Webhook) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Target, bytes.NewReader(w.Body))
	if err != nil {
		return 0, err
	}
	req.Header = w.Header.Clone()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}
