package redisquota

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/actito-go/actito/quota/quotatest"
)

func TestMain(m *testing.M) {
	quotatest.Serve(openLedger)
	goleak.VerifyTestMain(m)
}
