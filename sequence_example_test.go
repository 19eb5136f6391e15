package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/actito-go/actito"
)

type exampleOrder struct {
	ID       string `actito:"orderId,key"`
	Customer string `actito:"customerID"`
}

func ExampleETLService_RunSequence() {
	client, ctx := exampleClient(), context.Background()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	orders, err := actito.Records[exampleOrder](client, "Orders")
	if err != nil {
		log.Fatal(err)
	}
	sequence := actito.Sequence{Steps: []actito.Step{
		{
			Name:       "customers",
			Definition: &actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
			Import:     []actito.ImportOption{actito.DataBytes("customers.csv", []byte(exampleCSV))}, // two of its rows are rejected
		},
		{
			Name:       "orders",
			Definition: &actito.Definition{Name: "orders", Files: []actito.InputFile{orders.InputFile("orders.csv")}},
			Import:     []actito.ImportOption{actito.DataBytes("orders.csv", []byte("orderId,customerID\nO1,C1\nO2,C2\nO3,C3\n"))},
			After:      []actito.Edge{{Step: "customers", OnRejects: actito.WithoutOrphans, Column: "customerID", Of: "customerID"}},
		},
	}}
	report, err := client.ETLs.RunSequence(ctx, sequence, actito.SaveState(func(s actito.SequenceState) error {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return os.WriteFile(os.DevNull, b, 0o600) // where the next process finds it, for ResumeSequence
	}))
	for _, s := range report.Steps {
		fmt.Println(s.Name, s.State, s.Account())
	}
	for _, r := range report.Step("orders").HeldBack {
		fmt.Println(r.File, r.Row, r.Reason)
	}
	fmt.Println(errors.Is(err, actito.ErrRowsRejected), errors.Is(err, actito.ErrRowsRefused))
	// Output:
	// customers succeeded in part {4 2 2 0 0}
	// orders succeeded in part {3 2 0 1 0}
	// orders.csv 2 its parent in step "customers" was rejected
	// true true
}
