package redisquota

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestAnAnswerThatIsLostStartsNothing(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{Concurrent: 2}
		a, b := w.process(rate), w.process(rate, Alone(actito.RateLimit{}))
		a.mustStart(t, actito.Work{})() // from here on Redis knows the script
		b.way.set(func(w *way) { w.lost = errors.New("broken pipe") })
		release := b.mustStart(t, actito.Work{}) // alone, while Redis holds a slot for it
		release()
		b.way.set(func(w *way) { w.lost = nil })
		time.Sleep(tryAgain)
		synctest.Wait()
		a.mustStart(t, actito.Work{})
		a.mustStart(t, actito.Work{})
		a.mustBusy(t, actito.Work{})
	})
}

func TestAMessageMayArriveTwice(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 4, Concurrent: 3}
		a, b := w.process(rate), w.process(rate)
		a.way.set(func(w *way) { w.twice = true })
		a.mustStart(t, actito.Work{})
		for range 2 {
			b.mustStart(t, actito.Work{})
		}
		b.mustBusy(t, actito.Work{})
		a.way.set(func(w *way) { w.twice = false })
		assert.Len(t, w.members("slots"), 3)
		assert.Len(t, w.members("starts"), 3)
	})
}

func TestACancelledWaiterGivesBackWhatItWasGrantedMeanwhile(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 2, Concurrent: 1}
		a, b := w.process(rate), w.process(rate)
		a.mustStart(t, actito.Work{})() // from here on it is connected
		a.way.set(func(w *way) { w.back = 300 * time.Millisecond })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		asked := time.Now()
		_, err := a.Acquire(ctx, actito.Work{})
		assert.Equal(t, context.Canceled, err)
		assert.Equal(t, 100*time.Millisecond, time.Since(asked))
		b.mustBusy(t, actito.Work{})
		time.Sleep(time.Second)
		b.mustStart(t, actito.Work{}) // the slot, and the start
	})
}

// As after a stop of the process (SIGSTOP) between Redis' answer and the start.
func TestATurnThatComesMuchTooLateIsGivenBack(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 1}
		a, b := w.process(rate), w.process(rate)
		c := a.newCall(t.Context(), actito.Work{})
		require.True(t, a.join(c))
		synctest.Wait()
		b.mustBusy(t, actito.Work{})
		time.Sleep(answerWithin + time.Millisecond)
		_, err := a.await(t.Context(), c, nil)
		require.ErrorIs(t, err, errAgain)
		synctest.Wait()
		b.mustStart(t, actito.Work{})
	})
}

func TestAStartThatRedisStampedTooEarlyIsStampedAgain(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 2}
		a, b := w.process(rate), w.process(rate)
		b.mustStart(t, actito.Work{})()
		time.Sleep(10 * time.Second)
		a.way.set(func(w *way) { w.back = 900 * time.Millisecond })
		release, err := a.Acquire(t.Context(), actito.Work{})
		require.NoError(t, err)
		started := time.Now()
		release()
		time.Sleep(time.Minute - 10*time.Second)
		b.mustStart(t, actito.Work{})()
		_, err = b.Acquire(t.Context(), actito.Work{})
		require.NoError(t, err)
		assert.Equal(t, time.Minute+tolerance, time.Since(started))
	})
}

func TestADeadProcessHoldsUpOthersForAWhile(t *testing.T) {
	t.Parallel()
	rate := actito.RateLimit{Concurrent: 2}
	t.Run("60 seconds with its slots", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			a, dead := w.process(rate), w.process(rate)
			dead.mustStart(t, actito.Work{})
			dead.mustStart(t, actito.Work{})
			time.Sleep(5 * time.Minute) // it renews them
			a.mustBusy(t, actito.Work{})
			dead.waits(0)
			dead.cut()
			died := time.Now()
			_, err := a.Acquire(t.Context(), actito.Work{})
			require.NoError(t, err)
			assert.InDelta(t, time.Minute.Seconds(), time.Since(died).Seconds(), later.Seconds())
		})
	})
	t.Run("5 seconds with what it waits for", func(t *testing.T) {
		t.Parallel()
		virtual(t, func(t *testing.T, w *world) {
			a, dead := w.process(rate), w.process(rate)
			release := a.mustStart(t, actito.Work{})
			a.mustStart(t, actito.Work{})
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { _, _ = dead.Acquire(ctx, actito.Work{MaxWait: time.Hour}) })
			dead.waits(1)
			dead.cut()
			release()
			died := time.Now()
			_, err := a.Acquire(t.Context(), actito.Work{Class: actito.RealTime})
			require.NoError(t, err)
			assert.InDelta(t, silence.Seconds(), time.Since(died).Seconds(), later.Seconds())
			cancel()
			all.Wait()
		})
	})
}

func TestARedisThatForgetsIsToldAgain(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{Concurrent: 2}
		a, b := w.process(rate), w.process(rate)
		release := a.mustStart(t, actito.Work{})
		a.mustStart(t, actito.Work{})
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				release, err := a.Acquire(t.Context(), actito.Work{})
				if assert.NoError(t, err) {
					release()
				}
			})
		}
		a.waits(3)
		w.redis.FlushAll()
		time.Sleep(longest)
		synctest.Wait()
		assert.Len(t, w.members("slots"), 2)
		assert.Len(t, w.members("waiting"), 3)
		b.mustBusy(t, actito.Work{})
		release()
		all.Wait()
	})
}

func TestAClockThatIsSetBackStopsNobodyForLong(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 6, Concurrent: 2}
		a, dead := w.process(rate), w.process(rate)
		dead.mustStart(t, actito.Work{})
		for range 5 {
			a.mustStart(t, actito.Work{})()
		}
		dead.cut()
		back := time.Now().Add(-time.Hour)
		w.redis.SetTime(back)
		assert.Equal(t, time.Minute+tolerance, a.mustBusy(t, actito.Work{}))
		w.redis.SetTime(back.Add(time.Minute + tolerance))
		a.mustStart(t, actito.Work{})
		a.mustStart(t, actito.Work{}) // in the slot of the dead
	})
}

func TestWhatIsNoAnswerIsAnOutage(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"go", `{"pause": "soon"}`} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, w *world) {
				p := w.process(actito.RateLimit{})
				p.way.set(func(w *way) { w.answer = answer })
				p.mustStart(t, actito.Work{})()
				assert.NotNil(t, p.outage)
			})
		})
	}
}
