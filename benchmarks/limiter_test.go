package benchmarks

import (
	"testing"

	"golang.org/x/time/rate"

	"github.com/actito-go/actito"
)

// mostCalls is how many calls a limiter can allow in a minute, and so how many it can start without a wait.
const mostCalls = 100_000

// BenchmarkLimiter is one attempt that need not wait, from asking for its turn until its slot is free again, next to
// the token bucket that a program without a library takes. Once its minute is used up, actito's limiter is replaced
// by a new one, off the clock.
func BenchmarkLimiter(b *testing.B) {
	work := actito.Work{Op: "upsert profile", Class: actito.BackgroundWork, MaxWait: -1} // a wait would fail
	newLimiter := func() actito.Limiter {
		limiter, err := actito.NewLimiter(actito.RateLimit{CallsPerMinute: mostCalls, RealTimeCalls: 1})
		if err != nil {
			b.Fatal(err)
		}
		return limiter
	}
	b.Run("actito", func(b *testing.B) {
		ctx := b.Context()
		var limiter actito.Limiter
		left := 0
		b.ReportAllocs()
		for b.Loop() {
			if left == 0 {
				b.StopTimer()
				limiter, left = newLimiter(), mostCalls-1
				b.StartTimer()
			}
			left--
			release, err := limiter.Acquire(ctx, work)
			if err != nil {
				b.Fatal(err)
			}
			release()
		}
	})
	b.Run("xtime", func(b *testing.B) {
		ctx := b.Context()
		limiter := rate.NewLimiter(1e9, 1e9)
		b.ReportAllocs()
		for b.Loop() {
			if err := limiter.Wait(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
