package actito_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// zeros is a body that ends only when nobody reads it any more.
func zeros(w http.ResponseWriter) {
	block := bytes.Repeat([]byte("0"), 64<<10)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// bomb is 70 MiB of spaces before an empty list.
func bomb(t testing.TB) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	require.NoError(t, err)
	_, err = w.Write(append(bytes.Repeat([]byte(" "), 70<<20), "[]"...))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, packed.Len(), 1<<20)
	return packed.Bytes()
}

// listOnce makes a call, with a client of the default settings, on real connections.
func listOnce(t testing.TB, url string) error {
	t.Helper()
	client, err := actito.New("key", "MyEntity", actito.WithBaseURL(url), actito.WithRetry(actito.RetryPolicy{Tries: 1}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	_, err = client.Entities.List(t.Context())
	return err
}

func TestAHostileServerIsBounded(t *testing.T) {
	t.Parallel()
	packed := bomb(t)
	for name, tt := range map[string]struct {
		token, answer http.HandlerFunc
		want          string
	}{
		"headers without end": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Filler", strings.Repeat("x", 2<<20))
			_, _ = io.WriteString(w, "[]")
		}, want: "server response headers exceeded"},
		"a body without end": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			zeros(w)
		}, want: "the answer is larger than 64 MiB"},
		"a bomb": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed)
		}, want: "the answer is larger than 64 MiB"},
		"an error without end": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			zeros(w)
		}, want: "400"},
		"lists in lists": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.Repeat("[", 10<<20))
		}, want: "the answer is not JSON"},
		"a token without end": {token: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"accessToken":"`)
			zeros(w)
		}, want: "get token"},
		"an error of the token without end": {token: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			zeros(w)
		}, want: "403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/auth/token":
					tt.answer(w, r)
				case tt.token != nil:
					tt.token(w, r)
				default:
					_, _ = io.WriteString(w, `{"accessToken":"a","tokenType":"bearer","expiresIn":"900s"}`)
				}
			}))
			t.Cleanup(server.Close)
			err := listOnce(t, server.URL)
			require.ErrorContains(t, err, tt.want)
			assert.Less(t, len(fmt.Sprintf("%+v", err)), 2000)
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	err := listOnce(t, server.URL)
	require.ErrorContains(t, err, "protocol version not supported")
}
