package quotatest_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
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
	s.Ledger.Close(s.now(), bucket, until)
	return nil
}

func (s *reference) Usage(_ context.Context, bucket string) (actito.Usage, error) {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Usage(s.now(), bucket), nil
}

func (s *reference) Entries(_ context.Context, bucket string) ([]actito.QuotaEntry, error) {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Entries(s.now(), bucket), nil
}

func (s *reference) Count(_ context.Context, r actito.Reservation, executionID string) (bool, error) {
	s.Lock()
	defer s.Unlock()
	return s.Ledger.Count(s.now(), r, executionID)
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

func TestAStoreThatIsNoAuditor(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		s := &reference{now: now}
		return func() actito.QuotaStore { return struct{ actito.QuotaStore }{s} }
	})
}

func TestAnyOrderThatRapidChooses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quotatest.AnyOrder(t, func(now func() time.Time) func() actito.QuotaStore {
			s := &reference{now: now}
			return func() actito.QuotaStore { return s }
		}, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
	})
}

// recorder is a test that goes on after it failed.
type recorder struct {
	*testing.T
	failed bool
}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	panic(r)
}

func TestDaysNeedAMargin(t *testing.T) {
	t.Parallel()
	for name, tt := range race.Cases(map[string]struct {
		margin time.Duration
		fails  bool
	}{
		"none":               {0, true},
		"nearly two minutes": {2*time.Minute - 1, true},
		"two minutes":        {2 * time.Minute, false},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			days := quotatest.Days(func(now time.Time) (from, resetAt time.Time) {
				const quarter = 15 * time.Minute // when clocks change
				now = now.Add(-tt.margin)
				from = now.Truncate(quarter)
				for from.Add(-quarter).YearDay() == now.YearDay() {
					from = from.Add(-quarter)
				}
				resetAt = from.Add(22 * time.Hour)
				for resetAt.YearDay() == now.YearDay() {
					resetAt = resetAt.Add(quarter)
				}
				return from.Add(-tt.margin), resetAt.Add(tt.margin)
			})
			failed := 0
			for seed := range uint64(200) {
				r := &recorder{T: t}
				func() {
					defer func() {
						if p := recover(); p != nil && p != any(r) {
							panic(p)
						}
					}()
					quotatest.AnyOrder(r, func(now func() time.Time) func() actito.QuotaStore {
						s := &reference{now: now}
						return func() actito.QuotaStore { return s }
					}, rand.New(rand.NewPCG(seed, 0)).IntN, days)
				}()
				if r.failed {
					failed++
				}
			}
			t.Logf("%d of 200 runs failed", failed)
			assert.Equal(t, tt.fails, failed > 0)
		})
	}
}
