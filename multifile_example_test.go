package actito_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// exampleShop is a shop whose orders refer to customers, and the lines of orders to those, and a client for it.
func exampleShop() (*actitotest.Server, *actito.Client) {
	server := actitotest.NewServer(actitotest.InMemory())
	text := func(names ...string) (list []actitotest.Attribute) {
		for _, name := range names {
			list = append(list, actitotest.Attribute{Name: name, Type: "STRING"})
		}
		return list
	}
	server.AddProfileTable("MyEntity", actitotest.Table{Name: "Customers", Attributes: []actitotest.Attribute{{Name: "customerID", Type: "STRING", Unique: true}}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Orders", PrimaryKey: "orderId", Attributes: text("orderId", "customerID"),
		ForeignKeys: []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Lines", PrimaryKey: "lineId", Attributes: text("lineId", "orderId"),
		ForeignKeys: []actitotest.ForeignKey{{Name: "order", Attribute: "orderId", Table: "Orders", Referenced: "orderId"}}})
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL), actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		log.Fatal(err)
	}
	return server, client
}

// exampleFiles loads columns into the attributes of their names.
func exampleFiles() []actito.InputFile {
	file := func(kind actito.TableType, table, name string, columns ...string) actito.InputFile {
		f := actito.InputFile{FileNamePattern: name, Destination: actito.Destination{Table: kind, TableID: table}}
		for _, c := range columns {
			f.Mapping = append(f.Mapping, actito.Mapping{Column: c, Attribute: c})
		}
		return f
	}
	return []actito.InputFile{
		file(actito.CustomTableType, "Lines", "lines.csv", "lineId", "orderId"),
		file(actito.CustomTableType, "Orders", "orders.csv", "orderId", "customerID"),
		file(actito.ProfileTableType, "Customers", "customers.csv", "customerID"),
	}
}

func ExampleETLService_Ordered() {
	_, client := exampleShop()
	ctx := context.Background()
	definition, err := client.ETLs.Ordered(ctx, actito.Definition{Name: "shop", Files: exampleFiles()})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range definition.Files {
		fmt.Println(f.FileNamePattern)
	}
	exec, err := client.ETLs.RunOnce(ctx, definition, actito.OneArchive(),
		actito.DataBytes("customers.csv", []byte("customerID\nC1\n")), // DataFile, as a rule
		actito.DataBytes("orders.csv", []byte("orderId,customerID\nO1,C1\n")),
		actito.DataBytes("lines.csv", []byte("lineId,orderId\nL1,O1\nL2,O1\n")))
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Printf("%+v %v\n", exec.Account(), err)
	// Output:
	// customers.csv
	// orders.csv
	// lines.csv
	// {Rows:4 Accepted:4 Rejected:0 Refused:0 Unknown:0} <nil>
}

func ExampleLookUpParents() {
	_, client := exampleShop()
	ctx := context.Background()
	definition, err := client.ETLs.Ordered(ctx, actito.Definition{Name: "shop", Files: exampleFiles()[1:]})
	if err != nil {
		log.Fatal(err)
	}
	data := []actito.ImportOption{
		actito.DataBytes("customers.csv", []byte("customerID\nC1\n")),
		actito.DataBytes("orders.csv", []byte("orderId,customerID\nO1,C1\nO2,C7\n")),
	}
	_, err = client.ETLs.RunOnce(ctx, definition, append(data, actito.LookUpParents(100))...)
	var invalid *actito.ValidationError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.File, invalid.Line, invalid.Column, invalid.Rule)
	}
	exec, err := client.ETLs.RunOnce(ctx, definition, append(data, actito.LookUpParents(-1))...) // the server rejects that row
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Println(exec.Totals().Rejected, errors.Is(err, actito.ErrRowsRejected))
	// Output:
	// orders.csv 3 customerID missing-parent
	// 1 true
}

func ExampleRepeats() {
	server, client := exampleShop()
	ctx := context.Background()
	server.FailFile("orders.csv", "the disk is full")
	definition := actito.Definition{Name: "shop", Files: []actito.InputFile{exampleFiles()[2], exampleFiles()[1]}}
	data := []actito.ImportOption{
		actito.DataBytes("customers.csv", []byte("customerID\nC1\n")),
		actito.DataBytes("orders.csv", []byte("orderId,customerID\nO1,C1\n")),
	}
	exec, err := client.ETLs.RunOnce(ctx, definition, data...)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Executions.Wait(ctx, exec)
	failed, ok := errors.AsType[*actito.ImportError](err)
	if !ok {
		log.Fatal(err)
	}
	fmt.Println(failed.Again()) // customers too, since the definition requires both

	_, err = client.ETLs.RunOnce(ctx, definition, data[1], actito.Repeats(failed))
	fmt.Println(errors.Is(err, actito.ErrInvalid)) // nothing was sent
	exec, err = client.ETLs.RunOnce(ctx, definition, append(data, actito.Repeats(failed))...)
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Println(exec.Totals().Created, exec.Totals().Updated, err)
	// Output:
	// [customers.csv orders.csv]
	// true
	// 1 1 <nil>
}
