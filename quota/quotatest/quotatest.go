// Package quotatest tests that an [actito.QuotaStore] keeps its contract: [Run] every call by itself, [AnyOrder] all of
// them in any order, [RunProcesses] with processes that are killed, and over connections that a [Proxy] cuts. It needs
// the standard library only.
//
// A store in which processes share a ledger by its address is tested like this:
//
//	func open(address string, now func() time.Time) (actito.QuotaStore, error) { … }
//
//	func TestMain(m *testing.M) {
//		quotatest.Serve(open)
//		m.Run()
//	}
//
//	func TestStore(t *testing.T) {
//		quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
//			address := newLedger(t)
//			return func() actito.QuotaStore { … open(address, now) … }
//		})
//	}
//
//	func TestStoreWithProcesses(t *testing.T) { quotatest.RunProcesses(t, newLedger, open) }
//
// and one that is reached over a network, where connections break, like this too:
//
//	func TestStoreWithConnectionsThatBreak(t *testing.T) {
//		quotatest.RunProcesses(t, newLedger, open, quotatest.Unreliable(func(t *testing.T, address string) string {
//			return quotatest.NewProxy(t, address).Addr
//		}))
//	}
//
// A store that is an [actito.QuotaAuditor] is tested as one.
package quotatest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/actito-go/actito"
)

// New makes an empty ledger for a test, and returns what opens the store on it. Each store that open returns uses the
// same ledger, as other processes would; of a store that is not shared, it is the same one every time. The store takes
// the time from now, unless [OwnClock] is given. A store whose time is set from outside, such as that of a fake server,
// sets it to now before each call.
type New func(t *testing.T, now func() time.Time) (open func() actito.QuotaStore)

// Option changes how a store is tested.
type Option func(*options)

type options struct {
	ownClock bool
	seed     uint64
	days     func(now time.Time) (from, resetAt time.Time)
	storm    time.Duration
	through  func(t *testing.T, address string) string
}

// OwnClock is for stores whose time is another machine's and cannot be set, such as that of a database server. Tests in
// which time passes are skipped then: run them once more with a clock that can be set, if the store can be built so.
// The clock of the store must not differ from this machine's by more than a minute.
func OwnClock() Option { return func(o *options) { o.ownClock = true } }

// Seed repeats the random test of a failure, which prints its seed. What depends on time is random all the same.
func Seed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// Days gives [AnyOrder] the days that a client asks for at a time, in its zone, instead of others. They have a margin that
// makes up for clocks which differ by two minutes.
func Days(of func(now time.Time) (from, resetAt time.Time)) Option {
	return func(o *options) { o.days = of }
}

// For sets how long [RunProcesses] kills eight processes at random, instead of five seconds.
func For(d time.Duration) Option { return func(o *options) { o.storm = d } }

// Unreliable makes the eight processes of [RunProcesses] use another address, by which calls may fail with any error,
// and nobody knows whether they took effect: that of a [Proxy], for instance. What came of it is checked at the address
// itself. The tests in which one process is killed at a certain point are left out.
func Unreliable(through func(t *testing.T, address string) string) Option {
	return func(o *options) { o.through = through }
}

func newOptions(opts []Option) options {
	o := options{seed: rand.Uint64(), storm: 5 * time.Second} //nolint:gosec // random tests need no secrets
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// newRandom is the generator of one of the parts of a test.
func (o *options) newRandom(part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(o.seed, part)) //nolint:gosec // random tests need no secrets
}

// Run tests a store. Each sentence of the contract is a test by that name.
func Run(t *testing.T, newLedger New, opts ...Option) {
	o := newOptions(opts)
	for _, group := range []struct {
		name  string
		tests []contractTest
	}{
		{"Reserve", reserving}, {"Windows", windows}, {"Once", onlyOnce}, {"Begin", beginning}, {"Settle", settling},
		{"Close", closing}, {"Probe", probing}, {"Usage", using}, {"Entries", listing}, {"Count", counting},
		{"Licences", licences}, {"All", sharing},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					if tt.timePasses && o.ownClock {
						t.Skip("time cannot pass with the store's own clock")
					}
					tt.run(newSubject(t, newLedger, o))
				})
			}
		})
	}
	t.Run("Any order", func(t *testing.T) {
		t.Parallel()
		for i := range uint64(24) {
			t.Run(fmt.Sprintf("Seed(%d)", o.seed+i), func(t *testing.T) {
				t.Parallel()
				o := o
				o.seed += i
				anyOrder(t, func(now func() time.Time) func() actito.QuotaStore { return newLedger(t, now) }, o.newRandom(0).IntN, o)
			})
		}
	})
}

// contractTest holds one sentence of the contract.
type contractTest struct {
	name       string
	timePasses bool
	run        func(*subject)
}
