package actito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// The functions below are the code of docs/transformations.md and docs/several-files.md.

type Contact struct { // texts, as a form or a file has them
	ID        string             `actito:"customerID,key"`
	Email     string             `actito:"emailAddress"`
	FirstName string             `actito:"firstName"`
	Birth     actito.Opt[string] `actito:"birthDate"`
	Phone     actito.Opt[string] `actito:"gsmNumber"`
}

func docsTransformed(ctx context.Context, table *actito.ProfileTable[Contact], contact Contact) error {
	spec, err := transform.New(
		transform.NullWords("NULL", "N/A").On("gsmNumber", "birthDate"),
		transform.Collapse().On("firstName"),
		transform.TitleCase().Language("nl").On("firstName"),
		transform.Email().On("emailAddress"),
		transform.Date("dd/MM/yyyy", "yyyy-MM-dd").On("birthDate"),
	)
	if err != nil {
		return err // an unknown kind, a parameter that is missing, an expression that does not compile
	}
	contacts, err := table.Transformed(spec) // table is an *actito.ProfileTable[Contact]
	if err != nil {
		return err // a column that rows do not have, or that is no text
	}
	id, err := contacts.Upsert(ctx, contact)
	_ = id
	if err != nil {
		return err
	}
	changes, err := spec.Explain(map[string]string{"firstName": "  JAN ", "birthDate": "14/03/1990"}, transform.CSV)
	if err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Println(change) // firstName: "  JAN " → "JAN" (TRIM)
	}
	return nil
}

var initials = transform.Custom{Name: "INITIALS", New: func(json.RawMessage) (func(string) (string, error), error) {
	return func(text string) (string, error) {
		var out string
		for word := range strings.FieldsSeq(text) {
			first, _ := utf8.DecodeRuneInString(word)
			out += string(first) + "."
		}
		return out, nil
	}, nil
}}

// tabled is any table.
type tabled interface {
	InputFile(pattern string, opts ...actito.ColumnOption) actito.InputFile
}

func docsOrdered(ctx context.Context, client *actito.Client, customers, orders, lines tabled, mended []actito.ImportOption) error {
	definition, err := client.ETLs.Ordered(ctx, actito.Definition{
		Name:  "shop",
		Files: []actito.InputFile{lines.InputFile("lines.csv"), orders.InputFile("orders.csv"), customers.InputFile("customers.csv")},
	})
	if err != nil {
		return err
	}
	exec, err := client.ETLs.RunOnce(ctx, definition,
		actito.DataFile("export/lines.csv"), actito.DataFile("export/orders.csv"), actito.DataFile("export/customers.csv"),
		actito.LookUpParents(50))
	if err != nil {
		return err
	}
	exec, err = client.Executions.Wait(ctx, exec)
	if failed, ok := errors.AsType[*actito.ImportError](err); ok && errors.Is(err, actito.ErrImportFailed) {
		fmt.Println(failed.Again())                                                                 // customers.csv, orders.csv, lines.csv
		exec, err = client.ETLs.RunOnce(ctx, definition, append(mended, actito.Repeats(failed))...) // mended: their data
	}
	_ = exec
	return err
}

func docsSequence(ctx context.Context, client *actito.Client, store func(actito.SequenceState) error) error {
	sequence := actito.Sequence{Steps: []actito.Step{
		{Name: "customers", ETL: "101", Import: []actito.ImportOption{actito.DataFile("export/customers.csv")}},
		{
			Name: "orders", ETL: "102", Import: []actito.ImportOption{actito.DataFile("export/orders.csv")},
			After: []actito.Edge{{Step: "customers", OnRejects: actito.WithoutOrphans}},
		},
		{
			Name: "lines", ETL: "103", Import: []actito.ImportOption{actito.DataFile("export/lines.csv")},
			After: []actito.Edge{{Step: "orders", OnRejects: actito.WithoutOrphans}},
		},
	}}
	report, err := client.ETLs.RunSequence(ctx, sequence, actito.SaveState(store)) // func(actito.SequenceState) error
	fmt.Print(report)
	return err
}
