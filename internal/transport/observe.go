package transport

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Attempt is what is told of an attempt that has ended.
type Attempt struct {
	Wait     time.Duration // for its turn
	Duration time.Duration // after that
	Status   int           // 0: no answer
	Err      error         // why there was no usable answer
}

// observe is the link that tells of attempts. It is there only where somebody wants to know.
type observe struct {
	attempted func(context.Context, *Call, Attempt)
	next      http.RoundTripper
}

func (o *observe) RoundTrip(req *http.Request) (*http.Response, error) {
	c, began := callOf(req), time.Now()
	resp, err := o.next.RoundTrip(req)
	a := Attempt{Wait: c.waited, Duration: time.Since(began) - c.waited, Err: err}
	var f *Fault
	if errors.As(err, &f) {
		a.Status, a.Err = f.Status, f.Err
	} else if err == nil {
		a.Status = resp.StatusCode
	}
	o.attempted(req.Context(), c, a)
	return resp, err
}
