package actito_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

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

func TestTheMemoryStoreKeepsTheLimitWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quotatest.AnyOrder(t, func(now func() time.Time) func() actito.QuotaStore {
			s := actito.NewMemoryStore(now)
			return func() actito.QuotaStore { return s }
		}, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }, quotatest.Days(actito.DayOf))
	})
}
