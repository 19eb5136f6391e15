package otel

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/actito-go/actito/contrib/otel"

// instruments are all but the feed's.
type instruments struct {
	callDuration, requestDuration, limiterWait, tokenDuration metric.Float64Histogram

	attempts, throttled, units, rows, unknown metric.Int64Counter

	active      metric.Int64UpDownCounter
	lastSuccess metric.Int64Gauge
}

// Bounds of buckets in seconds: those of the semantic conventions, and for uploads and waits up to ten minutes.
var (
	ofRequests = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 600}
	ofWaits    = []float64{0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600}
)

func newInstruments(meter metric.Meter) (*instruments, error) {
	var i instruments
	var errs []error
	seconds := func(to *metric.Float64Histogram, name, description string, bounds []float64) {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(bounds...))
		*to, errs = h, append(errs, err)
	}
	count := func(to *metric.Int64Counter, name, unit, description string) {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		*to, errs = c, append(errs, err)
	}
	seconds(&i.callDuration, "actito.call.duration", "Calls, with all waits and repeats.", ofRequests)
	seconds(&i.requestDuration, "http.client.request.duration", "Requests on the wire, until their answer is read.", ofRequests)
	seconds(&i.limiterWait, "actito.limiter.wait.duration", "Waits of attempts for the licence's pace.", ofWaits)
	seconds(&i.tokenDuration, "actito.token.refresh.duration", "Requests for an access token.", ofRequests)
	count(&i.attempts, "actito.call.attempts", "{attempt}", "Attempts of calls that have ended.")
	count(&i.throttled, "actito.call.throttled", "{attempt}", "Attempts that were answered 429.")
	count(&i.unknown, "actito.call.outcome_unknown", "{call}", "Calls of which nobody can tell whether the server did what was asked.")
	count(&i.units, "actito.import.units", "{import}", "What became of the day's imports.")
	count(&i.rows, "actito.import.rows", "{row}", "Rows of imports that have ended.")
	var err error
	i.active, err = meter.Int64UpDownCounter("http.client.active_requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests on the wire."))
	errs = append(errs, err)
	i.lastSuccess, err = meter.Int64Gauge("actito.import.last_success", metric.WithUnit("s"),
		metric.WithDescription("When an import last succeeded, in seconds since 1970."))
	return &i, errors.Join(append(errs, err)...)
}
