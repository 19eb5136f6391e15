package redisquota

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
)

func TestACallThatNeedNotWaitAsksOnceAndTellsOnce(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		p := w.process(actito.RateLimit{})
		p.mustStart(t, actito.Work{})() // connects, and brings the script
		before := p.way.sent()
		for range 10 {
			p.mustStart(t, actito.Work{})()
		}
		assert.Equal(t, slices.Repeat([]string{"evalsha"}, 20), p.way.commands[before:])
	})
}

func TestManyWhoWaitAskTogether(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rate       actito.RateLimit
		hold, wait int // calls
		most       int // messages in ten seconds, besides two at the first moment
	}{
		"once a second for the minute":         {actito.RateLimit{CallsPerMinute: 1}, 0, 200, 10},
		"forty times a second for a slot":      {actito.RateLimit{Concurrent: 1}, 1, 200, 400},
		"once in twenty seconds for a renewal": {actito.RateLimit{}, 5, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, w *world) {
				p := w.process(tt.rate)
				p.mustStart(t, actito.Work{})()
				for range tt.hold {
					p.mustStart(t, actito.Work{})
				}
				p.way.set(func(w *way) { w.there = 2 * time.Millisecond })
				ctx, cancel := context.WithCancel(t.Context())
				var all sync.WaitGroup
				before := p.way.sent()
				for range tt.wait {
					all.Go(func() { _, _ = p.Acquire(ctx, actito.Work{}) })
				}
				time.Sleep(10 * time.Second)
				assert.LessOrEqual(t, p.way.sent()-before, tt.most+2)
				before = p.way.sent()
				cancel()
				all.Wait()
				time.Sleep(time.Second)
				assert.LessOrEqual(t, p.way.sent()-before, 2)
			})
		})
	}
}

// Three processes have more background work than the licence allows, and real-time calls come at random, ten a minute.
func TestNothingIsLeftUnusedAndRealTimeDoesNotWait(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		minutes := race.Less(8)
		processes := []*process{w.process(actito.RateLimit{}), w.process(actito.RateLimit{}), w.process(actito.RateLimit{})}
		for _, p := range processes {
			p.mustStart(t, actito.Work{})()
			p.way.set(func(w *way) { w.there, w.back = time.Millisecond, time.Millisecond })
		}
		random := rand.New(rand.NewPCG(1, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(minutes)*time.Minute)
		defer cancel()
		var mu sync.Mutex
		var waits []time.Duration
		others := 0
		var all sync.WaitGroup
		call := func(p *process, class actito.Class) bool {
			asked := time.Now()
			release, err := p.Acquire(ctx, actito.Work{Class: class})
			if err != nil {
				return false
			}
			mu.Lock()
			if class == actito.RealTime {
				waits = append(waits, time.Since(asked))
			} else {
				others++
			}
			holds := time.Duration(20+random.IntN(40)) * time.Millisecond
			mu.Unlock()
			time.Sleep(holds)
			release()
			return true
		}
		for _, p := range processes {
			for range 2 {
				all.Go(func() {
					for call(p, actito.BackgroundWork) {
					}
				})
			}
			all.Go(func() {
				for ctx.Err() == nil {
					mu.Lock()
					pause := time.Duration(random.ExpFloat64() * float64(18*time.Second))
					mu.Unlock()
					time.Sleep(pause)
					all.Go(func() { call(p, actito.RealTime) })
				}
			})
		}
		all.Wait()
		slices.Sort(waits)
		p99 := waits[len(waits)*99/100]
		used := float64(others) / float64(80*minutes)
		t.Logf("%d real-time calls, 99%% of them within %s; %d background calls, %.1f %% of those allowed", len(waits), p99, others, 100*used)
		assert.Less(t, p99, time.Second)
		assert.Greater(t, used, 0.98)
	})
}

// BenchmarkAcquire measures a call that need not wait, on a real server.
func BenchmarkAcquire(b *testing.B) {
	client := redis.NewClient(&redis.Options{Addr: startServer(b).addr})
	defer client.Close()
	limiter, err := NewLimiter(client, actito.RateLimit{CallsPerMinute: 100_000}, Licence("acme"))
	require.NoError(b, err)
	for b.Loop() {
		release, err := limiter.Acquire(b.Context(), actito.Work{})
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}
