package actito

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
)

// StepState is what became of a step of a [Sequence].
type StepState string

// The states.
const (
	StepNotStarted  StepState = "not started"       // the sequence ended before
	StepSkipped     StepState = "skipped"           // because of a step that it needs
	StepEmpty       StepState = "empty"             // all of its rows were held back, and nothing was sent or counted
	StepRunning     StepState = "running"           // the context ended before it did; it goes on at the server
	StepSucceeded   StepState = "succeeded"         // every row was accepted
	StepWithRejects StepState = "succeeded in part" // rows were rejected, refused or held back
	StepFailed      StepState = "failed"            // it was refused, or did not load a file
	StepUnknown     StepState = "outcome not known" // whether it started, or what became of all of its rows
)

// SequenceReport says what became of a [Sequence].
type SequenceReport struct {
	Steps []StepReport // in the order of the sequence
}

// StepReport says what became of a step.
type StepReport struct {
	Name      string
	State     StepState
	Rows      int        // that were given, but for those that the server fetches
	HeldBack  []Refusal  // rows that were not sent, since one that they refer to was not loaded; they are in Execution.Refused too
	Execution *Execution // nil if there is none
	Err       error      // nil if every row was accepted

	refused int // of Rows, before the sequence began
}

// Account counts the rows of the step. Those of a step that started nothing are in none of its numbers, but for those
// that were held back; those of which nobody knows whether they were sent are in Unknown.
func (r StepReport) Account() Account {
	a := Account{Rows: len(r.HeldBack), Refused: len(r.HeldBack)}
	if r.Execution != nil && r.Execution.Status != StatusDryRun {
		a = r.Execution.Account()
	} else if r.State == StepUnknown {
		a.Rows, a.Refused = a.Rows+r.refused, a.Refused+r.refused
	}
	if r.State == StepUnknown && r.Rows > a.Rows {
		a.Rows, a.Unknown = r.Rows, a.Unknown+r.Rows-a.Rows
	}
	return a
}

// Account adds up the steps.
func (r *SequenceReport) Account() Account {
	var sum Account
	for _, s := range r.Steps {
		a := s.Account()
		sum.Rows += a.Rows
		sum.Accepted += a.Accepted
		sum.Rejected += a.Rejected
		sum.Refused += a.Refused
		sum.Unknown += a.Unknown
	}
	return sum
}

// Step returns the report of a step by its name; the zero value if there is none.
func (r *SequenceReport) Step(name string) StepReport {
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	return StepReport{}
}

// String is a table with a header: counts and names, no values.
func (r *SequenceReport) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "step\tstate\trows\taccepted\trejected\trefused\theld back\tunknown\texecution")
	for _, s := range r.Steps {
		a, id := s.Account(), ""
		if s.Execution != nil {
			id = s.Execution.ids()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n",
			s.Name, s.State, max(s.Rows, a.Rows), a.Accepted, a.Rejected, a.Refused-len(s.HeldBack), len(s.HeldBack), a.Unknown, id)
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}

// err is the error of a run that ended, maybe because it was stopped.
func (r *SequenceReport) err(halted, ctx error) error {
	errs := []error{halted}
	if errors.Is(halted, ctx) {
		ctx = nil
	}
	for _, s := range r.Steps {
		switch {
		case s.State == StepNotStarted:
			errs = append(errs, ctx)
			ctx = nil // once is enough
		case s.Err != nil:
			errs = append(errs, within(s.Err, "step %q", s.Name))
		}
	}
	return errors.Join(errs...)
}
