package feed_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

type (
	exampleCustomer struct {
		ID    string `actito:"customerID,key"`
		Email string `actito:"emailAddress"`
	}
	exampleOrder struct {
		ID       string `actito:"orderId,key"`
		Customer string `actito:"customerID"`
	}
)

// exampleShop is a fake service in memory with customers and their orders.
func exampleShop() (*actitotest.Server, *actito.ProfileTable[exampleCustomer], *actito.CustomTable[exampleOrder]) {
	server := actitotest.NewServer(actitotest.InMemory())
	server.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "emailAddress", Type: "EMAIL_ADDRESS"},
	}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Orders", PrimaryKey: "orderId", Attributes: []actitotest.Attribute{
		{Name: "orderId", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "customerID", Type: "STRING"},
	}})
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		log.Fatal(err)
	}
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	orders, err := actito.Records[exampleOrder](client, "Orders")
	if err != nil {
		log.Fatal(err)
	}
	return server, customers, orders
}

// exampleFeed is a feed in memory, and its lane of customers.
func exampleFeed(customers *actito.ProfileTable[exampleCustomer]) (*feedtest.Memory, *feed.Feed, *feed.Lane[exampleCustomer]) {
	outbox := feedtest.NewMemory()
	f, err := feed.Open(customers.Client(), outbox)
	if err != nil {
		log.Fatal(err)
	}
	return outbox, f, feed.Profiles(f, customers)
}

// The process that delivers, beside as many others as there are: one of them drains at a time. [SQLStore.Migrate] makes
// the tables, unless your own migrations do.
func ExampleSQL() {
	run := func(db *sql.DB, client *actito.Client, secret []byte) error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		outbox := feed.SQL(db, feed.Postgres)
		if err := outbox.Migrate(ctx); err != nil {
			return err
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return err
		}
		sealed, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		f, err := feed.Open(client, outbox, feed.Seal(sealed), feed.LeaseTime(time.Minute), feed.WithLogger(slog.Default()))
		if err != nil {
			return err
		}
		if err := f.Check(); err != nil { // before it says that it is ready
			return err
		}
		return f.Run(ctx) // until a signal
	}
	_ = run
}

// An order is not sent before its customer, whatever fails.
func ExampleAfter() {
	server, customers, orders := exampleShop()
	defer server.Close()
	outbox, f, people := exampleFeed(customers)
	ctx := context.Background()
	bought := feed.Records(f, orders, feed.After(people, "customerID"))

	tx := outbox.Begin()
	err := errors.Join(
		people.Push(ctx, tx, exampleCustomer{ID: "C1", Email: "ann@example.com"}),
		bought.Push(ctx, tx, exampleOrder{ID: "O1", Customer: "C1"}),
		bought.Delete(ctx, tx, "O0"), // a right to be forgotten, say
		tx.Commit(),
		f.Drain(ctx), // Run, in a process that stays
	)
	fmt.Println(len(server.Profiles("Customers")), len(server.Records("Orders")), err)
	// Output: 1 1 <nil>
}

// A program whose database library knows no Execer runs the statement itself.
func ExampleLane_Statement() {
	server, customers, _ := exampleShop()
	defer server.Close()
	_, _, people := exampleFeed(customers)
	_, args, err := people.Statement(exampleCustomer{ID: "C1", Email: "ann@example.com"},
		feed.DataCollection(actito.DataCollectionInfo{}))
	fmt.Println(len(args) > 0, err)
	// Output: true <nil>
}

// What the service refuses for good waits for a person, who has the row corrected, tries it again or gives it up.
func ExampleFeed_Dead() {
	server, customers, _ := exampleShop()
	defer server.Close()
	outbox, f, people := exampleFeed(customers)
	ctx := context.Background()
	if err := people.Push(ctx, outbox, exampleCustomer{ID: "C1", Email: "ann@"}); err != nil {
		log.Fatal(err)
	}
	if err := f.Drain(ctx); err != nil {
		log.Fatal(err)
	}
	stats, err := f.Stats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, lane := range stats.Lanes {
		fmt.Println(lane.Lane, lane.Pending, lane.Dead)
	}
	for dead, err := range f.Dead(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(dead.Code, dead.Column)
		if correctedSince(dead) {
			err = f.Retry(ctx, dead.ID)
		} else {
			err = f.Discard(ctx, dead.ID, "the customer has no address") // logged
		}
		fmt.Println(err)
	}
	// Output:
	// profiles:MyEntity/Customers:customerID 0 1
	// 400 emailAddress
	// <nil>
}

// correctedSince tells whether the table's definition, say, was changed since the row was refused.
func correctedSince(feed.DeadEvent) bool { return false }
