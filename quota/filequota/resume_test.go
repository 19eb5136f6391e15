package filequota

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// nightly are the rows of an import, of which the server rejects one.
var nightly = []customer{{"C1"}, {"C2"}, {strings.Repeat("C", 300)}}

// resume is a nightly job: it continues the import whose handle it finds, or starts one, and waits for its end.
func (i importer) resume(client *actito.Client, stands *standing) error {
	t, e, err := told{}, (*actito.Execution)(nil), error(nil)
	text, missing := os.ReadFile(i.Handle)
	if missing == nil {
		var h actito.Handle
		if err := json.Unmarshal(text, &h); err != nil {
			return err
		}
		h.Ended = time.Now().Add(-11 * time.Minute) // by whichever clock, the list of executions has caught up
		e, err = client.Executions.Resume(context.Background(), h)
		t.NotStarted = errors.Is(err, actito.ErrNotStarted)
	}
	if errors.Is(missing, fs.ErrNotExist) || t.NotStarted {
		if e, err = i.start(client, stands); err != nil {
			return err
		}
		stands.reaches("next")
		e, err = client.Executions.Wait(context.Background(), e)
	}
	var rejected *actito.ImportError
	if err != nil && !errors.As(err, &rejected) {
		return err
	}
	t.Execution, t.Created, t.Rejected = e.ID, e.Totals().Created, e.Totals().Rejected
	return stands.tell.Encode(t)
}

func (i importer) start(client *actito.Client, stands *standing) (*actito.Execution, error) {
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		return nil, err
	}
	return client.ETLs.RunOnce(context.Background(), actito.Definition{Name: "nightly", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		customers.Rows("customers.csv", actito.FromSlice(nightly)), actito.Once(i.Once), actito.OnPrepared(func(h actito.Handle) error {
			text, err := json.Marshal(h)
			if err == nil {
				err = os.WriteFile(i.Handle, text, 0o600)
			}
			stands.reaches("Prepared")
			return err
		}))
}

func TestAnImportWhoseProcessIsKilledIsResumedByAnother(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at       string
		accepted bool
		doubted  bool // the ledger does not tell what became of it
	}{
		"before it is prepared":                {"Reserve", false, false},
		"when it is prepared":                  {"Prepared", false, false},
		"before the first byte":                {"Begin", false, false},
		"during the upload":                    {"upload", false, true},
		"before the answer comes":              {"answer", true, true},
		"with the answer, before it is booked": {"Settle", true, true},
		"before it waits":                      {"next", true, false},
	} {
		for world, answers := range map[string][]actitotest.Assumption{
			"names are told":              {actitotest.ExecutionListExists, actitotest.NamesInExecutions},
			"names are missing":           {actitotest.ExecutionListExists, actitotest.NamesMissing},
			"executions cannot be listed": {actitotest.ExecutionListMissing},
		} {
			t.Run(name+", "+world, func(t *testing.T) {
				t.Parallel()
				resumes(t, tt.at, tt.accepted, tt.doubted && answers[0] == actitotest.ExecutionListMissing, answers)
			})
		}
	}
}

// resumes kills a job at a point of its import and lets another process resume it, which starts nothing if it is in doubt.
func resumes(t *testing.T, at string, accepted, doubt bool, answers []actitotest.Assumption) {
	alive, kill := context.WithCancel(t.Context())
	defer kill()
	o := newOffice(t, func(service http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isStart(r) || alive.Err() != nil || at != "upload" && at != "answer" {
				service.ServeHTTP(w, r)
				return
			}
			if at == "answer" {
				service.ServeHTTP(httptest.NewRecorder(), r)
			}
			kill()
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // it never answers
		})
	})
	o.service.Assume(answers...)
	job := importer{Once: "nightly", Handle: filepath.Join(t.TempDir(), "handle.json"), StandsBefore: at}
	require.NoError(t, o.process(alive, job, func(told told) {
		if told.Before == at {
			kill()
		}
	}))
	require.Error(t, alive.Err(), "it was killed")
	require.Equal(t, accepted, len(o.service.Imports()) == 1)

	job.StandsBefore = ""
	for round := range 2 { // the second finds all done
		var result told
		err := o.process(t.Context(), job, func(told told) { result = told })
		if doubt {
			require.ErrorContains(t, err, "outcome unknown")
			require.Equal(t, accepted, len(o.service.Imports()) == 1, "nothing more was started")
			require.Equal(t, [2]int{0, 1}, [2]int{o.usage().Used, o.usage().Held})
			continue
		}
		require.NoError(t, err)
		require.Len(t, o.service.Imports(), 1)
		require.Equal(t, o.service.Imports()[0].ExecutionID, result.Execution)
		require.Equal(t, []int{2, 1}, []int{result.Created, result.Rejected})
		require.Equal(t, round == 0 && !accepted && at != "Reserve", result.NotStarted)
		require.Equal(t, []string{"used"}, o.states(0))
		require.Equal(t, [2]int{1, 0}, [2]int{o.usage().Used, o.usage().Held})
	}
}
