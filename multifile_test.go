package actito_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// archives are the names of the files in each archive of a form, by the archive's name.
func archives(t testing.TB, r actitotest.Request) map[string][]string {
	t.Helper()
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	require.NoError(t, err)
	list := map[string][]string{}
	for form := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"]); ; {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		if part.FormName() != "inputFile" {
			continue
		}
		require.Equal(t, "application/zip", part.Header.Get("Content-Type"))
		content, err := io.ReadAll(part)
		require.NoError(t, err)
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		for _, f := range archive.File {
			list[part.FileName()] = append(list[part.FileName()], f.Name)
		}
	}
}

var oneArchive = regexp.MustCompile(`^files-zip-[A-Z2-7]{16}\.zip$`)

func TestAllFilesGoInOneArchive(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(t *testing.T, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error){
		"triggered": func(t *testing.T, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error) {
			id, err := b.client.ETLs.Create(t.Context(), inOrder("customers orders lines"))
			require.NoError(t, err)
			return b.client.ETLs.Trigger(t.Context(), id, opts...)
		},
		"one shot": func(t *testing.T, b *bulk, opts ...actito.ImportOption) (*actito.Execution, error) {
			return b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders lines"), opts...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			staged, err := actito.Stage(t.Context(), chainData["orders"])
			require.NoError(t, err)
			defer staged.Close()
			e, err := how(t, b, append(dataOf("lines customers"), staged, actito.OneArchive())...)
			e = b.loads(t, e, err)
			require.Equal(t, actito.Account{Rows: 3, Accepted: 3}, e.Account())
			require.Equal(t, map[string]int{"customers.csv": 1, "orders.csv": 1, "lines.csv": 1}, e.Sent)
			require.Len(t, archives(t, b.starts()[0]), 1)
			for name, files := range archives(t, b.starts()[0]) {
				require.Regexp(t, oneArchive, name)
				require.Equal(t, []string{"customers.csv", "orders.csv", "lines.csv"}, files, "in the definition's order")
			}
		})
	}
}

func TestWhatOnceComparesDoesNotDependOnTheArchive(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	d, data := inOrder("customers orders"), append(dataOf("customers orders"), actito.Once("key"))
	first, err := b.client.ETLs.RunOnce(t.Context(), d, data...)
	require.NoError(t, err)
	again, err := b.client.ETLs.RunOnce(t.Context(), d, append(data, actito.OneArchive())...)
	require.NoError(t, err)
	require.True(t, again.AlreadyStarted)
	require.Equal(t, first.ID, again.ID)
	_, err = b.client.ETLs.RunOnce(t.Context(), d, chainData["customers"], csvOf("orders", "orderId,customerID\nO2,C1\n"), actito.Once("key"), actito.OneArchive())
	require.ErrorIs(t, err, actito.ErrAlreadyStarted)
	require.Len(t, b.Imports(), 1)
}

func TestAnImportInOneArchiveIsFoundAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newChain(t)
		b.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions, actitotest.IDInBody)
		id, err := b.client.ETLs.Create(t.Context(), inOrder("customers orders"))
		require.NoError(t, err)
		b.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
		_, err = b.client.ETLs.Trigger(t.Context(), id, append(dataOf("customers orders"), actito.OneArchive())...)
		var unknown *actito.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.Contains(t, unknown.Handle.Mark, "zip-")
		e, err := b.client.Executions.Reconcile(t.Context(), unknown.Handle)
		require.NoError(t, err)
		require.Contains(t, string(e.Raw), "files-"+unknown.Handle.Mark+".zip")
	})
}

func TestWhatCannotGoInOneArchiveIsRefused(t *testing.T) {
	t.Parallel()
	packed := func(c actito.Compression) actito.Data {
		return csvOf("orders", "orderId,customerID\nO1,C1\n", actito.Pack(c))
	}
	zipped := inOrder("customers orders")
	for name, tt := range map[string]struct {
		data actito.ImportOption
		opts []actito.ImportOption
		want string
	}{
		"a file packed with GZIP":  {packed(actito.GZIP), nil, "orders.csv: the file is packed as GZIP"},
		"a file that is not":       {packed(actito.Uncompressed), nil, "orders.csv: the file is packed as NONE"},
		"what is cut":              {chainData["orders"], []actito.ImportOption{actito.SplitAbove(0)}, "SplitAbove"},
		"a file whose name is two": {chainData["customers"], nil, "two files of one import have this name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			_, err := b.client.ETLs.RunOnce(t.Context(), zipped, append(tt.opts, chainData["customers"], tt.data, actito.OneArchive())...)
			require.ErrorIs(t, err, actito.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
			b.untouched(t)
		})
	}
	b := newChain(t)
	d := inOrder("customers orders")
	d.Files[1].Compression = actito.GZIP
	_, err := b.client.ETLs.RunOnce(t.Context(), d, append(dataOf("customers orders"), actito.OneArchive())...)
	require.ErrorContains(t, err, "orders.csv: the file is packed as GZIP")
	_, err = b.client.ETLs.RunOnce(t.Context(), inOrder("customers"), actito.Remote("1", "customers.csv"), actito.OneArchive())
	require.ErrorContains(t, err, "OneArchive")
	b.untouched(t)
	e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers"), chainData["customers"], actito.OneArchive())
	b.loads(t, e, err)
}

// failingChain imports customers, orders and lines, one of which fails, since the definition is replaced by one that
// expects another column of it while the import is on its way.
func (b *bulk) failingChain(t testing.TB, fails string, change func(*actito.Definition)) (*actito.ImportError, actito.Handle) {
	t.Helper()
	d := inOrder("customers orders lines")
	if change != nil {
		change(&d)
	}
	id, err := b.client.ETLs.Create(t.Context(), d)
	require.NoError(t, err)
	var handle actito.Handle
	replace := actito.OnPrepared(func(h actito.Handle) error {
		handle = h
		broken := d
		broken.Files = slices.Clone(d.Files)
		for i := range broken.Files {
			if f := &broken.Files[i]; f.FileNamePattern == fails+".csv" {
				missing := map[string]string{"customers": "firstName", "orders": "amount", "lines": "product"}[fails]
				f.Mapping = append(slices.Clone(f.Mapping), actito.Mapping{Column: missing, Attribute: missing})
			}
		}
		return b.client.ETLs.Replace(t.Context(), id, broken)
	})
	e, err := b.client.ETLs.Trigger(t.Context(), id, append(dataOf("customers orders lines"), replace)...)
	_, err = b.ends(t, e, err)
	require.ErrorIs(t, err, actito.ErrImportFailed)
	var failed *actito.ImportError
	require.ErrorAs(t, err, &failed)
	return failed, handle
}

func TestAFileThatFailsIsSentAgainWithTheRequiredOnes(t *testing.T) {
	t.Parallel()
	everything := []string{"customers.csv", "orders.csv", "lines.csv"}
	optional := func(names ...string) func(*actito.Definition) {
		return func(d *actito.Definition) {
			for i := range d.Files {
				d.Files[i].Optional = slices.Contains(names, d.Files[i].FileNamePattern)
			}
		}
	}
	const loaded, failed, notTried, rejects = actito.Loaded, actito.NotLoaded, actito.NotAttempted, actito.LoadedWithRejects
	stops, passes := actitotest.FailedFileStops, actitotest.FailedFilePasses
	for name, tt := range map[string]struct {
		world    actitotest.Assumption
		fails    string
		change   func(*actito.Definition)
		verdicts []actito.Verdict
		account  actito.Account
		again    []string
		text     string
	}{
		"the first, and it stops the others":  {stops, "customers", nil, []actito.Verdict{failed, notTried, notTried}, actito.Account{Rows: 3, Unknown: 3}, everything, ""},
		"the second, and it stops the third":  {stops, "orders", nil, []actito.Verdict{loaded, failed, notTried}, actito.Account{Rows: 3, Accepted: 1, Unknown: 2}, everything, ""},
		"the third":                           {stops, "lines", nil, []actito.Verdict{loaded, loaded, failed}, actito.Account{Rows: 3, Accepted: 2, Unknown: 1}, everything, ""},
		"the first, and the others are tried": {passes, "customers", nil, []actito.Verdict{failed, rejects, rejects}, actito.Account{Rows: 3, Rejected: 2, Unknown: 1}, everything, ""},
		"the second, and the third is tried":  {passes, "orders", nil, []actito.Verdict{loaded, failed, rejects}, actito.Account{Rows: 3, Accepted: 1, Rejected: 1, Unknown: 1}, everything, ""},
		"without an optional one that was loaded": {stops, "orders", optional("customers.csv"), []actito.Verdict{loaded, failed, notTried}, actito.Account{Rows: 3, Accepted: 1, Unknown: 2},
			[]string{"orders.csv", "lines.csv"}, "send again: orders.csv, lines.csv (all required files): rows that were loaded are updated once more, which does no harm"},
		"with an optional one that was not tried": {stops, "orders", optional("customers.csv", "lines.csv"), []actito.Verdict{loaded, failed, notTried}, actito.Account{Rows: 3, Accepted: 1, Unknown: 2},
			[]string{"orders.csv", "lines.csv"}, "send again: orders.csv, lines.csv (all required files, and optional ones that were not loaded in full)"},
		"with an optional one whose rows were rejected": {passes, "orders", optional("lines.csv"), []actito.Verdict{loaded, failed, rejects}, actito.Account{Rows: 3, Accepted: 1, Rejected: 1, Unknown: 1},
			everything, ""},
		"one that only creates": {stops, "orders", func(d *actito.Definition) { d.Files[0].Mode = actito.CreateOnly }, []actito.Verdict{loaded, failed, notTried},
			actito.Account{Rows: 3, Accepted: 1, Unknown: 2}, everything, "rows of customers.csv, which only creates, would be rejected as existing"},
		"one that only creates and created none": {stops, "orders", func(d *actito.Definition) { d.Files[1].Mode = actito.CreateOnly }, []actito.Verdict{loaded, failed, notTried},
			actito.Account{Rows: 3, Accepted: 1, Unknown: 2}, everything, "does no harm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			b.Assume(tt.world)
			err, _ := b.failingChain(t, tt.fails, tt.change)
			var verdicts []actito.Verdict
			for i, f := range err.Execution.Files {
				require.Equal(t, everything[i], f.Name)
				verdicts = append(verdicts, f.Verdict())
			}
			require.Equal(t, tt.verdicts, verdicts)
			require.Equal(t, tt.account, err.Execution.Account())
			require.Contains(t, err.Summary(), tt.fails+".csv FAILED (failed)")
			require.Equal(t, tt.again, err.Again())
			require.ErrorContains(t, err, tt.text)
			require.ErrorContains(t, err, "send again: ")

			// What it says to send again is what the import needs, and then everything is there.
			d := inOrder("customers orders lines")
			if tt.change != nil {
				tt.change(&d)
			}
			var data []actito.ImportOption
			for _, name := range err.Again() {
				data = append(data, chainData[name[:len(name)-len(".csv")]])
			}
			e, started := b.client.ETLs.RunOnce(t.Context(), d, append(data, actito.Repeats(err), actito.Force())...)
			_, ended := b.ends(t, e, started)
			if tt.text == "" {
				require.NoError(t, ended)
			}
			require.Len(t, b.Profiles("Customers"), 1)
			require.Len(t, b.Records("Lines"), 1)
		})
	}
}

func TestAnImportThatRepeatsAnotherHasItsFiles(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	b.Assume(actitotest.FailedFileStops)
	failed, _ := b.failingChain(t, "orders", nil)
	creates := newChain(t)
	creates.Assume(actitotest.FailedFileStops)
	created, _ := creates.failingChain(t, "lines", func(d *actito.Definition) { d.Files[0].Mode = actito.CreateOnly })
	rejected := func() *actito.ImportError {
		e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), chainData["customers"], csvOf("orders", "orderId,customerID\nO9,C9\n"), actito.LookUpParents(-1))
		_, err = b.ends(t, e, err)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		var some *actito.ImportError
		require.ErrorAs(t, err, &some)
		return some
	}()
	require.Nil(t, rejected.Again(), "rejected rows are repaired by themselves")
	require.NotContains(t, rejected.Error(), "send again")
	require.Nil(t, (&actito.ImportError{}).Again())

	usual, onlyCreates := inOrder("customers orders lines"), inOrder("customers orders lines")
	onlyCreates.Files[0].Mode = actito.CreateOnly
	fewer := inOrder("customers orders lines")
	fewer.Files[2].Optional = true
	for name, tt := range map[string]struct {
		d    actito.Definition
		data []actito.ImportOption
		want string // "" for none
	}{
		"all of them":    {usual, append(dataOf("customers orders lines"), actito.Repeats(failed)), ""},
		"one is missing": {fewer, append(dataOf("customers orders"), actito.Repeats(failed)), "lines.csv: execution " + failed.Execution.ID + " did not load everything"},
		"one only creates, and rows of it are there": {onlyCreates, append(dataOf("customers orders lines"), actito.Repeats(created)), "customers.csv: the file only creates, and 1 of its rows were created"},
		"one only creates, and that is meant":        {onlyCreates, append(dataOf("customers orders lines"), actito.Repeats(created), actito.Force()), ""},
		"one only created, and now updates":          {usual, append(dataOf("customers orders lines"), actito.Repeats(created)), ""},
		"after rejects, any files":                   {inOrder("customers"), append(dataOf("customers"), actito.Repeats(rejected)), ""},
		"what is forced repeats nothing":             {inOrder("customers"), append(dataOf("customers"), actito.Force()), "Repeats"},
		"there is nothing to repeat":                 {inOrder("customers"), append(dataOf("customers"), actito.Repeats(nil)), "there is no failed import"},
		"nor in an error that nobody returned":       {inOrder("customers"), append(dataOf("customers"), actito.Repeats(&actito.ImportError{})), "there is no failed import"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			e, err := b.client.ETLs.RunOnce(t.Context(), tt.d, tt.data...)
			if tt.want == "" {
				b.loads(t, e, err)
				return
			}
			require.ErrorIs(t, err, actito.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
			b.untouched(t)
		})
	}
}

func TestAgainKnowsWhatItsHandleTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newChain(t)
		b.Assume(actitotest.FailedFileStops, actitotest.ExecutionListExists)
		failed, h := b.failingChain(t, "orders", func(d *actito.Definition) { d.Files[0].Optional = true })
		require.Equal(t, []string{"orders.csv", "lines.csv"}, failed.Again())

		text, err := json.Marshal(h)
		require.NoError(t, err)
		h = actito.Handle{}
		require.NoError(t, json.Unmarshal(text, &h))
		e, err := b.client.Executions.Resume(t.Context(), h)
		require.ErrorAs(t, err, &failed)
		require.Equal(t, []string{"orders.csv", "lines.csv"}, failed.Again())

		// Of one that is only known by its id, which are optional is not known.
		_, err = b.client.Executions.Wait(t.Context(), &actito.Execution{ID: e.ID})
		require.ErrorAs(t, err, &failed)
		require.Equal(t, []string{"customers.csv", "orders.csv", "lines.csv"}, failed.Again())
		require.ErrorContains(t, err, "send again: customers.csv, orders.csv, lines.csv (all files)")
	})
}

func TestYesterdaysFileIsRepeatedByTodays(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"FAILED","files":[{"fileName":"customers_20261122.csv","status":"FAILED"}]}`))
	_, err := b.client.Executions.Wait(t.Context(), &actito.Execution{ID: "7"})
	var failed *actito.ImportError
	require.ErrorAs(t, err, &failed)
	today := b.today(t)
	e, err := b.client.ETLs.RunOnce(t.Context(), once(loaded(actito.ProfileTableType, "Customers", dated, "", "customerID")),
		actito.DataBytes(today, []byte("customerID\nC1\n")), actito.Repeats(failed))
	b.loads(t, e, err)
	_, err = b.client.ETLs.RunOnce(t.Context(), inOrder("customers"), chainData["customers"], actito.Repeats(failed))
	require.ErrorContains(t, err, "customers_20261122.csv: execution 7 did not load everything")
}

// Of files in parts, all parts count.
func TestAFileInPartsIsLoadedIfAllPartsAre(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	d := inOrder("customers more")
	d.Files[0].Optional, d.Files[1].Optional = true, true
	e, err := b.client.ETLs.RunOnce(t.Context(), d, actito.SplitAbove(40), csvOf("more", "customerID\nC9\n", actito.Pack(actito.Uncompressed)),
		csvOf("customers", "customerID\n"+strings.Join(numbers(20), "\n")+"\n", actito.Pack(actito.Uncompressed)))
	require.NoError(t, err)
	require.Greater(t, len(e.Parts), 2)
	b.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"1","status":"SUCCESS","files":[{"fileName":"customers.csv","status":"SUCCESS"}]}`),
		jsonAnswer(`{"id":"2","status":"FAILED","files":[{"fileName":"customers.csv","status":"FAILED"}]}`))
	_, err = b.client.Executions.Wait(t.Context(), e)
	var failed *actito.ImportError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, []string{"customers.csv"}, failed.Again())
}
