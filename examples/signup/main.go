// Signup is a web service that keeps a shop's customers up to date in Actito in real time: sign-ups, consent withdrawn,
// accounts deleted. The visitor waits, so every handler has a deadline, and what cannot be done in time is refused with
// 503 and the time to come back.
//
//	go run ./examples/signup                          sends itself a few requests, and ends
//	go run ./examples/signup -listen 127.0.0.1:8080   serves until it is interrupted
//
// Both run against a fake of the service inside the program.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "signup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("signup", flag.ContinueOnError)
	flags.SetOutput(stdout)
	listen := flags.String("listen", "", "serve on this `address` until interrupted")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	fake := shop.NewServer()
	defer fake.Close()
	var opts []actito.Option
	logger, address := slog.New(slog.NewTextHandler(stdout, nil)), *listen
	if address == "" {
		// A licence of seven calls a minute, so that the demonstration meets the end of them.
		opts = append(opts, actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 7}))
		logger, address = slog.New(slog.DiscardHandler), "127.0.0.1:0"
	}
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(fake.APIKey, shop.Entity, append(opts, actito.WithBaseURL(fake.URL))...)
	if err != nil {
		return err
	}
	defer client.Close()
	handler, err := newHandler(client, logger)
	if err != nil {
		return err
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, handler) }()
	if *listen != "" {
		fmt.Fprintf(stdout, "serving on http://%s\n", listener.Addr())
		return <-served
	}
	err = visit(ctx, stdout, "http://"+listener.Addr().String())
	stop()
	if err := errors.Join(err, <-served); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nThe service has stopped. Profiles that the fake holds: %d.\n", len(fake.Profiles(shop.Customers)))
	return nil
}

// serve answers requests until the context ends, and then those that are under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*deadline)
	defer cancel()
	return server.Shutdown(ending)
}
