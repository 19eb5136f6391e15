package actito

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/actito-go/actito/internal/csvrow"
)

func FuzzRejectsReader(f *testing.F) {
	f.Add("orderId,amount,errorCode,errorColumn\nO1,1,E,amount\n")
	f.Add("\ufeff\"a\";\"errorCode\";\"errorColumn\"\r\n\"x\ny\";E;\r\n")
	f.Add("a_errorCode_errorColumn")
	f.Add("errorCode,errorColumn\n,\n")
	f.Add("a\xe9\xe9errorCode\xe9errorColumn\n")
	f.Fuzz(func(t *testing.T, text string) {
		var r rejectsFile
		if r.open(strings.NewReader(text)) != nil {
			return
		}
		if len(r.header) < 3 || r.header[len(r.header)-2] != columnErrorCode {
			t.Fatalf("header %q", r.header)
		}
		for {
			row, err := r.next()
			var malformed *csv.ParseError
			switch {
			case errors.Is(err, io.EOF), errors.As(err, &malformed):
				return
			case err != nil:
				t.Fatal(err)
			case (len(row.cells) != len(r.header)) != (row.err != nil):
				t.Fatalf("%d cells under %d columns: %v", len(row.cells), len(r.header), row.err)
			case !strings.Contains(text, string(row.raw)):
				t.Fatalf("%q is not of the file", row.raw)
			case row.err == nil:
				sameOwnCells(t, &r, row)
			}
		}
	})
}

// What stands in a file comes back from its rejects, whatever separates the cells.
func TestRejectsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		separator := rapid.SampledFrom([]byte(",;\t|:_ e")).Draw(t, "separator")
		cell := rapid.StringOf(rapid.SampledFrom([]rune("aé\n\",;\t|:_ eC1")))
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		header := rapid.SliceOfN(rapid.StringMatching(`[a-z"; \n]{1,12}`), columns, columns).Draw(t, "header")
		header = append(header, columnErrorCode, columnErrorColumn)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, columns+2, columns+2), 0, 5).Draw(t, "rows")
		text := csvrow.Append(nil, separator, header...)
		for _, row := range rows {
			text = csvrow.Append(text, separator, row...)
		}
		var r rejectsFile
		if err := r.open(strings.NewReader(string(text))); err != nil {
			t.Fatal(err)
		}
		got, raw := r.header, string(r.rawHeader)
		var all [][]string
		for {
			row, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || row.err != nil {
				t.Fatal(err, row)
			}
			all, raw = append(all, row.cells), raw+string(row.raw)
			sameOwnCells(t, &r, row)
		}
		if raw != string(text) {
			t.Fatalf("%q was taken from %q", raw, text)
		}
		if len(all) != len(rows) {
			t.Fatalf("%d of %d rows", len(all), len(rows))
		}
		for i, row := range append([][]string{header}, rows...) {
			back := got
			if i > 0 {
				back = all[i-1]
			}
			if strings.Join(row, "\x00") != strings.Join(back, "\x00") {
				t.Fatalf("%q came back as %q", row, back)
			}
		}
	})
}

// sameOwnCells compares what a repair file would hold of a row with its cells.
func sameOwnCells(t interface{ Fatalf(string, ...any) }, f *rejectsFile, row *rejectedRow) {
	n := len(f.header) - 2
	own := row.raw[:ownCells(row.raw, f.csv.Comma, n)]
	r := csv.NewReader(strings.NewReader(string(own) + "\n"))
	r.Comma = f.csv.Comma
	cells, err := r.Read()
	if len(own) == 0 {
		cells, err = []string{""}, nil
	}
	if err != nil || len(cells) != n {
		t.Fatalf("%q of %q has %d cells: %v", own, row.raw, len(cells), err)
	}
	for i, cell := range cells {
		if toUTF8(cell) != row.cells[i] {
			t.Fatalf("cell %q of %q is %q", row.cells[i], row.raw, cell)
		}
	}
}
