package actito_test

import (
	"testing"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

func TestTheMemoryStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		s := actito.NewMemoryStore(now)
		return func() actito.QuotaStore { return s }
	})
}
