package actito_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestOnceStartsAnImportOnce(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		key := actito.Once("customers-2026-11-23")
		first, err := start(t.Context(), t, b, key, actito.DataBytes("customers.csv", []byte(annCSV)))
		require.NoError(t, err)
		again, err := start(t.Context(), t, b, key, b.customers.Rows("customers.csv", all(annRow), named)) // the same bytes
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		require.Len(t, b.starts(), 1)
		again = b.loads(t, again, nil)
		require.Equal(t, 1, again.Totals().Read)

		_, err = start(t.Context(), t, b, key, b.customers.Rows("customers.csv", all(bobRow), named))
		var started *actito.AlreadyStartedError
		require.ErrorAs(t, err, &started)
		require.False(t, started.SameContent)
		require.Equal(t, first.ID, started.ExecutionID)
		require.Len(t, b.starts(), 1)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestOnceComparesWhatIsDoneWithTheFileToo(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	f := b.customers.InputFile("customers.csv", named)
	creates := f
	creates.Mode = actito.CreateOnly
	data := actito.DataBytes("customers.csv", []byte(annCSV))
	key := actito.Once("today")
	one, other := b.stored(t, f), b.stored(t, f)
	_, err := b.client.ETLs.Trigger(t.Context(), one, key, data)
	require.NoError(t, err)
	var started *actito.AlreadyStartedError
	_, err = b.client.ETLs.Trigger(t.Context(), other, key, data)
	require.ErrorAs(t, err, &started)
	require.False(t, started.SameContent)
	_, err = b.client.ETLs.RunOnce(t.Context(), once(f), key, data)
	require.ErrorAs(t, err, &started)
	key = actito.Once("tomorrow")
	_, err = b.client.ETLs.RunOnce(t.Context(), once(f), key, data)
	require.NoError(t, err)
	_, err = b.client.ETLs.RunOnce(t.Context(), once(creates), key, data)
	require.ErrorAs(t, err, &started)
	require.Len(t, b.starts(), 2)
}

func TestConcurrentStartsWithOneKeyStartOneImport(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Delay(3*time.Second))
		ids := make(chan string, 20)
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond) // some before the first is answered, some after
				e, err := b.oneCustomer(t.Context(), actito.Once("key"))
				var started *actito.AlreadyStartedError
				switch {
				case err == nil:
					ids <- e.ID
				case !errors.As(err, &started) || !started.SameContent:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		close(ids)
		require.NotEmpty(t, ids)
		for id := range ids {
			require.Equal(t, b.Imports()[0].ExecutionID, id)
		}
		require.Len(t, b.starts(), 1)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestOnceIsFreeAgainAfterARefusalAndTakenWhileTheOutcomeIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Status(400), actitotest.LoseAnswer())
		_, err := b.oneCustomer(t.Context(), actito.Once("key"))
		require.ErrorIs(t, err, actito.ErrInvalid)
		_, err = b.oneCustomer(t.Context(), actito.Once("key"))
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		_, err = b.oneCustomer(t.Context(), actito.Once("key"))
		var started *actito.AlreadyStartedError
		require.ErrorAs(t, err, &started)
		require.True(t, started.SameContent)
		require.Empty(t, started.ExecutionID)
		require.Len(t, b.starts(), 2)
		require.Len(t, b.Imports(), 1)
	})
}

func TestAOnceKeyThatIsNoTextIsRefused(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	_, err := b.oneCustomer(t.Context(), actito.Once("\xff"))
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.ErrorContains(t, err, `column "Once"`)
	b.untouched(t)
}
