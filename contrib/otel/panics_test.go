package otel_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/actito-go/actito"
	actitootel "github.com/actito-go/actito/contrib/otel"
)

func TestSpansOfTwoRecordersEndOnceEach(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	second, err := actitootel.Hooks(trace.NewTracerProvider(trace.WithSyncer(spans)), noop.NewMeterProvider())
	require.NoError(t, err)
	s := newShop(t, actito.WithHooks(second))
	_, err = s.client.Entities.List(t.Context())
	require.NoError(t, err)
	for _, recorded := range []*tracetest.InMemoryExporter{s.spans, spans} {
		require.Len(t, named(recorded.GetSpans(), "list entities"), 1)
		require.Len(t, recorded.GetSpans(), 3)
	}
}

// panicking sends no call but for a token.
type panicking struct{}

func (panicking) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path != "/auth/token" {
		panic("a RoundTripper's own fault")
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"accessToken":"T"}`))}, nil
}

func TestACallThatPanicsEndsItsSpansAndIsOffTheWire(t *testing.T) {
	t.Parallel()
	s := newShop(t, actito.WithHTTPClient(&http.Client{Transport: panicking{}}))
	require.Panics(t, func() { _, _ = s.client.Entities.List(t.Context()) })
	require.Len(t, s.spans.GetSpans(), 3)
	for _, name := range []string{"list entities", "GET /entities/v5/entities"} {
		require.Equal(t, codes.Error, named(s.spans.GetSpans(), name)[0].Status.Code)
	}
	for _, p := range collect(t, s.reader)["http.client.active_requests"] {
		require.Zero(t, p["is"])
	}
}
