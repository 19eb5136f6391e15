// Storehours loads a shop's orders every hour while it is open. A table takes 12 imports a day, fewer than this shop
// has hours: the last one is kept for closing time, and what could not be loaded in its hour goes along then.
//
//	go run ./examples/storehours               one day, at once
//	go run ./examples/storehours -speed 3600   one day, an hour in a second
//
// It runs against a fake of the service inside the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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
		fmt.Fprintln(os.Stderr, "storehours:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("storehours", flag.ContinueOnError)
	flags.SetOutput(stdout)
	speed := flags.Float64("speed", 0, "how much faster than life: 3600 makes an hour a second, 0 leaps from hour to hour")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	fake := shop.NewServer()
	defer fake.Close()
	// With an account: actito.WithEnvironment(actito.Env3), and a Store in the quota that the licence's other programs
	// share.
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL), actito.WithQuota(actito.Quota{KeepFree: 1}))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := walkIn(ctx, client); err != nil {
		return err
	}

	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return err
	}
	year, month, day := time.Now().In(zone).Date()
	opens, closes := time.Date(year, month, day, 8, 0, 0, 0, zone), time.Date(year, month, day, 21, 0, 0, 0, zone)
	s, err := newStore(client, pace(opens, *speed), stdout)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The shop opens at %s.\n", opens.Format("15:04"))
	if err := s.open(ctx, opens, closes); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The shop is closed. Orders that the fake holds: %d, imports that it saw: %d.\n",
		len(fake.Records(shop.Orders)), len(fake.Imports()))

	// What comes now is too late for today.
	s.pending = sold(closes.Add(time.Hour))
	return s.load(ctx, closes.Add(time.Hour), true)
}

// walkIn is the customer of all orders at the counter.
func walkIn(ctx context.Context, client *actito.Client) error {
	customers, err := actito.Profiles[map[string]any](client, shop.Customers)
	if err != nil {
		return err
	}
	if customers, err = customers.KeyedBy("customerID"); err != nil {
		return err
	}
	_, err = customers.Upsert(ctx, map[string]any{"customerID": counter, "firstName": "Counter"})
	return err
}
