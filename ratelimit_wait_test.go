package actito

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAWaitThatCannotBeInTimeFailsAtOnce(t *testing.T) {
	t.Parallel()
	type busy struct{ Wait time.Duration }
	for name, tt := range map[string]struct {
		ahead    int           // real-time calls that wait already
		deadline time.Duration // of the context, from now
		work     Work
		wantBusy *busy // nil: it waits and starts
	}{
		"MaxWait too short":                      {0, 0, Work{MaxWait: 49 * time.Second}, &busy{50 * time.Second}},
		"MaxWait just long enough":               {0, 0, Work{MaxWait: 50 * time.Second}, nil},
		"negative MaxWait":                       {0, 0, Work{MaxWait: -1}, &busy{50 * time.Second}},
		"deadline too early":                     {0, 49 * time.Second, Work{}, &busy{50 * time.Second}},
		"deadline at the start":                  {0, 50 * time.Second, Work{}, &busy{50 * time.Second}},
		"deadline late enough":                   {0, 51 * time.Second, Work{}, nil},
		"the earlier of both counts":             {0, 51 * time.Second, Work{MaxWait: time.Second}, &busy{50 * time.Second}},
		"those ahead fit into the same minute":   {2, 51 * time.Second, Work{}, nil},
		"those ahead take the minute":            {3, 51 * time.Second, Work{}, &busy{110 * time.Second}},
		"a lower class stands behind them":       {0, 51 * time.Second, Work{Class: BackgroundWork}, nil},
		"a lower class has fewer calls a minute": {2, 51 * time.Second, Work{Class: Listing}, nil},
		"and waits a minute longer":              {3, 51 * time.Second, Work{Class: Listing}, &busy{110 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := mustPacer(t, RateLimit{CallsPerMinute: 3, RealTimeCalls: 2})
				for range 3 {
					mustStart(t, p, Work{})()
				}
				time.Sleep(10 * time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for range tt.ahead {
					go func() {
						if release, err := p.Acquire(ctx, Work{}); err == nil {
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
					return
				}
				var got *BusyError
				require.ErrorAs(t, err, &got)
				assert.Equal(t, tt.wantBusy.Wait, got.Wait)
				assert.Equal(t, tt.work.Class, got.Class)
				require.NoError(t, got.Err, "the context is not over yet")
				assert.Zero(t, time.Since(asked))
			})
		})
	}
}

// The first minute takes 50 real-time calls and 50 others, the second 80 others at most: a forecast that only counts
// calls would promise the 131st other call for the second minute.
func TestTheForecastKnowsBothLogs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{Concurrent: 1000, RealTimeSlots: 1})
		for range 50 {
			mustStart(t, p, Work{})
		}
		var waiting sync.WaitGroup
		for range 130 {
			waiting.Go(func() { _, _ = p.Acquire(t.Context(), Work{Class: BackgroundWork}) })
		}
		synctest.Wait()
		_, err := p.Acquire(t.Context(), Work{Class: BackgroundWork, MaxWait: 2*time.Minute - 1})
		var busy *BusyError
		require.ErrorAs(t, err, &busy)
		assert.Equal(t, 2*time.Minute, busy.Wait)
		asked := time.Now()
		_, err = p.Acquire(t.Context(), Work{Class: BackgroundWork, MaxWait: 2 * time.Minute})
		require.NoError(t, err)
		assert.Equal(t, 2*time.Minute, time.Since(asked))
		waiting.Wait()
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
			synctest.Test(t, func(t *testing.T) {
				p := mustPacer(t, RateLimit{Concurrent: 1})
				release := mustStart(t, p, Work{})
				ctx, cancel := tt.ctx(t.Context())
				defer cancel()
				asked := time.Now()
				_, err := p.Acquire(ctx, Work{Op: "get record", Class: Polling, MaxWait: tt.maxWait})
				require.Error(t, err)
				assert.Equal(t, tt.wantWait, time.Since(asked))
				var busy *BusyError
				if assert.Equal(t, tt.wantBusy, errors.As(err, &busy)) && tt.wantBusy {
					assert.Equal(t, &BusyError{Op: "get record", Class: Polling, Wait: tt.wantWait, Err: tt.wantErr}, busy)
				}
				if tt.wantErr != nil {
					require.ErrorIs(t, err, tt.wantErr)
				}
				release()
				mustStart(t, p, Work{})
			})
		})
	}
}

func TestACancelledWaiterSwallowsNoWakeUp(t *testing.T) {
	t.Parallel()
	t.Run("a released slot and a start go to the next", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, order := mustPacer(t, RateLimit{CallsPerMinute: 2, Concurrent: 1}), newTimeline()
			release := mustStart(t, p, Work{})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, err := p.Acquire(ctx, Work{})
				assert.ErrorIs(t, err, context.Canceled)
			}()
			synctest.Wait()
			go func() {
				_, err := p.Acquire(t.Context(), Work{})
				assert.NoError(t, err)
				order.add("next")
			}()
			synctest.Wait()
			cancel() // and the slot comes free before the waiter has seen it
			release()
			time.Sleep(time.Hour)
			synctest.Wait()
			assert.Equal(t, []moment{{"next", 0}}, order.moments)
		})
	})
	t.Run("a slot that it was given just before is passed on", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := mustPacer(t, RateLimit{Concurrent: 1})
			ctx, cancel := context.WithCancel(t.Context())
			w := &waiter{pacer: p, ctx: ctx}
			p.enqueue(w)
			p.dispatch(p.now())
			cancel() // which the waiter sees first
			_, err := p.giveUp(w, 0)
			require.ErrorIs(t, err, context.Canceled)
			mustStart(t, p, Work{})
		})
	})
	t.Run("a minute that ends is not used up", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, order := mustPacer(t, RateLimit{CallsPerMinute: 1}), newTimeline()
			mustStart(t, p, Work{})()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, err := p.Acquire(ctx, Work{})
				assert.ErrorIs(t, err, context.Canceled)
			}()
			synctest.Wait()
			go func() {
				_, err := p.Acquire(t.Context(), Work{})
				assert.NoError(t, err)
				order.add("next")
			}()
			synctest.Wait()
			time.AfterFunc(time.Minute-1, cancel)
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, []moment{{"next", time.Minute}}, order.moments)
		})
	})
	t.Run("a transfer that gives up lets pass those behind it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, order := mustPacer(t, RateLimit{}), newTimeline()
			for range 3 {
				mustStart(t, p, Work{})
			}
			go func() {
				_, err := p.Acquire(t.Context(), Work{Class: BackgroundWork, Transfer: true, MaxWait: time.Second})
				assert.ErrorIs(t, err, ErrBusy)
			}()
			synctest.Wait()
			_, err := p.Acquire(t.Context(), Work{Class: Polling})
			require.NoError(t, err)
			order.add("poll")
			assert.Equal(t, []moment{{"poll", time.Second}}, order.moments)
		})
	})
}

func TestTheForecastPassesOverThoseWhoAreAboutToGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{CallsPerMinute: 3, RealTimeCalls: 2})
		for range 3 {
			mustStart(t, p, Work{})()
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			p.enqueue(&waiter{pacer: p, ctx: ctx})
		}
		cancel()
		p.queue = append([]*waiter{{pacer: p, ctx: t.Context()}}, p.queue...) // before them, so that they stay
		last := &waiter{pacer: p, ctx: t.Context()}
		p.enqueue(last)
		assert.Equal(t, time.Minute, p.foresee(last, p.now()))
	})
}
