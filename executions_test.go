package actito_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestAWaitEndsWithTheExecution(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer  string
		want    error // nil for success
		summary string
	}{
		"success": {answer: `{"id":"7","status":"SUCCESS"}`},
		"success, with a file in a status from the future": {answer: `{"id":"7","status":"SUCCESS","files":[{"fileName":"a.csv","status":"FINE"}]}`},
		"success, and the file has rejects": {
			`{"id":"7","status":"SUCCESS","files":[{"fileName":"a.csv","status":"SUCCESS","rowsRead":3,"rowsCreated":1,"rowsUpdated":1,"rowsInError":1}]}`,
			actito.ErrRowsRejected, "a.csv SUCCESS (loaded with rejects): 3 rows read, 1 created, 1 updated, 1 rejected"},
		"rejected rows": {`{"id":7,"status":"WITH_ERROR"}`, actito.ErrRowsRejected, "no files"},
		"failed":        {`{"id":"7","status":"FAILED"}`, actito.ErrImportFailed, "no files"},
		"a failed file": {
			`{"id":"7","status":"WITH_ERROR","files":[{"fileName":"a.csv","status":"SUCCESS"},{"fileName":"b.csv","status":"FAILED"}]}`,
			actito.ErrImportFailed, "a.csv SUCCESS (loaded); b.csv FAILED (failed)"},
		"a file in a status from the future": {
			`{"id":"7","status":"WITH_ERROR","files":[{"fileName":"a.csv","status":"SKIPPED"}]}`, actito.ErrImportFailed, "a.csv SKIPPED"},
		"an unknown status with an end": {`{"id":"7","status":"CANCELLED","endMoment":"2026-11-23 06:01:10"}`, actito.ErrImportFailed, "no files"},
		"an end in an unknown form":     {`{"id":"7","status":"CANCELLED","endMoment":1795413670}`, actito.ErrImportFailed, "no files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			b.Fail(actitotest.OpExecutionGet, jsonAnswer(tt.answer))
			e, err := b.client.Executions.Wait(t.Context(), &actito.Execution{ID: "7"})
			require.Equal(t, "7", e.ID)
			require.True(t, e.Ended())
			require.JSONEq(t, tt.answer, string(e.Raw))
			require.Len(t, b.Requests(actitotest.OpExecutionGet), 1)
			if tt.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tt.want)
				var failed *actito.ImportError
				require.ErrorAs(t, err, &failed)
				require.Same(t, e, failed.Execution)
				require.Contains(t, failed.Summary(), tt.summary)
				require.ErrorContains(t, err, "execution 7")
			}
			// What has ended is not asked for again.
			_, again := b.client.Executions.Wait(t.Context(), e)
			require.Equal(t, err, again)
			require.Len(t, b.Requests(actitotest.OpExecutionGet), 1)
		})
	}
}

// polls are the times between the reads of an execution.
func (b *bulk) polls() []time.Duration {
	var gaps []time.Duration
	requests := b.Requests(actitotest.OpExecutionGet)
	for i := range requests[1:] {
		gaps = append(gaps, requests[i+1].Time.Sub(requests[i].Time))
	}
	return gaps
}

func TestAWaitAsksAtOnceAndThenEverMoreRarely(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t, actitotest.WithImportTimes(2*time.Hour, time.Hour)))
		b.Assume(actitotest.TimesInBrussels)
		began := time.Now()
		e, err := b.oneCustomer(t.Context())
		e = b.loads(t, e, err)
		require.WithinDuration(t, began.Add(3*time.Hour), time.Now(), time.Minute)
		require.WithinDuration(t, began.Add(2*time.Hour), e.Start, time.Second)
		require.WithinDuration(t, began.Add(3*time.Hour), e.End, time.Second)
		require.Equal(t, began, b.Requests(actitotest.OpExecutionGet)[0].Time)
		jitter := false
		pause := 5 * time.Second
		for i, gap := range b.polls() {
			require.GreaterOrEqual(t, gap, pause*8/10-time.Second, "gap %d", i)
			require.LessOrEqual(t, gap, pause, "gap %d", i)
			jitter = jitter || gap != pause
			pause = min(pause*3/2, time.Minute)
		}
		require.True(t, jitter)
	})
}

func TestAStatusThatNobodyKnowsCountsAsRunningForAnHour(t *testing.T) {
	t.Parallel()
	status := func(s string) actitotest.Fault { return jsonAnswer(`{"id":"7","status":"` + s + `"}`) }
	for name, tt := range map[string]struct {
		faults   []actitotest.Fault
		min, max time.Duration
		ends     bool
	}{
		"unchanged":       {faults(actitotest.Times(99, status("PAUSED"))), time.Hour, 62 * time.Minute, false},
		"missing":         {faults(actitotest.Times(99, jsonAnswer(`{}`))), time.Hour, 62 * time.Minute, false},
		"changed between": {faults(actitotest.Times(40, status("PAUSED")), actitotest.Times(99, status("RESUMED"))), 85 * time.Minute, 102 * time.Minute, false},
		"it ends in time": {faults(actitotest.Times(40, status("PAUSED")), status("SUCCESS")), 25 * time.Minute, 40 * time.Minute, true},
		"a known status":  {faults(actitotest.Times(150, status("RUNNING")), status("SUCCESS")), 110 * time.Minute, 3 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t))
				b.Fail(actitotest.OpExecutionGet, tt.faults...)
				began := time.Now()
				e, err := b.client.Executions.Wait(t.Context(), &actito.Execution{ID: "7"})
				require.Equal(t, "7", e.ID)
				if tt.ends {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, actito.ErrStatusUnknown)
				}
				require.Greater(t, time.Since(began), tt.min)
				require.Less(t, time.Since(began), tt.max)
			})
		})
	}
}

func TestAWaitToleratesFailuresThatMayPass(t *testing.T) {
	t.Parallel()
	success := jsonAnswer(`{"id":"7","status":"SUCCESS"}`)
	slow := actitotest.Status(503).WithHeader("Retry-After", "300")
	page := actitotest.Status(200).WithBody("text/html", "<h1>Please log in</h1>")
	for name, tt := range map[string]struct {
		faults   []actitotest.Fault
		want     error
		min, max time.Duration
	}{
		"not found at first":      {faults(actitotest.Times(4, actitotest.Status(404)), success), nil, 0, time.Minute},
		"not found after a while": {faults(actitotest.Times(99, actitotest.Status(404))), actito.ErrNotFound, time.Minute, 2 * time.Minute},
		"not found any more":      {faults(actitotest.Times(20, jsonAnswer(`{"status":"RUNNING"}`)), actitotest.Status(404)), actito.ErrNotFound, 10 * time.Minute, time.Hour},
		"busy for some minutes":   {faults(actitotest.Times(20, actitotest.Status(503)), success), nil, 4 * time.Minute, 10 * time.Minute},
		"cut off for a while":     {faults(actitotest.Times(18, actitotest.Refuse()), success), nil, time.Minute, 10 * time.Minute},
		"too many requests":       {faults(actitotest.Times(18, actitotest.Status(429)), success), nil, time.Minute, 10 * time.Minute},
		"a proxy's page at first": {faults(actitotest.Times(3, page), success), nil, 0, time.Minute},
		"a page for ten minutes":  {faults(actitotest.Times(99, page)), errStatus(200), 10 * time.Minute, 12 * time.Minute},
		"busy for ten minutes":    {faults(actitotest.Times(999, actitotest.Status(503))), errStatus(503), 10 * time.Minute, 12 * time.Minute},
		"asked to wait":           {faults(slow, success), nil, 5 * time.Minute, 6 * time.Minute},
		"asked to wait for a day": {faults(actitotest.Times(9, actitotest.Status(503).WithHeader("Retry-After", "86400"))), errStatus(503),
			10 * time.Minute, 12 * time.Minute},
		"each answer begins another ten minutes": {faults(slow, jsonAnswer(`{"status":"RUNNING"}`), slow, slow, success), nil,
			15 * time.Minute, 16 * time.Minute},
		"forbidden":    {faults(actitotest.Status(403)), actito.ErrForbidden, -1, time.Second},
		"unauthorized": {faults(actitotest.Times(2, actitotest.Status(401))), actito.ErrUnauthorized, -1, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t))
				b.Fail(actitotest.OpExecutionGet, tt.faults...)
				began := time.Now()
				e, err := b.client.Executions.Wait(t.Context(), &actito.Execution{ID: "7"})
				require.Equal(t, "7", e.ID)
				if status, ok := errors.AsType[errStatus](tt.want); ok {
					var api *actito.APIError
					require.ErrorAs(t, err, &api)
					require.Equal(t, int(status), api.Status)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				require.GreaterOrEqual(t, time.Since(began), tt.min)
				require.Less(t, time.Since(began), tt.max)
			})
		})
	}
}

// errStatus stands for an APIError of this status.
type errStatus int

func (errStatus) Error() string { return "status" }

func TestWhoLeavesAWaitLeavesTheImportAlone(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]actitotest.Fault{
		"between two reads":     nil,
		"during a read":         {actitotest.Pass(), actitotest.Pass(), actitotest.Hang()},
		"during the first read": {actitotest.Hang()},
		"while the server is unwell": {actitotest.Pass(), actitotest.Times(999,
			actitotest.Status(503))},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t, actitotest.WithImportTimes(time.Minute, time.Hour)))
				e, err := b.oneCustomer(t.Context())
				require.NoError(t, err)
				b.Fail(actitotest.OpExecutionGet, faults...)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(23*time.Second, cancel)
				left, err := b.client.Executions.Wait(ctx, e)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorContains(t, err, "goes on")
				require.Equal(t, e.ID, left.ID)
				require.False(t, left.Ended())
				if name == "during the first read" || name == "while the server is unwell" {
					return
				}
				require.Equal(t, actito.StatusQueued, left.Status, "the latest state that was seen")
				b.loads(t, left, nil)
			})
		})
	}
	t.Run("a deadline that ends the wait in this process", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			b := newBulk(t, inMemory(t, actitotest.WithImportTimes(time.Minute, time.Hour)))
			e, err := b.oneCustomer(t.Context())
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			began := time.Now()
			e, err = b.client.Executions.Wait(ctx, e)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, actito.StatusRunning, e.Status)
			require.Equal(t, 10*time.Minute, time.Since(began))
		})
	})
}

func TestAWaitForNothingIsAnError(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	for _, e := range []*actito.Execution{nil, {}} {
		got, err := b.client.Executions.Wait(t.Context(), e)
		require.ErrorIs(t, err, actito.ErrInvalid)
		require.NotNil(t, got)
	}
	require.Empty(t, b.Requests())
}

func TestAnImportErrorCountsAndShowsNoValues(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
			b.customers.Rows("customers.csv", all(annRow, customer{ID: "C2", Email: "secret@nowhere", FirstName: "Hidden"}), named))
		e, err = b.ends(t, e, err)
		var rejected *actito.ImportError
		require.ErrorAs(t, err, &rejected)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.NotErrorIs(t, err, actito.ErrImportFailed)
		require.Equal(t, "customers.csv WITH_ERROR (loaded with rejects): 2 rows read, 1 created, 0 updated, 1 rejected", rejected.Summary())
		for _, secret := range []string{"secret", "Hidden", "C2"} {
			require.NotContains(t, err.Error(), secret)
		}
		require.Equal(t, actito.FileResult{Read: 2, Created: 1, Rejected: 1}, e.Totals())
		require.Contains(t, string(e.Raw), `"origin"`, "what the library does not know is kept")
	}, everyOpposite...)
}

func TestAFailedFileIsNeverASuccess(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		_, err := b.customers.Upsert(t.Context(), annRow)
		require.NoError(t, err)
		etl := b.stored(t, b.customers.InputFile("customers.csv", named), b.orders.InputFile("orders.csv"))
		b.Fail(actitotest.OpETLGet, actitotest.Status(403)) // so that the missing column is not noticed here
		e, err := b.client.ETLs.Trigger(t.Context(), etl, actito.Loads("Customers", "Orders"),
			actito.DataBytes("customers.csv", []byte("customerID\nC1\n")), b.orders.Rows("orders.csv", all(order{"O1", "C1", 1})))
		e, err = b.ends(t, e, err)
		require.ErrorIs(t, err, actito.ErrImportFailed)
		require.NotErrorIs(t, err, actito.ErrRowsRejected)
		require.ErrorContains(t, err, "customers.csv FAILED")
		require.Len(t, b.Records("Orders"), e.Totals().Created, "what was loaded is told")
		b.counted(t, "Customers", 1, 0)
		b.counted(t, "Orders", 1, 0)
	}, actitotest.FailedFilePasses, actitotest.FailedRunsFree, actitotest.ResultFilesMissing)
}

func TestTimesAreReadInTheClientsZone(t *testing.T) {
	t.Parallel()
	for zone, world := range map[string]actitotest.Assumption{"Europe/Brussels": actitotest.TimesInBrussels, "UTC": actitotest.TimesInUTC} {
		t.Run(zone, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := newBulk(t, inMemory(t, actitotest.WithImportTimes(time.Minute, time.Minute)), actito.WithTimeZone(zone))
				b.Assume(world, actitotest.ExecutionListExists)
				began := time.Now()
				e, err := b.oneCustomer(t.Context())
				e = b.loads(t, e, err)
				require.WithinDuration(t, began.Add(time.Minute), e.Start, time.Second)
				require.WithinDuration(t, began.Add(2*time.Minute), e.End, time.Second)
				list, err := b.client.Executions.List(t.Context(), actito.ExecutionFilter{From: began, To: began.Add(time.Second)})
				require.NoError(t, err)
				require.Len(t, list, 1)
				list, err = b.client.Executions.List(t.Context(), actito.ExecutionFilter{From: began.Add(time.Minute)})
				require.NoError(t, err)
				require.Empty(t, list)
			})
		})
	}
	t.Run("a wait does not depend on them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBulk(t, inMemory(t, actitotest.WithImportTimes(time.Minute, time.Minute)))
			b.Assume(actitotest.TimesInUTC)
			began := time.Now()
			e, err := b.oneCustomer(t.Context())
			b.loads(t, e, err)
			require.Less(t, time.Since(began), 4*time.Minute)
		})
	})
}

func TestExecutionsAreListedWhereTheyCanBe(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ExecutionListExists)
	etl := b.stored(t, b.customers.InputFile("customers.csv", named))
	e, err := b.client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte(annCSV)))
	e = b.loads(t, e, err)
	require.Equal(t, etl, e.ETLID)
	one, err := b.oneCustomer(t.Context())
	require.NoError(t, err)
	require.Empty(t, one.ETLID)
	for filter, want := range map[actito.ExecutionFilter]int{{}: 2, {ETLID: etl}: 1, {ETLID: "1"}: 0} {
		list, err := b.client.Executions.List(t.Context(), filter)
		require.NoError(t, err)
		require.Len(t, list, want)
		if filter.ETLID == etl {
			read, err := b.client.Executions.Get(t.Context(), e.ID) // which does not know what was sent either
			require.NoError(t, err)
			require.Equal(t, read, list[0])
		}
	}
	b.Fail(actitotest.OpExecutionList, jsonAnswer(`[{"id":1,"status":"SUCCESS"},{"id":"2","status":"NEW_ONE","x":{}}]`))
	list, err := b.client.Executions.List(t.Context(), actito.ExecutionFilter{})
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, []string{list[0].ID, list[1].ID})
	b.Assume(actitotest.ExecutionListMissing)
	_, err = b.client.Executions.List(t.Context(), actito.ExecutionFilter{})
	require.ErrorIs(t, err, actito.ErrNotFound)
	_, err = b.client.Executions.Get(t.Context(), "")
	require.Error(t, err)
	require.NotErrorIs(t, err, actito.ErrNotFound)
}

func TestAnExecutionShowsItselfInALine(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*actito.Execution{
		"execution 7 of ETL 12: not read yet":                                               {ID: "7", ETLID: "12"},
		"execution 7: WITH_ERROR, 9 rows read, 4 created, 3 updated, 2 rejected, 1 refused": {ID: "7", Status: actito.StatusWithError, Files: []actito.FileResult{{Name: "a.csv", Read: 9, Created: 4, Updated: 3, Rejected: 2}}, Refused: make([]actito.Refusal, 1), Raw: []byte(`{"name":"ann@example.com"}`)},
		"execution 7, 8: RUNNING":                                                           {Status: actito.StatusRunning, Parts: []*actito.Execution{{ID: "7"}, {ID: "8"}}},
		"execution of ETL 12: DRY_RUN":                                                      {ETLID: "12", Status: actito.StatusDryRun},
	} {
		require.Equal(t, want, e.String())
	}
}
