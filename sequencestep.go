package actito

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// stepRun is a step of a sequence that runs.
type stepRun struct {
	*Step
	seq      *sequenceRun
	c        *Client
	im       *importRun
	files    []StagedFile // as they were given
	parts    []*part      // with what is going to be sent
	discards []func()
	follows  []orphanEdge
	rejected map[cellRef]map[string]struct{} // values in rows that were not loaded, where other steps look for them
	unread   error                           // why they are not known

	saved  *SavedStep   // in the run's state; only its step changes it, under the run's lock
	report *StepReport  // in the run's report
	found  []*Execution // what a former run started, by parts; nil for one that it did not
	done   chan struct{}
}

// fails names the step in an error that ends the sequence before anything is sent.
func (s *stepRun) fails(err error) error {
	s.report.Err = err
	return within(err, "step %q", s.Name)
}

// ready checks and stages it.
func (s *stepRun) ready(ctx context.Context) error {
	var err error
	if s.ETL != "" {
		s.im, err = s.c.ETLs.triggered(ctx, s.ETL, s.Import)
	} else {
		s.im, err = s.c.ETLs.oneShot(ctx, *s.Definition, s.Import)
	}
	if err != nil {
		return err
	}
	if s.im.prepared != nil {
		return &ValidationError{Column: "OnPrepared", Rule: "sequence", Detail: "it is for an import by itself: SaveState is given what a sequence needs"}
	}
	s.im.orphans = len(s.After) > 0
	files, parts, discard, err := s.im.ready(ctx)
	if err != nil {
		return err
	}
	s.files, s.parts, s.discards = files, parts, append(s.discards, discard)
	s.im.prepared, s.im.renews = func(h Handle) error { return s.prepare(ctx, h) }, true
	s.saved.Content = contentHash(files)
	s.report.refused = len(refusedOf(files))
	s.report.Rows = rowsOfFiles(files) + s.report.refused
	if s.c.dryRun {
		s.report.Execution = &Execution{ETLID: s.ETL, Status: StatusDryRun, Refused: refusedOf(files)}
	}
	return nil
}

// settle finds out what a former run started.
func (s *stepRun) settle(ctx context.Context) {
	var calls []Handle
	if h := s.saved.Handle; h != nil {
		if calls = slices.Clone(h.Parts); len(calls) == 0 {
			calls = []Handle{*h}
		}
	}
	if len(s.saved.Executions) > 0 {
		for i, id := range s.saved.Executions {
			e := &Execution{ID: id, ETLID: s.ETL}
			if i < len(calls) {
				e.Sent, e.given = calls[i].sent(), calls[i].given()
				s.book(ctx, calls[i], e)
			}
			s.found = append(s.found, e)
		}
		return
	}
	found, some := make([]*Execution, len(calls)), false
	for i := range calls {
		e, err := s.c.Executions.Reconcile(ctx, calls[i])
		switch {
		case err == nil:
			found[i], some, calls[i].ExecutionID = e, true, e.ID
		case errors.Is(err, ErrNotStarted):
			calls[i].NotSent = true
		default:
			s.report.State, s.report.Err = StepUnknown, errors.Join(s.report.Err, err)
		}
	}
	switch {
	case s.report.Err == nil && !some:
		s.saved.Handle, s.saved.Reserved = nil, nil
		return
	case s.report.Err == nil:
		s.found = found
	}
	if len(calls) > 1 { // what is known of the parts stays known
		h := *s.saved.Handle
		h.Parts = calls
		s.saved.Handle = &h
	}
}

// book sees to it that an import is in the ledger which the former run may not have recorded.
func (s *stepRun) book(ctx context.Context, h Handle, e *Execution) {
	r := &reconciliation{c: s.c, began: time.Now()}
	if h.ExecutionID == "" && r.check(ctx, h) == nil {
		r.started(ctx, h, e)
	}
}

// run runs it, once the steps that it needs have ended.
func (s *stepRun) run(ctx context.Context) {
	defer close(s.done)
	defer func() {
		if p := recover(); p != nil { // for the goroutine of the caller
			s.seq.mu.Lock()
			defer s.seq.mu.Unlock()
			s.seq.panicked, s.seq.halted = p, errors.New("actito: a callback panicked")
		}
	}()
	for _, e := range s.After {
		<-s.seq.byName[e.Step].done
	}
	if s.report.State != StepNotStarted {
		return // it is in doubt
	}
	select {
	case s.seq.slots <- struct{}{}:
		defer func() { <-s.seq.slots }()
	case <-ctx.Done():
	}
	err, left := s.blocked(ctx), true
	if err == nil || s.allFound() {
		left, err = s.holdBack(ctx)
	}
	switch {
	case s.allFound():
		s.unread, err = err, nil
	case s.found != nil: // some parts, which are waited for whatever becomes of the others
	case err != nil:
		s.leave(ctx, StepSkipped, err)
		return
	case !left:
		s.leave(ctx, StepEmpty, fmt.Errorf("%w: all %d rows", ErrRowsRefused, s.report.Rows))
		return
	}
	exec, err := s.start(ctx, err)
	var failed error
	if exec != nil {
		exec, failed = s.c.Executions.Wait(ctx, exec)
		exec.Refused = append(refusedOf(s.files), s.report.HeldBack...)
		s.report.Execution = exec
	}
	s.judge(ctx, err, failed)
	_ = s.seq.saveState(func() error { return nil }) // its error is kept there
	if errors.Is(failed, ErrRowsRejected) {
		s.unread = errors.Join(s.unread, s.readRejects(ctx, exec))
	}
}

// allFound reports whether all of it was started by a former run.
func (s *stepRun) allFound() bool { return s.found != nil && !slices.Contains(s.found, nil) }

// blocked says why it does not start, nil if it does.
func (s *stepRun) blocked(ctx context.Context) error {
	for _, e := range s.After {
		switch state := s.seq.byName[e.Step].report.State; {
		case state == StepSucceeded:
		case state != StepWithRejects && state != StepEmpty:
			return fmt.Errorf("it needs step %q, whose state is: %s", e.Step, state)
		case e.OnRejects == Stop:
			return fmt.Errorf("it needs step %q, of which not all rows were loaded, and OnRejects is Stop", e.Step)
		}
	}
	return s.seq.stops(ctx)
}

// leave ends it without an import.
func (s *stepRun) leave(ctx context.Context, state StepState, why error) {
	if err := s.seq.stops(ctx); err != nil {
		state, why = StepNotStarted, err
	}
	s.report.State, s.report.Err = state, why
	giveUp(ctx, s.parts)
}

// start starts what of it was not started, unless it is blocked, and saves what came of it. What certainly did not start is
// as if it never was.
func (s *stepRun) start(ctx context.Context, blocked error) (*Execution, error) {
	if s.found != nil && blocked == nil && len(s.found) != len(s.parts) && !s.allFound() {
		blocked = fmt.Errorf("%w: the rows that are left make other parts than before", ErrPartlyStarted)
	}
	if s.allFound() && len(s.found) == 1 {
		return s.found[0], nil
	}
	if s.allFound() || blocked != nil {
		giveUp(ctx, s.parts)
		there := slices.DeleteFunc(slices.Clone(s.found), func(e *Execution) bool { return e == nil })
		return &Execution{ETLID: s.ETL, Parts: there}, blocked
	}
	for i, e := range s.found {
		s.parts[i].started = e
	}
	exec, err := s.im.start(ctx, s.parts)
	unknown, doubted := errors.AsType[*OutcomeUnknownError](err)
	_ = s.seq.saveState(func() error { // its error is kept there
		switch {
		case err == nil && len(exec.Parts) == 0:
			s.saved.Executions = []string{exec.ID}
		case err == nil:
			for _, p := range exec.Parts {
				s.saved.Executions = append(s.saved.Executions, p.ID)
			}
		case doubted:
			s.saved.Handle = &unknown.Handle
		case exec != nil:
			h := s.im.handle(s.parts)
			s.saved.Handle = &h
		case s.found == nil:
			s.saved.Handle, s.saved.Reserved = nil, nil
		}
		return nil
	})
	return exec, err
}

// prepare saves the handle before the first byte.
func (s *stepRun) prepare(ctx context.Context, h Handle) error {
	before, saved := s.saved.Handle, false
	defer func() { // also when the callback panics
		if !saved {
			s.seq.mu.Lock()
			defer s.seq.mu.Unlock()
			s.saved.Handle = before
		}
	}()
	err := s.seq.saveState(func() error {
		if s.seq.halted != nil {
			return s.seq.halted
		}
		s.saved.Handle = &h
		return ctx.Err()
	})
	saved = err == nil
	return err
}

// judge says what became of it: of its start, and of the wait for its end.
func (s *stepRun) judge(ctx context.Context, start, wait error) {
	r, stopped := s.report, s.seq.stops(ctx)
	refused := r.refused + len(r.HeldBack)
	switch r.Err = errors.Join(start, wait); {
	case errors.Is(start, ErrOutcomeUnknown):
		r.State = StepUnknown
	case stopped != nil && errors.Is(start, stopped) && r.Execution == nil:
		r.State = StepNotStarted
	case stopped != nil && errors.Is(start, stopped):
		r.State = StepRunning // some parts of it
	case start != nil || errors.Is(wait, ErrImportFailed):
		r.State = StepFailed
	case wait != nil && !errors.Is(wait, ErrRowsRejected) && ctx.Err() != nil:
		r.State = StepRunning
	case wait != nil && !errors.Is(wait, ErrRowsRejected):
		r.State = StepUnknown
	case s.unread != nil: // a former run held back nobody knows which rows
		r.State, r.Err = StepUnknown, errors.Join(r.Err, s.unread)
	case wait == nil && refused == 0:
		r.State = StepSucceeded
	default:
		r.State = StepWithRejects
		if refused > 0 {
			r.Err = errors.Join(r.Err, fmt.Errorf("%w: %d of %d", ErrRowsRefused, refused, r.Rows))
		}
	}
}
