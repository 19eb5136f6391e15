package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// What calls carry, each in a field of its own.
const (
	secretPhone   = "+32470998877"
	secretName    = "Zebedée O'Marker"
	secretBirth   = "1984-02-29"
	secretSearch  = "Searched-For"
	secretPass    = "hunter2/hunter2"
	secretWebhook = "whsec-4711"
)

// echoServer is a server that says again what it is told to, in the way it is told to. Tokens pass.
type echoServer struct {
	next http.RoundTripper
	way  func(*http.Request, string) (*http.Response, error) // nil: it works
	what []string
}

func (e *echoServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/auth/token" || e.way == nil {
		return e.next.RoundTrip(req)
	}
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return e.way(req, strings.Join(append([]string{req.Header.Get("Authorization")}, e.what...), " | "))
}

// says answers with %j as JSON, %t as it is, %p as a part of a path and %h as a header's value.
func says(status int, body string, header ...string) func(*http.Request, string) (*http.Response, error) {
	return func(req *http.Request, what string) (*http.Response, error) {
		asJSON, _ := json.Marshal(what)
		fill := strings.NewReplacer("%j", string(asJSON), "%t", what, "%p", url.PathEscape(what))
		resp := response(req, status, "", fill.Replace(body))
		for i := 0; i < len(header); i += 2 {
			resp.Header.Set(header[i], fill.Replace(header[i+1]))
		}
		return resp, nil
	}
}

// each answers with a header for each of the values alone: the calls of a road take turns.
func each(name string) func(*http.Request, string) (*http.Response, error) {
	turn := 0
	return func(req *http.Request, what string) (*http.Response, error) {
		values := strings.Split(strings.TrimPrefix(what, "Bearer "), " | ")
		turn++
		return says(http.StatusServiceUnavailable, `{"message":"later"}`, name, values[turn%len(values)])(req, what)
	}
}

// breaking is a body that ends with an error.
type breaking struct{ err error }

func (b breaking) Read([]byte) (int, error) { return 0, b.err }
func (breaking) Close() error               { return nil }

var echoes = map[string]func(*http.Request, string) (*http.Response, error){
	"in a message":              says(400, `{"status":400,"message":%j}`),
	"in a message of its own":   says(400, `{"status":400,"message":"wrong","detail":%j,"%j":1}`),
	"in a page":                 says(502, "<html>%t</html>", "Content-Type", "text/html"),
	"in broken JSON":            says(200, `{"profileId":%t`),
	"in JSON of another shape":  says(200, `{"profileId":[%j],"businessKey":[%j],"id":[%j],"status":[%j],"attributes":[{"name":"birthDate","value":%j},{"name":"creationMoment","value":%j}],"files":%j,"subscriptions":%j}`),
	"in a list":                 says(200, `[%j]`),
	"in a text":                 says(200, `%j`),
	"as numbers":                says(200, `{"profileId":1e400,"executionId":4711,"id":{"a":4711},"subscriptions":4711,"attributes":4711,"properties":4711,"status":4711}`),
	"in the request's id":       each("X-Request-Id"),
	"in the media type":         says(400, "<", "Content-Type", "%p/%p"),
	"in a new place":            says(302, "", "Location", "https://elsewhere.example/%p?%p"),
	"in a place that is none":   says(302, "", "Location", "http://a b/%t"),
	"in a place without scheme": says(302, "", "Location", ":%t"),
	"in the time to wait":       says(503, "", "Retry-After", "%t"),
	"as the token is refused":   says(401, `{"status":401,"message":%j}`),
	"in a status line that is none": func(_ *http.Request, what string) (*http.Response, error) {
		return nil, fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", fmt.Errorf("malformed HTTP response %q", what))
	},
	"in an error with the URL": func(req *http.Request, what string) (*http.Response, error) {
		return nil, fmt.Errorf("gateway: %w", &url.Error{Op: "Get", URL: req.URL.String() + "?" + what, Err: io.ErrUnexpectedEOF})
	},
	"in a body that breaks": func(req *http.Request, what string) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req, Body: breaking{fmt.Errorf("bad trailer key %q", what)}}, nil
	},
}

func TestWhatAServerSaysAgainIsShownNowhere(t *testing.T) {
	t.Parallel()
	for name, way := range echoes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &faultyShop{Server: newUnlimitedShop(t)}
				server := &echoServer{next: s.Transport()}
				options := []actito.Option{actito.WithHTTPClient(&http.Client{Transport: server}), actito.WithLogger(newLogger(&s.log)),
					actito.WithRetry(actito.RetryPolicy{Tries: 2, MinWait: 1, MaxWait: 1, Budget: 1})}
				s.client = newClient(t, s.Server, options...)
				s.customers = profilesOf[customer](t, s.client, "Customers")
				v5 := profilesOf[customer](t, newClient(t, s.Server, append(options, actito.WithProfilesV5())...), "Customers")
				orders, err := actito.Records[order](s.client, "Orders")
				require.NoError(t, err)
				_, err = s.customers.Upsert(t.Context(), customer{ID: "C1", Email: "x@example.com"})
				require.NoError(t, err)
				for _, table := range []string{"Customers", "Orders"} {
					_, err = s.client.Quota.Usage(t.Context(), table)
					require.NoError(t, err)
				}
				token := strings.TrimPrefix(s.Requests()[len(s.Requests())-1].Header.Get("Authorization"), "Bearer ")
				require.NotEmpty(t, token)
				row := customer{ID: secretKey, Email: secretEmail, FirstName: secretName, Phone: actito.Set(secretPhone),
					Birth: actito.Set(actito.NewDate(1984, time.February, 29))}
				rows := []string{secretKey, secretEmail, secretName, secretPhone, secretBirth}
				file := []string{secretEmail, secretPhone} // of what is only in a file, nobody here knows the rest
				d := actito.Definition{Name: "spring", Files: []actito.InputFile{s.customers.InputFile("c.csv", actito.Keep)}}
				key := actito.By("customerID", secretKey)
				server.way = way
				for road, r := range map[string]struct {
					carries []string
					call    func(ctx context.Context) error
				}{
					"upsert":    {rows, func(ctx context.Context) error { _, err := s.customers.Upsert(ctx, row); return err }},
					"create":    {rows, func(ctx context.Context) error { _, err := s.customers.Create(ctx, row); return err }},
					"update":    {rows, func(ctx context.Context) error { return s.customers.Update(ctx, key, row) }},
					"get":       {rows[:1], func(ctx context.Context) error { _, err := s.customers.Get(ctx, key); return err }},
					"delete":    {rows[:1], func(ctx context.Context) error { return s.customers.Delete(ctx, key) }},
					"subscribe": {rows[:1], func(ctx context.Context) error { return s.customers.Subscribe(ctx, key, "Newsletter") }},
					"segments":  {rows[:1], func(ctx context.Context) error { _, err := s.customers.Segmentations(ctx, key); return err }},
					"consents":  {rows[:1], func(ctx context.Context) error { _, err := s.customers.Subscriptions(ctx, key); return err }},
					"upsert v5": {rows, func(ctx context.Context) error { _, err := v5.Upsert(ctx, row); return err }},
					"create v5": {rows, func(ctx context.Context) error { _, err := v5.Create(ctx, row); return err }},
					"get v5":    {rows[:1], func(ctx context.Context) error { _, err := v5.Get(ctx, key); return err }},
					"each": {rows, func(ctx context.Context) (err error) {
						for r := range s.customers.UpsertEach(ctx, all(row)) {
							err = r.Err
						}
						return err
					}},
					"record": {[]string{secretKey, secretName}, func(ctx context.Context) error {
						_, err := orders.Upsert(ctx, order{ID: secretKey, Customer: secretName})
						return err
					}},
					"get record": {rows[:1], func(ctx context.Context) error { _, err := orders.Get(ctx, secretKey); return err }},
					"list": {[]string{secretSearch}, func(ctx context.Context) error {
						_, _, err := orders.List(ctx, actito.ListOptions{SearchField: "customerID", SearchValue: secretSearch})
						return err
					}},
					"raw": {[]string{secretKey, secretName, secretSearch}, func(ctx context.Context) error {
						return s.client.Do(ctx, actito.RawCall{Method: "POST", Path: "/x/v1/{key}", Params: map[string]string{"key": secretKey},
							Query: url.Values{"q": {secretSearch}}, Body: map[string]any{"name": []string{secretName}}}, new(struct{ ID, Status string }))
					}},
					"webhook": {[]string{secretWebhook}, func(ctx context.Context) error {
						_, err := s.client.Webhooks.Subscribe(ctx, actito.WebhookSubscription{On: actito.SourceETL, Of: "1", Event: actito.EventFinished,
							TargetURL: "https://shop.example/hook", Headers: map[string]string{"X-Secret": secretWebhook}})
						return err
					}},
					"location": {[]string{secretPass}, func(ctx context.Context) error {
						_, err := s.client.Locations.Create(ctx, actito.Location{Name: "ours", Host: "sftp.shop.example", Password: secretPass})
						return err
					}},
					"one shot": {file, func(ctx context.Context) error {
						_, err := s.client.ETLs.RunOnce(ctx, d, s.customers.Rows("c.csv", all(row)))
						return err
					}},
					"trigger": {file, func(ctx context.Context) error {
						_, err := s.client.ETLs.Trigger(ctx, "12", actito.Loads("Customers"), s.customers.Rows("c.csv", all(row)), actito.Keep)
						return err
					}},
					"execution": {file, func(ctx context.Context) error { _, err := s.client.Executions.Get(ctx, "7"); return err }},
					"rejects": {file, func(ctx context.Context) (err error) {
						for _, e := range s.customers.Rejects(ctx, &actito.Execution{ID: "7", Files: []actito.FileResult{{Name: "c.csv", Rejected: 1}}}) {
							err = errors.Join(err, e)
						}
						return err
					}},
					"sequence": {file, func(ctx context.Context) error {
						report, err := s.client.ETLs.RunSequence(ctx, actito.Sequence{Steps: []actito.Step{{Name: "customers", Definition: &d,
							Import: []actito.ImportOption{s.customers.Rows("c.csv", all(row))}}}})
						newLogger(&s.log).Info("sequence", slog.Any("report", report))
						return err
					}},
				} {
					server.what = r.carries
					for range len(server.what) + 1 {
						s.log.Reset()
						err := r.call(t.Context())
						if err != nil {
							s.keepsSecrets(t, err)
							s.showsNone(t, road, err, append([]string{token}, server.what...))
						}
						if name != "in the request's id" {
							break
						}
					}
				}
			})
		})
	}
}

// showsNone searches the log and all prints of an error for values, in all the forms in which they travel.
func (s *faultyShop) showsNone(t testing.TB, road string, err error, values []string) {
	t.Helper()
	shown := s.log.String() + fmt.Sprintf("\n%v\n%+v\n%#v\n%s\n%q", err, err, err, err, err)
	for _, value := range values {
		asJSON, _ := json.Marshal(value)
		for _, form := range []string{value, url.PathEscape(value), url.QueryEscape(value), strings.Trim(string(asJSON), `"`)} {
			assert.NotContains(t, shown, form, road)
		}
	}
}

func profilesOf[T any](t testing.TB, client *actito.Client, table string) *actito.ProfileTable[T] {
	t.Helper()
	p, err := actito.Profiles[T](client, table)
	require.NoError(t, err)
	return p
}
