package actito

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	firstPoll     = 5 * time.Second
	slowestPoll   = time.Minute
	unseenFor     = time.Minute      // a new execution may not be found at once
	unansweredFor = 10 * time.Minute // how long a wait tolerates failures that may pass
	unchangedFor  = time.Hour        // how long a status that nobody knows may stay
)

// lagPauses are those between the readings of an execution that ended by a webhook and not yet by the readings.
var lagPauses = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// Tolerate lets [ExecutionService.Wait] end without an error if the server rejected at most this share of the rows that
// it read, from 0 to 1: 0.02 is 2 %. An import that failed ([ErrImportFailed]) is never tolerated, nor are rejects that
// the server does not count. Rows refused here ([Execution].Refused) are no rejects. Other calls ignore it.
func Tolerate(share float64) CallOption { return func(o *callOptions) { o.tolerate = share } }

// WaitProgress is told each state that [ExecutionService.Wait] reads, in the wait's own goroutine: it should be quick.
// Of an execution with Parts these are the parts' states. Other calls ignore it.
func WaitProgress(f func(*Execution)) CallOption { return func(o *callOptions) { o.progress = f } }

// Wait reads an execution until it has ended: at once, then after 5 s, and ever more rarely down to once a minute; and
// at once when a [WebhookHandler] of the same client, or of one for another entity of it, is told of its end. Where the
// readings lag behind the webhook, they are repeated for some seconds, and then the webhook's status is believed. A
// webhook that reaches another process ends no wait here; polling does.
//
// It returns the latest state that it saw, which is never nil, and an [ImportError] if rows were rejected ([Tolerate]
// allows for some), a file was not loaded, or the server's numbers do not add up to the rows that were sent. Failures
// that may pass are tolerated for ten minutes, and an execution that is not found for its first minute. A status that is
// not known counts as running; if it stays the same for an hour, the error matches [ErrStatusUnknown]. One that is known
// may stay for as long as the context lasts: give it a deadline. When the context ends, so does the wait, with an error;
// the import goes on.
//
// Of an execution with Parts, each is waited for. The result has the worst status, and is under way while one of them
// is; all files, the earliest start and the latest end.
//
//actito:through ExecutionService.Get
func (s *ExecutionService) Wait(ctx context.Context, e *Execution, opts ...CallOption) (*Execution, error) {
	return s.wait(ctx, e, e != nil && !e.Ended(), opts)
}

// wait tells the hooks of the end if that is news.
func (s *ExecutionService) wait(ctx context.Context, e *Execution, news bool, opts []CallOption) (*Execution, error) {
	o := collect(Polling, opts)
	if !(o.tolerate >= 0 && o.tolerate <= 1) {
		return cmp.Or(e, &Execution{}), &ValidationError{Column: "Tolerate", Rule: "share", Detail: "the share must be from 0 to 1"}
	}
	e, err := s.seeThrough(ctx, e, o.progress, opts)
	if err != nil {
		return e, err
	}
	if !e.tolerable(o.tolerate) {
		err = e.problem()
	}
	if news {
		s.c.hooks.importEnd(ctx, e, err)
	}
	return e, err
}

// seeThrough returns the execution once it has ended, however it did, else an error.
func (s *ExecutionService) seeThrough(ctx context.Context, e *Execution, progress func(*Execution), opts []CallOption) (*Execution, error) {
	switch {
	case e != nil && len(e.Parts) > 0:
		return s.seePartsThrough(ctx, e, progress, opts)
	case e == nil || e.ID == "" && !e.Ended():
		return &Execution{}, &ValidationError{Column: "execution", Rule: "no-execution",
			Detail: "there is no execution to wait for: what started it failed"}
	case e.Ended():
		return e, nil
	}
	news := s.c.waits.join(s.c.entity, e.ID)
	defer s.c.waits.leave(news)
	began := time.Now()
	answered, changed := began, began
	pause, lagging := firstPoll, 0
	for {
		latest, err := s.Get(ctx, e.ID, opts...)
		now := time.Now()
		next, atLeast := pause-rand.N(pause/5+1), time.Duration(0) //nolint:gosec // jitter
		switch {
		case err == nil:
			answered = now
			if latest.Status != e.Status {
				changed = now
			}
			latest.keep(e)
			e = latest
			if progress != nil {
				progress(e)
			}
			told := s.c.waits.ended(news)
			switch {
			case e.Ended():
				return e, nil
			case told != "" && lagging == len(lagPauses):
				believed := *e // the one that was read may be in use by now
				believed.Status = told
				return &believed, nil
			case told != "":
				next = lagPauses[lagging]
				lagging++
			case !e.Status.known() && now.Sub(changed) >= unchangedFor:
				return e, fmt.Errorf("%w: execution %s", ErrStatusUnknown, e.ID)
			}
		case ctx.Err() != nil:
			return e, stopped(e, errors.Join(ctx.Err(), err))
		case errors.Is(err, ErrNotFound) && now.Sub(began) < unseenFor:
		case !passing(err) || now.Sub(answered) >= unansweredFor:
			return e, err
		default:
			if api, ok := errors.AsType[*APIError](err); ok {
				atLeast = min(api.RetryAfter, unansweredFor)
			}
		}
		woken := news.woken
		if atLeast > 0 {
			woken = nil // the server asked to be left alone
		}
		timer := time.NewTimer(max(next, atLeast))
		select {
		case <-timer.C:
		case <-woken:
		case <-ctx.Done():
			timer.Stop()
			return e, stopped(e, errors.Join(ctx.Err(), err))
		}
		timer.Stop()
		pause = min(pause*3/2, slowestPoll)
	}
}

// stopped is the end of a wait, not of the import.
func stopped(e *Execution, err error) error {
	return fmt.Errorf("actito: execution %s goes on, the wait for it ended: %w", e.ID, err)
}

// keep takes over what the server does not know, or does not always tell.
func (e *Execution) keep(old *Execution) {
	e.ETLID = cmp.Or(e.ETLID, old.ETLID)
	e.AlreadyStarted, e.Sent, e.Refused, e.Parts, e.given = old.AlreadyStarted, old.Sent, old.Refused, old.Parts, old.given
}

// seePartsThrough waits for one part after the other, as the server runs them. One that cannot be waited for leaves the
// others alone.
func (s *ExecutionService) seePartsThrough(
	ctx context.Context, e *Execution, progress func(*Execution), opts []CallOption,
) (*Execution, error) {
	whole := *e
	whole.Parts = slices.Clone(e.Parts)
	var errs []error
	for i := range whole.Parts {
		part, err := s.seeThrough(ctx, whole.Parts[i], progress, opts)
		whole.Parts[i] = part
		if err != nil {
			errs = append(errs, within(err, "part %d of %d", i+1, len(whole.Parts)))
		}
	}
	whole.combine()
	return &whole, errors.Join(errs...)
}

// combine derives the state of an execution from its parts.
func (e *Execution) combine() {
	worst := slices.MaxFunc(e.Parts, func(a, b *Execution) int { return a.severity() - b.severity() })
	e.Status, e.Start, e.End, e.Files, e.given = worst.Status, time.Time{}, time.Time{}, nil, nil
	for _, p := range e.Parts {
		e.Files, e.given = append(e.Files, p.Files...), append(e.given, p.given...)
		if !p.Start.IsZero() && (e.Start.IsZero() || p.Start.Before(e.Start)) {
			e.Start = p.Start
		}
		if worst.Ended() && p.End.After(e.End) {
			e.End = p.End
		}
	}
}

// severity orders executions from the one that is over and fine to the one that nobody knows the end of.
func (e *Execution) severity() int {
	switch {
	case !e.Ended():
		return 4
	case e.Status == StatusDryRun:
		return 0
	case e.Status == StatusSuccess:
		return 1
	case e.Status == StatusWithError:
		return 2
	}
	return 3
}

// tolerable says whether nothing but at most this share of the rows was rejected.
func (e *Execution) tolerable(share float64) bool {
	t := e.Totals()
	return errors.Is(e.problem(), ErrRowsRejected) && e.countsRejects() &&
		float64(t.Rejected)/float64(t.Read) <= share // as exact as the share is, which share*Read is not
}

// countsRejects says whether the server told how many rows were rejected, of how many, wherever it rejected some.
func (e *Execution) countsRejects() bool {
	if len(e.Parts) > 0 {
		return !slices.ContainsFunc(e.Parts, func(p *Execution) bool { return !p.countsRejects() })
	}
	return (e.Status == StatusSuccess || e.Totals().Rejected > 0) && !slices.ContainsFunc(e.Files, func(f FileResult) bool {
		return f.Status == StatusWithError && f.Rejected == 0 || f.Rejected > f.Read
	})
}

// waits are the waits that are under way, by execution id, for webhooks to end them.
type waits struct {
	mu   sync.Mutex
	open map[string][]*news
}

// news are what webhooks tell one wait.
type news struct {
	entity, execution string
	ended             ExecutionStatus // "" until a webhook told the end
	woken             chan struct{}   // holds one
}

func (w *waits) join(entity, execution string) *news {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = map[string][]*news{}
	}
	n := &news{entity: entity, execution: execution, woken: make(chan struct{}, 1)}
	w.open[execution] = append(w.open[execution], n)
	return n
}

func (w *waits) leave(n *news) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := slices.DeleteFunc(w.open[n.execution], func(other *news) bool { return other == n })
	if w.open[n.execution] = left; len(left) == 0 {
		delete(w.open, n.execution)
	}
}

// tell wakes the waits for an execution that may have ended. Those for one of another entity are woken too, since an
// address might name an entity otherwise than its client does, but they believe their readings only.
func (w *waits) tell(entity, execution string, status ExecutionStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.open[execution] {
		switch {
		case status.known() && !status.ended(), status != "" && n.ended == status:
			continue
		case status.ended() && n.entity == entity:
			n.ended = status
		}
		select {
		case n.woken <- struct{}{}:
		default:
		}
	}
}

// ended is the status with which a webhook said that the execution has ended, "" if none did.
func (w *waits) ended(n *news) ExecutionStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return n.ended
}
