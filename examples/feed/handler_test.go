package main

import (
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

// counter is a shop without anybody who delivers.
type counter struct {
	t       *testing.T
	db      *sql.DB
	handler http.Handler
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	db, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "a shop?.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	client, err := actito.New("key", shop.Entity, actito.WithBaseURL("http://127.0.0.1:1"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	outbox := feed.SQL(db, feed.SQLite)
	require.NoError(t, outbox.Migrate(t.Context()))
	f, err := feed.Open(client, outbox)
	require.NoError(t, err)
	handler, err := newHandler(client, f, db, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return &counter{t, db, handler}
}

func (c *counter) do(method, path, body string) int {
	answer := httptest.NewRecorder()
	c.handler.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	return answer.Code
}

func (c *counter) count(from string) (n int) {
	c.t.Helper()
	require.NoError(c.t, c.db.QueryRowContext(c.t.Context(), `SELECT count(*) FROM `+from).Scan(&n))
	return n
}

const (
	ann   = `{"id":"C1","email":"ann@example.com","firstName":"Ann","newsletter":true}`
	bob   = `{"id":"C2","email":"bob@example.com","firstName":"Bob"}`
	annas = `{"id":"7001","customer":"C1","date":"2026-11-23","freight":4.5,"lines":[{"product":"cup","quantity":6,"unitPrice":7.25},{"product":"pot","quantity":1,"unitPrice":30}]}`
)

func TestRowsAndTheirHandOverAreCommittedTogether(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	require.Equal(t, http.StatusNoContent, c.do("POST", "/customers", ann))
	require.Equal(t, http.StatusNoContent, c.do("POST", "/orders", annas))
	assert.Equal(t, 1, c.count("users"))
	assert.Equal(t, 1, c.count("orders"))
	assert.Equal(t, 2, c.count("lines"))
	assert.Equal(t, 4, c.count("actito_feed_events"))
	assert.Equal(t, 1, c.count("actito_feed_events WHERE urgent"))
	assert.Equal(t, 3, c.count("actito_feed_events WHERE parents IS NOT NULL"))
}

func TestWhatIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, path, body string
		status             int
	}{
		"a sign-up without key":      {"POST", "/customers", `{"email":"eva@example.com"}`, http.StatusBadRequest},
		"consent that is no consent": {"POST", "/customers", `{"id":"C9","newsletter":null}`, http.StatusBadRequest},
		"not JSON":                   {"POST", "/customers", `id=C9`, http.StatusBadRequest},
		"an address that is Ann's":   {"POST", "/customers", `{"id":"C9","email":"ann@example.com"}`, http.StatusConflict},
		"an order of nobody":         {"POST", "/orders", strings.Replace(annas, "C1", "C9", 1), http.StatusNotFound},
		"an order without key":       {"POST", "/orders", strings.Replace(annas, "7001", "", 1), http.StatusBadRequest},
		"an order without a date":    {"POST", "/orders", strings.Replace(annas, "2026-11-23", "tomorrow", 1), http.StatusBadRequest},
		"an opt-out of nobody":       {"DELETE", "/customers/C9/newsletter", "", http.StatusNotFound},
		"an erasure of nobody":       {"DELETE", "/customers/C9", "", http.StatusNotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			require.Equal(t, http.StatusNoContent, c.do("POST", "/customers", ann))
			assert.Equal(t, test.status, c.do(test.method, test.path, test.body))
			assert.Equal(t, 1, c.count("users"))
			assert.Zero(t, c.count("orders"))
			assert.Equal(t, 1, c.count("actito_feed_events"))
		})
	}
}

func TestSilenceKeepsConsentAndErasureKeepsNothing(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	require.Equal(t, http.StatusNoContent, c.do("POST", "/customers", ann))
	require.Equal(t, http.StatusNoContent, c.do("POST", "/customers", bob))
	require.Equal(t, http.StatusNoContent, c.do("POST", "/customers", strings.Replace(ann, `,"newsletter":true`, "", 1)))
	assert.Equal(t, 1, c.count("users WHERE newsletter"))
	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/customers/C1/newsletter", ""))
	assert.Zero(t, c.count("users WHERE newsletter"))
	assert.Equal(t, 1, c.count("actito_feed_events WHERE at_once"))
	require.Equal(t, http.StatusNoContent, c.do("POST", "/orders", annas))

	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/customers/C1", ""))
	assert.Equal(t, 1, c.count("users"))
	assert.Zero(t, c.count("orders"))
	assert.Zero(t, c.count("lines"))
	assert.Equal(t, 4, c.count("actito_feed_events WHERE is_delete"), "the customer, the order and two lines")
	assert.Equal(t, 1, c.count("actito_feed_events WHERE NOT is_delete"), "Bob")
	assert.Zero(t, c.count(`actito_feed_events WHERE CAST(payload AS text) LIKE '%ann@%'`))
}

func TestHealthTellsWhatWaits(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	require.Equal(t, http.StatusNoContent, c.do("POST", "/customers", ann))
	answer := httptest.NewRecorder()
	c.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	var stats feed.Stats
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &stats))
	assert.False(t, stats.Drained)
	require.Len(t, stats.Lanes, 3)
	assert.Equal(t, 1, stats.Lanes[0].Pending)
	assert.Zero(t, stats.Lanes[1].Pending)

	require.NoError(t, c.db.Close())
	assert.Equal(t, http.StatusServiceUnavailable, c.do("GET", "/healthz", ""))
	assert.Equal(t, http.StatusServiceUnavailable, c.do("POST", "/customers", bob), "at once")
}
