package main

import (
	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

// Customer is a row of the profile table. One struct serves single calls, files and what is read back.
type Customer struct {
	ID      string             `actito:"customerID,key"`
	Company string             `actito:"companyName"`
	Contact actito.Opt[string] `actito:"contactName"`
	Country actito.Opt[string] `actito:"country"`
}

// Order is a record of the custom table. Its dates are texts, as the file has them.
type Order struct {
	ID       string             `actito:"orderID,key"`
	Customer string             `actito:"customerID"`
	Date     string             `actito:"orderDate"`
	Shipped  actito.Opt[string] `actito:"shippedDate"`
	Freight  float64            `actito:"freight"`
	ShipTo   actito.Opt[string] `actito:"shipCountry"`
}

// What is made of the texts on their way to Actito, in single calls as in files: some databases write NULL for a missing
// value, countries are wanted as codes, and dates without a time of day.
var (
	customerData = []transform.Option{
		transform.Trim().On("customerID", "companyName", "contactName", "country"),
		transform.NullWords("NULL").On("contactName", "country"),
		transform.Country().On("country"),
	}
	orderData = []transform.Option{
		transform.Trim().On("orderID", "customerID", "orderDate", "shippedDate", "shipCountry"),
		transform.NullWords("NULL").On("shippedDate", "shipCountry"),
		transform.Date("yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss.SSS").On("orderDate", "shippedDate"),
		transform.Country().On("shipCountry"),
	}
)

func readCustomer(r *record) Customer {
	return Customer{
		ID:      r.text("customerID"),
		Company: r.text("companyName"),
		Contact: r.optional("contactName"),
		Country: r.optional("country"),
	}
}

func readOrder(r *record) Order {
	return Order{
		ID:       r.text("orderID"),
		Customer: r.text("customerID"),
		Date:     r.text("orderDate"),
		Shipped:  r.optional("shippedDate"),
		Freight:  r.number("freight"),
		ShipTo:   r.optional("shipCountry"),
	}
}
