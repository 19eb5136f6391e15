// Feedriver is a shop whose work is done by River (riverqueue.com) on PostgreSQL, and that hands rows over to Actito from
// its jobs: a job, what it hands over and its completion are one commit. A periodic job delivers. It is for teams that
// have River; without it, feed.Run delivers sooner and needs no jobs.
//
//	go run ./examples/feedriver -db postgres://localhost/shop_test
//
// It runs against a fake of the service inside the program, and its tables are in a schema of the database that it makes
// and removes, feedriver_demonstration. Customers sign up and order; one of the jobs dies just before its commit, and River
// starts it again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "feedriver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("feedriver", flag.ContinueOnError)
	flags.SetOutput(stdout)
	url := flags.String("db", "", "the `URL` of a PostgreSQL database, such as postgres://localhost/shop_test")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *url == "" {
		return errors.New("-db is needed: River is at home in PostgreSQL")
	}
	pool, err := open(ctx, *url)
	if err != nil {
		return err
	}
	defer pool.Close()
	defer func() { _, _ = pool.Exec(context.WithoutCancel(ctx), dropSchema) }()
	db := stdlib.OpenDBFromPool(pool) // the feed's own connections are those of the pool
	defer db.Close()

	fake := shop.NewServer()
	defer fake.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	outbox := feed.SQL(db, feed.Postgres)
	if err := migrate(ctx, pool, outbox); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	f, err := feed.Open(client, outbox, feed.WithLogger(log))
	if err != nil {
		return err
	}
	l, err := newLanes(client, f)
	if err != nil {
		return err
	}
	d := demonstration{pool: pool, lanes: l, fake: fake, out: stdout}
	if err := d.run(ctx); err != nil {
		return err
	}
	return d.compare(ctx)
}

const (
	schema     = "feedriver_demonstration"
	dropSchema = "DROP SCHEMA IF EXISTS " + schema + " CASCADE"
)

// open connects to a database whose tables are those of the schema, and empties that.
func open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["search_path"] = schema
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, dropSchema+"; CREATE SCHEMA "+schema); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

const tables = `
CREATE TABLE users (
	id text PRIMARY KEY,
	email text NOT NULL UNIQUE,
	first_name text NOT NULL
);
CREATE TABLE orders (
	id text PRIMARY KEY,
	user_id text NOT NULL REFERENCES users,
	ordered_on date NOT NULL,
	freight float8 NOT NULL
);`

// migrate makes the tables of the shop, of River and of the feed.
func migrate(ctx context.Context, pool *pgxpool.Pool, outbox *feed.SQLStore) error {
	if _, err := pool.Exec(ctx, tables); err != nil {
		return err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return outbox.Migrate(ctx)
}

// newRiver makes River's client with the workers of the shop.
func newRiver(pool *pgxpool.Pool, signUps *signUpWorker, period time.Duration) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, signUps)
	river.AddWorker(workers, &orderWorker{lanes: signUps.lanes, pool: pool})
	river.AddWorker(workers, &drainWorker{feed: signUps.feed})
	return river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}, drainQueue: {MaxWorkers: 1}},
		Workers:      workers,
		PeriodicJobs: []*river.PeriodicJob{drainEvery(period)},
		Logger:       slog.New(slog.DiscardHandler), // failures are shown by the demonstration
	})
}
