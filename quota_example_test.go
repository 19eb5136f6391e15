package actito_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// exampleLoad imports a customer.
func exampleLoad(client *actito.Client, opts ...actito.ImportOption) (*actito.Execution, error) {
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		return nil, err
	}
	return client.ETLs.RunOnce(context.Background(),
		actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		append(opts, actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nC1,ann@example.com\n")))...)
}

func ExampleWithQuota() {
	_, client := exampleServer(actito.WithQuota(actito.Quota{
		// Store: a ledger of filequota, sqlquota or redisquota, where several processes import
		Limit:    3,
		KeepFree: 1,
		Window:   actito.DayAndRolling24h("Europe/Brussels"),
	}))
	for range 2 {
		if _, err := exampleLoad(client); err != nil {
			log.Fatal(err)
		}
	}
	_, err := exampleLoad(client)
	full, _ := errors.AsType[*actito.QuotaError](err)
	fmt.Println(full.Used, "of", full.Limit, errors.Is(err, actito.ErrQuotaExceeded))
	_, err = exampleLoad(client, actito.Urgent()) // may use what is kept
	fmt.Println(err)
	// Output:
	// 2 of 3 true
	// <nil>
}

func ExampleQuotaService_Usage() {
	_, client := exampleServer(actito.WithQuota(actito.Quota{Window: actito.CalendarDay("Europe/Brussels")}))
	if _, err := exampleLoad(client); err != nil {
		log.Fatal(err)
	}
	usage, err := client.Quota.Usage(context.Background(), "Customers")
	fmt.Println(usage.Used, usage.Held, usage.Left, usage.ResetAt.After(time.Now()), err)
	// Output: 1 0 11 true <nil>
}

func ExampleQuotaService_Plan() {
	_, client := exampleServer()
	plan, err := client.Quota.Plan(context.Background(), "Customers", 0, 24*time.Hour, 5*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	if plan.Due(time.Now()) { // asked anew every five minutes
		_, err = exampleLoad(client)
	}
	fmt.Println(plan.Table, plan.Every, err)
	// Output: Customers 5m0s <nil>
}

// An operator puts right what the library could not tell.
func ExampleQuotaService_Settle() {
	server, client := exampleServer()
	ctx := context.Background()
	server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	_, err := exampleLoad(client)
	fmt.Println(errors.Is(err, actito.ErrOutcomeUnknown))

	entries, err := client.Quota.Entries(ctx, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(entries[0].State)
	outcome := actito.Free()
	if imports := server.Imports(); len(imports) > 0 { // somebody saw it in Actito's pages
		outcome = actito.Used(imports[0].ExecutionID)
	}
	err = client.Quota.Settle(ctx, entries[0].ID, outcome)
	fmt.Println(err)
	// Output:
	// true
	// held
	// <nil>
}

func ExampleQuotaService_Sync() {
	server, client := exampleServer()
	ctx := context.Background()
	server.AddExecution("MyEntity", "Customers") // a schedule started it
	report, err := client.Quota.Sync(ctx)
	fmt.Println(report.Counted, err)
	fmt.Println(client.Quota.Adjust(ctx, "Customers", 2)) // what no list shows
	usage, err := client.Quota.Usage(ctx, "Customers")
	fmt.Println(usage.Left, err)
	fmt.Println(client.Quota.Reopen(ctx, "Customers")) // after Actito refused one, by mistake
	// Output:
	// 1 <nil>
	// <nil>
	// 9 <nil>
	// <nil>
}

func ExampleOnce() {
	server, client := exampleServer()
	first, err := exampleLoad(client, actito.Once("customers-2026-11-23"))
	if err != nil {
		log.Fatal(err)
	}
	second, err := exampleLoad(client, actito.Once("customers-2026-11-23"))
	fmt.Println(second.ID == first.ID, second.AlreadyStarted, len(server.Imports()), err)
	// Output: true true 1 <nil>
}

func ExampleMinRows() {
	server, client := exampleServer()
	_, err := exampleLoad(client, actito.MinRows(1000), actito.MaxRows(100_000), actito.MaxEmpty("emailAddress", 0.01))
	fmt.Println(errors.Is(err, actito.ErrInvalid), len(server.Imports()))
	// Output: true 0
}

// The handle is stored before the first byte is sent; whoever comes after a crash continues from it.
func ExampleExecutionService_Resume() {
	_, client := exampleServer()
	var stored actito.Handle // as JSON, in a file or a database
	exec, err := exampleLoad(client, actito.OnPrepared(func(h actito.Handle) error { stored = h; return nil }))
	if err != nil {
		log.Fatal(err)
	}
	// Another process:
	resumed, err := client.Executions.Resume(context.Background(), stored)
	fmt.Println(resumed.ID == exec.ID, resumed.Status, err)
	// Output: true SUCCESS <nil>
}

func ExampleExecutionService_Reconcile() {
	server, client := exampleServer()
	server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	exec, err := exampleLoad(client)
	if unknown, ok := errors.AsType[*actito.OutcomeUnknownError](err); ok {
		exec, err = client.Executions.Reconcile(context.Background(), unknown.Handle)
	}
	fmt.Println(exec.ID == server.Imports()[0].ExecutionID, err)
	// Output: true <nil>
}

func ExampleExecutionService_List() {
	_, client := exampleServer()
	if _, err := exampleLoad(client); err != nil {
		log.Fatal(err)
	}
	list, err := client.Executions.List(context.Background(), actito.ExecutionFilter{From: time.Now().Add(-time.Hour)})
	fmt.Println(len(list), list[0].Status, err)
	// Output: 1 SUCCESS <nil>
}

func ExampleExecutionService_Wait() {
	_, client := exampleServer()
	exec, err := exampleLoad(client)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
	defer cancel()
	exec, err = client.Executions.Wait(ctx, exec, actito.Tolerate(0.01)) // one row in a hundred may be rejected
	fmt.Println(exec.Status, exec.Totals().Created, err)
	// Output: SUCCESS 1 <nil>
}

// A store that keeps the ledger whole reads it, makes one call and writes it back, if nobody else did meanwhile.
func ExampleLedger() {
	var books actito.Ledger
	now := time.Date(2026, time.November, 27, 2, 0, 0, 0, time.UTC)
	reserve := func(id string, limit int) error {
		r := actito.Reservation{ID: id, Buckets: []actito.Bucket{{Name: "Customers", Limit: limit}},
			At: now, Lease: now.Add(10 * time.Minute), Rolling: 24 * time.Hour}
		if err := books.SameLimits(r); err != nil {
			return err
		}
		return books.Reserve(r)
	}
	fmt.Println(reserve("a", 12), books.Begin(now, "a"), books.Settle(now, "a", actito.Used("17")))
	fmt.Println(books.Usage(now, "Customers").Left)
	fmt.Println(errors.Is(reserve("b", 24), actito.ErrInvalid)) // another client has another limit
	// Output:
	// <nil> <nil> <nil>
	// 11
	// true
}
