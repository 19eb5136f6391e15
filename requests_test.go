package actito_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// aMark is what tells an import from all others.
var aMark = regexp.MustCompile(`(run-|zip-)[A-Z2-7]{16}`)

// wire notes the requests that leave the library. Token requests are noted only if they are wanted.
type wire struct {
	next   http.RoundTripper
	tokens bool

	mu   sync.Mutex
	sent []sentRequest
}

type sentRequest struct{ line, rest string }

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/auth/token" && !w.tokens {
		return w.next.RoundTrip(req)
	}
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.sent = append(w.sent, sentRequest{req.Method + " " + req.URL.RequestURI() + "\n", headerText(req) + "\n" + bodyText(req, body)})
	w.mu.Unlock()
	return w.next.RoundTrip(req)
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

func headerText(req *http.Request) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			if name == "Authorization" && strings.HasPrefix(value, "Bearer ") {
				value = "Bearer TOKEN"
			}
			if media, params, err := mime.ParseMediaType(value); err == nil && params["boundary"] != "" {
				value = media + "; boundary=BOUNDARY"
			}
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Replace(value, "actito-go/"+actito.Version, "actito-go/VERSION", 1))
		}
	}
	return b.String()
}

func bodyText(req *http.Request, body []byte) string {
	_, params, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
		return ""
	case params["boundary"] == "":
		return indented(body)
	}
	var b strings.Builder
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for part, err := form.NextRawPart(); err != io.EOF; part, err = form.NextRawPart() {
		if err != nil {
			return fmt.Sprintf("form: %v\n", err)
		}
		b.WriteString("--BOUNDARY\n")
		for _, name := range slices.Sorted(maps.Keys(part.Header)) {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(part.Header[name], ", "))
		}
		content, _ := io.ReadAll(part)
		switch part.Header.Get("Content-Type") {
		case "application/zip":
			b.WriteString("\n" + unzipped(content))
		default:
			b.WriteString("\n" + indented(content))
		}
	}
	return aMark.ReplaceAllString(b.String(), "${1}MARK") + "--BOUNDARY--\n"
}

func indented(body []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return fmt.Sprintf("%v: %q\n", err, body)
	}
	return b.String() + "\n"
}

func unzipped(archive []byte) string {
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Sprintf("ZIP: %v\n", err)
	}
	var b strings.Builder
	for _, f := range files.File {
		content, err := f.Open()
		if err != nil {
			return fmt.Sprintf("ZIP: %v\n", err)
		}
		text, _ := io.ReadAll(content)
		fmt.Fprintf(&b, "[ZIP with %s]\n%s", f.Name, text)
	}
	return b.String()
}

var (
	annKey = actito.By("emailAddress", "ann+test@example.com")
	ann    = shopper{
		ID: "C1", Email: "ann+test@example.com", Birth: actito.Set(actito.NewDate(1980, 2, 29)), Phone: actito.Null[string](),
		LastSeen:  actito.Set(actito.DateTimeOf(time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC))),
		Interests: []string{"shoes", "hats, caps"}, Newsletter: actito.Set(true), Retarget: actito.Set(false),
		VIP: actito.Set(true), Lapsed: actito.Set(false),
	}
	collected = actito.DataCollection(actito.DataCollectionInfo{
		Date:   actito.DateTimeOf(time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)),
		Source: "webshop", Way: "api_push",
	})
	oneOrder = purchase{ID: "A/1 é", Customer: "C1", Status: actito.Null[string](), Spent: actito.Set(12.5), Tags: actito.Set([]string{})}
)

// goldenCalls are all calls of the library. Each is made once on a fake with a profile, a record, a stored ETL and an
// execution of it that rejected a row.
var goldenCalls = []struct {
	name string
	v5   bool
	call func(ctx context.Context, g *goldenStore) error
}{
	{"token", false, func(ctx context.Context, g *goldenStore) error {
		g.wire.tokens = true
		_, err := g.Entities.List(ctx)
		return err
	}},

	{"v4/profile-upsert", false, func(ctx context.Context, g *goldenStore) error { _, err := g.customers.Upsert(ctx, ann); return err }},
	{"v4/profile-upsert-with-data-collection", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Upsert(ctx, shopper{ID: "C1"}, collected)
		return err
	}},
	{"v4/profile-create", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Create(ctx, shopper{ID: "C2"})
		return err
	}},
	{"v4/profile-get", false, func(ctx context.Context, g *goldenStore) error { _, err := g.customers.Get(ctx, annKey); return err }},
	{"v4/profile-get-by-id", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Get(ctx, actito.ByID(g.profileID))
		return err
	}},
	{"v4/profile-update", false, func(ctx context.Context, g *goldenStore) error {
		return g.customers.Update(ctx, annKey, shopper{ID: "C1", FirstName: "Ann"}, collected)
	}},
	{"v4/profile-delete", false, func(ctx context.Context, g *goldenStore) error { return g.customers.Delete(ctx, annKey) }},
	{"v4/subscriptions", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Subscriptions(ctx, annKey)
		return err
	}},
	{"v4/subscribe", false, func(ctx context.Context, g *goldenStore) error {
		return g.customers.Subscribe(ctx, annKey, "Newsletter")
	}},
	{"v4/unsubscribe", false, func(ctx context.Context, g *goldenStore) error {
		return g.customers.Unsubscribe(ctx, annKey, "Newsletter")
	}},
	{"v4/segmentations", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Segmentations(ctx, annKey)
		return err
	}},
	{"v4/segment", false, func(ctx context.Context, g *goldenStore) error {
		return g.customers.Segment(ctx, annKey, actito.Segmentation{Name: "VIP"})
	}},
	{"v4/segment-in-category", false, func(ctx context.Context, g *goldenStore) error {
		return g.customers.Segment(ctx, annKey, actito.Segmentation{Name: "Activity", Category: "Active"})
	}},
	{"v4/unsegment", false, func(ctx context.Context, g *goldenStore) error { return g.customers.Unsegment(ctx, annKey, "VIP") }},

	{"v5/profile-upsert", true, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Upsert(ctx, ann, collected)
		return err
	}},
	{"v5/profile-create", true, func(ctx context.Context, g *goldenStore) error {
		_, err := g.customers.Create(ctx, shopper{ID: "C2"})
		return err
	}},
	{"v5/profile-get", true, func(ctx context.Context, g *goldenStore) error { _, err := g.customers.Get(ctx, annKey); return err }},
	{"v5/profile-update", true, func(ctx context.Context, g *goldenStore) error {
		return g.customers.Update(ctx, actito.ByID(g.profileID), shopper{ID: "C1", FirstName: "Ann"})
	}},
	{"v5/profile-delete", true, func(ctx context.Context, g *goldenStore) error { return g.customers.Delete(ctx, annKey) }},

	{"v4/record-upsert", false, func(ctx context.Context, g *goldenStore) error { _, err := g.orders.Upsert(ctx, oneOrder); return err }},
	{"v4/record-get", false, func(ctx context.Context, g *goldenStore) error { _, err := g.orders.Get(ctx, oneOrder.ID); return err }},
	{"v4/record-update", false, func(ctx context.Context, g *goldenStore) error {
		return g.orders.Update(ctx, oneOrder.ID, purchase{ID: oneOrder.ID, Customer: "C2", Visits: 1 << 53})
	}},
	{"v4/record-delete", false, func(ctx context.Context, g *goldenStore) error { return g.orders.Delete(ctx, oneOrder.ID) }},
	{"v4/record-list", false, func(ctx context.Context, g *goldenStore) error {
		_, _, err := g.orders.List(ctx, actito.ListOptions{})
		return err
	}},
	{"v4/record-list-searched-and-sorted", false, func(ctx context.Context, g *goldenStore) error {
		_, _, err := g.orders.List(ctx, actito.ListOptions{SearchField: "customerID", SearchValue: "C+1", SortField: "orderId", Number: 10})
		return err
	}},

	{"v5/entities", false, func(ctx context.Context, g *goldenStore) error { _, err := g.Entities.List(ctx); return err }},
	{"v5/profile-tables", false, func(ctx context.Context, g *goldenStore) error { _, err := g.Structures.ProfileTables(ctx); return err }},
	{"v5/profile-table", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.Structures.ProfileTable(ctx, "Customers")
		return err
	}},
	{"v5/custom-tables", false, func(ctx context.Context, g *goldenStore) error { _, err := g.Structures.CustomTables(ctx); return err }},
	{"v5/custom-table", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.Structures.CustomTable(ctx, "Orders")
		return err
	}},

	{"v5/etl-create", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.ETLs.Create(ctx, g.definition())
		return err
	}},
	{"v5/etl-get", false, func(ctx context.Context, g *goldenStore) error { _, err := g.ETLs.Get(ctx, g.etlID); return err }},
	{"v5/etl-list", false, func(ctx context.Context, g *goldenStore) error { _, err := g.ETLs.List(ctx); return err }},
	{"v5/etl-replace", false, func(ctx context.Context, g *goldenStore) error {
		return g.ETLs.Replace(ctx, g.etlID, g.definition())
	}},
	{"v5/etl-delete", false, func(ctx context.Context, g *goldenStore) error { return g.ETLs.Delete(ctx, g.etlID) }},
	{"v5/etl-trigger", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.ETLs.Trigger(ctx, g.etlID, actito.DataBytes("orders.csv", []byte("orderId,customerID\nA1,C1\n")))
		return err
	}},
	{"v5/run-once", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.ETLs.RunOnce(ctx, g.definition(), actito.DataBytes("orders.csv", []byte("orderId,customerID\nA1,C1\n")))
		return err
	}},
	{"v5/etl-create-scheduled", false, func(ctx context.Context, g *goldenStore) error {
		d := g.definition()
		d.Schedule, d.Location = &actito.Schedule{TimeOfDay: "06:00"}, &actito.LocationRef{ID: g.locationID}
		d.ReportRecipients = []string{"data@shop.example"}
		d.ResultFilePattern, d.ErrorFilePattern = "results_$yyyyMMdd.csv", "errors_$yyyyMMdd.csv"
		_, err := g.ETLs.Create(ctx, d)
		return err
	}},
	{"v5/etl-trigger-remote", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.ETLs.Trigger(ctx, g.etlID, actito.Remote(g.locationID, "orders.csv"))
		return err
	}},
	{"v5/run-once-remote", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.ETLs.RunOnce(ctx, g.definition(), actito.Remote(g.locationID, "orders.csv"))
		return err
	}},
	{"v5/location-list", false, func(ctx context.Context, g *goldenStore) error { _, err := g.Locations.List(ctx); return err }},
	{"v5/location-create", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.Locations.Create(ctx, actito.Location{Name: "Shop", Protocol: actito.SFTP, Host: "sftp.shop.example", Port: 2222,
			User: "actito", Password: "p<ss", Folder: "/out", Extra: map[string]json.RawMessage{"passive": json.RawMessage(`true`)}})
		return err
	}},
	{"v5/location-test", false, func(ctx context.Context, g *goldenStore) error { return g.Locations.Test(ctx, g.locationID) }},
	{"v5/execution-get", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.Executions.Get(ctx, g.execution.ID)
		return err
	}},
	{"v5/execution-list", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.Executions.List(ctx, actito.ExecutionFilter{ETLID: g.etlID,
			From: time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)})
		return err
	}},
	{"v5/rejects", false, func(ctx context.Context, g *goldenStore) error {
		for _, err := range g.orders.Rejects(ctx, g.execution) {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{"v5/rejects-as-text", false, func(ctx context.Context, g *goldenStore) error {
		for _, err := range g.Executions.Rejects(ctx, g.execution) {
			if err != nil {
				return err
			}
		}
		return nil
	}},

	{"v4/webhook-subscribe", false, func(ctx context.Context, g *goldenStore) error {
		_, err := g.Webhooks.Subscribe(ctx, actito.WebhookSubscription{On: actito.SourceETL, Of: g.etlID, Event: actito.EventFinished,
			TargetURL: "https://shop.example/hook", Headers: map[string]string{"X-Secret": "s3cret"}})
		return err
	}},
}

// goldenStore is the client of one golden call, and what its fake holds.
type goldenStore struct {
	*actito.Client
	wire       *wire
	customers  *actito.ProfileTable[shopper]
	orders     *actito.CustomTable[purchase]
	profileID  string
	etlID      string
	locationID string
	execution  *actito.Execution
}

func (g *goldenStore) definition() actito.Definition {
	return actito.Definition{Name: "daily", Files: []actito.InputFile{
		g.orders.InputFile("orders.csv", actito.Columns("orderId", "customerID"), actito.Keep),
	}}
}

func newGoldenStore(t *testing.T, opts ...actito.Option) *goldenStore {
	server := newStore(t, actitotest.InMemory(), actitotest.WithAPIKeys("KEY"))
	server.Assume(actitotest.ExecutionListExists, actitotest.ResultFilesExist)
	w := &wire{next: server.Transport()}
	open := func(rt http.RoundTripper, opts ...actito.Option) *goldenStore {
		client := newClient(t, server, append([]actito.Option{actito.WithHTTPClient(&http.Client{Transport: rt})}, opts...)...)
		return &goldenStore{Client: client, wire: w, customers: profiles[shopper](t, client), orders: records[purchase](t, client)}
	}

	before := open(server.Transport())
	var err error
	before.profileID, err = before.customers.Upsert(t.Context(), ann)
	require.NoError(t, err)
	_, err = before.orders.Upsert(t.Context(), oneOrder)
	require.NoError(t, err)
	before.etlID, err = before.ETLs.Create(t.Context(), before.definition())
	require.NoError(t, err)
	before.execution, err = before.ETLs.Trigger(t.Context(), before.etlID, actito.DataBytes("orders.csv",
		[]byte("orderId,customerID\nA1,C1\na business key that is too long,C1\n")))
	require.NoError(t, err)
	before.execution, err = before.Executions.Wait(t.Context(), before.execution)
	require.ErrorIs(t, err, actito.ErrRowsRejected)

	g := open(w, opts...)
	g.profileID, g.etlID, g.execution = before.profileID, before.etlID, before.execution
	g.locationID = server.AddLocation("MyEntity", "sftp")
	return g
}

func TestRequestsAreWhatTheGoldenFilesShow(t *testing.T) {
	t.Parallel()
	for _, c := range goldenCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var opts []actito.Option
			if c.v5 {
				opts = append(opts, actito.WithProfilesV5())
			}
			prefixed := newGoldenStore(t, opts...)
			require.NoError(t, c.call(t.Context(), prefixed))
			var text []string
			for _, r := range prefixed.wire.sent {
				text = append(text, r.line+r.rest)
			}
			actito.Golden(t, "golden/"+c.name+".http", []byte(strings.Join(text, "\n###\n\n")))

			bare := newGoldenStore(t, append(opts, actito.WithUnprefixedPaths())...)
			require.NoError(t, c.call(t.Context(), bare))
			require.Len(t, bare.wire.sent, len(prefixed.wire.sent))
			for i, r := range bare.wire.sent {
				require.Equal(t, withoutCategory(prefixed.wire.sent[i].line), r.line)
				require.Equal(t, prefixed.wire.sent[i].rest, r.rest)
			}
		})
	}
}

// withoutCategory takes the first segment off the path of a request line, unless it is the token's.
func withoutCategory(line string) string {
	method, path, _ := strings.Cut(line, " /")
	category, rest, _ := strings.Cut(path, "/")
	if category == "auth" {
		return line
	}
	return method + " /" + rest
}
