package redisquota

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(victimOf); addr != "" {
		victim(addr)
	}
	_ = flag.Set("rapid.checks", "30") // each takes a Redis in memory half a second under the race detector
	goleak.VerifyTestMain(m)
}
