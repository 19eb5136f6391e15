// Nightly triggers a stored ETL once a day with the file of what changed, waits for it to end, and reports the rows
// that were rejected. A scheduler may start it as often as it likes: the day's import runs once.
//
//	go run ./examples/nightly
//	go run ./examples/nightly -day 2026-11-22 -file export/customers.csv
//
// It runs against a fake of the service inside the program.
//
// Exit codes, for the scheduler:
//
//	0  every row was loaded
//	1  it did not come to an end: start the program again
//	2  it was called wrongly, or the file cannot be loaded: nothing was sent
//	3  rows were rejected, the others are loaded: correct the source, and start nothing again
//	4  the import failed, or nobody knows whether it runs: look into Actito before anything is started again
//	5  the day's imports are used up: start again tomorrow
package main

import (
	"cmp"
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
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, actito.ErrRowsRejected):
		return 3
	case errors.Is(err, actito.ErrImportFailed), errors.Is(err, actito.ErrOutcomeUnknown), once && started.SameContent:
		return 4
	case errors.Is(err, actito.ErrQuotaExceeded):
		return 5
	case usage, once, errors.Is(err, actito.ErrInvalid), errors.Is(err, actito.ErrNoRows), errors.Is(err, os.ErrNotExist):
		return 2
	}
	return 1
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("nightly", flag.ContinueOnError)
	flags.SetOutput(stdout)
	path := flags.String("file", "", "load this CSV `file`, named customers.csv as the stored ETL has it, instead of the sample")
	date := flags.String("day", time.Now().Format(time.DateOnly), "the `day` that is loaded")
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	day, err := time.Parse(time.DateOnly, *date)
	if err != nil {
		return usageError{errors.New("-day wants a day such as 2026-11-23")}
	}
	file := actito.DataBytes("customers.csv", sample)
	if *path != "" {
		file = actito.DataFile(*path) // read when the import starts, and never held in memory
	}

	fake := shop.NewServer()
	defer fake.Close()
	// With an account, the ledger has to outlive the program, since it remembers what was started. The one in memory,
	// which is the default and does for a demonstration, forgets it:
	//
	//	ledger, err := filequota.Open("/var/lib/shop/actito.ledger")
	//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3), actito.WithQuota(actito.Quota{Store: ledger}))
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	etl, err := storeETL(ctx, client)
	if err != nil {
		return err
	}

	fmt.Fprintf(stdout, "The scheduler starts the job for %s.\n", day.Format(time.DateOnly))
	err = load(ctx, client, etl, day, file, stdout)
	if err != nil && !errors.Is(err, actito.ErrRowsRejected) {
		return err
	}
	fmt.Fprintln(stdout, "The scheduler starts it once more.")
	again := load(ctx, client, etl, day, file, stdout)
	fmt.Fprintf(stdout, "Imports that reached the service: %d\n", len(fake.Imports()))
	return cmp.Or(err, again)
}
