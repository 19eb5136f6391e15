package actitotest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actito-go/actito/actitotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	profiles = "/profiles/v4/entity/MyEntity/table/Customers/profile"
	records  = "/custom-data/v4/entity/MyEntity/customTable/Orders/record"
	imports  = "/mass-imports/v5/entities/MyEntity"
)

// addTables declares the tables that the tests use.
func addTables(s *actitotest.Server) {
	s.AddProfileTable("MyEntity", actitotest.Table{
		ID: "16", Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "points", Type: "INTEGER"},
			{Name: "balance", Type: "NUMBER"},
			{Name: "vip", Type: "BOOLEAN"},
			{Name: "size", Type: "STRING", AcceptedValues: []string{"S", "M", "L"}},
			{Name: "hobbies", Type: "STRING", MultiValued: true},
			{Name: "lastVisit", Type: "TIMESTAMP"},
		},
		Subscriptions: []string{"Newsletter", "Retargeting"},
		Segmentations: []actitotest.Segmentation{
			{Name: "Activity", Categories: []string{"Active", "Sleeping"}},
			{Name: "Testers"},
		},
	})
	s.AddCustomTable("MyEntity", actitotest.Table{
		ID: "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", Name: "Orders", PrimaryKey: "orderId", Type: "INTERACTIONS",
		Attributes: []actitotest.Attribute{
			{Name: "orderId", Type: "STRING"},
			{Name: "amount", Type: "NUMBER", Mandatory: true},
			{Name: "customerID", Type: "STRING"},
		},
		ForeignKeys: []actitotest.ForeignKey{
			{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID", Cascade: true},
		},
	})
	s.AddCustomTable("MyEntity", actitotest.Table{
		Name: "Visits", PrimaryKey: "id", GeneratedKey: true,
		Attributes: []actitotest.Attribute{{Name: "page", Type: "STRING"}},
	})
}

// client calls the fake with net/http alone, as a client in any language would.
type client struct {
	t      testing.TB
	server *actitotest.Server
	http   http.Client
	token  string
}

// inMemory is a client of a new server that it reaches without a network.
func inMemory(tb testing.TB, opts ...actitotest.Option) *client {
	tb.Helper()
	s := actitotest.NewServer(append(opts, actitotest.InMemory())...)
	tb.Cleanup(s.Close)
	addTables(s)
	return &client{t: tb, server: s, http: http.Client{Transport: s.Transport()}}
}

// overNetwork is a client of a new server behind a real listener.
func overNetwork(tb testing.TB, opts ...actitotest.Option) *client {
	tb.Helper()
	s := actitotest.NewServer(opts...)
	tb.Cleanup(s.Close)
	addTables(s)
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return &client{t: tb, server: s, http: http.Client{Transport: transport}}
}

type response struct {
	*http.Response
	text string
}

func (r response) json(tb testing.TB) map[string]any {
	tb.Helper()
	var out map[string]any
	require.NoError(tb, json.Unmarshal([]byte(r.text), &out), r.text)
	return out
}

func (c *client) login() {
	c.t.Helper()
	req := c.request("GET", "/auth/token", "", nil)
	req.Header.Set("Authorization", c.server.APIKey)
	r, err := c.send(req)
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, r.StatusCode, r.text)
	c.token = r.json(c.t)["accessToken"].(string)
}

func (c *client) request(method, path, contentType string, body io.Reader) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, body)
	require.NoError(c.t, err)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func (c *client) send(req *http.Request) (response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return response{resp, string(text)}, err
}

// try sends a JSON body, or none if it is empty.
func (c *client) try(method, path, body string) (response, error) {
	c.t.Helper()
	if c.token == "" {
		c.login()
	}
	if body == "" {
		return c.send(c.request(method, path, "", nil))
	}
	return c.send(c.request(method, path, "application/json", strings.NewReader(body)))
}

func (c *client) call(method, path, body string) response {
	c.t.Helper()
	r, err := c.try(method, path, body)
	require.NoError(c.t, err)
	return r
}

// part is one part of a multipart body.
type part struct{ field, file, contentType, data string }

func form(tb testing.TB, parts ...part) (contentType string, body []byte) {
	tb.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + p.field + `"`
		if p.file != "" {
			disposition += `; filename="` + p.file + `"`
		}
		h.Set("Content-Disposition", disposition)
		if p.contentType != "" {
			h.Set("Content-Type", p.contentType)
		}
		out, err := w.CreatePart(h)
		require.NoError(tb, err)
		_, err = io.WriteString(out, p.data)
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return w.FormDataContentType(), buffer.Bytes()
}

// post sends a multipart body.
func (c *client) post(path string, parts ...part) response {
	c.t.Helper()
	if c.token == "" {
		c.login()
	}
	contentType, body := form(c.t, parts...)
	r, err := c.send(c.request("POST", path, contentType, bytes.NewReader(body)))
	require.NoError(c.t, err)
	return r
}

// download fetches a file.
func (c *client) download(path string) response {
	c.t.Helper()
	req := c.request("GET", path, "", nil)
	req.Header.Set("Accept", "application/zip")
	r, err := c.send(req)
	require.NoError(c.t, err)
	return r
}
