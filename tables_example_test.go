package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/actito-go/actito"
)

// exampleCustomers is a table with one customer.
func exampleCustomers() *actito.ProfileTable[exampleCustomer] {
	_, client := exampleServer()
	customers, err := actito.Profiles[exampleCustomer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := customers.Upsert(context.Background(), exampleCustomer{ID: "C1", Email: "ann@example.com"}); err != nil {
		log.Fatal(err)
	}
	return customers
}

func exampleOrders() *actito.CustomTable[exampleOrder] {
	orders, err := actito.Records[exampleOrder](exampleClient(), "Orders")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := orders.Upsert(context.Background(), exampleOrder{ID: "A-1", Customer: "C1"}); err != nil {
		log.Fatal(err)
	}
	return orders
}

func ExampleProfileTable_Create() {
	customers, ctx := exampleCustomers(), context.Background()
	_, err := customers.Create(ctx, exampleCustomer{ID: "C1", Email: "another@example.com"})
	fmt.Println(errors.Is(err, actito.ErrConflict), customers.KeyAttribute())
	// Output: true customerID
}

func ExampleProfileTable_Get() {
	customers, ctx := exampleCustomers(), context.Background()
	ann, err := customers.Get(ctx, actito.By("emailAddress", "ann@example.com"))
	fmt.Println(ann.ID, err)
	_, err = customers.Get(ctx, actito.ByID("4711")) // the profileId that Actito gave
	fmt.Println(errors.Is(err, actito.ErrNotFound))
	// Output:
	// C1 <nil>
	// true
}

func ExampleProfileTable_Update() {
	customers, ctx := exampleCustomers(), context.Background()
	key := actito.By("customerID", "C1")
	err := customers.Update(ctx, key, exampleCustomer{Email: "new@example.com"}) // what is empty stays
	ann, _ := customers.Get(ctx, key)
	fmt.Println(ann.ID, ann.Email, err)
	// Output: C1 new@example.com <nil>
}

func ExampleProfileTable_Delete() {
	customers, ctx := exampleCustomers(), context.Background()
	key := actito.By("customerID", "C1")
	fmt.Println(customers.Delete(ctx, key))
	fmt.Println(errors.Is(customers.Delete(ctx, key), actito.ErrNotFound))
	// Output:
	// <nil>
	// true
}

func ExampleProfileTable_Unsubscribe() {
	customers, ctx := exampleCustomers(), context.Background()
	key := actito.By("emailAddress", "ann@example.com")
	fmt.Println(customers.Subscribe(ctx, key, "Newsletter"))
	list, err := customers.Subscriptions(ctx, key)
	fmt.Println(list[0].Name, err)
	fmt.Println(customers.Unsubscribe(ctx, key, "Newsletter"))
	// Output:
	// <nil>
	// Newsletter <nil>
	// <nil>
}

func ExampleProfileTable_Segment() {
	customers, ctx := exampleCustomers(), context.Background()
	key := actito.By("customerID", "C1")
	fmt.Println(customers.Segment(ctx, key, actito.Segmentation{Name: "Activity", Category: "Active"}))
	fmt.Println(customers.Segment(ctx, key, actito.Segmentation{Name: "VIP"})) // one without categories
	fmt.Println(customers.Unsegment(ctx, key, "VIP"))
	list, err := customers.Segmentations(ctx, key)
	fmt.Println(list, err)
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// [{Activity Active}] <nil>
}

// Rows are kept as JSON, and sent later.
func ExampleProfileTable_Map() {
	customers, ctx := exampleCustomers(), context.Background()
	row, err := customers.Map(exampleCustomer{ID: "C2", Email: "bob@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := json.Marshal(row)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(stored))
	row, err = actito.ParseMap(stored)
	if err != nil {
		log.Fatal(err)
	}
	_, err = customers.Untyped().Upsert(ctx, row)
	fmt.Println(err)
	// Output:
	// {"customerID":"C2","emailAddress":"bob@example.com"}
	// <nil>
}

func ExampleCustomTable_Upsert() {
	orders, ctx := exampleOrders(), context.Background()
	key, err := orders.Upsert(ctx, exampleOrder{ID: "A-2", Customer: "C1"})
	fmt.Println(key, err)
	// Output: A-2 <nil>
}

func ExampleCustomTable_Update() {
	orders, ctx := exampleOrders(), context.Background()
	fmt.Println(orders.Update(ctx, "A-1", exampleOrder{Customer: "C2"})) // what is empty stays
	order, err := orders.Get(ctx, "A-1")
	fmt.Println(order, err)
	// Output:
	// <nil>
	// {A-1 C2} <nil>
}

func ExampleCustomTable_Delete() {
	orders, ctx := exampleOrders(), context.Background()
	fmt.Println(orders.Delete(ctx, "A-1"))
	_, err := orders.Get(ctx, "A-1")
	fmt.Println(errors.Is(err, actito.ErrNotFound))
	// Output:
	// <nil>
	// true
}

func ExampleStructureService_CustomTables() {
	tables, err := exampleClient().Structures.CustomTables(context.Background())
	fmt.Println(tables[0].Name, tables[0].PrimaryKey, err)
	// Output: Orders orderId <nil>
}

func ExampleEntityService_List() {
	entities, err := exampleClient().Entities.List(context.Background())
	fmt.Println(entities[0].Name, err)
	// Output: MyEntity <nil>
}

func ExampleLocationService_List() {
	server, client := exampleServer()
	server.AddLocation("MyEntity", "Shop") // made in Actito, or by Locations.Create
	ctx := context.Background()
	locations, err := client.Locations.List(ctx)
	fmt.Println(locations[0].Name, err)
	fmt.Println(client.Locations.Test(ctx, locations[0].ID))
	// Output:
	// Shop <nil>
	// <nil>
}

// What a sign-up form left out is not sent, and what it emptied is cleared.
func ExampleOpt_IsNull() {
	phone, newsletter, birth := actito.Null[string](), actito.Opt[bool]{}, actito.Set(actito.NewDate(1990, time.May, 17))
	fmt.Println(phone.IsSet(), phone.IsNull())
	fmt.Println(newsletter.IsSet(), newsletter.IsNull())
	date, ok := birth.Get()
	fmt.Println(date, date.Time(time.UTC).Weekday(), ok)
	// Output:
	// false true
	// false false
	// 1990-05-17 Thursday true
}

func ExampleStructureService_CustomTable() {
	orders := exampleOrders()
	structure, err := orders.Client().Structures.CustomTable(context.Background(), "Orders")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(structure.Name, len(structure.Attributes), structure.Attributes[0].Name)
	// Output: Orders 10 orderId
}

// A migration takes the consents along; a nightly import leaves them to Actito, where people unsubscribe.
func ExampleWithSubscriptions() {
	type person struct {
		ID   string           `actito:"customerID,key"`
		News actito.Opt[bool] `actito:"subscriptions#Newsletter"`
	}
	_, client := exampleServer()
	people, err := actito.Profiles[person](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	for _, opts := range [][]actito.ColumnOption{nil, {actito.WithSubscriptions()}} {
		for _, m := range people.InputFile("people.csv", opts...).Mapping {
			fmt.Println(len(opts), m.Attribute)
		}
	}
	// Output:
	// 0 customerID
	// 1 customerID
	// 1 subscriptions#Newsletter
}
