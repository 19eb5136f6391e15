package csvrow_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/internal/csvrow"
)

func TestAppendQuotesWhatNeedsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cells []string
		want  string
	}{
		"plain text stays as it is":                {[]string{"a", "été", "1,5"}, "a;été;1,5\n"},
		"an empty cell is empty":                   {[]string{"a", "", "b"}, "a;;b\n"},
		"the separator is enclosed":                {[]string{"a;b", "c"}, "\"a;b\";c\n"},
		"a quote is doubled":                       {[]string{`a"b`, `"`}, "\"a\"\"b\";\"\"\"\"\n"},
		"line ends are enclosed":                   {[]string{"a\nb", "c\rd"}, "\"a\nb\";\"c\rd\"\n"},
		"white space at the ends is enclosed":      {[]string{" a", "b\t", "c d"}, "\" a\";\"b\t\";c d\n"},
		"a line of one empty cell is not empty":    {[]string{""}, "\"\"\n"},
		"a line of two empty cells needs no quote": {[]string{"", ""}, ";\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, "before"+test.want, string(csvrow.Append([]byte("before"), ';', test.cells...)))
		})
	}
}

func TestQuoteNeedsNoScratchSpace(t *testing.T) {
	dst := make([]byte, 0, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() { csvrow.Append(dst, ';', `say "a;b"`, "c") }))
}

func TestReadersFindTheCellsAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sep := byte(rapid.IntRange(1, 127).Filter(func(c int) bool { return !strings.ContainsRune("\"\r\n", rune(c)) }).Draw(t, "separator"))
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 3, 3), 1, 5).Draw(t, "rows")
		requireReadable(t, sep, rows)
	})
}

func FuzzAppend(f *testing.F) {
	f.Add("a;b", `"`, byte(';'))
	f.Add("\r\n", " ", byte(','))
	f.Add("", "", byte('\t'))
	f.Fuzz(func(t *testing.T, a, b string, sep byte) {
		if sep == 0 || sep > 127 || sep == '"' || sep == '\r' || sep == '\n' {
			t.Skip()
		}
		requireReadable(t, sep, [][]string{{a, b}, {b, a}})
		requireReadable(t, sep, [][]string{{a}, {b}})
	})
}

func requireReadable(t require.TestingT, sep byte, rows [][]string) {
	var file []byte
	want := make([][]string, len(rows))
	for i, row := range rows {
		file = csvrow.Append(file, sep, row...)
		for _, cell := range row {
			want[i] = append(want[i], strings.ReplaceAll(cell, "\r\n", "\n")) // encoding/csv does this to quoted cells
		}
	}
	r := csv.NewReader(strings.NewReader(string(file)))
	r.Comma = rune(sep)
	got, err := r.ReadAll()
	require.NoError(t, err)
	require.Equal(t, want, got)
}
