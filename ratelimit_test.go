package actito

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func mustPacer(t testing.TB, r RateLimit) *pacer {
	t.Helper()
	p, err := newPacer(r, defaultAnswer)
	require.NoError(t, err)
	return p
}

// mustStart acquires and fails unless that takes no time.
func mustStart(t testing.TB, p *pacer, w Work) (release func()) {
	t.Helper()
	before := time.Now()
	release, err := p.Acquire(t.Context(), w)
	require.NoError(t, err)
	require.Zero(t, time.Since(before), "%+v waited", w)
	return release
}

// timeline records in what order things happen, and when.
type timeline struct {
	mu      sync.Mutex
	began   time.Time
	moments []moment
}

type moment struct {
	name string
	at   time.Duration
}

func newTimeline() *timeline { return &timeline{began: time.Now()} }

func (tl *timeline) add(name string) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.moments = append(tl.moments, moment{name, time.Since(tl.began)})
}

func (tl *timeline) names() []string {
	names := []string{}
	for _, m := range tl.moments {
		names = append(names, m.name)
	}
	return names
}

func TestRateLimitFillsInDefaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ give, want RateLimit }{
		"the zero value is the licence's base":      {RateLimit{}, RateLimit{100, 5, 20, 2, 0}},
		"what is set stays":                         {RateLimit{200, 10, 50, 3, 0}, RateLimit{200, 10, 50, 3, 0}},
		"small limits leave one to other calls":     {RateLimit{CallsPerMinute: 15, Concurrent: 2}, RateLimit{15, 2, 14, 1, 0}},
		"limits of one are shared by every class":   {RateLimit{CallsPerMinute: 1, Concurrent: 1}, RateLimit{1, 1, 0, 0, 0}},
		"three slots leave one beside the two kept": {RateLimit{Concurrent: 3}, RateLimit{100, 3, 20, 2, 0}},

		"a share of one is everything":                         {RateLimit{Share: 1}, RateLimit{100, 5, 20, 2, 0}},
		"a share of two is half, rounded down":                 {RateLimit{Share: 2}, RateLimit{50, 2, 10, 1, 0}},
		"a share may be a single slot, kept for nobody":        {RateLimit{Share: 3}, RateLimit{33, 1, 6, 0, 0}},
		"the last share that is something":                     {RateLimit{Share: 5}, RateLimit{20, 1, 4, 0, 0}},
		"what real time keeps is shared too":                   {RateLimit{200, 20, 90, 9, 4}, RateLimit{50, 5, 22, 2, 0}},
		"a part of it may be nothing":                          {RateLimit{CallsPerMinute: 100, Concurrent: 8, RealTimeCalls: 3, RealTimeSlots: 3, Share: 4}, RateLimit{25, 2, 0, 0, 0}},
		"a part of it leaves one call and slot to other calls": {RateLimit{CallsPerMinute: 11, Concurrent: 5, RealTimeCalls: 10, RealTimeSlots: 4, Share: 2}, RateLimit{5, 2, 4, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.give.Resolve()
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestRateLimitRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		give RateLimit
		want string
	}{
		"negative calls":                    {RateLimit{CallsPerMinute: -1}, "RateLimit.CallsPerMinute is -1"},
		"negative concurrency":              {RateLimit{Concurrent: -2}, "RateLimit.Concurrent is -2"},
		"a negative reserve of calls":       {RateLimit{RealTimeCalls: -3}, "RateLimit.RealTimeCalls is -3"},
		"a negative reserve of slots":       {RateLimit{RealTimeSlots: -4}, "RateLimit.RealTimeSlots is -4"},
		"a reserve of every call":           {RateLimit{CallsPerMinute: 30, RealTimeCalls: 30}, "nothing is left"},
		"a reserve of every slot":           {RateLimit{RealTimeSlots: 5}, "nothing is left"},
		"more calls than can be remembered": {RateLimit{CallsPerMinute: math.MaxInt}, "at most 100000"},
		"a negative share":                  {RateLimit{Share: -1}, "RateLimit.Share is -1"},
		"more replicas than slots":          {RateLimit{Share: 6}, "RateLimit.Share is 6: that many replicas cannot have a part each of 100 calls a minute and 5 at once: run at most 5"},
		"more replicas than calls":          {RateLimit{CallsPerMinute: 3, Concurrent: 10, Share: 4}, "one process"},
		"any number of replicas":            {RateLimit{Share: math.MaxInt}, "through Redis"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiter, err := NewLimiter(tt.give)
			require.ErrorContains(t, err, tt.want)
			assert.Nil(t, limiter)
			_, err = New("key", "MyEntity", WithEnvironment(Env1), WithRateLimit(tt.give))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestTheSharesNeverExceedTheLicence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		licence := limitOf(rt)
		licence.Share = rapid.IntRange(1, min(licence.CallsPerMinute, licence.Concurrent)).Draw(rt, "share")
		part, err := licence.Resolve()
		require.NoError(rt, err)
		require.LessOrEqual(rt, licence.Share*part.CallsPerMinute, licence.CallsPerMinute)
		require.LessOrEqual(rt, licence.Share*part.Concurrent, licence.Concurrent)
		require.Less(rt, part.RealTimeCalls, part.CallsPerMinute)
		require.Less(rt, part.RealTimeSlots, part.Concurrent)
		require.Less(rt, licence.CallsPerMinute-licence.Share*part.CallsPerMinute, licence.Share, "no more is left unused than rounding takes")
	})
}

func TestAReplicaKeepsToItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{Share: 2})
		for range 48 {
			mustStart(t, p, Work{})()
		}
		for range 2 {
			mustStart(t, p, Work{})
		}
		_, err := p.Acquire(t.Context(), Work{MaxWait: time.Second})
		var busy *BusyError
		require.ErrorAs(t, err, &busy)
		assert.Equal(t, time.Minute, busy.Wait)
	})
}

func TestNoRateLimitNeverWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	for range 1000 {
		release, err := NoRateLimit{}.Acquire(ctx, Work{Transfer: true, MaxWait: -1})
		require.NoError(t, err)
		defer release() // not before the last one has started
	}
	cancel()
	_, err := NoRateLimit{}.Acquire(ctx, Work{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestABurstIsNotDelayedAndTheNextCallWaitsForTheMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		began := time.Now()
		for range 100 {
			mustStart(t, p, Work{})()
		}
		release, err := p.Acquire(t.Context(), Work{})
		require.NoError(t, err)
		release()
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestTheMinuteSlides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		began := time.Now()
		for range 50 {
			mustStart(t, p, Work{})()
		}
		time.Sleep(40 * time.Second)
		for range 50 {
			mustStart(t, p, Work{})()
		}
		for range 50 {
			release, err := p.Acquire(t.Context(), Work{})
			require.NoError(t, err)
			release()
			require.Equal(t, 60*time.Second, time.Since(began))
		}
		_, err := p.Acquire(t.Context(), Work{})
		require.NoError(t, err)
		assert.Equal(t, 100*time.Second, time.Since(began))
	})
}

func TestRealTimeKeepsCallsThatNobodyElseTakes(t *testing.T) {
	t.Parallel()
	for _, class := range []Class{BackgroundWork, Polling, Listing} {
		t.Run(class.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := mustPacer(t, RateLimit{})
				for range 80 {
					mustStart(t, p, Work{Class: class})()
				}
				_, err := p.Acquire(t.Context(), Work{Class: class, MaxWait: time.Second})
				require.ErrorIs(t, err, ErrBusy)
				for range 20 {
					mustStart(t, p, Work{})()
				}
				_, err = p.Acquire(t.Context(), Work{MaxWait: time.Second})
				require.ErrorIs(t, err, ErrBusy)
			})
		})
	}
}

func TestRealTimeMayUseEveryCallAndSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		for range 95 {
			mustStart(t, p, Work{})()
		}
		for range 5 {
			mustStart(t, p, Work{})
		}
	})
}

func TestRealTimeKeepsSlotsThatNobodyElseTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		for _, class := range []Class{BackgroundWork, Polling, Listing} {
			mustStart(t, p, Work{Class: class})
		}
		_, err := p.Acquire(t.Context(), Work{Class: BackgroundWork, MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy)
		mustStart(t, p, Work{})
		mustStart(t, p, Work{})
		_, err = p.Acquire(t.Context(), Work{MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy)
	})
}

func TestTransfersLeaveTwoSlotsFree(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit    RateLimit
		inFlight int // real-time calls
		starts   bool
	}{
		"with three slots free it starts":        {RateLimit{}, 2, true},
		"with two slots free it waits":           {RateLimit{}, 3, false},
		"a reserve of one does not change that":  {RateLimit{RealTimeSlots: 1}, 3, false},
		"with two slots in all one is left free": {RateLimit{Concurrent: 2}, 1, false},
		"with one slot in all it may have it":    {RateLimit{Concurrent: 1}, 0, true},
	} {
		for _, class := range []Class{RealTime, BackgroundWork} {
			t.Run(name+", "+class.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := mustPacer(t, tt.limit)
					for range tt.inFlight {
						mustStart(t, p, Work{})
					}
					_, err := p.Acquire(t.Context(), Work{Class: class, Transfer: true, MaxWait: time.Second})
					assert.Equal(t, tt.starts, err == nil, err)
				})
			})
		}
	}
}

func TestUrgentTransfersDoNotHoldUpRealTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		for range 3 {
			mustStart(t, p, Work{Class: RealTime, Transfer: true})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = p.Acquire(ctx, Work{Class: RealTime, Transfer: true}) }()
		synctest.Wait()
		mustStart(t, p, Work{})
		mustStart(t, p, Work{})
	})
}

func TestShortCallsDoNotOvertakeAWaitingTransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, order := mustPacer(t, RateLimit{}), newTimeline()
		release := mustStart(t, p, Work{})
		for range 2 {
			mustStart(t, p, Work{})
		}
		for _, w := range []Work{
			{Op: "transfer", Class: BackgroundWork, Transfer: true},
			{Op: "record", Class: BackgroundWork},
			{Op: "poll", Class: Polling},
		} {
			go func() {
				_, err := p.Acquire(t.Context(), w)
				assert.NoError(t, err)
				order.add(w.Op)
			}()
			synctest.Wait()
		}
		assert.Empty(t, order.names(), "two slots are free, and kept for the transfer")
		release()
		synctest.Wait()
		assert.ElementsMatch(t, []string{"transfer", "record", "poll"}, order.names())
	})
}

func TestWaitersStartByClassThenByArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, order := mustPacer(t, RateLimit{Concurrent: 1}), newTimeline()
		release := mustStart(t, p, Work{})
		for _, w := range []Work{
			{Op: "listing 1", Class: Listing}, {Op: "polling 1", Class: Polling}, {Op: "background 1", Class: BackgroundWork},
			{Op: "real time 1", Class: RealTime}, {Op: "background 2", Class: BackgroundWork}, {Op: "listing 2", Class: Listing},
			{Op: "polling 2", Class: Polling}, {Op: "real time 2", Class: RealTime},
		} {
			go func() {
				release, err := p.Acquire(t.Context(), w)
				if assert.NoError(t, err) {
					order.add(w.Op)
					release()
				}
			}()
			synctest.Wait()
		}
		release()
		synctest.Wait()
		assert.Equal(t, []string{
			"real time 1", "real time 2", "background 1", "background 2",
			"polling 1", "polling 2", "listing 1", "listing 2",
		}, order.names())
	})
}

func TestReleasingTwiceFreesOneSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{Concurrent: 2})
		release := mustStart(t, p, Work{})
		mustStart(t, p, Work{})
		release()
		release()
		mustStart(t, p, Work{})
		_, err := p.Acquire(t.Context(), Work{MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy)
	})
}

func TestTokenCallsCountButNeverWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{CallsPerMinute: 10, RealTimeCalls: 4})
		p.charge()()
		for range 5 {
			mustStart(t, p, Work{Class: Listing})()
		}
		_, err := p.Acquire(t.Context(), Work{Class: Listing, MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy, "the token is taken from what others have")
		for range 4 {
			mustStart(t, p, Work{})()
		}
		_, err = p.Acquire(t.Context(), Work{MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy)

		time.Sleep(30 * time.Second)
		p.charge()() // the eleventh in this minute: the next minute pays for it
		time.Sleep(30 * time.Second)
		for range 9 {
			mustStart(t, p, Work{})()
		}
		_, err = p.Acquire(t.Context(), Work{MaxWait: 29 * time.Second})
		require.ErrorIs(t, err, ErrBusy)
	})
}

func TestTokenCallsTakeASlotButNeverWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		for range 2 {
			mustStart(t, p, Work{Class: Polling})
		}
		token := p.charge()
		_, err := p.Acquire(t.Context(), Work{Class: Polling, MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy, "the token is taken from what others have")
		for range 2 {
			mustStart(t, p, Work{})
		}
		another := p.charge() // the sixth in flight
		token()
		_, err = p.Acquire(t.Context(), Work{MaxWait: time.Second})
		require.ErrorIs(t, err, ErrBusy)
		time.Sleep(time.Hour)
		another()
		assert.Equal(t, 100, p.tempo.pace, "a token that is slow says nothing about the pace")
		mustStart(t, p, Work{})
	})
}

func TestSmallLimitsServeEveryClass(t *testing.T) {
	t.Parallel()
	for calls := 1; calls <= 3; calls++ {
		for concurrent := 1; concurrent <= 3; concurrent++ {
			synctest.Test(t, func(t *testing.T) {
				p := mustPacer(t, RateLimit{CallsPerMinute: calls, Concurrent: concurrent})
				for _, w := range []Work{
					{Class: Listing},
					{Class: BackgroundWork, Transfer: true},
					{Class: Polling},
					{Class: RealTime},
					{Class: RealTime, Transfer: true},
					{Class: BackgroundWork},
				} {
					release, err := p.Acquire(t.Context(), w)
					require.NoError(t, err)
					time.Sleep(time.Second)
					release()
				}
			})
		}
	}
}

func TestNothingIsLeftBehindWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{CallsPerMinute: 1})
		mustStart(t, p, Work{})()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = p.Acquire(ctx, Work{}) }()
		synctest.Wait()
		assert.NotNil(t, p.timer)
		cancel()
		synctest.Wait()
		assert.Nil(t, p.timer)
		assert.Empty(t, p.queue)
	})
}

func TestAnUncontendedCallCostsTwoAllocations(t *testing.T) {
	p := mustPacer(t, RateLimit{CallsPerMinute: 100_000})
	ctx := t.Context()
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		release, err := p.Acquire(ctx, Work{})
		if err != nil {
			t.Fatal(err)
		}
		release()
	}), 2.0)
}

// BenchmarkPacer measures a call that need not wait. The log is moved back each time, so that it never fills.
func BenchmarkPacer(b *testing.B) {
	p := mustPacer(b, RateLimit{CallsPerMinute: 100_000})
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		release, err := p.Acquire(ctx, Work{Op: "upsert profile", MaxWait: time.Second})
		if err != nil {
			b.Fatal(err)
		}
		release()
		p.epoch = p.epoch.Add(-time.Minute)
	}
}
