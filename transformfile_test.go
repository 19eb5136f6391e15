package actito_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/internal/race"
	"github.com/actito-go/actito/transform"
)

// stagedText stages data and returns the text that would be sent.
func stagedText(t testing.TB, data actito.Data, opts ...actito.ImportOption) (string, *actito.Execution, error) {
	t.Helper()
	b := newBulk(t, inMemory(t))
	f := b.customers.InputFile("customers.csv", named)
	return textSent(t, b, f, append(opts, data)...)
}

// textSent runs an import of one file and returns the text that was sent.
func textSent(t testing.TB, b *bulk, f actito.InputFile, opts ...actito.ImportOption) (string, *actito.Execution, error) {
	t.Helper()
	exec, err := b.client.ETLs.RunOnce(t.Context(), once(f), opts...)
	if err != nil {
		b.untouched(t)
		return "", nil, err
	}
	return sent(t, b.starts()[0]).files["customers.csv"], exec, nil
}

func latin1(t testing.TB, text string) []byte {
	t.Helper()
	b, err := charmap.ISO8859_1.NewEncoder().String(text)
	require.NoError(t, err)
	return []byte(b)
}

func TestAFileIsTransformedWhileItIsStaged(t *testing.T) {
	t.Parallel()
	const header = "customerID,emailAddress,firstName\n"
	for name, tt := range map[string]struct {
		spec      []transform.List
		csv, want string
		opts      []actito.DataOption
	}{
		"cells change":                   {[]transform.List{on("SHOUT", "firstName")}, header + "C1,a@x.be,Ann\nC2,b@x.be,Zoë\n", header + "C1,a@x.be,ANN\nC2,b@x.be,ZOË\n", nil},
		"quotes are those that it takes": {[]transform.List{on("SHOUT", "firstName")}, header + "\"C1\",a@x.be,\"A,\n\"\"n\"\n", header + "C1,a@x.be,\"A,\n\"\"N\"\n", nil},
		"what becomes empty is empty":    {[]transform.List{on("NONE", "firstName")}, header + "C1,a@x.be,NULL\n", header + "C1,a@x.be,\n", nil},
		"the last line end is added":     {[]transform.List{on("SHOUT", "firstName")}, header + "C1,a@x.be,Ann", header + "C1,a@x.be,ANN\n", nil},
		"CRLF stays":                     {[]transform.List{on("SHOUT", "firstName")}, "customerID,emailAddress,firstName\r\nC1,a@x.be,Ann\r\nC2,b@x.be,Bob", "customerID,emailAddress,firstName\r\nC1,a@x.be,ANN\r\nC2,b@x.be,BOB\r\n", nil},
		"a column is added":              {[]transform.List{transform.Concatenate("@", "user", "host").On("emailAddress"), transform.Drop().On("user", "host")}, "customerID,user,host,firstName\nC1,a,x.be,Ann\n", "customerID,firstName,emailAddress\nC1,Ann,a@x.be\n", nil},
		"another separator stays":        {[]transform.List{on("SHOUT", "firstName")}, "customerID;emailAddress;firstName\nC1;a@x.be;\"a;b,c\"\n", "customerID;emailAddress;firstName\nC1;a@x.be;\"A;B,C\"\n", []actito.DataOption{actito.SeparatedBy(';')}},
		"what Excel saved":               {[]transform.List{on("SHOUT", "firstName")}, "\ufeffsep=;\ncustomerID;emailAddress;firstName ;\nC1;a@x.be;Zoë;\n;;;\n", "customerID;emailAddress;firstName\nC1;a@x.be;ZOË\n", []actito.DataOption{actito.FromExcel()}},
		"an empty specification":         {nil, header + "C1,a@x.be,Ann\n", header + "C1,a@x.be,Ann\n", nil},
		"GZIP is unpacked":               {[]transform.List{on("SHOUT", "firstName")}, gzipped(t, header+"C1,a@x.be,Ann\n"), header + "C1,a@x.be,ANN\n", []actito.DataOption{actito.Unpack(actito.GZIP)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := specOf(t, tt.spec...)
			staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(tt.csv), append(tt.opts, actito.Transformed(spec))...))
			require.NoError(t, err)
			defer staged.Close()
			require.Equal(t, tt.want, actito.TextOf(t, staged))
			r := csv.NewReader(strings.NewReader(tt.want))
			r.Comma = rune(tt.want[len("customerID")])
			records, err := r.ReadAll()
			require.NoError(t, err)
			require.Len(t, records, staged.Files()[0].Rows+1)
		})
	}
}

func TestALatin1FileIsTransformedInItsEncoding(t *testing.T) {
	t.Parallel()
	csv := latin1(t, "prénom,customerID\nZoë,é1\n")
	staged, err := actito.Stage(t.Context(), actito.DataBytes("c.csv", csv, actito.Encoded(actito.ISO88591),
		actito.Transformed(specOf(t, on("SHOUT", "prénom"), transform.Constant("à").On("après")))))
	require.NoError(t, err)
	defer staged.Close()
	require.Equal(t, string(latin1(t, "prénom,customerID,après\nZOË,é1,à\n")), actito.TextOf(t, staged))

	for name, list := range map[string]transform.List{
		"a cell":       transform.Constant("€").On("customerID"),
		"a cell's end": on("SHOUT", "customerID"), // ÿ in upper case
	} {
		_, err := actito.Stage(t.Context(), actito.DataBytes("c.csv", latin1(t, "prénom,customerID\nZoë,ÿ\n"), actito.Encoded(actito.ISO88591),
			actito.Transformed(specOf(t, list))))
		requireRefused(t, refusal{"c.csv", 2, "customerID", "encoding"}, err)
		require.ErrorContains(t, err, "ISO-8859-1", name)
	}
	_, err = actito.Stage(t.Context(), actito.DataBytes("c.csv", csv, actito.Encoded(actito.ISO88591),
		actito.Transformed(specOf(t, transform.Constant("x").On("prix €")))))
	requireRefused(t, refusal{"c.csv", 1, "prix €", "encoding"}, err)
}

func TestWhatAFileCannotHaveTransformedIsRefused(t *testing.T) {
	t.Parallel()
	const csv = "customerID,emailAddress,firstName\nC1,\"a\n@x.be\",Ann\nC2,b@x.be,\"B\nob\"\nC3,c@x.be,7\n"
	for name, tt := range map[string]struct {
		lists []transform.List
		want  refusal
		says  string
	}{
		"a column that no file has": {[]transform.List{on("SHOUT", "lastName")}, refusal{"customers.csv", 1, "lastName", "transform"}, `there is no column "lastName"`},
		"a source that no file has": {[]transform.List{transform.Concatenate("", "firstName", "lastName").On("name")}, refusal{"customers.csv", 1, "name", "transform"}, `there is no column "lastName"`},
		"a value":                   {[]transform.List{on("DIGITS", "firstName")}, refusal{"customers.csv", 2, "firstName", "transform"}, "DIGITS"},
		"a column that is joined":   {[]transform.List{on("NONE", "firstName"), transform.Concatenate("", "customerID", "firstName").On("x")}, refusal{"customers.csv", 1, "x", "unmapped-column"}, "not map"},
		"all columns dropped":       {[]transform.List{transform.Drop().On("customerID", "emailAddress", "firstName")}, refusal{"customers.csv", 1, "", "transform"}, "drop all columns"},
		"a mapped column dropped":   {[]transform.List{transform.Drop().On("firstName")}, refusal{"customers.csv", 1, "firstName", "missing-column"}, "does not have it"},
		"a column that is added":    {[]transform.List{transform.Constant("x").On("vip")}, refusal{"customers.csv", 1, "vip", "unmapped-column"}, "not map"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := stagedText(t, actito.DataBytes("customers.csv", []byte(csv), actito.Transformed(specOf(t, tt.lists...))))
			requireRefused(t, tt.want, err)
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "Ann")
		})
	}
	// The line is that of the source.
	_, _, err := stagedText(t, actito.DataBytes("customers.csv", []byte(strings.Replace(csv, "Ann", "1", 1)), actito.Transformed(specOf(t, on("DIGITS", "firstName")))))
	requireRefused(t, refusal{"customers.csv", 4, "firstName", "transform"}, err)
}

func TestRowsOfAFileThatAreRefusedAreLeftOut(t *testing.T) {
	t.Parallel()
	const csv = "customerID,emailAddress,firstName\nC1,\"a\n@x.be\",1\nC2,b@x.be,Bob\nC3,c@x.be,\nC4,d@x.be,Dan\nC5,,5\n"
	skipping := []actito.DataOption{actito.SkipInvalid(), actito.Transformed(specOf(t, on("DIGITS", "firstName")))}
	text, exec, err := stagedText(t, actito.DataBytes("customers.csv", []byte(csv), skipping...), actito.MaxEmpty("firstName", 0.34), actito.MaxEmpty("emailAddress", 0.34), actito.MinRows(3), actito.MaxRows(3))
	require.NoError(t, err)
	require.Equal(t, "customerID,emailAddress,firstName\nC1,\"a\n@x.be\",1\nC3,c@x.be,\nC5,,5\n", text)
	require.Len(t, exec.Refused, 2)
	for i, want := range []struct{ row, line int }{{2, 4}, {4, 6}} {
		r := exec.Refused[i]
		require.Equal(t, "customers.csv", r.File)
		require.Equal(t, want.row, r.Row)
		requireRefused(t, refusal{"customers.csv", want.line, "firstName", "transform"}, r.Err)
		require.NotContains(t, r.Reason, "Bob")
	}

	// Whoever derived the input file knows the key.
	b := newBulk(t, inMemory(t))
	orders, err := b.orders.Transformed(specOf(t, transform.Uppercase().On("orderId"), on("DIGITS", "customerID")))
	require.NoError(t, err)
	customers, err := b.customers.Transformed(specOf(t, on("DIGITS", "firstName")))
	require.NoError(t, err)
	for name, in := range map[string]actito.InputFile{"C4": customers.InputFile("a.csv", named), "o4": orders.InputFile("a.csv")} {
		text := "orderId,customerID,amount\no1,1,1\no4,x,1\n"
		if name == "C4" {
			text = csv
		}
		exec, err := b.client.ETLs.RunOnce(t.Context(), once(in), actito.DataBytes("a.csv", []byte(text), actito.SkipInvalid()), actito.LookUpParents(-1))
		require.NoError(t, err)
		require.Equal(t, name, exec.Refused[len(exec.Refused)-1].Key)
	}

	for name, tt := range map[string]struct {
		csv  string
		want refusal
	}{
		"a row that may be several":  {csv + "C6,x@x.be,\"" + strings.Repeat("1\n", 17<<20) + "\"\n", refusal{"customers.csv", 8, "", "row-length"}},
		"a mistake in the structure": {csv + "C6,x\n", refusal{"customers.csv", 8, "", "cell-count"}},
		"a blank line":               {csv + "\n", refusal{"customers.csv", 8, "", "blank-line"}},
	} {
		_, _, err := stagedText(t, actito.DataBytes("customers.csv", []byte(tt.csv), skipping...))
		requireRefused(t, tt.want, err)
		require.NotEmpty(t, name)
	}
	_, _, err = stagedText(t, actito.DataBytes("customers.csv", []byte("customerID,emailAddress,firstName\nC1,a@x.be,x\n"), skipping...))
	require.ErrorIs(t, err, actito.ErrNoRows)
	require.ErrorContains(t, err, "all 1 rows")
}

func TestCellsOfTenMegabytesAreTransformed(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("a,\"\n", race.Less(10<<20/4))
	csv := "customerID,emailAddress,firstName\nC1,a@x.be,\"" + strings.ReplaceAll(huge, `"`, `""`) + "\"\nC2,b@x.be,b\n"
	staged, err := actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(csv), actito.Transformed(specOf(t, on("SHOUT", "firstName")))))
	require.NoError(t, err)
	defer staged.Close()
	want := "customerID,emailAddress,firstName\nC1,a@x.be,\"" + strings.ReplaceAll(strings.ToUpper(huge), `"`, `""`) + "\"\nC2,b@x.be,B\n"
	require.True(t, assert.ObjectsAreEqual(want, actito.TextOf(t, staged)), "the text differs") // Equal would print it

	long := "customerID,emailAddress,firstName\nC1,a@x.be,b\nC2,b@x.be," + strings.Repeat("b", 33<<20) + "\n"
	_, err = actito.Stage(t.Context(), actito.DataBytes("customers.csv", []byte(long), actito.Transformed(specOf(t, on("SHOUT", "firstName")))))
	requireRefused(t, refusal{"customers.csv", 3, "", "row-length"}, err)
}

// rowsReader is a file of so many rows.
type rowsReader struct {
	n    int
	rest []byte
}

func (r *rowsReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = fmt.Appendf(nil, "C%d,c%d@example.com,Ann\n", r.n, r.n)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestMemoryDoesNotGrowWithAFileThatIsTransformed(t *testing.T) {
	if race.Enabled {
		t.Skip("memory is measured without the race detector")
	}
	spec := specOf(t, on("SHOUT", "firstName"))
	peak := func(rows int) uint64 {
		var most uint64
		seen := 0
		r := readerFunc(func() func([]byte) (int, error) {
			source := &rowsReader{n: rows, rest: []byte("customerID,emailAddress,firstName\n")}
			return func(p []byte) (int, error) {
				if seen++; seen%50_000 == 0 {
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
				return source.Read(p)
			}
		}())
		staged, err := actito.Stage(t.Context(), actito.DataReader("customers.csv", r, actito.Transformed(spec)))
		require.NoError(t, err)
		require.Equal(t, rows, staged.Files()[0].Rows)
		require.NoError(t, staged.Close())
		return most
	}
	small := peak(50_000)
	require.Less(t, peak(500_000), small+8<<20)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestPartsOfAFileAreTransformed(t *testing.T) {
	t.Parallel()
	var csv bytes.Buffer
	csv.WriteString("customerID,emailAddress,firstName\n")
	for i := range 4000 {
		fmt.Fprintf(&csv, "C%04d,c%d@example.com,n%x\n", i, i*7919%4001, i*104729)
	}
	b := newBulk(t, inMemory(t))
	in := b.customers.InputFile("customers.csv", named)
	in.Local = specOf(t, on("SHOUT", "firstName"))
	exec, err := b.client.ETLs.RunOnce(t.Context(), once(in), actito.DataBytes("customers.csv", csv.Bytes()), actito.SplitAbove(20_000))
	require.NoError(t, err)
	require.Greater(t, len(exec.Parts), 1)
	_, err = b.client.Executions.Wait(t.Context(), exec)
	require.NoError(t, err)
	profiles := b.Profiles("Customers")
	require.Len(t, profiles, 4000)
	for _, p := range profiles {
		require.Equal(t, strings.ToUpper(p.Attributes["firstName"]), p.Attributes["firstName"])
	}
}

func TestACheckShowsWhatTheServerWouldSee(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	spec := specOf(t, on("NONE", "emailAddress"), on("DIGITS", "firstName"), transform.Concatenate("", "user", "host").On("emailAddress"), transform.Drop().On("user", "host"))
	in := b.customers.InputFile("customers.csv", actito.Columns("customerID", "firstName", "emailAddress"))
	in.Local = spec
	const csv = "customerID,emailAddress,firstName,user,host\nC1,NULL,1,a,@x.be\nC2,NULL,Bob,b,@x.be\nC1,,3,c,x\nC4,,,\n,,4,d,@x.be\nC6,NULL,,e,@x.be\n"
	var report actito.CheckReport
	var got []string
	for p, err := range b.client.ETLs.CheckEach(t.Context(), once(in), actito.DataBytes("customers.csv", []byte(csv)), &report) {
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%d %s %s", p.Line, p.Column, p.Rule))
	}
	require.Equal(t, []string{
		"3 firstName transform", "4 emailAddress email", "4 customerID duplicate-key", "5  cell-count", "6 customerID mandatory",
	}, got)
	require.Equal(t, 6, report.Files[0].Rows)
	require.Equal(t, 4, report.Files[0].Bad)
	var columns []string
	for _, c := range report.Files[0].Columns {
		columns = append(columns, c.Name)
	}
	require.Equal(t, []string{"customerID", "emailAddress", "firstName"}, columns)
	b.untouched(t)
}

// gzipped is text compressed with GZIP.
func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// Whatever is in a file, and however it is written, only the cells that a transformation acts on change.
func TestOtherCellsOfAFileStayAsTheyAre(t *testing.T) {
	t.Parallel()
	spec := specOf(t, transform.Constant("new").On("b"), transform.Constant("end").On("added"), transform.Drop().On("c"))
	cell := rapid.StringOfN(rapid.SampledFrom([]rune("aé ÿþï»¿\",;\t\n=\u00a0")), 0, 12, -1)
	rapid.Check(t, func(rt *rapid.T) {
		separator := rapid.SampledFrom([]byte{',', ';', '\t', '|'}).Draw(rt, "separator")
		encoding := rapid.SampledFrom([]actito.Encoding{actito.UTF8, actito.ISO88591}).Draw(rt, "encoding")
		var csvFile bytes.Buffer
		w := csv.NewWriter(&csvFile)
		w.Comma, w.UseCRLF = rune(separator), rapid.Bool().Draw(rt, "CRLF")
		want := [][]string{{"a", "b", "d", "added"}}
		require.NoError(rt, w.Write([]string{"a", "b", "c", "d"}))
		for range rapid.IntRange(1, 5).Draw(rt, "rows") {
			row := rapid.SliceOfN(cell, 4, 4).Draw(rt, "row")
			require.NoError(rt, w.Write(row))
			want = append(want, []string{row[0], "new", row[3], "end"})
		}
		w.Flush()
		text := csvFile.Bytes()
		if encoding == actito.ISO88591 {
			text = latin1(t, csvFile.String())
		}
		// In pieces of any length.
		source := iotest.OneByteReader(bytes.NewReader(text))
		staged, err := actito.Stage(t.Context(), actito.DataReader("a.csv", source, actito.SeparatedBy(separator), actito.Encoded(encoding), actito.Transformed(spec)))
		if err != nil {
			require.ErrorContains(rt, err, "is UTF-8") // as it can look
			return
		}
		defer staged.Close()
		got := actito.TextOf(rt, staged)
		if encoding == actito.ISO88591 {
			decoded, err := charmap.ISO8859_1.NewDecoder().String(got)
			require.NoError(rt, err)
			got = decoded
		}
		r := csv.NewReader(strings.NewReader(got))
		r.Comma = rune(separator)
		records, err := r.ReadAll()
		require.NoError(rt, err)
		for _, row := range want { // encoding/csv reads a line end within a cell as a line feed
			for i := range row {
				row[i] = strings.ReplaceAll(row[i], "\r\n", "\n")
			}
		}
		require.Equal(rt, want, records)
	})
}
