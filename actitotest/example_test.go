package actitotest_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// A client gets through bad weather. A test that fails in it prints its seed, and is
// played again with that seed.
func ExampleServer_Storm() {
	server := actitotest.NewServer(actitotest.InMemory())
	defer server.Close()
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name:       "Customers",
		Attributes: []actitotest.Attribute{{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true}},
	})
	type customer struct {
		ID string `actito:"customerID,key"`
	}
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}),
		actito.WithRetry(actito.RetryPolicy{MinWait: 1, MaxWait: 1}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		fmt.Println(err)
		return
	}

	server.Storm(actitotest.Storm{Seed: 7, Rate: 0.1, Only: []actitotest.StormKind{actitotest.StormLostAnswer, actitotest.StormBadGateway}})
	for n := range 50 {
		if _, err := customers.Upsert(context.Background(), customer{ID: fmt.Sprint(n)}); err != nil {
			fmt.Println(err, server.StormReport())
		}
	}
	server.Calm()
	fmt.Println(len(server.Profiles("Customers")), "customers")
	fmt.Println(server.StormReport())
	// Output:
	// 50 customers
	// storm with seed 7, rate 0.1, over 54 calls: 2 bad gateway, 1 lost answer
}
