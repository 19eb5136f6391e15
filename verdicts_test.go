package actito_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestNumbersThatDoNotAddUpAreNeverASuccess(t *testing.T) {
	t.Parallel()
	one := func(numbers string) string {
		return `{"id":"7","status":"SUCCESS","files":[{"fileName":"customers.csv","status":"SUCCESS"` + numbers + `}]}`
	}
	for name, tt := range map[string]struct {
		answer string // to the wait for one row that was sent
		want   error
		says   string
	}{
		"they add up":               {one(`,"rowsRead":1,"rowsCreated":0,"rowsUpdated":1,"rowsInError":0`), nil, ""},
		"they are not given":        {one(``), nil, ""},
		"they are given in part":    {one(`,"rowsRead":5`), nil, ""},
		"no file is named":          {`{"id":"7","status":"SUCCESS"}`, nil, ""},
		"the file has its own name": {strings.Replace(one(`,"rowsRead":1,"rowsCreated":1,"rowsUpdated":0,"rowsInError":0`), "customers", "17", 1), nil, ""},
		"fewer were read":           {one(`,"rowsRead":0,"rowsCreated":0,"rowsUpdated":0,"rowsInError":0`), actito.ErrRowsUnaccounted, "1 rows were sent and 0 read"},
		"more were read":            {one(`,"rowsRead":2,"rowsCreated":1,"rowsUpdated":1,"rowsInError":0`), actito.ErrRowsUnaccounted, "1 rows were sent and 2 read"},
		"fewer have an outcome":     {one(`,"rowsRead":1,"rowsCreated":0,"rowsUpdated":0,"rowsInError":0`), actito.ErrRowsUnaccounted, "of 1 rows read from customers.csv, 0 have an outcome"},
		"rejects do not hide it":    {one(`,"rowsRead":1,"rowsCreated":1,"rowsUpdated":0,"rowsInError":1`), actito.ErrRowsUnaccounted, "2 have an outcome"},
		"a failure comes first": {`{"id":"7","status":"FAILED","files":[{"fileName":"customers.csv","status":"FAILED","rowsRead":0,"rowsCreated":0,"rowsUpdated":0,"rowsInError":0}]}`,
			actito.ErrImportFailed, "customers.csv FAILED (failed): 0 rows read, 0 created, 0 updated, 0 rejected; 1 rows were sent and 0 read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			started, err := b.oneCustomer(t.Context())
			require.NoError(t, err)
			require.Equal(t, map[string]int{"customers.csv": 1}, started.Sent)
			b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"RUNNING"}`), jsonAnswer(tt.answer))
			running, err := b.client.Executions.Get(t.Context(), started.ID)
			require.NoError(t, err)
			require.Nil(t, running.Sent, "only the one that started it knows")
			e, err := b.client.Executions.Wait(t.Context(), started)
			require.Equal(t, started.Sent, e.Sent)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			for _, kind := range []error{actito.ErrRowsUnaccounted, actito.ErrImportFailed, actito.ErrRowsRejected} {
				require.Equal(t, errors.Is(tt.want, kind), errors.Is(err, kind), "%v", kind)
			}
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestVerdictsOnFiles(t *testing.T) {
	t.Parallel()
	for f, want := range map[actito.FileResult]actito.Verdict{
		{Status: actito.StatusSuccess}:              actito.Loaded,
		{Status: actito.StatusSuccess, Rejected: 1}: actito.LoadedWithRejects,
		{Status: actito.StatusWithError}:            actito.LoadedWithRejects,
		{Status: actito.StatusFailed}:               actito.NotLoaded,
		{Status: actito.StatusNotLoaded}:            actito.NotAttempted,
		{Status: actito.StatusRunning}:              actito.VerdictUnknown,
		{Status: "SKIPPED"}:                         actito.VerdictUnknown,
		{}:                                          actito.VerdictUnknown,
	} {
		require.Equal(t, want, f.Verdict(), "%q", f.Status)
	}
}

func TestTheErrorOfAnImportOfSeveralFilesTellsThemApart(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"FAILED","files":[
		{"fileName":"a.csv","status":"SUCCESS","rowsRead":3,"rowsCreated":1,"rowsUpdated":2,"rowsInError":0},
		{"fileName":"b.csv","status":"WITH_ERROR","rowsRead":3,"rowsCreated":0,"rowsUpdated":2,"rowsInError":1},
		{"fileName":"c.csv","status":"FAILED"},{"fileName":"d.csv","status":"NOT_LOADED"},{"fileName":"e.csv","status":"HALTED"}]}`))
	e, err := b.client.Executions.Get(t.Context(), "7")
	require.NoError(t, err)
	e.Refused = []actito.Refusal{{File: "a.csv", Row: 2, Reason: "erased", Key: "C2"}}
	_, err = b.client.Executions.Wait(t.Context(), e)
	require.ErrorIs(t, err, actito.ErrImportFailed)
	require.EqualError(t, err, "actito: import failed: execution 7 ended with FAILED: a.csv SUCCESS (loaded): 3 rows read, 1 created, 2 updated, 0 rejected; "+
		"b.csv WITH_ERROR (loaded with rejects): 3 rows read, 0 created, 2 updated, 1 rejected; "+
		"c.csv FAILED (failed); d.csv NOT_LOADED (not attempted); e.csv HALTED (unknown); 1 rows refused before sending; "+
		"send again: a.csv, b.csv, c.csv, d.csv, e.csv (all files)")
	require.Equal(t, actito.Account{Rows: 7, Accepted: 5, Rejected: 1, Refused: 1}, e.Account())

	// Of one in parts, which has no id of its own.
	e.ID, e.Parts = "", []*actito.Execution{{ID: "7", Sent: map[string]int{"a.csv": 6}}, {ID: "8", Sent: map[string]int{"a.csv": 4}}}
	require.ErrorContains(t, &actito.ImportError{Execution: e}, "execution 7, 8 ended")
	require.Equal(t, actito.Account{Rows: 11, Accepted: 5, Rejected: 1, Refused: 1, Unknown: 4}, e.Account())
}
