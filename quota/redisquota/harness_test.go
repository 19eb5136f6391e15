package redisquota

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// world is a Redis and a clock, in which several limiters are as several processes would be.
type world struct {
	t      testing.TB
	dial   func() (net.Conn, error)
	redis  *miniredis.Miniredis // nil in the real world
	minute time.Duration        // how long a minute is
}

// virtual runs a test in virtual time, with a Redis in memory.
func virtual(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		server.ClockTTL(true)
		t.Cleanup(server.Close)
		test(t, &world{t: t, dial: server.Dial, redis: server, minute: time.Minute})
	})
}

// onServer runs a test with a Redis server, in real time, where a minute is two seconds.
func onServer(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	test(t, &world{t: t, dial: startServer(t).dial, minute: 2 * time.Second})
}

// took fails unless that time has passed since then: to the instant in virtual time, at least that long in real time.
func (w *world) took(t testing.TB, want time.Duration, since time.Time) {
	t.Helper()
	if took := time.Since(since); w.redis != nil {
		require.Equal(t, want, took)
	} else {
		require.GreaterOrEqual(t, took, want)
	}
}

// process is a limiter with a way to Redis of its own.
type process struct {
	*Limiter
	way *way
}

func (w *world) process(rate actito.RateLimit, opts ...Option) *process {
	w.t.Helper()
	client := redis.NewClient(&redis.Options{
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return w.dial() },
		MaxRetries: -1,
		// It would look up the host's name, which is not for a bubble.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	way := &way{}
	client.AddHook(way)
	limiter, err := NewLimiter(client, rate, append([]Option{Licence("acme")}, opts...)...)
	require.NoError(w.t, err)
	limiter.window = w.minute
	p := &process{limiter, way}
	w.t.Cleanup(func() {
		for p.talks() {
			if w.redis != nil {
				time.Sleep(time.Second)
			}
		}
		_ = client.Close()
	})
	return p
}

func (p *process) talks() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.talking
}

// mustStart acquires, and fails unless there is a turn now.
func (p *process) mustStart(t testing.TB, w actito.Work) (release func()) {
	t.Helper()
	w.MaxWait = -1
	release, err := p.Acquire(t.Context(), w)
	require.NoError(t, err, "%+v", w)
	return release
}

// mustBusy acquires, fails unless there is no turn now, and returns when there should be one.
func (p *process) mustBusy(t testing.TB, w actito.Work) (wait time.Duration) {
	t.Helper()
	w.MaxWait = -1
	_, err := p.Acquire(t.Context(), w)
	var busy *actito.BusyError
	require.ErrorAs(t, err, &busy, "%+v", w)
	return busy.Wait
}

// waits returns once Redis knows that so many calls of the process wait.
func (p *process) waits(calls int) {
	for {
		p.mu.Lock()
		waiting, heard := len(p.waiting), p.say()
		p.mu.Unlock()
		<-heard
		if waiting == calls {
			return
		}
	}
}

// way is the way of one process to Redis. It counts what goes there, takes time, and breaks.
type way struct {
	mu       sync.Mutex
	commands []string
	weather
}

type weather struct {
	there  time.Duration // how long a command takes to get there
	back   time.Duration // and its answer to get back
	cut    error         // what becomes of commands that are sent
	lost   error         // what becomes of answers
	twice  bool          // commands are sent twice
	answer string        // what comes instead of answers
}

func (w *way) set(change func(w *way)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// members returns what Redis has under the key of the licence.
func (w *world) members(key string) []string {
	members, err := w.redis.ZMembers("{actito:acme}:pace:" + key)
	require.NoError(w.t, err)
	return members
}

// sent returns how many commands went to Redis.
func (w *way) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.commands)
}

func (w *way) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w *way) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (w *way) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		w.mu.Lock()
		w.commands = append(w.commands, cmd.Name())
		now := w.weather
		w.mu.Unlock()
		if now.there > 0 {
			time.Sleep(now.there)
		}
		if now.cut != nil {
			cmd.SetErr(now.cut)
			return now.cut
		}
		err := next(ctx, cmd)
		if now.twice {
			err = next(ctx, cmd)
		}
		if now.back > 0 {
			time.Sleep(now.back)
		}
		if now.lost != nil {
			cmd.SetErr(now.lost)
			return now.lost
		}
		if cmd, ok := cmd.(*redis.Cmd); ok && now.answer != "" {
			cmd.SetVal(now.answer)
		}
		return err
	}
}
