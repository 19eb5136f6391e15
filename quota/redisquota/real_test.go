package redisquota

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// A hundred goroutines in four processes hammer a server. A minute is a second here.
func TestThePaceHoldsOnARealServer(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	w := &world{t: t, dial: server.dial, minute: time.Second}
	limit, err := actito.RateLimit{CallsPerMinute: 60, Concurrent: 8, RealTimeCalls: 20}.Resolve()
	require.NoError(t, err)
	began := time.Now()
	var attempts []*attempt
	var all sync.WaitGroup
	for range 4 {
		p := w.process(limit)
		for i := range 25 {
			var mine []*attempt
			for range 3 {
				mine = append(mine, &attempt{
					Work:  actito.Work{Class: actito.Class(i % 4), Transfer: i%8 == 1},
					holds: time.Duration(rand.IntN(20)) * time.Millisecond,
				})
			}
			attempts = append(attempts, mine...)
			all.Go(func() {
				for _, a := range mine {
					a.carryOut(t, p, began)
					assert.NoError(t, a.err)
				}
			})
		}
		defer func() { assert.Nil(t, p.outage) }()
	}
	all.Wait()
	checkLimits(t, limit, w.minute, attempts)
	t.Logf("%d calls in %s", len(attempts), time.Since(began))
}

// victimOf is the variable that makes this test's binary a process to be killed.
const victimOf = "REDISQUOTA_TEST_VICTIM_OF"

const victimLease = 2 * time.Second

var victimRate = actito.RateLimit{Concurrent: 2}

// victim takes every slot, and says so.
func victim(addr string) {
	limiter, err := NewLimiter(redis.NewClient(&redis.Options{Addr: addr}), victimRate, Licence("acme"))
	if err != nil {
		panic(err)
	}
	limiter.lease = victimLease
	for range victimRate.Concurrent {
		if _, err := limiter.Acquire(context.Background(), actito.Work{}); err != nil {
			panic(err)
		}
	}
	fmt.Println("ready")
	select {}
}

func TestTheSlotsOfAKilledProcessAreFreeAfterTheLease(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimOf+"="+server.addr)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)

	w := &world{t: t, dial: server.dial, minute: time.Minute}
	p := w.process(victimRate)
	p.mustBusy(t, actito.Work{})
	require.NoError(t, cmd.Process.Kill())
	killed := time.Now()
	require.Error(t, cmd.Wait())
	for range victimRate.Concurrent {
		_, err := p.Acquire(t.Context(), actito.Work{MaxWait: 30 * time.Second})
		require.NoError(t, err)
	}
	took := time.Since(killed)
	t.Logf("the slots were free %s after the kill", took)
	assert.Greater(t, took, victimLease/2, "it had renewed them at most a third of the lease before")
	p.mustBusy(t, actito.Work{})
}

func TestAServerThatIsKilledAndStartedAgainIsUsedAgain(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	w := &world{t: t, dial: server.dial, minute: time.Minute}
	p := w.process(actito.RateLimit{}, Alone(actito.RateLimit{CallsPerMinute: 1}))
	held := p.mustStart(t, actito.Work{})
	server.stop()
	p.mustStart(t, actito.Work{})() // alone, the only call of the minute
	p.mustBusy(t, actito.Work{})
	back := make(chan error)
	go func() {
		_, err := p.Acquire(t.Context(), actito.Work{}) // alone it would wait for a minute
		back <- err
	}()
	server.start(t)
	require.NoError(t, <-back)
	p.mustStart(t, actito.Work{})
	held()
}

func TestAClusterIsOneSlot(t *testing.T) {
	t.Parallel()
	server := startServer(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePort(t)))
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.addr}})
	t.Cleanup(func() { _ = cluster.Close() })
	node := redis.NewClient(&redis.Options{Addr: server.addr})
	t.Cleanup(func() { _ = node.Close() })
	require.NoError(t, node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	for state := ""; !strings.Contains(state, "cluster_state:ok"); {
		state = node.ClusterInfo(t.Context()).Val()
	}
	for _, licence := range []string{"acme", "{", "}", "a{b}c"} {
		holdsToItsLimits(t, cluster, licence)
	}
}

func TestSentinelFindsTheServer(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	host, port, err := net.SplitHostPort(server.addr)
	require.NoError(t, err)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "sentinel monitor main %s %s 1\n", host, port), 0o600))
	sentinel := startServerAs(t, conf, "--sentinel")
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{sentinel.addr}, MasterName: "main"})
	t.Cleanup(func() { _ = client.Close() })
	holdsToItsLimits(t, client, "acme")
}

func holdsToItsLimits(t *testing.T, client redis.UniversalClient, licence string) {
	t.Helper()
	require.NoError(t, client.Ping(t.Context()).Err()) // it may take a while to connect
	limiter, err := NewLimiter(client, actito.RateLimit{Concurrent: 3}, Licence(licence))
	require.NoError(t, err)
	p := &process{Limiter: limiter}
	var releases []func()
	for range 3 {
		releases = append(releases, p.mustStart(t, actito.Work{}))
	}
	p.mustBusy(t, actito.Work{})
	for _, release := range releases {
		release()
	}
	assert.Nil(t, limiter.outage)
}
