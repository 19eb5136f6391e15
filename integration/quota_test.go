package integration

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/quotatest"
)

func TestTheQuotaStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range race.Cases(databases) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
				return opens(t, migrated(t, newDatabase(t)), now)
			})
		})
	}
}

func TestTheQuotaStoreKeepsTheContractWithTheClockOfPostgreSQL(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(t *testing.T, _ func() time.Time) func() actito.QuotaStore {
		return opens(t, migrated(t, newPostgres(t)), nil)
	}, quotatest.OwnClock())
}

// opens returns what opens stores on one ledger.
func opens(t require.TestingT, a address, now func() time.Time) func() actito.QuotaStore {
	return func() actito.QuotaStore {
		s, err := openQuota(a.String(), now)
		require.NoError(t, err)
		return s
	}
}

func TestTheQuotaStoreKeepsTheContractInAnyOrder(t *testing.T) {
	onEach(t, func(t *testing.T, a address) {
		rapid.Check(t, func(r *rapid.T) {
			a.exec(t, "DELETE FROM %sledgers")
			quotatest.AnyOrder(r, func(now func() time.Time) func() actito.QuotaStore { return opens(r, a, now) },
				func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "choice") })
		})
	})
}

func TestTheQuotaStoreKeepsTheContractWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range durable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quotatest.RunProcesses(t, func(t *testing.T) string { return migrated(t, newDatabase(t)).String() }, openQuota, quotatest.For(*killing))
		})
	}
}

func TestTheQuotaStoreKeepsTheContractWhateverIsCut(t *testing.T) {
	t.Parallel()
	through := func(t *testing.T, where string) string {
		a := parseAddress(where)
		dsn, err := url.Parse(a.dsn)
		require.NoError(t, err)
		dsn.Host = quotatest.NewProxy(t, dsn.Host).Addr
		a.dsn = dsn.String()
		return a.String()
	}
	quotatest.RunProcesses(t, func(t *testing.T) string { return migrated(t, newPostgres(t)).String() }, openQuota,
		quotatest.For(*killing), quotatest.Unreliable(through))
}
