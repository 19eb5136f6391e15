package feedtest_test

import (
	"testing"

	"github.com/actito-go/actito/feed/feedtest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	feedtest.Run(t, func(*testing.T) feedtest.Outbox { return feedtest.NewMemory().Outbox() })
}

func TestOneWriter(t *testing.T) {
	t.Parallel()
	feedtest.Run(t, func(*testing.T) feedtest.Outbox { return feedtest.NewMemory().Outbox() }, feedtest.OneWriter())
}
