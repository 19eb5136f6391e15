package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

var (
	liveFlag    = flag.Bool("live", false, "run the server's half against the real service, with ACTITO_API_KEY and ACTITO_ENTITY; it reads only")
	writeFlag   = flag.Bool("write", false, "with -live: write rows to the tables of -profiles and -records, and definitions, and delete them")
	importsFlag = flag.Bool("imports", false, "with -write: start imports too, each of which counts towards the day's of its tables")
	bareFlag    = flag.Bool("unprefixed", false, "with -live: use paths without a category")
	recordFlag  = flag.String("record", "", "with -live: write what was said, without data, to this `file`")

	profilesFlag = flag.String("profiles", "", "with -live: the name of a profile `table` for throw-away rows")
	emailFlag    = flag.String("email", "emailAddress", "the unique `attribute` of that table with e-mail addresses")
	textFlag     = flag.String("text", "firstName", "an `attribute` of that table with text")
	subscription = flag.String("subscription", "", "a `subscription` of that table")
	segmentation = flag.String("segmentation", "", "a `segmentation` of that table")
	category     = flag.String("category", "", "a `category` of that segmentation")

	recordsFlag    = flag.String("records", "", "with -live: the name of a custom `table` for throw-away records")
	recordKeyFlag  = flag.String("recordkey", "", "the `attribute` that is its business key, a text")
	recordTextFlag = flag.String("recordtext", "", "an `attribute` of it with text")
)

// TestMain runs with -live nothing but TestLive.
func TestMain(m *testing.M) {
	flag.Parse()
	if *liveFlag {
		if err := flag.Set("test.run", "^TestLive$"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// TestLive prints a report. It fails only if it could not begin: what the service does differently is a finding.
func TestLive(t *testing.T) { //nolint:paralleltest // it is the one test that is run
	if !*liveFlag {
		t.Skip("without -live nothing is sent")
	}
	l := live{
		key: os.Getenv("ACTITO_API_KEY"), entity: os.Getenv("ACTITO_ENTITY"), base: os.Getenv("ACTITO_BASE_URL"),
		write: *writeFlag, imports: *importsFlag, unprefixed: *bareFlag, out: os.Stdout, pause: time.Second,
		tables: variables{
			"profileTable": *profilesFlag, "email": *emailFlag, "text": *textFlag,
			"subscription": *subscription, "segmentation": *segmentation, "category": *category,
			"customTable": *recordsFlag, "recordKey": *recordKeyFlag, "recordText": *recordTextFlag,
		},
	}
	require.NoError(t, l.checkInput())
	require.True(t, testing.Verbose(), "go test hides what a test that went well prints: say -v too, to see the report")
	transport := http.DefaultTransport
	if *recordFlag != "" {
		file, err := os.OpenFile(*recordFlag, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		require.NoError(t, err)
		recorder := actitotest.NewRecorder(transport, file)
		defer func() { require.NoError(t, errors.Join(recorder.Err(), file.Close())) }()
		transport = recorder
	}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	l.client = &http.Client{Transport: transport, Timeout: 5 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	require.NoError(t, l.run(t.Context(), scenarios(t), facts(t)))
}

// live is a run of the server's half against a service that somebody else runs.
type live struct {
	key, entity, base          string
	write, imports, unprefixed bool
	tables                     variables
	client                     *http.Client
	out                        io.Writer
	pause                      time.Duration // before each request, since the service slows down after 100 in a minute

	token   string
	fetched time.Time
}

// checkInput says what is missing, before anything is sent.
func (l *live) checkInput() error {
	var missing []string
	if l.key == "" {
		missing = append(missing, "ACTITO_API_KEY, an API key")
	}
	if l.entity == "" {
		missing = append(missing, "ACTITO_ENTITY, the name of an entity")
	}
	switch {
	case len(missing) > 0:
		return fmt.Errorf("-live needs in the environment %s", strings.Join(missing, " and "))
	case l.imports && !l.write:
		return errors.New("-imports writes rows: say -write too")
	case l.write && l.tables["profileTable"] == "" && l.tables["customTable"] == "":
		return errors.New("-write needs a table for throw-away rows: name one with -profiles or -records")
	}
	if l.base == "" {
		return nil
	}
	base, err := url.Parse(l.base)
	if err != nil || base.Host == "" || base.Scheme != "https" && !slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, base.Hostname()) {
		return errors.New("ACTITO_BASE_URL is no https URL")
	}
	return nil
}

// run tries each scenario that may run, and reports.
func (l *live) run(ctx context.Context, all []scenario, list []fact) error {
	if l.base == "" {
		environment, err := actito.DiscoverEnvironment(ctx, l.key, actito.WithHTTPClient(l.client))
		if err != nil {
			return err
		}
		fmt.Fprintf(l.out, "The key belongs to environment %s, %s.\n", environment, environment.URL())
		l.base = environment.URL()
	}
	l.base = strings.TrimSuffix(l.base, "/")
	if err := l.findTables(); err != nil {
		return err
	}
	l.announce(all)
	r := newReport(list)
	for i, s := range all {
		for _, version := range s.versions() {
			if version == "v5" && !s.byVersion() {
				continue
			}
			r.add(s, version, l.try(s, version, fmt.Sprintf("%d-%d%s", time.Now().Unix(), i, version)))
		}
	}
	r.write(l.out)
	return nil
}

// announce says what will be written before it is.
func (l *live) announce(all []scenario) {
	if !l.write {
		fmt.Fprintln(l.out, "Nothing is written. -write tries the rest.")
		return
	}
	profiles, records := cmp.Or(l.tables["profileTable"], "none (-profiles)"), cmp.Or(l.tables["customTable"], "none (-records)")
	fmt.Fprintf(l.out, "Written and deleted again: profiles with addresses conformance-…@example.com in table %s,\n", profiles)
	fmt.Fprintf(l.out, "records with keys conformance-… in table %s, and definitions named \"conformance\".\n", records)
	fmt.Fprintln(l.out, "Real-time scenarios that these tables start will run for the rows.")
	if l.imports {
		n := 0
		for _, s := range all {
			if s.Live == "import" && l.allowed(s) == nil {
				n++
			}
		}
		fmt.Fprintf(l.out, "Up to %d imports are started, each of which counts towards the day's of the tables.\n", n)
	}
}

// findTables looks up the ids of the tables that were named, and whether rows of the scenarios fit them.
func (l *live) findTables() error {
	for _, kind := range []struct {
		name, path, list string
		key, text        string
	}{
		{"profileTable", "/profile-table-structure/v5/entities/{entity}/profile-tables", "profileTables", "email", "text"},
		{"customTable", "/custom-table-structure/v5/entities/{entity}/custom-tables", "customTables", "recordKey", "recordText"},
	} {
		if l.tables[kind.name] == "" {
			continue
		}
		srv := l.service("tables")
		found := exchange{
			Request: request{Method: "GET", Path: kind.path},
			Answer: answer{Status: http.StatusOK, Body: map[string]any{kind.list: []any{
				has, map[string]any{"name": "{" + kind.name + "}", "id": "<id table>"},
			}}},
		}
		if err := srv.check(found, setting{unprefixed: l.unprefixed}); err != nil {
			return fmt.Errorf("table %s: %w", l.tables[kind.name], err)
		}
		l.tables[kind.name+"Id"] = srv.vars["table"]
		if err := l.checkAttributes(srv, kind.path+"/{table}", l.tables[kind.key], l.tables[kind.text]); err != nil {
			return fmt.Errorf("table %s: %w", l.tables[kind.name], err)
		}
	}
	return nil
}

// checkAttributes refuses a table that needs more than the rows of the scenarios have, since every write to it would fail.
func (l *live) checkAttributes(srv *service, path, key, text string) error {
	got, err := l.send(srv, request{Method: http.MethodGet, Path: path})
	if err != nil {
		return err
	}
	var structure struct {
		CreationTimeAttribute string
		Attributes            []struct {
			Name      string
			Mandatory bool
		}
	}
	if err := json.Unmarshal(got.body, &structure); err != nil || got.status != http.StatusOK {
		return fmt.Errorf("its structure cannot be read: status %d", got.status)
	}
	known := []string{"profileId", "creationMoment", "updateMoment", structure.CreationTimeAttribute, key, text}
	there := map[string]bool{}
	for _, a := range structure.Attributes {
		there[a.Name] = true
		if l.write && a.Mandatory && !slices.Contains(known, a.Name) {
			return fmt.Errorf("it has the mandatory attribute %s: take a table in which only %s and %s may be", a.Name, key, text)
		}
	}
	for _, name := range []string{key, text} {
		if name == "" || !there[name] {
			return fmt.Errorf("it has no attribute %q: README.md names the flags for it", name)
		}
	}
	return nil
}

// tokenUse is how long a token serves the scenarios that begin.
const tokenUse = 5 * time.Minute

func (l *live) service(run string) *service {
	vars := variables{"apiKey": l.key, "entity": l.entity, "run": run}
	for name, value := range l.tables {
		vars[name] = value
	}
	srv := &service{client: l.client, base: l.base, vars: vars, before: func() { time.Sleep(l.pause) }}
	if time.Since(l.fetched) < tokenUse {
		srv.token = l.token
	}
	return srv
}

// allowed says why a scenario is not tried.
func (l *live) allowed(s scenario) error {
	switch {
	case s.Why != "":
		return unchecked(s.Why)
	case s.Live != "read" && !l.write:
		return unchecked("it writes: try -write")
	case s.Live == "import" && !l.imports:
		return unchecked("it imports: try -imports")
	}
	return nil
}

// unchecked is why nothing was found out.
type unchecked string

func (u unchecked) Error() string { return string(u) }

// finding is what a scenario showed. Facts are settled by the answer that they stand at.
type finding struct {
	facts []string
	world string // whose answer it was, if it was not the usual one
	err   error  // nil: as described; unchecked: nothing was found out
}

// try runs a scenario and cleans up behind it.
func (l *live) try(s scenario, version, run string) []finding {
	if err := l.allowed(s); err != nil {
		return []finding{{s.cited(), "", err}}
	}
	srv := l.service(run)
	defer l.cleanUp(srv, s, version)
	if err := srv.prepare(s.Given); err != nil {
		return []finding{{s.cited(), "", unchecked(err.Error())}}
	}
	var found []finding
	last := 0
	for i, step := range s.Steps {
		if step.Half != "sdk" {
			last = i
		}
	}
	for i, step := range s.Steps {
		if step.Half == "sdk" {
			continue
		}
		settled := step.Facts
		if i == last {
			settled = append(slices.Clone(settled), s.Facts...)
		}
		list := step.exchanges(version)
		for j, e := range list {
			f := l.exchange(srv, e)
			if f.err == nil && j == len(list)-1 && len(settled) > 0 {
				found = append(found, finding{settled, f.world, nil})
			}
			if f.err == nil {
				continue
			}
			if j == len(list)-1 {
				found = append(found, finding{settled, "", f.err})
			}
			return append(found, notReached(s, i, last, j == len(list)-1)...)
		}
	}
	return found
}

// notReached are the facts of the steps behind one that went wrong.
func notReached(s scenario, at, last int, atLast bool) []finding {
	var left []string
	for i, step := range s.Steps {
		if i > at || i == at && !atLast {
			left = append(left, step.Facts...)
		}
	}
	if at < last || !atLast {
		left = append(left, s.Facts...)
	}
	if len(left) == 0 {
		return nil
	}
	return []finding{{left, "", unchecked("an earlier step of its scenario went another way")}}
}

// send keeps the token for the scenarios that come, and takes another where one has run out while an import ran.
func (l *live) send(srv *service, r request) (*received, error) {
	if !l.write && r.Method != http.MethodGet {
		return nil, fmt.Errorf("%s is not sent without -write", r.Method)
	}
	if time.Since(l.fetched) >= 2*tokenUse {
		srv.token = ""
	}
	had := srv.token
	got, err := srv.send(r, setting{unprefixed: l.unprefixed})
	if srv.token != had {
		l.token, l.fetched = srv.token, time.Now()
	}
	return got, err
}

// exchange sends a request and looks for the world whose answer it got.
func (l *live) exchange(srv *service, e exchange) finding {
	got, err := l.send(srv, e.Request)
	for began := time.Now(); err == nil && e.UntilEnded && !ended(got) && time.Since(began) < 15*time.Minute; {
		time.Sleep(5 * l.pause)
		got, err = l.send(srv, e.Request)
	}
	if err != nil {
		var transport *url.Error
		if errors.As(err, &transport) {
			err = errors.New("no answer came")
		}
		return finding{err: unchecked(err.Error())}
	}
	if err = e.Answer.compare(got, srv.vars, true); err == nil {
		return finding{}
	}
	for world, other := range e.AnswerIn {
		if other.compare(got, srv.vars, true) == nil {
			return finding{world: world}
		}
	}
	if slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, got.status) || got.status >= 500 {
		return finding{err: unchecked(fmt.Sprintf("the service answered %d", got.status))}
	}
	return finding{err: err}
}

// cleanUp deletes whatever the scenario may have left.
func (l *live) cleanUp(srv *service, s scenario, version string) {
	if s.Live == "read" {
		return
	}
	profile := "/profiles/v4/entity/{entity}/table/{profileTable}/profile/{email}="
	if version == "v5" {
		profile = "/profiles/v5/entities/{entity}/profile-tables/{profileTable}/profiles/{email}="
	}
	record := "/custom-data/v4/entity/{entity}/customTable/{customTable}/record/"
	left := []string{
		profile + "conformance-{run}@example.com", profile + "conformance%2B{run}@example.com",
		record + "conformance-{run}", record + "conformance%2F{run}", "/mass-imports/v5/entities/{entity}/etls/{etl}",
	}
	for _, path := range left {
		_, _, err := request{Path: path}.target(false, srv.vars)
		if err != nil {
			continue // there was no such table or definition
		}
		got, err := l.send(srv, request{Method: http.MethodDelete, Path: path})
		if err != nil || got.status/100 != 2 && got.status != http.StatusNotFound {
			fmt.Fprintf(l.out, "LEFT BEHIND by %q, version %s: look for conformance-%s\n", s.Name, version, srv.vars["run"])
		}
	}
}
