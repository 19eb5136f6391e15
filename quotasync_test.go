package actito_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestSyncTellsAnExecutionWhoseDefinitionIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t, actitotest.WithImportTimes(time.Minute, time.Minute)) // tables are told at the end
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
