package feed_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/actito-go/actito/internal/race"
)

func TestMain(m *testing.M) {
	// Unless the command line sets it: a run of the model is hundreds of steps.
	_ = flag.Set("rapid.checks", race.Checks(24))
	goleak.VerifyTestMain(m)
}
