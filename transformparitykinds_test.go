package actito_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// formRow is a row of texts, as a form has them, for attributes of all types.
type formRow struct {
	ID string `actito:"customerID,key"`
	formCells
}

type formCells struct {
	Email    actito.Opt[string] `actito:"emailAddress"`
	Name     actito.Opt[string] `actito:"firstName"`
	Phone    actito.Opt[string] `actito:"gsmNumber"`
	Birth    actito.Opt[string] `actito:"birthDate"`
	Visit    actito.Opt[string] `actito:"lastVisit"`
	Country  actito.Opt[string] `actito:"country"`
	Language actito.Opt[string] `actito:"language"`
	Amount   actito.Opt[string] `actito:"amount"`
	VIP      actito.Opt[string] `actito:"vip"`
}

var formColumns = []string{"customerID", "emailAddress", "firstName", "gsmNumber", "birthDate", "lastVisit", "country", "language", "amount", "vip"}

// cells are those behind the key, as formColumns.
func (r *formRow) cells() []*actito.Opt[string] {
	return []*actito.Opt[string]{&r.Email, &r.Name, &r.Phone, &r.Birth, &r.Visit, &r.Country, &r.Language, &r.Amount, &r.VIP}
}

func (r *formRow) asMap() map[string]any {
	row := map[string]any{"customerID": r.ID}
	for i, cell := range r.cells() {
		if text, set := cell.Get(); set {
			row[formColumns[i+1]] = text
		} else if cell.IsNull() {
			row[formColumns[i+1]] = nil
		}
	}
	return row
}

func (r *formRow) asCells() []string {
	list := []string{r.ID}
	for _, cell := range r.cells() {
		text, _ := cell.Get()
		list = append(list, text)
	}
	return list
}

// formTexts are what is drawn for the columns behind the key; "" is none.
var formTexts = [][]string{
	{"", "a@x.be", " B@X.be ", "no address", "mailto:c@x.be"},
	{"", "ann", " Zoë  ", "NULL", "\"x\",\ny", "\u00a0é"},
	{"", "7", "NULL", "0470 12 34 56"},
	{"", "26/11/2026", "1990-03-14", "29/02/2023", "29/02/2024", "NULL"},
	{"", "26/11/2026 13:45", "29/03/2026 02:30", "25/10/2026 02:30", "2026-11-26 13:45:00", "noon"},
	{"", "Belgium", " pays-bas", "FR", "Atlantis", "be"},
	{"", "English", "fr_BE", "nl", "Klingon", "DE"},
	{"", "1.234,50", "12", "-0,5", "12.5", "many"},
	{"", "oui", "nee", "true", "TRUE", "perhaps"},
}

// formSteps are what a specification is drawn of: what Actito has too, and what it has not.
var formSteps = [2][]transform.List{{
	transform.Trim().On("customerID"), transform.Uppercase().On("customerID"), transform.Trim().On("emailAddress"), transform.Lowercase().On("emailAddress"),
	transform.Collapse().On("firstName"), transform.Capitalize().On("firstName"), transform.Uppercase().On("firstName", "country"),
	transform.MapValues(map[string]string{"NULL": "none", "7": "seven"}).On("gsmNumber"), transform.MapValues(map[string]string{"7": "8"}).DefaultUnset().On("gsmNumber"),
	transform.MapValues(map[string]string{"NULL": "none"}).Strict().On("firstName"), transform.MapValues(map[string]string{"NULL": "1990-01-01"}).On("birthDate"),
	transform.Date("dd/MM/yyyy", "yyyy-MM-dd").On("birthDate"), transform.Date("dd/MM/yyyy", "yyyy-MM-dd").On("birthDate"),
	transform.DateTime("dd/MM/yyyy HH:mm", "yyyy-MM-dd HH:mm:ss").On("lastVisit"),
	transform.DateTime("dd/MM/yyyy HH:mm", "yyyy-MM-dd HH:mm:ss").FromZone("Europe/Brussels").ToZone("America/New_York").On("lastVisit"),
	transform.Country().On("country"), transform.Country().On("country"), transform.Language().On("language"), transform.Language().On("language"),
}, {
	transform.NullWords("NULL").On("firstName", "gsmNumber", "birthDate"), transform.Number(",", ".").On("amount"), transform.Number(",", ".").On("amount"),
	transform.Boolean().On("vip"), transform.Email().On("emailAddress"), on("DIGITS", "gsmNumber"), on("NONE", "firstName"),
	transform.Fallback("12").On("amount"), transform.Constant("FR").On("country"), transform.Concatenate("-", "customerID", "firstName").SkipEmpty().On("gsmNumber"),
	transform.Split(" ", "firstName", "gsmNumber").On("firstName"),
}}

// drawForms draws rows and what becomes of them. If rows clear, no cell of theirs is unset, before and after it.
func drawForms(t *rapid.T, clears bool) (rows []formRow, spec *transform.Specification) {
	steps := slices.Clone(formSteps[0])
	if rapid.Bool().Draw(t, "here") {
		steps = append(steps, formSteps[1]...)
	}
	opts := []transform.Option{ownKinds()}
	booleans := false
	for _, l := range rapid.SliceOfN(rapid.SampledFrom(steps), 1, 9).Draw(t, "spec") {
		opts = append(opts, l)
		booleans = booleans || l[0].Kind.Name() == "BOOLEAN"
	}
	spec, err := transform.New(opts...)
	require.NoError(t, err)
	tr, err := actito.NewTransformer[formRow](spec)
	require.NoError(t, err)
	unset := func(cells []*actito.Opt[string]) bool {
		return slices.ContainsFunc(cells, func(c *actito.Opt[string]) bool { return !c.IsSet() && !c.IsNull() })
	}
	for range rapid.IntRange(1, 6).Draw(t, "rows") {
		r := formRow{ID: rapid.SampledFrom([]string{"C1", " C1", "C2\t", "c2", "C3", "\u00a0C4"}).Draw(t, "id")}
		for i, cell := range r.cells() {
			text := ""
			if rapid.IntRange(0, 2).Draw(t, "filled") == 0 { // else hardly any row had no value that is refused
				text = rapid.SampledFrom(formTexts[i]).Draw(t, formColumns[i+1])
			}
			switch vip := formColumns[i+1] == "vip"; {
			case text != "" && (!vip || booleans): // each road has a text of its own for booleans
				*cell = actito.Set(text)
			case clears:
				*cell = actito.Null[string]()
			}
		}
		if out, err := tr.Apply(r); clears && err == nil && unset(out.cells()) {
			continue
		}
		rows = append(rows, r)
	}
	return rows, spec
}

// formTable is a table of either type.
type formTable[T any] interface {
	Upsert(context.Context, T, ...actito.CallOption) (string, error)
	Map(T) (map[string]any, error)
	Rows(string, iter.Seq2[T, error], ...actito.RowsOption) actito.Data
	InputFile(string, ...actito.ColumnOption) actito.InputFile
}

// formRoads is a server with an empty table of a type, as the roads need it.
type formRoads struct {
	*bulk
	plain, typed formTable[formRow] // typed is transformed
	maps         formTable[map[string]any]
	untyped      formTable[map[string]any]
	cells        func() []map[string]string
}

func newFormRoads(t testing.TB, custom bool, empty actitotest.Assumption, spec *transform.Specification) *formRoads {
	server := inMemory(t)
	server.Assume(empty)
	attributes := []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
		{Name: "firstName", Type: "FIRSTNAME"}, {Name: "gsmNumber", Type: "STRING"}, {Name: "birthDate", Type: "BIRTHDATE"}, {Name: "lastVisit", Type: "TIMESTAMP"},
		{Name: "country", Type: "COUNTRY"}, {Name: "language", Type: "MOTHER_LANGUAGE"}, {Name: "amount", Type: "NUMBER"}, {Name: "vip", Type: "BOOLEAN"},
	}
	r := &formRoads{bulk: newBulk(t, server)}
	if !custom {
		server.AddProfileTable("MyEntity", actitotest.Table{ID: "17", Name: "Forms", Attributes: attributes})
		plain, err := actito.Profiles[formRow](r.client, "Forms")
		require.NoError(t, err)
		maps, err := actito.Profiles[map[string]any](r.client, "Forms")
		require.NoError(t, err)
		transformForms(t, r, spec, plain, maps)
		r.cells = func() (list []map[string]string) {
			for _, p := range server.Profiles("Forms") {
				list = append(list, p.Attributes)
			}
			return list
		}
		return r
	}
	for i := range attributes { // custom tables have types of values only
		if a := &attributes[i]; !slices.Contains([]string{"TIMESTAMP", "NUMBER", "BOOLEAN"}, a.Type) {
			a.Type = map[string]string{"BIRTHDATE": "DATE"}[a.Type]
			if a.Type == "" {
				a.Type = "STRING"
			}
		}
	}
	server.AddCustomTable("MyEntity", actitotest.Table{ID: "5d0a9a5e-0000-4000-8000-0000000f0405", Name: "Forms", PrimaryKey: "customerID", Attributes: attributes})
	plain, err := actito.Records[formRow](r.client, "Forms")
	require.NoError(t, err)
	maps, err := actito.Records[map[string]any](r.client, "Forms")
	require.NoError(t, err)
	transformForms(t, r, spec, plain, maps)
	r.cells = func() []map[string]string { return server.Records("Forms") }
	return r
}

// transformForms gives the roads a table as structs, transformed and not, and as maps.
func transformForms[R interface {
	formTable[formRow]
	Transformed(*transform.Specification) (R, error)
	Untyped() M
}, M interface {
	formTable[map[string]any]
	KeyedBy(string) (M, error)
	Transformed(*transform.Specification) (M, error)
}](t testing.TB, r *formRoads, spec *transform.Specification, plain R, maps M) {
	typed, err := plain.Transformed(spec)
	require.NoError(t, err)
	maps, err = maps.KeyedBy("customerID")
	require.NoError(t, err)
	maps, err = maps.Transformed(spec)
	require.NoError(t, err)
	r.plain, r.typed, r.maps, r.untyped = plain, typed, maps, typed.Untyped()
}

// outcome is what the table holds afterwards, and how many rows are not in it.
func (r *formRoads) outcome(refused int) string {
	rows := map[string]map[string]string{}
	for _, cells := range r.cells() {
		cells = maps.Clone(cells)
		for _, own := range []string{"profileId", "creationMoment", "updateMoment"} {
			delete(cells, own)
		}
		rows[cells["customerID"]] = cells
	}
	return fmt.Sprintf("%d refused: %q", refused, rows)
}

// load imports data, and counts the rows that are not loaded.
func (r *formRoads) load(t *rapid.T, start func(context.Context) (*actito.Execution, error)) (refused int) {
	exec, err := start(context.Background())
	if errors.Is(err, actito.ErrNoRows) {
		return -1 // all of them
	}
	require.NoError(t, err)
	refused = len(exec.Refused)
	if exec, err = r.client.Executions.Wait(context.Background(), exec); err != nil {
		require.ErrorIs(t, err, actito.ErrRowsRejected)
	}
	return refused + exec.Totals().Rejected
}

// Rows of all types of attributes, in both types of tables, become the same whatever way they take, and the same number
// of them is refused.
func TestParityOfRowsOfAllTypes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { checkFormRoads(rt, t) })
}

func checkFormRoads(t *rapid.T, tb testing.TB) {
	custom, clears := rapid.Bool().Draw(t, "custom"), rapid.Bool().Draw(t, "clears")
	empty, world := actito.Keep, actitotest.EmptyCellsKeep
	if clears {
		empty, world = actito.Clear, actitotest.EmptyCellsClear
	}
	rows, spec := drawForms(t, clears)
	var untyped []map[string]any
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	require.NoError(t, w.Write(formColumns))
	for i := range rows {
		untyped = append(untyped, rows[i].asMap())
		require.NoError(t, w.Write(rows[i].asCells()))
	}
	w.Flush()
	columns := []actito.RowsOption{actito.Columns(formColumns...), actito.SkipInvalid()}
	ctx := context.Background()
	// upserted counts those of a road that were refused.
	upserted := func(upsert func(i int) error) (refused int) {
		for i := range rows {
			if err := upsert(i); err != nil {
				refused++
				require.True(t, errors.Is(err, actito.ErrInvalid) || errors.Is(err, actito.ErrConflict), err)
			}
		}
		return refused
	}
	// kept are the rows as a feed stores them.
	kept := func(r *formRoads, i int) (map[string]any, error) {
		row, err := r.typed.Map(rows[i])
		if err != nil {
			return nil, err
		}
		stored, err := json.Marshal(row)
		require.NoError(t, err)
		return actito.ParseMap(stored)
	}
	once := func(r *formRoads, in actito.InputFile, data actito.ImportOption) int {
		return r.load(t, func(ctx context.Context) (*actito.Execution, error) {
			return r.client.ETLs.RunOnce(ctx, actito.Definition{Name: "forms", Files: []actito.InputFile{in}}, data)
		})
	}
	roads := map[string]func(*formRoads) int{
		"one by one": func(r *formRoads) int {
			return upserted(func(i int) error { _, err := r.typed.Upsert(ctx, rows[i]); return err })
		},
		"maps one by one": func(r *formRoads) int {
			return upserted(func(i int) error { _, err := r.maps.Upsert(ctx, untyped[i]); return err })
		},
		"kept maps one by one": func(r *formRoads) int {
			return upserted(func(i int) error {
				row, err := kept(r, i)
				if err == nil {
					_, err = r.untyped.Upsert(ctx, row)
				}
				return err
			})
		},
		"rows": func(r *formRoads) int {
			return once(r, r.typed.InputFile("forms.csv", empty), r.typed.Rows("forms.csv", all(rows...), columns...))
		},
		"maps": func(r *formRoads) int {
			return once(r, r.typed.InputFile("forms.csv", empty), r.maps.Rows("forms.csv", all(untyped...), columns...))
		},
		"kept maps": func(r *formRoads) int {
			var list []map[string]any
			for i := range rows {
				if row, err := kept(r, i); err == nil {
					list = append(list, row)
				}
			}
			refused := once(r, r.untyped.InputFile("forms.csv", actito.Columns(formColumns...), empty), r.untyped.Rows("forms.csv", all(list...), columns...))
			if refused < 0 {
				return refused
			}
			return len(rows) - len(list) + refused
		},
		"staged rows of a stored ETL": func(r *formRoads) int {
			id := r.stored(tb, r.plain.InputFile("forms.csv"))
			return r.load(t, func(ctx context.Context) (*actito.Execution, error) {
				staged, err := actito.Stage(ctx, r.typed.Rows("forms.csv", all(rows...), append(columns, empty)...))
				if err != nil {
					return nil, err
				}
				defer staged.Close()
				return r.client.ETLs.Trigger(ctx, id, staged, empty)
			})
		},
	}
	// A file has no null that a Fallback would leave alone.
	if filled := slices.ContainsFunc(spec.List(), func(t transform.Transformation) bool { return t.Kind.Name() == "CONSTANT" }); !clears || !filled {
		roads["a file"] = func(r *formRoads) int {
			return once(r, r.typed.InputFile("forms.csv", empty), actito.DataBytes("forms.csv", file.Bytes(), actito.SkipInvalid()))
		}
	}
	if _, err := spec.ForService(); err == nil {
		roads["rows on the server"] = func(r *formRoads) int {
			return once(r, r.typed.InputFile("forms.csv", empty, actito.OnServer), r.typed.Rows("forms.csv", all(rows...), append(columns, actito.OnServer)...))
		}
		roads["maps on the server"] = func(r *formRoads) int {
			return once(r, r.typed.InputFile("forms.csv", empty, actito.OnServer), r.maps.Rows("forms.csv", all(untyped...), append(columns, actito.OnServer)...))
		}
		roads["a file on the server"] = func(r *formRoads) int {
			return once(r, r.typed.InputFile("forms.csv", empty, actito.OnServer), actito.DataBytes("forms.csv", file.Bytes()))
		}
	}
	outcomes := map[string]string{}
	for name, road := range roads {
		r := newFormRoads(tb, custom, world, spec)
		refused := road(r)
		if refused < 0 {
			refused = len(rows)
		}
		outcomes[name] = r.outcome(refused)
	}
	for name, got := range outcomes {
		require.Equal(t, outcomes["one by one"], got, name)
	}
}
