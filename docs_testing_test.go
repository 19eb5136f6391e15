package actito_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
	"github.com/actito-go/actito/quota/quotatest"
)

// The functions below are the code of docs/testing.md.

func newActito(t *testing.T) (*actitotest.Server, *actito.Client) {
	t.Helper()
	server := actitotest.NewServer(actitotest.InMemory())
	t.Cleanup(server.Close)
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true, MaxLength: 20},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "gsmNumber", Type: "STRING"},
		},
		Subscriptions: []string{"Newsletter"},
	})
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

// signUp is what is tested: code of yours.
func signUp(ctx context.Context, client *actito.Client, c Customer) error {
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		return err
	}
	_, err = customers.Upsert(ctx, c)
	return err
}

// importCustomers is the same in bulk.
func importCustomers(ctx context.Context, client *actito.Client) (*actito.Execution, error) {
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		return nil, err
	}
	return client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "customers",
		Files: []actito.InputFile{customers.InputFile("customers.csv", actito.Columns("customerID", "emailAddress"))},
	}, actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nC1,ann@example.com\n")))
}

func TestASignupArrives(t *testing.T) {
	t.Parallel()
	server, client := newActito(t)
	if err := signUp(t.Context(), client, Customer{ID: "C1", Email: "ann@example.com", Newsletter: actito.Set(true)}); err != nil {
		t.Fatal(err)
	}
	ann, found := server.Profile("Customers", "customerID", "C1")
	if !found || !ann.Subscriptions["Newsletter"] {
		t.Fatalf("kept: %v, %v", ann, found)
	}
	if events := server.Events(); events[0].Type != actitotest.EventCreate { // what would start a scenario
		t.Fatal(events)
	}
}

func TestASignupSurvivesASlowService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // waits take no time
		server, client := newActito(t)
		server.Fail(actitotest.OpProfileUpsert,
			actitotest.Status(http.StatusServiceUnavailable).WithHeader("Retry-After", "20"),
			actitotest.LoseAnswer()) // it did what was asked, and nobody heard
		if err := signUp(t.Context(), client, Customer{ID: "C1", Email: "ann@example.com"}); err != nil {
			t.Fatal(err)
		}
		if calls := server.Requests(actitotest.OpProfileUpsert); len(calls) != 3 || len(server.Profiles("Customers")) != 1 {
			t.Fatal(len(calls), "calls")
		}
	})
}

func TestTheJobGetsThroughAStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := newActito(t)
		server.Storm(actitotest.Storm{Seed: 7, Rate: 0.1, Except: []actitotest.StormKind{actitotest.StormPage}})
		t.Cleanup(func() { t.Log(server.StormReport()) }) // the seed, and what went wrong
		failed := 0
		for n := range 50 {
			if err := signUp(t.Context(), client, Customer{ID: fmt.Sprint("C", n), Email: fmt.Sprintf("c%d@example.com", n)}); err != nil {
				failed++
			}
		}
		server.Calm() // keys are valid again, and webhooks that waited are sent
		if kept := len(server.Profiles("Customers")); kept < 50-failed {
			t.Fatal(kept, "kept,", failed, "failed")
		}
	})
}

func TestTheJobSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	server, client := newActito(t)
	server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
	_, err := importCustomers(t.Context(), client)
	if !errors.Is(err, actito.ErrOutcomeUnknown) || len(server.Imports()) != 1 {
		t.Fatal(err)
	}
}

func TestTheJobReportsAFileThatWasNotLoaded(t *testing.T) {
	t.Parallel()
	server, client := newActito(t)
	server.FailFile("customers.csv", "the disk is full")
	exec, err := importCustomers(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Executions.Wait(t.Context(), exec); !errors.Is(err, actito.ErrImportFailed) {
		t.Fatal(err)
	}
}

func TestTheJobStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	_, client := newActito(t)
	for range 12 {
		if _, err := importCustomers(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := importCustomers(t.Context(), client); !errors.Is(err, actito.ErrQuotaExceeded) {
		t.Fatal(err)
	}
}

func TestAnImportTakesItsTime(t *testing.T) {
	t.Parallel()
	server, client := newActito(t)
	server.Clock().Advance(0) // from here on the fake's time is the test's
	exec, err := importCustomers(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if exec, err = client.Executions.Get(t.Context(), exec.ID); err != nil || exec.Ended() {
		t.Fatal(exec, err)
	}
	server.Clock().Advance(2 * time.Minute) // one in the queue, one running
	if exec, err = client.Executions.Get(t.Context(), exec.ID); err != nil || !exec.Ended() {
		t.Fatal(exec, err)
	}
}

func TestTheJobIsRightInEveryWorld(t *testing.T) {
	t.Parallel()
	for _, answer := range actitotest.Assumptions() {
		t.Run(answer.String(), func(t *testing.T) {
			t.Parallel()
			server, client := newActito(t)
			server.Assume(answer)
			exec, err := importCustomers(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = client.Executions.Wait(t.Context(), exec); err != nil || len(server.Profiles("Customers")) != 1 {
				t.Fatal(err)
			}
		})
	}
}

func TestAWebhookTellsOfTheEnd(t *testing.T) {
	t.Parallel()
	server, client := newActito(t)
	var told []actito.ETLEvent
	hooks, err := client.Webhooks.Handler(actito.WebhookConfig{
		Secrets: []string{"a long random secret"},
		OnETL:   func(_ context.Context, e actito.ETLEvent) error { told = append(told, e); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	server.SendWebhooksTo(hooks) // in memory, whatever the target is
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		t.Fatal(err)
	}
	etl, err := client.ETLs.Create(t.Context(), actito.Definition{
		Files: []actito.InputFile{customers.InputFile("customers.csv", actito.Columns("customerID"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	sub := hooks.Subscription("https://shop.example/webhooks/actito")
	sub.On, sub.Of, sub.Event = actito.SourceETL, etl, actito.EventFinished
	if _, err := client.Webhooks.Subscribe(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ETLs.Trigger(t.Context(), etl, actito.DataBytes("customers.csv", []byte("customerID\nC1\n"))); err != nil {
		t.Fatal(err)
	}
	if err := server.DeliverWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.RepeatWebhooks() // like a sender that has not seen the answer
	if err := server.DeliverWebhooks(t.Context()); err != nil || len(told) == 0 || !told[0].Ended() {
		t.Fatal(told, err)
	}
}

func TestAHandlerHandsOver(t *testing.T) {
	t.Parallel()
	server, client := newActito(t)
	table, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		t.Fatal(err)
	}
	outbox := feedtest.NewMemory()
	f, err := feed.Open(client, outbox)
	if err != nil {
		t.Fatal(err)
	}
	customers := feed.Profiles(f, table)
	tx := outbox.Begin()
	if err := customers.Push(t.Context(), tx, Customer{ID: "C1", Email: "ann@example.com"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil { // after Rollback nothing would be delivered
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	for len(server.Profiles("Customers")) == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestMyLedger(t *testing.T) {
	quotatest.Run(t, func(t *testing.T, now func() time.Time) func() actito.QuotaStore {
		path := t.TempDir() + "/ledger"
		return func() actito.QuotaStore { return openLedger(path, now) } // as each process would open it
	})
}

var ledgers sync.Map // by path

// openLedger stands for a store of the user's.
func openLedger(path string, now func() time.Time) actito.QuotaStore {
	s, _ := ledgers.LoadOrStore(path, actito.NewMemoryStore(now))
	return s.(actito.QuotaStore)
}

func TestMyOutbox(t *testing.T) {
	feedtest.Run(t, func(*testing.T) feedtest.Outbox {
		return feedtest.NewMemory().Outbox() // a store of yours, and what begins a transaction
	})
}

func recorded(key, entity string, file io.Writer) (*actito.Client, error) {
	recorder := actitotest.NewRecorder(http.DefaultTransport, file)
	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3),
		actito.WithHTTPClient(&http.Client{Transport: recorder}))
	return client, err
}

func TestARecordedClientIsMade(t *testing.T) {
	t.Parallel()
	client, err := recorded("key", "MyEntity", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
}
