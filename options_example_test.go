package actito_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// exampleServer is a fake service in memory with the tables Customers and Orders, and a client of it.
func exampleServer(opts ...actito.Option) (*actitotest.Server, *actito.Client) {
	server := actitotest.NewServer(actitotest.InMemory())
	addStore(server)
	server.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions, actitotest.ExistingConflict)
	client, err := actito.New(server.APIKey, "MyEntity", append([]actito.Option{actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()})}, opts...)...)
	if err != nil {
		log.Fatal(err)
	}
	return server, client
}

func ExampleDiscoverEnvironment() {
	environment, err := actito.DiscoverEnvironment(context.Background(), os.Getenv("ACTITO_API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(environment, environment.URL()) // write it into the configuration: it does not change
}

func ExampleWithAPIKeyFunc() {
	key := func(context.Context) (string, error) { // asked for each token, so that a new key needs no restart
		b, err := os.ReadFile("/run/secrets/actito-api-key")
		return string(b), err
	}
	client, err := actito.New("", "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithAPIKeyFunc(key))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = client.Entities.List(context.Background())
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output: true
}

// tokens hands out a token that another process keeps fresh.
type tokens struct{}

func (tokens) Token(context.Context) (actito.Token, error) {
	return actito.Token{AccessToken: "from the other process", Expiry: time.Now().Add(5 * time.Minute)}, nil
}

func ExampleWithTokenSource() {
	client, err := actito.New("", "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithTokenSource(tokens{}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleWithLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithLogger(logger), actito.WithUserAgent("shop/1.4"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleWithRetry() {
	server, client := exampleServer(
		actito.WithRetry(actito.RetryPolicy{Tries: 2, MinWait: time.Millisecond}), // the rest as it is
		actito.WithTimeouts(actito.Timeouts{Answer: 5 * time.Second}))             // of each try
	server.Fail(actitotest.OpEntityList, actitotest.Times(3, actitotest.Status(503)))
	_, err := client.Entities.List(context.Background())
	fmt.Println(actito.Retryable(err), len(server.Requests(actitotest.OpEntityList)))
	// Output: true 2
}

func ExampleWithDryRun() {
	type Customer struct {
		ID string `actito:"customerID,key"`
	}
	server, client := exampleServer(actito.WithDryRun())
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	exec, err := client.ETLs.RunOnce(context.Background(),
		actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		actito.DataBytes("customers.csv", []byte("customerID\nC1\n")))
	fmt.Println(exec, err)
	fmt.Println(len(server.Imports()), "imports")
	// Output:
	// execution: DRY_RUN <nil>
	// 0 imports
}

func ExampleWithLimiter() {
	limiter, err := actito.NewLimiter(actito.RateLimit{CallsPerMinute: 60})
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"the key of one team", "that of another"} { // of one licence
		client, err := actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithLimiter(limiter))
		if err != nil {
			log.Fatal(err)
		}
		defer client.Close()
	}
}

func ExampleWithRateLimit() {
	limit := actito.RateLimit{CallsPerMinute: 100, Concurrent: 5, Share: 2} // one of two replicas
	client, err := actito.New("key", "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithRateLimit(limit))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	part, err := limit.Resolve()
	fmt.Println(part.CallsPerMinute, part.Concurrent, err)
	// Output: 50 2 <nil>
}

func ExampleWithTimeZone() {
	type Order struct {
		ID   string          `actito:"orderId,key"`
		Seen actito.DateTime `actito:"lastSeen"`
	}
	server, client := exampleServer(actito.WithTimeZone("America/Montreal"))
	orders, err := actito.Records[Order](client, "Orders")
	if err != nil {
		log.Fatal(err)
	}
	_, err = orders.Upsert(context.Background(), Order{ID: "A-1", Seen: actito.DateTimeOf(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))})
	order, _ := server.Record("Orders", "A-1")
	fmt.Println(order["lastSeen"], err)
	// Output: 2026-11-23 07:00:00 <nil>
}

func ExampleWithUnprefixedPaths() {
	server, client := exampleServer(actito.WithUnprefixedPaths(), actito.WithPartNames("file", "definition")) // where a licence differs
	_, err := client.Structures.CustomTables(context.Background())
	fmt.Println(server.Requests(actitotest.OpCustomTableList)[0].Path, err)
	// Output: /v5/entities/MyEntity/custom-tables <nil>
}

func ExampleWithProfilesV5() {
	type Customer struct {
		ID string `actito:"customerID,key"`
	}
	server, client := exampleServer(actito.WithProfilesV5())
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	_, err = customers.Upsert(context.Background(), Customer{ID: "C1"})
	fmt.Println(server.Requests(actitotest.OpProfileUpsert)[0].Path, err)
	// Output: /profiles/v5/entities/MyEntity/profile-tables/Customers/profiles <nil>
}

func ExampleMaxWait() {
	type Customer struct {
		ID string `actito:"customerID,key"`
	}
	_, client := exampleServer(actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 3})) // the token is a call too
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"C1", "C2", "C3"} {
		_, err := customers.Upsert(context.Background(), Customer{ID: id}, actito.MaxWait(50*time.Millisecond))
		fmt.Println(id, errors.Is(err, actito.ErrBusy))
	}
	// Output:
	// C1 false
	// C2 false
	// C3 true
}

func ExampleDataCollection() {
	type Customer struct {
		ID         string           `actito:"customerID,key"`
		Newsletter actito.Opt[bool] `actito:"subscriptions#Newsletter"`
	}
	customers, err := actito.Profiles[Customer](exampleClient(), "Customers")
	if err != nil {
		log.Fatal(err)
	}
	_, err = customers.Upsert(context.Background(), Customer{ID: "C1", Newsletter: actito.Set(true)},
		actito.DataCollection(actito.DataCollectionInfo{Date: actito.DateTimeOf(time.Now()), Source: "webshop", Way: "api_push"}),
		actito.Background(), // behind the calls of handlers
		actito.BeforeSend(func(context.Context) error { return nil }))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleOnProgress() {
	type Customer struct {
		ID string `actito:"customerID,key"`
	}
	client, ctx := exampleClient(), context.Background()
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		actito.DataBytes("customers.csv", []byte("customerID\nC1\n")),
		actito.OnProgress(func(p actito.Progress) { fmt.Fprintln(io.Discard, p.Phase, p.Sent, "of", p.Total) }))
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec, actito.WaitProgress(func(e *actito.Execution) { fmt.Println("reads", e.Status) }))
	fmt.Println(exec.Ended(), exec.Files[0].Verdict(), err)
	// Output:
	// reads SUCCESS
	// true loaded <nil>
}

// contrib/otel makes spans and metrics of these; here they are counted by hand.
func ExampleWithHooks() {
	_, client := exampleServer(actito.WithHooks(actito.Hooks{
		CallEnd: func(_ context.Context, c actito.CallInfo, r actito.CallResult) {
			fmt.Println(c.Op, c.Method, c.PathTemplate, c.Attempts, r.Err)
		},
		Transport: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				call, ok := actito.CallFromContext(r.Context())
				fmt.Println("request of", call.Op, ok)
				return next.RoundTrip(r)
			})
		},
	}))
	if _, err := client.Entities.List(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// request of get token true
	// request of list entities true
	// list entities GET /entities/v5/entities 1 <nil>
}
