package conformance

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

// liveRun is a run against a fake behind a real listener, with its report and the fake.
func liveRun(t *testing.T, change func(*live, *actitotest.Server), opts []actitotest.Option, world ...string) (string, *actitotest.Server) {
	vars := usual()
	fake := actitotest.NewServer(append(opts, actitotest.WithEntities(vars["entity"]),
		actitotest.WithLimits(actitotest.Limits{PerMinute: -1, ImportsPerDay: -1}))...)
	t.Cleanup(fake.Close)
	assume(fake, world)
	addTables(fake, vars)
	tables := variables{}
	for _, name := range []string{"profileTable", "email", "text", "subscription", "segmentation", "category", "customTable", "recordKey", "recordText"} {
		tables[name] = vars[name]
	}
	var out bytes.Buffer
	l := live{key: fake.APIKey, entity: vars["entity"], base: fake.URL, write: true, imports: true, tables: tables, client: &http.Client{}, out: &out}
	change(&l, fake)
	require.NoError(t, l.checkInput())
	require.NoError(t, l.run(t.Context(), scenarios(t), facts(t)))
	l.client.CloseIdleConnections()
	assert.NotContains(t, out.String(), fake.APIKey)
	assert.NotContains(t, out.String(), "LEFT BEHIND")
	assert.Empty(t, fake.Profiles(vars["profileTable"]), "throw-away rows are left")
	assert.Empty(t, fake.Records(vars["customTable"]), "throw-away rows are left")
	return out.String(), fake
}

// section is what a report has under a title, by fact.
func section(t *testing.T, report, title string) map[string]string {
	_, rest, found := strings.Cut(report, "\n"+title+": ")
	require.True(t, found, report)
	rest, _, _ = strings.Cut(rest, "\n\n")
	out := map[string]string{}
	id := ""
	for _, line := range strings.Split(rest, "\n")[1:] {
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") {
			id, line, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		out[id] += strings.TrimSpace(line) + "\n"
	}
	return out
}

func TestAServiceThatIsAsAssumedHasAReportWithoutFindings(t *testing.T) {
	t.Parallel()
	report, _ := liveRun(t, func(*live, *actitotest.Server) {}, nil)
	assert.Empty(t, section(t, report, "Assumed, and did not hold"))
	assert.Empty(t, section(t, report, "Known, and not as described"))
	held := section(t, report, "Assumed, and held")
	for _, id := range []string{"create-existing", "v5-by-key", "definition-form", "empty-cells", "result-files", "reject-columns", "etl-replace"} {
		assert.Contains(t, held, id)
	}
	open := section(t, report, "Assumed, and could not be checked")
	assert.Contains(t, open["quota-day"], "it would take a day")
	assert.Contains(t, open["file-size"], "it would send 100 MB")
	n := 0
	for _, f := range facts(t) {
		if f.Sureness == "assumed" {
			n++
		}
	}
	assert.Equal(t, n, len(held)+len(open), "each assumed fact is in one part")
}

func TestAReportSaysWhichOppositesHold(t *testing.T) {
	t.Parallel()
	for _, world := range append([]string{"all"}, opposites()...) {
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			in := []string{world}
			if world == "all" {
				in = opposites()
			}
			report, _ := liveRun(t, func(l *live, fake *actitotest.Server) { l.client.Transport = direct{fake.Handler()} }, nil, in...)
			not := section(t, report, "Assumed, and did not hold")
			open := section(t, report, "Assumed, and could not be checked")
			for _, name := range in {
				id := opposite[name]
				require.NotEmpty(t, id)
				if slices.Contains([]string{"QuotaRolling", "FailedRunsFree", "TimesInUTC"}, name) {
					assert.Contains(t, open, id, "it takes a day, the day's imports or another clock")
					continue
				}
				assert.Contains(t, not[id], "its opposite holds: "+name)
				delete(not, id)
			}
			assert.Empty(t, not, "facts that have nothing to do with it")
			assert.Empty(t, section(t, report, "Known, and not as described"))
		})
	}
}

func TestARecordingOfALiveRunKeepsTheShapesAndNoData(t *testing.T) {
	t.Parallel()
	var recording bytes.Buffer
	_, fake := liveRun(t, func(l *live, fake *actitotest.Server) {
		l.client.Transport = actitotest.NewRecorder(direct{fake.Handler()}, &recording)
	}, nil)
	assert.Equal(t, len(fake.Requests()), strings.Count(recording.String(), "\n"))
	for _, kept := range []string{
		`"path":"/profiles/v4/entity/<string 8>/table/<string 9>/profile/emailAddress=<email>"`, `"status":"NOT_LOADED"`, `"status":"WITH_ERROR"`,
		`"archive":"ZIP"`, `"columns":["emailAddress","firstName","errorCode","errorColumn"]`, `"mode":"CREATE_UPDATE"`, `"headerColumn":"firstName"`,
		`"fileName":"<string 11>.zip"`, `"name":"inputFile"`, `"type":"CAPITALIZE"`,
	} {
		if !strings.Contains(recording.String(), kept) {
			t.Errorf("the recording lacks %s", kept)
		}
	}
	for _, gone := range []string{fake.APIKey, "MyEntity", "Customers", "Orders", "conformance", "CONFORMANCE", "example.com", `"Ann"`, "no address"} {
		if strings.Contains(recording.String(), gone) {
			t.Errorf("the recording has %s", gone)
		}
	}
}

func TestWithoutWriteNothingIsWritten(t *testing.T) {
	t.Parallel()
	report, fake := liveRun(t, func(l *live, _ *actitotest.Server) { l.write, l.imports = false, false }, nil)
	for _, r := range fake.Requests() {
		assert.Equal(t, http.MethodGet, r.Method, r.Path)
	}
	assert.Contains(t, report, "Nothing is written")
	assert.Contains(t, section(t, report, "Assumed, and could not be checked")["create-existing"], "it writes: try -write")
	assert.Contains(t, section(t, report, "Assumed, and held"), "structure-envelopes")
}

func TestAServiceThatKnowsTheOtherFormOfPathsOnlyIsAsked(t *testing.T) {
	t.Parallel()
	report, _ := liveRun(t, func(l *live, _ *actitotest.Server) { l.unprefixed, l.imports = true, false }, []actitotest.Option{actitotest.UnprefixedOnly()})
	assert.Empty(t, section(t, report, "Assumed, and did not hold"))
}

func TestALiveRunSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]live{
		"-live needs in the environment ACTITO_API_KEY, an API key and ACTITO_ENTITY, the name of an entity": {},
		"-live needs in the environment ACTITO_ENTITY, the name of an entity":                                {key: "k"},
		"-imports writes rows: say -write too":                                                               {key: "k", entity: "e", imports: true},
		"-write needs a table for throw-away rows: name one with -profiles or -records":                      {key: "k", entity: "e", write: true},
		"ACTITO_BASE_URL is no https URL":                                                                    {key: "k", entity: "e", base: "http://api.example"},
	} {
		require.EqualError(t, l.checkInput(), want)
	}
}

func TestALiveRunRefusesATableThatItsRowsDoNotFit(t *testing.T) {
	t.Parallel()
	fake := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities("MyEntity"))
	t.Cleanup(fake.Close)
	fake.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true}, {Name: "customerID", Type: "STRING", Mandatory: true},
	}})
	l := live{key: fake.APIKey, entity: "MyEntity", base: fake.URL, write: true, client: &http.Client{Transport: direct{fake.Handler()}},
		tables: variables{"profileTable": "Customers", "email": "emailAddress", "text": "firstName"}}
	require.EqualError(t, l.findTables(),
		"table Customers: it has the mandatory attribute customerID: take a table in which only emailAddress and firstName may be")
	l.write = false
	require.EqualError(t, l.findTables(), `table Customers: it has no attribute "firstName": README.md names the flags for it`)
	l.tables["profileTable"] = "customers"
	require.ErrorContains(t, l.findTables(), "table customers: ")
}

// The page names flags and variables; each is there.
func TestThePageNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	words := regexp.MustCompile("(?:^|[\\s`])-([a-z]+)").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, words)
	named := map[string]bool{}
	for _, word := range words {
		named[word[1]] = true
		assert.True(t, flag.Lookup(word[1]) != nil || flag.Lookup("test."+word[1]) != nil, "-%s", word[1])
	}
	flag.VisitAll(func(f *flag.Flag) {
		if !strings.Contains(f.Name, ".") && !strings.HasPrefix(f.Name, "rapid") {
			assert.True(t, named[f.Name], "the page does not name -%s", f.Name)
		}
	})
	for _, variable := range []string{"ACTITO_API_KEY", "ACTITO_ENTITY", "ACTITO_BASE_URL"} {
		assert.Contains(t, string(text), variable)
	}
}

func TestEachWorldHasTheFactThatItIsTheOppositeOf(t *testing.T) {
	t.Parallel()
	list := facts(t)
	for _, name := range opposites() {
		assert.True(t, slices.ContainsFunc(list, func(f fact) bool { return f.ID == opposite[name] && f.Sureness == "assumed" }), name)
	}
	assert.Len(t, opposite, len(opposites()))
}
