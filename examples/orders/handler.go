package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

// deadline bounds all calls of an order together.
const deadline = 5 * time.Second

// Customer is what the shop knows of the buyer, a row of the profile table.
type Customer struct {
	ID        string `actito:"customerID,key" json:"customerID"`
	Email     string `actito:"emailAddress" json:"email"`
	FirstName string `actito:"firstName" json:"firstName"`
}

// Order is the header of an order, a record that refers to a customer. What only the shop's page says is left out of
// the record with "-".
type Order struct {
	ID         string             `actito:"orderID,key" json:"orderID"`
	CustomerID string             `actito:"customerID" json:"-"`
	Date       actito.Date        `actito:"orderDate" json:"date"`
	Freight    float64            `actito:"freight" json:"freight"`
	ShipTo     actito.Opt[string] `actito:"shipCountry" json:"shipTo,omitzero"`

	Customer Customer `actito:"-" json:"customer"`
	Lines    []Line   `actito:"-" json:"lines"`
}

// Line is a line of an order, a record that refers to the order.
type Line struct {
	ID        string  `actito:"lineID,key" json:"-"`
	OrderID   string  `actito:"orderID" json:"-"`
	Product   string  `actito:"product" json:"product"`
	Quantity  int     `actito:"quantity" json:"quantity"`
	UnitPrice float64 `actito:"unitPrice" json:"unitPrice"`
}

type handler struct {
	log       *slog.Logger
	customers *actito.ProfileTable[Customer]
	orders    *actito.CustomTable[Order]
	lines     *actito.CustomTable[Line]
}

func newHandler(client *actito.Client, log *slog.Logger) (http.Handler, error) {
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	orders, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return nil, err
	}
	lines, err := actito.Records[Line](client, shop.Lines)
	if err != nil {
		return nil, err
	}
	h := &handler{log, customers, orders, lines}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", h.placeOrder)
	return mux, nil
}

func (h *handler) placeOrder(w http.ResponseWriter, r *http.Request) {
	var order Order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&order); err != nil {
		http.Error(w, "this is not an order in JSON", http.StatusBadRequest)
		return
	}
	if order.ID == "" || order.Customer.ID == "" {
		http.Error(w, "an order needs an orderID, and its customer a customerID", http.StatusBadRequest)
		return
	}
	// A table could make keys itself; then a call whose answer got lost could not be repeated. The shop's own keys are
	// the same however often the order is placed.
	order.CustomerID = order.Customer.ID
	for i := range order.Lines {
		order.Lines[i].OrderID = order.ID
		order.Lines[i].ID = fmt.Sprintf("%s-%d", order.ID, i+1)
	}

	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	err := h.send(ctx, order)
	if err == nil {
		fmt.Fprintln(w, "thank you")
		return
	}
	h.log.WarnContext(ctx, "the order is not complete in Actito", slog.Any("error", err)) // errors of the library hold no values
	switch {
	case errors.Is(err, actito.ErrInvalid):
		http.Error(w, "Actito does not accept these values", http.StatusBadRequest)
	case actito.Retryable(err):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "please place the order again", http.StatusServiceUnavailable)
	default:
		http.Error(w, "this did not work", http.StatusBadGateway)
	}
}

// send writes what is referred to before what refers to it. It stops at the first failure: what was written by then is
// complete in itself, and sending the order again completes the rest.
func (h *handler) send(ctx context.Context, order Order) error {
	if _, err := h.customers.Upsert(ctx, order.Customer); err != nil {
		return fmt.Errorf("customer: %w", err)
	}
	if _, err := h.orders.Upsert(ctx, order); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	for i, line := range order.Lines {
		if _, err := h.lines.Upsert(ctx, line); err != nil {
			return fmt.Errorf("line %d of %d: %w", i+1, len(order.Lines), err)
		}
	}
	return nil
}
