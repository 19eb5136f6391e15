package redisquota

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestNewLimiterRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	acme := Licence("acme")
	for name, tt := range map[string]struct {
		rdb  redis.UniversalClient
		rate actito.RateLimit
		opts []Option
		want string
	}{
		"no client":          {nil, actito.RateLimit{}, []Option{acme}, "NewLimiter needs a Redis client"},
		"no licence":         {client, actito.RateLimit{}, nil, "give it with Licence"},
		"an empty licence":   {client, actito.RateLimit{}, []Option{Licence("")}, "give it with Licence"},
		"no logger":          {client, actito.RateLimit{}, []Option{acme, WithLogger(nil)}, "WithLogger needs a logger"},
		"a part of them":     {client, actito.RateLimit{Share: 2}, []Option{acme}, "RateLimit.Share is 2"},
		"impossible limits":  {client, actito.RateLimit{Concurrent: -1}, []Option{acme}, "redisquota: NewLimiter: actito: RateLimit.Concurrent is -1"},
		"and for when alone": {client, actito.RateLimit{}, []Option{acme, Alone(actito.RateLimit{CallsPerMinute: -1})}, "redisquota: Alone: actito: RateLimit.CallsPerMinute is -1"},
		"a nil option":       {client, actito.RateLimit{}, []Option{acme, nil}, "option 2 is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewLimiter(tt.rdb, tt.rate, tt.opts...)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestAQuarterOfAnyLimitsWorks(t *testing.T) {
	t.Parallel()
	for calls := 1; calls < 12; calls++ {
		for concurrent := 1; concurrent < 12; concurrent++ {
			for kept := range max(calls, concurrent) {
				limit := actito.RateLimit{
					CallsPerMinute: calls,
					Concurrent:     concurrent,
					RealTimeCalls:  min(kept, calls-1),
					RealTimeSlots:  min(kept, concurrent-1),
				}
				_, err := quarter(limit).Resolve()
				require.NoError(t, err, "%+v", limit)
			}
		}
	}
	base, err := actito.RateLimit{}.Resolve()
	require.NoError(t, err)
	assert.Equal(t, actito.RateLimit{CallsPerMinute: 25, Concurrent: 2, RealTimeCalls: 5, RealTimeSlots: 1}, quarter(base))
}
