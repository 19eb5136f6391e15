package feedtest

import "context"

// T is what [AnyOrder] needs of a test. A *testing.T is one, and a *rapid.T of pgregory.net/rapid.
type T interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func anyOrder(T, Outbox, func(int) int, options) {}
