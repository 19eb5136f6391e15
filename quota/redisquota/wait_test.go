package redisquota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestTheMinuteSlides(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		a, b := w.process(actito.RateLimit{CallsPerMinute: 20}), w.process(actito.RateLimit{CallsPerMinute: 20})
		began := time.Now()
		for range 10 {
			a.mustStart(t, actito.Work{})()
		}
		time.Sleep(40 * time.Second)
		for range 10 {
			b.mustStart(t, actito.Work{})()
		}
		var all sync.WaitGroup
		for i := range 11 {
			p := []*process{a, b}[i%2]
			all.Go(func() {
				release, err := p.Acquire(t.Context(), actito.Work{})
				if assert.NoError(t, err) {
					release()
				}
			})
		}
		time.Sleep(22 * time.Second) // those after the first five wait for slots too
		synctest.Wait()
		a.mu.Lock()
		b.mu.Lock()
		assert.Equal(t, 1, len(a.waiting)+len(b.waiting), "the first 10 are a minute old")
		a.mu.Unlock()
		b.mu.Unlock()
		all.Wait()
		assert.InDelta(t, 100, time.Since(began).Seconds(), 0.2)
	})
}

func TestAWaitThatCannotBeInTimeFailsAtOnce(t *testing.T) {
	t.Parallel()
	const opens = 50*time.Second + tolerance
	type busy struct{ Wait time.Duration }
	for name, tt := range map[string]struct {
		ahead    int           // real-time calls that wait already, in another process
		beside   int           // and in this one
		deadline time.Duration // of the context, from now
		work     actito.Work
		wantBusy *busy // nil: it waits and starts
	}{
		"MaxWait too short":                      {0, 0, 0, actito.Work{MaxWait: opens - time.Millisecond}, &busy{opens}},
		"MaxWait long enough":                    {0, 0, 0, actito.Work{MaxWait: opens + time.Millisecond}, nil},
		"negative MaxWait":                       {0, 0, 0, actito.Work{MaxWait: -1}, &busy{opens}},
		"deadline too early":                     {0, 0, opens - time.Millisecond, actito.Work{}, &busy{opens}},
		"deadline at the start":                  {0, 0, opens, actito.Work{}, &busy{opens}},
		"deadline late enough":                   {0, 0, 51 * time.Second, actito.Work{}, nil},
		"the earlier of both counts":             {0, 0, 51 * time.Second, actito.Work{MaxWait: time.Second}, &busy{opens}},
		"those ahead fit into the same minute":   {1, 1, 51 * time.Second, actito.Work{}, nil},
		"those ahead take the minute":            {3, 0, 51 * time.Second, actito.Work{}, &busy{opens + time.Minute + tolerance}},
		"wherever they are":                      {1, 2, 51 * time.Second, actito.Work{}, &busy{opens + time.Minute + tolerance}},
		"a lower class stands behind them":       {0, 0, 51 * time.Second, actito.Work{Class: actito.BackgroundWork}, nil},
		"a lower class has fewer calls a minute": {1, 1, 51 * time.Second, actito.Work{Class: actito.Listing}, nil},
		"and waits a minute longer":              {2, 1, 51 * time.Second, actito.Work{Class: actito.Listing}, &busy{opens + time.Minute + tolerance}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, w *world) {
				rate := actito.RateLimit{CallsPerMinute: 3, RealTimeCalls: 2}
				p, other := w.process(rate), w.process(rate)
				for range 3 {
					p.mustStart(t, actito.Work{})()
				}
				time.Sleep(10 * time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for i := range tt.ahead + tt.beside {
					go func() {
						ahead := p
						if i < tt.ahead {
							ahead = other
						}
						if release, err := ahead.Acquire(ctx, actito.Work{}); err == nil {
							release()
						}
					}()
				}
				synctest.Wait()
				if tt.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				asked := time.Now()
				_, err := p.Acquire(ctx, tt.work)
				if tt.wantBusy == nil {
					require.NoError(t, err)
					assert.Equal(t, opens, time.Since(asked), "it asks when the minute opens")
					return
				}
				var got *actito.BusyError
				require.ErrorAs(t, err, &got)
				assert.Equal(t, tt.wantBusy.Wait, got.Wait)
				assert.Equal(t, tt.work.Class, got.Class)
				require.NoError(t, got.Err, "the context is not over yet")
				assert.Zero(t, time.Since(asked))
			})
		})
	}
}

// Those who are refused do not count for those behind them, although they ask in the same moment.
func TestWhoCannotWaitDelaysNobody(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		p := w.process(actito.RateLimit{CallsPerMinute: 3, RealTimeCalls: 2})
		for range 3 {
			p.mustStart(t, actito.Work{})()
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := p.Acquire(t.Context(), actito.Work{MaxWait: time.Second})
				assert.ErrorIs(t, err, actito.ErrBusy)
			})
		}
		all.Go(func() {
			release, err := p.Acquire(t.Context(), actito.Work{Class: actito.Listing, MaxWait: time.Minute + 2*tolerance})
			if assert.NoError(t, err) {
				release()
			}
		})
		all.Wait()
	})
}

// Those who come before it later may leave again.
func TestWhoWasLetInIsNotSentAwayForThoseWhoOvertake(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		p := w.process(actito.RateLimit{CallsPerMinute: 1})
		p.mustStart(t, actito.Work{})()
		asked := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := p.Acquire(t.Context(), actito.Work{Class: actito.Listing, MaxWait: time.Minute + time.Second})
			if assert.NoError(t, err) {
				assert.InDelta(t, time.Minute, time.Since(asked), float64(100*time.Millisecond))
			}
		})
		p.waits(1)
		ctx, cancel := context.WithCancel(t.Context())
		p.way.set(func(w *way) { w.there = 10 * time.Millisecond })
		all.Go(func() { _, _ = p.Acquire(ctx, actito.Work{MaxWait: -1}) })
		synctest.Wait() // what follows is in the next message
		for _, class := range []actito.Class{actito.Polling, actito.RealTime, actito.Listing} {
			all.Go(func() { _, _ = p.Acquire(ctx, actito.Work{Class: class}) })
		}
		time.Sleep(10 * time.Second)
		cancel()
		all.Wait()
	})
}

func TestATransferThatCannotWaitDelaysNobody(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		p := w.process(actito.RateLimit{})
		for range 3 {
			p.mustStart(t, actito.Work{})
		}
		p.way.set(func(w *way) { w.there = 10 * time.Millisecond })
		var all sync.WaitGroup
		all.Go(func() { _, _ = p.Acquire(t.Context(), actito.Work{Class: actito.Listing, MaxWait: -1}) })
		synctest.Wait() // what follows is in the next message
		all.Go(func() {
			_, err := p.Acquire(t.Context(), actito.Work{Class: actito.BackgroundWork, Transfer: true, MaxWait: -1})
			assert.ErrorIs(t, err, actito.ErrBusy)
		})
		all.Go(func() {
			asked := time.Now()
			if _, err := p.Acquire(t.Context(), actito.Work{Class: actito.Polling}); assert.NoError(t, err) {
				assert.Equal(t, 20*time.Millisecond, time.Since(asked))
			}
		})
		all.Wait()
	})
}

func TestAStartIsKeptForWhoWaitsForItInAnotherProcess(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 1}
		a, b := w.process(rate), w.process(rate)
		a.mustStart(t, actito.Work{})()
		a.way.set(func(w *way) { w.there = 40 * time.Millisecond })
		asked := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := a.Acquire(t.Context(), actito.Work{}); assert.NoError(t, err) {
				assert.InDelta(t, time.Minute, time.Since(asked), float64(200*time.Millisecond))
			}
		})
		time.Sleep(time.Minute + tolerance + time.Millisecond)
		b.mustBusy(t, actito.Work{}) // although a's question is still on its way
		all.Wait()
	})
}

// The first minute takes 5 real-time calls and 5 others, the second 8 others at most: a forecast that only counts calls
// would promise the 14th other call for the second minute.
func TestTheForecastKnowsBothLogs(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		rate := actito.RateLimit{CallsPerMinute: 10, RealTimeCalls: 2, Concurrent: 100, RealTimeSlots: 1}
		a, b := w.process(rate), w.process(rate)
		for range 5 {
			a.mustStart(t, actito.Work{})
		}
		var all sync.WaitGroup
		for i := range 13 {
			all.Go(func() {
				_, err := []*process{a, b}[i%2].Acquire(t.Context(), actito.Work{Class: actito.BackgroundWork})
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		const third = 2 * (time.Minute + tolerance)
		_, err := b.Acquire(t.Context(), actito.Work{Class: actito.BackgroundWork, MaxWait: third - time.Millisecond})
		var busy *actito.BusyError
		require.ErrorAs(t, err, &busy)
		assert.Equal(t, third, busy.Wait)
		asked := time.Now()
		_, err = b.Acquire(t.Context(), actito.Work{Class: actito.BackgroundWork, MaxWait: third + time.Second})
		require.NoError(t, err)
		assert.InDelta(t, third.Seconds(), time.Since(asked).Seconds(), 0.2)
		all.Wait()
	})
}

func TestAWaitForASlotEnds(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for name, tt := range map[string]struct {
		ctx      func(context.Context) (context.Context, func())
		maxWait  time.Duration
		wantWait time.Duration
		wantBusy bool
		wantErr  error // that it unwraps to
	}{
		"with MaxWait": {
			func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
			7 * time.Second, 7 * time.Second, true, nil,
		},
		"at once with a negative MaxWait": {
			func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
			-1, 0, true, nil,
		},
		"with the deadline": {
			func(ctx context.Context) (context.Context, func()) { return context.WithTimeout(ctx, 5*time.Second) },
			7 * time.Second, 5 * time.Second, true, context.DeadlineExceeded,
		},
		"when the caller cancels": {
			func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(3*time.Second, func() { cancel(gone) })
				return ctx, func() {}
			},
			7 * time.Second, 3 * time.Second, false, context.Canceled,
		},
		"before it begins if the deadline has passed, which is not for being busy": {
			func(ctx context.Context) (context.Context, func()) { return context.WithTimeout(ctx, 0) },
			0, 0, false, context.DeadlineExceeded,
		},
		"before it begins if the context is over": {
			func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx, cancel
			},
			0, 0, false, context.Canceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, w *world) {
				p, other := w.process(actito.RateLimit{Concurrent: 1}), w.process(actito.RateLimit{Concurrent: 1})
				release := other.mustStart(t, actito.Work{})
				ctx, cancel := tt.ctx(t.Context())
				defer cancel()
				asked := time.Now()
				_, err := p.Acquire(ctx, actito.Work{Op: "get record", Class: actito.Polling, MaxWait: tt.maxWait})
				require.Error(t, err)
				assert.Equal(t, tt.wantWait, time.Since(asked))
				var busy *actito.BusyError
				if assert.Equal(t, tt.wantBusy, errors.As(err, &busy)) && tt.wantBusy {
					assert.Equal(t, &actito.BusyError{Op: "get record", Class: actito.Polling, Wait: tt.wantWait, Err: tt.wantErr}, busy)
				}
				if tt.wantErr != nil {
					require.ErrorIs(t, err, tt.wantErr)
				}
				release()
				p.mustStart(t, actito.Work{})
			})
		})
	}
}

func TestAFreeSlotIsTaken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sameProcess bool
		within      time.Duration
	}{
		"at once by the process that had it": {true, 0},
		"soon by another":                    {false, soon},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, w *world) {
				a, b := w.process(actito.RateLimit{Concurrent: 1}), w.process(actito.RateLimit{Concurrent: 1})
				release := a.mustStart(t, actito.Work{})
				waiter := b
				if tt.sameProcess {
					waiter = a
				}
				var released time.Time
				time.AfterFunc(10*time.Second+time.Millisecond, func() { released = time.Now(); release() })
				_, err := waiter.Acquire(t.Context(), actito.Work{})
				require.NoError(t, err)
				assert.LessOrEqual(t, time.Since(released), tt.within)
			})
		})
	}
}

func TestSmallLimitsServeEveryClass(t *testing.T) {
	t.Parallel()
	for calls := 1; calls <= 3; calls++ {
		for concurrent := 1; concurrent <= 3; concurrent++ {
			t.Run(fmt.Sprint(calls, " calls, ", concurrent, " at once"), func(t *testing.T) {
				t.Parallel()
				virtual(t, func(t *testing.T, w *world) {
					p := w.process(actito.RateLimit{CallsPerMinute: calls, Concurrent: concurrent})
					for _, work := range []actito.Work{
						{Class: actito.Listing},
						{Class: actito.BackgroundWork, Transfer: true},
						{Class: actito.Polling},
						{Class: actito.RealTime},
						{Class: actito.RealTime, Transfer: true},
						{Class: actito.BackgroundWork},
					} {
						release, err := p.Acquire(t.Context(), work)
						require.NoError(t, err)
						time.Sleep(time.Second)
						release()
					}
				})
			})
		}
	}
}
