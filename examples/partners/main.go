// Partners loads the customer files that partners of a shop deliver. Each file has columns of its own, so each is a one
// shot import with a definition of its own, and Actito reports the result to whoever looks after the partner. A file
// that is broken stops nobody else's.
//
//	go run ./examples/partners
//
// It runs against a fake of the service inside the program. It exits with 1 if a file was not loaded or rows of it were
// rejected.
package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

//go:embed files
var files embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "partners:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	fake := shop.NewServer()
	defer fake.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()

	partners := []partner{
		{
			name: "cyclists", recipient: "cyclists@shop.example", separator: ';',
			saved: []actito.DataOption{actito.FromExcel()}, // with a mark, a line "sep=;", and empty cells at the end
			columns: []actito.Mapping{
				{Column: "Member", Attribute: "customerID"}, {Column: "E-Mail", Attribute: "emailAddress"},
				{Column: "First name", Attribute: "firstName"}, {Column: "Land", Attribute: "country"},
			},
		},
		{
			name: "bookshop", recipient: "books@shop.example", separator: ',',
			columns: []actito.Mapping{
				{Column: "card", Attribute: "customerID"}, {Column: "mail", Attribute: "emailAddress"},
				{Column: "given name", Attribute: "firstName"},
			},
		},
		{
			name: "museum", recipient: "museum@shop.example", separator: ',',
			columns: []actito.Mapping{
				{Column: "visitor", Attribute: "customerID"}, {Column: "email", Attribute: "emailAddress"},
				{Column: "name", Attribute: "firstName"},
			},
		},
	}
	err = loadAll(ctx, client, files, partners, stdout)
	usage, usageErr := client.Quota.Usage(ctx, shop.Customers)
	if usageErr == nil {
		fmt.Fprintf(stdout, "\nImports left today for table %s: %d of %d\n", usage.Table, usage.Left, usage.Limit)
	}
	fmt.Fprintf(stdout, "Profiles that the fake holds: %d\n", len(fake.Profiles(shop.Customers)))
	return err
}
