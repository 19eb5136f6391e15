package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

// storeETL stores the definition. It is done once for a licence, by a program like this or in Actito itself, and its id
// is kept in the job's settings.
func storeETL(ctx context.Context, client *actito.Client) (id string, err error) {
	// The file comes from another system and is loaded as it is, so its rows need no struct.
	customers, err := actito.Profiles[map[string]any](client, shop.Customers)
	if err != nil {
		return "", err
	}
	return client.ETLs.Create(ctx, actito.Definition{
		Name: "customers-nightly",
		Files: []actito.InputFile{
			customers.InputFile("customers.csv", actito.Columns("customerID", "emailAddress", "firstName", "country")),
		},
	})
}

// load loads the file of a day. Called again for the same day, it waits for the import that was started before: it
// sends nothing, and costs none of the day's imports.
func load(ctx context.Context, client *actito.Client, etl string, day time.Time, file actito.Data, out io.Writer) error {
	exec, err := client.ETLs.Trigger(ctx, etl, file, actito.Once("customers-"+day.Format(time.DateOnly)))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "   execution %s\n", exec.ID)
	exec, err = client.Executions.Wait(ctx, exec)
	total := exec.Totals()
	fmt.Fprintf(out, "   %d read = %d created + %d updated + %d rejected\n", total.Read, total.Created, total.Updated, total.Rejected)
	if errors.Is(err, actito.ErrRowsRejected) {
		return errors.Join(err, report(ctx, client, exec, out))
	}
	return err
}

// report names each rejected row by its key, never by what else it holds: this output ends up in a log.
func report(ctx context.Context, client *actito.Client, exec *actito.Execution, out io.Writer) error {
	for reject, err := range client.Executions.Rejects(ctx, exec) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "   rejected: customer %s: %s in column %s\n", reject.Row["customerID"], reject.Code, reject.Column)
	}
	return nil
}
