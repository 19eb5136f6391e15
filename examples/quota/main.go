// Quota draws the day of a table's imports: what is used, held and left, when, and when the rest is best used.
//
//	go run ./examples/quota
//	go run ./examples/quota -live -tables Customers,Orders -ledger /var/lib/yourapp/actito-quota.json
//
// Without -live, a fake of the service runs inside the program, with a licence that several programs share. With it the
// program reads the executions of the real service, counts in the ledger those that are missing there, and starts
// nothing. Key and entity then come from ACTITO_API_KEY and ACTITO_ENTITY.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/quota/filequota"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quota:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("quota", flag.ContinueOnError)
	flags.SetOutput(stdout)
	live := flags.Bool("live", false, "read from the real service; the variables ACTITO_API_KEY and ACTITO_ENTITY name a key and an entity")
	tables := flags.String("tables", shop.Customers+","+shop.Orders, "draw these tables: names or ids, with commas between them")
	ledger := flags.String("ledger", "", "the `file` of the ledger; without it there is one for this run only")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *ledger == "" {
		dir, err := os.MkdirTemp("", "quota")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		*ledger = filepath.Join(dir, "quota.json")
	}
	store, err := filequota.Open(*ledger)
	if err != nil {
		return err
	}
	withQuota := actito.WithQuota(actito.Quota{Store: store, KeepFree: 2})

	var client *actito.Client
	if *live {
		client, err = connect(ctx, getenv, withQuota)
	} else {
		fake := shop.NewServer()
		defer fake.Close()
		client, err = actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL), withQuota)
		if err == nil {
			err = busyDay(ctx, client, fake)
		}
	}
	if err != nil {
		return err
	}
	defer client.Close()

	report, err := client.Quota.Sync(ctx)
	if err != nil {
		return fmt.Errorf("the executions of others cannot be counted: %w", err)
	}
	fmt.Fprintf(stdout, "%d executions today; %d of them were not in the ledger and are counted now.\n", report.Executions, report.Counted)
	if n := len(report.Unassigned); n > 0 {
		fmt.Fprintf(stdout, "Of %d more the service does not tell which tables they load.\n", n)
	}
	for table := range strings.SplitSeq(*tables, ",") {
		if err := show(ctx, stdout, client.Quota, table, time.Now()); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, "\n■ used   ▣ held   □ left   ◇ left for urgent imports   ○ planned   │ now")
	return nil
}

// connect finds the environment of the key. WithDryRun keeps the client from writing.
func connect(ctx context.Context, getenv func(string) string, withQuota actito.Option) (*actito.Client, error) {
	key, entity := getenv("ACTITO_API_KEY"), getenv("ACTITO_ENTITY")
	if key == "" || entity == "" {
		return nil, errors.New("-live needs the variables ACTITO_API_KEY and ACTITO_ENTITY")
	}
	environment, err := actito.DiscoverEnvironment(ctx, key)
	if err != nil {
		return nil, err
	}
	return actito.New(key, entity, actito.WithEnvironment(environment), actito.WithDryRun(), withQuota)
}
