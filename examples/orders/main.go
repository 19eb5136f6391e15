// Orders sends an order to Actito the moment it is placed: the customer, the order's header and its lines, each a call
// of its own, in the order in which they refer to each other. When one of the calls fails, the shop places the same
// order again: every record has a key, so what is there already is written over and nothing is doubled.
//
//	go run ./examples/orders
//
// It runs against a fake of the service inside the program, places an order, and ends.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

const placed = `{
	"orderID": "7001", "date": "2026-11-23", "freight": 4.5, "shipTo": "BE",
	"customer": {"customerID": "C1", "email": "ann@example.com", "firstName": "Ann"},
	"lines": [
		{"product": "teapot", "quantity": 1, "unitPrice": 34.9},
		{"product": "cup", "quantity": 6, "unitPrice": 7.25},
		{"product": "saucer", "quantity": 6, "unitPrice": 3}
	]
}`

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	fake := shop.NewServer()
	defer fake.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	handler, err := newHandler(client, newLogger(stdout))
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: deadline}
	defer server.Close()
	go server.Serve(listener) //nolint:errcheck // it ends with Close

	// The header and one line go through, the second line does not.
	fake.Fail(actitotest.OpRecordUpsert, actitotest.Pass(), actitotest.Pass(), actitotest.Status(http.StatusInternalServerError))
	for _, what := range []string{"The order is placed.", "It is placed again.", "And once more."} {
		fmt.Fprintln(stdout, what)
		before := len(calls(fake))
		answer, err := place(ctx, "http://"+listener.Addr().String()+"/orders")
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "   %s\n   calls: %d   in the fake: customers %d, orders %d, lines %d\n", answer, len(calls(fake))-before,
			len(fake.Profiles(shop.Customers)), len(fake.Records(shop.Orders)), len(fake.Records(shop.Lines)))
	}
	return nil
}

func calls(fake *actitotest.Server) []actitotest.Request {
	return fake.Requests(actitotest.OpProfileUpsert, actitotest.OpRecordUpsert)
}

func place(ctx context.Context, url string) (answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(placed))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%s: %s", response.Status, strings.TrimSpace(string(body))), err
}

// newLogger logs without the time, which would make each demonstration another one.
func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}
