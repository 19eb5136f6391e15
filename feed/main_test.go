package feed_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Unless the command line sets it: a run of the model is hundreds of steps.
	_ = flag.Set("rapid.checks", "25")
	goleak.VerifyTestMain(m)
}
