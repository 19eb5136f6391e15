package actito_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/actito-go/actito"
)

type exampleCustomer struct {
	ID    string `actito:"customerID,key"`
	Email string `actito:"emailAddress"`
}

// exampleImport imports customers.csv, two of whose rows the server rejects, which is the error.
func exampleImport(ctx context.Context) (*actito.ProfileTable[exampleCustomer], *actito.Execution, error) {
	client := exampleClient()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		actito.DataBytes("customers.csv", []byte(exampleCSV)))
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	if !errors.Is(err, actito.ErrRowsRejected) {
		log.Fatal(err)
	}
	return customers, exec, err
}

const exampleCSV = "customerID,emailAddress\nC1,ann@example.com\nC2,bob@example\nC3,cid@example.com\nC4,\"dora@example\"\n"

func ExampleProfileTable_Rejects() {
	ctx := context.Background()
	customers, exec, _ := exampleImport(ctx)
	source := actito.DataBytes("customers.csv", []byte(exampleCSV)) // DataFile, as a rule
	for reject, err := range customers.Rejects(ctx, exec, actito.Source(source)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("line %d: %s in %s\n", reject.SourceLine, reject.Code, reject.Column)
	}
	fmt.Printf("%+v\n", exec.Account())
	// Output:
	// line 3: INVALID_VALUE in emailAddress
	// line 5: INVALID_VALUE in emailAddress
	// {Rows:4 Accepted:2 Rejected:2 Refused:0 Unknown:0}
}

func ExampleExecutionService_Summarize() {
	ctx := context.Background()
	customers, exec, err := exampleImport(ctx)
	var failed *actito.ImportError
	if errors.As(err, &failed) {
		fmt.Println(failed.Summary())
	}
	summary, err := customers.Client().Executions.Summarize(ctx, exec)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(summary)
	// Output:
	// customers.csv WITH_ERROR (loaded with rejects): 4 rows read, 2 created, 0 updated, 2 rejected
	// rows  file           code           column
	// 2     customers.csv  INVALID_VALUE  emailAddress
}

func ExampleExecutionService_WriteRepair() {
	ctx := context.Background()
	customers, exec, _ := exampleImport(ctx)
	rows, err := customers.Client().Executions.WriteRepair(ctx, exec, "customers.csv", os.Stdout)
	fmt.Println(rows, err)
	// Output:
	// customerID,emailAddress
	// C2,bob@example
	// C4,dora@example
	// 2 <nil>
}

func ExampleProfileTable_Repair() {
	ctx := context.Background()
	customers, exec, _ := exampleImport(ctx)
	fix := func(r actito.Reject[exampleCustomer]) (exampleCustomer, bool) {
		if r.RowErr != nil || r.Column != "emailAddress" || !strings.HasSuffix(r.Row.Email, "@example") {
			return r.Row, false // for a person to look at
		}
		r.Row.Email += ".com"
		return r.Row, true
	}
	for reject, result := range customers.Repair(ctx, exec, fix) {
		fmt.Println(reject.Line, result.Err)
	}
	// Output:
	// 2 <nil>
	// 3 <nil>
}

// What is left after automatic repairs goes to a person, who opens it in a spreadsheet program.
func ExampleForSpreadsheets() {
	ctx := context.Background()
	customers, exec, _ := exampleImport(ctx)
	var file strings.Builder
	rows, err := customers.Client().Executions.WriteRepair(ctx, exec, "customers.csv", &file, actito.ForSpreadsheets(),
		actito.OnlyRejects(func(r actito.Reject[map[string]string]) bool { return r.Line == 3 }))
	fmt.Print(strings.TrimPrefix(file.String(), "\ufeff")) // a byte-order mark
	fmt.Println(rows, err)
	// Output:
	// customerID,emailAddress,errorCode,errorColumn
	// C4,dora@example,INVALID_VALUE,emailAddress
	// 1 <nil>
}
