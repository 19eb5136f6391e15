package actito_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// The functions below are the code of docs/limits.md.

func limitsClient(key string, store actito.QuotaStore) (*actito.Client, error) {
	return actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithQuota(actito.Quota{
			Store:    store,
			Limit:    12,                           // of each table
			Limits:   map[string]int{"Orders": 36}, // of a table with a pack, by name or id
			KeepFree: 2,                            // only for actito.Urgent()
			Window:   actito.CalendarDay("Europe/Brussels"),
		}))
}

func limitsUsage(ctx context.Context, client *actito.Client) error {
	usage, err := client.Quota.Usage(ctx, "Orders")
	if err != nil {
		return err
	}
	fmt.Println(usage) // a line for a log
	if usage.Left == 0 {
		fmt.Println("nothing before", usage.ResetAt)
	}
	return nil
}

func limitsPlan(ctx context.Context, client *actito.Client, now time.Time, load func(context.Context) error) error {
	plan, err := client.Quota.Plan(ctx, "Orders", 8*time.Hour, 20*time.Hour, 30*time.Minute)
	if err != nil {
		return err
	}
	if !plan.Due(now) { // asked anew every half an hour: imports of others move those that are left
		return nil
	}
	return load(ctx)
}

func limitsFull(err error, later func(time.Time)) error {
	if full, ok := errors.AsType[*actito.QuotaError](err); ok {
		later(full.ResetAt) // nothing was sent, unless full.Err says that Actito refused it
		return nil
	}
	return err
}

func limitsHeld(ctx context.Context, client *actito.Client, log *slog.Logger) error {
	entries, err := client.Quota.Entries(ctx, "Orders")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.State == "held" || e.State == "begun" && e.Lease.Before(time.Now()) {
			log.Warn("an import whose outcome is not known", slog.String("entry", e.ID), slog.Time("at", e.At), slog.String("once", e.Once))
		}
	}
	return nil
}

func limitsSettle(ctx context.Context, client *actito.Client, entry, execution string) error {
	outcome := actito.Free() // the person who looked did not find it
	if execution != "" {
		outcome = actito.Used(execution)
	}
	return client.Quota.Settle(ctx, entry, outcome)
}

func limitsSync(ctx context.Context, client *actito.Client, log *slog.Logger) error {
	report, err := client.Quota.Sync(ctx)
	if err != nil {
		return err
	}
	log.Info("imports of others", slog.Int("counted", report.Counted), slog.Int("without tables", len(report.Unassigned)))
	return nil
}

func limitsCalls(key string) (*actito.Client, error) {
	return actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithRateLimit(actito.RateLimit{
			CallsPerMinute: 100, Concurrent: 5, // the licence's
			RealTimeCalls: 40, RealTimeSlots: 2, // of these, what only handlers may use
			Share: 2, // this is one of two replicas
		}))
}

func limitsHandler(ctx context.Context, customers *actito.ProfileTable[Customer], c Customer, queue func(Customer) error) error {
	_, err := customers.Upsert(ctx, c, actito.MaxWait(500*time.Millisecond))
	if errors.Is(err, actito.ErrBusy) { // the licence is busy, and nothing was sent
		return queue(c)
	}
	return err
}

func limitsBackground(ctx context.Context, customers *actito.ProfileTable[Customer], keys []actito.Key) error {
	for _, key := range keys {
		if err := customers.Unsubscribe(ctx, key, "Newsletter", actito.Background()); err != nil {
			return err
		}
	}
	return nil
}

func TestTheCodeOfThePageOnLimitsRuns(t *testing.T) {
	t.Parallel()
	client, err := limitsClient("key", nil)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	client, err = limitsCalls("key")
	require.NoError(t, err)
	require.NoError(t, client.Close())

	synctest.Test(t, func(t *testing.T) {
		time.Sleep(9 * time.Hour) // bubbles begin at midnight in UTC
		server := inMemory(t, actitotest.WithLimits(actitotest.Limits{Concurrent: -1}))
		server.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions, actitotest.QuotaByCalendarDay)
		log := slog.New(slog.DiscardHandler)
		client := newClient(t, server, through(server), actito.WithQuota(actito.Quota{Limit: 2}),
			actito.WithRateLimit(actito.RateLimit{CallsPerMinute: 30}))
		orders, err := actito.Records[map[string]any](client, "Orders")
		require.NoError(t, err)
		definition := actito.Definition{Name: "orders", Files: []actito.InputFile{orders.InputFile("orders.csv", actito.Columns("orderId", "customerID"))}}
		customers, err := actito.Profiles[Customer](client, "Customers")
		require.NoError(t, err)
		_, err = customers.Upsert(t.Context(), Customer{ID: "C1", Email: "ann@example.com", Newsletter: actito.Set(true)})
		require.NoError(t, err)
		load := func(ctx context.Context) error {
			_, err := client.ETLs.RunOnce(ctx, definition, actito.DataBytes("orders.csv", []byte("orderId,customerID\nO1,C1\n")), actito.LookUpParents(-1))
			return err
		}
		require.NoError(t, limitsUsage(t.Context(), client))
		require.NoError(t, limitsPlan(t.Context(), client, time.Now().Add(-24*time.Hour), load))
		require.Empty(t, server.Imports())
		for range 24 { // half hours
			require.NoError(t, limitsPlan(t.Context(), client, time.Now(), load))
			time.Sleep(30 * time.Minute)
		}
		require.Len(t, server.Imports(), 2, "spread over the day")
		time.Sleep(12 * time.Hour)
		require.NoError(t, load(t.Context()))

		server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		require.ErrorIs(t, load(t.Context()), actito.ErrOutcomeUnknown)
		require.NoError(t, limitsHeld(t.Context(), client, log))
		var reset time.Time
		require.NoError(t, limitsFull(load(t.Context()), func(at time.Time) { reset = at }))
		require.Equal(t, time.Date(2000, 1, 2, 23, 2, 0, 0, time.UTC), reset.UTC())
		require.ErrorIs(t, limitsFull(actito.ErrNoRows, nil), actito.ErrNoRows)

		entries, err := client.Quota.Entries(t.Context(), "Orders")
		require.NoError(t, err)
		held := slices.IndexFunc(entries, func(e actito.QuotaEntry) bool { return e.State == "held" })
		require.NotEqual(t, -1, held)
		require.NoError(t, limitsSettle(t.Context(), client, entries[held].ID, server.Imports()[3].ExecutionID))
		require.NoError(t, limitsSettle(t.Context(), client, "forgotten long ago", ""))
		require.NoError(t, limitsSync(t.Context(), client, log))
		usage, err := client.Quota.Usage(t.Context(), "Orders")
		require.NoError(t, err)
		require.Equal(t, [3]int{2, 0, 0}, [3]int{usage.Used, usage.Held, usage.Left})

		var queued int
		for range 40 {
			require.NoError(t, limitsHandler(t.Context(), customers, Customer{ID: "C1"}, func(Customer) error { queued++; return nil }))
		}
		require.Positive(t, queued)
		require.NoError(t, limitsBackground(t.Context(), customers, []actito.Key{actito.By("customerID", "C1")}))
		ann, _ := server.Profile("Customers", "customerID", "C1")
		require.False(t, ann.Subscriptions["Newsletter"])
	})
}
