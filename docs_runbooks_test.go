package actito_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// The functions below are the code of docs/runbooks.md.

func runbookBudget(ctx context.Context, client *actito.Client) error {
	usage, err := client.Quota.Usage(ctx, "Customers") // used, held, left, and when it resets
	if err != nil {
		return err
	}
	fmt.Println(usage)
	report, err := client.Quota.Sync(ctx) // counts what schedules, people and other programs started
	if err != nil {
		return err
	}
	fmt.Println(report.Counted, "imports of others")
	entries, err := client.Quota.Entries(ctx, "Customers")
	for _, e := range entries {
		fmt.Println(e.State, e.At, e.Once, e.ID)
	}
	return err
}

func runbookUnknown(ctx context.Context, client *actito.Client, handle actito.Handle, unit, inTheUI string) error {
	exec, err := client.Executions.Reconcile(ctx, handle)
	switch {
	case err == nil: // it ran; its unit is used
		_, err = client.Executions.Wait(ctx, exec)
	case errors.Is(err, actito.ErrNotStarted): // it did not, and its unit is free: start it again
	case errors.Is(err, actito.ErrOutcomeUnknown): // look into Actito's UI, then one of the two:
		if inTheUI != "" {
			err = client.Quota.Settle(ctx, unit, actito.Used(inTheUI)) // the execution's id
		} else {
			err = client.Quota.Settle(ctx, unit, actito.Free())
		}
	}
	return err
}

func runbookKey(ctx context.Context, key string) error {
	env, err := actito.DiscoverEnvironment(ctx, key)
	if err != nil {
		return err // no environment takes it: it is revoked
	}
	fmt.Println("the key is for", env)
	return nil
}

func runbookWrongFile(ctx context.Context, client *actito.Client, id string) error {
	exec, err := client.Executions.Get(ctx, id)
	if err != nil {
		return err
	}
	fmt.Println(exec.Status, exec.Start, exec.Totals().Created, exec.Totals().Updated)
	return nil
}

func runbookRejects(ctx context.Context, client *actito.Client, exec *actito.Execution) error {
	summary, err := client.Executions.Summarize(ctx, exec)
	if err != nil {
		return err
	}
	fmt.Print(summary) // rows by file, code and column
	return nil
}

func runbookSlow(ctx context.Context, client *actito.Client) error {
	began := time.Now()
	_, err := client.Entities.List(ctx, actito.MaxWait(0)) // a cheap read, now or not at all
	fmt.Println(time.Since(began), err)
	return err
}

func runbookStore(ctx context.Context, client *actito.Client) error {
	if _, err := client.Quota.Usage(ctx, "Customers"); err != nil {
		return err // names the file or Redis
	}
	return nil
}

func runbookFeed(ctx context.Context, f *feed.Feed) error {
	stats, err := f.Stats(ctx)
	if err != nil {
		return err // the database
	}
	fmt.Println("drained:", stats.Drained)
	for _, l := range stats.Lanes {
		fmt.Println(l.Lane, l.Pending, l.Oldest, l.Held, l.Dead, l.Unknown)
	}
	for dead, err := range f.Dead(ctx) {
		if err != nil {
			return err
		}
		fmt.Println(dead.ID, dead.Lane, dead.Code, dead.Column)
	}
	return nil
}

func runbookDead(ctx context.Context, f *feed.Feed, id int64, mended bool) error {
	if mended { // the table in Actito, not the row
		return f.Retry(ctx, id)
	}
	return f.Discard(ctx, id, "the customer was deleted")
}

func TestTheRunbooksOfImportsRun(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	server.Assume(actitotest.ResultFilesExist, actitotest.ExecutionListExists, actitotest.NamesInExecutions)
	client := newClient(t, server, actito.WithQuota(actito.Quota{Limit: 3}))
	customers, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	run := func(address string) (*actito.Execution, error) {
		in := customers.InputFile("customers.csv", actito.Keep)
		return client.ETLs.RunOnce(t.Context(), actito.Definition{Files: []actito.InputFile{in}},
			customers.Rows("customers.csv", all(Customer{ID: "C1", Email: address})))
	}
	exec, err := run("none")
	require.NoError(t, err)
	exec, err = client.Executions.Wait(t.Context(), exec)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	require.NoError(t, runbookRejects(t.Context(), client, exec))
	require.NoError(t, runbookWrongFile(t.Context(), client, exec.ID))
	require.NoError(t, runbookBudget(t.Context(), client))
	require.NoError(t, runbookSlow(t.Context(), client))
	require.NoError(t, runbookStore(t.Context(), client))

	server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	server.Fail(actitotest.OpExecutionList, actitotest.Status(http.StatusNotFound), actitotest.Status(http.StatusNotFound))
	_, err = run("ann@example.com")
	unknown, ok := errors.AsType[*actito.OutcomeUnknownError](err)
	require.True(t, ok)
	require.NoError(t, runbookUnknown(t.Context(), client, unknown.Handle, unknown.Handle.ID, ""))
	usage, err := client.Quota.Usage(t.Context(), "Customers")
	require.NoError(t, err)
	require.Zero(t, usage.Held)
	require.Equal(t, 2, usage.Left)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, runbookKey(gone, "key"), context.Canceled)
}

func TestTheRunbookOfTheFeedRuns(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	client := newClient(t, server)
	table, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	store := feedtest.NewMemory()
	f, err := feed.Open(client, store)
	require.NoError(t, err)
	lane := feed.Profiles(f, table)
	server.Fail(actitotest.OpProfileUpsert, actitotest.Times(2, actitotest.Status(http.StatusBadRequest)))
	dead := func() int64 {
		require.NoError(t, f.Drain(t.Context()))
		for d, err := range f.Dead(t.Context()) {
			require.NoError(t, err)
			return d.ID
		}
		return 0
	}
	require.NoError(t, lane.Push(t.Context(), store, Customer{ID: "C1", Email: "ann@example.com"}))
	id := dead()
	require.NotZero(t, id)
	require.NoError(t, runbookFeed(t.Context(), f))
	require.NoError(t, runbookDead(t.Context(), f, id, true))
	require.Equal(t, id, dead(), "it is tried again, and refused again")
	require.NoError(t, runbookDead(t.Context(), f, id, false))
	require.Zero(t, dead())
}

func TestTheLinksBetweenAlertsAndRunbooksLeadSomewhere(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile("docs/" + name)
		require.NoError(t, err)
		return string(text)
	}
	alerts, runbooks := read("alerts.md"), read("runbooks.md")
	anchors := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(runbooks, -1) {
		anchors[strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = false
	}
	require.Len(t, anchors, 8)
	for _, link := range regexp.MustCompile(`\]\((?:runbooks\.md)?#([a-z-]+)\)`).FindAllStringSubmatch(alerts+runbooks, -1) {
		assert.Contains(t, anchors, link[1])
		anchors[link[1]] = true
	}
	for a, linked := range anchors {
		assert.True(t, linked, "no alert leads to %s", a)
	}
	rules := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(alerts, -1)
	require.Len(t, regexp.MustCompile(`(?m)^\| [A-Z]\w+ \|`).FindAllString(alerts, -1), len(rules)+1, "with the header")
	for _, rule := range rules {
		assert.Contains(t, alerts, "\n| "+rule[1]+" |")
	}
	_, table, _ := strings.Cut(read("observability.md"), "## Log events")
	for _, event := range regexp.MustCompile("`((?:actito|feed|redisquota): [^`…]+)`").FindAllStringSubmatch(alerts+runbooks, -1) {
		assert.Contains(t, table, "| `"+event[1]+"` |")
	}
}
