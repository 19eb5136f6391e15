package actito_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestDoctorFindsWhatIsWrongWithADefinition(t *testing.T) {
	t.Parallel()
	const file = `{"fileNamePattern":"customers.csv","destination":{"tableType":"PROFILE_TABLE","tableId":"16"},"mode":"CREATE_ONLY",` +
		`"attributesMapping":[{"headerColumn":"customerID","attributeName":"customerID"}]`
	const stored = `{"id":123654987,"name":"n","reportRecipients":["ann@example.com"],"inputFiles":[` + file
	for name, tt := range map[string]struct {
		definition    string
		level         actito.DoctorLevel
		found, advice string
	}{
		"nothing":                      {stored + `}]}`, actito.DoctorOK, "it reads and writes back unchanged; it loads customers.csv into Customers", ""},
		"empty cells":                  {strings.Replace(stored, "CREATE_ONLY", "CREATE_UPDATE", 1) + `}]}`, actito.DoctorOK, "it loads customers.csv", "declare with Keep or Clear"},
		"fields without a name":        {stored + `,"sheet":"A"}],"colour":{"b":1}}`, actito.DoctorWarning, "no name for: colour, inputFiles[0].sheet", "Extra"},
		"of schedule and location":     {stored + `}],"location":{"id":"3","proxy":1},"schedule":{"frequency":"DAILY","timeOfDay":"06:00","retries":3}}`, actito.DoctorWarning, "no name for: schedule.retries, location.proxy", "Extra"},
		"another form":                 {`{"inputFiles":"none"}`, actito.DoctorProblem, "another form than this library's: inputFiles", "RawDefinition"},
		"no files":                     {`{"name":"n"}`, actito.DoctorProblem, "names no file", "Loads"},
		"a file without table":         {`{"inputFiles":[{"fileNamePattern":"a.csv"}]}`, actito.DoctorWarning, "Trigger cannot compare files with it", "Loads"},
		"a table that is not there":    {strings.Replace(stored, `"16"`, `"17"`, 1) + `}]}`, actito.DoctorProblem, "customers.csv loads profile table 17, which the entity does not have", "correct the definition"},
		"another compression":          {stored + `,"compression":"7Z"}]}`, actito.DoctorWarning, "another compression than ZIP", "send files as it says"},
		"no error file":                {stored + `}],"generateErrorFile":false}`, actito.DoctorWarning, "rejects cannot be read", "GenerateErrorFile"},
		"an answer that is no object":  {`[]`, actito.DoctorProblem, "another form", "RawDefinition"},
		"a definition not to be found": {"", actito.DoctorProblem, `entity "MyEntity" has no such ETL`, "ETLs.List"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ailment{check: "ETL 7", level: tt.level, found: tt.found, advice: tt.advice,
				upset: func(_ *testing.T, w *ward) {
					if tt.definition != "" {
						w.Fail(actitotest.OpETLGet, jsonAnswer(tt.definition))
					}
				},
				look: func(*testing.T, *actito.Client) []actito.DoctorOption {
					return []actito.DoctorOption{actito.InspectETLs("7")}
				}}.isFound(t)
		})
	}
}

func TestWhatReadingAndWritingChangesIsFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		was, is string
		want    []string
	}{
		"nothing":                 {`{"a":[{"b":1}],"id":123654987,"c":null,"e":[]}`, `{"id":"123654987","a":[{"b":1,"d":""}],"f":false,"g":{"h":""}}`, nil},
		"a value":                 {`{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":1},{"b":3}]}`, []string{"a[1].b"}},
		"a value that is lost":    {`{"a":{"b":"x"}}`, `{}`, []string{"a"}},
		"a value that is new":     {`{}`, `{"a":true}`, []string{"a"}},
		"an element that is lost": {`{"a":[1,2]}`, `{"a":[1]}`, []string{"a"}},
		"another form":            {`{"a":{"b":1}}`, `{"a":"b"}`, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, actito.Changes(t, tt.was, tt.is))
		})
	}
}

// started starts an import, with what the server makes of the call, and returns its handle.
func (w *ward) started(t testing.TB, client *actito.Client, faults ...actitotest.Fault) actito.Handle {
	t.Helper()
	w.Fail(actitotest.OpRunOnce, faults...)
	customers := profiles[customer](t, client)
	var h actito.Handle
	_, _ = client.ETLs.RunOnce(t.Context(), once(customers.InputFile("customers.csv", named)), annFile, handleOf(&h))
	require.NotEmpty(t, h.ID)
	return h
}

func TestDoctorSaysWhatBecameOfAnImport(t *testing.T) {
	t.Parallel()
	state := func(status string) func(*ward) {
		return func(w *ward) { w.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"7","status":"`+status+`"}`)) }
	}
	long := func(h *actito.Handle) { h.Ended = time.Now().Add(-time.Hour) }
	for name, tt := range map[string]struct {
		times  []actitotest.Option
		fault  actitotest.Fault
		change func(*actito.Handle)
		upset  func(*ward)
		level  actito.DoctorLevel
		found  string
	}{
		"done":                      {fault: actitotest.Pass(), found: " is SUCCESS: done"},
		"running":                   {fault: actitotest.Pass(), times: []actitotest.Option{actitotest.WithImportTimes(time.Hour, time.Hour)}, found: "is QUEUED: running"},
		"done, with errors":         {fault: actitotest.Pass(), upset: state("WITH_ERROR"), level: actito.DoctorWarning, found: "rows that were rejected"},
		"failed":                    {fault: actitotest.Pass(), upset: state("FAILED"), level: actito.DoctorProblem, found: "is FAILED"},
		"of another status":         {fault: actitotest.Pass(), upset: state("PONDERING"), level: actito.DoctorWarning, found: "does not know"},
		"of a lost answer":          {fault: actitotest.LoseAnswer(), level: actito.DoctorWarning, found: "is SUCCESS, and its unit is not settled"},
		"of a cut upload":           {fault: actitotest.CutRequest(10), level: actito.DoctorWarning, found: "unknown: it may be under way"},
		"of a cut upload, long ago": {fault: actitotest.CutRequest(10), change: long, level: actito.DoctorWarning, found: "did not start"},
		"that nobody lists": {fault: actitotest.LoseAnswer(), level: actito.DoctorWarning, found: "unknown, since the service does not list",
			upset: func(w *ward) { w.Assume(actitotest.ExecutionListMissing) }},
		"that is not told from others": {fault: actitotest.LoseAnswer(), level: actito.DoctorWarning, found: "unknown: execution",
			change: func(h *actito.Handle) { long(h); h.ID += "x" }, upset: func(w *ward) { w.Assume(actitotest.NamesMissing) }},
		"that was not sent":  {fault: actitotest.Pass(), change: func(h *actito.Handle) { h.NotSent = true }, level: actito.DoctorWarning, found: "an earlier part failed"},
		"of no handle":       {fault: actitotest.Pass(), change: func(h *actito.Handle) { *h = actito.Handle{} }, level: actito.DoctorProblem, found: "Handle"},
		"of another licence": {fault: actitotest.Pass(), change: func(h *actito.Handle) { h.ID = "9/x" }, level: actito.DoctorProblem, found: "it is of licence"},
		"in parts": {fault: actitotest.Pass(), change: func(h *actito.Handle) {
			one := *h
			*h = actito.Handle{Entity: h.Entity, Files: h.Files, Parts: []actito.Handle{one}}
		}, found: "part 1 of 1 of import by one shot in 1 parts of customers.csv (1 rows)"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWard(t, tt.times...)
				client := w.client(t, "THEKEY", "MyEntity")
				h := w.started(t, client, tt.fault)
				if tt.change != nil {
					tt.change(&h)
				}
				if tt.upset != nil {
					tt.upset(w)
				}
				before, err := client.Quota.Entries(t.Context(), "Customers")
				require.NoError(t, err)
				f := finding(t, w.examine(t, client, h), "handle 1")
				assert.Equal(t, tt.level, f.Level, f.Found)
				assert.Contains(t, f.Found, tt.found)
				after, err := client.Quota.Entries(t.Context(), "Customers")
				require.NoError(t, err)
				assert.Equal(t, before, after, "nothing is settled")
			})
		})
	}
}

func TestDoctorFindsTemporaryFilesThatAreLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"actito-123", "actito-app", "actito-4.csv", "other-123"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("rows"), 0o600))
		require.NoError(t, os.Chtimes(path, old, old))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "actito-124"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "actito-125"), []byte("rows"), 0o600))
	w := newWard(t)
	client := w.client(t, "THEKEY", "MyEntity")
	f := finding(t, w.examine(t, client, actito.TempDir(dir)), "temporary files")
	assert.Equal(t, actito.DoctorWarning, f.Level)
	assert.Contains(t, f.Found, "1 files with staged data, 4 bytes, are older than an hour")
	assert.Contains(t, f.Advice, "delete actito-*")
	f = finding(t, w.examine(t, client, actito.TempDir(filepath.Join(dir, "nowhere"))), "temporary files")
	assert.Equal(t, actito.DoctorWarning, f.Level)
	assert.NotContains(t, f.Found, dir)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 6, "nothing was deleted or made")
}

func TestTheReportOfDoctor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWard(t)
		w.Clock().Advance(10 * time.Minute)
		client := w.client(t, "THEKEY", "MyEntity", actito.WithQuota(actito.Quota{Limit: 1}), actito.WithProfilesV5())
		w.Fail(actitotest.OpETLGet, jsonAnswer(`{"inputFiles":[{"fileNamePattern":"customers_$yyyyMMdd.csv","colour":"red",
			"destination":{"tableType":"PROFILE_TABLE","tableId":"16"},"attributesMapping":[{"headerColumn":"customerID","attributeName":"customerID"}]}]}`))
		without("/profiles/v5/")(t, w)
		missing, err := actito.Records[order](client, "orders")
		require.NoError(t, err)
		typo, err := actito.Profiles[struct {
			ID    string `actito:"customerID,key"`
			Birth int    `actito:"birthDate"`
			Phone string `actito:"gsmNumbr"`
		}](client, "Customers")
		require.NoError(t, err)
		d := w.examine(t, client, typo, missing, actito.InspectETLs("7"))
		require.False(t, d.OK())
		actito.Golden(t, "golden/doctor.txt", []byte(strings.ReplaceAll(d.String(), actito.Version, "VERSION")))
	})
}

func TestDoctorShowsNoSecretsAndNoPersonalData(t *testing.T) {
	t.Parallel()
	const secret = "b7Vtopsecret0key"
	people := []string{secret, "ann@example.com", "+32470123456", "Peeters"}
	everything := "no access for " + strings.Join(people[:3], " ") + " at /entity/MyEntity"
	var logged bytes.Buffer
	for _, status := range []int{400, 401, 403, 404, 500} {
		w := newWard(t, actitotest.WithAPIKeys(secret))
		w.change = func(r *http.Request) *http.Response {
			if r.URL.Path == "/auth/token" || strings.HasSuffix(r.URL.Path, "/v5/entities") && status != 500 {
				return nil
			}
			return answered(status, `{"status":`+http.StatusText(status)+`,"message":"`+everything+`"}`)
		}
		client := w.client(t, secret, "MyEntity", actito.WithLogger(newLogger(&logged)),
			actito.WithQuota(actito.Quota{Store: newShelf(errors.New(everything))}))
		d := w.examine(t, client, profiles[shopper](t, client), records[purchase](t, client), actito.InspectTables("Others"),
			actito.InspectETLs("7"), actito.KnownProfile(actito.By("firstName", "Peeters")),
			actito.Handle{ID: "1/x", Entity: "MyEntity", Tables: []string{"16"}, Prepared: time.Now()})
		require.False(t, d.OK())
		logged.WriteString(d.String())
		for _, p := range people {
			require.NotContains(t, logged.String(), p, "%d", status)
		}
	}
	w := newWard(t)
	w.change = func(*http.Request) *http.Response { return answered(401, `{"message":"unknown key `+secret+`"}`) }
	d := w.examine(t, w.client(t, "", "MyEntity", actito.WithAPIKeyFunc(func(context.Context) (string, error) { return secret, nil })))
	require.NotContains(t, d.String(), secret)
}
