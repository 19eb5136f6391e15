package feed_test

import (
	"flag"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/actito-go/actito/internal/race"
)

func TestMain(m *testing.M) {
	// Unless the command line sets it: a run of the model is hundreds of steps.
	_ = flag.Set("rapid.checks", strconv.Itoa(race.Less(24)))
	goleak.VerifyTestMain(m)
}
