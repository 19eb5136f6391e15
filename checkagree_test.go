package actito_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// agreement is one attribute with cells that the fake takes and cells that it rejects.
type agreement struct {
	attribute actitotest.Attribute
	good, bad []string
}

var agreements = map[string]agreement{
	"STRING": {actitotest.Attribute{Type: "STRING"}, []string{"a", strings.Repeat("é", 255), strings.Repeat("x", 255), "a,b", " "},
		[]string{strings.Repeat("x", 256), strings.Repeat("😀", 128)}},
	"a short STRING": {actitotest.Attribute{Type: "STRING", MinLength: 2, MaxLength: 3}, []string{"ab", "éàç", "😀", "😀a"},
		[]string{"a", "é", "abcd", "😀😀"}},
	"accepted values": {actitotest.Attribute{Type: "STRING", AcceptedValues: []string{"NEW", "SHIPPED"}}, []string{"NEW", "SHIPPED"},
		[]string{"new", "LOST", " NEW", "NEW,SHIPPED", "#REF!"}},
	"several values": {actitotest.Attribute{Type: "STRING", MultiValued: true, AcceptedValues: []string{"A", "B"}}, []string{"A", "A,B", "B,A,B"},
		[]string{"C", "A,C", "A,", ",A", "A, B", "A;B"}},
	"several numbers": {actitotest.Attribute{Type: "INTEGER", MultiValued: true}, []string{"1", "1,2"}, []string{"1,", "1,x", "1;2"}},
	"INTEGER": {actitotest.Attribute{Type: "INTEGER"}, []string{"0", "-1", "+1", "007", "2147483647", "-2147483648", "-0"},
		[]string{"2147483648", "-2147483649", "1.0", "1e3", "x", "1 000", "1_000", "--1", "-", "+", "1.23E+11", "########", "#N/A", "NULL", "0x1", "٣"}},
	"LONG": {actitotest.Attribute{Type: "LONG"}, []string{"9223372036854775807", "-9223372036854775808"},
		[]string{"9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "12,5"}},
	"NUMBER": {actitotest.Attribute{Type: "NUMBER"}, []string{"0", "-3.14", "0.50", "12345678901234567890.1", "-0"},
		[]string{"3,14", "1.234,50", "1,234.50", ".5", "5.", "+1", "007", "1e5", "1E+05", "NaN", "Infinity", "-", "1 ", "1.2.3", "€5", "null"}},
	"NUMERIC": {actitotest.Attribute{Type: "NUMERIC"}, []string{"12.5"}, []string{"12,5"}},
	"BOOLEAN": {actitotest.Attribute{Type: "BOOLEAN"}, []string{"TRUE", "1", "Y", "FALSE", "0", "N"},
		[]string{"true", "y", "yes", "X", "2", "ja", "Waar", "TRUE "}},
	"DATE": {actitotest.Attribute{Type: "DATE"}, []string{"2024-02-29", "0001-01-01", "9999-12-31", "2000-02-29", "2026-04-30"},
		[]string{"2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "2024-04-31", "2024-1-1", "15/03/2024", "20240315", "43831",
			"12-mrt", "0000-01-01", "2024-03-15 00:00:00", "NULL", "2024-03-1x", "+024-03-15", "2024/03/15"}},
	"BIRTHDATE": {actitotest.Attribute{Type: "BIRTHDATE"}, []string{"1980-12-31"}, []string{"31-12-1980", "1980-12-32"}},
	"TIMESTAMP": {actitotest.Attribute{Type: "TIMESTAMP"}, []string{"2024-03-15 14:30:00", "2024-02-29 23:59:59"},
		[]string{"2024-03-15", "2024-03-15T14:30:00", "2024-03-15 14:30", "2024-03-15 24:00:00", "2024-03-15 14:60:00", "2024-03-15 14:30:60",
			"1996-07-04 00:00:00.000", "2024-03-15 9:00:00", "2023-02-29 10:00:00", "2024-03-15 14:30:00Z"}},
	"EMAIL_ADDRESS": {actitotest.Attribute{Type: "EMAIL_ADDRESS"}, []string{"a@b.be", "John.Smith+x@sub.example.com", "o'neil@example.museum", "x@1-2.com", "`{|}~@a.be"},
		[]string{"a", "@", "a@b", "a@b.c", "a@b.c1", "é@b.be", "a@é.be", "a..b@c.be", ".a@b.be", "a.@b.be", "a@b..be", "a@.be", "a@b.be.", "a b@c.be", "a@b@c.be",
			"a@b.be;c@d.be", "<a@b.be>", "Ann <a@b.be>", " a@b.be", "a@b.b-e", "@b.be", "a,b@c.be", strings.Repeat("a", 251) + "@b.be"}},
	"SEX":             {actitotest.Attribute{Type: "SEX"}, []string{"M", "F"}, []string{"m", "V", "Male", "1"}},
	"MOTHER_LANGUAGE": {actitotest.Attribute{Type: "MOTHER_LANGUAGE"}, []string{"FR", "nl", "En"}, []string{"xx", "fra", "F", "f1", "FR-BE", "français", "é"}},
	"LANGUAGE":        {actitotest.Attribute{Type: "LANGUAGE"}, []string{"de"}, []string{"german"}},
	"COUNTRY":         {actitotest.Attribute{Type: "COUNTRY"}, []string{"BE", "GB", "NL"}, []string{"UK", "be", "Be", "BEL", "Belgium", "XX", "B", "EU", "é"}},
	"ADDRESS_COUNTRY": {actitotest.Attribute{Type: "ADDRESS_COUNTRY"}, []string{"FR"}, []string{"France"}},
	"PHONE_NUMBER": {actitotest.Attribute{Type: "PHONE_NUMBER"}, []string{"+3210458514", "+12025550123", "+3225551"},
		[]string{"010/45.85.14", "003210458514", "+32 10 45 85 14", "+0210458514", "+32", "3.21E+10", "+1234567890123456", "(5) 555-4729", "+32(0)10458514"}},
	"GSM_NUMBER":        {actitotest.Attribute{Type: "GSM_NUMBER"}, []string{"+32475123456"}, []string{"0475123456"}},
	"FAX_NUMBER":        {actitotest.Attribute{Type: "FAX_NUMBER"}, []string{"+3221234567"}, []string{"NULL"}},
	"FIRSTNAME":         {actitotest.Attribute{Type: "FIRSTNAME"}, []string{"Zoë", "O'Neil-Smith"}, []string{strings.Repeat("x", 256)}},
	"a mandatory value": {actitotest.Attribute{Type: "STRING", Mandatory: true}, []string{"x"}, []string{""}},
	"an optional value": {actitotest.Attribute{Type: "INTEGER"}, []string{""}, nil},
}

func TestCheckReportsWhatTheFakeRejects(t *testing.T) {
	t.Parallel()
	for name, tt := range agreements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := slices.Concat(tt.good, tt.bad)
			reported, rejected := verdicts(t, tt.attribute, actito.CreateUpdate, all)
			require.Equal(t, tt.bad, rejected, "what the fake rejects")
			require.Equal(t, tt.bad, reported, "what the check reports")
		})
	}
}

func TestCheckReportsKeysThatTheFakeRejects(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		unique := actitotest.Attribute{Type: "STRING", Unique: true}
		reported, rejected := verdicts(t, unique, actito.CreateOnly, []string{"a", "b", "a", "A", "A"}, world...)
		require.Equal(t, []string{"a", "A"}, reported)
		if slices.Contains(world, actitotest.KeysWithoutCase) {
			reported = []string{"a", "A", "A"} // of the first A, the check warns
		}
		require.Equal(t, reported, rejected)
	}, actitotest.KeysWithoutCase)
	number := actitotest.Attribute{Type: "LONG", Unique: true}
	reported, rejected := verdicts(t, number, actito.CreateOnly, []string{"7", "8", "007", "+8"})
	require.Equal(t, []string{"007", "+8"}, rejected)
	require.Equal(t, rejected, reported)
}

// What the fake loads and is hardly meant is a warning, and nothing else is.
func TestCheckWarnsOfWhatTheFakeTakes(t *testing.T) {
	t.Parallel()
	text := actitotest.Attribute{Type: "STRING"}
	for rule, tt := range map[string]struct {
		attribute actitotest.Attribute
		cells     []string
	}{
		"spreadsheet": {text, []string{"1.23E+11", "-1E+05", "########", "#N/A", "#REF!", "#NAME?", "#DIV/0!", "#WAARDE!", "12-mrt", "1-Mar", "Aug-21", "5-févr."}},
		"null-text":   {text, []string{"NULL", "null", `\N`, "NaN", "undefined"}},
		"time-gap":    {actitotest.Attribute{Type: "TIMESTAMP"}, []string{"2026-03-29 02:00:00", "2026-03-29 02:59:59"}},
		"":            {text, []string{"1.23", "E+11", "1.E+11", "12.3E+11", "1E11", "#", "#hash", "#1", "12-foo", "12-3", "123-mar", "Null", "mar-x", "-", "12-januari-2024", "!"}},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			b, d, data := attributeFile(t, tt.attribute, actito.CreateUpdate, tt.cells)
			var warned []string
			for p, err := range b.client.ETLs.CheckEach(t.Context(), d, data) {
				require.NoError(t, err)
				require.True(t, p.Warning)
				require.Equal(t, rule, p.Rule)
				warned = append(warned, p.Value)
			}
			if rule != "" {
				require.Equal(t, tt.cells, warned)
			}
			e, err := b.client.ETLs.RunOnce(t.Context(), d, data)
			b.loads(t, e, err)
		})
	}
}

// verdicts are the cells that a check reports, and those that the fake rejects when they are sent anyway.
func verdicts(t *testing.T, a actitotest.Attribute, mode actito.Mode, cells []string, world ...actitotest.Assumption) (reported, rejected []string) {
	t.Helper()
	b, d, data := attributeFile(t, a, mode, cells)
	b.Assume(actitotest.ResultFilesExist)
	b.Assume(world...)
	lines := map[int]bool{}
	for p, err := range b.client.ETLs.CheckEach(t.Context(), d, data) {
		require.NoError(t, err)
		if p.Warning || lines[p.Line] {
			continue
		}
		lines[p.Line] = true
		reported = append(reported, cells[p.Line-2])
		require.Equal(t, cells[p.Line-2], p.Value)
	}
	e, err := b.client.ETLs.RunOnce(t.Context(), d, data)
	e, _ = b.ends(t, e, err)
	for reject, err := range b.client.Executions.Rejects(t.Context(), e) {
		require.NoError(t, err)
		rejected = append(rejected, reject.Row["value"])
	}
	return reported, rejected
}

// attributeFile is a table with an attribute, and a file with a row for each of the cells.
func attributeFile(t *testing.T, a actitotest.Attribute, mode actito.Mode, cells []string) (*bulk, actito.Definition, actito.Data) {
	t.Helper()
	server := actitotest.NewServer(actitotest.InMemory())
	t.Cleanup(server.Close)
	a.Name = "value"
	server.AddProfileTable("MyEntity", actitotest.Table{Name: "Values",
		Attributes: []actitotest.Attribute{{Name: "id", Type: "STRING", Unique: true, Mandatory: true}, a}})
	var text strings.Builder
	text.WriteString("id,value\n")
	for i, cell := range cells {
		fmt.Fprintf(&text, "r%d,\"%s\"\n", i, strings.ReplaceAll(cell, `"`, `""`))
	}
	return newBulk(t, server), once(loaded(actito.ProfileTableType, "Values", "f.csv", mode, "id", "value")),
		actito.DataBytes("f.csv", []byte(text.String()))
}

func TestCheckReportsWhatAnEarlierFileHasCreated(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	b.Assume(actitotest.KeysWithCase, actitotest.ResultFilesExist)
	d := once(
		loaded(actito.ProfileTableType, "Customers", "old.csv", "", "customerID", "emailAddress"),
		loaded(actito.ProfileTableType, "Customers", "more.csv", "", "customerID", "emailAddress"),
		loaded(actito.ProfileTableType, "Customers", "new.csv", actito.CreateOnly, "customerID", "emailAddress"))
	data := []actito.Data{
		actito.DataBytes("old.csv", []byte("customerID,emailAddress\nC1,ann@example.com\n")),
		actito.DataBytes("more.csv", []byte("customerID,emailAddress\nC1,ann@example.com\nC2,bob@example.com\n")),
		actito.DataBytes("new.csv", []byte("customerID,emailAddress\nC3,cid@example.com\nC2,dan@example.com\nC4,ann@example.com\nc1,eva@example.com\n")),
	}
	require.Equal(t, []string{"new:3 customerID duplicate-key", "new:4 emailAddress duplicate-key"}, found(t, b, d, data[0], data[1], data[2]))

	e, err := b.client.ETLs.RunOnce(t.Context(), d, data[0], data[1], data[2])
	require.NoError(t, err)
	_, err = b.client.Executions.Wait(t.Context(), e)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	var lines []int
	for reject, err := range b.client.Executions.Rejects(t.Context(), e, actito.Source(data...)) {
		require.NoError(t, err)
		require.Equal(t, "new.csv", reject.File)
		lines = append(lines, reject.SourceLine)
	}
	require.Equal(t, []int{3, 4}, lines)
}
