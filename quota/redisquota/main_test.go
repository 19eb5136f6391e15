package redisquota

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(victimOf); addr != "" {
		victim(addr)
	}
	goleak.VerifyTestMain(m)
}
