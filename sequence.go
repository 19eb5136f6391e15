package actito

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Sequence is several imports that run one after another, such as customers, their orders, and the lines of those. Steps
// that need nothing of each other may run at the same time. See [ETLService.RunSequence].
type Sequence struct {
	Steps []Step
}

// Step is one import of a [Sequence]: a stored ETL that is triggered, or a one shot.
type Step struct {
	Name       string         // by which edges, errors and the report call it
	ETL        string         // id of a stored ETL
	Definition *Definition    // of a one shot, in place of ETL
	Entity     string         // "" is the client's
	Import     []ImportOption // as for [ETLService.Trigger] and [ETLService.RunOnce], but for [OnPrepared]: see [SaveState]
	After      []Edge         // what has to end before
}

// Edge says which step has to end before another starts, and what happens if rows of it were not loaded: rejected by the
// server, refused before they were sent, or held back themselves.
type Edge struct {
	Step      string // the one that is needed
	OnRejects RejectPolicy

	// With WithoutOrphans: rows whose value in Column is that of the needed step's rows in Of are held back. Values are
	// compared as text, exactly, and an empty one refers to nothing. With both names empty, the foreign keys of the tables'
	// structures tell them. Where several files of a step have the column, File and OfFile name the one that is meant.
	// A column that the definition transforms is refused. Rows of other files of the step that refer to held back ones are
	// sent, and left to the server.
	File, Column string
	OfFile, Of   string
}

// RejectPolicy says what a step does if rows of one that it needs were not loaded.
type RejectPolicy uint8

// The policies. A needed step that failed, or of which nobody knows what became of it, stops a step in each of them.
const (
	Stop           RejectPolicy = iota // it does not start, and those that need it do not either
	Continue                           // it starts with all its rows
	WithoutOrphans                     // it starts without the rows that refer to those
)

func (p RejectPolicy) String() string {
	return [...]string{"Stop", "Continue", "WithoutOrphans", "unknown"}[min(p, WithoutOrphans+1)]
}

// SequenceOption is given to the calls that run a [Sequence].
type SequenceOption func(*sequenceRun)

// SaveState is given the state of a sequence to store: before its imports are reserved, before the first byte of each
// step, once the server has accepted it, and once it has ended. [ETLService.ResumeSequence] continues from the latest one.
// Its calls do not overlap, and come from several goroutines. Its error stops the sequence: no import is started any
// more, and those under way are waited for.
func SaveState(f func(SequenceState) error) SequenceOption {
	return func(r *sequenceRun) { r.save = f }
}

// RunSequence runs imports in the order that they need, and returns once all have ended. Before anything is sent or
// counted, the sequence is checked and all data of all steps is staged; then the day's imports of all steps are reserved,
// or none ([QuotaError]). A step starts once the steps that it needs have ended, and at most four are under way at once. A
// reservation that runs out before, as at midnight, is made once more then.
//
// Rows that an [Edge] holds back are not sent: [StepReport].HeldBack has them, and they are among the Refused of the
// execution. For that the needed step's rejects are read; where they cannot be, the step does not start. Of an edge with
// WithoutOrphans, values are read from the data as it is sent.
//
// The report is never nil. The error is nil only if every row of every step was accepted, or in a dry run. Otherwise it
// has those of all steps: an [ImportError] of each that ended with rejects or failed, [ErrRowsRefused], [ErrOutcomeUnknown].
// When the context ends, no step starts any more, and running imports go on at the server. Reservations that are not used
// are freed on every way out; if the process dies, they lapse when the day of the import ends, or ResumeSequence frees
// them.
//
//actito:through ETLService.Trigger ETLService.RunOnce ExecutionService.Rejects ExecutionService.Get EntityService.List StructureService.ProfileTable StructureService.CustomTable ETLService.Get ExecutionService.List ProfileTable.Get CustomTable.Get CustomTable.List
func (s *ETLService) RunSequence(ctx context.Context, seq Sequence, opts ...SequenceOption) (*SequenceReport, error) {
	return s.runSequence(ctx, seq, nil, opts)
}

// ResumeSequence continues a sequence whose process is gone, from the latest state that [SaveState] was given. The
// sequence is given again, with its data. Steps that have ended are not run again, steps that run are waited for, and of
// one that may have started [ExecutionService.Reconcile] finds out whether it did. If nobody can tell, it is not started
// again, nor are those that need it: settle it as the error says, and resume once more. Where the service does not list
// its executions and you know that a step did not start, take its Handle out of the state first. A step that did not
// start, because it was refused or a needed one was not loaded, is tried again. The data of a step that may have started,
// or that ended, has to be the same as before: the state of another night's files is a [ValidationError].
//
//actito:through ETLService.Trigger ETLService.RunOnce ExecutionService.Rejects ExecutionService.Get EntityService.List StructureService.ProfileTable StructureService.CustomTable ETLService.Get ExecutionService.List ProfileTable.Get CustomTable.Get CustomTable.List
func (s *ETLService) ResumeSequence(ctx context.Context, seq Sequence, state SequenceState, opts ...SequenceOption) (*SequenceReport, error) {
	return s.runSequence(ctx, seq, &state, opts)
}

// check refuses sequences that cannot be meant.
func (seq Sequence) check() error {
	refuse := func(step, rule, detail string) error {
		return &ValidationError{Column: step, Rule: rule, Detail: detail}
	}
	if len(seq.Steps) == 0 {
		return refuse("Steps", "sequence", "the sequence has no steps")
	}
	steps := make(map[string]*Step, len(seq.Steps))
	for i := range seq.Steps {
		s := &seq.Steps[i]
		switch {
		case s.Name == "":
			return refuse("Steps", "sequence", fmt.Sprintf("step %d has no name", i+1))
		case steps[s.Name] != nil:
			return refuse(s.Name, "sequence", "two steps have this name")
		case (s.ETL == "") == (s.Definition == nil):
			return refuse(s.Name, "sequence", "a step needs the id of a stored ETL or the Definition of a one shot, and not both")
		}
		steps[s.Name] = s
	}
	for _, s := range seq.Steps {
		for _, e := range s.After {
			names := e.File != "" || e.Column != "" || e.OfFile != "" || e.Of != ""
			switch {
			case steps[e.Step] == nil:
				return refuse(s.Name, "sequence", fmt.Sprintf("it comes after %q, which is no step of the sequence", e.Step))
			case e.OnRejects > WithoutOrphans:
				return refuse(s.Name, "sequence", "OnRejects is Stop, Continue or WithoutOrphans")
			case names && e.OnRejects != WithoutOrphans:
				return refuse(s.Name, "sequence", fmt.Sprintf("its edge to %q names columns or files, which only WithoutOrphans looks at", e.Step))
			case (e.Column == "") != (e.Of == ""):
				return refuse(s.Name, "sequence", fmt.Sprintf("its edge to %q names one of Column and Of: name both, or none", e.Step))
			}
		}
	}
	over := make(map[string]bool)
	for _, s := range seq.Steps {
		if cycle := findCycle(steps, s.Name, nil, over); cycle != nil {
			return refuse(s.Name, "cycle", "steps wait for each other: "+strings.Join(cycle, " after "))
		}
	}
	return nil
}

// findCycle returns the names on a cycle that is reached from a step. over are those of which it is known that none is.
func findCycle(steps map[string]*Step, name string, path []string, over map[string]bool) []string {
	if over[name] {
		return nil
	}
	from := slices.Index(path, name)
	path = append(path, name)
	if from >= 0 {
		return path[from:]
	}
	for _, e := range steps[name].After {
		if cycle := findCycle(steps, e.Step, path, over); cycle != nil {
			return cycle
		}
	}
	over[name] = true
	return nil
}
