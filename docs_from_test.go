package actito_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// The functions below are the code of docs/from-laravel.md and docs/from-typescript.md.

func fromLaravelClient(ctx context.Context, key string) (*actito.Client, error) {
	environment, err := actito.DiscoverEnvironment(ctx, key) // the same hosts in the same order; once, then configure it
	if err != nil {
		return nil, err
	}
	return actito.New(key, "MyEntity", actito.WithEnvironment(environment), actito.WithUnprefixedPaths())
}

func fromLaravelMap(ctx context.Context, client *actito.Client) error {
	rows, err := actito.Profiles[map[string]any](client, "Customers")
	if err != nil {
		return err
	}
	customers, err := rows.KeyedBy("customerID")
	if err != nil {
		return err
	}
	_, err = customers.Upsert(ctx, map[string]any{"customerID": "C1", "firstName": "Ann", "gsmNumber": nil}) // nil clears
	return err
}

func fromTypeScriptClient() (*actito.Client, error) {
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity",
		actito.WithEnvironment(actito.Env3),
		actito.WithTimeouts(actito.Timeouts{Answer: 10 * time.Second}),
		actito.WithLogger(slog.Default()))
	return client, err
}

type Member struct {
	ID    string                  `actito:"customerID,key"`
	Name  string                  `actito:"firstName"`                // "" as undefined
	Birth actito.Opt[actito.Date] `actito:"birthDate"`                // unset, null or a day
	News  actito.Opt[bool]        `actito:"subscriptions#Newsletter"` // consent is never a plain bool
}

func fromTypeScriptErrors(ctx context.Context, members *actito.ProfileTable[Member]) error {
	member, err := members.Get(ctx, actito.By("customerID", "C1"))
	switch failed, _ := errors.AsType[*actito.APIError](err); {
	case errors.Is(err, actito.ErrNotFound): // also where the key may not see it
		return nil
	case failed != nil:
		fmt.Println(failed.Status, failed.Op, failed.Attempts, failed.Message) // no key, no value
		return err
	case err != nil: // no room in the pace, a value that cannot be sent, the context
		return err
	}
	fmt.Println(member.Name)
	return nil
}

func fromTypeScriptImport(ctx context.Context, client *actito.Client, members *actito.ProfileTable[Member], rows iter.Seq2[Member, error]) error {
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "members",
		Files: []actito.InputFile{members.InputFile("members.csv", actito.Keep)},
	}, members.Rows("members.csv", rows))
	if err != nil {
		return err
	}
	_, err = client.Executions.Wait(ctx, exec) // a client that does not wait does not know
	return err
}

func TestTheCodeOfThePagesForOtherClientsRuns(t *testing.T) {
	server := newShop(t, actitotest.InMemory())
	client := newClient(t, server, through(server))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := fromLaravelClient(ctx, "key")
	require.ErrorIs(t, err, context.Canceled)
	t.Setenv("ACTITO_API_KEY", "key")
	other, err := fromTypeScriptClient()
	require.NoError(t, err)
	require.NoError(t, other.Close())

	require.NoError(t, fromLaravelMap(t.Context(), client))
	ann, found := server.Profile("Customers", "customerID", "C1")
	require.True(t, found)
	require.Equal(t, "Ann", ann.Attributes["firstName"])

	members, err := actito.Profiles[Member](client, "Customers")
	require.NoError(t, err)
	require.NoError(t, fromTypeScriptErrors(t.Context(), members))
	server.Fail(actitotest.OpProfileGet, actitotest.Status(400))
	require.ErrorIs(t, fromTypeScriptErrors(t.Context(), members), actito.ErrInvalid)
	require.ErrorIs(t, fromTypeScriptErrors(ctx, members), context.Canceled)
	require.NoError(t, members.Delete(t.Context(), actito.By("customerID", "C1")))
	require.NoError(t, fromTypeScriptErrors(t.Context(), members))
	require.NoError(t, fromTypeScriptImport(t.Context(), client, members, all(Member{ID: "C2", Name: "Bob"})))
	require.Len(t, server.Profiles("Customers"), 1)
}

// The table of calls in the two pages says what each of our methods sends.
func TestTheCallsOfThePagesForOtherClientsAreSent(t *testing.T) {
	t.Parallel()
	server := newShop(t, actitotest.InMemory())
	client := newClient(t, server, through(server), actito.WithUnprefixedPaths())
	customers, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	orders, err := actito.Records[map[string]any](client, "Orders")
	require.NoError(t, err)
	ctx, key := t.Context(), actito.By("customerID", "C1")
	ann := Customer{ID: "C1", Email: "ann@example.com"}
	record := map[string]any{"orderId": "O1", "customerID": "C1"}
	_, err = client.Entities.List(ctx)
	require.NoError(t, err)
	_, err = customers.Create(ctx, ann)
	require.NoError(t, err)
	_, err = customers.Upsert(ctx, ann)
	require.NoError(t, err)
	_, err = customers.Get(ctx, key)
	require.NoError(t, err)
	require.NoError(t, customers.Update(ctx, key, ann))
	require.NoError(t, customers.Subscribe(ctx, key, "Newsletter"))
	_, err = customers.Subscriptions(ctx, key)
	require.NoError(t, err)
	require.NoError(t, customers.Unsubscribe(ctx, key, "Newsletter"))
	require.NoError(t, customers.Segment(ctx, key, actito.Segmentation{Name: "Activity", Category: "Active"}))
	_, err = customers.Segmentations(ctx, key)
	require.NoError(t, err)
	require.NoError(t, customers.Unsegment(ctx, key, "Activity"))
	_, err = orders.Upsert(ctx, record)
	require.NoError(t, err)
	_, err = orders.Get(ctx, "O1")
	require.NoError(t, err)
	_, _, err = orders.List(ctx, actito.ListOptions{Number: 10})
	require.NoError(t, err)
	require.NoError(t, orders.Update(ctx, "O1", record))
	require.NoError(t, orders.Delete(ctx, "O1"))
	require.NoError(t, customers.Delete(ctx, key))

	for _, page := range []string{"docs/from-laravel.md", "docs/from-typescript.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, r := range server.Requests() {
			if call := "`" + r.Method + " " + r.Template; !strings.Contains(string(text), call) { // Contains of testify would print all of it
				t.Errorf("%s: the page does not have %s`", page, call)
			}
		}
	}
}
