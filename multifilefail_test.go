package actito_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// In both worlds, by a file each or in one archive, one of three files fails, and what the error says to send again loads
// everything.
func TestAOneShotOfWhichAFileFailsIsRepeated(t *testing.T) {
	t.Parallel()
	const loaded, failed, notTried, rejects = actito.Loaded, actito.NotLoaded, actito.NotAttempted, actito.LoadedWithRejects
	stops, passes := actitotest.FailedFileStops, actitotest.FailedFilePasses
	everything := []string{"customers.csv", "orders.csv", "lines.csv"}
	for name, tt := range map[string]struct {
		world    actitotest.Assumption
		fails    string
		optional []string
		verdicts []actito.Verdict
		account  actito.Account
		again    []string
	}{
		"the first, and it stops the others":          {stops, "customers", nil, []actito.Verdict{failed, notTried, notTried}, actito.Account{Rows: 3, Unknown: 3}, everything},
		"the second, and it stops the third":          {stops, "orders", nil, []actito.Verdict{loaded, failed, notTried}, actito.Account{Rows: 3, Accepted: 1, Unknown: 2}, everything},
		"the third, which could stop none":            {stops, "lines", nil, []actito.Verdict{loaded, loaded, failed}, actito.Account{Rows: 3, Accepted: 2, Unknown: 1}, everything},
		"the first, and the others are tried":         {passes, "customers", nil, []actito.Verdict{failed, rejects, rejects}, actito.Account{Rows: 3, Rejected: 2, Unknown: 1}, everything},
		"the second, and the third is tried":          {passes, "orders", nil, []actito.Verdict{loaded, failed, rejects}, actito.Account{Rows: 3, Accepted: 1, Rejected: 1, Unknown: 1}, everything},
		"the third, where others are tried":           {passes, "lines", nil, []actito.Verdict{loaded, loaded, failed}, actito.Account{Rows: 3, Accepted: 2, Unknown: 1}, everything},
		"the third, and an optional one was loaded":   {stops, "lines", []string{"orders.csv"}, []actito.Verdict{loaded, loaded, failed}, actito.Account{Rows: 3, Accepted: 2, Unknown: 1}, []string{"customers.csv", "lines.csv"}},
		"the second, which is optional":               {passes, "orders", []string{"orders.csv"}, []actito.Verdict{loaded, failed, rejects}, actito.Account{Rows: 3, Accepted: 1, Rejected: 1, Unknown: 1}, everything},
		"the second, and the third was not tried":     {stops, "orders", []string{"customers.csv", "lines.csv"}, []actito.Verdict{loaded, failed, notTried}, actito.Account{Rows: 3, Accepted: 1, Unknown: 2}, []string{"orders.csv", "lines.csv"}},
		"the first, of which all others are optional": {passes, "customers", []string{"orders.csv", "lines.csv"}, []actito.Verdict{failed, rejects, rejects}, actito.Account{Rows: 3, Rejected: 2, Unknown: 1}, everything},
	} {
		for how, opts := range map[string][]actito.ImportOption{"a file each": nil, "one archive": {actito.OneArchive()}} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				b := newChain(t)
				b.Assume(tt.world)
				d := inOrder("customers orders lines")
				for i := range d.Files {
					d.Files[i].Optional = slices.Contains(tt.optional, d.Files[i].FileNamePattern)
				}
				b.FailFile(tt.fails+".csv", "out of space")
				e, err := b.client.ETLs.RunOnce(t.Context(), d, append(dataOf("lines customers orders"), opts...)...)
				e, err = b.ends(t, e, err)
				var failed *actito.ImportError
				require.ErrorAs(t, err, &failed)
				require.ErrorIs(t, err, actito.ErrImportFailed)
				var verdicts []actito.Verdict
				for _, f := range e.Files {
					verdicts = append(verdicts, f.Verdict())
				}
				require.Equal(t, tt.verdicts, verdicts)
				require.Equal(t, tt.account, e.Account())
				require.Equal(t, tt.again, failed.Again())
				require.ErrorContains(t, err, "does no harm")

				again := append([]actito.ImportOption{actito.Repeats(failed)}, opts...)
				for _, name := range failed.Again() {
					again = append(again, chainData[name[:len(name)-len(".csv")]])
				}
				e, err = b.client.ETLs.RunOnce(t.Context(), d, again...)
				b.loads(t, e, err)
				require.Len(t, b.Profiles("Customers"), 1)
				require.Len(t, b.Records("Orders"), 1)
				require.Len(t, b.Records("Lines"), 1)
			})
		}
	}
}

// Where the server does not say how many rows of a file were created, there may be some.
func TestAFileThatOnlyCreatesIsRepeatedOnlyWhereNoneOfItsRowsWasCreated(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files string // of the execution
		may   bool
		text  string
	}{
		"some were":                      {`{"fileName":"customers.csv","status":"FAILED","rowsRead":3,"rowsCreated":2,"rowsUpdated":0,"rowsInError":1}`, true, "2 of its rows were created"},
		"none was":                       {`{"fileName":"customers.csv","status":"FAILED","rowsRead":0,"rowsCreated":0,"rowsUpdated":0,"rowsInError":0}`, false, ""},
		"it was not tried":               {`{"fileName":"customers.csv","status":"NOT_LOADED"}`, false, ""},
		"it does not count":              {`{"fileName":"customers.csv","status":"FAILED"}`, true, "does not tell whether rows of it were created"},
		"it names the file in its way":   {`{"fileName":"customers","status":"FAILED","rowsRead":3,"rowsCreated":2,"rowsUpdated":0,"rowsInError":1}`, true, "does not tell whether rows of it were created"},
		"it names no file":               {``, true, "does not tell whether rows of it were created"},
		"of one in parts, some were not": {`{"fileName":"customers.csv","status":"NOT_LOADED"},{"fileName":"customers.csv","status":"SUCCESS"}`, true, "does not tell whether rows of it were created"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			d := inOrder("customers orders")
			d.Files[0].Mode = actito.CreateOnly
			e, err := b.client.ETLs.RunOnce(t.Context(), d, dataOf("customers orders")...)
			require.NoError(t, err)
			b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"1","status":"FAILED","files":[`+tt.files+`]}`))
			_, err = b.client.Executions.Wait(t.Context(), e)
			var failed *actito.ImportError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, []string{"customers.csv", "orders.csv"}, failed.Again())

			fresh := newChain(t)
			e, again := fresh.client.ETLs.RunOnce(t.Context(), d, append(dataOf("customers orders"), actito.Repeats(failed))...)
			if !tt.may {
				require.ErrorContains(t, err, "does no harm")
				fresh.loads(t, e, again)
				return
			}
			require.NotContains(t, err.Error(), "does no harm")
			require.ErrorContains(t, err, "customers.csv, which only creates")
			require.ErrorIs(t, again, actito.ErrInvalid)
			require.ErrorContains(t, again, tt.text)
			fresh.untouched(t)
			e, again = fresh.client.ETLs.RunOnce(t.Context(), d, append(dataOf("customers orders"), actito.Repeats(failed), actito.Force())...)
			fresh.loads(t, e, again)
		})
	}
}

func TestWhatToSendAgainIsInTheOrderOfTheDefinition(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders lines"), dataOf("lines orders customers")...)
	require.NoError(t, err)
	b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"1","status":"FAILED","files":[{"fileName":"customers.csv","status":"SUCCESS"},{"fileName":"orders.csv","status":"FAILED"}]}`))
	_, err = b.client.Executions.Wait(t.Context(), e)
	var failed *actito.ImportError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, []string{"customers.csv", "orders.csv", "lines.csv"}, failed.Again())
}

func TestAnArchiveIsOpenedAfreshForEachAttempt(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	b.Fail(actitotest.OpRunOnce, actitotest.Status(503).WithHeader("Retry-After", "0"))
	e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), append(dataOf("customers orders"), actito.OneArchive())...)
	b.loads(t, e, err)
	require.Len(t, b.starts(), 2)
}

// Another process knows from the handle alone what may not be sent again.
func TestWhatOnlyCreatesIsKnownFromItsHandle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newChain(t)
		b.Assume(actitotest.FailedFileStops, actitotest.ExecutionListExists, actitotest.NamesInExecutions)
		d := inOrder("customers orders")
		d.Files[0].Mode = actito.CreateOnly
		b.FailFile("orders.csv", "out of space")
		var text []byte
		_, err := b.client.ETLs.RunOnce(t.Context(), d, append(dataOf("orders customers"), actito.OneArchive(), actito.OnPrepared(func(h actito.Handle) (err error) {
			text, err = json.Marshal(h)
			return err
		}))...)
		require.NoError(t, err)

		var h actito.Handle
		require.NoError(t, json.Unmarshal(text, &h))
		other := newBulk(t, b.Server)
		_, err = other.client.Executions.Resume(t.Context(), h)
		var failed *actito.ImportError
		require.ErrorAs(t, err, &failed)
		require.ErrorContains(t, err, "send again: customers.csv, orders.csv (all required files): rows of customers.csv, which only creates, would be rejected")
		again := append(dataOf("customers orders"), actito.Repeats(failed))
		_, err = other.client.ETLs.RunOnce(t.Context(), d, again...)
		require.ErrorContains(t, err, "customers.csv: the file only creates, and 1 of its rows were created by execution")
		d.Files[0].Mode = actito.CreateUpdate
		e, err := other.client.ETLs.RunOnce(t.Context(), d, again...)
		other.loads(t, e, err)
	})
}
