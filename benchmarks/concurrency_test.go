package benchmarks

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/filequota"
)

var callers = []int{1, 2, 4, 8, 16, 32, 64}

// side runs f b.N times in all, by so many callers at once. b.N stays below mostCalls: run it with -benchtime=5000x.
func side(b *testing.B, callers int, f func(n int) error) {
	if b.N >= mostCalls {
		b.Skipf("%d calls are more than a limiter lets through in a minute: set -benchtime=5000x", b.N)
	}
	var next atomic.Int64
	var work sync.WaitGroup
	b.ResetTimer()
	for range callers {
		work.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				if err := f(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	b.StopTimer()
}

// BenchmarkCallers is one profile over a loopback connection, by callers at once, each row with a key of its own.
func BenchmarkCallers(b *testing.B) {
	for _, n := range callers {
		b.Run(fmt.Sprintf("actito/callers=%d", n), func(b *testing.B) {
			customers := openCustomers(b, actito.RateLimit{CallsPerMinute: mostCalls, Concurrent: 64})
			b.ReportAllocs()
			side(b, n, func(i int) error {
				row := ann
				row.ID = strconv.Itoa(i)
				_, err := customers.Upsert(b.Context(), row)
				return err
			})
		})
		b.Run(fmt.Sprintf("nethttp/callers=%d", n), func(b *testing.B) {
			url := newServer(b).URL
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			b.ReportAllocs()
			side(b, n, func(i int) error {
				row := ann
				row.ID = strconv.Itoa(i)
				return upsertByHand(b, client, url, "token", row)
			})
		})
	}
}

// BenchmarkLimiterCallers is one attempt that need not wait for the pace, by callers at once.
func BenchmarkLimiterCallers(b *testing.B) {
	for _, n := range callers {
		b.Run(fmt.Sprintf("actito/callers=%d", n), func(b *testing.B) {
			limiter, err := actito.NewLimiter(actito.RateLimit{CallsPerMinute: mostCalls, RealTimeCalls: 1, Concurrent: 128})
			if err != nil {
				b.Fatal(err)
			}
			work := actito.Work{Op: "upsert profile", Class: actito.BackgroundWork}
			side(b, n, func(int) error {
				release, err := limiter.Acquire(b.Context(), work)
				if err == nil {
					release()
				}
				return err
			})
		})
		b.Run(fmt.Sprintf("xtime/callers=%d", n), func(b *testing.B) {
			limiter := rate.NewLimiter(1e9, 1e9)
			side(b, n, func(int) error { return limiter.Wait(b.Context()) })
		})
	}
}

// BenchmarkLedgerCallers is one import in the books of a file that processes share, from its reservation until it is
// settled: three changes, each on the disk before it counts.
func BenchmarkLedgerCallers(b *testing.B) {
	for _, n := range callers {
		b.Run(fmt.Sprintf("filequota/callers=%d", n), func(b *testing.B) {
			store, err := filequota.Open(filepath.Join(b.TempDir(), "ledger"))
			if err != nil {
				b.Fatal(err)
			}
			day := time.Now().Truncate(24 * time.Hour)
			side(b, n, func(int) error {
				now := time.Now()
				r := actito.Reservation{ID: "4711/" + rand.Text(), Buckets: []actito.Bucket{{Name: "4711/16", Limit: mostCalls}},
					At: now, Lease: now.Add(time.Hour), From: day, ResetAt: day.Add(24 * time.Hour)}
				if err := store.Reserve(b.Context(), r); err != nil {
					return err
				}
				if err := store.Begin(b.Context(), r.ID); err != nil {
					return err
				}
				return store.Settle(b.Context(), r.ID, actito.Free())
			})
		})
	}
}
