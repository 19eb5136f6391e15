package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

// Customer is a row of the shop's table users, and one of Actito's profile table.
type Customer struct {
	ID        string `actito:"customerID,key"`
	Email     string `actito:"emailAddress"`
	FirstName string `actito:"firstName"`
}

// Order is a row of the shop's table orders, and a record in Actito that names its customer.
type Order struct {
	ID         string      `actito:"orderID,key"`
	CustomerID string      `actito:"customerID"`
	Date       actito.Date `actito:"orderDate"`
	Freight    float64     `actito:"freight"`
}

// The jobs name rows and hold nothing of them: River keeps jobs for a day after they are done, and who is erased from the
// shop must not be left there.
type (
	// SignUp tells Actito of a customer.
	SignUp struct {
		CustomerID string `json:"customer"`
	}
	// PlaceOrder tells Actito of an order.
	PlaceOrder struct {
		OrderID string `json:"order"`
	}
	// Drain delivers what the other jobs handed over.
	Drain struct{}
)

func (SignUp) Kind() string     { return "sign-up" }
func (PlaceOrder) Kind() string { return "order" }
func (Drain) Kind() string      { return "drain" }

// drainQueue keeps long drains from taking the places of other jobs.
const drainQueue = "actito"

// lanes are the ways of rows to Actito, with the feed that they go through.
type lanes struct {
	feed      *feed.Feed
	customers *feed.Lane[Customer]
	orders    *feed.Lane[Order]
}

func newLanes(client *actito.Client, f *feed.Feed) (*lanes, error) {
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	orders, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return nil, err
	}
	l := &lanes{feed: f, customers: feed.Profiles(f, customers)}
	l.orders = feed.Records(f, orders, feed.After(l.customers))
	return l, nil
}

// execer lets lanes write through a transaction of pgx.
func execer(tx pgx.Tx) feed.ExecFunc {
	return func(ctx context.Context, query string, args ...any) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}
}

// complete does what a job is for and completes it in one transaction: what it hands over is delivered if and only if the
// job is done, however often River starts it. A row that Actito would never accept is not tried again.
func complete[T river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[T], do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if errors.Is(err, actito.ErrInvalid) {
		return river.JobCancel(err)
	}
	return err
}

// customer reads a customer as it is now, and locks it: pushes of one customer follow one another.
func customer(ctx context.Context, tx pgx.Tx, id string) (c Customer, err error) {
	err = tx.QueryRow(ctx, `SELECT id, email, first_name FROM users WHERE id = $1 FOR UPDATE`, id).Scan(&c.ID, &c.Email, &c.FirstName)
	return c, err
}

type signUpWorker struct {
	river.WorkerDefaults[SignUp]
	*lanes
	pool *pgxpool.Pool
	last func(*river.Job[SignUp]) error // what goes wrong just before the commit; nil but for demonstrations
}

func (w *signUpWorker) Work(ctx context.Context, job *river.Job[SignUp]) error {
	return complete(ctx, w.pool, job, func(tx pgx.Tx) error {
		c, err := customer(ctx, tx, job.Args.CustomerID)
		if err != nil {
			return err
		}
		if err := w.customers.Push(ctx, execer(tx), c, feed.MustTrigger()); err != nil || w.last == nil {
			return err
		}
		return w.last(job)
	})
}

type orderWorker struct {
	river.WorkerDefaults[PlaceOrder]
	*lanes
	pool *pgxpool.Pool
}

// Work pushes the customer with the order, for jobs run in any order: whichever job of the two comes first, Actito knows
// the customer before the order. What waits of the same customer becomes one call.
func (w *orderWorker) Work(ctx context.Context, job *river.Job[PlaceOrder]) error {
	return complete(ctx, w.pool, job, func(tx pgx.Tx) error {
		o := Order{ID: job.Args.OrderID}
		var date time.Time
		if err := tx.QueryRow(ctx, `SELECT user_id, ordered_on, freight FROM orders WHERE id = $1 FOR UPDATE`, o.ID).
			Scan(&o.CustomerID, &date, &o.Freight); err != nil {
			return err
		}
		o.Date = actito.DateOf(date)
		c, err := customer(ctx, tx, o.CustomerID)
		if err != nil {
			return err
		}
		if err := w.customers.Push(ctx, execer(tx), c); err != nil {
			return err
		}
		return w.orders.Push(ctx, execer(tx), o)
	})
}

type drainWorker struct {
	river.WorkerDefaults[Drain]
	feed *feed.Feed
}

// Timeout is less than RescueStuckJobsAfter. A drain that it cuts short has lost nothing: the next one goes on.
func (w *drainWorker) Timeout(*river.Job[Drain]) time.Duration { return 10 * time.Minute }

func (w *drainWorker) Work(ctx context.Context, _ *river.Job[Drain]) error {
	err := w.feed.Drain(ctx)
	if errors.Is(err, feed.ErrLeaseLost) || errors.Is(err, context.DeadlineExceeded) {
		return nil // another process delivers, or the next job does
	}
	return err
}

// drainEvery is the job that delivers, from time to time. Two at once do no harm, since the second one finds the lease
// taken. Being unique among those that run would do some: River thinks for an hour that a job still runs whose process
// was killed. So there is one a period, whatever became of the others, and a failed one is not repeated.
func drainEvery(period time.Duration) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(period), func() (river.JobArgs, *river.InsertOpts) {
		return Drain{}, &river.InsertOpts{Queue: drainQueue, MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: period}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}
