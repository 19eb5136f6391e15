package quotatest_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/quotatest"
)

// breakVariable names the store that a process tests.
const breakVariable = "QUOTATEST_BREAK"

func TestABrokenStore(t *testing.T) {
	name, ok := os.LookupEnv(breakVariable)
	if !ok {
		t.Skip("TestBrokenStoresFail runs it")
	}
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		s := *breaks[name].store
		s.reference = &reference{now: now}
		return func() actito.QuotaStore { return &s }
	}, quotatest.Seed(1))
}

func TestBrokenStoresFail(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	require.NoError(t, err)
	for name, tt := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(binary, "-test.run=^TestABrokenStore$")
			cmd.Env = append(os.Environ(), breakVariable+"="+name, "GORACE=atexit_sleep_ms=0") // else it waits a second at the end
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			assert.Contains(t, string(out), "--- FAIL: TestABrokenStore/"+tt.fails)
		})
	}
	t.Run("shares nothing", func(t *testing.T) {
		t.Parallel()
		cmd := exec.Command(binary, "-test.run=^TestAStoreThatSharesNothing$")
		cmd.Env = append(os.Environ(), breakVariable+"=")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "--- FAIL: TestAStoreThatSharesNothing/All/stores_on_one_ledger_see_what_the_others_did")
		assert.Contains(t, string(out), "--- FAIL: TestAStoreThatSharesNothing/All/stores_on_one_ledger_reserve_at_most_the_limit_at_once")
	})
}

func TestAStoreThatSharesNothing(t *testing.T) {
	if _, ok := os.LookupEnv(breakVariable); !ok {
		t.Skip("TestBrokenStoresFail runs it")
	}
	quotatest.Run(t, func(_ *testing.T, now func() time.Time) func() actito.QuotaStore {
		return func() actito.QuotaStore { return &reference{now: now} }
	})
}
