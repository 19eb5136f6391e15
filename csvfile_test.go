package actito

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func writeFile(t testing.TB, content string) string {
	path := filepath.Join(t.TempDir(), "customers.csv")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestFilesThatAreNotValidAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1,x\n", 50_000) // several buffers
	tests := map[string]struct {
		content string
		rule    string
		line    int
		column  string
		message string
	}{
		"a byte-order mark": {"\xef\xbb\xbfid,name\n1,Ann\n", "byte-order-mark", 1, "",
			`actito: customers.csv: line 1: the file starts with a byte-order mark, which Actito rejects: save it as UTF-8 without one, or declare FromExcel`},
		"UTF-16": {"\xff\xfei\x00d\x00\n\x00", "byte-order-mark", 1, "",
			`actito: customers.csv: line 1: the file is in UTF-16: save it as UTF-8 without a byte-order mark`},
		"UTF-16, big-endian": {"\xfe\xff\x00i\x00d\x00\n", "byte-order-mark", 1, "",
			`actito: customers.csv: line 1: the file is in UTF-16: save it as UTF-8 without a byte-order mark`},
		"a ZIP archive": {"PK\x03\x04\x14\x00", "compressed", 1, "",
			`actito: customers.csv: line 1: the file is a ZIP archive or a spreadsheet: give the CSV file, or declare the archive with Unpack(ZIP)`},
		"GZIP": {"\x1f\x8b\x08\x00", "compressed", 1, "",
			`actito: customers.csv: line 1: the file is compressed with GZIP: give the CSV file, or declare it with Unpack(GZIP)`},
		"a spreadsheet's sep= line": {"sep=;\nid;name\n1;Ann\n", "sep-line", 1, "",
			`actito: customers.csv: line 1: the file starts with a spreadsheet's sep= line, which Actito rejects: remove it, or declare FromExcel`},
		"a NUL byte": {"id,name\n1,A\x00n\n", "nul", 2, "name",
			`actito: customers.csv: line 2: column "name": there is a NUL byte: the file is damaged, binary, or in UTF-16`},
		"a NUL byte in quotes, lines below the start of its cell": {"id,name\n1,\"A\n\n\x00n\"\n", "nul", 4, "name",
			`actito: customers.csv: line 4: column "name": there is a NUL byte: the file is damaged, binary, or in UTF-16`},
		"a letter in Windows-1252": {"id,name\n1,Ann\n2,Ren\xe9e\n", "utf-8", 3, "name",
			`actito: customers.csv: line 3: column "name": the text is not UTF-8; spreadsheet programs save Windows-1252 unless told otherwise: declare FromExcel, or what it is with Encoded`},
		"a letter in Windows-1252 at the very end": {"id,name\n1,Ren\xe9", "utf-8", 2, "name",
			`actito: customers.csv: line 2: column "name": the text is not UTF-8; spreadsheet programs save Windows-1252 unless told otherwise: declare FromExcel, or what it is with Encoded`},
		"a letter in Windows-1252 far into the file": {"id,name\n" + long + "2,\xe9\n", "utf-8", 50_002, "name",
			`actito: customers.csv: line 50002: column "name": the text is not UTF-8; spreadsheet programs save Windows-1252 unless told otherwise: declare FromExcel, or what it is with Encoded`},
		"a letter in Windows-1252 in the header": {"id,pr\xe9nom\n1,Ann\n", "utf-8", 1, "",
			`actito: customers.csv: line 1: the text is not UTF-8; spreadsheet programs save Windows-1252 unless told otherwise: declare FromExcel, or what it is with Encoded`},
		"a blank line in place of the header": {"\nid,name\n1,Ann\n", "blank-line", 1, "",
			`actito: customers.csv: line 1: the line is blank, which some readers skip and others take for a row: remove it, or write an empty cell as ""`},
		"a blank cell in the header": {"id, ,name\n1,2,3\n", "header", 1, "",
			`actito: customers.csv: line 1: cell 2 of the header is blank: every column needs a name`},
		"a separator at the end of the header": {"id,name,\n1,2,\n", "header", 1, "",
			`actito: customers.csv: line 1: cell 3 of the header is blank: every column needs a name`},
		"two columns of one name": {"id,name,\"id\"\n1,2,3\n", "header", 1, "id",
			`actito: customers.csv: line 1: column "id": cells 1 and 3 of the header have this name`},
		"a person in place of the header": {"ann@example.com,ann@example.com\n", "header", 1, "[e-mail]",
			`actito: customers.csv: line 1: column "[e-mail]": cells 1 and 2 of the header have this name`},
		"a header that never ends": {"\"id,name\n" + strings.Repeat("1,Ann\n", 200_000), "header", 1, "",
			`actito: customers.csv: line 1: the header is longer than 1048576 bytes: a quote may not be closed, or this is not a CSV file`},
		"another separator": {"id;name\n1;Ann\n", "separator", 1, "",
			`actito: customers.csv: line 1: the header is a single cell, with ';' in it, when cells are separated by ',': the file and its definition disagree about the separator, which SeparatedBy declares`},
		"another separator between quoted cells": {"\"id\"\t\"name\"\n1\tAnn\n", "separator", 1, "",
			`actito: customers.csv: line 1: the header is a single cell, with '\t' in it, when cells are separated by ',': the file and its definition disagree about the separator, which SeparatedBy declares`},
		"another separator and no rows": {"id|name", "separator", 1, "",
			`actito: customers.csv: line 1: the header is a single cell, with '|' in it, when cells are separated by ',': the file and its definition disagree about the separator, which SeparatedBy declares`},
		"too few cells": {"id,name,city\n1,Ann,Gent\n2,Bob\n", "cell-count", 3, "",
			`actito: customers.csv: line 3: the number of cells is 2 instead of the header's 3; a cell that holds the separator or a line end must be in quotes`},
		"too many cells": {"id,name\n1,Ann,Gent,BE\n", "cell-count", 2, "",
			`actito: customers.csv: line 2: the number of cells is 4 instead of the header's 2; a cell that holds the separator or a line end must be in quotes`},
		"too few cells in a last line without line end": {"id,name\n1", "cell-count", 2, "",
			`actito: customers.csv: line 2: the number of cells is 1 instead of the header's 2; a cell that holds the separator or a line end must be in quotes`},
		"too few cells in a record of several lines": {"id,name,city\n1,\"Ann\n\nSmith\"\n", "cell-count", 2, "",
			`actito: customers.csv: line 2: the number of cells is 2 instead of the header's 3; a cell that holds the separator or a line end must be in quotes`},
		"too few cells after records of several lines": {"id,name\r\n1,\"Ann\r\n\r\nSmith\"\r\n2\r\n", "cell-count", 5, "",
			`actito: customers.csv: line 5: the number of cells is 1 instead of the header's 2; a cell that holds the separator or a line end must be in quotes`},
		"a blank line between rows": {"id,name\n1,Ann\n\n2,Bob\n", "blank-line", 3, "",
			`actito: customers.csv: line 3: the line is blank, which some readers skip and others take for a row: remove it, or write an empty cell as ""`},
		"a blank line at the end": {"id,name\r\n1,Ann\r\n\r\n", "blank-line", 3, "",
			`actito: customers.csv: line 3: the line is blank, which some readers skip and others take for a row: remove it, or write an empty cell as ""`},
		"a blank line in a file of one column": {"id\n1\n\n2\n", "blank-line", 3, "",
			`actito: customers.csv: line 3: the line is blank, which some readers skip and others take for a row: remove it, or write an empty cell as ""`},
		"a quote that is never closed": {"id,name\n1,Ann\n2,\"Bob\n3,Cleo\n4,Dan\n", "quote", 3, "",
			`actito: customers.csv: line 3: the quote opened here is never closed`},
		"a quote in a cell without quotes": {"id,name\n1,5\" nail\n", "quote", 2, "name",
			`actito: customers.csv: line 2: column "name": there is a quote inside a cell that does not start with one: put the cell in quotes and double the quote`},
		"a quote after a space": {"id,name\n1, \"nail\"\n", "quote", 2, "name",
			`actito: customers.csv: line 2: column "name": there is a quote inside a cell that does not start with one: put the cell in quotes and double the quote`},
		"a quote that is not doubled": {"id,name,city\n1,\"a \"big\" nail\",Gent\n", "quote", 2, "name",
			`actito: customers.csv: line 2: column "name": there is text after the end of a quoted cell that was opened in line 2: double the quotes inside cells`},
		"a quote that is closed by another cell's": {"id,name\n1,\"Ann\n2,\"Bob\"\n", "quote", 3, "name",
			`actito: customers.csv: line 3: column "name": there is text after the end of a quoted cell that was opened in line 2: double the quotes inside cells`},
		"text after quotes in a cell too many": {"id\n1,\"a\"b\n", "quote", 2, "",
			`actito: customers.csv: line 2: there is text after the end of a quoted cell that was opened in line 2: double the quotes inside cells`},
		"line ends of an old Mac": {"id,name\r1,Ann\r", "line-end", 1, "",
			`actito: customers.csv: line 1: there is a carriage return without a line feed: end lines in LF or CRLF, or put the cell in quotes`},
		"a carriage return at the end": {"id,name\n1,Ann\r", "line-end", 2, "",
			`actito: customers.csv: line 2: there is a carriage return without a line feed: end lines in LF or CRLF, or put the cell in quotes`},
		"line ends of two kinds": {"id,name\r\n1,Ann\n", "line-end", 2, "",
			`actito: customers.csv: line 2: the line ends in "\n" and those before it in "\r\n": use one of them`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Stage(t.Context(), DataFile(writeFile(t, test.content)))
			require.EqualError(t, err, test.message)
			require.ErrorIs(t, err, ErrInvalid)
			var invalid *ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, &ValidationError{File: "customers.csv", Line: test.line, Column: test.column, Rule: test.rule, Detail: invalid.Detail}, invalid)
		})
	}
}

func TestFilesWithoutRowsAreNoImport(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ content, message string }{
		"an empty file":              {"", "actito: no rows to import: customers.csv is empty"},
		"a header":                   {"id,name\n", "actito: no rows to import: customers.csv has a header only"},
		"a header without line end":  {"id,name", "actito: no rows to import: customers.csv has a header only"},
		"a header with a line break": {"id,\"na\nme\"\n", "actito: no rows to import: customers.csv has a header only"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Stage(t.Context(), DataFile(writeFile(t, test.content)))
			require.EqualError(t, err, test.message)
			require.ErrorIs(t, err, ErrNoRows)
			require.NotErrorIs(t, err, ErrInvalid, "an export without changes is not a mistake")
		})
	}
}

func TestValidFilesAreAccepted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content   string
		separator byte
		header    []string
		rows      int
	}{
		"LF":                               {"id,name\n1,Ann\n2,Bob\n", ',', []string{"id", "name"}, 2},
		"CRLF":                             {"id,name\r\n1,Ann\r\n2,Bob\r\n", ',', []string{"id", "name"}, 2},
		"no line end at the end":           {"id,name\r\n1,Ann", ',', []string{"id", "name"}, 1},
		"an empty cell at the very end":    {"id,name\n1,", ',', []string{"id", "name"}, 1},
		"an empty quoted cell at the end":  {"id\n\"\"", ',', []string{"id"}, 1},
		"one column":                       {"id\n1\n\"\"\n3\n", ',', []string{"id"}, 3},
		"line ends of any kind in quotes":  {"id,name\r\n1,\"a\nb\rc\r\n\r\nd\"\r\n", ',', []string{"id", "name"}, 1},
		"separators and quotes in quotes":  {"id,name\n1,\"a,\"\"b\"\"\"\n", ',', []string{"id", "name"}, 1},
		"a quoted header":                  {"\"i;d\",\"na\"\"me\"\n1,\n", ',', []string{"i;d", `na"me`}, 1},
		"one quoted column with separator": {"\"i;d\"\n1\n", ',', []string{"i;d"}, 1},
		"rows of empty cells":              {"id,name\n,\n,\n", ',', []string{"id", "name"}, 2},
		"cells of spaces":                  {"id,name\n , \n", ',', []string{"id", "name"}, 1},
		"semicolons":                       {"id;name\n1;\"a;b\"\n", ';', []string{"id", "name"}, 1},
		"tabs":                             {"id\tname\n1\ta,b\n", '\t', []string{"id", "name"}, 1},
		"bars":                             {"id|name\n1|Ann\n", '|', []string{"id", "name"}, 1},
		"letters of all lengths":           {"id,prénom\n1,é€😀\n", ',', []string{"id", "prénom"}, 1},
		"the replacement character":        {"id,name\n1,\ufffd\n", ',', []string{"id", "name"}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Stage(t.Context(), DataFile(writeFile(t, test.content), SeparatedBy(test.separator)))
			require.NoError(t, err)
			defer s.Close()
			require.Equal(t, test.rows, s.Files()[0].Rows)
			require.Equal(t, test.header, s.files[0].header)
			require.Equal(t, test.content, unzip(t, s, 0))
		})
	}
}

func TestLineEndsAreKnownForTheDefinition(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{"id\n1": "\n", "id\r\n1\r\n": "\r\n", "id\r\n\"\n\"\r\n": "\r\n"} {
		s, err := Stage(t.Context(), DataBytes("a.csv", []byte(content)))
		require.NoError(t, err)
		require.Equal(t, want, s.files[0].lineEnd)
		require.NoError(t, s.Close())
	}
}

// passed collects what a sink passes on.
type passed struct{ bytes.Buffer }

func (p *passed) begin(_ []string, header []byte) error { return p.write(header, true) }

func (p *passed) write(b []byte, _ bool) error { _, err := p.Write(b); return err }

// checkCSV runs content through a sink and returns what came out.
func checkCSV(content []byte, read func(io.Reader) io.Reader) (*csvSink, []byte, error) {
	var out passed
	sink := newCSVSink("a.csv", ',', &out)
	err := sink.readFrom(context.Background(), read(bytes.NewReader(content)))
	if err == nil {
		err = sink.finish(context.Background())
	}
	return sink, out.Bytes(), err
}

func FuzzCheckAgreesWithEncodingCSV(f *testing.F) {
	for _, seed := range []string{
		"id,name\n1,Ann\n", "id,name\r\n1,\"A\r\n\"\"nn\"\r\n", "id\n\"\"\n", "a,b\n1,2,3\n", "a,b\n1,\"2\n", "a,b\n1,2\"\n",
		"a,b\n\"1\"2,3\n", "a\r\n1\n", "a\r1\r", "a;b\n", "\"a\";b\n", "é,b\n€,😀\n", "\xff,a\n", "a,a\n", "sep=,\n", "a,b\n\n1,2\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := csv.NewReader(bytes.NewReader(content))
		records, reference := r.ReadAll()
		sink, out, err := checkCSV(content, func(r io.Reader) io.Reader { return r })
		_, _, slow := checkCSV(content, iotest.OneByteReader)
		require.Equal(t, err, slow)

		var invalid *ValidationError
		switch {
		case err == nil:
			require.NoError(t, reference)
			require.Equal(t, records[0], sink.header)
			require.Len(t, records[1:], sink.rows)
			require.True(t, bytes.Equal(content, out))
		case errors.As(err, &invalid):
			require.LessOrEqual(t, invalid.Line, 1+bytes.Count(content, []byte{'\n'}))
			if invalid.Rule == "quote" || invalid.Rule == "cell-count" {
				require.Error(t, reference)
			}
		default:
			require.ErrorIs(t, err, ErrNoRows)
		}
	})
}

func FuzzWhatEncodingCSVWritesIsAccepted(f *testing.F) {
	f.Add("Ann", "a,b", "c\"d", true)
	f.Add("", "\r", "\n\r\n", false)
	f.Fuzz(func(t *testing.T, a, b, c string, crlf bool) {
		for _, s := range []*string{&a, &b, &c} {
			*s = strings.ReplaceAll(strings.ToValidUTF8(*s, "?"), "\x00", "?")
		}
		var content bytes.Buffer
		w := csv.NewWriter(&content)
		w.UseCRLF = crlf
		require.NoError(t, w.WriteAll([][]string{{"1", "2", "3"}, {a, b, c}, {c, a, b}}))
		sink, out, err := checkCSV(content.Bytes(), func(r io.Reader) io.Reader { return r })
		require.NoError(t, err)
		require.Equal(t, 2, sink.rows)
		require.Equal(t, content.String(), string(out))
	})
}

func TestNorthwindIsAccepted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "shared", "data", "northwind")
	for name, rows := range map[string]int{"customers.csv": 91, "orders.csv": 830, "order_details.csv": 2155} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("the Northwind sample is not at %s", dir)
		}
		require.NoError(t, err)
		s, err := Stage(t.Context(), DataFile(filepath.Join(dir, name)))
		require.NoError(t, err)
		require.Equal(t, rows, s.Files()[0].Rows)
		require.Equal(t, string(content), unzip(t, s, 0))
		require.NoError(t, s.Close())
	}
}
