package actitotest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

type exampleCustomer struct {
	ID string `actito:"customerID,key"`
}

// exampleTables is a table of customers, and a client of it.
func exampleTables(server *actitotest.Server, opts ...actito.Option) *actito.ProfileTable[exampleCustomer] {
	server.AddProfileTable("Shop", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
	}})
	client, err := actito.New(server.APIKey, "Shop", append([]actito.Option{actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()})}, opts...)...)
	if err != nil {
		log.Fatal(err)
	}
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	return customers
}

// What goes wrong with one call, and what a client without repeats is told.
func ExampleFault() {
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities("Shop"))
	defer server.Close()
	customers := exampleTables(server, actito.WithRetry(actito.RetryPolicy{Tries: 1}))
	for _, fault := range []struct {
		name string
		actitotest.Fault
	}{
		{"no fault", actitotest.Pass()},
		{"a slow answer", actitotest.Delay(time.Millisecond)},
		{"no connection", actitotest.Refuse()},
		{"a connection that breaks during the request", actitotest.CutRequest(3)},
		{"a connection that breaks before the answer", actitotest.LoseAnswer()},
		{"a connection that breaks within the answer", actitotest.CutAnswer(3)},
		{"no answer", actitotest.Hang()},
		{"a proxy's page, before the body is read", actitotest.Status(502).WithBody("text/html", "<html>").Early()},
		{"a redirect to elsewhere", actitotest.Redirect(307, "https://elsewhere.example/")},
		{"a token that was withdrawn", actitotest.Times(2, actitotest.RevokeToken())},
	} {
		server.Fail(actitotest.OpProfileUpsert, fault.Fault)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := customers.Upsert(ctx, exampleCustomer{ID: "C1"})
		cancel()
		fmt.Printf("%s: fails %t, worth a repeat %t\n", fault.name, err != nil, actito.Retryable(err))
	}
	// Output:
	// no fault: fails false, worth a repeat false
	// a slow answer: fails false, worth a repeat false
	// no connection: fails true, worth a repeat true
	// a connection that breaks during the request: fails true, worth a repeat true
	// a connection that breaks before the answer: fails true, worth a repeat true
	// a connection that breaks within the answer: fails true, worth a repeat true
	// no answer: fails true, worth a repeat true
	// a proxy's page, before the body is read: fails true, worth a repeat true
	// a redirect to elsewhere: fails true, worth a repeat false
	// a token that was withdrawn: fails true, worth a repeat true
}

// Somebody withdraws the key in Actito's pages, or the tokens alone.
func ExampleServer_RevokeKey() {
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities("Shop"), actitotest.WithAPIKeys("key-of-the-shop", "key-of-the-office"))
	defer server.Close()
	customers, ctx := exampleTables(server), context.Background()
	upsert := func() error {
		_, err := customers.Upsert(ctx, exampleCustomer{ID: "C1"})
		return err
	}
	fmt.Println(upsert())
	server.RevokeTokens()
	fmt.Println(upsert()) // with a new one
	server.RevokeKey("key-of-the-shop")
	fmt.Println(errors.Is(upsert(), actito.ErrUnauthorized))
	// Output:
	// <nil>
	// <nil>
	// true
}

// Imports that others start: a file that arrives where an ETL waits for it, and one that somebody started in Actito's pages.
func ExampleServer_PutFile() {
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities("Shop"),
		actitotest.WithImportTimes(time.Minute, time.Minute), actitotest.WithLimits(actitotest.Limits{ImportsPerDay: 3}))
	defer server.Close()
	server.Assume(actitotest.ExecutionListExists)
	server.ListLag(10 * time.Second)
	customers, ctx := exampleTables(server), context.Background()
	client := customers.Client()
	folder := server.AddLocation("Shop", "night")
	file := customers.InputFile("customers_$yyyyMMdd.csv")
	file.Compression = actito.Uncompressed
	_, err := client.ETLs.Create(ctx, actito.Definition{Name: "customers", Location: &actito.LocationRef{ID: folder}, Files: []actito.InputFile{file}})
	if err != nil {
		log.Fatal(err)
	}
	day := server.Clock().Now().Format("20060102")
	server.PutFile("night", "customers_"+day+".csv", []byte("customerID\nC1\nC2\n"))
	server.AddExecution("Shop", "Customers")
	server.Clock().Advance(5 * time.Minute)
	for _, im := range server.Imports() {
		fmt.Println(im.Way, im.Status, im.Rows)
	}
	// Output:
	// FILE SUCCESS 2
	// OTHER SUCCESS 0
}

// Webhooks arrive at a handler in memory, late, and twice.
func ExampleServer_SendWebhooksTo() {
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities("Shop"))
	defer server.Close()
	customers, ctx := exampleTables(server), context.Background()
	client := customers.Client()
	handler, err := client.Webhooks.Handler(actito.WebhookConfig{
		Secrets: []string{"from the environment, long and random"},
		OnData: func(_ context.Context, e actito.DataEvent) error {
			fmt.Println("told:", e.Type)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	server.SendWebhooksTo(handler)
	sub := handler.Subscription("https://shop.example/webhooks")
	sub.On, sub.Of, sub.Event = actito.SourceProfileTable, "Customers", actito.EventCreate
	if _, err := client.Webhooks.Subscribe(ctx, sub); err != nil {
		log.Fatal(err)
	}
	if _, err := customers.Upsert(ctx, exampleCustomer{ID: "C1"}); err != nil {
		log.Fatal(err)
	}
	if err := server.DeliverWebhooks(ctx); err != nil {
		log.Fatal(err)
	}
	server.RepeatWebhooks()
	if err := server.DeliverWebhooks(ctx); err != nil {
		log.Fatal(err)
	}
	for _, hook := range server.Webhooks() {
		fmt.Println("sent:", hook.Status)
	}
	// Output:
	// told: CREATE
	// told: CREATE
	// sent: 204
	// sent: 204
}

// What is there afterwards.
func ExampleServer_Record() {
	server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithEntities("Shop"))
	defer server.Close()
	customers, ctx := exampleTables(server), context.Background()
	server.AddCustomTable("Shop", actitotest.Table{Name: "Orders", PrimaryKey: "orderId", Attributes: []actitotest.Attribute{
		{Name: "orderId", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "customerID", Type: "STRING"},
	}})
	orders, err := actito.Records[struct {
		ID       string `actito:"orderId,key"`
		Customer string `actito:"customerID"`
	}](customers.Client(), "Orders")
	if err != nil {
		log.Fatal(err)
	}
	row := struct {
		ID       string `actito:"orderId,key"`
		Customer string `actito:"customerID"`
	}{"O1", "C1"}
	if _, err := orders.Upsert(ctx, row); err != nil {
		log.Fatal(err)
	}
	if _, err := customers.Upsert(ctx, exampleCustomer{ID: "C1"}); err != nil {
		log.Fatal(err)
	}
	record, ok := server.Record("Orders", "O1")
	fmt.Println(record["customerID"], ok, len(server.Records("Orders")))
	profile, ok := server.Profile("Customers", "customerID", "C1")
	fmt.Println(profile.Attributes["customerID"], ok)
	for _, e := range server.Events() {
		fmt.Println(e.Type, e.Entity)
	}
	server.Forget()
	fmt.Println(len(server.Events()), len(server.Requests()), len(server.Profiles("Customers")))
	// Output:
	// C1 true 1
	// C1 true
	// CREATE Shop
	// CREATE Shop
	// 0 0 1
}

// Which form of paths a licence has, the documentation does not say. The handler is that of any server.
func ExampleServer_Handler() {
	for _, form := range []actitotest.Option{actitotest.PrefixedOnly(), actitotest.UnprefixedOnly()} {
		server := actitotest.NewServer(form)
		listener := httptest.NewServer(server.Handler())
		answer, err := http.Get(listener.URL + "/profiles/v4/entity/MyEntity/table/Customers/profile/customerID=C1")
		if err != nil {
			log.Fatal(err)
		}
		_ = answer.Body.Close()
		fmt.Println(answer.StatusCode)
		listener.Close()
		server.Close()
	}
	// Output:
	// 401
	// 404
}

// A client is tested in every world that its assumptions leave open.
func ExampleAssumptions() {
	for _, a := range actitotest.Assumptions()[:4] {
		fmt.Println(a)
	}
	// Output:
	// EmptyCellsKeep
	// EmptyCellsClear
	// QuotaByCalendarDay
	// QuotaRolling
}
