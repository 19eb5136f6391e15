package main

import (
	"context"
	"database/sql"
	"net/url"

	"github.com/actito-go/actito"
)

// Customer is a sign-up as the page sends it, a row of the shop's table users, and one of Actito's profile table. Whoever
// says nothing about the newsletter keeps what they chose before: consent is unset then, not false.
type Customer struct {
	ID         string           `actito:"customerID,key" json:"id"`
	Email      string           `actito:"emailAddress" json:"email"`
	FirstName  string           `actito:"firstName" json:"firstName"`
	Newsletter actito.Opt[bool] `actito:"subscriptions#Newsletter" json:"newsletter,omitzero"`
}

// Order is the header of an order, a record that names its customer.
type Order struct {
	ID         string      `actito:"orderID,key" json:"id"`
	CustomerID string      `actito:"customerID" json:"customer"`
	Date       actito.Date `actito:"orderDate" json:"date"`
	Freight    float64     `actito:"freight" json:"freight"`

	Lines []Line `actito:"-" json:"lines"`
}

// Line is a line of an order, a record that names the order.
type Line struct {
	ID        string  `actito:"lineID,key" json:"-"`
	OrderID   string  `actito:"orderID" json:"-"`
	Product   string  `actito:"product" json:"product"`
	Quantity  int     `actito:"quantity" json:"quantity"`
	UnitPrice float64 `actito:"unitPrice" json:"unitPrice"`
}

const schema = `
CREATE TABLE IF NOT EXISTS users (
	id text PRIMARY KEY,
	email text NOT NULL UNIQUE,
	first_name text NOT NULL,
	newsletter boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS orders (
	id text PRIMARY KEY,
	user_id text NOT NULL REFERENCES users,
	ordered_on text NOT NULL,
	freight real NOT NULL
);
CREATE TABLE IF NOT EXISTS lines (
	id text PRIMARY KEY,
	order_id text NOT NULL REFERENCES orders,
	product text NOT NULL,
	quantity integer NOT NULL,
	unit_price real NOT NULL
);`

// openDatabase opens the shop's database. Readers and the one writer do not wait for each other (WAL), writers wait for
// their turn (busy_timeout), and a transaction that reads before it writes has its turn from its beginning (_txlock).
func openDatabase(ctx context.Context, path string) (*sql.DB, error) {
	settings := url.Values{"_pragma": {"journal_mode(wal)", "busy_timeout(5000)", "foreign_keys(1)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}
