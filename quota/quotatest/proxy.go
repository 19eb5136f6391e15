package quotatest

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy forwards TCP connections to a server and cuts them, at random moments and in the middle of what is sent, so that
// requests are lost, and answers to requests that the server heeded.
type Proxy struct {
	Addr string // host and port, on this machine

	target string

	mu      sync.Mutex
	random  *rand.Rand
	conns   map[net.Conn]bool // both ends of all
	cuts    int
	stopped bool // it cuts no more
	closed  bool
}

// NewProxy starts a proxy to the host and port of a server. It ends with the test. Of the options, [Seed] counts.
func NewProxy(t *testing.T, target string, opts ...Option) *Proxy {
	t.Helper()
	o := newOptions(opts)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), target: target, random: o.newRandom(0), conns: make(map[net.Conn]bool)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it is closed
			}
			all.Go(func() { p.forward(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.close()
		all.Wait()
		t.Logf("the proxy cut %d connections: quotatest.Seed(%d)", p.Cuts(), o.seed)
	})
	return p
}

// Stop ends the cutting. Connections that it would have cut stay, and new ones are made.
func (p *Proxy) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}

// Cuts is how many connections were cut.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *Proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// keep remembers a connection that is to be closed with the proxy.
func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = !p.closed
	return !p.closed
}

func (p *Proxy) drop(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// fate is when a connection is cut, whatever comes first.
type fate struct {
	after time.Duration
	bytes [2]int64 // that are forwarded in each direction
	reset bool     // the ends are told at once, and lose what is on the way
}

// draw makes short lives as likely as long ones: some are cut in the greeting, others after hundreds of calls.
func (p *Proxy) draw() fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fate{
		after: time.Duration(1+p.random.IntN(1000)) * time.Microsecond << p.random.IntN(12),
		bytes: [2]int64{1 + p.random.Int64N(64)<<p.random.IntN(16), 1 + p.random.Int64N(64)<<p.random.IntN(16)},
		reset: p.random.IntN(2) == 0,
	}
}

func (p *Proxy) forward(client net.Conn) {
	defer p.drop(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.drop(server)
	if !p.keep(client) || !p.keep(server) {
		return
	}
	f := p.draw()
	timer := time.AfterFunc(f.after, func() { p.cut(f, client, server) })
	defer timer.Stop()
	var both sync.WaitGroup
	for i, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			if _, err := io.CopyN(way[1], way[0], f.bytes[i]); err == nil && !p.cut(f, client, server) {
				_, _ = io.Copy(way[1], way[0])
			}
			if conn, ok := way[1].(*net.TCPConn); ok {
				_ = conn.CloseWrite()
			}
		})
	}
	both.Wait()
}

// cut closes a connection, unless the proxy was stopped.
func (p *Proxy) cut(f fate, ends ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if p.conns[ends[0]] {
		p.cuts++
		p.conns[ends[0]] = false
	}
	for _, end := range ends {
		if conn, ok := end.(*net.TCPConn); ok && f.reset {
			_ = conn.SetLinger(0)
		}
		_ = end.Close()
	}
	return true
}
