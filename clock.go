package actito

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// mostSkew is how far this machine's clock and the server's may differ for imports to be counted on the right day.
const mostSkew = 5 * time.Minute

// serverClock compares this machine's clock with the server's, by the Date of its answers.
type serverClock struct {
	ahead atomic.Int64 // how far this machine's is ahead for certain, in nanoseconds; negative: behind
	dated atomic.Bool  // an answer was
}

// compare notes what an answer tells: it was dated, to the second, after its request was sent and before it came.
func (c *serverClock) compare(date string, sent, received time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.ahead.Store(int64(max(0, sent.Sub(at.Add(time.Second))) + min(0, received.Sub(at))))
	c.dated.Store(true)
}

// skew is how far this machine's clock is ahead, and whether that is known.
func (c *serverClock) skew() (ahead time.Duration, known bool) {
	return time.Duration(c.ahead.Load()), c.dated.Load()
}

// refuse is an error if the clocks differ too much.
func (c *serverClock) refuse() error {
	ahead, side := time.Duration(c.ahead.Load()).Round(time.Second), "ahead of"
	if ahead < 0 {
		ahead, side = -ahead, "behind"
	}
	if ahead <= mostSkew {
		return nil
	}
	return fmt.Errorf("%w: this machine's is %s %s the server's, and imports would be counted on the wrong day: set it, by NTP for instance",
		ErrClockSkew, ahead, side)
}
