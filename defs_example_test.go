package actito_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func ExampleLocationService_Create() {
	client, ctx := exampleClient(), context.Background()
	id, err := client.Locations.Create(ctx, actito.Location{Name: "Shop", Protocol: actito.SFTP, Host: "sftp.shop.example",
		User: "actito", Password: "from the vault", Folder: "/exports"})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Locations.Test(ctx, id); err != nil {
		log.Fatal(err) // the server does not reach it
	}
	locations, err := client.Locations.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range locations {
		fmt.Println(l.Name, l.Protocol, l.Host, l.Folder)
	}
	// Output: Shop SFTP sftp.shop.example /exports
}

func ExampleSchedule() {
	type Customer struct {
		ID    string `actito:"customerID,key"`
		Email string `actito:"emailAddress"`
	}
	client, ctx := exampleClient(), context.Background()
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	location, err := client.Locations.Create(ctx, actito.Location{Name: "Shop", Protocol: actito.SFTP, Host: "sftp.shop.example"})
	if err != nil {
		log.Fatal(err)
	}
	file := customers.InputFile("customers_$yyyyMMdd.csv")
	file.Compression = actito.Uncompressed // as it lies there
	id, err := client.ETLs.Create(ctx, actito.Definition{
		Name:             "customers-daily",
		Files:            []actito.InputFile{file},
		Schedule:         &actito.Schedule{TimeOfDay: "06:00", TimeZone: "Europe/Brussels"},
		Location:         &actito.LocationRef{ID: location},
		ReportRecipients: []string{"data@shop.example"},
	})
	if err != nil {
		log.Fatal(err)
	}

	stored, err := client.ETLs.Get(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	stored.Schedule.TimeOfDay = "07:00" // the rest stays, what the library does not know included
	if err := client.ETLs.Replace(ctx, id, *stored); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored.Name, stored.Schedule.Frequency, stored.Schedule.TimeOfDay)
	// Output: customers-daily DAILY 07:00
}

func ExampleRemote() {
	type Customer struct {
		ID    string `actito:"customerID,key"`
		Email string `actito:"emailAddress"`
	}
	server := actitotest.NewServer(actitotest.InMemory())
	addStore(server)
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	location := server.AddLocation("MyEntity", "Shop") // in production, an id that Locations.List shows
	server.PutFile(location, "customers_20261122.csv", []byte("customerID,emailAddress\nC1,ann@example.com\n"))

	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	file := customers.InputFile("customers_$yyyyMMdd.csv")
	file.Compression = actito.Uncompressed
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{Name: "yesterdays-customers", Files: []actito.InputFile{file}},
		actito.Remote(location, "customers_20261122.csv"))
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Println(exec.Status, exec.Totals().Created, err)
	// Output: SUCCESS 1 <nil>
}

func ExampleETLService_FileName() {
	name, err := exampleClient().ETLs.FileName("customers_$yyyyMMdd.csv", time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC))
	fmt.Println(name, err) // in Europe/Brussels it is the next day already
	_, err = exampleClient().ETLs.FileName("customers_$yyyyMMDD.csv", time.Now())
	fmt.Println(err)
	// Output:
	// customers_20261123.csv <nil>
	// actito: customers_$yyyyMMDD.csv: unknown letters "DD" in the placeholder $yyyyMMDD: a date is written with yyyy, yy, MM, dd, HH, mm and ss, as in $yyyyMMdd, and no letter may follow it
}

func ExampleRawDefinition() {
	client, ctx := exampleClient(), context.Background()
	exec, err := client.ETLs.RunOnce(ctx, actito.RawDefinition([]byte(`{"name": "raw", "generateErrorFile": true, "inputFiles": [{
	  "fileNamePattern": "customers.csv", "compression": "ZIP", "mode": "CREATE_UPDATE",
	  "destination": {"tableType": "PROFILE_TABLE", "tableId": "16"},
	  "attributesMapping": [{"headerColumn": "id", "attributeName": "customerID"}]}]}`)),
		actito.DataBytes("customers.csv", []byte("id\nC1\n")))
	if err != nil {
		log.Fatal(err)
	}
	exec, err = client.Executions.Wait(ctx, exec)
	fmt.Println(exec.Status, err)
	// Output: SUCCESS <nil>
}
