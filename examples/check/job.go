package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

// Customer is a row of the profile table.
type Customer struct {
	ID      string `actito:"customerID,key"`
	Company string `actito:"companyName"`
	Contact string `actito:"contactName"`
	Country string `actito:"country"`
	Phone   string `actito:"phone"`
}

// Order is a record of the custom table. Its values stay texts here: the check reports those that are none of their type.
type Order struct {
	ID       string `actito:"orderID,key"`
	Customer string `actito:"customerID"`
	Date     string `actito:"orderDate"`
	Shipped  string `actito:"shippedDate"`
	Freight  string `actito:"freight"`
	ShipTo   string `actito:"shipCountry"`
}

// job loads the vendor's files into two tables, customers first: orders refer to them.
type job struct {
	client         *actito.Client
	customers      source
	orders         source
	customerTable  *actito.ProfileTable[Customer]
	orderTable     *actito.CustomTable[Order]
	definition     actito.Definition
	phones, places actito.CheckOption
	out            io.Writer
}

func newJob(client *actito.Client, customers, orders source, out io.Writer) (*job, error) {
	customerTable, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	orderTable, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return nil, err
	}
	return &job{
		client: client, customers: customers, orders: orders, customerTable: customerTable, orderTable: orderTable, out: out,
		definition: actito.Definition{Name: "vendor", Files: []actito.InputFile{
			customerTable.InputFile("customers.csv", actito.Keep), orderTable.InputFile("orders.csv", actito.Keep),
		}},
		// To the table these are texts of any kind.
		phones: actito.Holds("PHONE_NUMBER", "phone"),
		places: actito.Holds("COUNTRY", "country", "shipCountry"),
	}, nil
}

// checkFiles checks the files themselves. A large one is read as a stream.
func (j *job) checkFiles(ctx context.Context) error {
	customers, err := j.customers.open()
	if err != nil {
		return err
	}
	defer customers.Close()
	orders, err := j.orders.open()
	if err != nil {
		return err
	}
	defer orders.Close()
	report, err := j.client.ETLs.Check(ctx, j.definition, j.phones, j.places,
		actito.DataReader("customers.csv", customers), actito.DataReader("orders.csv", orders))
	if err != nil {
		return err
	}
	_, err = report.WriteTo(j.out)
	return err
}

// data is what the program makes of the files. Rows are read once, so each use makes them anew.
func (j *job) data() (customers, orders actito.Data) {
	return j.customerTable.Rows("customers.csv", rows(j.customers, readCustomer)), j.orderTable.Rows("orders.csv", rows(j.orders, readOrder))
}

// checkRows checks the cleaned rows, and names the orders that will not load.
func (j *job) checkRows(ctx context.Context) error {
	customers, orders := j.data()
	var report actito.CheckReport
	for problem, err := range j.client.ETLs.CheckEach(ctx, j.definition, j.phones, j.places, customers, orders, &report) {
		if err != nil {
			return err
		}
		if !problem.Warning {
			fmt.Fprintln(j.out, problem) // never shows the value
		}
	}
	_, err := report.WriteTo(j.out)
	return err
}

// send sends the rows in spite of what the check found, and names those that the service rejects.
func (j *job) send(ctx context.Context) error {
	customers, orders := j.data()
	exec, err := j.client.ETLs.RunOnce(ctx, j.definition, customers, orders, actito.LookUpParents(-1))
	if err != nil {
		return err
	}
	exec, err = j.client.Executions.Wait(ctx, exec)
	if err != nil && !errors.Is(err, actito.ErrRowsRejected) {
		return err
	}
	total := exec.Totals()
	fmt.Fprintf(j.out, "   %d read = %d created + %d updated + %d rejected\n", total.Read, total.Created, total.Updated, total.Rejected)
	for reject, err := range j.client.Executions.Rejects(ctx, exec) {
		if err != nil {
			return err
		}
		fmt.Fprintf(j.out, "   rejected: order %s: %s in column %s\n", reject.Row["orderID"], reject.Code, reject.Column)
	}
	return nil
}
