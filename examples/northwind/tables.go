package main

import (
	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// Customer is a profile. Its fields are texts, since the transformations make of what the files hold what Actito wants.
type Customer struct {
	ID        string             `actito:"customerID,key"`
	Company   string             `actito:"companyName"`
	FirstName string             `actito:"firstName"`
	LastName  actito.Opt[string] `actito:"lastName"`
	Position  actito.Opt[string] `actito:"contactTitle"`
	Address   string             `actito:"address"`
	City      string             `actito:"city"`
	Region    actito.Opt[string] `actito:"region"`
	Postcode  actito.Opt[string] `actito:"postalCode"`
	Country   string             `actito:"country"`
	Phone     actito.Opt[string] `actito:"phone"`
	Fax       actito.Opt[string] `actito:"fax"`
}

// Order belongs to a customer.
type Order struct {
	ID       string             `actito:"orderID,key"`
	Customer string             `actito:"customerID"`
	Ordered  string             `actito:"orderDate"`
	Required actito.Opt[string] `actito:"requiredDate"`
	Shipped  actito.Opt[string] `actito:"shippedDate"`
	Freight  float64            `actito:"freight"`
	City     string             `actito:"shipCity"`
	Country  string             `actito:"shipCountry"`
}

// Line is a product of an order.
type Line struct {
	ID       string  `actito:"lineID,key"`
	Order    string  `actito:"orderID"`
	Product  string  `actito:"productID"`
	Price    float64 `actito:"unitPrice"`
	Quantity int     `actito:"quantity"`
	Discount float64 `actito:"discount"`
}

// What becomes of each file's columns, in this order.
var (
	customerData = []transform.Option{
		transform.NullWords("NULL").On("contactName", "contactTitle", "region", "postalCode", "phone", "fax"),
		transform.Collapse().On("contactName", "address"),
		transform.Split(" ", "firstName", "lastName").On("contactName"),
		transform.Drop().On("contactName"),
		transform.Country().On("country"),
	}
	orderData = []transform.Option{
		transform.NullWords("NULL").On("shippedDate"),
		transform.Date("yyyy-MM-dd HH:mm:ss.SSS").On("orderDate", "requiredDate", "shippedDate"),
		transform.Country().On("shipCountry"),
		transform.Drop().On("employeeID", "shipVia", "shipName", "shipAddress", "shipRegion", "shipPostalCode"),
	}
	// The lines of the file have no key of their own.
	lineData = []transform.Option{
		transform.Concatenate("-", "orderID", "productID").On("lineID"),
	}
)

// inputFiles says how each file is loaded into its table. Their order does not matter here.
func inputFiles(client *actito.Client) ([]actito.InputFile, error) {
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		return nil, err
	}
	orders, err := actito.Records[Order](client, "Orders")
	if err != nil {
		return nil, err
	}
	lines, err := actito.Records[Line](client, "OrderLines")
	if err != nil {
		return nil, err
	}
	files := []actito.InputFile{lines.InputFile("order_details.csv"), orders.InputFile("orders.csv"), customers.InputFile("customers.csv")}
	for i, data := range [][]transform.Option{lineData, orderData, customerData} {
		if files[i].Local, err = transform.New(data...); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// newServer starts a fake with the three tables.
func newServer() *actitotest.Server {
	server := actitotest.NewServer()
	server.Assume(actitotest.ResultFilesExist, actitotest.KeysWithCase) // what is shown rests on these
	text := func(names ...string) (list []actitotest.Attribute) {
		for _, name := range names {
			list = append(list, actitotest.Attribute{Name: name, Type: "STRING"})
		}
		return list
	}
	key := func(name string) actitotest.Attribute {
		return actitotest.Attribute{Name: name, Type: "STRING", Unique: true, Mandatory: true}
	}
	refersTo := func(attribute, table string) []actitotest.ForeignKey {
		return []actitotest.ForeignKey{{Name: attribute, Attribute: attribute, Table: table, Referenced: attribute, Cascade: true}}
	}
	server.AddProfileTable(entity, actitotest.Table{
		Name: "Customers",
		Attributes: append(text("companyName", "firstName", "lastName", "contactTitle", "address", "city", "region", "postalCode", "phone", "fax"),
			key("customerID"), actitotest.Attribute{Name: "country", Type: "COUNTRY"}),
	})
	server.AddCustomTable(entity, actitotest.Table{
		Name: "Orders", PrimaryKey: "orderID",
		Attributes: append(text("customerID", "shipCity"), key("orderID"),
			actitotest.Attribute{Name: "orderDate", Type: "DATE", Mandatory: true}, actitotest.Attribute{Name: "requiredDate", Type: "DATE"},
			actitotest.Attribute{Name: "shippedDate", Type: "DATE"}, actitotest.Attribute{Name: "freight", Type: "NUMBER"},
			actitotest.Attribute{Name: "shipCountry", Type: "STRING", MinLength: 2, MaxLength: 2}),
		ForeignKeys: refersTo("customerID", "Customers"),
	})
	server.AddCustomTable(entity, actitotest.Table{
		Name: "OrderLines", PrimaryKey: "lineID",
		Attributes: append(text("orderID", "productID"), key("lineID"), actitotest.Attribute{Name: "unitPrice", Type: "NUMBER"},
			actitotest.Attribute{Name: "quantity", Type: "INTEGER"}, actitotest.Attribute{Name: "discount", Type: "NUMBER"}),
		ForeignKeys: refersTo("orderID", "Orders"),
	})
	return server
}
