package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

// counter is the customer of everybody who does not give a name.
const counter = "COUNTER"

// Order is a record of the custom table.
type Order struct {
	ID       string      `actito:"orderID,key"`
	Customer string      `actito:"customerID"`
	Date     actito.Date `actito:"orderDate"`
}

// sold is the orders of the hour that ends at a moment. A shop reads them from its database, where they are marked once
// they are loaded, so that none is forgotten when the program ends.
func sold(at time.Time) []Order {
	orders := make([]Order, 2+at.Hour()*7%5)
	for i := range orders {
		orders[i] = Order{ID: fmt.Sprintf("%s-%d", at.Format("0102-15"), i+1), Customer: counter, Date: actito.DateOf(at)}
	}
	return orders
}

// wait lets time pass until a moment.
type wait func(ctx context.Context, until time.Time) error

// pace passes the time from a moment on faster than life: the same program keeps real hours with a speed of 1.
func pace(from time.Time, speed float64) wait {
	began := time.Now()
	return func(ctx context.Context, until time.Time) error {
		if speed <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(time.Until(began.Add(time.Duration(float64(until.Sub(from)) / speed))))
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// store loads what a shop sells.
type store struct {
	client  *actito.Client
	orders  *actito.CustomTable[Order]
	wait    wait
	out     io.Writer
	pending []Order // sold and not loaded
}

func newStore(client *actito.Client, wait wait, out io.Writer) (*store, error) {
	orders, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return nil, err
	}
	return &store{client: client, orders: orders, wait: wait, out: out}, nil
}

// open loads hour by hour until the shop closes.
func (s *store) open(ctx context.Context, opens, closes time.Time) error {
	for at := opens.Add(time.Hour); !at.After(closes); at = at.Add(time.Hour) {
		if err := s.wait(ctx, at); err != nil {
			return fmt.Errorf("%d orders are not loaded: %w", len(s.pending), err)
		}
		s.pending = append(s.pending, sold(at)...)
		if err := s.load(ctx, at, at.Equal(closes)); err != nil {
			return fmt.Errorf("%d orders are not loaded: %w", len(s.pending), err)
		}
	}
	return nil
}

// load loads what is pending. It stays pending where that is not possible now, which is no error: orders have keys, so
// one that the service did get after all is written over by the next import and not doubled.
func (s *store) load(ctx context.Context, at time.Time, closing bool) error {
	if len(s.pending) == 0 {
		return nil // an hour without orders costs no import
	}
	// An order that no file can hold is taken out, and keeps nobody else's from being loaded.
	data := []actito.ImportOption{s.orders.Rows("orders.csv", actito.FromSlice(s.pending), actito.SkipInvalid())}
	if closing {
		data = append(data, actito.Urgent()) // may use what Quota.KeepFree keeps
	}
	exec, err := s.client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "orders-" + at.Format("15h"),
		Files: []actito.InputFile{s.orders.InputFile("orders.csv")},
	}, data...)
	if err != nil {
		return s.keep(at, err)
	}
	exec, err = s.client.Executions.Wait(ctx, exec)
	if err != nil && !errors.Is(err, actito.ErrRowsRejected) {
		return s.keep(at, err)
	}
	for _, refused := range exec.Refused {
		s.say(at, "an order was not sent: %v", refused.Err)
	}
	s.pending = nil
	return s.report(ctx, at, exec)
}

// report says what became of an import's rows.
func (s *store) report(ctx context.Context, at time.Time, exec *actito.Execution) error {
	usage, err := s.client.Quota.Usage(ctx, shop.Orders)
	if err != nil {
		return err
	}
	total := exec.Totals()
	s.say(at, "%2d read = %2d created + %d updated + %d rejected, imports left: %d",
		total.Read, total.Created, total.Updated, total.Rejected, usage.Left)
	if total.Rejected == 0 {
		return nil
	}
	for reject, err := range s.orders.Rejects(ctx, exec) {
		if err != nil {
			return err
		}
		s.say(at, "order %s was rejected: %s in column %s", reject.Row.ID, reject.Code, reject.Column)
	}
	return nil
}

// keep leaves the orders pending if a later import can bring them, and fails if none can.
func (s *store) keep(at time.Time, err error) error {
	if quota, ok := errors.AsType[*actito.QuotaError](err); ok {
		if quota.Used+quota.Held < quota.Limit { // the rest is kept
			s.say(at, "%2d orders wait: the last import is for closing time", len(s.pending))
			return nil
		}
		s.say(at, "%2d orders wait: %d of %d imports are used, until %s", len(s.pending), quota.Used, quota.Limit,
			quota.ResetAt.Format("2 January 15:04"))
		return nil
	}
	if actito.Retryable(err) || errors.Is(err, actito.ErrOutcomeUnknown) || errors.Is(err, actito.ErrNoRows) { // all were taken out
		s.say(at, "%2d orders wait: %v", len(s.pending), err)
		return nil
	}
	return err
}

func (s *store) say(at time.Time, format string, args ...any) {
	fmt.Fprintf(s.out, "%s   %s\n", at.Format("15:04"), fmt.Sprintf(format, args...))
}
