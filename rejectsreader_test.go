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
		r, header, err := rejectsReader(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(header) < 3 || header[len(header)-2] != columnErrorCode {
			t.Fatalf("header %q", header)
		}
		for {
			cells, err := r.Read()
			var malformed *csv.ParseError
			switch {
			case errors.Is(err, io.EOF), errors.As(err, &malformed):
				return
			case err != nil:
				t.Fatal(err)
			case len(cells) != len(header):
				t.Fatalf("%d cells under %d columns", len(cells), len(header))
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
		r, got, err := rejectsReader(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		all, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
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
