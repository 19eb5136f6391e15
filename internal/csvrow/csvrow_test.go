package csvrow_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"unicode"

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
		"what looks like a mark is enclosed":       {[]string{"\ufeffa", "a\ufeff", "\ufeff"}, "\"\ufeffa\";a\ufeff;\"\ufeff\"\n"},
		"each place of a long cell is looked at":   {[]string{"0123456789abc;", ";0123456789abc", "01234567;89abc", "0123\n", "a\r"}, "\"0123456789abc;\";\";0123456789abc\";\"01234567;89abc\";\"0123\n\";\"a\r\"\n"},
		"each place of a short cell is looked at":  {[]string{";a", "a;", "ab;", "abc;", ";abc", "abcd;", "ab;cde", "abcdef\r", "\n"}, "\";a\";\"a;\";\"ab;\";\"abc;\";\";abc\";\"abcd;\";\"ab;cde\";\"abcdef\r\";\"\n\"\n"},
		"a tab within a cell needs no quotes":      {[]string{"a\tb", "é\tb"}, "a\tb;é\tb\n"},
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
	require.Zero(t, testing.AllocsPerRun(1000, func() { csvrow.Append(dst, ';', `say "a;b"`, "c") }))
}

func TestPlainIsASCIIWithoutControls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.OneOf(rapid.ByteRange(' ', '~'), rapid.SampledFrom([]byte{0, '\t', '"', ';', 0x1f, 0x7f, 0x80, 0xff})), 0, 20).Draw(t, "text")
		_, plain := csvrow.Quote(append([]byte("before"), text...), len("before"), ';')
		require.Equal(t, !slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c >= 0x80 }), plain)
		_, same := csvrow.AppendCell(nil, string(text), ';')
		require.Equal(t, plain, same)
	})
}

func TestLatin1IsTheBeginningOfUnicode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom(nil, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 1, Hi: 0x101, Stride: 1}}})).Draw(t, "text")
		got, mapped := csvrow.Latin1([]byte("before"+text), len("before"))
		require.Equal(t, !strings.ContainsFunc(text, func(r rune) bool { return r > 0xff }), mapped)
		if !mapped {
			return
		}
		runes := make([]rune, 0, len(text))
		for _, b := range got[len("before"):] {
			runes = append(runes, rune(b))
		}
		if strings.HasPrefix(text, "\u00ef\u00bb\u00bf") || strings.HasPrefix(text, "\u00fe\u00ff") || strings.HasPrefix(text, "\u00ff\u00fe") {
			require.Equal(t, `"`+strings.ReplaceAll(text, `"`, `""`)+`"`, string(runes))
			return
		}
		require.Equal(t, text, string(runes))
	})
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
