package actito

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// sequenceWidth is how many steps are under way at once. The server runs their imports one after another anyway.
const sequenceWidth = 4

// sequenceRun is one call of RunSequence or ResumeSequence.
type sequenceRun struct {
	c      *Client
	save   func(SequenceState) error
	steps  []*stepRun
	byName map[string]*stepRun
	report *SequenceReport
	slots  chan struct{} // holds one for each step that is under way

	mu       sync.Mutex
	state    SequenceState
	halted   error // why no step starts any more
	panicked any   // by a callback
}

func (s *ETLService) runSequence(ctx context.Context, seq Sequence, from *SequenceState, opts []SequenceOption) (*SequenceReport, error) {
	r := &sequenceRun{c: s.c, byName: make(map[string]*stepRun), slots: make(chan struct{}, sequenceWidth), report: &SequenceReport{}}
	for _, opt := range opts {
		if opt != nil {
			opt(r)
		}
	}
	if err := seq.check(); err != nil {
		return r.report, err
	}
	r.open(seq)
	defer r.discard()
	if from != nil {
		if err := from.check(r.state); err != nil {
			return r.report, err
		}
	}
	if err := r.ready(ctx); err != nil {
		return r.report, err
	}
	if s.c.dryRun {
		return r.report, ctx.Err()
	}
	if from != nil {
		if err := r.resume(ctx, *from); err != nil {
			return r.report, err
		}
	}
	r.halted = r.reserve(ctx) // what a former run started is waited for all the same
	var work sync.WaitGroup
	for _, step := range r.steps {
		work.Go(func() { step.run(ctx) })
	}
	work.Wait()
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.report, r.report.err(r.halted, ctx.Err())
}

func (r *sequenceRun) open(seq Sequence) {
	r.state.Steps = make([]SavedStep, len(seq.Steps))
	r.report.Steps = make([]StepReport, len(seq.Steps))
	for i := range seq.Steps {
		s := &stepRun{Step: &seq.Steps[i], seq: r, c: r.c, rejected: make(map[cellRef]map[string]struct{}), done: make(chan struct{}),
			saved: &r.state.Steps[i], report: &r.report.Steps[i]}
		if s.Entity != "" {
			s.c = r.c.Entity(s.Entity)
		}
		*s.saved = SavedStep{Name: s.Name, Entity: s.c.entity, ETL: s.ETL}
		*s.report = StepReport{Name: s.Name, State: StepNotStarted}
		r.steps, r.byName[s.Name] = append(r.steps, s), s
	}
}

// ready checks and stages everything.
func (r *sequenceRun) ready(ctx context.Context) error {
	keys := make(map[string]string)
	for _, s := range r.steps {
		err := s.ready(ctx)
		if err == nil && s.im.keyed {
			if other, twice := keys[s.im.once]; twice {
				err = &ValidationError{Column: "Once", Rule: "once", Detail: fmt.Sprintf("step %q has the same key: give each its own", other)}
			}
			keys[s.im.once] = s.Name
		}
		if err != nil {
			return s.fails(err)
		}
	}
	for _, s := range r.steps {
		for _, e := range s.After {
			if e.OnRejects != WithoutOrphans {
				continue
			}
			if err := s.follow(ctx, e); err != nil {
				return s.fails(err)
			}
		}
	}
	return nil
}

// resume takes up the steps of a run that is gone.
func (r *sequenceRun) resume(ctx context.Context, from SequenceState) error {
	for i, s := range r.steps {
		if was := from.Steps[i]; was.started() && was.Content != s.saved.Content {
			return s.fails(&ValidationError{Column: s.Name, Rule: "sequence-state",
				Detail: "it may have started with other data: give the same to resume the sequence, or import what is new apart"})
		}
	}
	for i, s := range r.steps {
		was := from.Steps[i]
		if was.started() {
			continue
		}
		for _, id := range was.Reserved {
			if err := s.c.quota.store.Settle(ctx, id, Free()); err != nil {
				return s.fails(within(err, "its reservation is not freed, by which it started if this is not the latest state"))
			}
		}
	}
	var work sync.WaitGroup
	for i, s := range r.steps {
		if was := from.Steps[i]; was.started() {
			*s.saved = was
			work.Go(func() { s.settle(ctx) })
		}
	}
	work.Wait()
	return nil
}

// reserve books all steps that have not started, or none. Their reservations have names before they are made: who resumes
// the sequence frees them.
func (r *sequenceRun) reserve(ctx context.Context) error {
	var parts []*part
	for _, s := range r.steps {
		if s.found != nil || s.report.State != StepNotStarted {
			continue
		}
		licence, err := s.c.licence(ctx)
		if err != nil {
			return err
		}
		for _, p := range s.parts {
			p.id, p.lasting = licence+rand.Text(), true
			s.saved.Reserved = append(s.saved.Reserved, p.id)
		}
		parts = append(parts, s.parts...)
	}
	if err := r.saveState(func() error { return ctx.Err() }); err != nil {
		return err
	}
	err := bookAll(ctx, parts)
	for _, p := range parts {
		p.id, p.lasting = "", false
	}
	if full, ok := errors.AsType[*QuotaError](err); ok {
		full.sequence = true
	}
	return err
}

// saveState makes a change of the state and saves it, unless the change fails.
func (r *sequenceRun) saveState(change func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := change(); err != nil || r.save == nil {
		return err
	}
	err := r.save(SequenceState{Steps: slices.Clone(r.state.Steps)})
	if err == nil {
		return nil
	}
	if r.halted == nil {
		r.halted = within(err, "SaveState ended the sequence")
	}
	return r.halted
}

// stops says why no step starts any more, nil if steps do.
func (r *sequenceRun) stops(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted != nil {
		return r.halted
	}
	return ctx.Err()
}

func (r *sequenceRun) discard() {
	for _, s := range r.steps {
		for _, discard := range s.discards {
			discard()
		}
	}
}
