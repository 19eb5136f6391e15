package actito

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstPoll     = 5 * time.Second
	slowestPoll   = time.Minute
	unseenFor     = time.Minute      // a new execution may not be found at once
	unansweredFor = 10 * time.Minute // how long a wait tolerates failures that may pass
	unchangedFor  = time.Hour        // how long a status that nobody knows may stay
)

// Wait reads an execution until it has ended: at once, then after 5 s, and ever more rarely down to once a minute.
// It returns the latest state that it saw, which is never nil, and an [ImportError] if rows were rejected, a file was
// not loaded, or the server's numbers do not add up to the rows that were sent. Failures that may pass are tolerated for ten minutes, and an execution that is not found for its
// first minute. A status that is not known counts as running; if it stays the same for an hour, the error matches
// [ErrStatusUnknown]. When the context ends, so does the wait, with an error; the import goes on.
func (s *ExecutionService) Wait(ctx context.Context, e *Execution, opts ...CallOption) (*Execution, error) {
	if e == nil || e.ID == "" && !e.Ended() {
		return &Execution{}, &ValidationError{Column: "execution", Rule: "no-execution", Detail: "there is no execution to wait for: what started it failed"}
	}
	if e.Ended() {
		return e, e.problem()
	}
	began := time.Now()
	answered, changed := began, began
	pause := firstPoll
	for {
		latest, err := s.Get(ctx, e.ID, opts...)
		now := time.Now()
		atLeast := time.Duration(0)
		switch {
		case err == nil:
			answered = now
			if latest.Status != e.Status {
				changed = now
			}
			latest.Sent = e.Sent
			e = latest
			if e.Ended() {
				return e, e.problem()
			}
			if !e.Status.known() && now.Sub(changed) >= unchangedFor {
				return e, fmt.Errorf("%w: execution %s", ErrStatusUnknown, e.ID)
			}
		case ctx.Err() != nil:
			return e, stopped(e, errors.Join(ctx.Err(), err))
		case errors.Is(err, ErrNotFound) && now.Sub(began) < unseenFor:
		case !Retryable(err) || errors.Is(err, ErrUnauthorized) || now.Sub(answered) >= unansweredFor:
			return e, err
		default:
			if api, ok := errors.AsType[*APIError](err); ok {
				atLeast = min(api.RetryAfter, unansweredFor)
			}
		}
		timer := time.NewTimer(max(pause-rand.N(pause/5+1), atLeast)) //nolint:gosec // jitter
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return e, stopped(e, errors.Join(ctx.Err(), err))
		}
		pause = min(pause*3/2, slowestPoll)
	}
}

// stopped is the end of a wait, not of the import.
func stopped(e *Execution, err error) error {
	return fmt.Errorf("actito: execution %s goes on, the wait for it ended: %w", e.ID, err)
}
