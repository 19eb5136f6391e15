package quotatest_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

// openLedger opens the store that is tested, on the ledger at an address.
func openLedger(_ string, now func() time.Time) (actito.QuotaStore, error) {
	return &reference{now: now}, nil
}

// In a test file of your store:
func ExampleRun() {
	TestStore := func(t *testing.T) {
		quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
			store, err := openLedger("its address", now) // of an empty ledger
			return func() actito.QuotaStore {
				if err != nil {
					t.Fatal(err)
				}
				return store
			}
		})
	}
	TestOnServer := func(t *testing.T) { // whose clock cannot be set: what needs time to pass is skipped
		quotatest.RunProcesses(t, func(*testing.T) string { return "its address" }, openLedger, quotatest.OwnClock())
	}
	_, _ = TestStore, TestOnServer
}

// A store that processes share is tested with processes, which are this test binary started again, and with a connection
// that breaks.
func ExampleRunProcesses() {
	TestMain := func(m *testing.M) {
		quotatest.Serve(openLedger)
		os.Exit(m.Run())
	}
	newAddress := func(t *testing.T) string { return "postgres://127.0.0.1:5432/" + strings.ToLower(t.Name()) }
	TestProcesses := func(t *testing.T) {
		quotatest.RunProcesses(t, newAddress, openLedger, quotatest.For(30*time.Second))
	}
	TestBrokenConnections := func(t *testing.T) {
		proxy := quotatest.NewProxy(t, "127.0.0.1:5432", quotatest.Seed(7))
		quotatest.RunProcesses(t, newAddress, openLedger, quotatest.Unreliable(func(_ *testing.T, address string) string {
			return strings.Replace(address, "127.0.0.1:5432", proxy.Addr, 1)
		}))
		proxy.Stop()
		t.Log(proxy.Cuts(), "connections were cut")
	}
	_, _, _ = TestMain, TestProcesses, TestBrokenConnections
}

// Run tries many days; this tries those of one client, whose licence counts from six in the morning.
func ExampleDays() {
	TestDays := func(t *testing.T) {
		days := quotatest.Days(func(now time.Time) (from, resetAt time.Time) {
			from = now.Truncate(24 * time.Hour).Add(6 * time.Hour)
			if from.After(now) {
				from = from.AddDate(0, 0, -1)
			}
			return from.Add(-2 * time.Minute), from.AddDate(0, 0, 1).Add(2 * time.Minute) // clocks may differ
		})
		quotatest.AnyOrder(t, func(now func() time.Time) func() actito.QuotaStore {
			store := &reference{now: now}
			return func() actito.QuotaStore { return store }
		}, rand.IntN, days)
	}
	_ = TestDays
}
