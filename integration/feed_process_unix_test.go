//go:build unix

package integration

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
)

// dutyVariable makes the test binary work for a shop instead of testing.
const dutyVariable = "FEED_DUTY"

// duty is what a process is started for.
type duty struct {
	Name   string
	Drains bool // otherwise it hands over
	Where  string
	URL    string
	APIKey string
	Import bool // rows look old, so that they spill
	Order  order
}

// serveFeed does a duty and ends the process, if that is what it was started for. It works until its standard input ends.
func serveFeed() {
	text, ok := os.LookupEnv(dutyVariable)
	if !ok {
		return
	}
	var d duty
	err := json.Unmarshal([]byte(text), &d)
	if err == nil {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
		err = d.do(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, d.Name+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (d *duty) do(ctx context.Context) error {
	var mu sync.Mutex
	p := &points{seen: map[string]bool{}, order: d.Order, say: func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}}
	a := parseAddress(d.Where)
	plain, err := sql.Open(drivers[a.dialect], a.dsn)
	if err != nil {
		return err
	}
	under := plain.Driver()
	_ = plain.Close()
	db := sql.OpenDB(&connector{under, a.dsn, a.prefix, p})
	defer db.Close()
	db.SetMaxIdleConns(16)
	w, err := newWork(d, db, &http.Client{Transport: &calls{&http.Transport{MaxIdleConnsPerHost: 16}, p}})
	if err != nil {
		return err
	}
	defer w.client.Close()
	if d.Drains {
		return w.feed.Run(ctx)
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for turn := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-turn.C:
		case <-ctx.Done():
			return nil
		}
		if err := w.handOver(context.WithoutCancel(ctx), random); err != nil {
			return err
		}
	}
}

// worker is a process that does a duty.
type worker struct {
	duty
	shop  *shop
	cmd   *exec.Cmd
	stdin io.Closer
	front *httptest.Server // the way to the fake that is its own
	lines chan string      // what it says, closed at its end
	ended chan struct{}

	mu     sync.Mutex
	log    strings.Builder
	holder string // its name as the holder of the lease
	obeyed bool
	err    error // of its end
}

// start starts a process. Whatever it calls goes through a listener of its own, so that its calls are told from others',
// and nothing of it is on its way any more once the listener is closed.
func (s *shop) start(d duty) *worker {
	s.Helper()
	d.Name = fmt.Sprintf("%s-%d", d.Name, s.workers.Add(1))
	w := &worker{duty: d, shop: s, lines: make(chan string, 1000), ended: make(chan struct{})}
	w.front = httptest.NewServer(s.record(d.Name))
	w.Where, w.URL, w.APIKey = s.where.String(), w.front.URL, s.server.APIKey
	text, err := json.Marshal(w.duty)
	require.NoError(s, err)
	binary, err := os.Executable()
	require.NoError(s, err)
	w.cmd = exec.Command(binary)
	w.cmd.Env = append(os.Environ(), dutyVariable+"="+string(text), "GOMAXPROCS=2")
	w.stdin, err = w.cmd.StdinPipe()
	require.NoError(s, err)
	out, err := w.cmd.StdoutPipe()
	require.NoError(s, err)
	errs, err := w.cmd.StderrPipe()
	require.NoError(s, err)
	require.NoError(s, w.cmd.Start())
	var reading sync.WaitGroup
	reading.Go(func() { w.listen(out) })
	reading.Go(func() {
		text, _ := io.ReadAll(errs)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.log.Write(text)
	})
	go func() {
		defer close(w.ended)
		reading.Wait()
		w.err = w.cmd.Wait()
		w.front.Close()
	}()
	s.Cleanup(func() {
		w.kill()
		if s.Failed() && w.log.Len() > 0 {
			s.Logf("%s wrote: %s", w.Name, w.log.String())
		}
	})
	return w
}

// listen takes in what the process says.
func (w *worker) listen(out io.Reader) {
	defer close(w.lines)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		w.mu.Lock()
		switch word {
		case "point":
			w.shop.known(w.Drains, rest)
		case "holder":
			w.holder = rest
		case "obeys":
			w.obeyed = true
		}
		w.mu.Unlock()
		select {
		case w.lines <- lines.Text():
		default: // nobody listens
		}
	}
}

// heard waits until the process says something that begins so.
func (w *worker) heard(what string) {
	w.shop.Helper()
	for limit := time.After(patience); ; {
		select {
		case line, ok := <-w.lines:
			require.True(w.shop, ok, "%s ended before %q", w.Name, what)
			if strings.HasPrefix(line, what) {
				return
			}
		case <-limit:
			require.FailNow(w.shop, "a process does not come to it", "%s: %s, but to\n%s", w.Name, what, strings.Join(w.shop.points[w.Drains], "\n"))
		}
	}
}

// kill ends the process where it is, and waits for its end.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill()
	<-w.ended
}

// finish lets the process stop by itself.
func (w *worker) finish() {
	w.shop.Helper()
	_ = w.stdin.Close()
	select {
	case <-w.ended:
		w.died()
	case <-time.After(patience):
		require.FailNow(w.shop, "a process does not stop", w.Name)
	}
}

// died fails the test unless the process ended well, or was killed.
func (w *worker) died() {
	w.shop.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](w.err); ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return
	}
	require.NoError(w.shop, w.err, "%s: %s", w.Name, w.log.String())
}

// stopped waits until the process has stopped itself.
func (w *worker) stopped() {
	w.shop.Helper()
	w.heard("obeys ")
	var info syscall.WaitStatus
	_, err := syscall.Wait4(w.cmd.Process.Pid, &info, syscall.WUNTRACED, nil)
	require.NoError(w.shop, err)
	require.True(w.shop, info.Stopped(), "%s did not stop: %v", w.Name, info)
}

// goOn lets a stopped process go on.
func (w *worker) goOn() { require.NoError(w.shop, w.cmd.Process.Signal(syscall.SIGCONT)) }

var _ feed.Store = (*oldLooking)(nil)

// oldLooking is a store in which what is handed over looks an hour old.
type oldLooking struct{ *feed.SQLStore }

func (o *oldLooking) Append(e feed.Event) feed.Statement {
	e.At = e.At.Add(-time.Hour)
	return o.SQLStore.Append(e)
}
