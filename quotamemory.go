package actito

import (
	"context"
	"sync"
	"time"
)

// memoryStore is the QuotaStore of one process. Reserve takes the time from the reservation, the other calls from now.
type memoryStore struct {
	now func() time.Time

	mu    sync.Mutex
	books Ledger
}

func newMemoryStore() *memoryStore { return &memoryStore{now: time.Now} }

// Reserve implements [QuotaStore].
func (s *memoryStore) Reserve(_ context.Context, r Reservation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.Reserve(r)
}

// Begin implements [QuotaStore].
func (s *memoryStore) Begin(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.Begin(s.now(), id)
}

// Settle implements [QuotaStore].
func (s *memoryStore) Settle(_ context.Context, id string, o Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.Settle(s.now(), id, o)
}

// Close implements [QuotaStore].
func (s *memoryStore) Close(_ context.Context, bucket string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.Close(s.now(), bucket, until)
	return nil
}

// Usage implements [QuotaStore].
func (s *memoryStore) Usage(_ context.Context, bucket string) (Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.Usage(s.now(), bucket), nil
}

// Count implements [QuotaAuditor].
func (s *memoryStore) Count(_ context.Context, r Reservation, executionID string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.Count(s.now(), r, executionID)
}

// Entries implements [QuotaAuditor].
func (s *memoryStore) Entries(_ context.Context, bucket string) ([]QuotaEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.Entries(s.now(), bucket), nil
}
