package actito_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// checkBench is a licence whose tables have something for every rule.
func checkBench(t testing.TB, opts ...actito.Option) *bulk {
	t.Helper()
	server := actitotest.NewServer(actitotest.InMemory())
	t.Cleanup(server.Close)
	server.AddProfileTable("MyEntity", actitotest.Table{ID: "16", Name: "Customers", Attributes: []actitotest.Attribute{
		{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
		{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
		{Name: "firstName", Type: "FIRSTNAME"},
		{Name: "birthDate", Type: "BIRTHDATE"},
		{Name: "gsmNumber", Type: "STRING"},
		{Name: "points", Type: "INTEGER"},
		{Name: "seen", Type: "TIMESTAMP"},
	}, Subscriptions: []string{"Newsletter"}})
	server.AddProfileTable("MyEntity", actitotest.Table{ID: "17", Name: "Leads", Attributes: []actitotest.Attribute{
		{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
		{Name: "leadID", Type: "INTEGER", Unique: true},
		{Name: "firstName", Type: "FIRSTNAME"},
	}})
	server.AddCustomTable("MyEntity", actitotest.Table{ID: ordersID, Name: "Orders", PrimaryKey: "orderId",
		Attributes: []actitotest.Attribute{
			{Name: "orderId", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "invoice", Type: "STRING", Unique: true},
			{Name: "customerID", Type: "STRING", Mandatory: true},
			{Name: "amount", Type: "NUMBER"},
			{Name: "replaces", Type: "STRING"},
		},
		ForeignKeys: []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}},
	})
	return newBulk(t, server, opts...)
}

// loaded is an input file that loads columns into the attributes of their names.
func loaded(kind actito.TableType, table, file string, mode actito.Mode, columns ...string) actito.InputFile {
	f := actito.InputFile{FileNamePattern: file, Destination: actito.Destination{Table: kind, TableID: table}, Mode: mode}
	for _, c := range columns {
		f.Mapping = append(f.Mapping, actito.Mapping{Column: c, Attribute: c})
	}
	return f
}

// found are the problems of a check in short: file, line, column, rule, and the first line of a pair; warnings begin with a tilde.
func found(t testing.TB, b *bulk, d actito.Definition, opts ...actito.CheckOption) []string {
	t.Helper()
	var list []string
	for p, err := range b.client.ETLs.CheckEach(t.Context(), d, opts...) {
		require.NoError(t, err)
		list = append(list, short(p))
	}
	return list
}

func short(p actito.Problem) string {
	text := fmt.Sprintf("%s:%d %s %s", strings.TrimSuffix(p.File, ".csv"), p.Line, p.Column, p.Rule)
	if p.First > 0 {
		text += fmt.Sprintf(" %d", p.First)
	}
	if p.Warning {
		text = "~" + text
	}
	return text
}

func TestCheckFindsWhatIsWrongWithAFile(t *testing.T) {
	t.Parallel()
	const profiles, custom = actito.ProfileTableType, actito.CustomTableType
	for name, tt := range map[string]struct {
		kind  actito.TableType
		table string
		mode  actito.Mode
		empty actito.EmptyCells
		text  string // with the columns that the definition maps in its first line
		want  []string
	}{
		"nothing": {profiles, "Customers", "", 0, "customerID,points\nC1,3\nC2,\n", nil},
		"a mandatory cell is empty": {profiles, "Customers", "", 0,
			"customerID,emailAddress\n,ann@example.com\n", []string{"f:2 customerID mandatory"}},
		"a mandatory attribute has no column": {profiles, "Customers", "", 0,
			"emailAddress\nann@example.com\n", []string{"f:1 customerID mandatory"}},
		"nothing is mandatory when rows are only updated": {profiles, "Customers", actito.UpdateOnly, 0,
			"customerID,emailAddress\n,ann@example.com\n", nil},
		"but for what empty cells would clear": {profiles, "Customers", actito.UpdateOnly, actito.Clear,
			"customerID,emailAddress\n,ann@example.com\n", []string{"f:2 customerID mandatory"}},
		"a profile has no unique value": {profiles, "Leads", "", 0,
			"emailAddress,leadID,firstName\n,,Ann\n,7,Bob\n", []string{"~f:2 emailAddress empty-key"}},
		"a profile to update has no unique value": {profiles, "Leads", actito.UpdateOnly, 0,
			"emailAddress,firstName\n,Ann\n", []string{"f:2 emailAddress empty-key"}},
		"no column holds a unique attribute": {profiles, "Leads", "", 0,
			"firstName\nAnn\n", []string{"~f:1  empty-key"}},
		"a record has no key": {custom, "Orders", actito.UpdateOnly, 0,
			"orderId,customerID\n,C1\n", []string{"f:2 orderId empty-key"}},
		"no column holds the key of records": {custom, "Orders", "", 0,
			"customerID\nC1\n", []string{"f:1  empty-key"}},
		"a key is there twice": {profiles, "Customers", "", 0,
			"customerID\nC1\nC2\nC1\n", []string{"~f:4 customerID duplicate-key 2"}},
		"a key is created twice": {profiles, "Customers", actito.CreateOnly, 0,
			"customerID\nC1\nC1\n", []string{"f:3 customerID duplicate-key 2"}},
		"keys differ by case only": {profiles, "Customers", "", 0,
			"customerID\nc1\nC1\né1\nÉ1\nC1\n", []string{"~f:3 customerID key-case 2", "~f:5 customerID key-case 4", "~f:6 customerID duplicate-key 3"}},
		"two numbers are the same key": {profiles, "Leads", "", 0,
			"leadID\n7\n007\n", []string{"~f:3 leadID duplicate-key 2"}},
		"a unique value of records is there twice": {custom, "Orders", "", 0,
			"orderId,customerID,invoice\n1,C1,I1\n2,C1,I1\n", []string{"f:3 invoice duplicate-key 2"}},
		"a record is there twice": {custom, "Orders", "", 0,
			"orderId,customerID,invoice\n1,C1,I1\n1,C1,I1\n", []string{"~f:3 orderId duplicate-key 2", "~f:3 invoice duplicate-key 2"}},
		"values of the wrong form": {profiles, "Customers", "", 0,
			"customerID,emailAddress,birthDate,points,seen\nC1,ann@example,2024-02-30,12.5,2024-01-01\n",
			[]string{"f:2 emailAddress email", "f:2 birthDate date", "f:2 points integer", "f:2 seen date-time"}},
		"a subscription is no flag": {profiles, "Customers", "", 0,
			"customerID,subscriptions#Newsletter\nC1,yes\nC2,Y\n", []string{"f:2 subscriptions#Newsletter boolean"}},
		"a time that clocks skip": {profiles, "Customers", "", 0,
			"customerID,seen\nC1,2026-03-29 02:30:00\nC2,2026-03-29 03:00:00\n", []string{"~f:2 seen time-gap"}},
		"numbers that a spreadsheet ruined": {profiles, "Customers", "", 0,
			"customerID,points,gsmNumber\n1.23E+11,1E+05,\"3,21E+10\"\nC2,#####,#N/A\nC3,\"1,5\",#REF!\n",
			[]string{"~f:2 customerID spreadsheet", "f:2 points spreadsheet", "~f:2 gsmNumber spreadsheet",
				"f:3 points spreadsheet", "~f:3 gsmNumber spreadsheet", "f:4 points decimal-comma", "~f:4 gsmNumber spreadsheet"}},
		"days that a spreadsheet ruined": {profiles, "Customers", "", 0,
			"customerID,birthDate,gsmNumber\nC1,43831,12-mrt\nC2,12-Mar,Aug-21\n",
			[]string{"f:2 birthDate spreadsheet", "~f:2 gsmNumber spreadsheet", "f:3 birthDate spreadsheet", "~f:3 gsmNumber spreadsheet"}},
		"the word of a database for nothing": {profiles, "Customers", "", 0,
			"customerID,points,firstName\nC1,NULL,NULL\n", []string{"f:2 points null-text", "~f:2 firstName null-text"}},
		"columns that the server ignores": {profiles, "Customers", "", 0,
			"customerID,creationMoment\nC1,whenever\n", []string{"~f:1 creationMoment ignored-column"}},
		"attributes that the table does not have": {profiles, "Customers", "", 0,
			"customerID,Points\nC1,none\n", []string{"f:1 Points unknown-attribute"}},
		"records have no subscriptions": {custom, "Orders", "", 0,
			"orderId,customerID,subscriptions#Newsletter\n1,C1,1\n", []string{"f:1 subscriptions#Newsletter unknown-attribute"}},
		"a row with a cell too many": {profiles, "Customers", "", 0,
			"customerID,points\nC1,1,5\nC2,x\n", []string{"f:2  cell-count", "f:3 points integer"}},
		"a row with a cell too few at the end": {profiles, "Customers", "", 0,
			"customerID,points\nC1,x\nC2", []string{"f:2 points integer", "f:3  cell-count"}},
		"nothing but rows with a mistake": {profiles, "Customers", "", 0,
			"customerID,points\nC1\n", []string{"f:2  cell-count"}},
		"a blank line": {profiles, "Customers", "", 0,
			"customerID,points\n\nC1,x\n", []string{"f:2  blank-line", "f:3 points integer"}},
		"mixed line ends": {profiles, "Customers", "", 0,
			"customerID,points\nC1,x\r\n", []string{"f:2  line-end", "f:2 points integer"}},
		"rows of several lines": {profiles, "Customers", "", 0,
			"customerID,firstName,points\nC1,\"A\nn\nn\",1\nC2,\"B\"\"ob\",x\n", []string{"f:5 points integer"}},
		"a row without an end": {profiles, "Customers", "", 0,
			"customerID,firstName\nC1,\"" + strings.Repeat("x", 1<<20) + "\"\n", []string{"f:2  row-length"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := checkBench(t)
			header, _, _ := strings.Cut(tt.text, "\n")
			f := loaded(tt.kind, tt.table, "f.csv", tt.mode, strings.Split(header, ",")...)
			f.EmptyCells = tt.empty
			require.Equal(t, tt.want, found(t, b, once(f), actito.DataBytes("f.csv", []byte(tt.text))))
			b.untouched(t)
		})
	}
}

func TestCheckComparesTheFileWithItsDefinition(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	f := loaded(actito.ProfileTableType, "Customers", "customers_$yyyyMMdd.csv", "", "customerID", "points")
	f.Mapping = append(f.Mapping, actito.Mapping{Column: "score", Attribute: "points"})
	f.Format.Separator = ";"
	other := loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId")
	optional := loaded(actito.CustomTableType, "Orders", "late.csv", "", "orderId")
	optional.Optional = true
	got := found(t, b, once(f, other, optional), actito.DataBytes("customers_20261123.csv", []byte("customerID;shoe size;score;points\nC1;44;x;3\n")))
	require.Equal(t, []string{"~orders:0  missing-file", "customers_20261123:1 shoe size unmapped-column",
		"~customers_20261123:1 points mapped-twice", "customers_20261123:2 score integer"}, got)
}

func TestCheckFindsRowsWhoseParentIsNotInItsFile(t *testing.T) {
	t.Parallel()
	customers := loaded(actito.ProfileTableType, "Customers", "customers.csv", "", "customerID", "points")
	orders := loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId", "customerID")
	parents := actito.DataBytes("customers.csv", []byte("customerID,points\nC1,1\nC2,x\n"))
	children := actito.DataBytes("orders.csv", []byte("orderId,customerID\n1,C1\n2,C3\n3,C2\n4,c1\n"))
	for name, tt := range map[string]struct {
		files []actito.InputFile
		data  []actito.CheckOption
		want  []string
	}{
		"when the file is given": {[]actito.InputFile{customers, orders}, []actito.CheckOption{parents, children},
			[]string{"customers:3 points integer", "orders:3 customerID missing-parent", "orders:5 customerID missing-parent"}},
		"in the definition's order": {[]actito.InputFile{customers, orders}, []actito.CheckOption{children, parents},
			[]string{"customers:3 points integer", "orders:3 customerID missing-parent", "orders:5 customerID missing-parent"}},
		"not when it is not given": {[]actito.InputFile{customers, orders}, []actito.CheckOption{children},
			[]string{"~customers:0  missing-file"}},
		"unless it comes too late": {[]actito.InputFile{orders, customers}, []actito.CheckOption{parents, children},
			[]string{"orders:0  load-order", "customers:3 points integer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, found(t, checkBench(t), once(tt.files...), tt.data...))
		})
	}
}

func TestCheckOfTypedRowsGoesOnAfterRowsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	var list []string
	report, err := b.customers.Check(t.Context(), b.customers.Rows("f.csv", all(
		customer{ID: "C1", Email: "ann@example.com"},
		customer{Email: "bob@example.com"},
		customer{ID: "C3", Email: "é@example.com", Phone: actito.Set("1E+11")},
		customer{ID: "C1", Email: "dan@example.com", Birth: actito.Set(actito.NewDate(2026, 2, 30))},
		customer{ID: "C1", Email: "eve@example.com"},
	)), actito.Keep)
	require.NoError(t, err)
	for p, err := range b.customers.CheckEach(t.Context(), actito.Keep, b.customers.Rows("f.csv", all(
		customer{ID: "C1", Email: "ann@example.com"},
		customer{Email: "bob@example.com"},
		customer{ID: "C3", Email: "é@example.com", Phone: actito.Set("1E+11")},
		customer{ID: "C1", Email: "dan@example.com", Birth: actito.Set(actito.NewDate(2026, 2, 30))},
		customer{ID: "C1", Email: "eve@example.com"},
	))) {
		require.NoError(t, err)
		list = append(list, short(p))
	}
	require.Equal(t, []string{"f:2 customerID empty-key", "f:3 emailAddress email", "~f:3 gsmNumber spreadsheet",
		"f:4 birthDate impossible-date", "~f:5 customerID duplicate-key 1"}, list)
	require.Equal(t, 5, report.Files[0].Rows)
	require.Equal(t, 3, report.Files[0].Bad)
	require.Equal(t, 3, report.Problems())
	require.Equal(t, 2, report.Warnings())
	b.untouched(t)
}

func TestCheckOfTypedRowsRefusesEmptyCellsThatNobodyDeclared(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	rows := func() actito.Data {
		return b.customers.Rows("f.csv", all(setPhone, unsetPhone, nullPhone), withPhone)
	}
	for name, tt := range map[string]struct {
		opts []actito.CheckOption
		want []int
	}{
		"undeclared": {nil, []int{2, 3}},
		"Keep":       {[]actito.CheckOption{actito.Keep}, []int{3}},
		"Clear":      {[]actito.CheckOption{actito.Clear}, []int{2}},
	} {
		report, err := b.customers.Check(t.Context(), append(tt.opts, rows(), actito.Holds("PHONE_NUMBER", "gsmNumber"))...)
		require.NoError(t, err, name)
		var lines []int
		for _, f := range report.Files[0].Findings {
			if f.Rule == "empty-cells" {
				lines = f.Lines
			}
		}
		require.Equal(t, tt.want, lines, name)
		require.Equal(t, 3, report.Files[0].Rows, name)
		require.Equal(t, 2, report.Files[0].Columns[2].Empty, name)
	}
}

func TestCheckOfManyRowsThatCannotBeWrittenNumbersThemAll(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	rows := func(yield func(customer, error) bool) {
		for i := range 20_000 {
			c := customer{ID: fmt.Sprint("C", i), Email: "bad"}
			if i%2 == 0 {
				c.ID = ""
			}
			if !yield(c, nil) {
				return
			}
		}
	}
	line := 0
	for p, err := range b.customers.CheckEach(t.Context(), actito.Keep, b.customers.Rows("f.csv", rows, named)) {
		require.NoError(t, err)
		line++
		require.Equal(t, line, p.Line)
	}
	require.Equal(t, 20_000, line)
}

func TestHoldsChecksWhatTheStructureCallsText(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	f := loaded(actito.ProfileTableType, "Customers", "f.csv", "", "customerID", "gsmNumber", "firstName")
	data := actito.DataBytes("f.csv", []byte("customerID,gsmNumber,firstName\nC1,02/123 45 67,Belgium\nC2,+3221234567,BE\n"))
	require.Empty(t, found(t, b, once(f), data))
	require.Equal(t, []string{"f:2 gsmNumber phone", "f:2 firstName country"},
		found(t, b, once(f), data, actito.Holds("PHONE_NUMBER", "gsmNumber"), actito.Holds("COUNTRY", "firstName")))
	for name, option := range map[string]actito.CheckOption{
		"a kind that nobody knows":       actito.Holds("SHOE_SIZE", "gsmNumber"),
		"an attribute that no table has": actito.Holds("COUNTRY", "gsmnumber"),
	} {
		_, err := b.client.ETLs.Check(t.Context(), once(f), data, option)
		require.ErrorIs(t, err, actito.ErrInvalid, name)
	}
}

func TestProblemsShowNoValues(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	text := "customerID,emailAddress,points\nC1,secret@,sec\nsecret,,ret\nSECRET,,secret\nsecret,,#####\nsecret\n"
	f := loaded(actito.ProfileTableType, "Customers", "f.csv", actito.CreateOnly, "customerID", "emailAddress", "points")
	var report actito.CheckReport
	values := 0
	for p, err := range b.client.ETLs.CheckEach(t.Context(), once(f), actito.DataBytes("f.csv", []byte(text)), &report) {
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(fmt.Sprintf("%v %+v %s", p, p, p.Detail)), "sec")
		if strings.Contains(strings.ToLower(p.Value), "sec") {
			values++
		}
	}
	require.Positive(t, values, "they are there for the program")
	require.NotContains(t, strings.ToLower(report.String()), "sec")
}

func TestTheReportPrintsAsATable(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	var text strings.Builder
	text.WriteString("customerID,points,gsmNumber\n")
	for i := range 8 {
		fmt.Fprintf(&text, "C%d,%d.5,\n", i, i)
	}
	text.WriteString("C1,4,NULL\n")
	customers := loaded(actito.ProfileTableType, "16", "customers.csv", "", "customerID", "points", "gsmNumber")
	orders := loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId", "customerID")
	report, err := b.client.ETLs.Check(t.Context(), once(customers, orders), actito.DataBytes("customers.csv", []byte(text.String())))
	require.NoError(t, err)
	require.Equal(t, `customers.csv for Customers: rows 9, with problems 8
  RULE           COLUMN      COUNT  LINES             MEANING
  integer        points      8      2, 3, 4, 5, 6, …  not a whole number of 32 bits
  null-text      gsmNumber   1      10                warning: a word that databases and programs write for a missing value: leave the cell empty
  duplicate-key  customerID  1      10                warning: another row has this value, which must be unique: of two rows, the later one counts or is rejected
  empty cells: gsmNumber 8
orders.csv: required by the definition, and not given
`, report.String())
	var out bytes.Buffer
	n, err := report.WriteTo(&out)
	require.NoError(t, err)
	require.EqualValues(t, out.Len(), n)
	require.Equal(t, 8, report.Problems())
	require.Equal(t, 3, report.Warnings())
}

func TestCheckEndsWithWhatKeepsTheDataFromBeingRead(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	f := loaded(actito.ProfileTableType, "Customers", "f.csv", "", "customerID", "points")
	broken := errors.New("broken")
	data := func(text string) actito.Data { return actito.DataBytes("f.csv", []byte(text)) }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	unknown := loaded(actito.ProfileTableType, "Clients", "f.csv", "", "customerID")
	for name, tt := range map[string]struct {
		ctx  context.Context
		d    actito.Definition
		opts []actito.CheckOption
		want error
	}{
		"a quote that is never closed": {nil, once(f), []actito.CheckOption{data("customerID,points\nC1,\"3\n")}, actito.ErrInvalid},
		"a header only":                {nil, once(f), []actito.CheckOption{data("customerID,points\n")}, actito.ErrNoRows},
		"no data":                      {nil, once(f), nil, actito.ErrNoRows},
		"no definition":                {nil, actito.Definition{}, []actito.CheckOption{data("a\n1\n")}, actito.ErrInvalid},
		"a file of another name":       {nil, once(f), []actito.CheckOption{actito.DataBytes("g.csv", []byte("a\n1\n"))}, actito.ErrInvalid},
		"one name twice":               {nil, once(f), []actito.CheckOption{data("a\n1\n"), data("a\n1\n")}, actito.ErrInvalid},
		"a table that is not there":    {nil, once(unknown), []actito.CheckOption{data("customerID\n1\n")}, actito.ErrNotFound},
		"a reader that fails": {nil, once(f), []actito.CheckOption{actito.DataReader("f.csv", io.MultiReader(strings.NewReader("customerID,points\nC1,x\n"),
			brokenReader{broken}))}, broken},
		"a context that ended":           {cancelled, once(f), []actito.CheckOption{data("customerID,points\nC1,1\n")}, context.Canceled},
		"a report that is nil":           {nil, once(f), []actito.CheckOption{data("customerID,points\nC1,1\n"), (*actito.CheckReport)(nil)}, actito.ErrInvalid},
		"two meanings of empty cells":    {nil, once(f), []actito.CheckOption{data("customerID,points\nC1,1\n"), actito.Keep, actito.Clear}, actito.ErrInvalid},
		"rows of which one has an error": {nil, once(f), []actito.CheckOption{b.customers.Rows("f.csv", func(yield func(customer, error) bool) { yield(customer{}, broken) })}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			report, err := b.client.ETLs.Check(ctx, tt.d, tt.opts...)
			require.ErrorIs(t, err, tt.want)
			require.NotNil(t, report)
		})
	}
}

type brokenReader struct{ error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.error }

func TestTheLoopOverProblemsCanBeLeft(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	f := loaded(actito.ProfileTableType, "Customers", "f.csv", "", "customerID", "points", "shoes")
	missing := loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId")
	text := "customerID,points,shoes\n" + strings.Repeat("C1,x,1\nC1,1\n", 30_000)
	for problems := 1; problems < 12; problems++ {
		seen := 0
		for _, err := range b.client.ETLs.CheckEach(t.Context(), once(f, missing), actito.DataBytes("f.csv", []byte(text))) {
			require.NoError(t, err)
			if seen++; seen == problems {
				break
			}
		}
		require.Equal(t, problems, seen)
	}
	for _, err := range b.customers.CheckEach(t.Context(), b.customers.Rows("f.csv", all(customer{}, customer{}, customer{}))) {
		require.NoError(t, err)
		break
	}
}

func TestStructuresAreReadOncePerCheck(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	one := loaded(actito.ProfileTableType, "Customers", "1.csv", "", "customerID")
	two := loaded(actito.ProfileTableType, "16", "2.csv", "", "customerID")
	data := []byte("customerID\nC1\n")
	require.Empty(t, found(t, b, once(one, two), actito.DataBytes("1.csv", data), actito.DataBytes("2.csv", data)))
	reads := 0
	for _, r := range b.Requests() {
		if strings.Contains(r.Path, "/profile-tables/16") {
			reads++
		}
	}
	require.Equal(t, 1, reads)
}

func TestCheckReadsFilesInOtherEncodingsAndFromSpreadsheets(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	f := loaded(actito.ProfileTableType, "Customers", "f.csv", "", "customerID", "firstName", "points")
	latin := f
	latin.Encoding = actito.ISO88591
	text := "customerID,firstName,points\nC1," + strings.Repeat("\xe9", 255) + ",1\nC2," + strings.Repeat("\xe9", 256) + ",x\nC\xe9,,\nC\xc9,,\n"
	want := []string{"f:3 firstName too-long", "f:3 points integer", "~f:5 customerID key-case 4"}
	require.Equal(t, want, found(t, b, once(latin), actito.DataBytes("f.csv", []byte(text))))

	text = "sep=;\r\n" + strings.NewReplacer(",", ";", "\n", "\r\n").Replace(text) + ";;\r\n"
	want = []string{"f:4 firstName too-long", "f:4 points integer", "~f:6 customerID key-case 5"}
	require.Equal(t, want, found(t, b, once(f), actito.DataBytes("f.csv", []byte(text), actito.FromExcel())))
}

func TestCheckGoesOnAfterAMistakeInASpreadsheetsFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text      string
		want      []string
		rows, bad int
	}{
		"empty rows between others": {"customerID;points\r\nC1;1\r\n;\r\n\r\nC2;2\r\nC3;x\r\n\r\n",
			[]string{"f:3  blank-line", "f:6 points integer"}, 4, 2},
		"a row that is too long": {"customerID;points\r\nC1;\"" + strings.Repeat("x", 4<<20-4000) + strings.Repeat("\n", 8000) + "\"\r\nC2;2\r\nC3;x\r\n",
			[]string{"f:2  row-length", "f:8004 points integer"}, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := checkBench(t)
			f := loaded(actito.ProfileTableType, "Customers", "f.csv", "", "customerID", "points")
			f.Format.Separator = ";"
			report := new(actito.CheckReport)
			require.Equal(t, tt.want, found(t, b, once(f), actito.DataBytes("f.csv", []byte(tt.text), actito.FromExcel()), report))
			require.Equal(t, tt.rows, report.Files[0].Rows)
			require.Equal(t, tt.bad, report.Files[0].Bad)
		})
	}
}

func TestRowsThatAreRefusedAreNoProblem(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	erased := actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C1" })
	var list []string
	for p, err := range b.customers.CheckEach(t.Context(), b.customers.Rows("f.csv", all(
		customer{ID: "C1", Email: "bad", FirstName: "Ann"},
		customer{ID: "C2", Email: "bad", FirstName: "Bob"},
		customer{Email: "eve@example.com", FirstName: "Eve"},
		customer{ID: "C1", Email: "bad", FirstName: "Dan"},
		customer{ID: "C3", Email: "worse", FirstName: "Dan"},
	), named, erased, actito.SkipInvalid())) {
		require.NoError(t, err)
		list = append(list, short(p))
	}
	require.Equal(t, []string{"f:2 emailAddress email", "f:3 customerID empty-key", "f:5 emailAddress email"}, list)
}
