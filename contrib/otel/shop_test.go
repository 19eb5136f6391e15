package otel_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	actitootel "github.com/actito-go/actito/contrib/otel"
)

type customer struct {
	ID    string `actito:"customerID,key"`
	Email string `actito:"emailAddress"`
	Phone string `actito:"gsmNumber"`
}

// shop is a fake with a client that is recorded.
type shop struct {
	*actitotest.Server
	client    *actito.Client
	customers *actito.ProfileTable[customer]
	spans     *tracetest.InMemoryExporter
	reader    *metric.ManualReader
	meters    *metric.MeterProvider
}

func newShop(t *testing.T, opts ...actito.Option) *shop {
	t.Helper()
	s := &shop{Server: actitotest.NewServer(actitotest.InMemory()), spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	t.Cleanup(s.Close)
	s.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
		{Name: "gsmNumber", Type: "STRING"},
	}})
	s.meters = metric.NewMeterProvider(metric.WithReader(s.reader))
	hooks, err := actitootel.Hooks(trace.NewTracerProvider(trace.WithSyncer(s.spans)), s.meters)
	require.NoError(t, err)
	s.client, err = actito.New(s.APIKey, "MyEntity", append([]actito.Option{actito.WithBaseURL(s.URL), actito.WithHooks(hooks),
		actito.WithHTTPClient(&http.Client{Transport: s.Transport()}), actito.WithRetry(actito.RetryPolicy{MinWait: 1})}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.client.Close()) })
	s.customers, err = actito.Profiles[customer](s.client, "Customers")
	require.NoError(t, err)
	return s
}

func (s *shop) run(ctx context.Context, csv string) (*actito.Execution, error) {
	return s.client.ETLs.RunOnce(ctx, actito.Definition{Files: []actito.InputFile{s.customers.InputFile("customers.csv", actito.Keep)}},
		actito.DataBytes("customers.csv", []byte(csv)))
}

// point is one series: its attributes as text, and its sum, value or count.
type point map[string]any

// collect reads all metrics: by name, the points.
func collect(t *testing.T, reader *metric.ManualReader) map[string][]point {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.WithoutCancel(t.Context()), &all))
	found := map[string][]point{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					found[m.Name] = append(found[m.Name], pointOf(p.Attributes, int64(p.Count)))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					found[m.Name] = append(found[m.Name], pointOf(p.Attributes, p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[m.Name] = append(found[m.Name], pointOf(p.Attributes, p.Value))
				}
			default:
				require.Fail(t, "another kind of metric", m.Name)
			}
		}
	}
	return found
}

func pointOf(set attribute.Set, value int64) point {
	p := point(attrs(set.ToSlice()))
	p["is"] = value
	return p
}

func attrs(list []attribute.KeyValue) map[string]any {
	all := map[string]any{}
	for _, a := range list {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

// with is a point of the same series, and more.
func (p point) with(more point) point {
	all := maps.Clone(p)
	maps.Copy(all, more)
	return all
}

func named(spans tracetest.SpanStubs, name string) []tracetest.SpanStub {
	return slices.DeleteFunc(slices.Clone(spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}
