package otel

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/actito-go/actito"
)

// Hooks records spans and metrics of the clients that it is given to by [actito.WithHooks]. The providers are the
// program's own, such as the global ones of OpenTelemetry.
func Hooks(tracers trace.TracerProvider, meters metric.MeterProvider) (actito.Hooks, error) {
	if tracers == nil || meters == nil {
		return actito.Hooks{}, errors.New("otel: Hooks needs a TracerProvider and a MeterProvider: those of packages noop record nothing")
	}
	i, err := newInstruments(meters.Meter(scope))
	if err != nil {
		return actito.Hooks{}, err
	}
	r := &recorder{instruments: i, tracer: tracers.Tracer(scope), succeeded: map[string]time.Time{}}
	return actito.Hooks{
		CallStart: r.callStart, CallEnd: r.callEnd, Attempt: r.attempt, Token: r.token,
		ImportUnit: r.importUnit, ImportEnd: r.importEnd,
		Transport: func(next http.RoundTripper) http.RoundTripper { return &roundTripper{r, next} },
	}, nil
}

type recorder struct {
	*instruments
	tracer trace.Tracer

	mu        sync.Mutex
	succeeded map[string]time.Time // by ETL: the end of the latest import without error
}

func (r *recorder) callStart(ctx context.Context, c actito.CallInfo) context.Context {
	ctx, _ = r.tracer.Start(ctx, c.Op, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(ofCall(c)...))
	return ctx
}

func (r *recorder) callEnd(ctx context.Context, c actito.CallInfo, result actito.CallResult) {
	ended := ended(result.Status, result.Err)
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(append(ended, attribute.Int("actito.attempts", c.Attempts))...)
	if result.Err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()

	call := ofCall(c)
	r.attempts.Add(ctx, int64(c.Attempts), metric.WithAttributes(call...))
	if errors.Is(result.Err, actito.ErrOutcomeUnknown) {
		r.unknown.Add(ctx, 1, metric.WithAttributes(call...))
	}
	r.callDuration.Record(ctx, result.Duration.Seconds(), metric.WithAttributes(append(call, ended...)...))
}

func (r *recorder) attempt(ctx context.Context, c actito.CallInfo, a actito.Attempt) {
	class := attribute.String("actito.class", c.Class.String())
	wait := []attribute.KeyValue{class}
	if errors.Is(a.Err, actito.ErrBusy) {
		wait = append(wait, attribute.String("error.type", errorType(0, a.Err)))
	}
	r.limiterWait.Record(ctx, a.Wait.Seconds(), metric.WithAttributes(wait...))
	if a.Status == http.StatusTooManyRequests {
		r.throttled.Add(ctx, 1, metric.WithAttributes(ofCall(c)...))
	}
}

func (r *recorder) token(ctx context.Context, t actito.TokenResult) {
	r.tokenDuration.Record(ctx, t.Duration.Seconds(), metric.WithAttributes(ended(0, t.Err)...))
}

func (r *recorder) importUnit(ctx context.Context, u actito.ImportUnit) {
	r.units.Add(ctx, 1, metric.WithAttributes(append(ended(0, u.Err), attribute.String("actito.state", u.State))...))
}

func (r *recorder) importEnd(ctx context.Context, i actito.ImportResult) {
	id := cmp.Or(i.ETLID, "one shot")
	etl := attribute.String("actito.etl", id)
	for verdict, n := range map[string]int{"created": i.Created, "updated": i.Updated, "rejected": i.Rejected, "refused": i.Refused} {
		r.rows.Add(ctx, int64(n), metric.WithAttributes(etl, attribute.String("actito.verdict", verdict)))
	}
	if i.Err == nil {
		end := i.End
		if end.IsZero() {
			end = time.Now()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if end.After(r.succeeded[id]) { // an older one may be looked at once more
			r.succeeded[id] = end
			r.lastSuccess.Record(ctx, end.Unix(), metric.WithAttributes(etl))
		}
	}
}

func ofCall(c actito.CallInfo) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("actito.operation", c.Op),
		attribute.String("actito.class", c.Class.String()),
		attribute.String("http.request.method", c.Method),
		attribute.String("url.template", c.PathTemplate),
	}
}
