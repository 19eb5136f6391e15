package actito_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// Each way of saying where and what a file's transformations are leads to the same text.
func TestTheSpecificationOfAFileComesFromWhoeverKnowsIt(t *testing.T) {
	t.Parallel()
	const want = "customerID,emailAddress,firstName\nC1,ann@example.com,ANN\n"
	for name, tt := range map[string]func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption){
		"the rows' table": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			return b.customers.InputFile("customers.csv", named), []actito.ImportOption{transformedCustomers(t, b).Rows("customers.csv", all(annRow), named)}
		},
		"the input file's table, for a file": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			return transformedCustomers(t, b).InputFile("customers.csv", named), []actito.ImportOption{actito.DataBytes("customers.csv", []byte(annCSV))}
		},
		"the input file's table, for rows": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			return transformedCustomers(t, b).InputFile("customers.csv", named), []actito.ImportOption{actito.DataRows("customers.csv", all(annRow), named)}
		},
		"both tables": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			table := transformedCustomers(t, b)
			return table.InputFile("customers.csv", named), []actito.ImportOption{table.Rows("customers.csv", all(annRow), named)}
		},
		"Local": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			f := b.customers.InputFile("customers.csv", named)
			f.Local = specOf(t, transform.Uppercase().On("firstName"))
			return f, []actito.ImportOption{b.customers.Rows("customers.csv", all(annRow), named)}
		},
		"an option of rows": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			spec := specOf(t, transform.Uppercase().On("firstName"))
			return b.customers.InputFile("customers.csv", named), []actito.ImportOption{actito.DataRows("customers.csv", all(annRow), named, actito.Transformed(spec))}
		},
		"an option of a file, and Local": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			f := b.customers.InputFile("customers.csv", named)
			f.Local = specOf(t, transform.Uppercase().On("firstName"))
			return f, []actito.ImportOption{actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(specOf(t, transform.Uppercase().On("firstName"))))}
		},
		"a file that was staged with it": func(t *testing.T, b *bulk) (actito.InputFile, []actito.ImportOption) {
			f := b.customers.InputFile("customers.csv", named)
			f.Local = specOf(t, transform.Uppercase().On("firstName"))
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(f.Local)))
			require.NoError(t, err)
			t.Cleanup(func() { _ = staged.Close() })
			return f, []actito.ImportOption{staged}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			f, opts := tt(t, b)
			f.EmptyCells = actito.Keep
			text, exec, err := textSent(t, b, f, opts...)
			require.NoError(t, err)
			require.Equal(t, want, text)
			require.NotContains(t, string(sent(t, b.starts()[0]).definition), "ransformation")
			b.loads(t, exec, err)
		})
	}
}

func TestRowsAreTransformedBeforeTheirCellsAreLookedAt(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	columns := actito.Columns("customerID", "firstName", "gsmNumber")
	in := b.customers.InputFile("customers.csv", columns)
	rows := func(phone actito.Opt[string], opts ...actito.RowsOption) actito.Data {
		table := transformedCustomers(t, b, on("NONE", "gsmNumber"), transform.Fallback("?").On("firstName"))
		return table.Rows("customers.csv", all(customer{ID: "C1", FirstName: "Ann", Phone: actito.Set("1")}, customer{ID: " C2", Phone: phone}), append(opts, columns)...)
	}
	// What is unset by a transformation is an empty cell, and what it filled is none.
	_, _, err := textSent(t, b, in, rows(actito.Set("NULL")))
	requireRefused(t, refusal{"customers.csv", 2, "gsmNumber", "empty-cells"}, err)
	_, _, err = textSent(t, b, in, rows(actito.Set("NULL")), actito.Clear)
	requireRefused(t, refusal{"customers.csv", 2, "gsmNumber", "empty-cells"}, err)
	_, _, err = textSent(t, b, in, rows(actito.Null[string]()), actito.Keep)
	requireRefused(t, refusal{"customers.csv", 2, "gsmNumber", "empty-cells"}, err)
	var seen []string
	refuse := actito.Refuse(func(c customer) (string, bool) {
		seen = append(seen, c.ID+c.FirstName)
		return "", false
	})
	text, _, err := textSent(t, b, in, rows(actito.Set("NULL"), refuse), actito.Keep)
	require.NoError(t, err)
	require.Equal(t, "customerID,firstName,gsmNumber\nC1,ANN,1\nC2,?,\n", text)
	require.Equal(t, []string{"C1Ann", " C2"}, seen)
}

func TestRowsThatATransformationRefuses(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	table := transformedCustomers(t, b, on("DIGITS", "firstName"))
	in := table.InputFile("customers.csv", named, actito.Keep)
	rows := all(customer{ID: "C1", FirstName: "1"}, customer{ID: "C2", FirstName: "secret"}, customer{ID: "C3", FirstName: "3"})
	_, _, err := textSent(t, b, in, table.Rows("customers.csv", rows, named))
	requireRefused(t, refusal{"customers.csv", 2, "firstName", "transform"}, err)
	require.NotContains(t, err.Error(), "secret")
	text, exec, err := textSent(t, b, in, table.Rows("customers.csv", rows, named, actito.SkipInvalid()))
	require.NoError(t, err)
	require.Equal(t, "customerID,emailAddress,firstName\nC1,,1\nC3,,3\n", text)
	require.Len(t, exec.Refused, 1)
	require.Equal(t, "C2", exec.Refused[0].Key)
	require.Equal(t, 2, exec.Refused[0].Row)
}

func TestRowsThatAreMapsHaveTheColumnsOfTheOutcome(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	maps, err := actito.Profiles[map[string]any](b.client, "Customers")
	require.NoError(t, err)
	spec := specOf(t, transform.Concatenate("@", "user", "host").On("emailAddress"), transform.Drop().On("user", "host"))
	table, err := maps.Transformed(spec)
	require.NoError(t, err)
	columns := actito.Columns("customerID", "emailAddress")
	row := map[string]any{"customerID": "C1", "user": "a", "host": "x.be"}
	text, _, err := textSent(t, b, table.InputFile("customers.csv", columns), table.Rows("customers.csv", all(row), columns))
	require.NoError(t, err)
	require.Equal(t, "customerID,emailAddress\nC1,a@x.be\n", text)
	require.Len(t, row, 3)
	_, err = b.client.ETLs.RunOnce(t.Context(), once(table.InputFile("customers.csv", actito.Columns("customerID"))), table.Rows("customers.csv", all(row), actito.Columns("customerID")))
	requireRefused(t, refusal{"customers.csv", 1, "emailAddress", "unknown-column"}, err)
}

// misuse is one import that is refused before anything is sent or counted.
type misuse struct {
	want  refusal
	says  string
	start func(t *testing.T, b *bulk) error
}

func TestTransformationsThatCannotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, b *bulk, f actito.InputFile, opts ...actito.ImportOption) error {
		_, _, err := textSent(t, b, f, append(opts, actito.Keep)...)
		return err
	}
	file := refusal{file: "customers.csv", rule: "transform"}
	column := refusal{file: "customers.csv", column: "firstName", rule: "transform"}
	shout := func(t *testing.T) *transform.Specification { return specOf(t, transform.Uppercase().On("firstName")) }
	for name, tt := range map[string]misuse{
		"Local and an option that differ": {file, "not equal", func(t *testing.T, b *bulk) error {
			return run(t, b, transformedCustomers(t, b).InputFile("customers.csv", named), actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(shout(t))))
		}},
		"two options that differ": {file, "not equal", func(t *testing.T, b *bulk) error {
			return run(t, b, b.customers.InputFile("customers.csv", named),
				actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(shout(t)), actito.Transformed(specOf(t))))
		}},
		"a table and Local that differ": {file, "not equal", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Local = shout(t)
			return run(t, b, f, transformedCustomers(t, b).Rows("customers.csv", all(annRow), named))
		}},
		"an option that is nil": {file, "transform.New", func(t *testing.T, b *bulk) error {
			return run(t, b, b.customers.InputFile("customers.csv", named), actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(nil)))
		}},
		"a file that was staged without Local": {file, "stage it with Transformed", func(t *testing.T, b *bulk) error {
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(annCSV)))
			require.NoError(t, err)
			defer staged.Close()
			return run(t, b, transformedCustomers(t, b).InputFile("customers.csv", named), staged)
		}},
		"rows whose fields Local cannot change": {refusal{file: "customers.csv", column: "birthDate", rule: "transform"}, "holds no text", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Local = specOf(t, transform.Trim().On("birthDate"))
			return run(t, b, f, b.customers.Rows("customers.csv", all(annRow), named))
		}},
		"OnServer of a table that is not transformed": {refusal{column: "OnServer", rule: "transform"}, "nothing to run", func(t *testing.T, b *bulk) error {
			return run(t, b, b.customers.InputFile("customers.csv", named, actito.OnServer), actito.DataBytes("customers.csv", []byte(annCSV)))
		}},
		"OnServer of rows without a table": {refusal{column: "OnServer", rule: "transform"}, "nothing to run", func(t *testing.T, b *bulk) error {
			return run(t, b, b.customers.InputFile("customers.csv", named), actito.DataRows("customers.csv", all(annRow), named, actito.OnServer))
		}},
		"OnServer of a kind that runs here only": {refusal{file: "customers.csv", column: "firstName", rule: "transform"}, "SHOUT", func(t *testing.T, b *bulk) error {
			table, err := b.customers.Transformed(specOf(t, on("SHOUT", "firstName")))
			require.NoError(t, err)
			return run(t, b, table.InputFile("customers.csv", named, actito.OnServer), actito.DataBytes("customers.csv", []byte(annCSV)))
		}},
		"OnServer of rows, and Local": {file, "OnServer", func(t *testing.T, b *bulk) error {
			table := transformedCustomers(t, b)
			return run(t, b, table.InputFile("customers.csv", named), table.Rows("customers.csv", all(annRow), named, actito.OnServer))
		}},
		"OnServer of rows, and Transformed": {file, "choose one", func(t *testing.T, b *bulk) error {
			table := transformedCustomers(t, b)
			return run(t, b, table.InputFile("customers.csv", named, actito.OnServer), table.Rows("customers.csv", all(annRow), named, actito.OnServer, actito.Transformed(shout(t))))
		}},
		"OnServer of rows that the definition does not transform": {file, "exactly", func(t *testing.T, b *bulk) error {
			return run(t, b, b.customers.InputFile("customers.csv", named), transformedCustomers(t, b).Rows("customers.csv", all(annRow), named, actito.OnServer))
		}},
		"OnServer of rows that the definition transforms otherwise": {file, "exactly", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Transformations = transform.Uppercase().On("firstName")
			return run(t, b, f, transformedCustomers(t, b).Rows("customers.csv", all(annRow), named, actito.OnServer))
		}},
		"OnServer of staged rows that the definition does not transform": {file, "exactly", func(t *testing.T, b *bulk) error {
			staged, err := actito.Stage(t.Context(), transformedCustomers(t, b).Rows("customers.csv", all(annRow), named, actito.OnServer))
			require.NoError(t, err)
			defer staged.Close()
			return run(t, b, b.customers.InputFile("customers.csv", named), staged)
		}},
		"a column that is transformed here and there": {column, "AllowBoth", func(t *testing.T, b *bulk) error {
			f := transformedCustomers(t, b).InputFile("customers.csv", named)
			f.Transformations = transform.Capitalize().On("firstName")
			return run(t, b, f, actito.DataBytes("customers.csv", []byte(annCSV)), actito.AllowBoth("customerID"))
		}},
		"rows of such a column": {column, "AllowBoth", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Transformations = transform.Capitalize().On("firstName")
			return run(t, b, f, transformedCustomers(t, b).Rows("customers.csv", all(annRow), named))
		}},
		"a staged file of such a column": {column, "AllowBoth", func(t *testing.T, b *bulk) error {
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(shout(t))))
			require.NoError(t, err)
			defer staged.Close()
			f := b.customers.InputFile("customers.csv", named)
			f.Transformations = transform.Capitalize().On("firstName")
			return run(t, b, f, staged)
		}},
		"a definition in another form": {column, "AllowBoth", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Extra = map[string]json.RawMessage{"transformations": json.RawMessage(`{"any":"thing"}`)}
			return run(t, b, f, actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(shout(t))))
		}},
		"a kind that the server is not known to have": {column, "no such kind", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Transformations = on("SHOUT", "firstName")
			return run(t, b, f, actito.DataBytes("customers.csv", []byte(annCSV)))
		}},
		"a kind that runs here only": {column, "not known", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Transformations = transform.Constant("x").On("firstName")
			_, err := b.client.ETLs.Create(t.Context(), once(f))
			return err
		}},
		"a parameter that is broken": {column, "parameters", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			kind, err := transform.NewKind("TRIM", map[string]any{"how": "much"})
			require.NoError(t, err)
			f.Transformations = kind.On("firstName")
			_, err = b.client.ETLs.Create(t.Context(), once(f))
			return err
		}},
		"a column that the server's file does not have": {refusal{file: "customers.csv", column: "lastName", rule: "transform"}, "does not map", func(t *testing.T, b *bulk) error {
			f := b.customers.InputFile("customers.csv", named)
			f.Transformations = transform.Trim().On("lastName")
			return run(t, b, f, actito.DataBytes("customers.csv", []byte(annCSV)))
		}},
		"Local of a file that is fetched by the clock": {file, "OnServer", func(t *testing.T, b *bulk) error {
			d := once(transformedCustomers(t, b).InputFile("customers.csv", named))
			d.Location, d.Schedule = &actito.LocationRef{ID: "L"}, &actito.Schedule{}
			_, err := b.client.ETLs.Create(t.Context(), d)
			return err
		}},
		"Local of a file that arrives": {file, "OnServer", func(t *testing.T, b *bulk) error {
			d := once(transformedCustomers(t, b).InputFile("customers.csv", named))
			d.Location = &actito.LocationRef{ID: "L"}
			return b.client.ETLs.Replace(t.Context(), "17", d)
		}},
		"Local of a file that the server fetches": {refusal{file: "customers.csv", rule: "remote"}, "OnServer", func(t *testing.T, b *bulk) error {
			return run(t, b, transformedCustomers(t, b).InputFile("customers.csv", named), actito.Remote("L", "customers.csv"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			err := tt.start(t, b)
			requireRefused(t, tt.want, err)
			require.ErrorContains(t, err, tt.says)
			b.untouched(t)
		})
	}
}

func TestAStoredDefinitionsTransformationsCountWhenItIsTriggered(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	b := newBulk(t, inMemory(t), actito.WithLogger(newLogger(&logged)))
	plain := b.customers.InputFile("customers.csv", named)
	plain.Transformations = transform.Capitalize().On("firstName")
	id := b.stored(t, plain)
	here := transformedCustomers(t, b)
	_, err := b.client.ETLs.Trigger(t.Context(), id, here.Rows("customers.csv", all(annRow), named))
	requireRefused(t, refusal{file: "customers.csv", column: "firstName", rule: "transform"}, err)
	b.untouched(t)
	exec, err := b.client.ETLs.Trigger(t.Context(), id, here.Rows("customers.csv", all(annRow), named), actito.AllowBoth("firstName"))
	b.loads(t, exec, err)
	require.Contains(t, sent(t, b.starts()[0]).files["customers.csv"], "ANN")

	// Local is not stored, and so its rows have to bring it.
	const kept = "does not keep the transformations that run here"
	require.NotContains(t, logged.String(), kept)
	id = b.stored(t, here.InputFile("customers.csv", named))
	require.Contains(t, logged.String(), kept)
	stored, err := b.client.ETLs.Get(t.Context(), id)
	require.NoError(t, err)
	require.Nil(t, stored.Files[0].Local)
	require.Empty(t, stored.Files[0].Transformations)
	exec, err = b.client.ETLs.Trigger(t.Context(), id, here.Rows("customers.csv", all(customer{ID: " C2", Email: "b@x.be", FirstName: "Bob"}), named))
	b.loads(t, exec, err)
	p, found := b.Profile("Customers", "customerID", "C2")
	require.True(t, found)
	require.Equal(t, "BOB", p.Attributes["firstName"])
}

func TestRowsForTheServerToTransformNeedADefinitionThatSaysSo(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	b := newBulk(t, inMemory(t), actito.WithLogger(slog.New(slog.NewJSONHandler(&logged, nil))))
	table := transformedCustomers(t, b)
	id := b.stored(t, table.InputFile("customers.csv", named, actito.OnServer))
	rows := func(opts ...actito.RowsOption) actito.Data {
		return table.Rows("customers.csv", all(annRow), append(opts, named)...)
	}
	staged, err := actito.Stage(t.Context(), rows(actito.OnServer))
	require.NoError(t, err)
	defer staged.Close()
	for name, data := range map[string]actito.ImportOption{"rows": rows(actito.OnServer), "staged rows": staged} {
		b.Fail(actitotest.OpETLGet, actitotest.Status(http.StatusForbidden))
		_, err := b.client.ETLs.Trigger(t.Context(), id, data, actito.Loads("Customers"), actito.Keep)
		requireRefused(t, refusal{file: "customers.csv", rule: "transform"}, err)
		require.ErrorContains(t, err, "cannot be read", name)
		_, err = b.client.ETLs.RunOnce(t.Context(), actito.RawDefinition([]byte(`{"name":"raw"}`)), data, actito.Loads("Customers"), actito.Keep)
		requireRefused(t, refusal{file: "customers.csv", rule: "transform"}, err)
	}
	b.untouched(t)
	require.Contains(t, logged.String(), `"level":"WARN","msg":"actito: the definition cannot be read`)
	// Rows that are transformed here are sent all the same.
	b.Fail(actitotest.OpETLGet, actitotest.Status(http.StatusForbidden))
	exec, err := b.client.ETLs.Trigger(t.Context(), id, rows(), actito.Loads("Customers"), actito.Keep)
	b.loads(t, exec, err)
}

func TestTheServerTransformsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	bothWaysOf := map[string]func(t *testing.T, b *bulk, f actito.InputFile, opts ...actito.ImportOption) (*actito.Execution, error){
		"one shot": func(t *testing.T, b *bulk, f actito.InputFile, opts ...actito.ImportOption) (*actito.Execution, error) {
			return b.client.ETLs.RunOnce(t.Context(), once(f), opts...)
		},
		"triggered": func(t *testing.T, b *bulk, f actito.InputFile, opts ...actito.ImportOption) (*actito.Execution, error) {
			return b.client.ETLs.Trigger(t.Context(), b.stored(t, f), opts...)
		},
	}
	for name, start := range bothWaysOf {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			table := transformedCustomers(t, b)
			f := table.InputFile("customers.csv", named, actito.OnServer)
			require.Nil(t, f.Local)
			require.Len(t, f.Transformations, 2)
			exec, err := start(t, b, f, table.Rows("customers.csv", all(customer{ID: " C1", Email: "a@x.be", FirstName: "Ann"}), named, actito.OnServer))
			b.loads(t, exec, err)
			require.Contains(t, sent(t, b.starts()[0]).files["customers.csv"], "\" C1\",a@x.be,Ann\n")
			p, found := b.Profile("Customers", "customerID", "C1")
			require.True(t, found)
			require.Equal(t, "ANN", p.Attributes["firstName"])
		})
	}
}

func TestAnEmptyListInAnotherFormTransformsNothing(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`[]`, `null`} {
		b := newBulk(t, inMemory(t))
		f := b.customers.InputFile("customers.csv", named)
		f.Extra = map[string]json.RawMessage{"transformations": json.RawMessage(raw)}
		_, _, err := textSent(t, b, f, actito.DataBytes("customers.csv", []byte(annCSV), actito.Transformed(specOf(t, transform.Uppercase().On("firstName")))))
		require.NoError(t, err)
	}
}

func TestOnceGoesByWhatIsSent(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	start := func(csv string) (*actito.Execution, error) {
		return b.client.ETLs.RunOnce(t.Context(), once(transformedCustomers(t, b).InputFile("customers.csv", named)), actito.Once("today"),
			actito.DataBytes("customers.csv", []byte(csv)))
	}
	first, err := start(annCSV)
	b.loads(t, first, err)
	again, err := start(strings.Replace(annCSV, "C1,", " C1,", 1))
	require.NoError(t, err)
	require.True(t, again.AlreadyStarted)
	_, err = start(strings.Replace(annCSV, "C1", "C2", 1))
	require.ErrorIs(t, err, actito.ErrAlreadyStarted)
	require.Len(t, b.Requests(actitotest.OpRunOnce), 1)
}

func TestACheckOfATransformedTableIsThatOfItsImport(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	table := transformedCustomers(t, b, on("DIGITS", "gsmNumber"))
	columns := actito.Columns("customerID", "firstName", "gsmNumber")
	for name, data := range map[string]actito.Data{
		"rows":          table.Rows("customers.csv", all(customer{ID: "C1", Phone: actito.Set("x")}, customer{ID: " C1", Phone: actito.Set("1")}, customer{ID: "C3", Phone: actito.Set("x")}), columns, actito.Keep),
		"a file":        actito.DataBytes("customers.csv", []byte("customerID,firstName,gsmNumber\nC1,,x\n C1,,1\nC3,,x\n")),
		"rows with one": actito.DataRows("customers.csv", all(customer{ID: "C1", Phone: actito.Set("x")}, customer{ID: " C1", Phone: actito.Set("1")}, customer{ID: "C3", Phone: actito.Set("x")}), columns, actito.Keep),
	} {
		report, err := table.Check(t.Context(), data)
		require.NoError(t, err, name)
		require.Equal(t, 3, report.Files[0].Rows, name)
		require.Equal(t, 2, report.Files[0].Bad, name)
		var rules []string
		for _, f := range report.Files[0].Findings {
			rules = append(rules, f.Rule)
		}
		require.Equal(t, []string{"transform"}, rules, name)
	}
}

func TestACheckRunsTheDefinitionsTransformationsToo(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	table, err := b.customers.Transformed(specOf(t, transform.Trim().On("emailAddress"), transform.MapValues(map[string]string{"x": "a@x.be"}).On("emailAddress")))
	require.NoError(t, err)
	// The second row has no address in the end, and the third is another's.
	rows := func() []customer {
		return []customer{{ID: "C1", Email: " x "}, {ID: "C2", Email: "y"}, {ID: "C3", Email: "a@x.be"}}
	}
	var csv bytes.Buffer
	require.NoError(t, actito.WriteCSV(&csv, all(rows()...), named))
	in := table.InputFile("customers.csv", named, actito.OnServer)
	here := table.InputFile("customers.csv", named)
	for name, tt := range map[string]struct {
		in   actito.InputFile
		data actito.Data
		line int // of the first row
	}{
		"a file":         {in, actito.DataBytes("customers.csv", csv.Bytes()), 2},
		"rows":           {in, table.Rows("customers.csv", all(rows()...), named, actito.OnServer), 1},
		"a file, here":   {here, actito.DataBytes("customers.csv", csv.Bytes()), 2},
		"rows, here":     {here, table.Rows("customers.csv", all(rows()...), named), 1},
		"both, in parts": {divided(here), actito.DataBytes("customers.csv", csv.Bytes()), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for p, err := range b.client.ETLs.CheckEach(t.Context(), once(tt.in), tt.data, actito.Keep, actito.AllowBoth("emailAddress")) {
				require.NoError(t, err)
				got = append(got, fmt.Sprintf("%d %s %s", p.Line-tt.line, p.Column, p.Rule))
			}
			require.Equal(t, []string{"1 emailAddress email", "2 emailAddress duplicate-key"}, got)
		})
	}
	report, err := table.Check(t.Context(), table.Rows("customers.csv", all(rows()...), named, actito.OnServer), actito.Keep)
	require.NoError(t, err)
	require.Equal(t, 2, report.Files[0].Bad+report.Files[0].Findings[1].Count)
}

// divided gives the last transformation of an input file to the server.
func divided(f actito.InputFile) actito.InputFile {
	list := f.Local.List()
	f.Transformations = list[1:]
	spec, err := transform.New(list[:1])
	if err != nil {
		panic(err)
	}
	f.Local = spec
	return f
}

func TestAValueThatTheServerWouldRefuseIsAProblem(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	columns := actito.Columns("customerID", "gsmNumber")
	in := b.customers.InputFile("customers.csv", columns)
	in.Transformations = transform.Date("dd/MM/yyyy").On("gsmNumber")
	data := actito.DataRows("customers.csv", all(customer{ID: "C1", Phone: actito.Set("26/11/2026")}, customer{ID: "C2", Phone: actito.Set("soon")},
		customer{ID: "C3", Phone: actito.Set("27/11/2026")}), columns)
	var got []string
	for p, err := range b.client.ETLs.CheckEach(t.Context(), once(in), data) {
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%d %s %s", p.Line, p.Column, p.Rule))
	}
	require.Equal(t, []string{"2 gsmNumber transform"}, got)
}
