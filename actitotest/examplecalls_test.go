package actitotest_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// A call is refused once and repeated, an import takes its time, and the fake tells what it was asked.
func ExampleServer_Fail() {
	ctx := context.Background()
	server := actitotest.NewServer(actitotest.InMemory())
	defer server.Close()
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name:       "Customers",
		Attributes: []actitotest.Attribute{{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true}},
	})
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}),
		actito.WithRetry(actito.RetryPolicy{MinWait: 1, MaxWait: 1}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	type customer struct {
		ID string `actito:"customerID,key"`
	}
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		fmt.Println(err)
		return
	}

	server.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusBadGateway))
	_, err = customers.Upsert(ctx, customer{ID: "C1"})
	for _, r := range server.Requests(actitotest.OpProfileUpsert) {
		fmt.Println(r.Method, r.Status, err)
	}

	server.Assume(actitotest.EmptyCellsClear)
	server.FailFile("second.csv", "the disk is full")
	server.Clock().Advance(0) // from here on the fake's time is the test's
	for _, name := range []string{"first.csv", "second.csv"} {
		exec, err := client.ETLs.RunOnce(ctx, actito.Definition{
			Files: []actito.InputFile{customers.InputFile(name, actito.Columns("customerID"))},
		}, actito.DataBytes(name, []byte("customerID\nC2\n")))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(exec.Ended())
	}
	server.Clock().Advance(10 * time.Minute)
	for _, im := range server.Imports() {
		fmt.Println(im.Way, im.Status)
	}
	// Output:
	// POST 502 <nil>
	// POST 201 <nil>
	// false
	// false
	// ONE_SHOT SUCCESS
	// ONE_SHOT FAILED
}
