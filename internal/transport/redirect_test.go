package transport

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRedirects(t *testing.T) {
	t.Parallel()
	const (
		here = "https://api.actito.test/a"
		same = "https://API.actito.test/b"
	)
	for name, tt := range map[string]struct {
		method   string
		status   int
		location string
		followed bool
	}{
		"of a read are followed after 301":              {http.MethodGet, 301, same, true},
		"of a read are followed after 302":              {http.MethodGet, 302, same, true},
		"of a read are followed after 303":              {http.MethodGet, 303, same, true},
		"of a read are followed after 307":              {http.MethodGet, 307, same, true},
		"of a read are followed after 308":              {http.MethodGet, 308, same, true},
		"of a read are followed to a path":              {http.MethodGet, 302, "/b", true},
		"of a read are not followed to another host":    {http.MethodGet, 302, "https://evil.test/b", false},
		"of a read are not followed to another port":    {http.MethodGet, 302, "https://api.actito.test:8443/b", false},
		"of a read are not followed to plain http":      {http.MethodGet, 302, "http://api.actito.test/b", false},
		"of a read are not followed nowhere":            {http.MethodGet, 302, "", false},
		"of a read are not followed to nonsense":        {http.MethodGet, 302, "https://api.actito.test/%zz", false},
		"of a read are no answer when nothing changed":  {http.MethodGet, 304, "", false},
		"of a read are no answer with many choices":     {http.MethodGet, 300, same, false},
		"of a write are not followed after 301":         {http.MethodPost, 301, same, false},
		"of a write are not followed after 302":         {http.MethodPost, 302, same, false},
		"of a write are not followed after 303":         {http.MethodPost, 303, same, false},
		"of a write are followed after 307":             {http.MethodPost, 307, same, true},
		"of a write are followed after 308":             {http.MethodPost, 308, same, true},
		"of a write are not followed to another host":   {http.MethodPost, 307, "https://evil.test/b", false},
		"of a write are not followed nowhere":           {http.MethodPost, 308, "", false},
		"of a write are no success when nothing is new": {http.MethodPost, 304, "", false},
		"of a put are not followed after 302":           {http.MethodPut, 302, same, false},
		"of a put are followed after 307":               {http.MethodPut, 307, same, true},
		"of a delete are not followed after 302":        {http.MethodDelete, 302, same, false},
		"of a delete are followed after 308":            {http.MethodDelete, 308, same, true},
		"of a delete are no success":                    {http.MethodDelete, 302, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redirect := httpmock.NewStringResponse(tt.status, "<a>moved</a>")
			if tt.location != "" {
				redirect.Header.Set("Location", tt.location)
			}
			left := &watchedBody{Reader: strings.NewReader("<a>moved</a>")}
			redirect.Body = left
			mock := httpmock.NewMockTransport()
			mock.RegisterNoResponder(func(req *http.Request) (*http.Response, error) {
				t.Errorf("followed to %s", req.URL)
				return httpmock.NewStringResponse(200, "{}"), nil
			})
			mock.RegisterResponder(tt.method, here, httpmock.ResponderFromResponse(redirect))
			paced := 0
			target := func(req *http.Request) (*http.Response, error) {
				assert.Equal(t, "Bearer token 1", req.Header.Get("Authorization"))
				assert.Equal(t, 2, paced, "each hop is paced")
				return httpmock.NewStringResponse(200, `{"moved":true}`), nil
			}
			if tt.followed {
				mock.RegisterResponder(tt.method, same, target)
				mock.RegisterResponder(tt.method, strings.ToLower(same), target)
			}
			chain := newChain(mock, countPaced(&paced))
			c := &Call{Method: tt.method, URL: here, Answer: Maybe}
			if tt.method != http.MethodGet {
				c.Body = []byte(`{"a":1}`)
			}
			_, err := chain.Do(t.Context(), c)
			if tt.followed {
				require.NoError(t, err)
				assert.Equal(t, `{"moved":true}`, string(c.Result()))
				return
			}
			f := faultFrom(t, err)
			assert.False(t, f.Undone, "a server that answers so may have acted before")
			if tt.location != "https://api.actito.test/%zz" {
				assert.Equal(t, tt.status, f.Status)
				require.ErrorIs(t, f, errRedirect)
				assert.True(t, left.closed)
			}
			assert.Equal(t, 1, mock.GetTotalCallCount())
		})
	}
}

func TestARedirectedWriteCarriesItsBody(t *testing.T) {
	t.Parallel()
	var sent []string
	chain := newChain(inner(func(req *http.Request) (*http.Response, error) {
		b := make([]byte, 100)
		n, _ := req.Body.Read(b)
		sent = append(sent, req.Method+" "+req.URL.Path+" "+string(b[:n]))
		resp, _ := answering([]int{307, 200}[len(sent)-1], `{}`, "Location", "/b")
		return resp, nil
	}))
	_, err := chain.Do(t.Context(), &Call{Method: http.MethodPost, URL: "https://api.actito.test/a", Body: []byte("body")})
	require.NoError(t, err)
	assert.Equal(t, []string{"POST /a body", "POST /b body"}, sent)
}

func TestACircleOfRedirectsEnds(t *testing.T) {
	t.Parallel()
	hops := 0
	chain := newChain(inner(func(*http.Request) (*http.Response, error) {
		hops++
		resp, _ := answering(302, "", "Location", "/a")
		return resp, nil
	}))
	_, err := chain.Do(t.Context(), &Call{Method: http.MethodGet, URL: "https://api.actito.test/a", Repeatable: true})
	require.ErrorIs(t, err, errRedirect)
	assert.Equal(t, 10, hops)
}
