package feedtest_test

import (
	"testing"

	"pgregory.net/rapid"

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

func TestAnyOrderThatRapidChooses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		feedtest.AnyOrder(t, feedtest.NewMemory().Outbox(), func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
	})
}
