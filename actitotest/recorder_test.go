package actitotest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/actitotest"
)

// answers is a transport that reads what it is sent, and answers what it holds.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	return a(req)
}

func answering(status int, header http.Header, body string) answers {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

func asJSON(more ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// record sends a request through a Recorder and gives what it wrote.
func record(t require.TestingT, next http.RoundTripper, req *http.Request) string {
	var out bytes.Buffer
	recorder := actitotest.NewRecorder(next, &out)
	resp, err := recorder.RoundTrip(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.NoError(t, recorder.Err())
	return out.String()
}

func newRequest(t require.TestingT, method, target, body string) *http.Request {
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

func TestARecordingKeepsWhatSettlesFacts(t *testing.T) {
	t.Parallel()
	req := newRequest(t, "POST", "https://api3.actito.com/profiles/v4/entity/Shop/table/Customers/profile/emailAddress=ann@example.com?allowUpdate=true&number=7",
		`{"attributes":[{"name":"emailAddress","value":"ann@example.com"},{"name":"points","value":1.5},{"name":"vip","value":true},{"name":"born","value":"1980-02-29"}]}`)
	req.Header = asJSON("Authorization", "Bearer abc", "Accept", "application/json")
	got := record(t, answering(400, asJSON("Location", "/mass-imports/v5/entities/Shop/etl-executions/123", "Retry-After", "2"),
		`{"status":400,"message":"ann@example.com is there","files":[{"status":"NOT_LOADED","rowsRead":12,"tableType":"PROFILE_TABLE"}],"more":null}`), req)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(got), &line))
	delete(line, "milliseconds")
	text, err := json.Marshal(line)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"host": "api3.actito.com", "method": "POST",
		"path": "/profiles/v4/entity/<string 4>/table/<string 9>/profile/emailAddress=<email>",
		"query": {"allowUpdate": ["true"], "number": ["<number>"]},
		"requestHeader": {"Authorization": "Bearer <token>", "Accept": "application/json", "Content-Type": "application/json"},
		"requestBody": {"attributes": [{"name": "emailAddress", "value": "<email>"}, {"name": "points", "value": 0.0},
			{"name": "vip", "value": "<boolean>"}, {"name": "born", "value": "<date>"}]},
		"status": 400,
		"header": {"Content-Type": "application/json", "Location": "/mass-imports/v5/entities/<string 4>/etl-executions/<number>", "Retry-After": "2"},
		"body": {"status": 400, "message": "<string 24>", "more": null,
			"files": [{"status": "NOT_LOADED", "rowsRead": 0, "tableType": "PROFILE_TABLE"}]}}`, string(text))
}

func TestARecordingKeepsOfFilesTheSizeAndTheColumns(t *testing.T) {
	t.Parallel()
	const csv = "emailAddress,firstName\nann@example.com,Ann\n"
	var zipped, gzipped bytes.Buffer
	archive := zip.NewWriter(&zipped)
	entry, err := archive.Create("Ann.csv")
	require.NoError(t, err)
	_, err = io.WriteString(entry, csv)
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	compressed := gzip.NewWriter(&gzipped)
	_, err = io.WriteString(compressed, csv)
	require.NoError(t, err)
	require.NoError(t, compressed.Close())

	for name, tt := range map[string]struct{ contentType, body, want string }{
		"plain":            {"text/csv", csv, `"body":{"bytes":43,"columns":["emailAddress","firstName"]}`},
		"zipped":           {"application/zip", zipped.String(), `"archive":"ZIP","bytes":` + fmt.Sprint(zipped.Len()) + `,"columns":["emailAddress","firstName"]`},
		"gzipped":          {"application/gzip", gzipped.String(), `"archive":"GZIP","bytes":` + fmt.Sprint(gzipped.Len()) + `,"columns":["emailAddress","firstName"]`},
		"without header":   {"text/csv", "ann@example.com,Ann\n", `"columns":["<2 columns>"]`},
		"without line end": {"text/csv", "emailAddress", `"body":{"bytes":12}`},
		"text":             {"text/html", "<html>Ann</html>", `"body":{"bytes":16}`},
		"broken ZIP":       {"application/zip", "PK\x03\x04Ann", `"body":{"archive":"ZIP","bytes":7}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := record(t, answering(200, http.Header{"Content-Type": {tt.contentType}}, tt.body), newRequest(t, "GET", "https://h/x", ""))
			assert.Contains(t, got, tt.want)
			assert.NotContains(t, got, "Ann")
		})
	}
}

// secrets are what must never come out of a Recorder, wherever it stands.
var secrets = []string{
	"ann.quill@shop.example", "Zoë Quillfeather", "+32475001122", "quillfeather-70815", "BE68539007547034", "Bearer sesame-quill",
	"qWx9-sesame-Q2", "eyJhbGciOi.eyJxdWlsbA.c2VzYW1l", "1980-02-29 Quill", "quill\"\\\n", "4711-0815-4242",
	"http://quill:sesame@shop.example/a?b=c", "quill;category=sesame", "quill/../sesame", "%quill", "Quillfeather=1", "UXVpbGw=",
}

// fields are names that a secret may stand below, some of which have values that are kept.
var fields = []string{
	"value", "status", "type", "code", "errorCode", "name", "message", "attribute", "headerColumn", "href", "expiresIn", "accessToken",
	"encoding", "tableType", "anything",
}

// around are bodies that hold an object, whole and broken.
var around = []string{
	`%s`, `[%s]`, `{"attributes":[%s]}`, `{"attributes":%s}`, `{"key":%s}`, `{"data":[%s]}`, `{"values":%s}`, `{"links":{"href":%s}}`,
	`{"records":[{"properties":[%s]}]}`, `{"a":{"b":[[%s]]}}`, `{"x":1} %s`, `{"x":%s`, `nonsense %s`,
}

func TestNoValueOfAJSONBodyComesOutOfARecording(t *testing.T) {
	t.Parallel()
	for _, secret := range secrets {
		quoted, err := json.Marshal(secret)
		require.NoError(t, err)
		for _, field := range append(fields, string(quoted[1:len(quoted)-1])) {
			for _, body := range around {
				body = fmt.Sprintf(body, fmt.Sprintf(`{"%s":%s}`, field, quoted))
				req := newRequest(t, "POST", "https://h/x", body)
				req.Header = asJSON()
				requireClean(t, record(t, answering(200, asJSON(), body), req), secret)
			}
		}
	}
}

// requireClean looks for a secret in all the forms that it may have, and for the words that are in some.
func requireClean(t require.TestingT, got, secret string) {
	quoted, err := json.Marshal(secret)
	require.NoError(t, err)
	for _, form := range []string{secret, string(quoted[1 : len(quoted)-1]), url.PathEscape(secret), url.QueryEscape(secret), "uill", "sesame", "4711", "539007"} {
		require.NotContains(t, got, form)
	}
}

// Whatever stands where data can stand is gone, in every position of a request and an answer, however they are cut.
func TestNoDataComesOutOfARecording(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SampledFrom(secrets).Draw(t, "secret")
		quoted, err := json.Marshal(secret)
		require.NoError(t, err)
		body := fmt.Sprintf(rapid.SampledFrom(around).Draw(t, "body"), fmt.Sprintf(`{"%s":%s}`, rapid.SampledFrom(fields).Draw(t, "field"), quoted))
		if rapid.Bool().Draw(t, "long") {
			body = strings.Repeat(" ", rapid.IntRange(65400, 65600).Draw(t, "spaces")) + body
		}
		contentType := rapid.SampledFrom([]string{
			"application/json", "text/plain", "text/csv; charset=" + secret, secret, "multipart/form-data; boundary=B",
		}).Draw(t, "content type")
		switch {
		case strings.HasPrefix(contentType, "multipart"):
			body = secretForm(t, secret, body)
		case strings.HasPrefix(contentType, "text/csv"):
			body = "id,name\n" + secret + "\n"
		}
		escaped := strings.ReplaceAll(url.PathEscape(secret), "+", "%2B")
		req := newRequest(t, "POST", "https://h/profiles/v4/entity/"+escaped+"/table/"+escaped+"/profile/emailAddress="+escaped+
			"/segmentation/"+escaped+";category="+escaped+"?searchValue="+url.QueryEscape(secret)+"&searchField="+url.QueryEscape(secret)+"&"+url.QueryEscape(secret)+"=1", body)
		headers := http.Header{
			"Authorization": {secret}, "Content-Type": {contentType}, "Accept": {secret}, "X-Anything": {secret}, "Location": {"/a/" + escaped + "?b=" + url.QueryEscape(secret)},
			"Retry-After": {secret}, "Content-Disposition": {"attachment; filename=" + fmt.Sprintf("%q", secret)}, "Content-Encoding": {secret},
			"Set-Cookie": {secret}, "Allow": {secret}, secret: {secret},
		}
		req.Header = headers
		next := http.RoundTripper(answering(200, headers, body))
		if rapid.IntRange(0, 9).Draw(t, "failing") == 0 {
			next = answers(func(*http.Request) (*http.Response, error) { return nil, errors.New(secret) })
		}
		got := record(t, next, req)
		require.Equal(t, 1, strings.Count(got, "\n"))
		requireClean(t, got, secret)
	})
}

func secretForm(t require.TestingT, secret, content string) string {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.SetBoundary("B"))
	for _, contentType := range []string{"application/json", "text/csv", secret} {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", secret, secret+".csv")}, "Content-Type": {contentType},
		})
		require.NoError(t, err)
		_, err = io.WriteString(part, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

func TestBodiesPassARecorderUnchangedAndAsTheyAreRead(t *testing.T) {
	t.Parallel()
	body := strings.Repeat(`{"name":"Ann"}`+"\n", 20_000)
	var sent string
	next := http.RoundTripper(roundTripper(func(req *http.Request) (*http.Response, error) {
		text, err := io.ReadAll(req.Body)
		sent = string(text)
		return &http.Response{StatusCode: http.StatusOK, Header: asJSON(), Body: io.NopCloser(io.MultiReader(strings.NewReader(body), blocked{}))}, err
	}))
	var out bytes.Buffer
	req := newRequest(t, "POST", "https://h/x", body)
	resp, err := actitotest.NewRecorder(next, &out).RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, body, sent)
	got := make([]byte, len(body))
	_, err = io.ReadFull(resp.Body, got)
	require.NoError(t, err, "it waits for the end")
	assert.Equal(t, body, string(got))
	assert.Empty(t, out.String())
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
	assert.Less(t, out.Len(), 1000)
}

// A transport may open a body once more, when a connection turned out to be closed.
func TestABodyThatIsOpenedOnceMoreIsRecordedOnce(t *testing.T) {
	t.Parallel()
	next := roundTripper(func(req *http.Request) (*http.Response, error) {
		if _, err := io.CopyN(io.Discard, req.Body, 5); err != nil {
			return nil, err
		}
		again, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		req.Body = again
		return answering(http.StatusNoContent, nil, "").RoundTrip(req)
	})
	req := newRequest(t, "POST", "https://h/x", "emailAddress,firstName\nann@example.com,Ann\n")
	req.Header.Set("Content-Type", "text/csv")
	body := req.Body
	got := record(t, next, req)
	assert.Contains(t, got, `"requestBody":{"bytes":43,"columns":["emailAddress","firstName"]}`)
	assert.Equal(t, body, req.Body, "the request is changed")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// blocked is a body whose rest does not come.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { panic("nobody asked for more") }

func TestARecorderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithLimits(actitotest.Limits{Concurrent: -1}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	client := &http.Client{Transport: actitotest.NewRecorder(server.Transport(), &out)}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			resp, err := client.Get(server.URL + "/auth/token")
			if assert.NoError(t, err) {
				assert.NoError(t, resp.Body.Close())
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 8)
	for _, line := range lines {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}

func TestAWriterThatFailsStopsTheRecordingAndNoCall(t *testing.T) {
	t.Parallel()
	recorder := actitotest.NewRecorder(answering(200, asJSON(), `{}`), failingWriter{})
	for range 2 {
		resp, err := recorder.RoundTrip(newRequest(t, "GET", "https://h/x", ""))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.EqualError(t, recorder.Err(), "the disk is full")
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }
