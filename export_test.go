package actito

import "time"

// NewMemoryStore is the store of clients without one, with a clock that can be set.
func NewMemoryStore(now func() time.Time) QuotaStore {
	s := newMemoryStore()
	s.now = now
	return s
}
