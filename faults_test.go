package actito_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// The values that no error and no log may show.
const (
	secretKey   = "ann+b/c d;é%@example.com"
	secretEmail = "ann.secret@example.com"
	secretAPI   = "THE-API-KEY"
)

type visit struct {
	Page string `actito:"page"`
}

// faultyShop is a fake whose faults one client meets, with everything that the client says.
type faultyShop struct {
	*actitotest.Server
	client    *actito.Client
	customers *actito.ProfileTable[customer]
	visits    *actito.CustomTable[visit]
	dials     []error // of the next connections
	log       strings.Builder
	warm      int // requests before the test began
}

// newFaultyShop has one customer. The client has a token, and knows the tables' ids.
func newFaultyShop(t testing.TB, opts ...actito.Option) *faultyShop {
	s := &faultyShop{Server: newUnlimitedShop(t, actitotest.WithAPIKeys(secretAPI))}
	s.AddCustomTable("MyEntity", actitotest.Table{
		Name: "Visits", PrimaryKey: "id", GeneratedKey: true, Attributes: []actitotest.Attribute{{Name: "page", Type: "STRING"}},
	})
	network := s.Transport().(*http.Transport).Clone()
	dial := network.DialContext
	network.DialTLSContext = func(ctx context.Context, kind, address string) (net.Conn, error) {
		if len(s.dials) > 0 {
			err := s.dials[0]
			s.dials = s.dials[1:]
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
		return dial(ctx, kind, address)
	}
	s.client = newClient(t, s.Server, append([]actito.Option{
		actito.WithHTTPClient(&http.Client{Transport: network}), actito.WithLogger(newLogger(&s.log)),
	}, opts...)...)
	var err error
	s.customers, err = actito.Profiles[customer](s.client, "Customers")
	require.NoError(t, err)
	s.visits, err = actito.Records[visit](s.client, "Visits")
	require.NoError(t, err)
	_, err = s.customers.Upsert(t.Context(), customer{ID: secretKey, Email: secretEmail, FirstName: "Old"})
	require.NoError(t, err)
	_, err = s.client.Quota.Usage(t.Context(), "Customers")
	require.NoError(t, err)
	s.warm = len(s.Requests())
	return s
}

// calls are the requests since the test began, those for tokens left out.
func (s *faultyShop) calls() []actitotest.Request {
	return slices.DeleteFunc(s.Requests()[s.warm:], func(r actitotest.Request) bool { return r.Operation == actitotest.OpToken })
}

// road is one kind of call, which is or is not safe to repeat.
type road struct {
	name    string
	op      actitotest.Operation
	call    func(context.Context, *faultyShop) error
	applied func(*faultyShop) int // how often the server did it
}

func count(done bool) int {
	if done {
		return 1
	}
	return 0
}

var roads = []road{
	{"a read", actitotest.OpProfileGet, func(ctx context.Context, s *faultyShop) error {
		_, err := s.customers.Get(ctx, actito.By("customerID", secretKey))
		return err
	}, func(*faultyShop) int { return 0 }},
	{"an upsert with key", actitotest.OpProfileUpsert, func(ctx context.Context, s *faultyShop) error {
		_, err := s.customers.Upsert(ctx, customer{ID: secretKey, FirstName: "New"})
		return err
	}, func(s *faultyShop) int {
		p, ok := s.Profile("Customers", "customerID", secretKey)
		return count(ok && p.Attributes["firstName"] == "New" && len(s.Profiles("Customers")) == 1)
	}},
	{"a delete", actitotest.OpProfileDelete, func(ctx context.Context, s *faultyShop) error {
		return s.customers.Delete(ctx, actito.By("customerID", secretKey))
	}, func(s *faultyShop) int { return count(len(s.Profiles("Customers")) == 0) }},
	{"an upsert without key", actitotest.OpRecordUpsert, func(ctx context.Context, s *faultyShop) error {
		_, err := s.visits.Upsert(ctx, visit{Page: secretEmail})
		return err
	}, func(s *faultyShop) int { return len(s.Records("Visits")) }},
	{"an import", actitotest.OpRunOnce, func(ctx context.Context, s *faultyShop) error {
		_, err := s.client.ETLs.RunOnce(ctx, actito.Definition{Name: "spring", Files: []actito.InputFile{s.customers.InputFile("c.csv", actito.Keep)}},
			s.customers.Rows("c.csv", all(customer{ID: secretKey, Email: secretEmail})))
		return err
	}, func(s *faultyShop) int { return len(s.Imports()) }},
}

// summary says how a call ended as "<end> <requests>/<applied>": ok, the status or "none" without an answer; then "~"
// if it is Retryable, "?" if its outcome is unknown; then how many requests the server saw, and how often it did what
// was asked. For imports, what became of the unit follows.
func (s *faultyShop) summary(t testing.TB, r road, err error) string {
	end := "ok"
	var api *actito.APIError
	switch {
	case errors.As(err, &api) && api.Status > 0:
		end = strconv.Itoa(api.Status)
	case err != nil:
		end = "none"
	}
	if actito.Retryable(err) {
		end += "~"
	}
	if errors.Is(err, actito.ErrOutcomeUnknown) {
		end += "?"
	}
	end += fmt.Sprintf(" %d/%d", len(s.calls()), r.applied(s))
	if r.op == actitotest.OpRunOnce {
		usage, err := s.client.Quota.Usage(context.WithoutCancel(t.Context()), "Customers")
		require.NoError(t, err)
		end += map[[2]int]string{{0, 0}: " free", {1, 0}: " used", {0, 1}: " held"}[[2]int{usage.Used, usage.Held}]
	}
	return end
}

func TestFaults(t *testing.T) {
	t.Parallel()
	type faults = []actitotest.Fault
	times, status, redirect := actitotest.Times, actitotest.Status, actitotest.Redirect
	refused := errors.New("connect: connection refused")
	page := func(code int) actitotest.Fault {
		return status(code).WithBody("text/html", "<html>"+secretEmail+"</html>")
	}
	after := func(code int, wait string) actitotest.Fault { return status(code).WithHeader("Retry-After", wait) }
	for name, tt := range map[string]struct {
		dials  []error
		faults faults
		token  faults    // of the endpoint for tokens; the client's token is withdrawn
		atOnce bool      // the call waits for nothing
		want   [5]string // by road
	}{
		"nothing": {atOnce: true, want: [5]string{"ok 1/0", "ok 1/1", "ok 1/1", "ok 1/1", "ok 1/1 used"}},

		"a refused connection":                {dials: []error{refused}, want: [5]string{"ok 1/0", "ok 1/1", "ok 1/1", "ok 1/1", "ok 1/1 used"}},
		"refused connections for ever":        {dials: slices.Repeat([]error{refused}, 100), want: [5]string{"none~ 0/0", "none~ 0/0", "none~ 0/0", "none~ 0/0", "none~ 0/0 free"}},
		"a reset before the request is read":  {faults: faults{actitotest.Refuse()}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "none? 1/0", "none? 1/0 held"}},
		"a reset within the request":          {faults: faults{actitotest.CutRequest(10)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "none? 1/0", "none? 1/0 held"}},
		"a reset after the request":           {faults: faults{actitotest.LoseAnswer()}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "none? 1/1", "none? 1/1 held"}},
		"a reset after the request, for ever": {faults: faults{times(100, actitotest.LoseAnswer())}, want: [5]string{"none~ 4/0", "none~ 4/1", "none~ 4/1", "none? 1/1", "none? 1/1 held"}},
		"headers that never come":             {faults: faults{actitotest.Hang()}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "none? 1/0", "none? 1/0 held"}},
		"headers that come after a minute":    {faults: faults{actitotest.Delay(time.Minute)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "none? 1/0", "ok 1/1 used"}},
		"half a body":                         {faults: faults{actitotest.CutAnswer(3)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "201? 1/1", "201? 1/1 held"}},

		"401 once":                  {faults: faults{status(401)}, atOnce: true, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"401 for ever":              {faults: faults{times(100, status(401))}, atOnce: true, want: [5]string{"401~ 2/0", "401~ 2/0", "401~ 2/0", "401~ 2/0", "401~ 2/0 free"}},
		"a token that is withdrawn": {faults: faults{actitotest.RevokeToken()}, atOnce: true, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},

		"429 once":                       {faults: faults{status(429)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"429 for ever":                   {faults: faults{times(100, status(429))}, want: [5]string{"429~ 4/0", "429~ 4/0", "429~ 4/0", "429~ 4/0", "429~ 6/0 free"}},
		"429 with seconds":               {faults: faults{after(429, "30")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"429 with a date":                {faults: faults{after(429, "Sat, 01 Jan 2000 00:00:30 GMT")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"429 with a date in the past":    {faults: faults{after(429, "Fri, 31 Dec 1999 23:00:00 GMT")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"429 with too many seconds":      {faults: faults{after(429, "61")}, atOnce: true, want: [5]string{"429~ 1/0", "429~ 1/0", "429~ 1/0", "429~ 1/0", "429~ 2/0 free"}},
		"429 with absurdly many seconds": {faults: faults{after(429, "99999999999999999999")}, atOnce: true, want: [5]string{"429~ 1/0", "429~ 1/0", "429~ 1/0", "429~ 1/0", "429~ 2/0 free"}},
		"429 with a date too far away":   {faults: faults{after(429, "Wed, 01 Jan 2200 00:00:00 GMT")}, atOnce: true, want: [5]string{"429~ 1/0", "429~ 1/0", "429~ 1/0", "429~ 1/0", "429~ 2/0 free"}},
		"429 with a word":                {faults: faults{after(429, "later")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"429 with negative seconds":      {faults: faults{after(429, "-1")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"429 in HTML":                    {faults: faults{page(429)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},

		"500":                          {faults: faults{status(500)}, atOnce: true, want: [5]string{"500~ 1/0", "500~ 1/0", "500~ 1/0", "500? 1/0", "500? 1/0 held"}},
		"500 in HTML":                  {faults: faults{page(500)}, atOnce: true, want: [5]string{"500~ 1/0", "500~ 1/0", "500~ 1/0", "500? 1/0", "500? 1/0 held"}},
		"500 with Retry-After":         {faults: faults{after(500, "1")}, atOnce: true, want: [5]string{"500~ 1/0", "500~ 1/0", "500~ 1/0", "500? 1/0", "500? 1/0 held"}},
		"502 with JSON":                {faults: faults{status(502)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "502? 1/0", "502? 1/0 held"}},
		"502 in HTML":                  {faults: faults{page(502)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "502? 1/0", "502? 1/0 held"}},
		"502 for ever":                 {faults: faults{times(100, page(502))}, want: [5]string{"502~ 4/0", "502~ 4/0", "502~ 4/0", "502? 1/0", "502? 1/0 held"}},
		"503 with JSON":                {faults: faults{status(503)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"503 in HTML":                  {faults: faults{page(503)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "503? 1/0", "503? 1/0 held"}},
		"503 in HTML with Retry-After": {faults: faults{page(503).WithHeader("Retry-After", "1")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"503 with JSON for ever":       {faults: faults{times(100, status(503))}, want: [5]string{"503~ 4/0", "503~ 4/0", "503~ 4/0", "503~ 4/0", "503~ 5/0 free"}},
		"504":                          {faults: faults{status(504)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "504? 1/0", "504? 1/0 held"}},
		"504 with Retry-After":         {faults: faults{after(504, "1")}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "504? 1/0", "504? 1/0 held"}},

		"204":                     {faults: faults{status(204)}, atOnce: true, want: [5]string{"204 1/0", "ok 1/0", "ok 1/0", "ok 1/0", "204? 1/0 held"}},
		"200 without a body":      {faults: faults{status(200)}, atOnce: true, want: [5]string{"200 1/0", "ok 1/0", "ok 1/0", "ok 1/0", "200? 1/0 held"}},
		"200 with an HTML page":   {faults: faults{page(200)}, atOnce: true, want: [5]string{"200 1/0", "200 1/0", "ok 1/0", "200? 1/0", "200? 1/0 held"}},
		"200 with broken JSON":    {faults: faults{status(200).WithBody("application/json", `{"profileId":`)}, atOnce: true, want: [5]string{"200 1/0", "200 1/0", "ok 1/0", "200? 1/0", "200? 1/0 held"}},
		"200 with other JSON":     {faults: faults{status(200).WithBody("application/json", `["`+secretEmail+`"]`)}, atOnce: true, want: [5]string{"200 1/0", "ok 1/0", "ok 1/0", "ok 1/0", "200? 1/0 held"}},
		"400 that repeats values": {faults: faults{status(400).WithBody("application/json", `{"status":400,"message":"`+secretKey+` `+secretEmail+`"}`)}, atOnce: true, want: [5]string{"400 1/0", "400 1/0", "400 1/0", "400 1/0", "400 1/0 free"}},

		"301":                  {faults: faults{redirect(301, "?allowUpdate=true")}, atOnce: true, want: [5]string{"ok 2/0", "301 1/0", "301 1/0", "301? 1/0", "301? 1/0 held"}},
		"302":                  {faults: faults{redirect(302, "?allowUpdate=true")}, atOnce: true, want: [5]string{"ok 2/0", "302 1/0", "302 1/0", "302? 1/0", "302? 1/0 held"}},
		"307":                  {faults: faults{redirect(307, "?allowUpdate=true")}, atOnce: true, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"308":                  {faults: faults{redirect(308, "?allowUpdate=true")}, atOnce: true, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"301 to another host":  {faults: faults{redirect(301, "https://evil.test/"+secretEmail)}, atOnce: true, want: [5]string{"301 1/0", "301 1/0", "301 1/0", "301? 1/0", "301? 1/0 held"}},
		"302 to another host":  {faults: faults{redirect(302, "https://evil.test/"+secretEmail)}, atOnce: true, want: [5]string{"302 1/0", "302 1/0", "302 1/0", "302? 1/0", "302? 1/0 held"}},
		"307 to another host":  {faults: faults{redirect(307, "https://evil.test/"+secretEmail)}, atOnce: true, want: [5]string{"307 1/0", "307 1/0", "307 1/0", "307? 1/0", "307? 1/0 held"}},
		"308 to another host":  {faults: faults{redirect(308, "https://evil.test/"+secretEmail)}, atOnce: true, want: [5]string{"308 1/0", "308 1/0", "308 1/0", "308? 1/0", "308? 1/0 held"}},
		"302 to nonsense":      {faults: faults{times(100, redirect(302, "/%zz/"+url.PathEscape(secretKey)+"/"+secretEmail))}, want: [5]string{"none~ 4/0", "none~ 4/0", "none~ 4/0", "none? 1/0", "none? 1/0 held"}},
		"302 without a target": {faults: faults{status(302)}, atOnce: true, want: [5]string{"302 1/0", "302 1/0", "302 1/0", "302? 1/0", "302? 1/0 held"}},
		"304":                  {faults: faults{status(304)}, atOnce: true, want: [5]string{"304 1/0", "304 1/0", "304 1/0", "304? 1/0", "304? 1/0 held"}},

		"a token endpoint that is down":   {token: faults{times(100, status(503))}, want: [5]string{"503~ 1/0", "503~ 1/0", "503~ 1/0", "503~ 1/0", "503~ 1/0 free"}},
		"a token endpoint that was down":  {token: faults{status(503)}, want: [5]string{"ok 2/0", "ok 2/1", "ok 2/1", "ok 2/1", "ok 2/1 used"}},
		"a token endpoint that resets":    {token: faults{times(100, actitotest.Refuse())}, want: [5]string{"none~ 1/0", "none~ 1/0", "none~ 1/0", "none~ 1/0", "none~ 1/0 free"}},
		"a token endpoint that hangs":     {token: faults{times(100, actitotest.Hang())}, want: [5]string{"none~ 1/0", "none~ 1/0", "none~ 1/0", "none~ 1/0", "none~ 1/0 free"}},
		"a token endpoint that refuses":   {token: faults{times(100, status(401))}, atOnce: true, want: [5]string{"401~ 1/0", "401~ 1/0", "401~ 1/0", "401~ 1/0", "401~ 1/0 free"}},
		"a token endpoint with a page":    {token: faults{times(100, page(200))}, atOnce: true, want: [5]string{"200~ 1/0", "200~ 1/0", "200~ 1/0", "200~ 1/0", "200~ 1/0 free"}},
		"a token endpoint that redirects": {token: faults{times(100, redirect(302, "/elsewhere"))}, atOnce: true, want: [5]string{"302~ 1/0", "302~ 1/0", "302~ 1/0", "302~ 1/0", "302~ 1/0 free"}},
	} {
		for i, want := range tt.want {
			r := roads[i]
			t.Run(name+" meets "+r.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newFaultyShop(t)
					s.dials = tt.dials
					s.Fail(r.op, tt.faults...)
					if len(tt.token) > 0 {
						s.RevokeTokens()
						s.Fail(actitotest.OpToken, tt.token...)
					}
					began := time.Now()
					err := r.call(t.Context(), s)
					assert.True(t, !tt.atOnce || time.Since(began) == 0, "it waited %s", time.Since(began))
					got := s.summary(t, r, err)
					assert.Equal(t, want, got, "%v", err)
					s.keepsSecrets(t, err)
				})
			})
		}
	}
}

func TestAPageIsNoAnswerToAWriteButADelete(t *testing.T) {
	t.Parallel()
	key := actito.By("customerID", secretKey)
	page := actitotest.Status(200).WithBody("text/html", "<html>")
	for name, tt := range map[string]struct {
		op   actitotest.Operation
		call func(context.Context, *faultyShop) error
		ok   bool
	}{
		"update": {actitotest.OpProfileUpdate, func(ctx context.Context, s *faultyShop) error {
			return s.customers.Update(ctx, key, customer{FirstName: "New"})
		}, false},
		"subscribe": {actitotest.OpSubscribe, func(ctx context.Context, s *faultyShop) error {
			return s.customers.Subscribe(ctx, key, "Newsletter")
		}, false},
		"segment": {actitotest.OpSegment, func(ctx context.Context, s *faultyShop) error {
			return s.customers.Segment(ctx, key, actito.Segmentation{Name: "Activity", Category: "Active"})
		}, false},
		"unsubscribe": {actitotest.OpUnsubscribe, func(ctx context.Context, s *faultyShop) error {
			return s.customers.Unsubscribe(ctx, key, "Newsletter")
		}, true},
		"unsegment": {actitotest.OpUnsegment, func(ctx context.Context, s *faultyShop) error {
			return s.customers.Unsegment(ctx, key, "Activity")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyShop(t)
				s.Fail(tt.op, page)
				err := tt.call(t.Context(), s)
				assert.Equal(t, tt.ok, err == nil, "%v", err)
				require.NoError(t, tt.call(t.Context(), s))
			})
		})
	}
}

func TestKeysPrintWithoutTheirValues(t *testing.T) {
	t.Parallel()
	for _, key := range []actito.Key{actito.By("emailAddress", secretEmail), actito.ByID(secretKey)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			text := fmt.Sprintf(verb, key) + fmt.Sprintf(verb, []actito.Key{key})
			assert.NotContains(t, text, secretEmail)
			assert.NotContains(t, text, secretKey)
			assert.Contains(t, text, "REDACTED")
		}
	}
}
