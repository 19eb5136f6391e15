package transport

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	const forEver = 100 * 365 * 24 * time.Hour
	for name, tt := range map[string]struct {
		header, date string
		want         time.Duration
		atLeast      time.Duration
	}{
		"is absent":                             {},
		"is seconds":                            {header: "7", want: 7 * time.Second},
		"is seconds with spaces around":         {header: " 7 ", want: 7 * time.Second},
		"is zero":                               {header: "0"},
		"is a fraction, and is not cut":         {header: "1.5", want: 1500 * time.Millisecond},
		"is less than a second":                 {header: "0.25", want: 250 * time.Millisecond},
		"is negative":                           {header: "-5"},
		"is a word":                             {header: "soon"},
		"is not a number":                       {header: "NaN"},
		"is far in the future":                  {header: "99999999999999999999", atLeast: forEver},
		"has more digits than a number can":     {header: strings.Repeat("9", 400), atLeast: forEver},
		"is infinite":                           {header: "Inf", atLeast: forEver},
		"is a date":                             {header: "Mon, 23 Nov 2026 10:00:30 GMT", want: 30 * time.Second},
		"is a date in the past":                 {header: "Mon, 23 Nov 2026 09:59:30 GMT"},
		"is a date by a server's slow clock":    {header: "Mon, 23 Nov 2026 09:00:30 GMT", date: "Mon, 23 Nov 2026 09:00:00 GMT", want: 30 * time.Second},
		"is a date, and the server's own isn't": {header: "Mon, 23 Nov 2026 10:00:30 GMT", date: "today", want: 30 * time.Second},
		"is a date in an old form":              {header: "Monday, 23-Nov-26 10:00:30 GMT", want: 30 * time.Second},
		"is a date that does not exist":         {header: "Mon, 33 Nov 2026 10:00:30 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{"Retry-After": {tt.header}, "Date": {tt.date}}
			got := retryAfter(h, now)
			if tt.atLeast > 0 {
				assert.Greater(t, got, tt.atLeast)
				return
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("1e300", "Mon, 23 Nov 2026 10:00:30 GMT")
	f.Add("Mon, 23 Nov 9999 10:00:30 GMT", "Mon, 23 Nov 0001 10:00:30 GMT")
	f.Add("0x1p-2", "x")
	f.Fuzz(func(t *testing.T, value, date string) {
		now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
		d := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		if d < 0 {
			t.Fatalf("a wait of %s", d)
		}
		if now.Add(d).Before(now) {
			t.Fatalf("a wait of %s ends before it began", d)
		}
	})
}

func TestAnErrorAnswerIsRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status  int
		header  []string
		body    string
		message string
		cause   string
		undone  bool
	}{
		"with Actito's JSON":                    {status: 400, body: `{"status":400,"message":"no"}`, message: "no"},
		"with a message only":                   {status: 400, body: `{"message":"no","more":[1]}`, message: "no"},
		"with a message that is no text":        {status: 400, body: `{"status":"400","message":{"a":1}}`},
		"with other JSON":                       {status: 400, body: `["no"]`},
		"without a body":                        {status: 404},
		"with white space":                      {status: 404, body: " \n"},
		"in XML":                                {status: 500, header: []string{"Content-Type", "text/xml; charset=utf-8"}, body: `<error/>`, cause: "the answer is not JSON but text/xml"},
		"in HTML":                               {status: 502, header: []string{"Content-Type", "text/html"}, body: `<html>`, cause: "the answer is not JSON but text/html"},
		"in HTML that claims to be JSON":        {status: 502, header: []string{"Content-Type", "application/json"}, body: `<html>`, cause: "the answer is not JSON"},
		"with half of the JSON":                 {status: 400, body: `{"status":400,"mess`, cause: "the answer is not JSON"},
		"with an absurd content type":           {status: 400, header: []string{"Content-Type", strings.Repeat("x", 101) + "/y"}, body: `<`, cause: "the answer is not JSON"},
		"429, which does nothing":               {status: 429, undone: true},
		"503 with Actito's JSON does nothing":   {status: 503, body: `{"status":503,"message":"later"}`, message: "later", undone: true},
		"503 with a time to come back, neither": {status: 503, header: []string{"Retry-After", "5"}, undone: true},
		"503 alone may have done something":     {status: 503},
		"503 with other JSON, too":              {status: 503, body: `{}`},
		"503 in HTML, too":                      {status: 503, body: `<html>`, cause: "the answer is not JSON"},
		"502 with JSON, too":                    {status: 502, body: `{"status":502,"message":"later"}`, message: "later"},
		"504 with a time to come back, too":     {status: 504, header: []string{"Retry-After", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, _ := answering(tt.status, tt.body, tt.header...)
			c := &Call{}
			f := readFault(c, resp)
			assert.Same(t, c, f.Call)
			assert.Equal(t, tt.status, f.Status)
			assert.Equal(t, tt.message, f.Message)
			assert.Equal(t, tt.body, string(f.Body))
			assert.Equal(t, tt.undone, f.Undone)
			if tt.cause == "" {
				require.NoError(t, f.Err)
			} else {
				require.EqualError(t, f.Err, tt.cause)
			}
		})
	}
}

func TestTheIDOfARequestIsFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header []string
		want   string
	}{
		"under the usual name":       {[]string{"X-Request-ID", "a1"}, "a1"},
		"under the other usual name": {[]string{"X-Correlation-Id", "b2"}, "b2"},
		"unless it is absurd":        {[]string{"X-Request-Id", strings.Repeat("x", 201), "X-Correlation-Id", "b2"}, "b2"},
		"unless there is none":       {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, _ := answering(500, "", tt.header...)
			assert.Equal(t, tt.want, newFault(&Call{}, resp).RequestID)
		})
	}
}

func TestAnErrorBodyIsBounded(t *testing.T) {
	t.Parallel()
	endless := &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: io.NopCloser(endlessly('x'))}
	f := readFault(&Call{}, endless)
	assert.Len(t, f.Body, 1<<20)
}

type endlessly byte

func (e endlessly) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func FuzzErrorBody(f *testing.F) {
	f.Add(503, "application/json", []byte(`{"status":503,"message":"later"}`))
	f.Add(400, "text/html; a=b; a=c", []byte(`<html>`))
	f.Add(429, "", []byte(`{"message":null,"status":[]}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(string(body)))}
		fault := readFault(&Call{}, resp)
		if string(fault.Body) != string(body[:min(len(body), maxErrorBody)]) {
			t.Fatal("the body is not the server's")
		}
		if fault.Err != nil && len(fault.Err.Error()) > 200 {
			t.Fatal("the cause is as long as the server likes")
		}
		if fault.Undone && status != 429 && status != 503 {
			t.Fatalf("%d proves nothing", status)
		}
	})
}
