package actito

import "time"

// Golden compares with a file under testdata; see golden.
var Golden = golden

// NewMemoryStore is the store of clients without one, with a clock that can be set.
func NewMemoryStore(now func() time.Time) QuotaStore {
	s := newMemoryStore()
	s.now = now
	return s
}
