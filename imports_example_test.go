package actito_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// exampleStaged shows what would be sent of some data.
func exampleStaged(data actito.Data) {
	staged, err := actito.Stage(context.Background(), data)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer staged.Close()
	for _, f := range staged.Files() {
		fmt.Println(f.Name, f.Rows, "rows")
	}
}

func ExampleETLService_Create() {
	customers, ctx := exampleCustomers(), context.Background()
	etls := customers.Client().ETLs
	id, err := etls.Create(ctx, actito.Definition{
		Name:  "customers-daily",
		Files: []actito.InputFile{customers.InputFile("customers_$yyyyMMdd.csv", actito.Keep)}, // an empty cell keeps the value
	})
	if err != nil {
		log.Fatal(err)
	}
	list, err := etls.List(ctx)
	fmt.Println(len(list), list[0].ID == id, err)
	fmt.Println(etls.Delete(ctx, id))
	// Output:
	// 1 true <nil>
	// <nil>
}

func ExampleETLService_Trigger() {
	customers, ctx := exampleCustomers(), context.Background()
	client := customers.Client()
	id, err := client.ETLs.Create(ctx, actito.Definition{Files: []actito.InputFile{customers.InputFile("customers.csv")}})
	if err != nil {
		log.Fatal(err)
	}
	exec, err := client.ETLs.Trigger(ctx, id,
		actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nC2,bob@example.com\n")), // or DataFile, DataReader, rows
		actito.Loads("Customers")) // only needed where the definition cannot be read
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Println(exec.Totals().Created, err)
	// Output: 1 <nil>
}

func ExampleETLService_RunOnce() {
	customers, ctx := exampleCustomers(), context.Background()
	client := customers.Client()
	rows := actito.FromSlice([]exampleCustomer{{"C2", "bob@example.com"}, {"C3", "cid@example.com"}})
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "customers",
		Files: []actito.InputFile{customers.InputFile("customers.csv")},
	}, customers.Rows("customers.csv", rows))
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Println(exec.Totals().Created, err)
	// Output: 2 <nil>
}

func ExampleDataFile() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("customers-%d.csv", os.Getpid()))
	if err := os.WriteFile(path, []byte("id;name\n1;Ann\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.Remove(path) }()
	exampleStaged(actito.DataFile(path, actito.Named("customers.csv"), actito.SeparatedBy(';')))
	// Output: customers.csv 1 rows
}

func ExampleDataReader() {
	exampleStaged(actito.DataReader("customers.csv", strings.NewReader("id,name\n1,Ann\n"), // read once, to its end
		actito.Encoded(actito.UTF8), actito.Pack(actito.GZIP)))
	// Output: customers.csv 1 rows
}

func ExampleDataRows() {
	rows := actito.FromSlice([]exampleCustomer{{"C1", "ann@example.com"}, {"C2", "not an address"}})
	exampleStaged(actito.DataRows("customers.csv", rows, // without a table, checked only for what fits no file
		actito.Refuse(func(c exampleCustomer) (string, bool) { return "erased", c.ID == "C2" }))) // and reported as refused
	// Output: customers.csv 1 rows
}

func ExampleFromExcel() {
	exampleStaged(actito.DataBytes("customers.csv", []byte("\xef\xbb\xbfsep=;\r\nid;name\r\n1;Ann\r\n;\r\n"), actito.FromExcel()))
	// Output: customers.csv 1 rows
}

func ExampleSkipInvalid() {
	rows := actito.FromSlice([]exampleCustomer{{"C1", "ann@example.com"}, {"", "bob@example.com"}}) // the second has no key
	staged, err := actito.Stage(context.Background(), exampleCustomers().Rows("customers.csv", rows, actito.SkipInvalid()))
	if err != nil {
		log.Fatal(err)
	}
	defer staged.Close()
	file := staged.Files()[0]
	fmt.Println(file.Rows, "sent,", len(file.Refused), "refused")
	// Output: 1 sent, 1 refused
}

func ExampleSplitAbove() {
	customers := exampleCustomers()
	var csv bytes.Buffer
	csv.WriteString("customerID,emailAddress\n")
	for i := range 20_000 {
		fmt.Fprintf(&csv, "C%d,c%d@example.com\n", i, i*7919%20_000)
	}
	exec, err := customers.Client().ETLs.RunOnce(context.Background(),
		actito.Definition{Name: "customers", Files: []actito.InputFile{customers.InputFile("customers.csv")}},
		actito.DataBytes("customers.csv", csv.Bytes()),
		actito.SplitAbove(100_000)) // bytes as sent; 0 is Actito's limit of 100 MB
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(exec.Parts) > 1)
	// Output: true
}

func ExampleAllowBoth() {
	server, client := exampleServer()
	ctx := context.Background()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	trim, err := transform.New(transform.Trim().On("customerID"))
	if err != nil {
		log.Fatal(err)
	}
	upper, err := transform.New(transform.Uppercase().On("customerID"))
	if err != nil {
		log.Fatal(err)
	}
	file := customers.InputFile("customers.csv")
	file.Transformations = upper.List() // by the server
	definition := actito.Definition{Name: "customers", Files: []actito.InputFile{file}}
	data := actito.DataBytes("customers.csv", []byte("customerID,emailAddress\n c1 ,ann@example.com\n"), actito.Transformed(trim)) // here
	_, err = client.ETLs.RunOnce(ctx, definition, data)
	fmt.Println(errors.Is(err, actito.ErrInvalid))
	_, err = client.ETLs.RunOnce(ctx, definition, data, actito.AllowBoth("customerID"))
	_, found := server.Profile("Customers", "customerID", "C1")
	fmt.Println(found, err)
	// Output:
	// true
	// true <nil>
}

// A file that only creates, and of which rows were created before the import failed.
func ExampleForce() {
	server, client := exampleServer()
	server.Assume(actitotest.FailedFileStops)
	ctx := context.Background()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	orders, err := actito.Records[exampleOrder](client, "Orders")
	if err != nil {
		log.Fatal(err)
	}
	file := customers.InputFile("customers.csv")
	file.Mode = actito.CreateOnly
	definition := actito.Definition{Name: "shop", Files: []actito.InputFile{file, orders.InputFile("orders.csv")}}
	data := []actito.ImportOption{
		actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nC1,ann@example.com\n")),
		actito.DataBytes("orders.csv", []byte("orderId,customerID\nA-1,C1\n")),
	}
	server.FailFile("orders.csv", "the disk is full")
	exec, err := client.ETLs.RunOnce(ctx, definition, data...)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Executions.Wait(ctx, exec)
	failed, _ := errors.AsType[*actito.ImportError](err)
	_, err = client.ETLs.RunOnce(ctx, definition, append(data, actito.Repeats(failed))...)
	fmt.Println(errors.Is(err, actito.ErrInvalid))
	_, err = client.ETLs.RunOnce(ctx, definition, append(data, actito.Repeats(failed), actito.Force())...) // C1 will be rejected as existing
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// A partner's file comes compressed, alone or beside others.
func ExampleUnpack() {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte("customerID,emailAddress\nC1,ann@example.com\n"))
	_ = w.Close()
	exampleStaged(actito.DataBytes("customers.csv.gz", packed.Bytes(), actito.Unpack(actito.GZIP)))

	packed.Reset()
	archive := zip.NewWriter(&packed)
	for _, name := range []string{"export/customers.csv", "export/orders.csv"} {
		entry, _ := archive.Create(name)
		_, _ = entry.Write([]byte("customerID\nC1\nC2\n"))
	}
	_ = archive.Close()
	export := func(opts ...actito.DataOption) actito.Data {
		return actito.DataBytes("export.zip", packed.Bytes(), opts...)
	}
	exampleStaged(export(actito.UnpackEntry("export/orders.csv")))
	exampleStaged(export(actito.Unpack(actito.ZIP)))
	// Output:
	// customers.csv 1 rows
	// orders.csv 2 rows
	// actito: export: the archive has 2 files: choose one with UnpackEntry, of "export/customers.csv", "export/orders.csv"
}
