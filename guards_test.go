package actito_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestGuardsStopTheWrongFile(t *testing.T) {
	t.Parallel()
	file := "customerID,emailAddress,firstName\nC1,ann@example.com,Ann\nC2,bob@example.com,\"\"\nC3,cid@example.com,\nC4,dan@example.com,Dan\n"
	for name, tt := range map[string]struct {
		guard   actito.ImportOption
		message string // "" if it lets the file pass
	}{
		"as many rows as asked for":       {actito.MinRows(4), ""},
		"too few rows":                    {actito.MinRows(5), "actito: customers.csv: the file has 4 rows to import, and MinRows asks for 5"},
		"as many rows as allowed":         {actito.MaxRows(4), ""},
		"too many rows":                   {actito.MaxRows(3), "actito: customers.csv: the file has 4 rows to import, and MaxRows allows 3"},
		"as many empty cells as allowed":  {actito.MaxEmpty("firstName", 0.5), ""},
		"too many empty cells":            {actito.MaxEmpty("firstName", 0.49), `actito: customers.csv: column "firstName": 2 of 4 cells are empty, and MaxEmpty allows a share of 0.49`},
		"no empty cell":                   {actito.MaxEmpty("emailAddress", 0), ""},
		"a column that the file lacks":    {actito.MaxEmpty("lastName", 1), `actito: customers.csv: column "lastName": MaxEmpty names a column that no file has`},
		"a share that is none":            {actito.MaxEmpty("firstName", 50), `actito: column "firstName": MaxEmpty takes a share from 0 to 1, not 50`},
		"parts of a size that is none":    {actito.SplitAbove(-1), `actito: column "SplitAbove": the size is negative: give bytes, or 0 for the most that Actito takes`},
		"a size that the file is below":   {actito.SplitAbove(10_000), ""},
		"the size that Actito takes":      {actito.SplitAbove(0), ""},
		"a size that no row is below":     {actito.SplitAbove(100), "actito: customers.csv: a row is too long for files of 100 bytes as sent: no row is split"},
		"more than the size Actito takes": {actito.SplitAbove(1 << 40), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(file)))
			require.NoError(t, err)
			defer staged.Close()
			type row struct {
				ID    string `actito:"customerID,key"`
				Email string `actito:"emailAddress"`
				First string `actito:"firstName"`
			}
			rows := actito.DataRows("customers.csv", all(row{"C1", "ann@example.com", "Ann"}, row{"C2", "bob@example.com", ""},
				row{"C3", "cid@example.com", ""}, row{"C4", "dan@example.com", "Dan"}))
			given := map[string]actito.ImportOption{"a file": actito.DataBytes("customers.csv", []byte(file)), "rows": rows, "staged": staged}
			if name == "a size that no row is below" {
				delete(given, "staged") // which is not split any more
			}
			for kind, data := range given {
				b := newBulk(t, inMemory(t))
				_, err = b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named, actito.Keep)), data, tt.guard)
				if tt.message == "" {
					require.NoError(t, err, kind)
					continue
				}
				require.EqualError(t, err, tt.message, kind)
				require.ErrorIs(t, err, actito.ErrInvalid)
				b.untouched(t)
			}
		})
	}
}

func TestAShareOfEmptyCellsIsComparedExactly(t *testing.T) {
	t.Parallel()
	file := "customerID,firstName\n"
	for i := range 100 {
		name := "Ann"
		if i < 29 {
			name = ""
		}
		file += fmt.Sprintf("C%d,%s\n", i, name)
	}
	b := newBulk(t, inMemory(t))
	columns := actito.Columns("customerID", "firstName")
	_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", columns, actito.Keep)),
		actito.DataBytes("customers.csv", []byte(file)), actito.MaxEmpty("firstName", 0.29))
	require.NoError(t, err, "29 of 100")
}

func TestEmptyCellsOfRowsAreCountedWhateverTheirTextLooksLike(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Ã©", "\u0085", "sep="} {
		b := newBulk(t, inMemory(t))
		rows := b.customers.Rows("customers.csv", all(customer{ID: name, Email: "ann@example.com"}, customer{ID: "C2"}),
			actito.Columns("customerID", "emailAddress"), actito.Keep, actito.Encoded(actito.ISO88591))
		f := b.customers.InputFile("customers.csv", actito.Columns("customerID", "emailAddress"), actito.Keep)
		_, err := b.client.ETLs.RunOnce(t.Context(), once(f), rows, actito.MaxEmpty("emailAddress", 0.4))
		require.ErrorContains(t, err, "1 of 2 cells are empty")
	}
}

func TestWhoWasErasedDoesNotComeBackWithAnOlderExtract(t *testing.T) {
	t.Parallel()
	inEveryWorldInVirtualTime(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		var extract []customer // of 09:55
		for _, c := range []customer{annRow, bobRow} {
			_, err := b.customers.Upsert(t.Context(), c)
			require.NoError(t, err)
			extract = append(extract, c)
		}
		time.Sleep(5 * time.Minute)
		erased := map[string]bool{"C1": true}
		require.NoError(t, b.customers.Delete(t.Context(), actito.By("customerID", "C1")))
		time.Sleep(5 * time.Minute)
		e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
			b.customers.Rows("customers.csv", all(extract...), named,
				actito.Refuse(func(c customer) (string, bool) { return "erased", erased[c.ID] })))
		require.NoError(t, err)
		e, err = b.client.Executions.Wait(t.Context(), e)
		require.NoError(t, err)
		_, there := b.Profile("Customers", "customerID", "C1")
		require.False(t, there)
		require.Equal(t, []actito.Refusal{{File: "customers.csv", Row: 1, Reason: "erased", Key: "C1"}}, e.Refused)
		require.Equal(t, actito.Account{Rows: 2, Accepted: 1, Refused: 1}, e.Account())
	}, everyOpposite...)
}

func TestNinetyRowsThatAreSetAndOneThatIsNotStopBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		rows := slices.Repeat([]customer{annRow}, 91)
		for i := range rows {
			rows[i].ID, rows[i].Email = fmt.Sprintf("C%d", i), fmt.Sprintf("c%d@example.com", i)
		}
		rows[90].FirstName = ""
		_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), b.customers.Rows("customers.csv", all(rows...), named))
		var invalid *actito.ValidationError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, []any{"customers.csv", 91, "firstName", "empty-cells"}, []any{invalid.File, invalid.Line, invalid.Column, invalid.Rule})
		b.untouched(t)
	}, actitotest.EmptyCellsClear)
}

func TestRefusedRowsAreLeftOutWithAVerdict(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	erased := actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C1" })
	invalid := customer{Email: "nobody@example.com"}
	rows := func() actito.Data {
		return b.customers.Rows("customers.csv", all(annRow, bobRow, invalid), named, actito.Keep, erased, actito.SkipInvalid())
	}
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named, actito.Keep)), rows(), actito.MinRows(1))
	e = b.loads(t, e, err)
	require.Equal(t, 1, e.Totals().Created)
	_, there := b.Profile("Customers", "customerID", "C1")
	require.False(t, there, "an erased customer does not come back")

	staged, err := actito.Stage(t.Context(), rows())
	require.NoError(t, err)
	require.NoError(t, staged.Close())
	refused := staged.Files()[0].Refused
	require.Len(t, refused, 2)
	require.Equal(t, actito.Refusal{File: "customers.csv", Row: 1, Reason: "erased", Key: "C1"}, refused[0])
	require.Equal(t, 3, refused[1].Row)
	require.Empty(t, refused[1].Key)
	var why *actito.ValidationError
	require.ErrorAs(t, refused[1].Err, &why)
	require.Equal(t, "empty-key", why.Rule)
	require.Equal(t, why.Error(), refused[1].Reason)

	for name, tt := range map[string]struct {
		rows    actito.Data
		message string
	}{
		"too few are left": {rows(), "actito: customers.csv: the file has 1 rows to import, and MinRows asks for 2"},
		"none is left": {b.customers.Rows("customers.csv", all(annRow), named, erased),
			"actito: no rows to import: all 1 rows of customers.csv were refused, the first because: erased"},
		"an invalid row that is not skipped": {b.customers.Rows("customers.csv", all(annRow, invalid), named, actito.Keep, erased),
			`actito: customers.csv: line 2: column "customerID": the row's key is empty`},
		"a row of another type": {b.customers.Rows("customers.csv", all(annRow), named, actito.Refuse(func(order) (string, bool) { return "", true })),
			"actito: customers.csv: Refuse was given a func(actito_test.order) (string, bool), and these rows need a func(actito_test.customer) (string, bool)"},
		"no function": {b.customers.Rows("customers.csv", all(annRow), named, actito.Refuse[customer](nil)),
			"actito: customers.csv: Refuse was given a func(actito_test.customer) (string, bool), and these rows need a func(actito_test.customer) (string, bool)"},
		"empty cells of undeclared meaning": {b.customers.Rows("customers.csv", all(annRow, customer{ID: "C3"}), named, actito.SkipInvalid()),
			`actito: customers.csv: line 2: column "emailAddress": this row has no value here, and what an empty cell does to an existing value is not documented: find out with a test import, then declare Keep or Clear as EmptyCells`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			_, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)), tt.rows, actito.MinRows(2))
			require.EqualError(t, err, tt.message)
			b.untouched(t)
		})
	}
}

func TestAnExecutionNamesTheRowsThatWereRefused(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
		b.customers.Rows("customers.csv", all(annRow, bobRow), named, actito.Refuse(func(c customer) (string, bool) { return "asked to", c.ID == "C2" })))
	require.NoError(t, err)
	require.Equal(t, []actito.Refusal{{File: "customers.csv", Row: 2, Reason: "asked to", Key: "C2"}}, e.Refused)
}

func TestFilesAreSentAsTheDefinitionSays(t *testing.T) {
	t.Parallel()
	zoe := customer{ID: "C1", Email: "zoe@example.com", FirstName: "Zoë"}
	latin := "customerID,emailAddress,firstName\nC1,zoe@example.com,Zo\xeb\n"
	for _, compression := range []actito.Compression{actito.ZIP, actito.GZIP, actito.Uncompressed} {
		for _, encoding := range []actito.Encoding{actito.UTF8, actito.ISO88591} {
			t.Run(string(compression)+" "+string(encoding), func(t *testing.T) {
				t.Parallel()
				text := annCSV
				if encoding == actito.ISO88591 {
					text = latin
				}
				for name, data := range map[string]func(*bulk, ...actito.DataOption) actito.Data{
					"a file": func(_ *bulk, how ...actito.DataOption) actito.Data {
						return actito.DataBytes("customers.csv", []byte(text), how...)
					},
					"rows": func(b *bulk, how ...actito.DataOption) actito.Data {
						opts := []actito.RowsOption{named}
						for _, o := range how {
							opts = append(opts, o)
						}
						return b.customers.Rows("customers.csv", all(zoe), opts...)
					},
				} {
					b := newBulk(t, inMemory(t))
					f := b.customers.InputFile("customers.csv", named)
					open := f
					f.Compression, f.Encoding = compression, encoding
					e, err := b.client.ETLs.Trigger(t.Context(), b.stored(t, f), data(b))
					b.loads(t, e, err)
					e, err = b.client.ETLs.RunOnce(t.Context(), once(open), data(b, actito.Pack(compression), actito.Encoded(encoding)))
					b.loads(t, e, err)
					p, ok := b.Profile("Customers", "customerID", "C1")
					require.True(t, ok, name)
					if name == "rows" {
						require.Equal(t, "Zoë", p.Attributes["firstName"])
					}
				}
			})
		}
	}
}

func TestAFileAboveTheSizeTakesSeveralImports(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	many := make([]customer, 16)
	for i := range many {
		many[i] = customer{ID: fmt.Sprintf("C%d", i), Email: fmt.Sprintf("c%d@example.com", i)}
	}
	customers, orders := b.customers.InputFile("customers.csv", named), b.orders.InputFile("orders.csv")
	e, err := b.client.ETLs.RunOnce(t.Context(), once(customers, orders), b.orders.Rows("orders.csv", all(order{"O1", "C15", 1})),
		b.customers.Rows("customers.csv", all(many...), named, actito.Keep, actito.Pack(actito.Uncompressed)), actito.SplitAbove(300))
	require.NoError(t, err)
	require.Len(t, e.Parts, 3, "the orders come last")
	require.Equal(t, map[string]int{"orders.csv": 1}, e.Parts[2].Sent)
	e, err = b.client.Executions.Wait(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, actito.Account{Rows: 17, Accepted: 17}, e.Account())
	require.Len(t, b.Profiles("Customers"), 16)
	b.counted(t, "Customers", 2, 0)
	b.counted(t, "Orders", 1, 0)
}
