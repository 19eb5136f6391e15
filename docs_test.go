package actito_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// The functions below are the code of docs/from-v4-imports.md.

func fromV4(ctx context.Context, client *actito.Client) (*actito.Execution, error) {
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		return nil, err
	}
	file := customers.InputFile("customers.csv", actito.WithSubscriptions()) // mapping and destination from the struct
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{Name: "customers", Files: []actito.InputFile{file}},
		actito.DataFile("export/customers.csv"))
	return exec, err
}

func fromV4Daily(ctx context.Context, client *actito.Client, etlID string, day time.Time) (*actito.Execution, error) {
	exec, err := client.ETLs.Trigger(ctx, etlID, actito.DataFile("export/customers.csv"),
		actito.Once("customers-"+day.Format(time.DateOnly)))
	return exec, err
}

func fromV4Verdicts(ctx context.Context, client *actito.Client, customers *actito.ProfileTable[Customer], exec *actito.Execution) error {
	exec, err := client.Executions.Wait(ctx, exec) // ErrRowsRejected, ErrImportFailed, or nil
	for reject, err := range customers.Rejects(ctx, exec) {
		if err != nil {
			return err
		}
		fmt.Println(reject.Row.ID, reject.Code, reject.Column)
	}
	return err
}

func TestTheCodeOfThePageOnVersion4Runs(t *testing.T) {
	server := newShop(t)
	server.Assume(actitotest.ResultFilesExist)
	client := newClient(t, server)
	customers, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("export", 0o700))
	header := "customerID,emailAddress,firstName,birthDate,gsmNumber,subscriptions#Newsletter\n"
	require.NoError(t, os.WriteFile("export/customers.csv", []byte(header+"C1,ann@example.com,Ann,,,TRUE\nC2,none,Bob,,,N\n"), 0o600))

	exec, err := fromV4(t.Context(), client)
	require.NoError(t, err)
	require.ErrorIs(t, fromV4Verdicts(t.Context(), client, customers, exec), actito.ErrRowsRejected)
	ann, found := server.Profile("Customers", "customerID", "C1")
	require.True(t, found)
	require.Equal(t, map[string]bool{"Newsletter": true}, ann.Subscriptions)

	etl, err := client.ETLs.Create(t.Context(), actito.Definition{Files: []actito.InputFile{customers.InputFile("customers.csv", actito.WithSubscriptions())}})
	require.NoError(t, err)
	first, err := fromV4Daily(t.Context(), client, etl, time.Now())
	require.NoError(t, err)
	second, err := fromV4Daily(t.Context(), client, etl, time.Now())
	require.NoError(t, err)
	require.True(t, second.AlreadyStarted)
	require.Equal(t, first.ID, second.ID)
}
