package actitotest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
	_ "time/tzdata" // the quota's day is Brussels' day, also where no zones are installed
)

// Server is a fake of the service. All of its methods are safe for concurrent use.
type Server struct {
	// URL is the base URL: of a loopback listener, or with [InMemory]
	// https://api.actito.test, which only [Server.Transport] reaches.
	URL string
	// APIKey is a valid key: the first of [WithAPIKeys], or a random one.
	APIKey string

	clock     *Clock
	transport *http.Transport
	http      *http.Server
	brussels  *time.Location

	inMemory           bool
	noPrefix, noBare   bool
	queueTime, runTime time.Duration
	timedImports       bool
	limits             Limits

	mu         sync.Mutex
	open       int        // connections, and the listener
	closed     *sync.Cond // open went down
	world      world
	keys       []string
	tokens     map[string]token
	entities   []string
	tables     []*table
	etls       []*etl
	locations  []*location
	executions []*execution
	faults     map[Operation][]Fault
	fileFaults []fileFault
	storm      *storm // nil before the first
	requests   []*Request
	events     []Event
	hooks      webhooks
	inFlight   int
	calls      []time.Time // of the last minute
	lastID     int
	listLag    time.Duration
}

// Option configures [NewServer].
type Option func(*Server)

// InMemory leaves out the loopback listener: the server is reached through
// [Server.Transport] or [Server.Handler] only. It is needed within a
// testing/synctest bubble, where a listener would hang.
func InMemory() Option { return func(s *Server) { s.inMemory = true } }

// WithEntities sets the entities of the licence; without it there is one, "MyEntity".
func WithEntities(names ...string) Option { return func(s *Server) { s.entities = names } }

// WithAPIKeys sets the valid API keys; the first becomes [Server.APIKey].
func WithAPIKeys(keys ...string) Option { return func(s *Server) { s.keys = slices.Clone(keys) } }

// WithLimits replaces the limits of the licence.
func WithLimits(l Limits) Option { return func(s *Server) { s.limits = l } }

// WithImportTimes makes each import wait for queued and then run for running, by
// the fake's clock. Without it imports end at once, and once a test has taken the
// clock they wait a minute and run a minute.
func WithImportTimes(queued, running time.Duration) Option {
	return func(s *Server) { s.timedImports, s.queueTime, s.runTime = true, queued, running }
}

// PrefixedOnly answers 404 to paths without the category in front (/v4/entity/…).
func PrefixedOnly() Option { return func(s *Server) { s.noBare = true } }

// UnprefixedOnly answers 404 to paths with the category in front (/profiles/v4/entity/…).
func UnprefixedOnly() Option { return func(s *Server) { s.noPrefix = true } }

// NewServer starts a fake of the service; Close ends it. It panics if no loopback
// listener can be had, as net/http/httptest does.
func NewServer(opts ...Option) *Server {
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic(fmt.Sprintf("actitotest: %v", err))
	}
	s := &Server{
		URL:      "https://api.actito.test",
		clock:    &Clock{changed: make(chan struct{})},
		brussels: brussels,
		keys:     []string{rand.Text()},
		tokens:   map[string]token{},
		entities: []string{"MyEntity"},
		faults:   map[Operation][]Fault{},
		world:    newWorld(),
		lastID:   100,
		hooks:    webhooks{changed: make(chan struct{}), transport: loopbackTransport()},
	}
	s.closed = sync.NewCond(&s.mu)
	for _, opt := range opts {
		opt(s)
	}
	if len(s.keys) > 0 {
		s.APIKey = s.keys[0]
	}
	s.http = &http.Server{Handler: s.Handler(), ConnState: s.connState, ReadHeaderTimeout: time.Minute}
	s.transport = newTransport(s.http)
	if !s.inMemory {
		s.listen()
	}
	return s
}

func (s *Server) listen() {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("actitotest: %v", err))
	}
	s.URL = "http://" + listener.Addr().String()
	s.count(1)
	go func() {
		defer s.count(-1)
		_ = s.http.Serve(listener) // ends with Close, and only so
	}()
}

// Close ends the server: connections are cut, with them all waiting calls end, and
// when it returns nothing of the server runs any more. The look-ups keep working.
func (s *Server) Close() {
	_ = s.http.Close() // the listener's error, of no use to anyone
	s.transport.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hooks.stop != nil {
		s.hooks.stop()
	}
	for s.open > 0 {
		s.closed.Wait()
	}
}

func (s *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.count(1)
	case http.StateClosed:
		s.count(-1)
	}
}

func (s *Server) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.closed.Broadcast()
}

// Clock is the server's clock.
func (s *Server) Clock() *Clock { return s.clock }

// Transport reaches the server in memory, whatever host a request names and with
// or without TLS in its URL. It holds no goroutine between requests, and all it
// waits for is inside: a server that was made with [InMemory] within a
// testing/synctest bubble can be called through it there. Each request has a
// connection of its own, so that net/http never repeats one silently.
func (s *Server) Transport() http.RoundTripper { return s.transport }

// Handler is the server as a handler, to be mounted elsewhere. Faults that cut
// connections panic with [http.ErrAbortHandler].
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// nextID numbers profiles, definitions and executions alike, so that a test that
// mixes them up fails.
func (s *Server) nextID() int {
	s.lastID++
	return s.lastID
}

// moment writes one of the service's own time stamps.
func (s *Server) moment(t time.Time) string {
	zone := s.brussels
	if s.world.holds(TimesInUTC) {
		zone = time.UTC
	}
	return t.In(zone).Format(time.DateTime)
}
