package feedtest_test

import (
	"math/rand/v2"
	"testing"

	"github.com/actito-go/actito/feed/feedtest"
)

// In a test file of your store:
func ExampleRun() {
	open := func(*testing.T) feedtest.Outbox {
		// Your store, and how a transaction begins in its database, which has an outbox of its own for each test.
		return feedtest.NewMemory().Outbox()
	}
	TestStore := func(t *testing.T) {
		feedtest.Run(t, open, feedtest.OneWriter()) // as SQLite; a failure prints the number for Seed
	}
	TestAgain := func(t *testing.T) {
		feedtest.Run(t, open, feedtest.OneWriter(), feedtest.Seed(7))
	}
	TestMore := func(t *testing.T) {
		for range 1000 {
			feedtest.AnyOrder(t, open(t), rand.IntN)
		}
	}
	_, _, _ = TestStore, TestAgain, TestMore
}
