package actitotest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

func TestCallsPastTheMinutesLimitTakeTheTimeThatATestWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, actitotest.WithLimits(actitotest.Limits{PerMinute: 4, SlowCall: 35 * time.Second}))
		c.login()
		took := func() time.Duration {
			start := time.Now()
			require.Equal(t, http.StatusOK, c.call("GET", "/entities/v5/entities", "").StatusCode)
			return time.Since(start)
		}
		for range 3 {
			assert.Zero(t, took(), "the token's call is the first of the four")
		}
		assert.Equal(t, 35*time.Second, took())
		assert.Equal(t, 35*time.Second, took(), "not more than the one before")
		assert.Zero(t, took(), "the first four are more than a minute old")
	})
}
