package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// inThree are three customers in three parts of one file.
func (b *bulk) inThree(t testing.TB) *actito.Staged {
	t.Helper()
	var parts []*actito.Staged
	for i := range 3 {
		c := customer{ID: fmt.Sprintf("C%d", i), Email: fmt.Sprintf("c%d@example.com", i), FirstName: "Ann"}
		s, err := actito.Stage(t.Context(), b.customers.Rows("customers.csv", all(c), named))
		require.NoError(t, err)
		parts = append(parts, s)
	}
	return actito.InParts(parts...)
}

func TestAFileInPartsIsSentInOrder(t *testing.T) {
	t.Parallel()
	inBubbleBothWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		var h actito.Handle
		var last actito.Progress
		staged := b.inThree(t)
		actito.LeaveOut(staged, actito.Refusal{File: "customers.csv", Row: 4, Reason: "erased", Key: "eve@example.com", Err: errors.New("eve@example.com was erased")})
		opts := []actito.ImportOption{staged, actito.Once("key"), actito.OnProgress(func(p actito.Progress) { last = p }),
			actito.OnPrepared(func(prepared actito.Handle) error {
				h = prepared
				require.Empty(t, b.starts())
				b.counted(t, "Customers", 0, 3)
				return nil
			})}
		e, err := start(t.Context(), t, b, opts...)
		require.NoError(t, err)
		require.Equal(t, []any{"", false, 3}, []any{e.ID, e.AlreadyStarted, len(e.Parts)})
		for i, imported := range b.Imports() {
			require.Equal(t, imported.ExecutionID, e.Parts[i].ID)
			require.Equal(t, map[string]string{"customers.csv": fmt.Sprintf("customerID,emailAddress,firstName\nC%d,c%[1]d@example.com,Ann\n", i)},
				sent(t, b.starts()[i]).files)
		}
		b.counted(t, "Customers", 3, 0)
		require.Equal(t, 3, last.Rows)
		require.Equal(t, last.Total, last.Sent)

		text, err := json.Marshal(h)
		require.NoError(t, err)
		h = actito.Handle{}
		require.NoError(t, json.Unmarshal(text, &h))
		require.Len(t, h.Parts, 3)
		require.Empty(t, h.ID)
		require.NotContains(t, string(text), "eve@")
		found, err := b.client.Executions.Reconcile(t.Context(), h)
		require.NoError(t, err)
		require.Len(t, found.Parts, 3)
		require.Equal(t, []actito.Refusal{{File: "customers.csv", Row: 4, Reason: "erased"}}, found.Refused)
		require.Equal(t, e.Parts[2].ID, found.Parts[2].ID)

		again, err := start(t.Context(), t, b, opts...)
		require.NoError(t, err)
		require.True(t, again.AlreadyStarted)
		require.Len(t, b.Imports(), 3)
		_, err = start(t.Context(), t, b, annFile, actito.Once("key"))
		require.ErrorIs(t, err, actito.ErrAlreadyStarted, "the key of what is cut excludes what is not")
	})
}

func TestAllPartsAreReservedOrNone(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Limit: 3}))
		e, err := start(t.Context(), t, b, annFile)
		b.loads(t, e, err)
		_, err = start(t.Context(), t, b, b.inThree(t), actito.OnPrepared(func(actito.Handle) error { t.Error("prepared"); return nil }))
		var full *actito.QuotaError
		require.ErrorAs(t, err, &full)
		require.Equal(t, []int{3, 1, 0, 3}, []int{full.Limit, full.Used, full.Held, full.Needed})
		require.ErrorContains(t, err, "1 of 3 imports used and 0 held, so that 2 are left and this one, cut by SplitAbove, needs 3")
		require.NotContains(t, err.Error(), "kept")
		require.Len(t, b.starts(), 1)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestAPartThatFailsEndsTheImport(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault   actitotest.Fault
		want    error
		started int // of three, with what is found out
	}{
		"refused":                 {actitotest.Status(400), actito.ErrInvalid, 1},
		"in doubt, and started":   {actitotest.LoseAnswer(), actito.ErrOutcomeUnknown, 2},
		"in doubt, and not there": {actitotest.CutRequest(5), actito.ErrOutcomeUnknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
				inBubbleBothWays(t, func(t *testing.T, start start) {
					b := newBulk(t, inMemory(t))
					b.Assume(world...)
					b.Fail(actitotest.OpRunOnce, actitotest.Pass(), tt.fault)
					b.Fail(actitotest.OpETLTrigger, actitotest.Pass(), tt.fault)
					var prepared actito.Handle
					opts := []actito.ImportOption{b.inThree(t), actito.Once("key"), actito.OnPrepared(func(h actito.Handle) error { prepared = h; return nil })}
					e, err := start(t.Context(), t, b, opts...)
					require.ErrorIs(t, err, tt.want)
					require.ErrorContains(t, err, "part 2 of 3")
					require.Len(t, e.Parts, 1)
					require.Len(t, b.starts(), 2)
					h := prepared
					if errors.Is(tt.want, actito.ErrOutcomeUnknown) {
						b.counted(t, "Customers", 1, 1)
						h = inDoubt(t, err)
						require.Equal(t, e.Parts[0].ID, h.Parts[0].ExecutionID)
					} else {
						b.counted(t, "Customers", 1, 0)
					}
					if slices.Contains(world, actitotest.ExecutionListMissing) {
						e, err = b.client.Executions.Reconcile(t.Context(), h)
						require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
						require.Len(t, e.Parts, 1)
						_, err = newBulk(t, b.Server).client.Executions.Reconcile(t.Context(), prepared) // which has booked nothing
						for _, part := range prepared.Parts {
							require.ErrorContains(t, err, "call Quota.Settle for \""+part.ID+"\"")
						}
						if errors.Is(tt.want, actito.ErrOutcomeUnknown) {
							imports := len(b.Imports())
							_, err = start(t.Context(), t, b, opts...)
							require.ErrorIs(t, err, actito.ErrAlreadyStarted)
							require.Len(t, b.Imports(), imports, "what may have started is not started again")
							b.counted(t, "Customers", 1, 1)
						}
						return
					}
					for _, h := range []actito.Handle{h, prepared} {
						e, err = b.client.Executions.Reconcile(t.Context(), h)
						require.ErrorIs(t, err, actito.ErrPartlyStarted)
						require.NotErrorIs(t, err, actito.ErrNotStarted)
						require.Len(t, e.Parts, tt.started)
						b.counted(t, "Customers", tt.started, 0)
					}
					e, err = start(t.Context(), t, b, opts...)
					require.NoError(t, err)
					require.Len(t, e.Parts, 3)
					require.False(t, e.AlreadyStarted)
					require.Len(t, b.Imports(), 3, "it continued where it stopped")
					require.Len(t, b.Profiles("Customers"), 3)
					b.counted(t, "Customers", 3, 0)
					if tt.started == 2 {
						require.Equal(t, []string{e.Parts[0].ID, e.Parts[1].ID}, []string{prepared.Parts[0].ExecutionID, prepared.Parts[1].ExecutionID})
					}
				})
			}, actitotest.ExecutionListMissing)
		})
	}
	t.Run("the first of them", func(t *testing.T) {
		t.Parallel()
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Status(403))
		e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.inThree(t))
		require.ErrorIs(t, err, actito.ErrForbidden)
		require.ErrorContains(t, err, "part 1 of 3")
		require.Nil(t, e)
		b.counted(t, "Customers", 0, 0)
	})
}

func TestPartsOfWhichNoneStarted(t *testing.T) {
	t.Parallel()
	inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		b.Fail(actitotest.OpRunOnce, actitotest.CutRequest(5))
		_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.inThree(t))
		h := inDoubt(t, err)
		e, err := b.client.Executions.Resume(t.Context(), h)
		require.Nil(t, e)
		if slices.Contains(world, actitotest.ExecutionListMissing) {
			require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
			b.counted(t, "Customers", 0, 1)
			return
		}
		require.ErrorIs(t, err, actito.ErrNotStarted)
		b.counted(t, "Customers", 0, 0)
	}, doubted...)
}

func TestALaterPartKeepsItsReservationWhileEarlierOnesAreSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Delay(9*time.Minute), actitotest.Delay(9*time.Minute))
		e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.inThree(t),
			actito.OnPrepared(func(actito.Handle) error { return nil }))
		require.NoError(t, err)
		require.Len(t, e.Parts, 3)
	})
}

func TestWhoLeavesBetweenPartsFreesTheRest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		ctx, cancel := context.WithCancel(t.Context())
		limiter := limiterFunc(func(ctx context.Context, w actito.Work) (func(), error) {
			if w.Transfer && len(b.starts()) == 1 {
				cancel()
			}
			return func() {}, ctx.Err()
		})
		client := newBulk(t, b.Server, actito.WithLimiter(limiter))
		e, err := client.client.ETLs.RunOnce(ctx, once(b.customers.InputFile("customers.csv", named)), b.inThree(t))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
		require.Len(t, e.Parts, 1)
		client.counted(t, "Customers", 1, 0)
	})
}

func TestPartsOfOneFileComeBeforeTheNextFile(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	orders, err := actito.Stage(t.Context(), b.orders.Rows("orders.csv", all(order{"O1", "C2", 5})))
	require.NoError(t, err)
	defer orders.Close()
	files := []actito.InputFile{b.customers.InputFile("customers.csv", named), b.orders.InputFile("orders.csv")}
	e, err := b.client.ETLs.RunOnce(t.Context(), once(files...), orders, b.inThree(t))
	require.NoError(t, err)
	require.Len(t, e.Parts, 4)
	for i, imported := range b.Imports() {
		require.Equal(t, "SUCCESS", imported.Status)
		require.Equal(t, [][]string{{"Customers"}, {"Customers"}, {"Customers"}, {"Orders"}}[i], imported.Tables)
	}
	b.counted(t, "Customers", 3, 0)
	b.counted(t, "Orders", 1, 0)

	etl := b.stored(t, files...)
	_, err = b.client.ETLs.Trigger(t.Context(), etl, orders, b.inThree(t))
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.ErrorContains(t, err, "requires several files")
	b.Fail(actitotest.OpETLGet, actitotest.Status(403))
	_, err = b.client.ETLs.Trigger(t.Context(), etl, orders, b.inThree(t), actito.Loads("Customers", "Orders"))
	require.ErrorIs(t, err, actito.ErrInvalid)
	files[1].Optional = true
	e, err = b.client.ETLs.Trigger(t.Context(), b.stored(t, files...), b.inThree(t))
	require.NoError(t, err)
	require.Len(t, e.Parts, 3)
	b.counted(t, "Customers", 6, 0)
	b.counted(t, "Orders", 1, 0)
}

func TestPartsThatAreGivenUpWaitForTheLedgerTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		store := failingStore{notedStore: &notedStore{}, begin: 1, settle: 10_000}
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: &store}))
		began := time.Now()
		_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.inThree(t))
		require.ErrorIs(t, err, errUnreachable)
		require.LessOrEqual(t, time.Since(began), 21*time.Second)
	})
}
