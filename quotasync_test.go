package actito_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestSyncCountsWhatOthersStarted(t *testing.T) {
	t.Parallel()
	inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
		server := inMemory(t, actitotest.WithEntities("MyEntity", "Other"))
		server.Assume(actitotest.ExecutionListExists)
		server.Assume(world...)
		ours, theirs := newBulk(t, server), newBulk(t, server)
		for range 2 {
			_, err := theirs.both(t.Context())
			require.NoError(t, err)
		}
		_, err := theirs.client.ETLs.Trigger(t.Context(), theirs.stored(t, theirs.customers.InputFile("c.csv", named)), theirs.customers.Rows("c.csv", all(annRow), named))
		require.NoError(t, err)
		server.AddExecution("MyEntity", "Customers") // by a schedule
		_, err = ours.oneCustomer(t.Context())
		require.NoError(t, err)
		ours.counted(t, "Customers", 1, 0)

		time.Sleep(time.Minute) // to times that are told to the second
		for i, counted := range []int{4, 0} {
			report, err := ours.client.Quota.Sync(t.Context())
			require.NoError(t, err)
			require.Equal(t, actito.SyncReport{Executions: 5, Counted: counted}, report, "round %d", i)
			ours.counted(t, "Customers", 5, 0)
			ours.counted(t, "Orders", 2, 0)
		}
	}, actitotest.IDOnlyInLocation, actitotest.QuotaRolling, actitotest.FailedRunsFree)
}

func TestSyncDoesNotCountYesterdaysImports(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		window  actito.Window
		counted int
	}{
		"of a calendar day": {"", 0},
		"of 24 hours":       {actito.Rolling24h, 1},
		"of both":           {actito.DayAndRolling24h(""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Window: tt.window}))
				b.Assume(actitotest.ExecutionListExists)
				other := newBulk(t, b.Server)
				time.Sleep(20 * time.Hour)
				_, err := other.oneCustomer(t.Context())
				require.NoError(t, err)
				time.Sleep(4 * time.Hour) // past midnight
				report, err := b.client.Quota.Sync(t.Context())
				require.NoError(t, err)
				require.Equal(t, tt.counted, report.Counted)
				b.counted(t, "Customers", tt.counted, 0)
			})
		})
	}
}

func TestSyncTellsWhatItCannotAssign(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t, actitotest.WithImportTimes(time.Minute, time.Minute)) // tables are told at the end
		server.Assume(actitotest.ExecutionListExists)
		ours, theirs := newBulk(t, server), newBulk(t, server)
		stored := theirs.stored(t, theirs.customers.InputFile("c.csv", named))
		_, err := theirs.client.ETLs.Trigger(t.Context(), stored, theirs.customers.Rows("c.csv", all(annRow), named))
		require.NoError(t, err)
		theirOwn, err := theirs.oneCustomer(t.Context())
		require.NoError(t, err)
		_, err = ours.oneCustomer(t.Context())
		require.NoError(t, err)

		report, err := ours.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{3, 1, 1}, []int{report.Executions, report.Counted, len(report.Unassigned)}, "a definition tells, and so does the ledger")
		require.Equal(t, theirOwn.ID, report.Unassigned[0].ID)
		ours.counted(t, "Customers", 2, 0)
		time.Sleep(10 * time.Minute)
		report, err = ours.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Equal(t, actito.SyncReport{Executions: 3, Counted: 1}, report)
		ours.counted(t, "Customers", 3, 0)
	})
}

func TestSyncFailsWhereExecutionsCannotBeListed(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ExecutionListMissing)
	_, err := b.client.Quota.Sync(t.Context())
	require.ErrorIs(t, err, actito.ErrNotFound)
}

func TestSyncTellsAnExecutionWhoseDefinitionIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t, actitotest.WithImportTimes(time.Minute, time.Minute)) // tables are told at the end
		server.Assume(actitotest.ExecutionListExists)
		ours, theirs := newBulk(t, server), newBulk(t, server)
		stored := theirs.stored(t, theirs.customers.InputFile("c.csv", named))
		e, err := theirs.client.ETLs.Trigger(t.Context(), stored, theirs.customers.Rows("c.csv", all(annRow), named))
		require.NoError(t, err)
		require.NoError(t, theirs.client.ETLs.Delete(t.Context(), stored))
		report, err := ours.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Unassigned, 1)
		require.Equal(t, e.ID, report.Unassigned[0].ID)
	})
}

func TestSyncCountsATableThatIsGoneAndOneThatIsLoadedTwice(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ExecutionListExists)
	b.AddExecution("MyEntity", "Customers", "Customers")
	b.Fail(actitotest.OpProfileTableList, actitotest.Status(404))
	b.Fail(actitotest.OpProfileTableGet, actitotest.Status(404))
	report, err := b.client.Quota.Sync(t.Context())
	require.NoError(t, err)
	require.Equal(t, actito.SyncReport{Executions: 1, Counted: 1}, report)
	entries, err := b.client.Quota.Entries(t.Context(), "Customers")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, []string{"16"}, entries[0].Tables)
}

func TestAdjustTakesNothingBackOfYesterday(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		require.NoError(t, b.client.Quota.Adjust(t.Context(), "Customers", 1))
		time.Sleep(25 * time.Hour)
		require.NoError(t, b.client.Quota.Adjust(t.Context(), "Customers", 1))
		err := b.client.Quota.Adjust(t.Context(), "Customers", -2)
		require.ErrorIs(t, err, actito.ErrInvalid)
		require.ErrorContains(t, err, "1 imports fewer")
		b.counted(t, "Customers", 0, 0)
	})
}
