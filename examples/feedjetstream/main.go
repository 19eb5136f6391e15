// Feedjetstream hands the messages of a NATS JetStream stream over to Actito: each in one transaction with its position in
// the stream, acknowledged after the commit. A message that comes again does no harm, and those of one customer keep their
// order: subjects are by customer, the stream sorts them into partitions, and of a partition one message is under way at
// a time. With Kafka it is the same: key, partition and offset take the places of subject, partition and sequence.
//
//	go run ./examples/feedjetstream
//
// It runs against a fake of the service and a NATS server inside the program, with its tables in a SQLite file. Twice the
// consumer dies over a message, once before its commit and once after it.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // the driver

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "feedjetstream:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	folder, err := os.MkdirTemp("", "feedjetstream")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	fake := shop.NewServer()
	defer fake.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	db, err := openDatabase(ctx, filepath.Join(folder, "consumer.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	outbox := feed.SQL(db, feed.SQLite)
	if err := outbox.Migrate(ctx); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	f, err := feed.Open(client, outbox, feed.WithLogger(log))
	if err != nil {
		return err
	}
	table, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return err
	}
	c := &consumer{db: db, customers: feed.Profiles(f, table)}

	js, stop, err := startServer(filepath.Join(folder, "nats"))
	if err != nil {
		return err
	}
	defer stop()
	stream, err := js.CreateStream(ctx, streamConfig())
	if err != nil {
		return err
	}
	created := stream.CachedInfo()
	c.stream = created.Config.Name + " of " + created.Created.UTC().Format(time.RFC3339Nano)
	return demonstrate(ctx, demonstration{js: js, stream: stream, consumer: c, feed: f, fake: fake, out: stdout})
}

// openDatabase opens the database of outbox and positions. Readers and the one writer do not wait for each other (WAL),
// and writers wait for their turn (busy_timeout), from the beginning of a transaction (_txlock).
func openDatabase(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, positions); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// startServer starts a NATS server that keeps streams in a folder, and connects to it.
func startServer(folder string) (jetstream.JetStream, func(), error) {
	s, err := server.NewServer(&server.Options{JetStream: true, StoreDir: folder, DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, nil, err
	}
	s.Start()
	stop := func() {
		s.Shutdown()
		s.WaitForShutdown()
	}
	if !s.ReadyForConnections(10 * time.Second) {
		stop()
		return nil, nil, errors.New("the NATS server does not start")
	}
	connection, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		stop()
		return nil, nil, err
	}
	js, err := jetstream.New(connection)
	if err != nil {
		connection.Close()
		stop()
		return nil, nil, err
	}
	return js, func() {
		connection.Close()
		stop()
	}, nil
}

// work consumes all partitions and delivers what they hand over, until the context ends or one of them fails.
func work(ctx context.Context, stream jetstream.Stream, c *consumer, f *feed.Feed, ackWait time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	ended := make(chan error, partitions+1)
	start := func(do func() error) {
		all.Go(func() {
			defer stop()
			ended <- do()
		})
	}
	for p := range partitions {
		from, err := stream.CreateOrUpdateConsumer(ctx, consumerConfig(p, ackWait))
		if err != nil {
			stop()
			all.Wait()
			return err
		}
		start(func() error { return c.consume(ctx, p, from) })
	}
	start(func() error { return f.Run(ctx) })
	all.Wait()
	close(ended)
	var failed error
	for err := range ended {
		failed = errors.Join(failed, err)
	}
	return failed
}
