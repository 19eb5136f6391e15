package quotatest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

// reference is the simplest store: a ledger under a lock.
type reference struct {
	now func() time.Time
	sync.Mutex
	actito.Ledger
}

func (s *reference) Reserve(_ context.Context, r actito.Reservation) error {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Reserve(r)
}

func (s *reference) Begin(_ context.Context, id string) error {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Begin(s.now(), id)
}

func (s *reference) Settle(_ context.Context, id string, o actito.Outcome) error {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Settle(s.now(), id, o)
}

func (s *reference) Close(_ context.Context, bucket string, until time.Time) error {
	s.Lock()
	defer s.Unlock()
	s.Ledger.Close(bucket, until)
	return nil
}

func (s *reference) Usage(_ context.Context, bucket string) (actito.Usage, error) {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Usage(s.now(), bucket), nil
}

func TestAStoreThatKeepsTheContract(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		s := &reference{now: now}
		return func() actito.QuotaStore { return s }
	})
}

func TestAStoreWithAClockOfItsOwn(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(*testing.T, func() time.Time) func() actito.QuotaStore {
		s := &reference{now: time.Now}
		return func() actito.QuotaStore { return s }
	}, quotatest.OwnClock())
}
