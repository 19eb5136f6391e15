// Package shop is the web shop of the examples: the tables that its licence has, in a fake of the service that runs
// inside the program. A program of yours has a licence instead, and nothing like this package.
package shop

import "github.com/actito-go/actito/actitotest"

// What the shop's tables are called.
const (
	Entity    = "MyEntity"
	Customers = "Customers"
	Orders    = "Orders"
	Lines     = "OrderLines"
)

// NewServer starts the fake with three tables: an order names a customer that exists, and a line an order.
func NewServer(opts ...actitotest.Option) *actitotest.Server {
	server := actitotest.NewServer(opts...)
	server.Assume(actitotest.ExecutionListExists, actitotest.ResultFilesExist, actitotest.KeysWithCase) // what the examples show rests on these
	server.AddProfileTable(Entity, actitotest.Table{
		Name: Customers,
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "companyName", Type: "STRING"},
			{Name: "contactName", Type: "STRING"},
			{Name: "country", Type: "STRING", MinLength: 2, MaxLength: 2},
			{Name: "phone", Type: "STRING"},
		},
		Subscriptions: []string{"Newsletter"},
	})
	server.AddCustomTable(Entity, actitotest.Table{
		Name: Orders, PrimaryKey: "orderID",
		Attributes: []actitotest.Attribute{
			{Name: "orderID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "customerID", Type: "STRING", Mandatory: true},
			{Name: "orderDate", Type: "DATE", Mandatory: true},
			{Name: "shippedDate", Type: "DATE"},
			{Name: "freight", Type: "NUMBER"},
			{Name: "shipCountry", Type: "STRING", MinLength: 2, MaxLength: 2},
		},
		ForeignKeys: []actitotest.ForeignKey{{
			Name: "customer", Attribute: "customerID", Table: Customers, Referenced: "customerID", Cascade: true,
		}},
	})
	server.AddCustomTable(Entity, actitotest.Table{
		Name: Lines, PrimaryKey: "lineID",
		Attributes: []actitotest.Attribute{
			{Name: "lineID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "orderID", Type: "STRING", Mandatory: true},
			{Name: "product", Type: "STRING", Mandatory: true},
			{Name: "quantity", Type: "INTEGER", Mandatory: true},
			{Name: "unitPrice", Type: "NUMBER", Mandatory: true},
		},
		ForeignKeys: []actitotest.ForeignKey{{
			Name: "order", Attribute: "orderID", Table: Orders, Referenced: "orderID", Cascade: true,
		}},
	})
	return server
}
