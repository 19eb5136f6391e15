package quotatest_test

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/quotatest"
)

// object is a store whose ledger is an object on a server, which replaces it only if nobody else did.
type object struct {
	address  string
	stubborn bool // a broken one: it replaces the object whatever happened meanwhile, when the first try was cut
	now      func() time.Time

	mu   sync.Mutex
	conn net.Conn // nil: none
	enc  *gob.Encoder
	dec  *gob.Decoder
}

// message is a request, and its answer. A request without data reads the object.
type message struct {
	Version int // the one to replace; of an answer, the newest
	Data    []byte
	Force   bool
}

// serveObject serves an empty ledger at the address that it returns.
func serveObject(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	newest, mu := message{Data: []byte("{}")}, new(sync.Mutex)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for enc, dec := gob.NewEncoder(conn), gob.NewDecoder(conn); ; {
					var m message
					if dec.Decode(&m) != nil {
						return
					}
					mu.Lock()
					if len(m.Data) > 0 && (m.Force || m.Version == newest.Version) {
						newest = message{Version: newest.Version + 1, Data: m.Data}
					}
					m = newest
					mu.Unlock()
					if enc.Encode(m) != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// openObject opens a store at the address of a server. A stubborn one has a "!" after it, one with its own clock an "@".
func openObject(address string, now func() time.Time) (actito.QuotaStore, error) {
	address, stubborn := strings.CutSuffix(address, "!")
	address, ownClock := strings.CutSuffix(address, "@")
	if ownClock {
		now = time.Now
	}
	return &object{address: address, stubborn: stubborn, now: now}, nil
}

func (s *object) call(m message) (answer message, err error) {
	if s.conn == nil {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return answer, err
		}
		s.conn, s.enc, s.dec = conn, gob.NewEncoder(conn), gob.NewDecoder(conn)
	}
	if err = s.enc.Encode(m); err == nil {
		err = s.dec.Decode(&answer)
	}
	if err != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	return answer, err
}

func (s *object) update(change func(*actito.Ledger) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		old, err := s.call(message{})
		if err != nil {
			return err
		}
		var books actito.Ledger
		if err := json.Unmarshal(old.Data, &books); err != nil {
			return err
		}
		if err := change(&books); err != nil {
			return err
		}
		data, err := json.Marshal(books)
		if err != nil {
			return err
		}
		answer, err := s.call(message{Version: old.Version, Data: data})
		for tries := 0; err != nil && s.stubborn && tries < 10; tries++ {
			answer, err = s.call(message{Data: data, Force: true})
		}
		if err != nil || string(answer.Data) == string(data) {
			return err
		}
	}
}

func (s *object) Reserve(_ context.Context, r actito.Reservation) error {
	return s.update(func(l *actito.Ledger) error { return l.Reserve(r) })
}

func (s *object) Begin(_ context.Context, id string) error {
	return s.update(func(l *actito.Ledger) error { return l.Begin(s.now(), id) })
}

func (s *object) Settle(_ context.Context, id string, o actito.Outcome) error {
	return s.update(func(l *actito.Ledger) error { return l.Settle(s.now(), id, o) })
}

func (s *object) Close(_ context.Context, bucket string, until time.Time) error {
	return s.update(func(l *actito.Ledger) error { l.Close(s.now(), bucket, until); return nil })
}

func (s *object) Usage(_ context.Context, bucket string) (u actito.Usage, err error) {
	err = s.update(func(l *actito.Ledger) error { u = l.Usage(s.now(), bucket); return nil })
	return u, err
}

func TestMain(m *testing.M) {
	quotatest.Serve(openObject)
	_ = flag.Set("rapid.checks", strconv.Itoa(race.Less(100)))
	m.Run()
}

func TestAStoreOverANetwork(t *testing.T) {
	t.Parallel()
	quotatest.RunProcesses(t, serveObject, openObject, quotatest.For(time.Second))
}

func TestAStoreOverANetworkWithAClockOfItsOwn(t *testing.T) {
	t.Parallel()
	newAddress := func(t *testing.T) string { return serveObject(t) + "@" }
	quotatest.RunProcesses(t, newAddress, openObject, quotatest.For(time.Second), quotatest.OwnClock())
}

func TestAStoreOverConnectionsThatAreCut(t *testing.T) {
	t.Parallel()
	quotatest.RunProcesses(t, serveObject, openObject, quotatest.For(2*time.Second), cutting(""))
}

// cutting lets a store's processes use it through a proxy.
func cutting(suffix string) quotatest.Option {
	return quotatest.Unreliable(func(t *testing.T, address string) string {
		return quotatest.NewProxy(t, address).Addr + suffix
	})
}

func TestAStoreThatRepeatsWhatWasCut(t *testing.T) {
	if _, ok := os.LookupEnv(breakVariable); !ok {
		t.Skip("TestAStoreThatRepeatsWhatWasCutFails runs it")
	}
	quotatest.RunProcesses(t, serveObject, openObject, quotatest.For(10*time.Second), cutting("!"))
}

func TestAStoreThatRepeatsWhatWasCutFails(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, "-test.run=^TestAStoreThatRepeatsWhatWasCut$/Eight_processes_are")
	cmd.Env = append(os.Environ(), breakVariable+"=")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "--- FAIL: TestAStoreThatRepeatsWhatWasCut/Eight_processes_are_killed_again_and_again")
	assert.Regexp(t, `was sent, and is not in the ledger|the ledger shows`, string(out))
}
