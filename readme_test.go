package actito_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/quota/filequota"
	"github.com/actito-go/actito/transform"
)

// The functions below are the README's code. TestTheDocumentsCodeIsTested holds the two together; the others run it.

type Customer struct {
	ID         string                  `actito:"customerID,key"`
	Email      string                  `actito:"emailAddress"`
	FirstName  string                  `actito:"firstName"`
	Birth      actito.Opt[actito.Date] `actito:"birthDate"`
	Phone      actito.Opt[string]      `actito:"gsmNumber"`                // unset: not sent; null: cleared
	Newsletter actito.Opt[bool]        `actito:"subscriptions#Newsletter"` // consent is never a plain bool
	Created    actito.DateTime         `actito:"creationMoment,readonly"`
}

func readmeClient() error {
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3))
	if err != nil {
		return err
	}
	defer client.Close()
	customers, err := actito.Profiles[Customer](client, "Customers") // tags that cannot work fail here
	if err != nil {
		return err
	}
	_ = customers
	return nil
}

func readmeUpsert(ctx context.Context, customers *actito.ProfileTable[Customer]) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	id, err := customers.Upsert(ctx, Customer{
		ID:        "C1085",
		Email:     "ann@example.com",
		FirstName: "Ann",
		Phone:     actito.Null[string](), // clears the number
	})
	switch {
	case errors.Is(err, actito.ErrInvalid): // the row will never be accepted as it is
		return err
	case actito.Retryable(err): // keep the row and try later
		return err
	case err != nil:
		return err
	}
	fmt.Println("profile", id)
	return nil
}

func readmeTrigger(ctx context.Context, client *actito.Client) error {
	exec, err := client.ETLs.Trigger(ctx, "123456",
		actito.DataFile("customers.csv"),
		actito.Once("customers-2026-11-23")) // a second run of the job starts nothing
	if err != nil {
		return err
	}
	exec, err = client.Executions.Wait(ctx, exec)
	_ = exec
	return err
}

func readmeRunOnce(ctx context.Context, client *actito.Client, customers *actito.ProfileTable[Customer], rows iter.Seq2[Customer, error]) error {
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "spring-customers",
		Files: []actito.InputFile{customers.InputFile("customers.csv", actito.Keep)},
	}, customers.Rows("customers.csv", rows)) // rows is an iter.Seq2[Customer, error], read exactly once
	if err != nil {
		return err
	}
	exec, err = client.Executions.Wait(ctx, exec)
	if errors.Is(err, actito.ErrRowsRejected) {
		for reject, err := range customers.Rejects(ctx, exec) {
			if err != nil {
				return err
			}
			fmt.Println(reject.Row.ID, reject.Code, reject.Column)
		}
	}
	return err
}

func readmeDoctor(ctx context.Context, client *actito.Client, customers *actito.ProfileTable[Customer], orders actito.DoctorOption, handle actito.Handle) error {
	diagnosis, err := client.Doctor(ctx, customers, orders, actito.InspectETLs("123456"), handle)
	if err != nil {
		return err
	}
	fmt.Println(diagnosis)
	return nil
}

func readmeFake(ctx context.Context) error {
	server := actitotest.NewServer()
	defer server.Close()
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "gsmNumber", Type: "STRING"},
		},
		Subscriptions: []string{"Newsletter"},
	})
	server.Fail(actitotest.OpProfileUpsert, actitotest.Status(503))
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		return err
	}
	return readmeUpsert(ctx, customers)
}

func readmeLedger(key string) error {
	ledger, err := filequota.Open("/var/lib/yourapp/actito-quota.json")
	if err != nil {
		return err
	}
	client, err := actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithQuota(actito.Quota{Store: ledger, KeepFree: 2})) // two a day only for actito.Urgent()
	if err != nil {
		return err
	}
	return client.Close()
}

func readmeCheck(ctx context.Context, client *actito.Client, definition actito.Definition) error {
	report, err := client.ETLs.Check(ctx, definition, actito.DataFile("export/customers.csv"), actito.DataFile("export/orders.csv"))
	if err != nil {
		return err
	}
	if report.Problems() > 0 {
		fmt.Print(report) // tables of rules, columns and lines, without a value
	}
	return nil
}

func readmePrepared(ctx context.Context, client *actito.Client, keep func(actito.Handle) error) (*actito.Execution, error) {
	exec, err := client.ETLs.Trigger(ctx, "123456",
		actito.DataFile("export/customers.csv"),
		actito.Once("customers-2026-11-23"),
		actito.MinRows(1000), actito.MaxEmpty("emailAddress", 0.01), // not the extract that broke off
		actito.OnPrepared(keep)) // func(actito.Handle) error: store it, it is JSON
	return exec, err
}

func readmeResume(ctx context.Context, client *actito.Client, handle actito.Handle, again func(context.Context) error) error {
	exec, err := client.Executions.Resume(ctx, handle)
	switch {
	case errors.Is(err, actito.ErrNotStarted): // certainly not: start it again
		return again(ctx)
	case errors.Is(err, actito.ErrOutcomeUnknown): // nobody can tell: look into Actito, then Quota.Settle
		return err
	}
	_ = exec
	return err
}

func readmeWebhook(ctx context.Context, client *actito.Client, mux *http.ServeMux, secret string) error {
	hooks, err := client.Webhooks.Handler(actito.WebhookConfig{Secrets: []string{secret}})
	if err != nil {
		return err
	}
	mux.Handle("POST /webhooks/actito", hooks)                        // mux is your http.ServeMux
	sub := hooks.Subscription("https://shop.example/webhooks/actito") // once, when the ETL is made
	sub.On, sub.Of, sub.Event = actito.SourceETL, "123456", actito.EventFinished
	id, err := client.Webhooks.Subscribe(ctx, sub)
	_ = id
	return err
}

func readmeRepair(ctx context.Context, client *actito.Client, customers *actito.ProfileTable[Customer], exec *actito.Execution,
	fix func(actito.Reject[Customer]) (Customer, bool), file io.Writer) error {
	for reject, result := range customers.Repair(ctx, exec, fix) { // fix: func(actito.Reject[Customer]) (Customer, bool)
		if result.Err != nil {
			return result.Err
		}
		fmt.Println(reject.Row.ID, "is repaired")
	}
	rows, err := client.Executions.WriteRepair(ctx, exec, "customers.csv", file, actito.ForSpreadsheets())
	_ = rows
	return err
}

func readmeTransformed(ctx context.Context, customers *actito.ProfileTable[Customer]) error {
	spec, err := transform.New(
		transform.NullWords("NULL", "N/A").On("gsmNumber"),
		transform.TitleCase().On("firstName"),
		transform.Email().On("emailAddress"),
	)
	if err != nil {
		return err
	}
	customers, err = customers.Transformed(spec) // from here on Upsert, Rows and InputFile apply it
	if err != nil {
		return err
	}
	_, err = customers.Upsert(ctx, Customer{ID: "C7", Email: "<Eva@Example.com>", FirstName: "EVA", Phone: actito.Set("N/A")})
	return err
}

func readmeOrdered(ctx context.Context, client *actito.Client, customers, orders tabled) error {
	definition, err := client.ETLs.Ordered(ctx, actito.Definition{
		Name:  "shop",
		Files: []actito.InputFile{orders.InputFile("orders.csv"), customers.InputFile("customers.csv")},
	})
	if err != nil {
		return err
	}
	exec, err := client.ETLs.RunOnce(ctx, definition, actito.DataFile("orders.csv"), actito.DataFile("customers.csv"))
	if err != nil {
		return err
	}
	_, err = client.Executions.Wait(ctx, exec)
	return err
}

func TestTheDocumentsCodeIsTested(t *testing.T) {
	t.Parallel()
	unindented := func(file string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var lines []string
		for line := range strings.Lines(string(text)) {
			lines = append(lines, strings.TrimSpace(line))
		}
		return strings.Join(lines, "\n")
	}
	const feeds = "integration/feed_docs_test.go" // it needs a database
	for document, source := range map[string][]string{
		"README.md":               {"readme_test.go", feeds},
		"docs/from-laravel.md":    {"docs_from_test.go"},
		"docs/from-typescript.md": {"docs_from_test.go"},
		"docs/from-v4-imports.md": {"docs_test.go"},
		"docs/real-time.md":       {feeds},
		"docs/limits.md":          {"docs_limits_test.go"},
		"docs/nightly-batches.md": {"docs_nightly_test.go"},
		"docs/several-files.md":   {"docs_imports_test.go"},
		"docs/runbooks.md":        {"docs_runbooks_test.go"},
		"docs/testing.md":         {"docs_testing_test.go"},
		"docs/transformations.md": {"docs_imports_test.go"},
	} {
		var tested string
		for _, file := range source {
			tested += unindented(file)
		}
		blocks := strings.Split(unindented(document), "```go\n")[1:]
		require.NotEmpty(t, blocks)
		for _, b := range blocks {
			code, _, closed := strings.Cut(b, "```")
			require.True(t, closed)
			if !strings.Contains(tested, strings.TrimSpace(code)) { // Contains of testify would print all of it
				t.Errorf("%s: no test has this code:\n%s", document, code)
			}
		}
	}
}

func TestTheREADMEsCodeRuns(t *testing.T) {
	server := newShop(t)
	server.Assume(actitotest.ResultFilesExist)
	client := newClient(t, server)
	customers, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)

	t.Setenv("ACTITO_API_KEY", "key")
	require.NoError(t, readmeClient())
	require.NoError(t, readmeFake(t.Context()))
	require.ErrorContains(t, readmeLedger("key"), "/var/lib/yourapp", "the folder is not here")
	require.NoError(t, readmeUpsert(t.Context(), customers))
	_, kept := server.Profile("Customers", "customerID", "C1085")
	require.True(t, kept)

	require.NoError(t, readmeTransformed(t.Context(), customers))
	eva, kept := server.Profile("Customers", "customerID", "C7")
	require.True(t, kept)
	require.Equal(t, "Eva@example.com", eva.Attributes["emailAddress"])
	require.NotContains(t, eva.Attributes, "gsmNumber")

	require.NoError(t, readmeRunOnce(t.Context(), client, customers, all(Customer{ID: "C2", Email: "bob@example.com"})))
	err = readmeRunOnce(t.Context(), client, customers, all(Customer{ID: "C3", Email: "no address"}))
	require.ErrorIs(t, err, actito.ErrRowsRejected)

	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("customers.csv", []byte("customerID,emailAddress\nC4,dan@example.com\n"), 0o600))
	err = readmeTrigger(t.Context(), client)
	require.ErrorIs(t, err, actito.ErrNotFound, "the ETL is unknown, and no Loads names its tables")
	require.ErrorContains(t, err, "Loads")

	orders, err := actito.Records[struct {
		ID       string `actito:"orderId,key"`
		Customer string `actito:"customerID"`
	}](client, "Orders")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("customers.csv", []byte("customerID,emailAddress,firstName,birthDate,gsmNumber\nC8,fay@example.com,Fay,,\n"), 0o600))
	require.NoError(t, os.WriteFile("orders.csv", []byte("orderId,customerID\nO1,C8\n"), 0o600))
	require.NoError(t, readmeOrdered(t.Context(), client, customers, orders))
	require.Len(t, server.Records("Orders"), 1)
	require.NoError(t, readmeDoctor(t.Context(), client, customers, orders, actito.Handle{}))
}

func TestTheREADMEsCodeForJobsRuns(t *testing.T) {
	server := newShop(t)
	server.Assume(actitotest.ResultFilesExist)
	client := newClient(t, server)
	customers, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("export", 0o700))
	text := "customerID,emailAddress\nC1,ann@example.com\nC2,none\n"
	require.NoError(t, os.WriteFile("export/customers.csv", []byte(text), 0o600))
	require.NoError(t, os.WriteFile("export/orders.csv", []byte("orderId,customerID\nO1,C1\n"), 0o600))

	file := customers.InputFile("customers.csv", actito.Columns("customerID", "emailAddress"))
	orders, err := actito.Records[map[string]any](client, "Orders")
	require.NoError(t, err)
	definition := actito.Definition{Name: "both", Files: []actito.InputFile{file, orders.InputFile("orders.csv", actito.Columns("orderId", "customerID"))}}
	require.NoError(t, readmeCheck(t.Context(), client, definition))
	require.Empty(t, server.Imports())

	_, err = readmePrepared(t.Context(), client, func(actito.Handle) error { return nil })
	require.ErrorIs(t, err, actito.ErrNotFound, "the ETL is unknown")
	exec, err := client.ETLs.RunOnce(t.Context(), actito.Definition{Files: []actito.InputFile{file}}, actito.DataFile("export/customers.csv"))
	require.NoError(t, err)
	exec, err = client.Executions.Wait(t.Context(), exec)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	var repair strings.Builder
	require.NoError(t, readmeRepair(t.Context(), client, customers, exec, func(r actito.Reject[Customer]) (Customer, bool) {
		r.Row.Email = "bob@example.com"
		return r.Row, true
	}, &repair))
	require.Contains(t, repair.String(), "C2,none,INVALID_VALUE,emailAddress")
	_, repaired := server.Profile("Customers", "customerID", "C2")
	require.True(t, repaired)

	require.Error(t, readmeWebhook(t.Context(), client, http.NewServeMux(), "long and random, from the environment"), "the fake has no such ETL")
}

func TestTheREADMEsCodeAfterACrashRuns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ExecutionListExists)
		var handle actito.Handle
		_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.customers.Rows("customers.csv", all(annRow), named),
			actito.OnPrepared(func(h actito.Handle) error { handle = h; return errors.New("the process ends") }))
		require.Error(t, err)
		started := false
		require.NoError(t, readmeResume(t.Context(), b.client, handle, func(context.Context) error { started = true; return nil }))
		require.True(t, started)
	})
}
