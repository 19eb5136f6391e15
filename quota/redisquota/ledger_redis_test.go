package redisquota

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// askFor reserves one of twelve imports of table 16 for ten minutes.
func askFor(id string) actito.Reservation {
	now := time.Now()
	return actito.Reservation{
		ID: "4711/" + id, Buckets: []actito.Bucket{{Name: "4711/16", Limit: 12}},
		At: now, Lease: now.Add(10 * time.Minute), Rolling: 24 * time.Hour,
	}
}

// sharedLedger is a ledger, and a client of its Redis to look behind it.
type sharedLedger struct {
	*Store
	rdb redis.UniversalClient
}

func newLedger(t testing.TB, options *redis.Options, opts ...LedgerOption) *sharedLedger {
	t.Helper()
	return newLedgerOf(t, redis.NewClient(options), opts...)
}

func newLedgerOf(t testing.TB, rdb redis.UniversalClient, opts ...LedgerOption) *sharedLedger {
	t.Helper()
	t.Cleanup(func() { assert.NoError(t, rdb.Close()) })
	s, err := New(rdb, opts...)
	require.NoError(t, err)
	return &sharedLedger{s, rdb}
}

// books makes an import that is used, and one that is reserved.
func (l *sharedLedger) books(t testing.TB) {
	t.Helper()
	confirm(t, l, "4711")
	require.NoError(t, l.Reserve(t.Context(), askFor("a")))
	require.NoError(t, l.Begin(t.Context(), "4711/a"))
	require.NoError(t, l.Settle(t.Context(), "4711/a", actito.Used("x")))
	require.NoError(t, l.Reserve(t.Context(), askFor("b")))
}

func (l *sharedLedger) booked(t testing.TB, used, held int) {
	t.Helper()
	u, err := l.Usage(t.Context(), "4711/16")
	require.NoError(t, err)
	require.Equal(t, [2]int{used, held}, [2]int{u.Used, u.Held})
}

// anyCall is a call by its name in errors.
type anyCall struct {
	op   string
	make func(context.Context) error
}

// anyCalls are one of each, which succeed if b is reserved.
func anyCalls(s *Store) []anyCall {
	return []anyCall{
		{"reserve", func(ctx context.Context) error { return s.Reserve(ctx, askFor("c")) }},
		{"begin", func(ctx context.Context) error { return s.Begin(ctx, "4711/b") }},
		{"settle", func(ctx context.Context) error { return s.Settle(ctx, "4711/b", actito.Held()) }},
		{"close", func(ctx context.Context) error { return s.Close(ctx, "4711/17", time.Now().Add(time.Hour)) }},
		{"usage", func(ctx context.Context) error { _, err := s.Usage(ctx, "4711/16"); return err }},
		{"count", func(ctx context.Context) error { _, err := s.Count(ctx, askFor("d"), "y"); return err }},
		{"entries", func(ctx context.Context) error { _, err := s.Entries(ctx, "4711/16"); return err }},
	}
}

// withEachRedis runs a test on a Redis in memory and on a real one.
func withEachRedis(t *testing.T, test func(t *testing.T, l *sharedLedger)) {
	t.Helper()
	onEachRedis(t, func(t *testing.T, l *ledgers) { test(t, newLedger(t, &redis.Options{Addr: l.addr})) })
}

// counter counts commands that are sent.
type counter struct {
	mu   sync.Mutex
	sent []string
}

func (c *counter) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := strings.Join(c.sent, " ")
	c.sent = nil
	return sent
}

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.mu.Lock()
		c.sent = append(c.sent, cmd.Name())
		c.mu.Unlock()
		return next(ctx, cmd)
	}
}

func TestACallOfTheLedgerIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	withEachRedis(t, func(t *testing.T, l *sharedLedger) {
		var c counter
		require.NoError(t, l.rdb.Ping(t.Context()).Err(), "a connection greets first")
		l.rdb.AddHook(&c)
		confirm(t, l, "4711")
		require.Equal(t, "evalsha eval evalsha", c.take(), "the server does not know the script yet")
		require.NoError(t, l.Reserve(t.Context(), askFor("b")))
		require.Equal(t, "evalsha", c.take())
		for _, call := range anyCalls(l.Store) {
			require.NoError(t, call.make(t.Context()), call.op)
			require.Equal(t, "evalsha", c.take(), call.op)
		}
		require.NoError(t, l.rdb.ScriptFlush(t.Context()).Err())
		c.take()
		l.booked(t, 1, 2)
		require.Equal(t, "evalsha eval", c.take())
	})
}

// lossy connections lose answers of the server, and break.
type lossy struct {
	net.Conn
	lose *atomic.Bool
}

func (c *lossy) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.lose.Swap(false) {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// losesAnswers is a ledger, and what makes the next answer be lost: the client then asks again, after dialling.
func losesAnswers(t *testing.T, addr string, dial func()) (l *sharedLedger, lose *atomic.Bool) {
	t.Helper()
	lose = new(atomic.Bool)
	return newLedger(t, &redis.Options{Addr: addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dial()
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &lossy{conn, lose}, err
	}}), lose
}

func TestACallWhoseAnswerIsLostTakesEffectOnce(t *testing.T) {
	t.Parallel()
	onEachRedis(t, func(t *testing.T, ledgers *ledgers) {
		dials := 0
		l, lose := losesAnswers(t, ledgers.addr, func() { dials++ })
		l.books(t)
		before := dials
		for _, tt := range []struct {
			name       string
			call       func(context.Context) error
			used, held int
		}{
			{"reserve", func(ctx context.Context) error { return l.Reserve(ctx, askFor("c")) }, 1, 2},
			{"begin", func(ctx context.Context) error { return l.Begin(ctx, "4711/c") }, 1, 2},
			{"settle", func(ctx context.Context) error { return l.Settle(ctx, "4711/c", actito.Used("y")) }, 2, 1},
			{"free", func(ctx context.Context) error { return l.Settle(ctx, "4711/b", actito.Free()) }, 2, 0},
			{"count", func(ctx context.Context) error {
				added, err := l.Count(ctx, askFor("d"), "z")
				assert.True(t, added)
				return err
			}, 3, 0},
			{"close", func(ctx context.Context) error { return l.Close(ctx, "4711/16", time.Now().Add(time.Hour)) }, 3, 0},
			{"open", func(ctx context.Context) error { return l.Close(ctx, "4711/16", time.Time{}) }, 3, 0},
			{"entries", func(ctx context.Context) error {
				list, err := l.Entries(ctx, "4711/16")
				assert.Len(t, list, 3)
				return err
			}, 3, 0},
		} {
			lose.Store(true)
			require.NoError(t, tt.call(t.Context()), tt.name)
			require.False(t, lose.Load(), tt.name)
			before++
			require.Equal(t, before, dials, tt.name)
			l.booked(t, tt.used, tt.held)
		}
		require.ErrorContains(t, l.Reserve(t.Context(), askFor("c")), "reservation 4711/c exists", "another call is no repetition")
		added, err := l.Count(t.Context(), askFor("d"), "z")
		require.NoError(t, err)
		require.False(t, added)
	})
}

func TestAReservationWhoseAnswerIsLostInAFailoverCanBeMadeAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	behind := newLedger(t, &redis.Options{Addr: s.addr})
	failover := false
	l, lose := losesAnswers(t, s.addr, func() {
		if failover {
			assert.NoError(t, behind.rdb.HSet(t.Context(), "{actito:4711}:ledger", "server", "the one before").Err())
		}
	})
	l.books(t)
	failover = true
	lose.Store(true)
	unverified := mustBeUnverified(t, l.Reserve(t.Context(), askFor("c")))
	require.False(t, lose.Load())
	l.booked(t, 1, 1)
	require.NoError(t, unverified.Confirm(t.Context()))
	require.NoError(t, l.Reserve(t.Context(), askFor("c")))
	l.booked(t, 1, 2)
}

func TestClientsOfTheLedgerWithOtherLimitsAreRefused(t *testing.T) {
	t.Parallel()
	withEachRedis(t, func(t *testing.T, l *sharedLedger) {
		l.books(t)
		extended := askFor("c")
		extended.Buckets[0].Limit = 24
		err := l.Reserve(t.Context(), extended)
		require.ErrorContains(t, err, "2 imports of table 4711/16 are booked under a limit of 12, and this client has one of 24")
		require.ErrorContains(t, err, "ChangeLimits")
		require.ErrorIs(t, err, actito.ErrInvalid)
		l.booked(t, 1, 1)

		changing, err := New(l.rdb, ChangeLimits())
		require.NoError(t, err)
		require.NoError(t, changing.Reserve(t.Context(), extended))
		require.ErrorContains(t, l.Reserve(t.Context(), askFor("d")), "under a limit of 24, and this client has one of 12")

		l.now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		require.NoError(t, l.Reserve(t.Context(), askFor("d")), "nothing counts any more")
	})
}

func TestWhoOnlyCountsChangesNoLimitOfTheLedger(t *testing.T) {
	t.Parallel()
	withEachRedis(t, func(t *testing.T, l *sharedLedger) {
		confirm(t, l, "4711")
		other := askFor("found")
		other.Buckets[0].Limit = 24
		added, err := l.Count(t.Context(), other, "y")
		require.NoError(t, err)
		require.True(t, added)
		require.NoError(t, l.Reserve(t.Context(), askFor("a")), "nobody imported under the other limit")
		added, err = l.Count(t.Context(), other, "z")
		require.ErrorContains(t, err, "exists")
		require.False(t, added)
		other.ID = "4711/found again"
		_, err = l.Count(t.Context(), other, "z")
		require.NoError(t, err)
		require.NoError(t, l.Reserve(t.Context(), askFor("b")), "the limit is still that of who imports")
	})
}

func TestTwoReservationsThatSayTheyAreOneExecutionStayTwo(t *testing.T) {
	t.Parallel()
	withEachRedis(t, func(t *testing.T, l *sharedLedger) {
		l.books(t)
		require.NoError(t, l.Settle(t.Context(), "4711/b", actito.Used("x")))
		l.booked(t, 2, 0)
	})
}

func TestANewStoreNeedsAClientThatStays(t *testing.T) {
	t.Parallel()
	_, err := New(nil)
	require.ErrorContains(t, err, "redisquota: New needs a Redis client")
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	_, err = New(ring)
	require.ErrorContains(t, err, "a Ring may move the ledger")
}

func TestTheLedgersTimeIsThatOfRedis(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"ahead": 4 * time.Minute, "behind": -4 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			redisTime := time.Now().Add(ahead).Truncate(time.Millisecond)
			server.SetTime(redisTime)
			l := newLedger(t, &redis.Options{Addr: server.Addr()})
			confirm(t, l, "4711")
			r := askFor("a")
			require.NoError(t, l.Reserve(t.Context(), r))
			list, err := l.Entries(t.Context(), "4711/16")
			require.NoError(t, err)
			require.Len(t, list, 1)
			assert.Equal(t, redisTime, list[0].At)
			assert.Equal(t, redisTime.Add(10*time.Minute), list[0].Lease)
			server.SetTime(redisTime.Add(10*time.Minute - time.Millisecond))
			l.booked(t, 0, 1)
			server.SetTime(redisTime.Add(10 * time.Minute))
			l.booked(t, 0, 0)

			server.SetTime(redisTime.Add(ahead / 2)) // six minutes
			err = l.Reserve(t.Context(), askFor("b"))
			require.ErrorContains(t, err, "this machine's says "+time.Now().UTC().Format("2006-01-02T15:"))
			require.ErrorContains(t, err, "that of Redis says "+redisTime.Add(ahead/2).UTC().Format(time.RFC3339))
		})
	}
}

func TestAReservationCountsOnItsDayAlthoughTheClockOfRedisIsBehind(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.SetTime(time.Now().Add(-4 * time.Minute))
	l := newLedger(t, &redis.Options{Addr: server.Addr()})
	confirm(t, l, "4711")
	r := askFor("a")
	r.Rolling, r.From, r.ResetAt = 0, r.At.Add(-time.Minute), r.At.Add(24*time.Hour)
	require.NoError(t, l.Reserve(t.Context(), r))
	l.booked(t, 0, 1)
}

func TestALedgerOutOfReachIsAnErrorAtOnceThatTellsNoSecret(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, free.Close())
		l := newLedger(t, &redis.Options{Addr: free.Addr().String(), Password: "sesame", MaxRetries: -1, DialerRetries: 1})
		for _, call := range anyCalls(l.Store) {
			err := call.make(t.Context())
			require.ErrorContains(t, err, "redisquota: "+call.op+`: licence "4711": `)
			require.ErrorContains(t, err, "connection refused")
			require.NotContains(t, err.Error(), "sesame")
		}
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		heard := make(chan net.Conn, 10)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					close(heard)
					return
				}
				heard <- conn
			}
		}()
		t.Cleanup(func() {
			require.NoError(t, listener.Close())
			for conn := range heard {
				_ = conn.Close()
			}
		})
		l := newLedger(t, &redis.Options{Addr: listener.Addr().String(), ReadTimeout: -1})
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- l.Begin(ctx, "4711/a") }()
		conn := <-heard
		cancel()
		err = <-failed
		require.NoError(t, conn.Close())
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, `redisquota: begin: licence "4711": `)
	})
	t.Run("with a wrong password", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, &redis.Options{Addr: startServer(t, "--requirepass", "open").addr, Password: "sesame"})
		err := l.Begin(t.Context(), "4711/a")
		require.ErrorContains(t, err, "WRONGPASS")
		require.NotContains(t, err.Error(), "sesame")
		require.NotErrorIs(t, err, actito.ErrReservationLost)
	})
}
