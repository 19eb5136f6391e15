// Fake-actito serves a fake of the Actito service until it is interrupted, for
// clients in any language:
//
//	go run ./actitotest/cmd/fake-actito -addr 127.0.0.1:8085 -entity MyEntity
//
// It prints the base URL and an API key, and starts with empty tables: Customers and
// Orders, and Scratch and ScratchOrders for the conformance suite.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/actito-go/actito/actitotest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8085", "address to listen on")
	entity := flag.String("entity", "MyEntity", "entity that owns the tables")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *addr, *entity); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, out io.Writer, addr, entity string) error {
	fake := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities(entity))
	defer fake.Close()
	addTables(fake, entity)

	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           fake.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintf(out, "URL: http://%s\nAPI key: %s\nEntity: %s\n", listener.Addr(), fake.APIKey, entity)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func addTables(fake *actitotest.Server, entity string) {
	fake.AddProfileTable(entity, actitotest.Table{
		ID: "16", Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "lastName", Type: "LASTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "gsmNumber", Type: "STRING"},
			{Name: "country", Type: "STRING", MaxLength: 2},
		},
		Subscriptions: []string{"Newsletter"},
		Segmentations: []actitotest.Segmentation{{Name: "NewsletterActivity", Categories: []string{"Active", "Inactive"}}},
	})
	fake.AddCustomTable(entity, actitotest.Table{
		ID: "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", Name: "Orders", Type: "INTERACTIONS",
		PrimaryKey: "orderId", CreationTime: "orderMoment",
		Attributes: []actitotest.Attribute{
			{Name: "orderId", Type: "STRING"},
			{Name: "orderMoment", Type: "TIMESTAMP", Mandatory: true},
			{Name: "amount", Type: "NUMBER", Mandatory: true},
			{Name: "status", Type: "STRING", AcceptedValues: []string{"NEW", "SHIPPED", "CANCELED"}},
			{Name: "customerID", Type: "STRING"},
		},
		ForeignKeys: []actitotest.ForeignKey{
			{Name: "link-to-customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID", Cascade: true},
		},
	})
	fake.AddProfileTable(entity, actitotest.Table{
		Name: "Scratch",
		Attributes: []actitotest.Attribute{
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true, Mandatory: true},
			{Name: "firstName", Type: "FIRSTNAME"},
		},
		Subscriptions: []string{"Newsletter"},
		Segmentations: []actitotest.Segmentation{{Name: "Activity", Categories: []string{"Active"}}},
	})
	fake.AddCustomTable(entity, actitotest.Table{
		Name: "ScratchOrders", Type: "DATA", PrimaryKey: "orderId",
		Attributes: []actitotest.Attribute{{Name: "orderId", Type: "STRING"}, {Name: "status", Type: "STRING"}},
	})
}
