package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/actito-go/actito"
)

// job is the work of one day. It must not run twice at the same time.
type job struct {
	client   *actito.Client
	etl      string // id of the stored ETL
	state    state
	day      string
	file     actito.Data
	minRows  int
	tolerate float64 // share of the rows
	out      io.Writer
}

// errNotLoaded says that the import of an earlier day has to come first.
var errNotLoaded = errors.New("an earlier day is not loaded")

// run first continues what an earlier run left, then loads the day's file.
func (j job) run(ctx context.Context) error {
	l, err := j.state.read()
	if errors.Is(err, os.ErrNotExist) {
		return j.start(ctx)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(j.out, "   left for %s by an earlier run: %s\n", l.Day, l.Handle)
	err = j.resume(ctx, l.Handle)
	today := l.Day == j.day
	switch notStarted := errors.Is(err, actito.ErrNotStarted) || errors.Is(err, actito.ErrPartlyStarted); {
	case notStarted && today:
		fmt.Fprintln(j.out, "   it was not started, or not as a whole: what is missing is sent now")
		return j.start(ctx)
	case notStarted: // days come in order, and only who has that day's file can load it
		return fmt.Errorf("%w: run this program with -day %s and the file of that day: %w", errNotLoaded, l.Day, err)
	case today, err != nil && !errors.Is(err, actito.ErrRowsRejected):
		return err
	}
	return cmp.Or(j.start(ctx), err)
}

// start loads the day's file. Called again for the same day, it waits for the import that was started before: it sends
// nothing, and costs none of the day's imports.
func (j job) start(ctx context.Context) error {
	exec, err := j.client.ETLs.Trigger(ctx, j.etl, j.file,
		actito.Once("customers-"+j.day),
		actito.MinRows(j.minRows),            // fewer are an extract that broke off
		actito.MaxEmpty("emailAddress", 0.5), // more are a query that lost a column
		actito.SplitAbove(0),                 // a file too large for one import takes several
		actito.OnPrepared(func(h actito.Handle) error { return j.state.keep(left{j.day, h}) }),
	)
	unknown, inDoubt := errors.AsType[*actito.OutcomeUnknownError](err)
	switch {
	case err == nil:
		exec, err = j.client.Executions.Wait(ctx, exec, actito.Tolerate(j.tolerate))
		return j.finish(ctx, exec, err)
	case inDoubt: // its handle also says when the call ended
		fmt.Fprintln(j.out, "   the service gave no answer: looking for the import in its list, which may take minutes")
		return errors.Join(j.state.keep(left{j.day, unknown.Handle}), j.resume(ctx, unknown.Handle))
	case exec == nil: // certainly nothing was started
		return errors.Join(err, j.state.forget())
	}
	return err // of several parts, the first ones were started
}

// resume finds out what became of an import of which only the handle is known, and waits for it if it was started.
func (j job) resume(ctx context.Context, h actito.Handle) error {
	exec, err := j.client.Executions.Resume(ctx, h, actito.Tolerate(j.tolerate))
	if errors.Is(err, actito.ErrPartlyStarted) || errors.Is(err, actito.ErrOutcomeUnknown) {
		return err // parts that have ended are reported with the others
	}
	return j.finish(ctx, exec, err)
}

// finish reports how an import ended, with the error of the wait for it. What was left is forgotten after that only: a
// run that is interrupted before, by a signal or by a crash, leaves it to the next one.
func (j job) finish(ctx context.Context, exec *actito.Execution, err error) error {
	if _, ended := errors.AsType[*actito.ImportError](err); err != nil && !ended {
		return err
	}
	total := exec.Totals()
	fmt.Fprintf(j.out, "   %d read = %d created + %d updated + %d rejected\n", total.Read, total.Created, total.Updated, total.Rejected)
	// Each rejected row by its key, never by what else it holds: this output ends up in a log.
	for reject, failed := range j.client.Executions.Rejects(ctx, exec) {
		if failed != nil {
			return errors.Join(err, failed)
		}
		fmt.Fprintf(j.out, "   rejected: customer %s: %s in column %s\n", reject.Row["customerID"], reject.Code, reject.Column)
	}
	return errors.Join(err, j.state.forget())
}
