package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/actito-go/actito"
)

// Customer is a row of the profile table.
type Customer struct {
	ID        string `actito:"customerID,key"`
	Email     string `actito:"emailAddress"`
	FirstName string `actito:"firstName"`
	Country   string `actito:"country"`
}

// errRowsLeft says that rows are in a file for people to look at.
var errRowsLeft = errors.New("rows are left")

type job struct {
	client    *actito.Client
	customers *actito.ProfileTable[Customer]
	receiver  *receiver
	rest      string // folder; "" for a new temporary one
	out       io.Writer
}

// setUp stores the ETL and asks for its webhooks. It is done once for a licence, by a program like this or in Actito
// itself, and the ETL's id is kept in the program's settings.
func (j *job) setUp(ctx context.Context) (etl string, err error) {
	etl, err = j.client.ETLs.Create(ctx, actito.Definition{
		Name:  "customers",
		Files: []actito.InputFile{j.customers.InputFile(fileName, actito.Keep)},
	})
	if err != nil {
		return "", err
	}
	return etl, j.receiver.subscribe(ctx, j.client, etl)
}

// load imports the file and waits for the end: until the webhook comes, and should it get lost, until the execution is
// read again, more and more rarely.
func (j *job) load(ctx context.Context, etl string, file actito.Data) (*actito.Execution, error) {
	exec, err := j.client.ETLs.Trigger(ctx, etl, file)
	if err != nil {
		return exec, err
	}
	began := time.Now()
	exec, err = j.client.Executions.Wait(ctx, exec)
	if _, ended := errors.AsType[*actito.ImportError](err); err != nil && !ended {
		return exec, err
	}
	fmt.Fprintf(j.out, "Execution %s ended with %s, waited %s.\n", exec.ID, exec.Status, time.Since(began).Round(time.Millisecond*100))
	select {
	case told := <-j.receiver.ended:
		fmt.Fprintf(j.out, "A webhook told so: execution %s, %s.\n", told.ExecutionID, told.Status)
	case <-time.After(time.Second): // the one that ended the wait is still being handled, perhaps
		fmt.Fprintln(j.out, "No webhook told so.")
	case <-ctx.Done():
	}
	total := exec.Totals()
	fmt.Fprintf(j.out, "   %d read = %d created + %d updated + %d rejected\n", total.Read, total.Created, total.Updated, total.Rejected)
	return exec, err
}

// repair sends the rejects again that fix puts right, and writes the others to a file.
func (j *job) repair(ctx context.Context, exec *actito.Execution) error {
	summary, err := j.client.Executions.Summarize(ctx, exec)
	if err != nil {
		return err
	}
	fmt.Fprintf(j.out, "\nWhy rows were rejected:\n%s\nSent again, one by one:\n", summary)
	repaired := map[int]bool{} // by their lines in the rejects file
	for reject, result := range j.customers.Repair(ctx, exec, fix) {
		switch {
		case result.Err == nil:
			repaired[reject.Line] = true
			fmt.Fprintf(j.out, "   customer %s: %s put right\n", reject.Key, reject.Column)
		case reject.Line > 0:
			fmt.Fprintf(j.out, "   customer %s: %v\n", reject.Key, result.Err)
		default: // the rejects could not be read to their end
			return result.Err
		}
	}
	if len(repaired) == summary.Rows {
		return nil
	}
	return j.leave(ctx, exec, func(r actito.Reject[map[string]string]) bool { return !repaired[r.Line] })
}

// countries are what some of the shop's systems write instead of the codes that the table takes.
var countries = map[string]string{"BELGIUM": "BE", "FRANCE": "FR", "NETHERLANDS": "NL", "BEL": "BE", "FRA": "FR", "NLD": "NL"}

// fix puts a row right, if there is a known remedy. It guesses nothing: what it does not know is for people.
func fix(r actito.Reject[Customer]) (row Customer, known bool) {
	row = r.Row
	switch {
	case r.RowErr != nil: // the row is not whole
	case r.Column == "country":
		row.Country, known = countries[strings.ToUpper(row.Country)]
	case r.Column == "emailAddress": // copied from a link
		row.Email, known = strings.CutPrefix(row.Email, "mailto:")
	}
	return row, known
}

// leave writes the rejects that are left as they were sent. Put right by hand, the file can be imported as it is.
func (j *job) leave(ctx context.Context, exec *actito.Execution, left func(actito.Reject[map[string]string]) bool) (err error) {
	folder := j.rest
	if folder == "" {
		if folder, err = os.MkdirTemp("", "repair"); err != nil {
			return err
		}
	}
	path := filepath.Join(folder, fileName)
	// What is there already is not overwritten.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // where it goes, the caller says
	if err != nil {
		return err
	}
	rows, err := j.client.Executions.WriteRepair(ctx, exec, fileName, file, actito.OnlyRejects(left))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	fmt.Fprintf(j.out, "\nLeft for people: %d rows, in %s\n", rows, path)
	return fmt.Errorf("%w: %d, in %s", errRowsLeft, rows, path)
}
