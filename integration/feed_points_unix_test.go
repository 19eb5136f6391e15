//go:build unix

package integration

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode"
)

// points are the steps of a process: before and after each statement and commit of its database, and each call to the
// service. They are not listed anywhere: whatever the process does has one.
type points struct {
	say   func(format string, args ...any)
	order order
	open  sync.RWMutex // held for reading by what keeps others from the database, and by calls on the wire
	taken atomic.Int32 // how many times the process tried to take the lease

	mu     sync.Mutex
	seen   map[string]bool
	count  int  // how many times the order's point was reached
	obeyed bool // from then on it tells of each point
}

// order is what a process is to do to itself, and where.
type order struct {
	Signal syscall.Signal // 0 for nothing
	At     string         // a point, or if it ends in …, all that begin so
	Nth    int            // how many times it was reached by then, from 1
	Within bool           // also while a transaction is open
}

// reach tells of a point that is new, and carries out the order if it is its point.
func (p *points) reach(name string) {
	p.mu.Lock()
	if !p.seen[name] {
		p.seen[name] = true
		p.say("point %s", name)
	}
	if p.obeyed {
		p.say("reaches %s", name)
	}
	start, cut := strings.CutSuffix(p.order.At, "…")
	if name == p.order.At || cut && strings.HasPrefix(name, start) {
		p.count++
	}
	obey := p.order.Signal != 0 && p.count == p.order.Nth && !p.obeyed
	if obey {
		p.obeyed = true
		p.say("obeys %s", name)
	}
	p.mu.Unlock()
	if obey {
		p.obey()
	}
}

// obey carries out the order. A process that stops itself does not run on until it is told to.
func (p *points) obey() {
	if !p.order.Within {
		p.open.Lock()
		defer p.open.Unlock()
	}
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	_ = syscall.Kill(os.Getpid(), p.order.Signal)
	<-goesOn
}

// connector connects to a database through a driver, with a point before and after each step.
type connector struct {
	under  driver.Driver
	dsn    string
	prefix string // of the tables: points do not name it
	points *points
}

// Connect implements [driver.Connector].
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	c.points.open.RLock() // SQLite is locked for a moment
	defer c.points.open.RUnlock()
	under, err := c.under.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: under, connector: c}, nil
}

// Driver implements [driver.Connector].
func (c *connector) Driver() driver.Driver { return c.under }

// name is a statement without what differs from test to test.
func (c *connector) name(statement string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(statement, c.prefix, "")), " ")
}

// conn is a connection with points.
type conn struct {
	driver.Conn
	connector *connector
	wrote     string // the last statement of the transaction that changed something
}

// around runs a step of the transaction, or of its own, between two points.
func (c *conn) around(name string, do func() error) error {
	c.connector.points.reach("before " + name)
	err := do()
	if err == nil {
		c.connector.points.reach("after " + name)
	}
	return err
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Result, err error) {
	name := c.connector.name(query)
	c.wrote = name
	err = c.around(name, func() error {
		r, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return r, err
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Rows, err error) {
	name := c.connector.name(query)
	if !strings.HasPrefix(name, "SELECT") {
		c.wrote = name
	}
	if strings.Contains(name, "SET holder = $1") {
		c.connector.points.taken.Add(1)
		c.connector.points.say("holder %v", args[0].Value)
	}
	err = c.around(name, func() error {
		r, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	return r, err
}

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.wrote = ""
	c.connector.points.reach("before BEGIN")
	c.connector.points.open.RLock()
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	if err != nil {
		c.connector.points.open.RUnlock()
		return nil, err
	}
	return &transaction{tx, c}, nil
}

// Close implements [driver.Conn].
func (c *conn) Close() error {
	c.connector.points.open.RLock()
	defer c.connector.points.open.RUnlock()
	return c.Conn.Close()
}

// Ping implements [driver.Pinger].
func (c *conn) Ping(ctx context.Context) error { return c.Conn.(driver.Pinger).Ping(ctx) }

// ResetSession implements [driver.SessionResetter].
func (c *conn) ResetSession(ctx context.Context) error {
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type transaction struct {
	driver.Tx
	conn *conn
}

// Commit implements [driver.Tx].
func (t *transaction) Commit() error {
	return t.conn.around("COMMIT of "+t.conn.wrote, func() error {
		defer t.conn.connector.points.open.RUnlock()
		return t.Tx.Commit()
	})
}

// Rollback implements [driver.Tx].
func (t *transaction) Rollback() error {
	defer t.conn.connector.points.open.RUnlock()
	return t.Tx.Rollback()
}

// tenureHeader tells apart the calls of a process that lost the lease, since the database kept it waiting, and took it again.
const tenureHeader = "X-Tenure"

// calls sends requests with points before the call, as its body is read and after the answer.
type calls struct {
	http.RoundTripper
	points *points
}

// RoundTrip implements [http.RoundTripper].
func (c *calls) RoundTrip(req *http.Request) (*http.Response, error) {
	name := req.Method + " " + strings.Join(strings.FieldsFunc(req.URL.Path, func(r rune) bool { return r == '/' }), "/")
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if i > 0 && len(part) > 2 && strings.ContainsFunc(part, unicode.IsDigit) || strings.Contains(part, "=") {
			parts[i] = "*"
		}
	}
	name = strings.Join(parts, "/")
	c.points.reach("before " + name)
	wire := &wire{points: c.points}
	defer wire.leave()
	req = req.Clone(req.Context())
	req.Header.Set(tenureHeader, strconv.Itoa(int(c.points.taken.Load())))
	if req.Body == nil || req.Body == http.NoBody {
		wire.enter()
	} else {
		get := req.GetBody
		req.Body = &body{ReadCloser: req.Body, reach: func() {
			c.points.reach("at the body of " + name)
			wire.enter()
		}}
		if get != nil {
			req.GetBody = func() (io.ReadCloser, error) {
				again, err := get()
				return &body{ReadCloser: again, reach: func() {}}, err
			}
		}
	}
	resp, err := c.RoundTripper.RoundTrip(req)
	wire.leave()
	if err == nil {
		c.points.reach(fmt.Sprintf("after %d to %s", resp.StatusCode, name))
	}
	return resp, err
}

// wire is a call that is past the last look at the lease: a process that is to stop lets it end before.
type wire struct {
	points      *points
	mu          sync.Mutex
	inside, out bool
}

func (w *wire) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.out {
		w.points.open.RLock()
		w.inside = true
	}
}

func (w *wire) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = true
	if w.inside {
		w.points.open.RUnlock()
		w.inside = false
	}
}

// body is a request's body with a point before its first byte.
type body struct {
	io.ReadCloser
	once  sync.Once
	reach func()
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	b.once.Do(b.reach)
	return b.ReadCloser.Read(p)
}
