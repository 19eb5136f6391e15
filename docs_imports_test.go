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

func docsCustom() error {
	kind, err := transform.NewKind("INITIALS", nil) // or its parameters, a map or a struct
	if err != nil {
		return err
	}
	spec, err := transform.New(transform.WithKinds(initials), kind.On("initials"))
	_ = spec
	return err
}

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
		fmt.Println(failed.Again()) // customers.csv, orders.csv, lines.csv
		exec, err = client.ETLs.RunOnce(ctx, definition, append(mended, actito.Repeats(failed))...)
	}
	_ = exec
	return err
}

func docsSequence(ctx context.Context, client *actito.Client, customersETL, ordersETL, linesETL string, store func(actito.SequenceState) error) (actito.Sequence, *actito.SequenceReport, error) {
	sequence := actito.Sequence{Steps: []actito.Step{
		{Name: "customers", ETL: customersETL, Import: []actito.ImportOption{actito.DataFile("export/customers.csv")}},
		{
			Name: "orders", ETL: ordersETL, Import: []actito.ImportOption{actito.DataFile("export/orders.csv")},
			After: []actito.Edge{{Step: "customers", OnRejects: actito.WithoutOrphans}},
		},
		{
			Name: "lines", ETL: linesETL, Import: []actito.ImportOption{actito.DataFile("export/lines.csv")},
			After: []actito.Edge{{Step: "orders", OnRejects: actito.WithoutOrphans}},
		},
	}}
	report, err := client.ETLs.RunSequence(ctx, sequence, actito.SaveState(store)) // func(actito.SequenceState) error
	fmt.Print(report)
	return sequence, report, err
}

func docsResume(ctx context.Context, client *actito.Client, sequence actito.Sequence, state actito.SequenceState, store func(actito.SequenceState) error) error {
	report, err := client.ETLs.ResumeSequence(ctx, sequence, state, actito.SaveState(store))
	fmt.Print(report)
	return err
}

func TestTheCodeOfThePageOnTransformationsRuns(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	table, err := actito.Profiles[Contact](newClient(t, server), "Customers")
	require.NoError(t, err)
	require.NoError(t, docsTransformed(t.Context(), table, Contact{ID: "C1", Email: "<ann@Example.com>", FirstName: "JAN  van", Phone: actito.Set("NULL")}))
	got, found := server.Profile("Customers", "customerID", "C1")
	require.True(t, found)
	require.Equal(t, "ann@example.com", got.Attributes["emailAddress"])
	require.Equal(t, "Jan van", got.Attributes["firstName"])

	spec, err := transform.Parse([]byte(`[{"headerColumn":"initials","type":"INITIALS"}]`), transform.WithKinds(initials))
	require.NoError(t, err)
	changes, err := spec.Explain(map[string]string{"initials": "Jan van Eyck"}, transform.JSON)
	require.NoError(t, err)
	require.Equal(t, "J.v.E.", changes[0].After)
	require.NoError(t, docsCustom())
}

func TestTheJSONOfThePageOnTransformationsIsRead(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/transformations.md")
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```json\n")[1:]
	require.Len(t, blocks, 2)
	var specs [2]*transform.Specification
	for i, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		specs[i], err = transform.Parse([]byte(text))
		require.NoError(t, err)
	}
	inGo, err := transform.New(
		transform.NullWords("NULL", "N/A").On("gsmNumber", "birthDate"),
		transform.Collapse().On("firstName"),
		transform.TitleCase().Language("nl").On("firstName"),
		transform.Email().On("emailAddress"),
		transform.Date("dd/MM/yyyy", "yyyy-MM-dd").On("birthDate"),
	)
	require.NoError(t, err)
	require.True(t, specs[0].Equal(inGo), "%v", specs[0])

	_, err = transform.Parse([]byte(`[{"headerColumn":"x","type":"NONE"}]`))
	_, kinds, found := strings.Cut(err.Error(), "it is one of ")
	require.True(t, found)
	for kind := range strings.SplitSeq(strings.TrimSuffix(kinds, ", or a kind of your own that WithKinds adds"), ", ") {
		require.Contains(t, specs[1].String(), ": "+kind)
	}
}

func TestTheCodeOfThePageOnSeveralFilesRuns(t *testing.T) {
	server := newShop(t)
	server.Assume(actitotest.FailedFileStops, actitotest.ResultFilesExist, actitotest.KeysWithCase)
	server.AddCustomTable("MyEntity", actitotest.Table{
		Name: "Lines", PrimaryKey: "lineId",
		Attributes:  []actitotest.Attribute{{Name: "lineId", Type: "STRING", Unique: true}, {Name: "orderId", Type: "STRING"}},
		ForeignKeys: []actitotest.ForeignKey{{Name: "order", Attribute: "orderId", Table: "Orders", Referenced: "orderId"}},
	})
	client := newClient(t, server)
	customers, err := actito.Profiles[struct {
		ID    string `actito:"customerID,key"`
		Email string `actito:"emailAddress"`
	}](client, "Customers")
	require.NoError(t, err)
	orders, err := actito.Records[struct {
		ID       string `actito:"orderId,key"`
		Customer string `actito:"customerID"`
	}](client, "Orders")
	require.NoError(t, err)
	lines, err := actito.Records[struct {
		ID    string `actito:"lineId,key"`
		Order string `actito:"orderId"`
	}](client, "Lines")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("export", 0o700))
	texts := map[string]string{
		"customers.csv": "customerID,emailAddress\nC1,ann@example.com\nC2,bob@example.com\nC3,none\n",
		"orders.csv":    "orderId,customerID\nO1,C1\nO2,C2\nO3,C3\nO4,C1\n",
		"lines.csv":     "lineId,orderId\nL1,O1\nL2,O1\nL3,O2\nL4,O3\nL5,O3\nL6,O4\n",
	}
	var mended []actito.ImportOption
	for name, text := range texts {
		require.NoError(t, os.WriteFile("export/"+name, []byte(text), 0o600))
		mended = append(mended, actito.DataBytes(name, []byte(strings.ReplaceAll(text, "none", "dan@example.com"))))
	}
	server.FailFile("orders.csv", "the disk is full")
	require.NoError(t, docsOrdered(t.Context(), client, customers, orders, lines, mended))
	require.Len(t, server.Imports(), 2)

	var etls []string
	for _, file := range []actito.InputFile{customers.InputFile("customers.csv"), orders.InputFile("orders.csv"), lines.InputFile("lines.csv")} {
		id, err := client.ETLs.Create(t.Context(), actito.Definition{Files: []actito.InputFile{file}})
		require.NoError(t, err)
		etls = append(etls, id)
	}
	var last actito.SequenceState
	store := func(s actito.SequenceState) error { last = s; return nil }
	sequence, report, err := docsSequence(t.Context(), client, etls[0], etls[1], etls[2], store)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	require.Equal(t, actito.Account{Rows: 13, Accepted: 9, Rejected: 1, Refused: 3}, report.Account())
	imports := len(server.Imports())
	require.ErrorIs(t, docsResume(t.Context(), client, sequence, last, store), actito.ErrRowsRejected)
	require.Len(t, server.Imports(), imports, "steps that ended do not run again")
}
