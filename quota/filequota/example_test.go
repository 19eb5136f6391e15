package filequota_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/filequota"
)

// Every program of the licence on this machine opens the same path.
func ExampleOpen() {
	state, err := os.UserConfigDir() // for a service, a directory such as /var/lib/yourapp
	if err != nil {
		log.Fatal(err)
	}
	ledger, err := filequota.Open(filepath.Join(state, "actito-quota.json"), filequota.WithLogger(slog.Default()))
	if err != nil {
		log.Fatal(err)
	}
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithQuota(actito.Quota{Store: ledger}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

// A licence of 24 imports a day, from today on, whose programs all run on one machine that keeps its state on a volume.
func ExampleChangeLimits() {
	ledger, err := filequota.Open("/mnt/state/actito-quota.json",
		filequota.ChangeLimits(), // for this one deployment: imports of the day were booked under 12
		filequota.AllowNetworkFileSystem())
	if err != nil {
		log.Fatal(err)
	}
	_ = actito.WithQuota(actito.Quota{Store: ledger, Limit: 24})
}

// A client of the licence 4711 books by itself. This is what it does, and what it is told when another process took the day's last import.
func ExampleStore() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ledger, err := filequota.Open(filepath.Join(dir, "quota.json"))
	if err != nil {
		log.Fatal(err)
	}

	for _, id := range []string{"4711/first", "4711/second"} {
		now := time.Now()
		err := ledger.Reserve(context.Background(), actito.Reservation{
			ID: id, Buckets: []actito.Bucket{{Name: "4711/42", Limit: 1}},
			At: now, Lease: now.Add(time.Minute), Rolling: 24 * time.Hour,
		})
		if full := (*actito.QuotaError)(nil); errors.As(err, &full) {
			fmt.Printf("table %s: %d of %d used\n", full.Table, full.Used, full.Limit)
			continue
		}
		if err := ledger.Begin(context.Background(), id); err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, "is sent")
		if err := ledger.Settle(context.Background(), id, actito.Used("execution-1")); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 4711/first is sent
	// table 4711/42: 1 of 1 used
}
