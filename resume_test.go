package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/internal/race"
)

// doubted are the worlds that decide what can be found out about an import.
var doubted = []actitotest.Assumption{actitotest.NamesMissing, actitotest.ExecutionListMissing, actitotest.TimesInUTC, actitotest.IDOnlyInLocation}

// inDoubt is the handle of an import that ended with an outcome that is not known.
func inDoubt(t testing.TB, err error) actito.Handle {
	t.Helper()
	var unknown *actito.OutcomeUnknownError
	require.ErrorAs(t, err, &unknown)
	require.ErrorContains(t, err, "Executions.Reconcile")
	return unknown.Handle
}

// inBubbleBothWays is bothWays with a bubble around each test.
func inBubbleBothWays(t *testing.T, test func(t *testing.T, start start)) {
	t.Helper()
	bothWays(t, func(t *testing.T, start start) {
		synctest.Test(t, func(t *testing.T) { test(t, start) })
	})
}

var annFile = actito.DataBytes("customers.csv", []byte(annCSV))

func TestReconcileFindsOutWhetherAnImportStarted(t *testing.T) {
	t.Parallel()
	for name, tt := range race.Cases(map[string]struct {
		fault   actitotest.Fault
		started bool
	}{
		"the answer was lost":         {actitotest.LoseAnswer(), true},
		"the answer was cut":          {actitotest.CutAnswer(3), true},
		"the upload was cut":          {actitotest.CutRequest(10), false},
		"the server failed":           {actitotest.Status(500), false},
		"a proxy failed":              {actitotest.Status(503).WithBody("text/html", "<html>"), false},
		"the answer names no id":      {actitotest.Status(200).WithBody("application/json", "{}"), false},
		"the server waited too long":  {actitotest.Hang(), false},
		"the answer was a proxy's":    {actitotest.Status(200).WithBody("text/html", "<html>"), false},
		"the answer led to elsewhere": {actitotest.Redirect(302, "https://elsewhere.test/"), false},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
				inBubbleBothWays(t, func(t *testing.T, start start) {
					b := newBulk(t, inMemory(t))
					b.Assume(world...)
					b.Fail(actitotest.OpRunOnce, tt.fault)
					b.Fail(actitotest.OpETLTrigger, tt.fault)
					key := actito.Once("key")
					_, err := start(t.Context(), t, b, annFile, key)
					h := inDoubt(t, err)
					b.counted(t, "Customers", 0, 1)

					if slices.Contains(world, actitotest.ExecutionListMissing) {
						e, err := b.client.Executions.Reconcile(t.Context(), h)
						require.Nil(t, e)
						require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
						require.ErrorIs(t, err, actito.ErrNotFound)
						require.ErrorContains(t, err, `Actito's UI and call Quota.Settle for "`+h.ID+`"`)
						require.NotContains(t, err.Error(), "Executions.Reconcile")
						_, err = start(t.Context(), t, b, annFile, key)
						require.ErrorIs(t, err, actito.ErrAlreadyStarted)
						require.Len(t, b.starts(), 1, "what may have started is not started again")
						b.counted(t, "Customers", 0, 1)
						require.NoError(t, b.client.Quota.Settle(t.Context(), h.ID, actito.Free()))
						return
					}
					for range 2 { // a second time changes nothing
						e, err := b.client.Executions.Reconcile(t.Context(), h)
						if !tt.started {
							require.ErrorIs(t, err, actito.ErrNotStarted)
							require.Nil(t, e)
							b.counted(t, "Customers", 0, 0)
							continue
						}
						require.NoError(t, err)
						require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
						b.counted(t, "Customers", 1, 0)
					}
					e, err := start(t.Context(), t, b, annFile, key)
					require.NoError(t, err)
					require.Equal(t, tt.started, e.AlreadyStarted)
					require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
					require.Len(t, b.Imports(), 1)
					b.counted(t, "Customers", 1, 0)
				})
			}, doubted...)
		})
	}
}

func TestReconcileWaitsUntilTheListHasCaughtUp(t *testing.T) {
	t.Parallel()
	for name, world := range map[string]actitotest.Assumption{"names are told": actitotest.NamesInExecutions, "names are missing": actitotest.NamesMissing} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubbleBothWays(t, func(t *testing.T, start start) {
				b := newBulk(t, inMemory(t, actitotest.WithImportTimes(time.Minute, 4*time.Minute)))
				b.Assume(world, actitotest.ExecutionListExists)
				b.ListLag(110 * time.Second)
				b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
				b.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
				began := time.Now()
				_, err := start(t.Context(), t, b, annFile)
				e, err := b.client.Executions.Reconcile(t.Context(), inDoubt(t, err))
				require.NoError(t, err)
				require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
				require.Less(t, time.Since(began), 8*time.Minute)
				if world == actitotest.NamesMissing {
					require.Greater(t, time.Since(began), 5*time.Minute, "only its end tells its rows")
				}
				b.counted(t, "Customers", 1, 0)
				b.loads(t, e, nil)
			})
		})
	}
	t.Run("and no longer, where nothing comes", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			b := newBulk(t, inMemory(t))
			b.Assume(actitotest.ExecutionListExists)
			b.Fail(actitotest.OpRunOnce, actitotest.CutRequest(5))
			b.Fail(actitotest.OpExecutionList, actitotest.Status(200).WithBody("text/html", "<h1>Please log in</h1>"), actitotest.Times(11, actitotest.Status(503)))
			_, err := b.oneCustomer(t.Context())
			h := inDoubt(t, err)
			began := time.Now()
			_, err = b.client.Executions.Reconcile(t.Context(), h)
			require.ErrorIs(t, err, actito.ErrNotStarted)
			require.GreaterOrEqual(t, time.Since(began), 2*time.Minute)
			require.Less(t, time.Since(began), 10*time.Minute)

			h.Ended = time.Now().Add(time.Hour) // by a clock that is wrong
			began = time.Now()
			_, err = b.client.Executions.Reconcile(t.Context(), h)
			require.ErrorIs(t, err, actito.ErrNotStarted)
			require.Less(t, time.Since(began), 4*time.Minute)
		})
	})
}

func TestReconcileEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ExecutionListExists)
		b.Fail(actitotest.OpRunOnce, actitotest.CutRequest(5))
		_, err := b.oneCustomer(t.Context())
		h := inDoubt(t, err)
		for _, fault := range []actitotest.Fault{actitotest.Pass(), actitotest.Hang(), actitotest.Times(99, actitotest.Status(503))} {
			b.Fail(actitotest.OpExecutionList, fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			began := time.Now()
			_, err := b.client.Executions.Reconcile(ctx, h)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
			require.LessOrEqual(t, time.Since(began), time.Minute)
			cancel()
		}
		b.counted(t, "Customers", 0, 1)
	})
}

func TestAnImportThatSyncFoundIsCountedOnceWhenItIsReconciled(t *testing.T) {
	t.Parallel()
	inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ExecutionListExists)
		b.Assume(world...)
		b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err := b.oneCustomer(t.Context())
		h := inDoubt(t, err)
		_, err = b.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		b.counted(t, "Customers", 1, 1)
		_, err = b.client.Executions.Reconcile(t.Context(), h)
		require.NoError(t, err)
		b.counted(t, "Customers", 1, 0)
		report, err := b.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Zero(t, report.Counted)
		b.counted(t, "Customers", 1, 0)
	}, actitotest.NamesMissing, actitotest.TimesInUTC, actitotest.IDOnlyInLocation)
}

func TestAnImportThatIsNotInThisLedgerIsCountedWhenItIsFound(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := inMemory(t)
		server.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions)
		before, after := newBulk(t, server), newBulk(t, server)
		server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err := before.both(t.Context())
		h := inDoubt(t, err)
		for range 2 {
			e, err := after.client.Executions.Reconcile(t.Context(), h)
			require.NoError(t, err)
			require.Equal(t, server.Imports()[0].ExecutionID, e.ID)
			after.counted(t, "Customers", 1, 0)
			after.counted(t, "Orders", 1, 0)
		}
		report, err := after.client.Quota.Sync(t.Context())
		require.NoError(t, err)
		require.Zero(t, report.Counted)

		server.Assume(actitotest.NamesMissing)
		server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err = before.oneCustomer(t.Context())
		e, err := after.client.Executions.Reconcile(t.Context(), inDoubt(t, err))
		require.Nil(t, e, "it may as well be an import that this ledger does not know either")
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		require.ErrorContains(t, err, "execution "+server.Imports()[1].ExecutionID)
	})
}

func TestOfTwoImportsThatLookTheSameNoneIsTakenForTheOther(t *testing.T) {
	t.Parallel()
	for name, world := range map[string]actitotest.Assumption{"names are told": actitotest.NamesInExecutions, "names are missing": actitotest.NamesMissing} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t))
				b.Assume(world, actitotest.ExecutionListExists)
				b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer(), actitotest.CutRequest(5))
				_, err := b.oneCustomer(t.Context())
				first := inDoubt(t, err)
				_, err = b.oneCustomer(t.Context())
				second := inDoubt(t, err)
				for range 2 {
					_, one := b.client.Executions.Reconcile(t.Context(), first)
					_, two := b.client.Executions.Reconcile(t.Context(), second)
					if world == actitotest.NamesInExecutions {
						require.NoError(t, one)
						require.ErrorIs(t, two, actito.ErrNotStarted)
						b.counted(t, "Customers", 1, 0)
						continue
					}
					require.ErrorIs(t, one, actito.ErrOutcomeUnknown)
					require.ErrorIs(t, two, actito.ErrOutcomeUnknown)
					b.counted(t, "Customers", 0, 2)
				}
				require.NoError(t, b.client.Quota.Settle(t.Context(), first.ID, actito.Used(b.Imports()[0].ExecutionID)))
				_, err = b.client.Executions.Reconcile(t.Context(), second)
				require.ErrorIs(t, err, actito.ErrNotStarted)
				b.counted(t, "Customers", 1, 0)
			})
		})
	}
}

func TestAnImportIsPreparedBeforeItsFirstByte(t *testing.T) {
	t.Parallel()
	inBubbleBothWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		var handles []actito.Handle
		prepared := actito.OnPrepared(func(h actito.Handle) error {
			handles = append(handles, h)
			require.Empty(t, b.starts())
			b.counted(t, "Customers", 0, 1)
			return nil
		})
		e, err := start(t.Context(), t, b, annFile, prepared, actito.Once("key"))
		require.NoError(t, err)
		require.Len(t, handles, 1)
		h := handles[0]
		require.Equal(t, []actito.HandleFile{{Name: "customers.csv", Rows: 1, Table: "16", Mode: actito.CreateUpdate}}, h.Files)
		require.Equal(t, []string{"16"}, h.Tables)
		require.Equal(t, []any{"MyEntity", e.ETLID}, []any{h.Entity, h.ETLID})
		require.Contains(t, string(b.starts()[0].Body), h.Mark)
		text, err := json.Marshal(h)
		require.NoError(t, err)
		require.NotContains(t, string(text)+h.String(), "ann@")
		require.Contains(t, h.String(), "customers.csv (1 rows)")
		var read actito.Handle
		require.NoError(t, json.Unmarshal(text, &read))
		require.Equal(t, h.String(), read.String())

		e, err = b.client.Executions.Resume(t.Context(), read)
		require.NoError(t, err)
		require.Equal(t, []any{b.Imports()[0].ExecutionID, 1}, []any{e.ID, e.Totals().Read})
		require.Empty(t, b.Requests(actitotest.OpExecutionList), "the ledger knows")

		_, err = start(t.Context(), t, b, annFile, prepared, actito.Once("key"))
		require.NoError(t, err)
		require.Len(t, handles, 1, "nothing is sent with a key that was used")
	})
}

func TestAnImportThatCannotBePreparedIsNotSent(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, start start) {
		b := newBulk(t, inMemory(t))
		full := errors.New("the disk is full")
		_, err := start(t.Context(), t, b, annFile, actito.OnPrepared(func(actito.Handle) error { return full }))
		require.ErrorIs(t, err, full)
		require.ErrorContains(t, err, "OnPrepared")
		b.untouched(t)
	})
}

func TestWhoResumesAnImportThatHasNotBegunEndsIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		_, err := b.oneCustomer(t.Context(), actito.OnPrepared(func(h actito.Handle) error {
			e, err := b.client.Executions.Resume(t.Context(), h)
			require.ErrorIs(t, err, actito.ErrNotStarted)
			require.Nil(t, e)
			return nil
		}))
		require.ErrorIs(t, err, actito.ErrReservationLost, "and it is not reserved anew")
		b.untouched(t)
	})
}

func TestAHandleThatTellsNothingIsRefused(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t), actito.WithQuota(actito.Quota{Licence: "one"}))
	now := time.Now()
	for name, h := range map[string]actito.Handle{
		"empty":               {},
		"without an entity":   {ID: "one/1", Prepared: now},
		"without a time":      {ID: "one/1", Entity: "MyEntity"},
		"of another licence":  {ID: "two/1", Entity: "MyEntity", Prepared: now, Tables: []string{"16"}},
		"in a part of it":     {Entity: "MyEntity", Parts: []actito.Handle{{ID: "two/1", Entity: "MyEntity", Prepared: now, Tables: []string{"16"}}}},
		"without tables":      {ID: "one/1", Entity: "MyEntity", Prepared: now},
		"in an empty part":    {Entity: "MyEntity", Parts: []actito.Handle{{Entity: "MyEntity", Prepared: now}}},
		"in parts of a part":  {Entity: "MyEntity", Parts: []actito.Handle{{Parts: []actito.Handle{{ID: "one/1"}}}}},
		"with a foreign mark": {ID: "one/1", Entity: "MyEntity", Prepared: now, Tables: []string{"16"}, Mark: "run-A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := b.client.Executions.Resume(t.Context(), h)
			require.ErrorIs(t, err, actito.ErrInvalid)
			require.ErrorContains(t, err, "Handle")
			require.Nil(t, e)
		})
	}
	t.Run("of a later version", func(t *testing.T) {
		t.Parallel()
		var h actito.Handle
		require.ErrorContains(t, json.Unmarshal([]byte(`{"version":2,"id":"1/2"}`), &h), "version 2")
		require.Error(t, json.Unmarshal([]byte(`{"id":"1/2"}`), &h))
		require.NoError(t, json.Unmarshal([]byte(`{"version":1,"id":"1/2","new":true}`), &h))
	})
}

func TestAOneShotCarriesItsMarkBehindItsName(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	f := b.customers.InputFile("customers.csv", named)
	var h actito.Handle
	prepared := actito.OnPrepared(func(prepared actito.Handle) error { h = prepared; return nil })
	name := func(d actito.Definition) string {
		_, err := b.client.ETLs.RunOnce(t.Context(), d, annFile, prepared)
		require.NoError(t, err)
		starts := b.starts()
		var sentAs struct{ Name string }
		require.NoError(t, json.Unmarshal(sent(t, starts[len(starts)-1]).definition, &sentAs))
		return sentAs.Name
	}
	got := name(actito.Definition{Name: "spring", Files: []actito.InputFile{f}})
	require.Equal(t, "spring ["+h.Mark+"]", got)
	require.Regexp(t, `^run-[A-Z2-7]{16}$`, h.Mark)
	got = name(actito.Definition{Files: []actito.InputFile{f}})
	require.Equal(t, h.Mark, got)
	own := map[string]json.RawMessage{"name": json.RawMessage(`"own"`)}
	require.Equal(t, "own", name(actito.Definition{Name: "spring", Files: []actito.InputFile{f}, Extra: own}), "what the caller wrote stays")
	require.Regexp(t, `^zip-[A-Z2-7]{16}$`, h.Mark)
	require.Equal(t, "customers.csv-"+h.Mark+".zip", b.Imports()[2].Files[0].Name)
}

func TestCancellingAnImportEndsItWithTheRightError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		during  string
		unknown bool
		starts  int
	}{
		"while its definition is read": {during: "lookup"},
		"while it is prepared":         {during: "prepared"},
		"while it waits for its turn":  {during: "turn"},
		"while it is uploaded":         {during: "upload", unknown: true, starts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubbleBothWays(t, func(t *testing.T, start start) {
				ctx, cancel := context.WithCancel(t.Context())
				soon := func() { time.AfterFunc(time.Second, cancel) }
				blocks := false
				limiter := limiterFunc(func(ctx context.Context, w actito.Work) (func(), error) {
					if w.Transfer && blocks {
						soon()
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return func() {}, nil
				})
				b := newBulk(t, inMemory(t), actito.WithLimiter(limiter))
				b.Assume(actitotest.ExecutionListExists)
				_, err := start(t.Context(), t, b, actito.DataBytes("customers.csv", []byte("customerID\n")))
				require.ErrorIs(t, err, actito.ErrNoRows) // what is looked up is known now
				opts := []actito.ImportOption{annFile}
				began := time.Now()
				switch tt.during {
				case "lookup":
					opts[0] = b.customers.Rows("customers.csv", all(annRow), named)
					b.Fail(actitotest.OpETLGet, actitotest.Hang())
					soon()
					if len(b.Requests(actitotest.OpETLGet)) == 0 {
						cancel() // a one shot looks nothing up any more
					}
				case "prepared":
					opts = append(opts, actito.OnPrepared(func(actito.Handle) error { cancel(); return nil }))
				case "turn":
					blocks = true
				case "upload":
					b.Fail(actitotest.OpRunOnce, actitotest.Hang())
					b.Fail(actitotest.OpETLTrigger, actitotest.Hang())
					soon()
				}
				_, err = start(ctx, t, b, opts...)
				require.ErrorIs(t, err, context.Canceled)
				require.LessOrEqual(t, time.Since(began), time.Second)
				require.Equal(t, tt.unknown, errors.Is(err, actito.ErrOutcomeUnknown))
				require.Len(t, b.starts(), tt.starts)
				if !tt.unknown {
					b.untouched(t)
					return
				}
				b.counted(t, "Customers", 0, 1)
				_, err = b.client.Executions.Reconcile(t.Context(), inDoubt(t, err))
				require.ErrorIs(t, err, actito.ErrNotStarted)
				b.counted(t, "Customers", 0, 0)
			})
		})
	}
}

func TestWhoLeavesAResumedImportLeavesItAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t, actitotest.WithImportTimes(time.Minute, time.Hour)))
		b.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions)
		b.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		_, err := b.oneCustomer(t.Context())
		h := inDoubt(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		e, err := b.client.Executions.Resume(ctx, h)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, actito.ErrOutcomeUnknown)
		require.Equal(t, b.Imports()[0].ExecutionID, e.ID)
		b.counted(t, "Customers", 1, 0)
		e, err = b.client.Executions.Resume(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, actito.StatusSuccess, e.Status)
	})
}
