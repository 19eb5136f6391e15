package otel_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	actitootel "github.com/actito-go/actito/contrib/otel"
	"github.com/actito-go/actito/feed"
)

// A program gives its own providers, with exporters to where its traces and metrics go.
func ExampleHooks() {
	ctx := context.Background()
	server := actitotest.NewServer()
	defer server.Close()
	spans, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	hooks, err := actitootel.Hooks(trace.NewTracerProvider(trace.WithSyncer(spans)), metric.NewMeterProvider(metric.WithReader(reader)))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL), actito.WithHooks(hooks))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	if _, err := client.Entities.List(ctx); err != nil {
		fmt.Println(err)
	}
	for _, s := range spans.GetSpans() {
		fmt.Println("span", s.Name)
	}
	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &metrics); err != nil {
		fmt.Println(err)
	}
	var names []string
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		names = append(names, "metric "+m.Name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Println(name)
	}
	// Output:
	// span GET /auth/token
	// span GET /entities/v5/entities
	// span list entities
	// metric actito.call.attempts
	// metric actito.call.duration
	// metric actito.limiter.wait.duration
	// metric actito.token.refresh.duration
	// metric http.client.active_requests
	// metric http.client.request.duration
}

// One process tells how much of the feed waits, and since when.
func ExampleObserveFeed() {
	observe := func(f *feed.Feed) error {
		registration, err := actitootel.ObserveFeed(otel.GetMeterProvider(), f, time.Minute)
		if err != nil {
			return err
		}
		defer func() { _ = registration.Unregister() }()
		return f.Run(context.Background())
	}
	_ = observe
}
