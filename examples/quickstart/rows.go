package main

import (
	"strings"

	"github.com/actito-go/actito"
)

// Customer is a row of the profile table. One struct serves single calls, files and what is read back.
type Customer struct {
	ID      string             `actito:"customerID,key"`
	Company string             `actito:"companyName"`
	Contact actito.Opt[string] `actito:"contactName"`
	Country actito.Opt[string] `actito:"country"`
}

// Order is a record of the custom table.
type Order struct {
	ID       string                  `actito:"orderID,key"`
	Customer string                  `actito:"customerID"`
	Date     actito.Date             `actito:"orderDate"`
	Shipped  actito.Opt[actito.Date] `actito:"shippedDate"`
	Freight  float64                 `actito:"freight"`
	ShipTo   actito.Opt[string]      `actito:"shipCountry"`
}

func readCustomer(r *record) Customer {
	return Customer{
		ID:      r.text("customerID"),
		Company: r.text("companyName"),
		Contact: optional(r, "contactName", (*record).text),
		Country: optional(r, "country", (*record).country),
	}
}

func readOrder(r *record) Order {
	return Order{
		ID:       r.text("orderID"),
		Customer: r.text("customerID"),
		Date:     r.date("orderDate"),
		Shipped:  optional(r, "shippedDate", (*record).date),
		Freight:  r.number("freight"),
		ShipTo:   optional(r, "shipCountry", (*record).country),
	}
}

// country reads a country's name as the code that Actito wants.
func (r *record) country(column string) string {
	name := r.text(column)
	code, ok := countryCode(name)
	if !ok {
		r.fail(column, "%q is no country that this program knows: add it to countryCode", name)
	}
	return code
}

// countryCode is the ISO 3166-1 code of a country.
func countryCode(name string) (code string, ok bool) {
	codes := map[string]string{
		"argentina": "AR", "austria": "AT", "belgium": "BE", "brazil": "BR", "canada": "CA", "denmark": "DK",
		"finland": "FI", "france": "FR", "germany": "DE", "ireland": "IE", "italy": "IT", "luxembourg": "LU",
		"mexico": "MX", "netherlands": "NL", "norway": "NO", "poland": "PL", "portugal": "PT", "spain": "ES",
		"sweden": "SE", "switzerland": "CH", "uk": "GB", "united kingdom": "GB", "usa": "US", "united states": "US",
		"venezuela": "VE",
	}
	code, ok = codes[strings.ToLower(name)]
	return code, ok
}
