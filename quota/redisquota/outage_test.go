package redisquota

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

var errCut = errors.New("connection refused")

// cut cuts a process off from Redis, until its returned function is called.
func (p *process) cut() (mend func()) {
	p.way.set(func(w *way) { w.cut = errCut })
	return func() { p.way.set(func(w *way) { w.cut = nil }) }
}

// log collects what is logged.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *log) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.String(), text)
}

func TestWithoutRedisAProcessPacesAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts            []Option
		calls, atOnce   int
		realTimeOfCalls int
	}{
		"at a quarter of the licence, rounded up": {nil, 25, 2, 5},
		"at what it was given":                    {[]Option{Alone(actito.RateLimit{CallsPerMinute: 7, Concurrent: 3, RealTimeCalls: 2})}, 7, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, w *world) {
				p := w.process(actito.RateLimit{}, tt.opts...)
				p.cut()
				for range tt.atOnce {
					defer p.mustStart(t, actito.Work{})()
				}
				p.mustBusy(t, actito.Work{})
				time.Sleep(time.Minute)
			})
			virtual(t, func(t *testing.T, w *world) {
				p := w.process(actito.RateLimit{}, tt.opts...)
				p.cut()
				for range tt.calls - tt.realTimeOfCalls {
					p.mustStart(t, actito.Work{Class: actito.Listing})()
				}
				p.mustBusy(t, actito.Work{Class: actito.Listing})
				for range tt.realTimeOfCalls {
					p.mustStart(t, actito.Work{})()
				}
				assert.Equal(t, time.Minute, p.mustBusy(t, actito.Work{}))
			})
		})
	}
}

func TestAnOutageIsLoggedOnceAndRedisIsTriedOnceASecond(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		logged := &log{}
		p := w.process(actito.RateLimit{}, WithLogger(slog.New(slog.NewTextHandler(logged, nil))))
		mend := p.cut()
		for range 20 { // 10 seconds
			p.mustStart(t, actito.Work{})()
			time.Sleep(500 * time.Millisecond)
		}
		assert.Equal(t, 1, logged.count("level=WARN"))
		assert.Equal(t, 1, logged.count("licence=acme error=\"connection refused\""))
		assert.LessOrEqual(t, p.way.sent(), 11)

		mend()
		p.mustStart(t, actito.Work{})()
		time.Sleep(tryAgain)
		synctest.Wait()
		assert.Equal(t, 1, logged.count("level=INFO"))
		p.cut()
		p.mustStart(t, actito.Work{})()
		assert.Equal(t, 2, logged.count("level=WARN"), "another outage")
	})
}

func TestIdleProcessesLeaveRedisAlone(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		reachable, cut := w.process(actito.RateLimit{}), w.process(actito.RateLimit{})
		cut.cut()
		for _, p := range []*process{reachable, cut} {
			p.mustStart(t, actito.Work{})()
			time.Sleep(2 * time.Minute) // in which the one that is cut off has a start to tell
			sent := p.way.sent()
			time.Sleep(time.Hour)
			assert.Equal(t, sent, p.way.sent())
		}
		assert.Empty(t, w.redis.Keys(), "nothing stays")
	})
}

func TestAfterAnOutageWhatWasStartedAloneCounts(t *testing.T) {
	t.Parallel()
	rate := actito.RateLimit{CallsPerMinute: 40}
	t.Run("in the minute", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			a, b := w.process(rate), w.process(rate)
			mend := a.cut()
			for range 9 {
				a.mustStart(t, actito.Work{})()
			}
			time.Sleep(20 * time.Second)
			mend()
			a.mustStart(t, actito.Work{})() // alone still
			time.Sleep(tryAgain)
			synctest.Wait()
			for range 40 - 10 {
				b.mustStart(t, actito.Work{})()
			}
			assert.Equal(t, 39*time.Second+tolerance, b.mustBusy(t, actito.Work{}))
		})
	})
	t.Run("in flight", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			a, b := w.process(rate), w.process(rate)
			mend := a.cut()
			release := a.mustStart(t, actito.Work{})
			a.mustStart(t, actito.Work{})
			mend()
			time.Sleep(tryAgain) // those in flight are told as soon as Redis answers
			synctest.Wait()
			for range 3 {
				b.mustStart(t, actito.Work{})
			}
			b.mustBusy(t, actito.Work{})
			release()
			b.mustStart(t, actito.Work{})
		})
	})
}

func TestThoseWhoWaitMoveWithTheOutage(t *testing.T) {
	t.Parallel()
	alone := Alone(actito.RateLimit{CallsPerMinute: 1})
	t.Run("what waits for Redis goes on alone", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			a, b := w.process(actito.RateLimit{Concurrent: 1}), w.process(actito.RateLimit{Concurrent: 1}, alone)
			a.mustStart(t, actito.Work{})
			time.AfterFunc(10*time.Second, func() { b.cut() })
			asked := time.Now()
			_, err := b.Acquire(t.Context(), actito.Work{MaxWait: 20 * time.Second})
			require.NoError(t, err)
			assert.InDelta(t, 10, time.Since(asked).Seconds(), later.Seconds())

			time.AfterFunc(time.Second, func() { b.cut() })
			_, err = b.Acquire(t.Context(), actito.Work{MaxWait: 20 * time.Second})
			require.ErrorIs(t, err, actito.ErrBusy)
		})
	})
	t.Run("what waits alone goes back to Redis", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			p := w.process(actito.RateLimit{}, alone)
			mend := p.cut()
			p.mustStart(t, actito.Work{})()
			time.AfterFunc(10*time.Second+time.Millisecond, mend)
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					asked := time.Now()
					release, err := p.Acquire(t.Context(), actito.Work{})
					if assert.NoError(t, err) {
						release()
					}
					assert.InDelta(t, 10.5, time.Since(asked).Seconds(), 0.6)
				})
			}
			all.Wait()
			assert.Nil(t, p.outage)
		})
	})
	t.Run("and what has waited counts towards MaxWait", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			a, b := w.process(actito.RateLimit{Concurrent: 1}), w.process(actito.RateLimit{Concurrent: 1}, alone)
			a.mustStart(t, actito.Work{})
			b.cut()
			b.mustStart(t, actito.Work{})
			asked := time.Now()
			_, err := b.Acquire(t.Context(), actito.Work{MaxWait: 50 * time.Second})
			require.ErrorIs(t, err, actito.ErrBusy, "it has a forecast alone too")
			assert.Zero(t, time.Since(asked))
		})
	})
	t.Run("and is cancelled there too", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			p := w.process(actito.RateLimit{}, alone)
			p.cut()
			p.mustStart(t, actito.Work{})()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(3*time.Second, cancel)
			asked := time.Now()
			_, err := p.Acquire(ctx, actito.Work{})
			assert.Equal(t, context.Canceled, err)
			assert.Equal(t, 3*time.Second, time.Since(asked))
		})
	})
}

func TestARedisThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 5}
		a, b := w.process(rate), w.process(rate)
		b.mustStart(t, actito.Work{})() // from here on Redis knows the script
		a.way.set(func(w *way) { w.back = 10 * time.Second })
		asked := time.Now()
		release, err := a.Acquire(t.Context(), actito.Work{})
		require.NoError(t, err)
		assert.Equal(t, answerWithin, time.Since(asked))
		released := time.Now()
		release()
		assert.Zero(t, time.Since(released))

		a.way.set(func(w *way) { w.back = 0 })
		time.Sleep(20 * time.Second) // the answer came: the start that it allowed is given back, the other is told
		for range 3 {
			b.mustStart(t, actito.Work{})
		}
		b.mustBusy(t, actito.Work{})
		time.Sleep(time.Minute)
		b.mustStart(t, actito.Work{})
		b.mustStart(t, actito.Work{})
		b.mustBusy(t, actito.Work{})
	})
}

func TestAReleaseDoesNotWaitLongForRedis(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		p := w.process(actito.RateLimit{})
		release := p.mustStart(t, actito.Work{})
		p.way.set(func(w *way) { w.there = 700 * time.Millisecond })
		asked := time.Now()
		release()
		assert.Equal(t, farewell, time.Since(asked))
	})
}
