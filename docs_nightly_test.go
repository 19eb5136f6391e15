package actito_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/quota/sqlquota"
)

// The functions below are the code of docs/nightly-batches.md.

func nightlyStore(ctx context.Context, client *actito.Client) (string, error) {
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		return "", err
	}
	etlID, err := client.ETLs.Create(ctx, actito.Definition{
		Name:  "customers-nightly",
		Files: []actito.InputFile{customers.InputFile("customers_$yyyyMMdd.csv", actito.Keep)},
	})
	return etlID, err
}

func nightlyJob(ctx context.Context, client *actito.Client, etlID, day, path string, keep func(actito.Handle) error) (*actito.Execution, error) {
	exec, err := client.ETLs.Trigger(ctx, etlID,
		actito.DataFile(path),              // export/customers_20261123.csv
		actito.Once("customers-"+day),      // a second run of the job starts nothing
		actito.MinRows(2),                  // fewer are an extract that broke off
		actito.MaxEmpty("firstName", 0.01), // more are a query that lost a column
		actito.SplitAbove(0),               // above 100 MB it takes several imports
		actito.OnPrepared(keep))            // func(actito.Handle) error: store it before the first byte leaves
	if unknown, ok := errors.AsType[*actito.OutcomeUnknownError](err); ok {
		return exec, errors.Join(err, keep(unknown.Handle)) // it also knows when the call ended
	}
	if err != nil {
		return exec, err // exec is nil: nothing was started
	}
	return client.Executions.Wait(ctx, exec, actito.Tolerate(0.01)) // one row in a hundred may be rejected
}

func nightlyResume(ctx context.Context, client *actito.Client, stored []byte) (*actito.Execution, error) {
	var handle actito.Handle
	if err := json.Unmarshal(stored, &handle); err != nil {
		return nil, err
	}
	return client.Executions.Resume(ctx, handle, actito.Tolerate(0.01))
}

func nightlyVerdict(exec *actito.Execution, err error) (code int) {
	switch {
	case err == nil, errors.Is(err, actito.ErrRowsRejected): // loaded, maybe not all
		fmt.Println(exec) // execution 123654987 of ETL 123456: WITH_ERROR, 100 rows read, …
	case errors.Is(err, actito.ErrNotStarted): // certainly: run the job again
		code = 1
	case errors.Is(err, actito.ErrQuotaExceeded): // tomorrow, or with actito.Urgent()
		code = 2
	case errors.Is(err, actito.ErrOutcomeUnknown), errors.Is(err, actito.ErrImportFailed), errors.Is(err, actito.ErrRowsUnaccounted):
		code = 3 // wake somebody: look into Actito
	case errors.Is(err, actito.ErrInvalid), errors.Is(err, actito.ErrNoRows): // the file: nothing was sent
		code = 4
	default: // no answer, no ledger, a deadline: run the job again, it goes on from the handle
		code = 1
	}
	return code
}

func nightlyRejects(ctx context.Context, client *actito.Client, customers *actito.ProfileTable[Customer], exec *actito.Execution, name string, file io.Writer) error {
	summary, err := client.Executions.Summarize(ctx, exec)
	if err != nil {
		return err
	}
	fmt.Print(summary) // counts by file, code and column: no values
	for reject, result := range customers.Repair(ctx, exec, func(r actito.Reject[Customer]) (Customer, bool) {
		r.Row.Email = strings.ReplaceAll(r.Row.Email, " ", "")
		return r.Row, r.Column == "emailAddress" // what else is wrong stays for a person
	}) {
		if result.Err != nil {
			fmt.Println(reject.File, reject.Line, result.Err)
		}
	}
	rows, err := client.Executions.WriteRepair(ctx, exec, name, file, actito.ForSpreadsheets())
	fmt.Println(rows, "rows for somebody who knows")
	return err
}

func nightlyCheck(ctx context.Context, client *actito.Client, etlID, path string) error {
	definition, err := client.ETLs.Get(ctx, etlID)
	if err != nil {
		return err
	}
	report, err := client.ETLs.Check(ctx, *definition, actito.DataFile(path))
	if err != nil {
		return err
	}
	fmt.Print(report)
	if report.Problems() > 0 {
		return errors.New("the file has problems")
	}
	return nil
}

func nightlyClient(ctx context.Context, key string, db *sql.DB) (*actito.Client, error) {
	ledger, err := sqlquota.New(db, sqlquota.Postgres)
	if err != nil {
		return nil, err
	}
	if err := ledger.Migrate(ctx); err != nil {
		return nil, err
	}
	return actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithQuota(actito.Quota{Store: ledger, KeepFree: 2}))
}

func nightlyDryRun(key string) (*actito.Client, error) {
	return actito.New(key, "MyEntity", actito.WithEnvironment(actito.Env3), actito.WithDryRun())
}

// noDatabase is a database that nobody reaches.
type noDatabase struct{}

func (noDatabase) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("no database here")
}
func (noDatabase) Driver() driver.Driver { return nil }

func TestTheCodeOfThePageOnNightlyBatchesRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // Resume waits until the list has caught up
		server := inMemory(t)
		server.Assume(actitotest.ResultFilesExist, actitotest.ExecutionListExists, actitotest.NamesInExecutions)
		client := newClient(t, server, through(server))
		customers, err := actito.Profiles[Customer](client, "Customers")
		require.NoError(t, err)
		etl, err := nightlyStore(t.Context(), client)
		require.NoError(t, err)
		name, err := client.ETLs.FileName("customers_$yyyyMMdd.csv", server.Clock().Now())
		require.NoError(t, err)
		path := t.TempDir() + "/" + name
		const header = "customerID,emailAddress,firstName,birthDate,gsmNumber\n"
		require.NoError(t, os.WriteFile(path, []byte(header+"C1,ann@example.com,Ann,,\nC2,b ob@example.com,Bob,,\nC3,cid@example.com,Cid,1890,\n"), 0o600))
		require.ErrorContains(t, nightlyCheck(t.Context(), client, etl, path), "problems")
		require.Empty(t, server.Imports())

		// The process dies between the handle and the answer.
		var stored []byte
		keep := func(h actito.Handle) (err error) { stored, err = json.Marshal(h); return err }
		server.Fail(actitotest.OpETLTrigger, actitotest.LoseAnswer())
		exec, err := nightlyJob(t.Context(), client, etl, "2026-11-23", path, keep)
		require.ErrorIs(t, err, actito.ErrOutcomeUnknown)
		require.Equal(t, 3, nightlyVerdict(exec, err))
		require.NotContains(t, string(stored), "ann@example.com")
		exec, err = nightlyResume(t.Context(), client, stored)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Zero(t, nightlyVerdict(exec, err))
		require.Len(t, server.Imports(), 1)
		again, err := nightlyJob(t.Context(), client, etl, "2026-11-23", path, keep)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.True(t, again.AlreadyStarted)
		require.Len(t, server.Imports(), 1)

		var file strings.Builder
		require.NoError(t, nightlyRejects(t.Context(), client, customers, exec, name, &file))
		bob, found := server.Profile("Customers", "customerID", "C2")
		require.True(t, found)
		require.Equal(t, "bob@example.com", bob.Attributes["emailAddress"])
		require.Contains(t, file.String(), "C3,cid@example.com")

		require.NoError(t, os.WriteFile(path, []byte(header+"C1,ann@example.com,Ann,,\n"), 0o600))
		exec, err = nightlyJob(t.Context(), client, etl, "2026-11-24", path, keep)
		require.Equal(t, 4, nightlyVerdict(exec, err), "too few rows")
		require.Equal(t, 1, nightlyVerdict(nil, actito.ErrNotStarted))
		require.Equal(t, 2, nightlyVerdict(nil, &actito.QuotaError{}))
		require.Equal(t, 1, nightlyVerdict(nil, context.DeadlineExceeded))
	})

	db := sql.OpenDB(noDatabase{})
	defer db.Close()
	_, err := nightlyClient(t.Context(), "key", db)
	require.ErrorContains(t, err, "no database here")
	dry, err := nightlyDryRun("key")
	require.NoError(t, err)
	require.NoError(t, dry.Close())
}
