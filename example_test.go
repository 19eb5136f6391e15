package actito_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// exampleClient is a client of a fake service in memory, which has the tables Customers and Orders.
func exampleClient() *actito.Client {
	server := actitotest.NewServer(actitotest.InMemory())
	server.Assume(actitotest.ResultFilesExist)
	addStore(server)
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func ExampleNew() {
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3))
	if err != nil {
		log.Fatal(err) // nothing was sent: the key is missing, or an option cannot work
	}
	defer client.Close()

	entities, err := client.Entities.List(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entities {
		fmt.Println(e.Name)
	}
}

func ExampleProfiles() {
	type Customer struct {
		ID         string                  `actito:"customerID,key"`
		Email      string                  `actito:"emailAddress"`
		Birth      actito.Opt[actito.Date] `actito:"birthDate"`
		Newsletter actito.Opt[bool]        `actito:"subscriptions#Newsletter"`
		Created    actito.DateTime         `actito:"creationMoment,readonly"`
	}
	client, ctx := exampleClient(), context.Background()

	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	_, err = customers.Upsert(ctx, Customer{ID: "C1", Email: "ann@example.com", Newsletter: actito.Set(true)})
	if err != nil {
		log.Fatal(err)
	}
	ann, err := customers.Get(ctx, actito.By("emailAddress", "ann@example.com"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ann.ID, ann.Newsletter, ann.Created.IsZero())

	type Mistaken struct {
		Newsletter bool `actito:"subscriptions#Newsletter"`
	}
	_, err = actito.Profiles[Mistaken](client, "Customers")
	fmt.Println(err)
	// Output:
	// C1 true false
	// actito: Mistaken.Newsletter: consent is never a plain value: use actito.Opt[bool], whose zero value is not sent
}

func ExampleProfileTable_Upsert() {
	type Customer struct {
		ID        string             `actito:"customerID,key"`
		FirstName string             `actito:"firstName"` // empty: not sent
		Phone     actito.Opt[string] `actito:"gsmNumber"` // unset: not sent; null: cleared
	}
	ctx := context.Background()
	customers, err := actito.Profiles[Customer](exampleClient(), "Customers")
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range []Customer{
		{ID: "C1", FirstName: "Ann", Phone: actito.Set("+32470123456")},
		{ID: "C1"}, // nothing changes
		{ID: "C1", Phone: actito.Null[string]()},
	} {
		if _, err := customers.Upsert(ctx, c); err != nil {
			log.Fatal(err)
		}
		stored, err := customers.Get(ctx, actito.By("customerID", "C1"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(stored.FirstName, stored.Phone)
	}
	// Output:
	// Ann +32470123456
	// Ann +32470123456
	// Ann null
}

func ExampleProfileTable_UpsertEach() {
	type Customer struct {
		ID    string `actito:"customerID,key"`
		Email string `actito:"emailAddress"`
	}
	customers, err := actito.Profiles[Customer](exampleClient(), "Customers")
	if err != nil {
		log.Fatal(err)
	}
	rows := func(yield func(Customer, error) bool) { // from a database, say
		for _, c := range []Customer{{"C1", "ann@example.com"}, {"", "bob@example.com"}, {"C3", "cid@example.com"}} {
			if !yield(c, nil) {
				return
			}
		}
	}
	for result := range customers.UpsertEach(context.Background(), rows) {
		if result.Err != nil {
			fmt.Println(result.Row, result.Err)
			continue
		}
		fmt.Println(result.Row, "done")
	}
	// Output:
	// 1 done
	// 2 actito: column "customerID": the row's key is empty
	// 3 done
}

func ExampleProfileTable_KeyedBy() {
	rows, err := actito.Profiles[map[string]any](exampleClient(), "Customers")
	if err != nil {
		log.Fatal(err)
	}
	customers, err := rows.KeyedBy("customerID")
	if err != nil {
		log.Fatal(err)
	}
	_, err = customers.Upsert(context.Background(), map[string]any{
		"customerID": "C1", "points": 12, "gsmNumber": nil, "subscriptions#Newsletter": true,
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleBy() {
	key := actito.By("emailAddress", "ann+test/1@example.com") // any value, unescaped
	fmt.Println(key)
	// Output: emailAddress=REDACTED
}

func ExampleRecords() {
	type Order struct {
		ID       string  `actito:"orderId,key"`
		Customer string  `actito:"customerID"`
		Spent    float64 `actito:"spent"` // a plain number is always sent
	}
	ctx := context.Background()
	orders, err := actito.Records[Order](exampleClient(), "Orders")
	if err != nil {
		log.Fatal(err)
	}
	key, err := orders.Upsert(ctx, Order{ID: "A-1", Customer: "C1", Spent: 12.5})
	if err != nil {
		log.Fatal(err)
	}
	order, err := orders.Get(ctx, key)
	fmt.Println(order, err)
	// Output: {A-1 C1 12.5} <nil>
}

func ExampleCustomTable_List() {
	type Order struct {
		ID       string `actito:"orderId,key"`
		Customer string `actito:"customerID"`
	}
	ctx := context.Background()
	orders, err := actito.Records[Order](exampleClient(), "Orders")
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range []Order{{"A-1", "C1"}, {"A-2", "C2"}, {"A-3", "C1"}, {"A-4", "C1"}} {
		if _, err := orders.Upsert(ctx, o); err != nil {
			log.Fatal(err)
		}
	}
	found, more, err := orders.List(ctx, actito.ListOptions{
		SearchField: "customerID", SearchValue: "C1", SortField: "orderId", Descending: true, Number: 2,
	})
	fmt.Println(found, more, err)
	// Output: [{A-4 C1} {A-3 C1}] true <nil>
}

func ExampleClient_Entity() {
	server := actitotest.NewServer(actitotest.WithEntities("Belgium", "France"))
	defer server.Close()
	client, err := actito.New(server.APIKey, "Belgium", actito.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	france := client.Entity("France") // the same token, pace, quota and connections
	tables, err := france.Structures.ProfileTables(context.Background())
	fmt.Println(len(tables), err)
	// Output: 0 <nil>
}

func ExampleClient_Do() {
	client := exampleClient()
	var answer struct {
		Profiles []struct {
			ID string `json:"profileId"`
		} `json:"profiles"`
	}
	err := client.Do(context.Background(), actito.RawCall{
		Method: http.MethodGet,
		Path:   "/profiles/v5/entities/{entity}/profile-tables/{table}/profiles",
		Params: map[string]string{"table": "Customers"},
	}, &answer)
	fmt.Println(len(answer.Profiles), err)
	// Output: 0 <nil>
}

func ExampleAPIError() {
	type Customer struct {
		ID string `actito:"customerID,key"`
	}
	customers, err := actito.Profiles[Customer](exampleClient(), "Customers")
	if err != nil {
		log.Fatal(err)
	}
	_, err = customers.Get(context.Background(), actito.By("customerID", "nobody"))
	switch {
	case errors.Is(err, actito.ErrNotFound):
		fmt.Println("no such customer")
	case actito.Retryable(err):
		fmt.Println("try again later")
	}
	var failed *actito.APIError
	if errors.As(err, &failed) {
		fmt.Println(failed.Status, failed.Op, failed.Attempts)
	}
	// Output:
	// no such customer
	// 404 get profile 1
}

func ExampleStructure_GoStruct() {
	structure := actito.Structure{
		Table: actito.CustomTableType, ID: "a4aa57cd", Name: "Orders", PrimaryKey: "orderId",
		Attributes: []actito.Attribute{
			{Name: "orderId", ValueType: "STRING", Mandatory: true, MaxLength: 20},
			{Name: "amount", ValueType: "NUMBER", Mandatory: true},
			{Name: "status", ValueType: "STRING", AcceptedValues: []string{"NEW", "SHIPPED"}},
			{Name: "shippedOn", ValueType: "DATE"},
		},
	} // from client.Structures.CustomTable(ctx, "Orders")
	source, err := structure.GoStruct()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(source)
	// Output:
	// // Orders is a row of custom table "Orders", id a4aa57cd.
	// type Orders struct {
	// 	OrderID   string                  `actito:"orderId,key"` // mandatory, at most 20 characters
	// 	Amount    float64                 `actito:"amount"`      // mandatory
	// 	Status    actito.Opt[string]      `actito:"status"`      // one of NEW, SHIPPED
	// 	ShippedOn actito.Opt[actito.Date] `actito:"shippedOn"`
	// }
}

func ExampleStructureService_ProfileTable() {
	structure, err := exampleClient().Structures.ProfileTable(context.Background(), "Customers")
	if err != nil {
		log.Fatal(err)
	}
	birth := slices.IndexFunc(structure.Attributes, func(a actito.Attribute) bool { return a.Name == "birthDate" })
	fmt.Println(structure.ID, structure.Attributes[birth].Type)
	// Output: 16 BIRTHDATE
}
