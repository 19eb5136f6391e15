package otel

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/actito-go/actito"
)

// roundTripper records requests on the wire.
type roundTripper struct {
	*recorder
	next http.RoundTripper
}

func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	c, _ := actito.CallFromContext(req.Context())
	attrs := []attribute.KeyValue{
		attribute.String("http.request.method", req.Method),
		attribute.String("url.template", c.PathTemplate),
		attribute.String("server.address", req.URL.Hostname()),
		attribute.Int("server.port", port(req)),
	}
	ctx, span := r.tracer.Start(req.Context(), req.Method+" "+c.PathTemplate,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	if c.Attempts > 0 {
		span.SetAttributes(attribute.Int("http.request.resend_count", c.Attempts))
	}
	began := time.Now()
	open := metric.WithAttributeSet(attribute.NewSet(attrs...))
	r.active.Add(ctx, 1, open)
	end := func(status int, err error) {
		result := ended(status, err)
		if err == nil && status >= 400 {
			result = append(result, attribute.String("error.type", strconv.Itoa(status)))
		}
		span.SetAttributes(result...)
		if err != nil || status >= 400 {
			span.SetStatus(codes.Error, "")
		}
		span.End()
		r.active.Add(ctx, -1, open)
		r.requestDuration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(append(attrs, result...)...))
	}
	returned := false
	defer func() {
		if !returned { // it panics: the request is off the wire all the same
			end(0, errPanicked)
		}
	}()
	resp, err := r.next.RoundTrip(req.WithContext(ctx))
	returned = true
	if err != nil || resp == nil || resp.Body == nil { // a RoundTripper that gives less is the library's to judge
		end(0, err)
		return resp, err
	}
	resp.Body = &body{ReadCloser: resp.Body, end: sync.OnceFunc(func() { end(resp.StatusCode, nil) })}
	return resp, nil
}

var errPanicked = errors.New("otel: the RoundTripper panicked")

func port(req *http.Request) int {
	if port, err := strconv.Atoi(req.URL.Port()); err == nil {
		return port
	}
	if req.URL.Scheme == "http" {
		return 80
	}
	return 443
}

// body is an answer's; closing it ends the request.
type body struct {
	io.ReadCloser
	end func()
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
