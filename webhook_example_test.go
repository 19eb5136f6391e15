package actito_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// A wait that ends by webhook, with a fake in Actito's place.
func ExampleWebhookService_Handler() {
	ctx := context.Background()
	fake := actitotest.NewServer(actitotest.WithImportTimes(100*time.Millisecond, 100*time.Millisecond))
	defer fake.Close()
	fake.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
	}})
	client, err := actito.New(fake.APIKey, "MyEntity", actito.WithBaseURL(fake.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	told := make(chan actito.ETLEvent, 1)
	// Where webhooks arrive. In a program: http.Handle("POST /webhooks/actito", handler), behind TLS.
	handler, err := client.Webhooks.Handler(actito.WebhookConfig{
		Secrets: []string{"from the environment, long and random"},
		OnETL: func(_ context.Context, e actito.ETLEvent) error {
			told <- e
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	listener := httptest.NewServer(handler)
	defer listener.Close()

	// Once, when the ETL is made.
	etlID, err := client.ETLs.Create(ctx, actito.Definition{Name: "customers", Files: []actito.InputFile{{
		FileNamePattern: "customers.csv",
		Destination:     actito.Destination{Table: actito.ProfileTableType, TableID: "Customers"},
		Mapping:         []actito.Mapping{{Column: "customerID", Attribute: "customerID"}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	sub := handler.Subscription(listener.URL + "/webhooks/actito")
	sub.On, sub.Of, sub.Event = actito.SourceETL, etlID, actito.EventFinished
	if _, err := client.Webhooks.Subscribe(ctx, sub); err != nil {
		fmt.Println(err)
		return
	}

	// Each night.
	exec, err := client.ETLs.Trigger(ctx, etlID, actito.DataBytes("customers.csv", []byte("customerID\nC1\nC2\n")))
	if err != nil {
		fmt.Println(err)
		return
	}
	exec, err = client.Executions.Wait(ctx, exec, actito.Tolerate(0.01))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("waited:", exec.Status, exec.Totals().Created)
	fmt.Println("told:", (<-told).Status)
	// Output:
	// waited: SUCCESS 2
	// told: SUCCESS
}

// Rows that change in Actito, by a form or by another program.
func ExampleWebhookHandler_data() {
	client, err := actito.New("key", "MyEntity", actito.WithEnvironment(actito.Env3))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	handler, err := client.Webhooks.Handler(actito.WebhookConfig{
		Secrets: []string{"the new secret", "the former one, until all subscriptions have the new one"},
		OnData: func(_ context.Context, e actito.DataEvent) error {
			fmt.Println(e.Type, e.ID, len(e.Values)) // an error here is answered 500, for the sender to repeat
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/actito", handler)
}
