package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

func TestTheQuotaStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
				a := migrated(t, newDatabase(t))
				return func() actito.QuotaStore {
					s, err := openQuota(a.String(), now)
					require.NoError(t, err)
					return s
				}
			})
		})
	}
}

func TestTheQuotaStoreKeepsTheContractWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quotatest.RunProcesses(t, func(t *testing.T) string { return migrated(t, newDatabase(t)).String() }, openQuota, quotatest.For(*killing))
		})
	}
}
