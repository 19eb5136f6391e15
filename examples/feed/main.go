// Feed is a web shop that hands its customers and orders over to Actito in the transactions that write them into its own
// database: what is committed arrives, once the service answers, whatever was killed in between, and what was rolled
// back never does. No visitor waits for Actito.
//
//	go run ./examples/feed                                                   a demonstration
//	feed -url https://… -db /var/lib/shop/shop.db -listen 127.0.0.1:8080     the shop
//
// The demonstration has a fake of the service inside the program, which runs itself as the shop: it is killed while calls
// are under way, run again, and at last stopped as a deployment stops it, with SIGTERM. After each of these, what Actito
// has is compared with what the database has. The shop reads the API key from ACTITO_API_KEY.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "feed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("feed", flag.ContinueOnError)
	flags.SetOutput(stdout)
	url := flags.String("url", "", "the service's `URL`; without it, the shop is demonstrated")
	path := flags.String("db", "shop.db", "the shop's database, a SQLite `file`")
	listen := flags.String("listen", "127.0.0.1:8080", "serve on this `address`")
	lease := flags.Duration("lease", 30*time.Second, "how long a shop that died without a word keeps others from delivering")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *url == "" {
		return demonstrate(ctx, stdout)
	}
	db, err := openDatabase(ctx, *path)
	if err != nil {
		return err
	}
	defer db.Close()
	// With an account, WithEnvironment(actito.Env3) takes the place of the URL.
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), shop.Entity, actito.WithBaseURL(*url))
	if err != nil {
		return err
	}
	defer client.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	outbox := feed.SQL(db, feed.SQLite)
	if err := outbox.Migrate(ctx); err != nil {
		return err
	}
	f, err := feed.Open(client, outbox, feed.LeaseTime(*lease), feed.WithLogger(log))
	if err != nil {
		return err
	}
	h, err := newHandler(client, f, db, log)
	if err != nil {
		return err
	}
	return serve(ctx, f, h, *listen, stdout)
}

// serve answers visitors and delivers what they did, until the context ends: requests and calls under way are finished,
// and the lease is given back, so that the next process delivers at once.
func serve(ctx context.Context, f *feed.Feed, h http.Handler, address string, stdout io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- f.Run(ctx) }()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())

	left := 2
	select {
	case err = <-ended: // the feed without lanes or the server without a socket cannot go on
		left--
		stop()
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ending))
	for range left {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
