package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

// wire answers a call in place of the service, or returns nil to let it through.
type wire func(r *http.Request, body string) *http.Response

type intercepted struct {
	http.RoundTripper
	wire wire
}

func (i intercepted) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	if answer := i.wire(r, string(body)); answer != nil {
		answer.Request = r
		return answer, nil
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return i.RoundTripper.RoundTrip(r)
}

// answer is one of the service's, with a JSON message.
func answer(status int, message string) *http.Response {
	body, _ := json.Marshal(map[string]any{"status": status, "message": message})
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
}

// guarded is a store whose methods fail, wait or are counted before they begin.
type guarded struct {
	feed.Store
	before func(ctx context.Context, method string) error
}

func (g guarded) Lease(ctx context.Context) (feed.Lease, error) {
	if err := g.before(ctx, "Lease"); err != nil {
		return feed.Lease{}, err
	}
	return g.Store.Lease(ctx)
}

func (g guarded) Take(ctx context.Context, seen feed.Lease, holder string) (feed.Lease, error) {
	if err := g.before(ctx, "Take"); err != nil {
		return feed.Lease{}, err
	}
	return g.Store.Take(ctx, seen, holder)
}

func (g guarded) Release(ctx context.Context, fence int64) error {
	if err := g.before(ctx, "Release"); err != nil {
		return err
	}
	return g.Store.Release(ctx, fence)
}

func (g guarded) Apply(ctx context.Context, fence int64, n feed.Note) error {
	method := "Apply"
	if len(n.Remove)+len(n.Park)+len(n.Sent) == 0 {
		method = "Beat"
	}
	if err := g.before(ctx, method); err != nil {
		return err
	}
	return g.Store.Apply(ctx, fence, n)
}

func (g guarded) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	if err := g.before(ctx, "Page"); err != nil {
		return nil, err
	}
	return g.Store.Page(ctx, p)
}

func (g guarded) Events(ctx context.Context, keys []feed.Key, limit int) ([]feed.Event, error) {
	if err := g.before(ctx, "Events"); err != nil {
		return nil, err
	}
	return g.Store.Events(ctx, keys, limit)
}

func (g guarded) States(ctx context.Context, keys []feed.Key) (map[feed.Key]feed.State, error) {
	if err := g.before(ctx, "States"); err != nil {
		return nil, err
	}
	return g.Store.States(ctx, keys)
}

// counter counts by name.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
}

// take returns the counts so far, and begins anew.
func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = nil
	return n
}

// logBook keeps what is logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// count counts the lines that hold a text.
func (b *logBook) count(text string) (n int) {
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (b *logBook) option() feed.Option {
	return feed.WithLogger(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// once is a client that repeats nothing by itself, so that a test counts the feed's own repeats.
func once() actito.Option { return actito.WithRetry(actito.RetryPolicy{Tries: 1}) }

// many pushes customers with the given numbers.
func (s *shop) many(from, to int, opts ...feed.PushOption) {
	s.t.Helper()
	for i := from; i < to; i++ {
		s.push(customer{ID: fmt.Sprint("c", i), Email: fmt.Sprintf("c%d@example.com", i)}, opts...)
	}
}

func (s *shop) order(o order, opts ...feed.PushOption) {
	s.t.Helper()
	require.NoError(s.t, s.orders.Push(s.t.Context(), s.memory, o, opts...))
}

func (s *shop) delete(id string) {
	s.t.Helper()
	require.NoError(s.t, s.customers.Delete(s.t.Context(), s.memory, id))
}

// runFor runs the shop's feed for a while.
func (s *shop) runFor(d time.Duration) {
	s.t.Helper()
	stop := s.run(s.feed)
	time.Sleep(d)
	stop()
}

func (s *shop) customer(id string) (actitotest.Profile, bool) {
	return s.server.Profile("Customers", "customerID", id)
}

// left is what the outbox holds.
func (s *shop) left() (pending, dead int) {
	s.t.Helper()
	stats, err := s.feed.Stats(s.t.Context())
	require.NoError(s.t, err)
	for _, l := range stats.Lanes {
		pending, dead = pending+l.Pending, dead+l.Dead
	}
	return pending, dead
}

func (s *shop) empty() {
	s.t.Helper()
	pending, dead := s.left()
	assert.Zero(s.t, pending, "pending")
	assert.Zero(s.t, dead, "dead")
}

// dead lists the parked events.
func (s *shop) dead() (list []feed.DeadEvent) {
	s.t.Helper()
	for d, err := range s.feed.Dead(s.t.Context()) {
		require.NoError(s.t, err)
		list = append(list, d)
	}
	return list
}

// calls are those that write or read rows, in the order of their arrival.
func (s *shop) calls() (calls []actitotest.Request) {
	for _, r := range s.server.Requests() {
		if r.Operation != actitotest.OpToken {
			calls = append(calls, r)
		}
	}
	return calls
}
