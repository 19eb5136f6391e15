package actito_test

import (
	"flag"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/actito-go/actito/internal/race"
)

func TestMain(m *testing.M) {
	_ = flag.Set("rapid.checks", strconv.Itoa(race.Less(100))) // unless the command line sets it
	goleak.VerifyTestMain(m)
}
