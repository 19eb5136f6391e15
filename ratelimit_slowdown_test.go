package actito

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// timeOut makes attempts that time out together.
func timeOut(t testing.TB, p *pacer, attempts int) {
	t.Helper()
	for range attempts {
		defer mustStart(t, p, Work{})()
	}
	time.Sleep(p.answer)
}

// room starts as many calls of a class as can start at once, and leaves them in flight.
func room(t testing.TB, p *pacer, c Class) (n int) {
	t.Helper()
	for ; ; n++ {
		if _, err := p.Acquire(t.Context(), Work{Class: c, MaxWait: -1}); err != nil {
			require.ErrorIs(t, err, ErrBusy)
			return n
		}
	}
}

// slotForEach has a slot for each call of a minute, so that only the pace holds calls up.
var slotForEach = RateLimit{Concurrent: 1000}

func TestATimeOutHalvesThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, slotForEach)
		timeOut(t, p, 1)
		time.Sleep(time.Minute)
		assert.Equal(t, 50, room(t, p, RealTime))
		time.Sleep(time.Minute - time.Nanosecond)
		assert.Zero(t, room(t, p, RealTime), "in any minute")
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 40, room(t, p, BackgroundWork), "real time keeps its part")
		assert.Equal(t, 10, room(t, p, RealTime))
	})
}

func TestCallsOfTheLastMinuteCountAgainstTheSlowerPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, slotForEach)
		for range 49 {
			mustStart(t, p, Work{})()
		}
		time.Sleep(time.Second)
		timeOut(t, p, 20)
		assert.Zero(t, room(t, p, RealTime), "69 have started")
		time.Sleep(29 * time.Second)
		assert.Equal(t, 30, room(t, p, RealTime), "20 have")
	})
}

func TestAttemptsInFlightTogetherSlowDownOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		first := mustStart(t, p, Work{})
		time.Sleep(time.Second)
		late := mustStart(t, p, Work{})
		time.Sleep(p.answer - time.Second)
		first()
		assert.Equal(t, 50, p.tempo.pace)
		next := mustStart(t, p, Work{})
		time.Sleep(time.Second)
		late()
		assert.Equal(t, 50, p.tempo.pace, "it started at the former pace")
		time.Sleep(p.answer - time.Second)
		next()
		assert.Equal(t, 25, p.tempo.pace)
	})
}

func TestReleasingTwiceIsNoTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		release := mustStart(t, p, Work{})
		release()
		time.Sleep(p.answer)
		release()
		assert.Equal(t, 100, p.tempo.pace)
	})
}

func TestThePaceNeverEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		for _, pace := range []int{50, 25, 12, 6, 3, 1, 1, 1} {
			timeOut(t, p, 1)
			require.Equal(t, pace, p.tempo.pace)
			time.Sleep(time.Minute)
		}
		for _, class := range []Class{RealTime, BackgroundWork, Polling, Listing} {
			mustStart(t, p, Work{Class: class})
			time.Sleep(time.Minute)
		}
	})
}

func TestWhatSaysNothingAboutThePace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		work  Work
		holds time.Duration
	}{
		"an upload, however long": {Work{Class: BackgroundWork, Transfer: true}, time.Hour},
		"an answer just in time":  {Work{}, defaultAnswer - 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := mustPacer(t, slotForEach)
				release := mustStart(t, p, tt.work)
				time.Sleep(tt.holds)
				release()
				time.Sleep(time.Minute)
				assert.Equal(t, 100, room(t, p, RealTime))
			})
		})
	}
}

func TestFastAnswersBringThePaceBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{CallsPerMinute: 250})
		mustStart(t, p, Work{})()
		timeOut(t, p, 1)
		for pace := 125; pace < 250; pace += 2 {
			require.Equal(t, pace, p.tempo.pace)
			time.Sleep(59 * time.Second)
			mustStart(t, p, Work{})()
			require.Equal(t, pace, p.tempo.pace, "the minute is not over")
			time.Sleep(time.Second)
			mustStart(t, p, Work{})()
		}
		for range 2 {
			require.Equal(t, 250, p.tempo.pace)
			time.Sleep(time.Minute)
			mustStart(t, p, Work{})()
		}
	})
}

func TestOnlyAnswersBringThePaceBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		mustStart(t, p, Work{})()
		timeOut(t, p, 1)
		time.Sleep(time.Hour) // in which nothing happens
		ctx, cancel := context.WithCancel(t.Context())
		release, err := p.Acquire(ctx, Work{})
		require.NoError(t, err)
		cancel()
		release()
		assert.Equal(t, 50, p.tempo.pace, "the caller did not wait for the answer")
		release = mustStart(t, p, Work{Class: BackgroundWork, Transfer: true})
		release()
		assert.Equal(t, 50, p.tempo.pace, "a transfer is as fast as its file is small")
		mustStart(t, p, Work{})()
		assert.Equal(t, 51, p.tempo.pace)
	})
}

func TestWhatAnOutageTookComesBackByDoubling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		mustStart(t, p, Work{})()
		for range 7 {
			timeOut(t, p, 1)
			time.Sleep(time.Minute)
		}
		for _, pace := range []int{2, 4, 8, 16, 32, 50, 51, 52} {
			mustStart(t, p, Work{})()
			require.Equal(t, pace, p.tempo.pace)
			time.Sleep(time.Minute)
		}
	})
}

func TestAServiceThatNeverAnsweredMayBeBackAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, RateLimit{})
		timeOut(t, p, 1)
		time.Sleep(time.Minute)
		mustStart(t, p, Work{})()
		assert.Equal(t, 100, p.tempo.pace)
	})
}

func TestThoseWhoWaitFollowThePace(t *testing.T) {
	t.Parallel()
	t.Run("later when it halves", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, order := mustPacer(t, RateLimit{CallsPerMinute: 4}), newTimeline()
			release := mustStart(t, p, Work{})
			for range 3 {
				time.Sleep(time.Second)
				mustStart(t, p, Work{})()
			}
			for name, maxWait := range map[string]time.Duration{"patient": time.Hour, "impatient": 58 * time.Second} {
				go func() {
					_, err := p.Acquire(t.Context(), Work{MaxWait: maxWait})
					if err != nil {
						assert.ErrorIs(t, err, ErrBusy)
						name += " gave up"
					}
					order.add(name)
				}()
			}
			synctest.Wait()
			time.Sleep(27 * time.Second)
			release() // two a minute from now on: the third start leaves at 62 s
			time.Sleep(time.Hour)
			synctest.Wait()
			assert.Equal(t, []moment{{"impatient gave up", 61 * time.Second}, {"patient", 62 * time.Second}}, order.moments)
		})
	})
	t.Run("sooner when it recovers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, order := mustPacer(t, RateLimit{}), newTimeline()
			for range 6 {
				timeOut(t, p, 1)
				time.Sleep(time.Minute)
			}
			require.Equal(t, 1, p.tempo.pace)
			order.began = time.Now()
			release := mustStart(t, p, Work{})
			go func() {
				_, err := p.Acquire(t.Context(), Work{})
				assert.NoError(t, err)
				order.add("next")
			}()
			time.Sleep(time.Second)
			release() // two a minute from now on
			time.Sleep(time.Hour)
			synctest.Wait()
			assert.Equal(t, []moment{{"next", time.Second}}, order.moments)
		})
	})
}

func TestTheForecastGoesByThePaceInForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mustPacer(t, slotForEach)
		timeOut(t, p, 1)
		time.Sleep(time.Minute)
		require.Equal(t, 40, room(t, p, BackgroundWork))
		time.Sleep(10 * time.Second)
		_, err := p.Acquire(t.Context(), Work{Class: Polling, MaxWait: 49 * time.Second})
		var busy *BusyError
		require.ErrorAs(t, err, &busy)
		assert.Equal(t, 50*time.Second, busy.Wait)
		require.Equal(t, 10, room(t, p, RealTime))
		_, err = p.Acquire(t.Context(), Work{MaxWait: 49 * time.Second})
		require.ErrorAs(t, err, &busy)
		assert.Equal(t, 50*time.Second, busy.Wait)
	})
}
