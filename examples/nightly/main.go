// Nightly triggers a stored ETL once a day with the file of what changed, waits for it to end, and reports the rows
// that were rejected. It may be killed at any moment: before the first byte is sent, it writes down what it is about to
// start, and its next run finds out what became of that, before it starts anything. A scheduler may start it as often as
// it likes, one run after the other: the day's import runs once.
//
//	go run ./examples/nightly                                                   a demonstration
//	go run ./examples/nightly -day 2026-11-22 -file export/customers.csv        the same, with a file of yours
//	nightly -url https://… -etl 1234 -state /var/lib/nightly -file customers.csv   the job
//
// The demonstration has a fake of the service inside the program, which runs itself as the job: it is killed in the middle
// of the import, and run again. The job reads the API key from ACTITO_API_KEY. Two jobs must not run at the same time: a
// systemd timer keeps to that by itself, and in a crontab, "flock -n /var/lib/nightly/lock nightly …" does.
//
// Exit codes of the job, for the scheduler:
//
//	0  every row was loaded, or no larger share than -tolerate was rejected
//	1  it did not come to an end: start the program again, and it goes on from there
//	2  it was called wrongly, or the file cannot be loaded: nothing was started
//	3  rows were rejected, the others are loaded: correct the source, and start nothing again
//	4  the import failed, its numbers do not add up, or nobody can tell whether it runs: look into Actito
//	5  the day's imports are used up: start again tomorrow
//	6  an earlier day's import was not started, or not as a whole: load that day first, as the message says,
//	   or do without it by deleting left.json in the state folder
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/quota/filequota"
)

//go:embed customers.csv
var sample []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "nightly:", err)
		os.Exit(exitCode(err))
	}
}

// usageError says that the program was called wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error } // flag.ErrHelp is one

func exitCode(err error) int {
	_, usage := errors.AsType[usageError](err)
	started, once := errors.AsType[*actito.AlreadyStartedError](err) // a Once key that cannot be used now
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, context.Canceled): // even where something else is known already, it is not all
		return 1
	case errors.Is(err, errNotLoaded):
		return 6
	case errors.Is(err, actito.ErrImportFailed), errors.Is(err, actito.ErrRowsUnaccounted), errors.Is(err, actito.ErrOutcomeUnknown),
		once && started.SameContent:
		return 4
	case errors.Is(err, actito.ErrQuotaExceeded):
		return 5
	case errors.Is(err, actito.ErrRowsRejected):
		return 3
	case usage, once, errors.Is(err, actito.ErrInvalid), errors.Is(err, actito.ErrNoRows), errors.Is(err, os.ErrNotExist):
		return 2
	}
	return 1
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("nightly", flag.ContinueOnError)
	flags.SetOutput(stdout)
	url := flags.String("url", "", "the service's `URL`; without it, the job is demonstrated")
	etl := flags.String("etl", "", "the `id` of the stored ETL")
	folder := flags.String("state", "", "keep what outlives the job in this `folder`")
	path := flags.String("file", "", "load this CSV `file`, named customers.csv as the stored ETL has it")
	day := flags.String("day", time.Now().Format(time.DateOnly), "the `day` that is loaded")
	minRows := flags.Int("min-rows", 1, "refuse a file of fewer `rows`, as an extract that broke off")
	tolerate := flags.Float64("tolerate", 0, "the `share` of the rows that may be rejected: 0.01 is one in a hundred")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	if _, err := time.Parse(time.DateOnly, *day); err != nil {
		return usageError{errors.New("-day wants a day such as 2026-11-23")}
	}
	if *url == "" {
		return demonstrate(ctx, args, stdout)
	}
	if *etl == "" || *folder == "" || *path == "" {
		return usageError{errors.New("with -url, -etl and -state and -file are needed too")}
	}

	if err := os.MkdirAll(*folder, 0o700); err != nil {
		return err
	}
	// The ledger outlives the program, since it remembers what was started: the one in memory would forget it.
	ledger, err := filequota.Open(state(*folder).ledger())
	if err != nil {
		return err
	}
	// With an account, WithEnvironment(actito.Env3) takes the place of the URL.
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), shop.Entity, actito.WithBaseURL(*url), actito.WithQuota(actito.Quota{Store: ledger}))
	if err != nil {
		return usageError{err}
	}
	defer client.Close()
	fmt.Fprintf(stdout, "   the job for %s\n", *day)
	return job{
		client: client, etl: *etl, state: state(*folder), day: *day, file: actito.DataFile(*path), // never held in memory
		minRows: *minRows, tolerate: *tolerate, out: stdout,
	}.run(ctx)
}
