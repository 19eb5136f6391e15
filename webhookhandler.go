package actito

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// mostWebhookBytes bounds the body of a webhook.
const mostWebhookBytes = 1 << 20

// WebhookHandler receives webhooks: see [WebhookService.Handler]. It answers
//
//   - 204 when all events of a call are dealt with, repeats included,
//   - 401 if the header does not hold a secret, which is compared in constant time,
//   - 405 to anything but a POST, 413 to a body of more than 1 MiB,
//   - 400 to a body that is no webhook's,
//   - 500 if a callback failed or there is none for data events, and 503 while a callback is busy with the same event of
//     an ETL, so that the sender may repeat. Whether Actito does is not documented.
//
// It is safe for concurrent use, and calls the callbacks so: events of one call one after another in their order, those
// of several calls at the same time. A callback's context ends when the sender leaves; it should be quick, such as an
// entry into a queue. Its error is not logged, since it may hold personal data.
//
// An event of an ETL is handled once: for at least 12 hours, one whose callback succeeded is a repeat, by the webhook's
// id, the execution and the status, or where it has no id, by its content. Data events have no id (assumed: theirs is
// the row's), and two that look the same may be two changes, such as a consent given, withdrawn and given again. They
// are delivered at least once: left out are only those that were dealt with when a call is repeated that was answered
// 500. Callbacks must bear with others, and with events that arrive in another order. Several processes behind one URL
// know nothing of each other's.
type WebhookHandler struct {
	c        *Client
	header   string
	secret   string // the one that subscriptions get
	accepted [][sha256.Size]byte
	onETL    func(context.Context, ETLEvent) error
	onData   func(context.Context, DataEvent) error
	seen     seenEvents
}

// Format keeps a print from showing the secret.
func (h *WebhookHandler) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "actito.WebhookHandler("+h.header+")")
}

// ServeHTTP receives a webhook.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, reason := h.receive(w, r)
	level := slog.LevelDebug
	if status >= http.StatusBadRequest {
		level = slog.LevelWarn
	}
	h.c.log.LogAttrs(r.Context(), level, "actito: webhook", slog.Int("status", status), slog.String("reason", reason))
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}

func (h *WebhookHandler) receive(w http.ResponseWriter, r *http.Request) (status int, reason string) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, "only POST is served"
	}
	if !h.authentic(r.Header.Get(h.header)) {
		return http.StatusUnauthorized, "the header " + h.header + " does not hold the secret"
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostWebhookBytes))
	if err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			return http.StatusRequestEntityTooLarge, "the body is longer than 1 MiB"
		}
		return http.StatusBadRequest, "the body ended early"
	}
	events, err := decodeWebhook(body)
	if err != nil {
		return http.StatusBadRequest, "the body is no webhook's"
	}
	for _, e := range events {
		if e.etl != nil {
			if e.etl.Entity == "" {
				e.etl.Entity = h.c.entity
			}
			h.c.waits.tell(e.etl.Entity, e.etl.ExecutionID, e.etl.Status)
		}
	}
	return h.deliver(r.Context(), events)
}

// authentic compares with every secret, whichever fits, and by hashes, which are all of one length.
func (h *WebhookHandler) authentic(given string) bool {
	hash, same := sha256.Sum256([]byte(given)), 0
	for i := range h.accepted {
		same |= subtle.ConstantTimeCompare(hash[:], h.accepted[i][:])
	}
	return same == 1
}

// deliver hands the events to the callbacks, up to the first that fails.
func (h *WebhookHandler) deliver(ctx context.Context, events []webhookEvent) (status int, reason string) {
	for _, e := range events {
		switch state := h.seen.claim(e.key); {
		case state == eventHandled:
			continue
		case state == eventUnderWay && e.etl != nil: // two data events may look the same
			return http.StatusServiceUnavailable, "the same event is being handled"
		}
		if err := h.handle(ctx, e); err != nil {
			return http.StatusInternalServerError, "the callback failed"
		}
	}
	for _, e := range events {
		if e.data != nil {
			h.seen.forget(e.key)
		}
	}
	return http.StatusNoContent, strconv.Itoa(len(events)) + " events"
}

var errNoOnData = errors.New("actito: a data event came and there is no OnData")

// handle calls the callback of an event that was claimed, which may panic.
func (h *WebhookHandler) handle(ctx context.Context, e webhookEvent) (err error) {
	handled := false
	defer func() {
		if handled {
			h.seen.remember(e.key)
		} else {
			h.seen.forget(e.key)
		}
	}()
	switch {
	case e.etl != nil && h.onETL != nil:
		err = h.onETL(ctx, *e.etl)
	case e.data != nil && h.onData != nil:
		err = h.onData(ctx, *e.data)
	case e.data != nil:
		err = errNoOnData
	}
	handled = err == nil
	return err
}

const (
	mostEventsSeen = 10_000         // in each of two generations
	longestSeen    = 12 * time.Hour // the age of a generation when the next one begins
)

// seenEvents remembers events in two generations, of which the older is forgotten as a whole.
type seenEvents struct {
	mu            sync.Mutex
	recent, older map[eventKey]eventState
	since         time.Time
}

// eventKey is a hash of what makes an event the same as another.
type eventKey [sha256.Size]byte

type eventState uint8

const (
	eventNew eventState = iota
	eventUnderWay
	eventHandled
)

// claim says what became of an event so far. A new one is under way from now on.
func (s *seenEvents) claim(key eventKey) eventState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); len(s.recent) >= mostEventsSeen || now.Sub(s.since) >= longestSeen {
		s.recent, s.older, s.since = map[eventKey]eventState{}, s.recent, now
	}
	state := max(s.recent[key], s.older[key])
	if state == eventNew {
		s.recent[key] = eventUnderWay
	}
	return state
}

func (s *seenEvents) remember(key eventKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.older, key)
	s.recent[key] = eventHandled
}

func (s *seenEvents) forget(key eventKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.older, key)
	delete(s.recent, key)
}
