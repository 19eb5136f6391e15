package actito_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/quota/filequota"
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
	for document, source := range map[string]string{"README.md": "readme_test.go", "docs/from-v4-imports.md": "docs_test.go"} {
		tested := unindented(source)
		blocks := strings.Split(unindented(document), "```go\n")[1:]
		require.NotEmpty(t, blocks)
		for _, b := range blocks {
			code, _, closed := strings.Cut(b, "```")
			require.True(t, closed)
			require.Contains(t, tested, strings.TrimSpace(code), document)
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

	require.NoError(t, readmeRunOnce(t.Context(), client, customers, all(Customer{ID: "C2", Email: "bob@example.com"})))
	err = readmeRunOnce(t.Context(), client, customers, all(Customer{ID: "C3", Email: "no address"}))
	require.ErrorIs(t, err, actito.ErrRowsRejected)

	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("customers.csv", []byte("customerID,emailAddress\nC4,dan@example.com\n"), 0o600))
	err = readmeTrigger(t.Context(), client)
	require.ErrorIs(t, err, actito.ErrNotFound, "the ETL is unknown, and no Loads names its tables")
	require.ErrorContains(t, err, "Loads")
}
