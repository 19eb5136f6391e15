package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// usual are the variables of a run that is not of the real service.
func usual() variables {
	return variables{
		"apiKey": "an-API-key", "entity": "MyEntity", "run": "r1",
		"profileTable": "Customers", "profileTableId": "16", "email": "emailAddress", "text": "firstName",
		"subscription": "Newsletter", "segmentation": "Activity", "category": "Active",
		"customTable": "Orders", "customTableId": "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", "recordKey": "orderId", "recordText": "status",
	}
}

func TestTheSDKDoesAsDescribed(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios(t) {
		t.Run(s.area+"/"+s.Name, func(t *testing.T) {
			t.Parallel()
			for _, version := range []string{"v4", "v5"} {
				for _, unprefixed := range []bool{false, true} {
					for _, world := range worldsOf(s) {
						runSDK(t, s, setting{version, unprefixed, world})
					}
				}
			}
		})
	}
}

// setting is one field of the matrix.
type setting struct {
	version    string
	unprefixed bool
	world      []string // answers that are in force in place of the usual ones
}

func (s setting) String() string {
	form := "prefixed"
	if s.unprefixed {
		form = "without category"
	}
	return fmt.Sprintf("%s, %s, in the world %v", s.version, form, s.world)
}

// worldsOf are those in which the SDK is answered differently; in the others it would be answered the same.
func worldsOf(s scenario) [][]string {
	list := [][]string{nil}
	for _, w := range s.worlds() {
		list = append(list, []string{w})
	}
	return append(list, opposites())
}

func runSDK(t *testing.T, s scenario, in setting) {
	for _, v := range s.versions() {
		if v != in.version {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, in)
			for i, step := range s.Steps {
				if step.When == nil || step.Half == "server" {
					continue
				}
				b.script.play(step.exchanges(in.version))
				pause(t, step.After)
				err := b.run(step, in.world)
				require.NoError(t, errors.Join(b.script.end(), err), "step %d, %s", i+1, in)
			}
		})
	}
}

func pause(t *testing.T, after string) {
	if after != "" {
		d, err := time.ParseDuration(after)
		require.NoError(t, err)
		time.Sleep(d) // of the bubble's time
	}
}

// bench is a client that talks to a script.
type bench struct {
	*actito.Client
	script   *script
	profiles *actito.ProfileTable[map[string]any]
	records  *actito.CustomTable[map[string]any]
}

func newBench(t *testing.T, in setting) *bench {
	vars := usual()
	b := &bench{script: &script{in: in, vars: vars}}
	opts := []actito.Option{actito.WithEnvironment(actito.Env3), actito.WithHTTPClient(&http.Client{Transport: b.script})}
	if in.unprefixed {
		opts = append(opts, actito.WithUnprefixedPaths())
	}
	if in.version == "v5" {
		opts = append(opts, actito.WithProfilesV5())
	}
	var err error
	b.Client, err = actito.New(vars["apiKey"], vars["entity"], opts...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	b.profiles, err = actito.Profiles[map[string]any](b.Client, vars["profileTable"])
	require.NoError(t, err)
	b.profiles, err = b.profiles.KeyedBy(vars["email"])
	require.NoError(t, err)
	b.records, err = actito.Records[map[string]any](b.Client, vars["customTable"])
	require.NoError(t, err)
	b.records, err = b.records.KeyedBy(vars["recordKey"])
	require.NoError(t, err)
	return b
}

// run makes the call of a step and compares what comes of it.
func (b *bench) run(s step, world []string) error {
	call, ok := calls[s.When.Call]
	if !ok {
		return fmt.Errorf("there is no call %q", s.When.Call)
	}
	var with any
	if s.When.With != nil {
		if err := json.Unmarshal(s.When.With, &with); err != nil {
			return err
		}
	}
	with, err := b.script.vars.all(with)
	if err != nil {
		return err
	}
	text, err := json.Marshal(with)
	if err != nil {
		return err
	}
	value, err := call(b, text)
	return b.compare(s.outcome(world), value, err)
}

func (b *bench) compare(want *outcome, value any, err error) error {
	switch {
	case want == nil:
		want = &outcome{}
	case want.Error != "":
		sentinel, ok := sentinels[want.Error]
		if !ok {
			return fmt.Errorf("there is no sentinel %q", want.Error)
		}
		if !errors.Is(err, sentinel) {
			return fmt.Errorf("the error is %w, not %s", errors.Join(err), want.Error)
		}
		return nil
	}
	if err != nil || want.Value == nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	wanted, err := b.script.vars.all(want.Value)
	if err != nil {
		return err
	}
	return match("the outcome", wanted, plain, false, b.script.vars)
}

// script answers the requests of the SDK as a scenario says, and compares them.
type script struct {
	in   setting
	vars variables
	left []exchange
	errs []error
}

func (s *script) play(e []exchange) { s.left, s.errs = e, nil }

// end tells what went wrong, and what was not asked for.
func (s *script) end() error {
	if len(s.left) > 0 && len(s.errs) == 0 {
		s.errs = append(s.errs, fmt.Errorf("%d requests were not made, the first of them %s %s",
			len(s.left), s.left[0].Request.Method, s.left[0].Request.Path))
	}
	return errors.Join(s.errs...)
}

// RoundTrip is called by one goroutine at a time, since the calls of a scenario are made one after another.
func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	if req.URL.Path == "/auth/token" && (len(s.left) == 0 || s.left[0].Request.Path != "/auth/token") {
		return text(req, http.StatusOK, `{"accessToken":"a-token","tokenType":"bearer","expiresIn":"900s"}`), nil
	}
	if len(s.left) == 0 {
		s.errs = append(s.errs, fmt.Errorf("one request more: %s %s", req.Method, req.URL.Path))
		return text(req, http.StatusBadRequest, `{"status":400,"message":"not in the scenario"}`), nil
	}
	next := s.left[0]
	s.left = s.left[1:]
	if err := next.Request.compare(req, body, s.in.unprefixed, s.vars); err != nil {
		s.errs = append(s.errs, err)
	}
	return next.in(s.in.world).canned(req, s.vars)
}

func text(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

func into(args []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(args))
	d.DisallowUnknownFields()
	return d.Decode(value)
}
