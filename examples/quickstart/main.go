// Quickstart shows the whole of the library on two small files. It needs no account: a fake of the service runs inside
// the program.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -customers customers.csv -orders orders.csv
//	go run ./examples/quickstart -live
//
// With -live it reads from the real service, and writes nothing: which environment the key belongs to, what entities
// and tables there are, and a Go struct for each table. Key and entity come from ACTITO_API_KEY and ACTITO_ENTITY.
//
// It exits with 0 if all went well, rejected rows included, since it is there to show them; with 2 if it was called
// wrongly, and with 1 if anything else failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/actito-go/actito/examples/internal/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "quickstart:", err)
	if isUsage(err) {
		os.Exit(2)
	}
	os.Exit(1)
}

// usageError says that the program was called wrongly.
type usageError struct{ error }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what is wrong is said in one line, and all flags are shown on request only
	customersFile := flags.String("customers", "", "load the customers of this CSV `file` instead of the sample's")
	ordersFile := flags.String("orders", "", "load the orders of this CSV `file` instead of the sample's")
	live := flags.Bool("live", false, "read from the real service; the variables ACTITO_API_KEY and ACTITO_ENTITY name a key and an entity")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "usage: quickstart [flags]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w (-h shows all flags)", err)}
	case flags.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q (-h shows all flags)", flags.Arg(0))}
	case *live && (*customersFile != "" || *ordersFile != ""):
		return usageError{errors.New("-live only reads: it takes neither -customers nor -orders")}
	}

	out := newPrinter(stdout)
	if *live {
		key, entity := getenv("ACTITO_API_KEY"), getenv("ACTITO_ENTITY")
		if key == "" || entity == "" {
			return usageError{errors.New("-live needs the variables ACTITO_API_KEY and ACTITO_ENTITY")}
		}
		return explore(ctx, out, key, entity)
	}

	customers, err := readFile(*customersFile, "customers.csv", readCustomer, customerData)
	if err != nil {
		return err
	}
	orders, err := readFile(*ordersFile, "orders.csv", readOrder, orderData)
	if err != nil {
		return err
	}
	server := shop.NewServer()
	defer server.Close()
	return demonstrate(ctx, out, server, customers, orders)
}
