package otel_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	actitootel "github.com/actito-go/actito/contrib/otel"
)

// everything makes each metric there is.
func everything(t *testing.T) (*shop, []metricdata.Metrics) {
	t.Helper()
	s := newShop(t, actito.WithQuota(actito.Quota{Limit: 2}))
	_, err := actitootel.ObserveFeed(s.meters, &outbox{}, 0)
	require.NoError(t, err)
	s.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusTooManyRequests), actitotest.Status(http.StatusBadRequest))
	_, err = s.customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com"})
	require.ErrorIs(t, err, actito.ErrInvalid)
	const rows = "customerID,emailAddress,gsmNumber\nC1,ann@example.com,\n"
	exec, err := s.run(t.Context(), rows)
	require.NoError(t, err)
	_, err = s.client.Executions.Wait(t.Context(), exec)
	require.NoError(t, err)
	s.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	_, err = s.run(t.Context(), rows)
	require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
	_, err = s.run(t.Context(), rows)
	require.ErrorIs(t, err, actito.ErrQuotaExceeded)
	s.RevokeTokens()
	s.RevokeKey(s.APIKey)
	_, err = s.client.Entities.List(t.Context())
	require.ErrorIs(t, err, actito.ErrUnauthorized)
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &all))
	require.Len(t, all.ScopeMetrics, 1)
	return s, all.ScopeMetrics[0].Metrics
}

// inPrometheus is the name that Prometheus has for a metric of OpenTelemetry.
func inPrometheus(t *testing.T, m metricdata.Metrics) string {
	t.Helper()
	kind := otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
	switch data := m.Data.(type) {
	case metricdata.Histogram[float64]:
		kind = otlptranslator.MetricTypeHistogram
	case metricdata.Sum[int64]:
		kind = otlptranslator.MetricTypeNonMonotonicCounter
		if data.IsMonotonic {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
	require.NoError(t, err)
	return name
}

func TestTheDocumentationListsAllMetrics(t *testing.T) {
	t.Parallel()
	s, metrics := everything(t)
	points := collect(t, s.reader)
	require.Contains(t, points["actito.token.refresh.duration"], point{"error.type": "401", "is": int64(1)}, "the alert KeyRefused needs it")
	text, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| `([a-z._]+)` \\| `([a-z_]+)` \\| (.*?) ?\\| .* \\|$")
	documented := map[string][]string{}
	exported := map[string]string{}
	last := ""
	for _, cells := range row.FindAllStringSubmatch(string(text), -1) {
		if cells[3] != "the same" {
			last = cells[3]
		}
		documented[cells[1]], exported[cells[1]] = strings.Split(strings.ReplaceAll(last, "`", ""), ", "), cells[2]
	}
	known := map[string]bool{} // attributes
	names := map[string]bool{} // in Prometheus
	for _, m := range metrics {
		if !assert.Contains(t, documented, m.Name) {
			continue
		}
		assert.Equal(t, inPrometheus(t, m), exported[m.Name])
		for _, p := range points[m.Name] {
			for attr := range p {
				known[attr] = true
				if attr != "is" {
					assert.Contains(t, documented[m.Name], attr, m.Name)
				}
			}
		}
		names[exported[m.Name]] = true
		if _, ok := m.Data.(metricdata.Histogram[float64]); ok {
			names[exported[m.Name]+"_bucket"], names[exported[m.Name]+"_count"], names[exported[m.Name]+"_sum"] = true, true, true
		}
	}
	for name, attrs := range documented {
		assert.NotEmpty(t, points[name], "%s is not in the code", name)
		for _, attr := range attrs {
			assert.True(t, attr == "" || known[attr], "%s: no metric has the attribute %s", name, attr)
		}
	}

	// Alerts and runbooks know no others.
	label := regexp.MustCompile(`\b([a-z_]+)(?:=~|!=|=)"`)
	for _, page := range []string{"alerts.md", "runbooks.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\b(?:actito|http_client)_[a-z_]+\b`).FindAllString(string(text), -1) {
			if !names[name] {
				assert.True(t, known[strings.Replace(name, "_", ".", 1)], "%s: %s is neither a metric nor an attribute", page, name)
			}
		}
		for _, l := range label.FindAllStringSubmatch(string(text), -1) {
			assert.True(t, known[strings.Replace(l[1], "_", ".", 1)], "%s: no metric has the attribute %s", page, l[1])
		}
	}
}
