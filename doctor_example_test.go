package actito_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/actito-go/actito"
)

func ExampleClient_Doctor() {
	type Customer struct {
		ID    string      `actito:"customerID,key"`
		Birth actito.Date `actito:"birthdate"`
	}
	client := exampleClient()
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	diagnosis, err := client.Doctor(context.Background(), customers)
	if err != nil {
		log.Fatal(err) // the context ended
	}
	for _, f := range diagnosis.Findings { // or print all of it
		if f.Level == actito.DoctorProblem {
			fmt.Println(f.Check+":", f.Found)
			fmt.Println(f.Advice)
		}
	}
	// Output:
	// structure of Customers: column "birthdate": the table has no attribute of this name; names are case-sensitive
	// correct the field's tag; the nearest attributes: "birthDate", "firstName", "visits". Structure.GoStruct prints a struct that fits
}

// Before a nightly job goes live: its stored definition, and a table that no struct describes.
func ExampleInspectETLs() {
	customers, ctx := exampleCustomers(), context.Background()
	client := customers.Client()
	id, err := client.ETLs.Create(ctx, actito.Definition{Name: "customers-daily", Files: []actito.InputFile{customers.InputFile("customers.csv")}})
	if err != nil {
		log.Fatal(err)
	}
	diagnosis, err := client.Doctor(ctx, customers, actito.InspectETLs(id), actito.InspectTables("Orders"),
		actito.KnownProfile(actito.By("customerID", "C1"))) // tells the profiles API's version for certain
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(diagnosis.OK())
	for _, f := range diagnosis.Findings {
		if strings.HasSuffix(f.Check, "Orders") {
			fmt.Println(f.Check+":", f.Level)
		}
	}
	// Output:
	// true
	// table Orders: ok
	// structure of Orders: skipped
	// budget of Orders: ok
}
