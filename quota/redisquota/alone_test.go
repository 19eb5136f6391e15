package redisquota

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestAPaceAloneThatSlowedDownRecovers(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, w *world) {
		p := w.process(actito.RateLimit{}, Alone(actito.RateLimit{CallsPerMinute: 4, Concurrent: 4, RealTimeCalls: 1, RealTimeSlots: 1}))
		p.way.set(func(w *way) { w.cut = errors.New("cut") })
		release, err := p.Acquire(t.Context(), actito.Work{})
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		release()
		for range 10 {
			time.Sleep(time.Minute)
			release, err := p.Acquire(t.Context(), actito.Work{})
			require.NoError(t, err)
			release()
		}
		time.Sleep(time.Minute)
		for range 4 {
			p.mustStart(t, actito.Work{})()
		}
	})
}

func TestThePaceAloneIsAQuarterOfAnyLimits(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]actito.RateLimit{
		"without end": {Concurrent: math.MaxInt},
		"of a share that keeps nothing for real time": {RealTimeCalls: 1, Share: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rate, err := rate.Resolve()
			require.NoError(t, err)
			q, err := quarter(rate).Resolve()
			require.NoError(t, err)
			require.Equal(t, rate.Concurrent/4+min(1, rate.Concurrent%4), q.Concurrent)
			require.Equal(t, max(1, rate.RealTimeCalls/4), q.RealTimeCalls)
		})
	}
}
