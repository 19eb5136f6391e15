package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

func ExampleNewTransformer() {
	type customer struct {
		ID    string             `actito:"customerID,key"`
		Name  string             `actito:"lastName"`
		Phone actito.Opt[string] `actito:"gsmNumber"`
	}
	spec, err := transform.New(
		transform.NullWords("NULL").On("gsmNumber"),
		transform.Trim().On("lastName"),
		transform.Uppercase().On("lastName"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := actito.NewTransformer[customer](spec) // a column that customer does not have fails here
	if err != nil {
		fmt.Println(err)
		return
	}
	row := customer{ID: "C1", Name: " Lefèvre ", Phone: actito.Set("NULL")}
	changed, err := t.Apply(row)
	fmt.Println(changed.Name, changed.Phone, err)
	changes, _ := t.Explain(row)
	for _, c := range changes {
		fmt.Println(c)
	}
	// Output:
	// LEFÈVRE unset <nil>
	// gsmNumber: "NULL" → "" (NULL_WORDS)
	// lastName: " Lefèvre " → "Lefèvre" (TRIM)
	// lastName: "Lefèvre" → "LEFÈVRE" (UPPERCASE)
}

func ExampleProfileTable_Transformed() {
	client, ctx := exampleClient(), context.Background()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	spec, err := transform.New(
		transform.Trim().On("customerID"),
		transform.Email().On("emailAddress"),
	)
	if err != nil {
		log.Fatal(err)
	}
	customers, err = customers.Transformed(spec)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := customers.Upsert(ctx, exampleCustomer{ID: " C1", Email: "Ann <ann@Example.com>"}); err != nil {
		log.Fatal(err)
	}
	ann, err := customers.Get(ctx, actito.By("customerID", "C1"))
	fmt.Println(ann.Email, err)

	// The same of a file, whose line 3 is refused before anything is sent.
	_, err = client.ETLs.RunOnce(ctx, actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nC2 ,BOB@Example.com\nC3,none\n")))
	if invalid, ok := errors.AsType[*actito.ValidationError](err); ok {
		fmt.Println(invalid.File, invalid.Line, invalid.Column, invalid.Rule)
	}
	// Output:
	// ann@example.com <nil>
	// customers.csv 3 emailAddress transform
}

func ExampleTransformed() {
	client, ctx := exampleClient(), context.Background()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	etl, err := client.ETLs.Create(ctx, actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}})
	if err != nil {
		log.Fatal(err)
	}
	spec, err := transform.New(
		transform.Concatenate("-", "shop", "number").On("customerID"), // a column that the file does not have
		transform.Drop().On("shop", "number"),
	)
	if err != nil {
		log.Fatal(err)
	}
	exec, err := client.ETLs.Trigger(ctx, etl, // with DataFile, as a rule
		actito.DataBytes("customers.csv", []byte("shop,number,emailAddress\nBXL,7,ann@example.com\n"), actito.Transformed(spec)))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Executions.Wait(ctx, exec); err != nil {
		log.Fatal(err)
	}
	ann, err := customers.Get(ctx, actito.By("emailAddress", "ann@example.com"))
	fmt.Println(ann.ID, err)
	// Output: BXL-7 <nil>
}

func ExampleOnServer() {
	client := exampleClient()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	spec, err := transform.New(transform.Lowercase().On("emailAddress"))
	if err != nil {
		log.Fatal(err)
	}
	customers, err = customers.Transformed(spec)
	if err != nil {
		log.Fatal(err)
	}
	// For a definition whose files Actito fetches, so that nothing can be made of them here: one with a Schedule or Location.
	file := customers.InputFile("customers_$yyyyMMdd.csv", actito.OnServer)
	text, err := json.Marshal(file.Transformations)
	fmt.Println(string(text), err)
	// Output: [{"headerColumn":"emailAddress","type":"LOWERCASE"}] <nil>
}
