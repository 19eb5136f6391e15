package redisquota

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/quota/quotatest"
)

func TestMain(m *testing.M) {
	quotatest.Serve(openLedger)
	if addr := os.Getenv(victimOf); addr != "" {
		victim(addr)
	}
	_ = flag.Set("rapid.checks", strconv.Itoa(race.Less(40))) // each takes a Redis in memory half a second under the race detector
	goleak.VerifyTestMain(m)
}
