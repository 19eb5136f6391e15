// Check looks for mistakes in the files of a vendor before they cost one of the day's imports: as they were delivered,
// and again once a program has cleaned them. What is left is sent all the same, to show that the service rejects those
// rows and no others.
//
//	go run ./examples/check
//	go run ./examples/check -customers export/customers.csv -orders export/orders.csv
//
// It runs against a fake of the service inside the program.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

//go:embed customers.csv orders.csv
var samples embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(stdout)
	customers := flags.String("customers", "", "check this CSV `file` instead of the sample")
	orders := flags.String("orders", "", "check this CSV `file` instead of the sample")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	fake := shop.NewServer()
	defer fake.Close()
	fake.Assume(actitotest.KeysWithCase) // as the check does: a parent whose key differs in case is another one
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	job, err := newJob(client, source{*customers, "customers.csv"}, source{*orders, "orders.csv"}, stdout)
	if err != nil {
		return err
	}

	fmt.Fprintln(stdout, "As they were delivered:")
	if err := job.checkFiles(ctx); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "\nAs they would be sent:")
	if err := job.checkRows(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nImports that reached the service so far: %d\n", len(fake.Imports()))
	fmt.Fprintln(stdout, "Sent all the same:")
	return job.send(ctx)
}
