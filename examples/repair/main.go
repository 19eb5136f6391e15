// Repair imports a file of which the service rejects rows, and puts right what can be put right: a webhook tells that the
// import has ended, the rejects are counted by reason, those with a known remedy are sent again one by one, which costs
// none of the day's imports, and the rest is written to a file for people to look at.
//
//	go run ./examples/repair
//	go run ./examples/repair -file export/customers.csv -rest /var/lib/shop/rejects
//
// It runs against a fake of the service inside the program. What it prints may be logged: of a customer it shows the key
// only, since whoever looks after the rest has to find them. The file of the rest holds personal data, and is readable by
// its owner only.
//
// Exit codes:
//
//	0  every row is in the table
//	1  it failed
//	3  rows are left for people
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
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

//go:embed customers.csv
var sample []byte

// fileName is the import's file, as the stored ETL has it.
const fileName = "customers.csv"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errRowsLeft):
		fmt.Fprintln(os.Stderr, "repair:", err)
		os.Exit(3)
	default:
		fmt.Fprintln(os.Stderr, "repair:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("repair", flag.ContinueOnError)
	flags.SetOutput(stdout)
	path := flags.String("file", "", "import this CSV `file`, named "+fileName+", instead of the sample")
	rest := flags.String("rest", "", "write the rows that are left into this `folder`, as "+fileName+", instead of a new temporary one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	file := actito.DataBytes(fileName, sample)
	if *path != "" {
		file = actito.DataFile(*path)
	}

	fake := shop.NewServer(actitotest.WithImportTimes(100*time.Millisecond, 200*time.Millisecond))
	defer fake.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return err
	}
	job := &job{client: client, customers: customers, rest: *rest, out: stdout}
	if job.receiver, err = newReceiver(client); err != nil {
		return err
	}
	stop, err := job.receiver.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stop() }()
	etl, err := job.setUp(ctx)
	if err != nil {
		return err
	}
	exec, err := job.load(ctx, etl, file)
	if errors.Is(err, actito.ErrRowsRejected) {
		err = job.repair(ctx, exec)
	}
	fmt.Fprintf(stdout, "Profiles that the fake holds: %d, imports that reached it: %d\n", len(fake.Profiles(shop.Customers)), len(fake.Imports()))
	return err
}
