// Northwind loads three files that depend on each other, as untidy as they are: customers, their orders, and the lines of
// these. What is untidy is put right by transformations, which are data; the order comes from the foreign keys of the
// tables; and nothing is sent unless every order has its customer, and every line its order.
//
//	go run ./examples/northwind
//	go run ./examples/northwind -dir northwind
//
// The files of -dir are those of the public Northwind sample as CSV. It runs against a fake of the service inside the
// program.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/actito-go/actito"
)

//go:embed sample
var samples embed.FS

const entity = "MyEntity"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "northwind:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("northwind", flag.ContinueOnError)
	flags.SetOutput(stdout)
	path := flags.String("dir", "", "load customers.csv, orders.csv and order_details.csv of this `directory` instead of the sample's")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	dir, err := fs.Sub(samples, "sample")
	if *path != "" {
		dir, err = os.DirFS(*path), nil
	}
	if err != nil {
		return err
	}
	server := newServer()
	defer server.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(server.APIKey, entity, actito.WithBaseURL(server.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := explain(dir, stdout); err != nil {
		return err
	}
	if err := load(ctx, client, dir, stdout); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The fake holds %d customers, %d orders and %d lines.\n",
		len(server.Profiles("Customers")), len(server.Records("Orders")), len(server.Records("OrderLines")))
	return nil
}
