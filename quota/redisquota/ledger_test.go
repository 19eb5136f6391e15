package redisquota

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/quotatest"
)

var killing = flag.Duration("killing", race.Less(5*time.Second), "how long to kill processes at random")

// ownClock ends the address of a ledger whose time is that of Redis.
const ownClock = "/own clock"

// openLedger opens a store at an address: host, port and database.
func openLedger(address string, now func() time.Time) (actito.QuotaStore, error) {
	address, own := strings.CutSuffix(address, ownClock)
	addr, db, _ := strings.Cut(address, "/")
	n, err := strconv.Atoi(db)
	if err != nil {
		return nil, err
	}
	s, err := New(redis.NewClient(&redis.Options{Addr: addr, DB: n,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})) // nobody closes it
	if err == nil && !own {
		s.now = now
	}
	return s, err
}

// ledgers makes empty ledgers in databases of one Redis.
type ledgers struct {
	addr string
	made atomic.Int32
}

// address is that of an empty ledger, on which the books of the suite's licences were found complete.
func (l *ledgers) address(t testing.TB) string {
	t.Helper()
	address := fmt.Sprintf("%s/%d", l.addr, l.made.Add(1))
	s, err := openLedger(address, time.Now)
	require.NoError(t, err)
	for _, licence := range []string{"4711", "42", "1", "2", "11"} {
		confirm(t, s, licence)
	}
	return address
}

// confirm says that the books of a licence are complete.
func confirm(t testing.TB, s actito.QuotaStore, licence string) {
	t.Helper()
	unverified := mustBeUnverified(t, s.Reserve(t.Context(), actito.Reservation{ID: licence + "/a", At: time.Now()}))
	require.NoError(t, unverified.Confirm(t.Context()))
}

func mustBeUnverified(t testing.TB, err error) *actito.UnverifiedError {
	t.Helper()
	unverified, ok := errors.AsType[*actito.UnverifiedError](err)
	require.True(t, ok, "%v", err)
	return unverified
}

// onEachRedis runs a test on a Redis in memory and on a real one.
func onEachRedis(t *testing.T, test func(t *testing.T, l *ledgers)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, &ledgers{addr: miniredis.RunT(t).Addr()})
	})
	t.Run("redis-server", func(t *testing.T) {
		t.Parallel()
		test(t, &ledgers{addr: startServer(t, "--databases", "10000").addr})
	})
}

func (l *ledgers) run(t *testing.T, suffix string, opts ...quotatest.Option) {
	t.Helper()
	quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
		address := l.address(t) + suffix
		return func() actito.QuotaStore {
			s, err := openLedger(address, now)
			require.NoError(t, err)
			return s
		}
	}, opts...)
}

func TestTheLedgerKeepsTheContract(t *testing.T) {
	t.Parallel()
	onEachRedis(t, func(t *testing.T, l *ledgers) { l.run(t, "") })
}

func TestTheLedgerKeepsTheContractByTheClockOfRedis(t *testing.T) {
	t.Parallel()
	(&ledgers{addr: startServer(t, "--databases", "10000").addr}).run(t, ownClock, quotatest.OwnClock())
}

// In memory scripts take a hundred times as long; quotatest.Run has a few of these.
func TestTheLedgerKeepsTheContractInAnyOrder(t *testing.T) {
	t.Parallel()
	l := &ledgers{addr: startServer(t, "--databases", "10000").addr}
	rapid.Check(t, func(r *rapid.T) {
		address := l.address(t)
		quotatest.AnyOrder(r, func(now func() time.Time) func() actito.QuotaStore {
			return func() actito.QuotaStore {
				s, err := openLedger(address, now)
				require.NoError(r, err)
				return s
			}
		}, func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "choice") })
	})
}

func TestTheLedgerKeepsTheContractWhateverIsKilled(t *testing.T) {
	t.Parallel()
	onEachRedis(t, func(t *testing.T, l *ledgers) {
		quotatest.RunProcesses(t, func(t *testing.T) string { return l.address(t) }, openLedger, quotatest.For(*killing))
	})
}

func TestTheLedgerKeepsTheContractOverConnectionsThatBreak(t *testing.T) {
	t.Parallel()
	l := &ledgers{addr: startServer(t, "--databases", "10000").addr}
	quotatest.RunProcesses(t, func(t *testing.T) string { return l.address(t) + ownClock }, openLedger, quotatest.OwnClock(), quotatest.For(*killing),
		quotatest.Unreliable(func(t *testing.T, address string) string {
			addr, db, _ := strings.Cut(address, "/")
			return quotatest.NewProxy(t, addr).Addr + "/" + db
		}))
}
