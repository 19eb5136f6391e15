package conformance

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

// opposites are all answers to open questions that the fake does not give by itself.
func opposites() []string {
	var list []string
	for i, a := range actitotest.Assumptions() {
		if i%2 == 1 {
			list = append(list, a.String())
		}
	}
	return list
}

// allWorlds are the usual one, each with a single opposite, and the one of all opposites.
func allWorlds() [][]string {
	list := [][]string{nil}
	for _, name := range opposites() {
		list = append(list, []string{name})
	}
	return append(list, opposites())
}

func TestTheFakeAnswersAsDescribed(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios(t) {
		t.Run(s.area+"/"+s.Name, func(t *testing.T) {
			t.Parallel()
			for _, version := range s.versions() {
				if version == "v5" && !s.byVersion() {
					continue // the requests are the same
				}
				for _, unprefixed := range []bool{false, true} {
					for _, world := range allWorlds() {
						in := setting{version, unprefixed, world}
						require.NoError(t, runFake(t, s, in), in)
					}
				}
			}
		})
	}
}

func runFake(t *testing.T, s scenario, in setting) error {
	fake, vars := newFake(t, s.Given, in)
	defer fake.Close()
	srv := &service{client: &http.Client{Transport: direct{fake.Handler()}}, base: fake.URL, vars: vars, clock: fake.Clock()}
	if err := srv.prepare(s.Given); err != nil {
		return err
	}
	for i, step := range s.Steps {
		if step.Half == "sdk" {
			continue
		}
		if err := srv.pass(step.After); err != nil {
			return err
		}
		for j, e := range step.exchanges(in.version) {
			if err := srv.check(e, in); err != nil {
				return fmt.Errorf("step %d, request %d: %w", i+1, j+1, err)
			}
		}
	}
	return nil
}

// direct calls a handler without any connection, since there are thousands of calls.
type direct struct{ http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	return w.Result(), nil
}

// newFake is a service with the tables that scenarios are about.
func newFake(t testing.TB, g given, in setting) (*actitotest.Server, variables) {
	vars := usual()
	form := actitotest.PrefixedOnly()
	if in.unprefixed {
		form = actitotest.UnprefixedOnly()
	}
	fake := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities(vars["entity"]), actitotest.WithAPIKeys(vars["apiKey"]),
		actitotest.WithLimits(actitotest.Limits{ImportsPerDay: g.ImportsPerDay}), form)
	assume(fake, in.world)
	addTables(fake, vars)
	for i, name := range g.Locations {
		vars[fmt.Sprintf("location%d", i+1)] = fake.AddLocation(vars["entity"], name)
	}
	if g.Clock != "" {
		brussels, err := time.LoadLocation("Europe/Brussels")
		require.NoError(t, err)
		at, err := time.ParseInLocation(time.DateTime, g.Clock, brussels)
		require.NoError(t, err)
		fake.Clock().Set(at)
	}
	return fake, vars
}

// assume puts a world in force, whatever the environment says.
func assume(fake *actitotest.Server, world []string) {
	all := actitotest.Assumptions()
	for i := range all {
		if i%2 == 0 {
			fake.Assume(all[i])
		}
		for _, name := range world {
			if all[i].String() == name {
				fake.Assume(all[i])
			}
		}
	}
}

func addTables(fake *actitotest.Server, vars variables) {
	fake.AddProfileTable(vars["entity"], actitotest.Table{
		ID: vars["profileTableId"], Name: vars["profileTable"],
		Attributes: []actitotest.Attribute{
			{Name: vars["email"], Type: "EMAIL_ADDRESS", Unique: true, Mandatory: true},
			{Name: vars["text"], Type: "FIRSTNAME"},
			{Name: "points", Type: "INTEGER"},
			{Name: "hobbies", Type: "STRING", MultiValued: true},
		},
		Subscriptions: []string{vars["subscription"]},
		Segmentations: []actitotest.Segmentation{{Name: vars["segmentation"], Categories: []string{vars["category"]}}},
	})
	fake.AddCustomTable(vars["entity"], actitotest.Table{
		ID: vars["customTableId"], Name: vars["customTable"], PrimaryKey: vars["recordKey"], Type: "INTERACTIONS",
		Attributes: []actitotest.Attribute{
			{Name: vars["recordKey"], Type: "STRING"},
			{Name: vars["recordText"], Type: "STRING"},
			{Name: "amount", Type: "NUMBER"},
		},
	})
}

// service is what the server's half talks to.
type service struct {
	client *http.Client
	base   string
	vars   variables
	token  string
	clock  *actitotest.Clock // of the fake, nil for the real service

	before func() // each request
}

func (s *service) send(r request, in setting) (*received, error) {
	if s.token == "" && !strings.HasPrefix(r.Path, "/auth/") {
		if err := s.fetchToken(); err != nil {
			return nil, err
		}
	}
	req, err := r.build(s.base, s.token, in.unprefixed, s.vars)
	if err != nil {
		return nil, err
	}
	return s.do(req)
}

func (s *service) do(req *http.Request) (*received, error) {
	if s.before != nil {
		s.before()
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return &received{resp.StatusCode, resp.Header, body}, err
}

func (s *service) fetchToken() error {
	key := "{apiKey}"
	e := exchange{
		Request: request{Method: "GET", Path: "/auth/token", Headers: map[string]*string{"Authorization": &key}},
		Answer:  answer{Status: 200, Body: map[string]any{"accessToken": "<id token>"}},
	}
	req, err := e.Request.build(s.base, "", false, s.vars)
	if err != nil {
		return err
	}
	got, err := s.do(req)
	if err != nil {
		return err
	}
	if err := e.Answer.compare(got, s.vars, false); err != nil {
		return fmt.Errorf("the token: %w", err)
	}
	s.token = s.vars["token"]
	return nil
}

// pass lets time pass at the fake, after which there has to be another token.
func (s *service) pass(after string) error {
	if after == "" {
		return nil
	}
	d, err := time.ParseDuration(after)
	if err != nil {
		return err
	}
	s.clock.Advance(d)
	s.token = ""
	return nil
}

// prepare writes what a scenario starts with, by the calls that are seen in use.
func (s *service) prepare(g given) error {
	for _, row := range g.Profiles {
		if err := s.write("/profiles/v4/entity/{entity}/table/{profileTable}/profile", map[string]string{"allowUpdate": "true"}, "attributes", row); err != nil {
			return err
		}
	}
	for _, row := range g.Records {
		if err := s.write("/custom-data/v4/entity/{entity}/customTable/{customTable}/record", nil, "properties", row); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) write(path string, query map[string]string, field string, row map[string]any) error {
	var list []any
	for name, value := range row {
		list = append(list, map[string]any{"name": name, "value": value})
	}
	r := request{Method: "POST", Path: path, Query: query, Body: map[string]any{field: list}}
	for _, unprefixed := range []bool{false, true} {
		got, err := s.send(r, setting{unprefixed: unprefixed})
		if err != nil {
			return err
		}
		if got.status/100 == 2 {
			return nil
		}
		if got.status != http.StatusNotFound {
			return fmt.Errorf("what is given could not be written: status %d", got.status)
		}
	}
	return errors.New("what is given could not be written: status 404")
}

// check sends one request and compares the answer.
func (s *service) check(e exchange, in setting) error {
	got, err := s.send(e.Request, in)
	for tries := 0; err == nil && e.UntilEnded && !ended(got) && tries < 10; tries++ {
		s.clock.Advance(time.Minute)
		got, err = s.send(e.Request, in)
	}
	if err != nil {
		return err
	}
	return e.in(in.world).compare(got, s.vars, s.clock == nil)
}

// ended reports whether an execution has an end, or there is none.
func ended(got *received) bool {
	return got.status != http.StatusOK || strings.Contains(string(got.body), `"endMoment"`)
}
