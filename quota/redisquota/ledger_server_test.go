package redisquota

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestALedgerOnAServerThatEvictsIsRefused(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, &redis.Options{Addr: startServer(t, "--maxmemory-policy", policy).addr})
			want := "maxmemory-policy is " + policy + ", by which Redis may delete the ledger: set it to noeviction"
			err := l.Reserve(t.Context(), askFor("a"))
			require.ErrorContains(t, err, `redisquota: reserve: licence "4711": `+want)
			l.booked(t, 0, 0)

			set := func(policy string) {
				require.NoError(t, l.rdb.ConfigSet(t.Context(), "maxmemory-policy", policy).Err())
			}
			set("noeviction")
			unverified := mustBeUnverified(t, l.Reserve(t.Context(), askFor("a")))
			set(policy)
			require.ErrorContains(t, unverified.Confirm(t.Context()), `redisquota: confirm: licence "4711": `+want)
			set("noeviction")
			require.NoError(t, unverified.Confirm(t.Context()))
			require.NoError(t, l.Reserve(t.Context(), askFor("a")))
		})
	}
}

func TestUntilTheBooksAreCompleteNothingIsReservedAndAllElseWorks(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	l := newLedger(t, &redis.Options{Addr: s.addr})
	unverified := mustBeUnverified(t, l.Reserve(t.Context(), askFor("a")))
	require.ErrorContains(t, unverified, `Redis has none of licence "4711"`)
	added, err := l.Count(t.Context(), askFor("found-w"), "w")
	require.NoError(t, err)
	require.True(t, added)
	_ = mustBeUnverified(t, l.Reserve(t.Context(), askFor("a")))
	require.NoError(t, unverified.Confirm(t.Context()))
	require.NoError(t, l.Reserve(t.Context(), askFor("a")))
	require.NoError(t, l.Reserve(t.Context(), askFor("b")))

	s.stop()
	s.start(t)
	unverified = mustBeUnverified(t, l.Reserve(t.Context(), askFor("c")))
	require.ErrorContains(t, unverified, `Redis was restarted, or another server took over, and may not have the latest bookings of licence "4711"`)
	for _, call := range anyCalls(l.Store) {
		if call.op != "reserve" {
			require.NoError(t, call.make(t.Context()), call.op)
		}
	}
	l.booked(t, 2, 2)
	_ = mustBeUnverified(t, l.Reserve(t.Context(), askFor("c")))
	require.NoError(t, unverified.Confirm(t.Context()))
	require.NoError(t, unverified.Confirm(t.Context()), "the second time it changes nothing")
	require.NoError(t, l.Reserve(t.Context(), askFor("c")))

	s.stop()
	s.start(t)
	require.ErrorContains(t, unverified.Confirm(t.Context()), "meanwhile Redis was restarted, or another server took over: reserve again")
	_ = mustBeUnverified(t, l.Reserve(t.Context(), askFor("e")))
}

// replicate starts a replica, and returns when it has what its master has.
func replicate(t testing.TB, master *server) *server {
	t.Helper()
	host, port, _ := strings.Cut(master.addr, ":")
	replica := startServer(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
	catchUp(t, master)
	return replica
}

// catchUp waits until the replica of a master has what the master has.
func catchUp(t testing.TB, master *server) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: master.addr, ReadTimeout: -1})
	defer rdb.Close()
	_, err := rdb.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), "caught up", 1, 0)
		return p.Del(t.Context(), "caught up").Err()
	})
	require.NoError(t, err)
	n, err := rdb.Do(t.Context(), "WAIT", 1, 0).Int()
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// promote makes a replica a master.
func promote(t testing.TB, replica *server) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: replica.addr})
	defer rdb.Close()
	require.NoError(t, rdb.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
}

func TestALedgerOnAReplicaIsRefused(t *testing.T) {
	t.Parallel()
	master := startServer(t, "--repl-diskless-sync-delay", "0")
	l := newLedger(t, &redis.Options{Addr: master.addr})
	l.books(t)
	replica := newLedger(t, &redis.Options{Addr: replicate(t, master).addr})
	err := replica.Begin(t.Context(), "4711/b")
	require.ErrorContains(t, err, `redisquota: begin: licence "4711": this Redis is a replica, which is only read from: use the master: READONLY`)
	_ = mustBeUnverified(t, replica.Reserve(t.Context(), askFor("c")))
	l.booked(t, 1, 1)
}

// What was written on the other server meanwhile may be lost, and neither has another run_id.
func TestAServerThatIsMasterOnceMoreIsAnother(t *testing.T) {
	t.Parallel()
	one := startServer(t, "--repl-diskless-sync-delay", "0")
	l := newLedger(t, &redis.Options{Addr: one.addr})
	two := replicate(t, one)
	l.books(t)
	catchUp(t, one)
	require.NoError(t, l.Reserve(t.Context(), askFor("c")), "a replica changes nothing")

	promote(t, two)
	host, port, _ := strings.Cut(two.addr, ":")
	require.NoError(t, l.rdb.Do(t.Context(), "REPLICAOF", host, port).Err())
	catchUp(t, two)
	promote(t, one)
	_ = mustBeUnverified(t, l.Reserve(t.Context(), askFor("d")))
}

func TestAUserThatMayNotRunINFOIsToldSo(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	admin := newLedger(t, &redis.Options{Addr: server.addr})
	user := func(name string, rules ...any) *Store {
		require.NoError(t, admin.rdb.Do(t.Context(), append([]any{"ACL", "SETUSER", name, "on", ">sesame", "~{actito:*"}, rules...)...).Err())
		return newLedger(t, &redis.Options{Addr: server.addr, Username: name, Password: "sesame"}).Store
	}
	err := user("blind", "+@all", "-info").Reserve(t.Context(), askFor("a"))
	require.ErrorContains(t, err, "INFO tells whether the ledger may have lost bookings: let the user run it: ")

	s := user("least", "+evalsha", "+eval", "+info", "+time", "+type", "+pttl", "+pexpire", "+@hash", "+@sortedset")
	confirm(t, s, "4711")
	for _, call := range anyCalls(s) {
		if err := call.make(t.Context()); err != nil {
			require.ErrorIs(t, err, actito.ErrReservationLost)
		}
	}
}

func TestAFullServerBooksNothing(t *testing.T) {
	t.Parallel()
	l := newLedger(t, &redis.Options{Addr: startServer(t).addr})
	l.books(t)
	before := dump(t, l.rdb)
	require.NoError(t, l.rdb.ConfigSet(t.Context(), "maxmemory", "1").Err())
	require.ErrorContains(t, l.Reserve(t.Context(), askFor("c")), `redisquota: reserve: licence "4711": OOM`)
	require.ErrorContains(t, l.Begin(t.Context(), "4711/b"), "OOM")
	require.Equal(t, before, dump(t, l.rdb))
}

func TestTheLedgerIsInOneSlotOfACluster(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePort(t)))
	node := redis.NewClient(&redis.Options{Addr: s.addr})
	defer node.Close()
	require.NoError(t, node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	for state := ""; !strings.Contains(state, "cluster_state:ok"); {
		state = node.ClusterInfo(t.Context()).Val()
	}
	l := newLedgerOf(t, redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{s.addr}, IsClusterMode: true}))
	l.books(t)
	for _, call := range anyCalls(l.Store) {
		require.NoError(t, call.make(t.Context()), call.op)
	}
	keys, err := node.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 3)
	for _, key := range keys {
		assert.Equal(t, node.ClusterKeySlot(t.Context(), keys[0]).Val(), node.ClusterKeySlot(t.Context(), key).Val(), key)
	}
}

func TestTheLedgerIsWhereSentinelSays(t *testing.T) {
	t.Parallel()
	master := startServer(t, "--repl-diskless-sync-delay", "0")
	replica := replicate(t, master)
	sentinel := startSentinel(t, master)
	l := newLedgerOf(t, redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "ledger", Addrs: []string{sentinel.addr}}))
	l.books(t)
	require.NoError(t, l.Reserve(t.Context(), askFor("c")))
	catchUp(t, master)

	watch := redis.NewClient(&redis.Options{Addr: sentinel.addr})
	defer watch.Close()
	switches := watch.Subscribe(t.Context(), "+switch-master")
	defer switches.Close()
	_, err := switches.Receive(t.Context())
	require.NoError(t, err)
	master.stop()
	_, err = switches.ReceiveMessage(t.Context())
	require.NoError(t, err)

	unverified := mustBeUnverified(t, l.Reserve(t.Context(), askFor("d")))
	require.NoError(t, unverified.Confirm(t.Context()))
	require.NoError(t, l.Reserve(t.Context(), askFor("d")))
	l.booked(t, 1, 3)
	newLedger(t, &redis.Options{Addr: replica.addr}).booked(t, 1, 3)
}

// startSentinel starts a Sentinel, and returns when it knows the master and its replica.
func startSentinel(t testing.TB, master *server) *server {
	t.Helper()
	host, port, _ := strings.Cut(master.addr, ":")
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "sentinel monitor ledger %s %s 1\n"+
		"sentinel down-after-milliseconds ledger 1000\nsentinel failover-timeout ledger 5000\n", host, port), 0o600))
	s := startServerAs(t, config, "--sentinel")
	rdb := redis.NewSentinelClient(&redis.Options{Addr: s.addr})
	defer rdb.Close()
	for known := 0; known == 0; {
		replicas, err := rdb.Replicas(t.Context(), "ledger").Result()
		require.NoError(t, err)
		known = len(replicas)
	}
	return s
}
