package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

// Customer has mistakes that the compiler cannot see.
type Customer struct {
	ID    string `actito:"customerID,key"`
	Email string `actito:"emailAdress"` // the table spells it otherwise
	Birth int    `actito:"birthDate"`   // a day is no number
}

// Order lacks attributes that each order must have.
type Order struct {
	ID       string `actito:"orderID,key"`
	Customer string `actito:"customerID"`
}

// demonstrate examines a client of a fake in which several things are wrong.
func demonstrate(ctx context.Context, stdout io.Writer) error {
	server := shop.NewServer()
	defer server.Close()
	server.Assume(actitotest.NamesInExecutions) // by which a lost import is found again
	client, err := actito.New(server.APIKey, shop.Entity, actito.WithBaseURL(server.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return err
	}
	orders, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return err
	}
	etl, err := storeETL(ctx, client)
	if err != nil {
		return err
	}
	handle, err := loseAnswer(ctx, client, server)
	if err != nil {
		return err
	}
	server.Clock().Advance(10 * time.Minute) // as if this machine's were slow

	fmt.Fprintln(stdout, "The service is a fake inside this program, with several mistakes in it: no account is needed, and nothing leaves this machine.")
	fmt.Fprintln(stdout)
	return examine(ctx, stdout, client, customers, orders, actito.InspectTables("orderlines"), actito.InspectETLs(etl), handle)
}

// storeETL stores a definition without error file, and with a field that the library does not know.
func storeETL(ctx context.Context, client *actito.Client) (id string, err error) {
	no := false
	return client.ETLs.Create(ctx, actito.Definition{
		Name: "customers", GenerateErrorFile: &no,
		Files: []actito.InputFile{{
			FileNamePattern: "customers.csv",
			Destination:     actito.Destination{Table: actito.ProfileTableType, TableID: shop.Customers},
			Mapping:         []actito.Mapping{{Column: "customerID", Attribute: "customerID"}},
		}},
		Extra: map[string]json.RawMessage{"owner": json.RawMessage(`"data team"`)},
	})
}

// loseAnswer starts an import whose answer never comes, and returns the handle by which it is found again.
func loseAnswer(ctx context.Context, client *actito.Client, server *actitotest.Server) (h actito.Handle, err error) {
	server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	rows := actito.DataBytes("new.csv", []byte("customerID\nC1\n"))
	keep := actito.OnPrepared(func(prepared actito.Handle) error { h = prepared; return nil })
	_, err = client.ETLs.RunOnce(ctx, actito.Definition{Name: "new", Files: []actito.InputFile{{
		FileNamePattern: "new.csv",
		Destination:     actito.Destination{Table: actito.ProfileTableType, TableID: shop.Customers},
		Mapping:         []actito.Mapping{{Column: "customerID", Attribute: "customerID"}},
	}}}, rows, keep)
	if h.ID != "" { // the error says that its outcome is unknown
		err = nil
	}
	return h, err
}
