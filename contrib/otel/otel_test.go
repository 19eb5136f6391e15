package otel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	actitootel "github.com/actito-go/actito/contrib/otel"
	"github.com/actito-go/actito/feed"
)

const upsert = "/profiles/v4/entity/{entity}/table/{table}/profile"

func TestACallIsASpanWithOneForEachOfItsRequests(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusTooManyRequests))
	_, err := s.customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com"})
	require.NoError(t, err)

	spans := s.spans.GetSpans()
	require.Len(t, spans, 4)
	call := named(spans, "upsert profile")[0]
	require.Equal(t, oteltrace.SpanKindClient, call.SpanKind)
	require.Equal(t, codes.Unset, call.Status.Code)
	require.Equal(t, map[string]any{
		"actito.operation": "upsert profile", "actito.class": "real time", "actito.attempts": int64(2),
		"http.request.method": "POST", "url.template": upsert, "http.response.status_code": int64(201),
	}, attrs(call.Attributes))
	requests := named(spans, "POST "+upsert)
	require.Len(t, requests, 2)
	host := attrs(requests[0].Attributes)["server.address"]
	require.NotEmpty(t, host)
	port := attrs(requests[0].Attributes)["server.port"]
	request := map[string]any{"http.request.method": "POST", "url.template": upsert, "server.address": host, "server.port": port}
	first, second := point(request).with(point{"http.response.status_code": int64(429), "error.type": "429"}),
		point(request).with(point{"http.response.status_code": int64(201), "http.request.resend_count": int64(1)})
	require.Equal(t, first, point(attrs(requests[0].Attributes)))
	require.Equal(t, second, point(attrs(requests[1].Attributes)))
	require.Equal(t, codes.Error, requests[0].Status.Code)
	require.Empty(t, requests[0].Status.Description)
	for _, r := range requests {
		require.Equal(t, call.SpanContext.SpanID(), r.Parent.SpanID())
		require.Equal(t, oteltrace.SpanKindClient, r.SpanKind)
	}
	require.False(t, named(spans, "GET /auth/token")[0].Parent.IsValid(), "a token is for all calls")
	for _, r := range s.Requests() {
		require.Empty(t, r.Header.Get("Traceparent"), "Actito is another company's service")
	}
}

func TestMetricsOfCalls(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusTooManyRequests))
	_, err := s.customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com"})
	require.NoError(t, err)
	s.Fail(actitotest.OpProfileGet, actitotest.Status(http.StatusForbidden))
	_, err = s.customers.Get(t.Context(), actito.By("customerID", "C1"))
	require.ErrorIs(t, err, actito.ErrForbidden)
	found := collect(t, s.reader)

	write := point{"actito.operation": "upsert profile", "actito.class": "real time", "http.request.method": "POST", "url.template": upsert}
	read := point{"actito.operation": "get profile", "actito.class": "real time", "http.request.method": "GET", "url.template": upsert + "/{key}"}
	require.ElementsMatch(t, []point{
		write.with(point{"http.response.status_code": int64(201), "is": int64(1)}),
		read.with(point{"http.response.status_code": int64(403), "error.type": "403", "is": int64(1)}),
	}, found["actito.call.duration"])
	require.ElementsMatch(t, []point{write.with(point{"is": int64(2)}), read.with(point{"is": int64(1)})}, found["actito.call.attempts"])
	require.Equal(t, []point{write.with(point{"is": int64(1)})}, found["actito.call.throttled"])
	require.Equal(t, []point{{"actito.class": "real time", "is": int64(3)}}, found["actito.limiter.wait.duration"])
	require.Equal(t, []point{{"is": int64(1)}}, found["actito.token.refresh.duration"])
	require.Len(t, found["http.client.request.duration"], 4, "by template and status, with the token's")
	for _, p := range found["http.client.request.duration"] {
		require.Equal(t, int64(1), p["is"])
		require.Contains(t, []any{upsert, upsert + "/{key}", "/auth/token"}, p["url.template"])
		require.Contains(t, p, "server.address")
		require.Contains(t, p, "server.port")
		require.Equal(t, p["http.response.status_code"].(int64) >= 400, p["error.type"] != nil) //nolint:forcetypeassert // a test may panic
	}
	for _, p := range found["http.client.active_requests"] {
		require.Zero(t, p["is"], "none is on the wire any more")
	}
	require.Len(t, found["http.client.active_requests"], 3)
}

func TestMetricsOfImports(t *testing.T) {
	t.Parallel()
	s := newShop(t, actito.WithQuota(actito.Quota{Limit: 2}))
	exec, err := s.run(t.Context(), "customerID,emailAddress,gsmNumber\nC1,ann@example.com,\nC2,none,\n")
	require.NoError(t, err)
	exec, err = s.client.Executions.Wait(t.Context(), exec, actito.Tolerate(1))
	require.NoError(t, err)
	s.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	_, err = s.run(t.Context(), "customerID,emailAddress,gsmNumber\nC3,bob@example.com,\n")
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
	_, err = s.run(t.Context(), "customerID,emailAddress,gsmNumber\nC4,eva@example.com,\n")
	require.ErrorIs(t, err, actito.ErrQuotaExceeded)
	found := collect(t, s.reader)

	require.ElementsMatch(t, []point{
		{"actito.state": "used", "is": int64(1)},
		{"actito.state": "held", "is": int64(1)},
		{"actito.state": "refused", "error.type": "quota_exceeded", "is": int64(1)},
	}, found["actito.import.units"])
	require.ElementsMatch(t, []point{
		{"actito.etl": "one shot", "actito.verdict": "created", "is": int64(1)},
		{"actito.etl": "one shot", "actito.verdict": "updated", "is": int64(0)},
		{"actito.etl": "one shot", "actito.verdict": "rejected", "is": int64(1)},
		{"actito.etl": "one shot", "actito.verdict": "refused", "is": int64(0)},
	}, found["actito.import.rows"])
	require.Equal(t, []point{{"actito.etl": "one shot", "is": exec.End.Unix()}}, found["actito.import.last_success"])
	require.Len(t, found["actito.call.outcome_unknown"], 1)
	require.Equal(t, int64(1), found["actito.call.outcome_unknown"][0]["is"])
	require.Equal(t, "outcome_unknown", errorTypeOf(found["actito.call.duration"]))
}

func TestAnOlderSuccessDoesNotTakeTheLatestsPlace(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	hooks, err := actitootel.Hooks(tracenoop.NewTracerProvider(), metric.NewMeterProvider(metric.WithReader(reader)))
	require.NoError(t, err)
	latest := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	for _, end := range []time.Time{latest.Add(-48 * time.Hour), latest, latest.Add(-24 * time.Hour)} {
		hooks.ImportEnd(t.Context(), actito.ImportResult{ETLID: "7", End: end})
	}
	hooks.ImportEnd(t.Context(), actito.ImportResult{ETLID: "7", End: latest.Add(time.Hour), Err: actito.ErrImportFailed})
	require.Equal(t, []point{{"actito.etl": "7", "is": latest.Unix()}}, collect(t, reader)["actito.import.last_success"])
}

func TestAStoreThatMayHaveLostBookingsIsNoStatusOfTheService(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	hooks, err := actitootel.Hooks(tracenoop.NewTracerProvider(), metric.NewMeterProvider(metric.WithReader(reader)))
	require.NoError(t, err)
	compared := fmt.Errorf("%w; comparing failed: %w", &actito.UnverifiedError{Reason: "failover"}, &actito.APIError{Status: 404})
	hooks.ImportUnit(t.Context(), actito.ImportUnit{State: "refused", Err: compared})
	require.Equal(t, []point{{"actito.state": "refused", "error.type": "unverified", "is": int64(1)}}, collect(t, reader)["actito.import.units"])
}

func errorTypeOf(points []point) any {
	for _, p := range points {
		if p["error.type"] != nil {
			return p["error.type"]
		}
	}
	return nil
}

func TestACallThatIsNotSentIsRecordedAsBusy(t *testing.T) {
	t.Parallel()
	s := newShop(t, actito.WithLimiter(refusing{}))
	_, err := s.client.Entities.List(t.Context())
	require.ErrorIs(t, err, actito.ErrBusy)
	found := collect(t, s.reader)
	require.Equal(t, []point{{"actito.class": "listing", "error.type": "busy", "is": int64(1)}}, found["actito.limiter.wait.duration"])
	require.Equal(t, "busy", errorTypeOf(found["actito.call.duration"]))
	require.Equal(t, int64(0), found["actito.call.attempts"][0]["is"])
	require.Equal(t, codes.Error, s.spans.GetSpans()[0].Status.Code)
}

type refusing struct{}

func (refusing) Acquire(_ context.Context, w actito.Work) (func(), error) {
	return nil, &actito.BusyError{Op: w.Op, Class: w.Class}
}

// outbox is a feed's, read so often.
type outbox struct {
	read int
	err  error
}

func (o *outbox) Stats(context.Context) (feed.Stats, error) {
	o.read++
	return feed.Stats{Drained: true, Lanes: []feed.LaneStats{
		{Lane: "Customers", Pending: 3, Oldest: 90 * time.Second, Dead: 1}, {Lane: "Orders"},
	}}, o.err
}

func TestMetricsOfAFeedReadItOnceInAWhile(t *testing.T) {
	t.Parallel()
	var o outbox
	reader := metric.NewManualReader()
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	registration, err := actitootel.ObserveFeed(meters, &o, time.Hour)
	require.NoError(t, err)
	found := collect(t, reader)
	require.ElementsMatch(t, []point{{"actito.lane": "Customers", "is": int64(3)}, {"actito.lane": "Orders", "is": int64(0)}}, found["actito.feed.pending"])
	require.ElementsMatch(t, []point{{"actito.lane": "Customers", "is": int64(90)}, {"actito.lane": "Orders", "is": int64(0)}}, found["actito.feed.oldest_age"])
	require.ElementsMatch(t, []point{{"actito.lane": "Customers", "is": int64(1)}, {"actito.lane": "Orders", "is": int64(0)}}, found["actito.feed.dead"])
	require.Equal(t, []point{{"is": int64(1)}}, found["actito.feed.drained"])
	require.Len(t, collect(t, reader), len(found))
	require.Equal(t, 1, o.read)
	require.NoError(t, registration.Unregister())
	require.Empty(t, collect(t, reader))

	failing := outbox{err: errors.New("no database")}
	_, err = actitootel.ObserveFeed(meters, &failing, 0)
	require.NoError(t, err)
	require.ErrorContains(t, reader.Collect(t.Context(), new(metricdata.ResourceMetrics)), "no database")
	require.Error(t, reader.Collect(t.Context(), new(metricdata.ResourceMetrics)))
	require.Equal(t, 1, failing.read, "a database that is down is not asked by every collection")
}

// impatient is an outbox whose first reading is given up by who collects.
type impatient struct {
	outbox
	giveUp context.CancelFunc
}

func (i *impatient) Stats(ctx context.Context) (feed.Stats, error) {
	if i.read == 0 {
		i.giveUp()
		i.read++
		return feed.Stats{}, ctx.Err()
	}
	return i.outbox.Stats(ctx)
}

func TestACollectionThatIsGivenUpIsNotKept(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reader := metric.NewManualReader()
	_, err := actitootel.ObserveFeed(metric.NewMeterProvider(metric.WithReader(reader)), &impatient{giveUp: cancel}, time.Hour)
	require.NoError(t, err)
	require.ErrorIs(t, reader.Collect(ctx, new(metricdata.ResourceMetrics)), context.Canceled)
	require.Equal(t, []point{{"is": int64(1)}}, collect(t, reader)["actito.feed.drained"])
}

func TestProvidersThatAreMissingAreNamed(t *testing.T) {
	t.Parallel()
	_, err := actitootel.Hooks(nil, metricnoop.NewMeterProvider())
	require.ErrorContains(t, err, "TracerProvider")
	_, err = actitootel.ObserveFeed(metricnoop.NewMeterProvider(), nil, 0)
	require.ErrorContains(t, err, "a feed")
}
