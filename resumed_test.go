package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// handleOf gives the handle of an import to h.
func handleOf(h *actito.Handle) actito.ImportOption {
	return actito.OnPrepared(func(prepared actito.Handle) error { *h = prepared; return nil })
}

func TestAResumedImportHasTheVerdictOfTheOneThatStartedIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		var h actito.Handle
		started, err := b.oneCustomer(t.Context(), handleOf(&h))
		require.NoError(t, err)
		none := jsonAnswer(`{"id":"7","status":"SUCCESS","files":[{"fileName":"customers.csv","status":"SUCCESS",
			"rowsRead":0,"rowsCreated":0,"rowsUpdated":0,"rowsInError":0}]}`)
		b.Fail(actitotest.OpExecutionGet, none, none)
		waited, err := b.client.Executions.Wait(t.Context(), started)
		require.ErrorIs(t, err, actito.ErrRowsUnaccounted)
		resumed, err := b.client.Executions.Resume(t.Context(), h)
		require.ErrorIs(t, err, actito.ErrRowsUnaccounted)
		require.Equal(t, waited.Account(), resumed.Account())
		require.Equal(t, actito.Account{Rows: 1, Unknown: 1}, resumed.Account())
	})
}

func TestAResumedImportInPartsHasTheVerdictOfTheOneThatStartedIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		var h actito.Handle
		_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.inThree(t), handleOf(&h))
		require.NoError(t, err)
		resumed, err := b.client.Executions.Resume(t.Context(), h)
		require.NoError(t, err)
		for _, p := range resumed.Parts {
			require.Equal(t, map[string]int{"customers.csv": 1}, p.Sent)
		}
	})
}

func TestOfFilesThatTheServerFetchesAResumedImportKnowsNoRowsEither(t *testing.T) {
	t.Parallel()
	remoteWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		location := b.AddLocation("MyEntity", "sftp")
		b.PutFile(location, b.today(t), []byte(annCSV))
		var h actito.Handle
		_, err := start(t.Context(), t, b, actito.Remote(location, dated), handleOf(&h))
		require.NoError(t, err)
		e, err := b.client.Executions.Resume(t.Context(), h)
		require.NoError(t, err)
		require.Nil(t, e.Sent)
	})
}

func TestAnErrorOfSeveralPartsHasTheHandleOfAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ExecutionListMissing)
		b.Fail(actitotest.OpRunOnce, actitotest.Pass(), actitotest.LoseAnswer())
		_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.inThree(t))
		h := inDoubt(t, err)
		e, err := b.client.Executions.Reconcile(t.Context(), h)
		require.Len(t, e.Parts, 1)
		require.ErrorContains(t, err, "part 2 of 3")
		require.ErrorContains(t, err, h.Parts[1].ID)
		var unknown *actito.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, h, unknown.Handle)
	})
}

func TestAnImportOfALedgerWithoutLicenceIsCountedUnderTheOneThatIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t)
		server.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions)
		before := newBulk(t, server)
		after := newBulk(t, server, actito.WithQuota(actito.Quota{Licence: "4711"}))
		server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err := before.oneCustomer(t.Context())
		h := inDoubt(t, err)
		h.ID = strings.TrimPrefix(h.ID, "1") // as of a token that does not name the licence
		_, err = after.client.Executions.Reconcile(t.Context(), h)
		require.NoError(t, err)
		after.counted(t, "Customers", 1, 0)
		report, err := after.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Zero(t, report.Counted)
	})
}

func TestAHandleWhoseTimeIsAnotherMachinesWaitsForTheList(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ExecutionListExists)
		b.ListLag(90 * time.Second)
		b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err := b.oneCustomer(t.Context())
		h := inDoubt(t, err)
		h.Ended = h.Ended.Add(-5 * time.Minute) // its clock is behind
		e, err := b.client.Executions.Reconcile(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
		b.counted(t, "Customers", 1, 0)
	})
}

// lively is a ledger in which something happens just after its entries were read for the first time.
type lively struct {
	actito.QuotaStore
	actito.QuotaAuditor
	read func()
}

func (s *lively) Entries(ctx context.Context, bucket string) ([]actito.QuotaEntry, error) {
	list, err := s.QuotaAuditor.Entries(ctx, bucket)
	if read := s.read; read != nil {
		s.read = nil
		read()
	}
	return list, err
}

func (s *lively) Begin(ctx context.Context, id string) error {
	time.Sleep(time.Millisecond) // no clock is so coarse
	return s.QuotaStore.Begin(ctx, id)
}

func newLively() *lively {
	books := actito.NewMemoryStore(time.Now)
	return &lively{QuotaStore: books, QuotaAuditor: books.(actito.QuotaAuditor)}
}

func TestAnImportThatBeginsWhileItIsReconciledIsNotCalledNotStarted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		books := newLively()
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: books}))
		b.Assume(actitotest.ExecutionListExists)
		b.Fail(actitotest.OpRunOnce, actitotest.Delay(time.Minute))
		handles, looked, ended := make(chan actito.Handle), make(chan struct{}), make(chan error, 1)
		go func() {
			_, err := b.oneCustomer(t.Context(), actito.OnPrepared(func(h actito.Handle) error {
				handles <- h
				<-looked
				return nil
			}))
			ended <- err
		}()
		h := <-handles
		books.read = func() { close(looked); time.Sleep(time.Second) }
		e, err := b.client.Executions.Reconcile(t.Context(), h)
		require.NoError(t, err)
		require.NoError(t, <-ended)
		require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestAnImportThatIsFreedTooSoonIsCountedAllTheSame(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Fail(actitotest.OpRunOnce, actitotest.Delay(time.Minute))
		_, err := b.oneCustomer(t.Context(), actito.OnPrepared(func(h actito.Handle) error {
			time.AfterFunc(time.Second, func() { _ = b.client.Quota.Settle(t.Context(), h.ID, actito.Free()) })
			return nil
		}))
		require.NoError(t, err)
		b.counted(t, "Customers", 1, 0)
	})
}

func TestOnPreparedThatPanicsLeavesNothingBooked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		prepare := func() {
			_, _ = b.oneCustomer(t.Context(), actito.Once("key"), actito.OnPrepared(func(actito.Handle) error { panic("mine") }))
		}
		require.PanicsWithValue(t, "mine", prepare)
		b.untouched(t)
		_, err := b.oneCustomer(t.Context(), actito.Once("key"))
		require.NoError(t, err)
	})
}

func TestASubscriptionInJSONShowsNoSecret(t *testing.T) {
	t.Parallel()
	sub := actito.WebhookSubscription{On: actito.SourceETL, Of: "7", Event: actito.EventFinished,
		TargetURL: "https://shop.example/hooks?token=hidden-1", Headers: map[string]string{"X-Secret": "hidden-2"}}
	for _, v := range []any{sub, &sub, struct{ Sub actito.WebhookSubscription }{sub}} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(text), "hidden")
		require.Contains(t, string(text), "FINISHED")
	}
}

func TestTwoMachinesThatReconcileAndStartAnewImportOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault   actitotest.Fault
		started bool
	}{"it started": {actitotest.LoseAnswer(), true}, "it did not": {actitotest.CutRequest(5), false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
				server := inMemory(t)
				server.Assume(actitotest.ExecutionListExists)
				server.Assume(world...)
				ledger := actito.WithQuota(actito.Quota{Store: actito.NewMemoryStore(time.Now)})
				machines := []*bulk{newBulk(t, server, ledger), newBulk(t, server, ledger)}
				server.Fail(actitotest.OpRunOnce, tt.fault)
				_, err := machines[0].oneCustomer(t.Context(), actito.Once("key"))
				h := inDoubt(t, err)
				ended := make(chan error, len(machines))
				for i, b := range machines {
					go func() {
						time.Sleep(time.Duration(i) * 40 * time.Second)
						_, err := b.client.Executions.Reconcile(t.Context(), h)
						if errors.Is(err, actito.ErrNotStarted) {
							_, again := b.oneCustomer(t.Context(), actito.Once("key"))
							err = errors.Join(err, again)
						}
						ended <- err
					}()
				}
				for range machines {
					err := <-ended
					require.Equal(t, tt.started, err == nil)
					require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
					require.NotErrorIs(t, err, actito.ErrAlreadyStarted)
				}
				require.Len(t, server.Imports(), 1)
				machines[0].counted(t, "Customers", 1, 0)
			}, actitotest.NamesMissing, actitotest.TimesInUTC, actitotest.IDOnlyInLocation)
		})
	}
}

// deaf is a ledger that notes what is reserved, and does not hear that it begins.
type deaf struct{ *actito.MemoryStore }

func (deaf) Begin(context.Context, string) error { return errUnreachable }

func TestAnImportThatIsSentUncountedIsNotTakenForOneThatWasNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		store := deaf{actito.NewMemoryStore(time.Now).(*actito.MemoryStore)}
		b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Store: store, FailOpen: true}))
		b.Assume(actitotest.ExecutionListExists)
		b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err := b.oneCustomer(t.Context())
		e, err := b.client.Executions.Reconcile(t.Context(), inDoubt(t, err))
		require.NoError(t, err)
		require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
		b.counted(t, "Customers", 1, 0)
	})
}
