package feedtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/actito-go/actito/feed"
)

// Transaction is one of the user's. A *sql.Tx is one, and a [*Tx].
type Transaction interface {
	feed.Execer
	Commit() error
	Rollback() error
}

// Outbox is what is tested: a store, and the database that has its outbox.
type Outbox struct {
	Store feed.Store
	Begin func(ctx context.Context) (Transaction, error)
}

// Outbox is m as [Run] and [AnyOrder] test it.
func (m *Memory) Outbox() Outbox {
	return Outbox{Store: m, Begin: func(context.Context) (Transaction, error) { return m.Begin(), nil }}
}

// Open makes an empty outbox for a test.
type Open func(t *testing.T) Outbox

// Option changes how a store is tested.
type Option func(*options)

type options struct {
	oneWriter bool
	seed      uint64
}

// OneWriter is for databases in which one transaction writes at a time, such as SQLite. Tests in which others write while
// a transaction is open are skipped. The store is read meanwhile all the same, so that it needs a second connection.
func OneWriter() Option { return func(o *options) { o.oneWriter = true } }

// Seed repeats the random test of a failure, which prints its seed.
func Seed(seed uint64) Option { return func(o *options) { o.seed = seed } }

func newOptions(opts []Option) options {
	o := options{seed: rand.Uint64()} //nolint:gosec // random tests need no secrets
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Run tests a store. Each sentence of the contract is a test by that name, with an outbox of its own.
func Run(t *testing.T, open Open, opts ...Option) {
	o := newOptions(opts)
	for _, group := range []struct {
		name  string
		tests []contractTest
	}{
		{"Append", appending}, {"Erase", erasing}, {"Lease", leasing}, {"Apply", applying}, {"Old fence", fencing},
		{"Import", importing}, {"Page", paging}, {"Events", reading}, {"States", states}, {"Held", holding},
		{"Backlog", counting}, {"Parked", parking}, {"Context", cancelling}, {"Concurrent", sharing},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					if tt.overlap && o.oneWriter {
						t.Skip("transactions do not overlap")
					}
					tt.run(newSubject(t, open, o))
				})
			}
		})
	}
	t.Run("Any order", func(t *testing.T) {
		t.Parallel()
		for i := range uint64(12) {
			t.Run(fmt.Sprintf("Seed(%d)", o.seed+i), func(t *testing.T) {
				t.Parallel()
				choose := rand.New(rand.NewPCG(o.seed+i, 0)).IntN //nolint:gosec // random tests need no secrets
				anyOrder(t, open(t), choose, o)
			})
		}
	})
}

// contractTest holds one sentence of the contract.
type contractTest struct {
	name    string
	overlap bool // of a transaction with what else is written
	run     func(*subject)
}
