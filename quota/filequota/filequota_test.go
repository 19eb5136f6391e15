package filequota

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

func TestTheStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
		path := filepath.Join(t.TempDir(), "ledger.json")
		return func() actito.QuotaStore {
			s, err := Open(path)
			require.NoError(t, err)
			s.now = now
			return s
		}
	})
}
