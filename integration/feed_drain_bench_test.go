package integration

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
)

var draining = flag.Int("draining", 20_000, "how many events BenchmarkDrain drains")

// accepting answers every write.
type accepting struct{}

func (accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	answer := `{"businessKey":"1"}`
	if strings.HasSuffix(r.URL.Path, "/auth/token") {
		answer = `{"accessToken":"a","expiresIn":"900s"}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// BenchmarkDrain delivers many events one by one, with nothing that limits calls, and tells how much memory that adds at its
// peak.
func BenchmarkDrain(b *testing.B) {
	onEachBenchmark(b, func(b *testing.B, _ address, s *feed.SQLStore, db *sql.DB) {
		client, err := actito.New("key", "MyEntity", actito.WithBaseURL("https://api.example.com"),
			actito.WithHTTPClient(&http.Client{Transport: accepting{}}), actito.WithLimiter(actito.NoRateLimit{}))
		require.NoError(b, err)
		defer client.Close()
		table, err := actito.Records[Order](client, "Orders")
		require.NoError(b, err)
		for b.Loop() {
			f, err := feed.Open(client, s)
			require.NoError(b, err)
			orders := feed.Records(f, table)
			for from := 0; from < *draining; from += 1000 {
				tx, err := db.Begin()
				require.NoError(b, err)
				for i := from; i < from+1000; i++ {
					require.NoError(b, orders.Push(b.Context(), tx, Order{ID: fmt.Sprint(i), Customer: "C1085"}))
				}
				require.NoError(b, tx.Commit())
			}
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			peak := before.HeapInuse
			ctx, stop := context.WithCancel(b.Context())
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				for tick := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-tick.C {
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapInuse)
				}
			}()
			start := time.Now()
			require.NoError(b, f.Drain(b.Context()))
			took := time.Since(start)
			stop()
			<-watched
			stats, err := f.Stats(b.Context())
			require.NoError(b, err)
			require.Zero(b, stats.Lanes[0].Pending)
			b.ReportMetric(float64(*draining)/took.Seconds(), "events/s")
			b.ReportMetric(float64(peak-before.HeapInuse)/(1<<20), "MiB/peak")
		}
	})
}
