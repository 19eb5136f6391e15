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

func ExampleETLService_ResumeSequence() {
	_, client := exampleShop()
	ctx := context.Background()
	step := func(name string, file actito.InputFile, text string, after ...actito.Edge) actito.Step {
		return actito.Step{Name: name, Definition: &actito.Definition{Name: name, Files: []actito.InputFile{file}},
			Import: []actito.ImportOption{actito.DataBytes(file.FileNamePattern, []byte(text))}, After: after}
	}
	files := exampleFiles()
	sequence := actito.Sequence{Steps: []actito.Step{
		step("customers", files[2], "customerID\nC1\n"),
		step("orders", files[1], "orderId,customerID\nO1,C1\n", actito.Edge{Step: "customers"}),
	}}
	var stored []byte // a file or a row of a database, as a rule
	broken := errors.New("the disk is full")
	report, err := client.ETLs.RunSequence(ctx, sequence, actito.SaveState(func(s actito.SequenceState) error {
		if len(s.Steps[0].Executions) > 0 && s.Steps[1].Handle != nil {
			return broken
		}
		var err error
		stored, err = json.Marshal(s)
		return err
	}))
	fmt.Println(report.Step("customers").State, report.Step("orders").State, errors.Is(err, broken))

	var state actito.SequenceState
	if err := json.Unmarshal(stored, &state); err != nil {
		log.Fatal(err)
	}
	report, err = client.ETLs.ResumeSequence(ctx, sequence, state) // with SaveState again, as a rule
	fmt.Println(report.Step("customers").State, report.Step("orders").State, err)
	// Output:
	// succeeded not started true
	// succeeded succeeded <nil>
}
