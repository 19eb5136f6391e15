package actito

import (
	"context"
	"time"
)

// Class orders calls that wait for the licence's pace: the lower one goes first.
type Class uint8

// The classes of calls.
const (
	RealTime       Class = iota // handlers: the default of 1-by-1 calls
	BackgroundWork              // see [Background]; uploads and downloads of imports
	Polling                     // waiting for executions
	Listing                     // lists and look-ups
)

func (c Class) String() string {
	return [...]string{"real time", "background", "polling", "listing"}[min(c, Listing)]
}

// Work is one attempt that asks for its turn.
type Work struct {
	Op       string
	Class    Class
	Transfer bool          // an upload or download, which may hold its slot for minutes
	MaxWait  time.Duration // 0: as long as the context allows
}

// Limiter paces the attempts of calls. Acquire blocks until the attempt may start and returns what to call once it
// ended. A wait that cannot meet the context's deadline or MaxWait fails at once with a [BusyError].
type Limiter interface {
	Acquire(ctx context.Context, w Work) (release func(), err error)
}
