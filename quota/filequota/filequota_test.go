package filequota

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/quotatest"
)

var killing = flag.Duration("killing", race.Less(5*time.Second), "how long to kill processes at random")

// openAt opens a ledger with a clock.
func openAt(path string, now func() time.Time) (actito.QuotaStore, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	s.now = now
	return s, nil
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "ledger.json") }

func TestMain(m *testing.M) {
	quotatest.Serve(openAt)
	serveImports()
	_ = flag.Set("rapid.checks", strconv.Itoa(race.Less(100)))
	m.Run()
}

func TestTheStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
		path := newPath(t)
		return func() actito.QuotaStore {
			s, err := openAt(path, now)
			require.NoError(t, err)
			return s
		}
	})
}

func TestTheStoreKeepsTheContractInAnyOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if memory, err := os.MkdirTemp("/dev/shm", "ledgers"); err == nil { // thousands of calls need no disk
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(memory)) })
		dir = memory
	}
	ledgers := 0
	rapid.Check(t, func(t *rapid.T) {
		ledgers++
		path := filepath.Join(dir, fmt.Sprint(ledgers, ".json"))
		quotatest.AnyOrder(t, func(now func() time.Time) func() actito.QuotaStore {
			return func() actito.QuotaStore {
				s, err := openAt(path, now)
				require.NoError(t, err)
				return s
			}
		}, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
	})
}

func TestTheStoreKeepsTheContractWhateverIsKilled(t *testing.T) {
	t.Parallel()
	quotatest.RunProcesses(t, func(t *testing.T) string { return newPath(t) }, openAt, quotatest.For(*killing))
}
