package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

type demonstration struct {
	pool  *pgxpool.Pool
	lanes *lanes
	fake  *actitotest.Server
	out   io.Writer
}

var names = []string{"Ann", "Bob", "Cid", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jan"}

var errDied = errors.New("it died after its hand-over, before its commit")

// run lets customers sign up and order, and ends when all jobs are done and all rows delivered.
func (d *demonstration) run(ctx context.Context) (err error) {
	third := func(job *river.Job[SignUp]) error {
		if job.Args.CustomerID == "C3" && job.Attempt == 1 {
			return errDied
		}
		return nil
	}
	// A minute is usual; here, somebody looks on.
	jobs, err := newRiver(d.pool, &signUpWorker{lanes: d.lanes, pool: d.pool, last: third}, time.Second)
	if err != nil {
		return err
	}
	events, cancel := jobs.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed, river.EventKindJobCancelled)
	defer cancel()
	for i, name := range names {
		if err := d.shop(ctx, jobs, i+1, name); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.out, "%d customers have signed up and ordered, with a job for each sign-up and each order.\n", len(names))
	if err := jobs.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jobs.Stop(context.WithoutCancel(ctx))) }() // jobs under way are finished

	done := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-events:
			if e.Kind != river.EventKindJobCompleted {
				fmt.Fprintf(d.out, "   %s, try %d: %s\n", e.Job.Kind, e.Job.Attempt, e.Job.Errors[len(e.Job.Errors)-1].Error)
				continue
			}
			done[e.Job.Kind]++
		}
		if done[SignUp{}.Kind()]+done[PlaceOrder{}.Kind()] < 2*len(names) {
			continue
		}
		waiting, err := d.waiting(ctx)
		if err != nil {
			return err
		}
		if waiting == 0 {
			fmt.Fprintf(d.out, "   jobs completed: %d sign-ups, %d orders\n", done[SignUp{}.Kind()], done[PlaceOrder{}.Kind()])
			return nil
		}
	}
}

// shop is what the shop's pages do: a customer, an order and their jobs in one transaction.
func (d *demonstration) shop(ctx context.Context, jobs *river.Client[pgx.Tx], n int, name string) error {
	customer, order := fmt.Sprintf("C%d", n), fmt.Sprint(7000+n)
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO users (id, email, first_name) VALUES ($1, $2, $3)`,
			customer, strings.ToLower(name)+"@example.com", name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO orders (id, user_id, ordered_on, freight) VALUES ($1, $2, '2026-11-23', 4.5)`,
			order, customer); err != nil {
			return err
		}
		_, err := jobs.InsertManyTx(ctx, tx, []river.InsertManyParams{{Args: SignUp{customer}}, {Args: PlaceOrder{order}}})
		return err
	})
}

// waiting counts what is not delivered.
func (d *demonstration) waiting(ctx context.Context) (n int, err error) {
	stats, err := d.lanes.feed.Stats(ctx)
	for _, l := range stats.Lanes {
		if l.Dead > 0 {
			return n, fmt.Errorf("lane %s: %d rows are parked", l.Lane, l.Dead)
		}
		n += l.Pending
	}
	return n, err
}

// compare shows what the fake has against what the database has.
func (d *demonstration) compare(ctx context.Context) error {
	var users, orders int
	if err := d.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM orders)`).Scan(&users, &orders); err != nil {
		return err
	}
	waiting, err := d.waiting(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "   %-10s %12s %10s\n", "", "in the shop", "in Actito")
	fmt.Fprintf(d.out, "   %-10s %12d %10d\n", shop.Customers, users, len(d.fake.Profiles(shop.Customers)))
	fmt.Fprintf(d.out, "   %-10s %12d %10d\n", shop.Orders, orders, len(d.fake.Records(shop.Orders)))
	fmt.Fprintf(d.out, "Rows left in the outbox: %d\n", waiting)
	return nil
}
