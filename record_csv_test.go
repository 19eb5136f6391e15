package actito

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestColumnsOfAStruct(t *testing.T) {
	t.Parallel()
	c := mustCodec[customer](t, ProfileTableType)
	plain := []string{"customerID", "emailAddress", "firstName", "birthDate", "gsmNumber", "points", "vip", "interests", "lastVisit"}
	for name, test := range map[string]struct {
		names    []string
		consents bool
		want     []string
	}{
		"are the sent fields without consents": {nil, false, plain},
		"hold subscriptions and segmentations on request": {nil, true, append(plain[:len(plain):len(plain)],
			"subscriptions#Newsletter", "subscriptions#Retargeting", "segmentations#NewsletterActivity", "segmentations#Lapsed")},
		"can be chosen and ordered":    {[]string{"points", "emailAddress"}, false, []string{"points", "emailAddress"}},
		"can be chosen among consents": {[]string{"emailAddress", "subscriptions#Newsletter"}, true, []string{"emailAddress", "subscriptions#Newsletter"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cols, err := c.columns(test.names, test.consents)
			require.NoError(t, err)
			require.Equal(t, test.want, cols.header())
		})
	}
	for name, test := range map[string]struct {
		names []string
		want  string
	}{
		"not one without a field":   {[]string{"emailAdress"}, `"emailAdress": no field of actito.customer`},
		"not one of the server":     {[]string{"creationMoment"}, "server's own"},
		"not one twice":             {[]string{"points", "points"}, "named twice"},
		"not a consent by accident": {[]string{"subscriptions#Newsletter"}, "WithSubscriptions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.columns(test.names, false)
			require.ErrorContains(t, err, test.want)
		})
	}
	t.Run("not a readonly one", func(t *testing.T) {
		t.Parallel()
		type row struct {
			A string `actito:"a,readonly"`
		}
		_, err := mustCodec[row](t, CustomTableType).columns([]string{"a"}, false)
		require.ErrorContains(t, err, "row.A is readonly")
		_, err = mustCodec[row](t, CustomTableType).columns(nil, false)
		require.ErrorContains(t, err, "no field")
	})
}

func TestColumnsOfMapsMustBeNamed(t *testing.T) {
	t.Parallel()
	c := mustCodec[map[string]any](t, ProfileTableType)
	_, err := c.columns(nil, true)
	require.ErrorContains(t, err, "name them")
	for name, want := range map[string]string{
		"": "empty", "profileId": "server's own", "consents#a": "unknown prefix", "subscriptions#a": "WithSubscriptions",
	} {
		_, err := c.columns([]string{name}, false)
		require.ErrorContains(t, err, want)
	}
}

func TestRowsBecomeLines(t *testing.T) {
	t.Parallel()
	c := mustCodec[customer](t, ProfileTableType)
	cols, err := c.columns(nil, true)
	require.NoError(t, err)
	line, empty, err := cols.appendRow([]byte("before\n"), ';', UTF8, &john)
	require.NoError(t, err)
	require.Equal(t, "before\n;john@example.com;John;1980-02-03;;42;FALSE;\"wine,\"\"cheese\"\"\";2026-11-23 10:15:00;TRUE;FALSE;TRUE;FALSE\n", string(line))
	require.Equal(t, blanks{unset: "customerID", null: "gsmNumber"}, empty)
}

func TestBlanksTellUnsetFromNull(t *testing.T) {
	t.Parallel()
	type row struct {
		Text    string      `actito:"text"`
		Opt     Opt[string] `actito:"opt"`
		List    Opt[[]int]  `actito:"list"`
		Pointer *string     `actito:"pointer"`
		Zero    int         `actito:"zero,omitzero"`
		IP      netip.Addr  `actito:"ip"`
	}
	full := row{"a", Set("b"), Set([]int{1}), new("c"), 1, netip.IPv4Unspecified()}
	for name, test := range map[string]struct {
		change func(*row)
		want   blanks
	}{
		"a full row has none":                   {func(*row) {}, blanks{}},
		"an empty text is unset":                {func(r *row) { r.Text = "" }, blanks{unset: "text"}},
		"an Opt can be unset":                   {func(r *row) { r.Opt = Opt[string]{} }, blanks{unset: "opt"}},
		"an Opt can be null":                    {func(r *row) { r.Opt = Null[string]() }, blanks{null: "opt"}},
		"an empty text that is set clears":      {func(r *row) { r.Opt = Set("") }, blanks{null: "opt"}},
		"an empty list that is set clears":      {func(r *row) { r.List = Set([]int{}) }, blanks{null: "list"}},
		"a nil pointer is unset":                {func(r *row) { r.Pointer = nil }, blanks{unset: "pointer"}},
		"a pointer to an empty text clears":     {func(r *row) { r.Pointer = new("") }, blanks{null: "pointer"}},
		"omitzero leaves zero unset":            {func(r *row) { r.Zero = 0 }, blanks{unset: "zero"}},
		"a type without text is unset":          {func(r *row) { r.IP = netip.Addr{} }, blanks{unset: "ip"}},
		"the first column of each kind is told": {func(r *row) { *r = row{Opt: Null[string](), List: Null[[]int]()} }, blanks{unset: "text", null: "opt"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cols, err := mustCodec[row](t, CustomTableType).columns(nil, false)
			require.NoError(t, err)
			r := full
			test.change(&r)
			_, got, err := cols.appendRow(nil, ',', UTF8, &r)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestRowsThatAFileCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	c := mustCodec[map[string]any](t, ProfileTableType)
	c, err := c.keyedBy("id")
	require.NoError(t, err)
	cols, err := c.columns([]string{"id", "a", "subscriptions#b"}, true)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		row          map[string]any
		column, rule string
	}{
		"a row without its key":        {map[string]any{"a": 1}, "id", "empty-key"},
		"a row whose key is null":      {map[string]any{"id": nil}, "id", "empty-key"},
		"a row whose key is empty":     {map[string]any{"id": ""}, "id", "empty-key"},
		"a value without a column":     {map[string]any{"id": 1, "z": 1, "y": 1}, "y", "unknown-column"},
		"a comma within a list":        {map[string]any{"id": 1, "a": []string{"x", "secret,"}}, "a", "multi-value"},
		"an empty text within a list":  {map[string]any{"id": 1, "a": []string{""}}, "a", "multi-value"},
		"nil within a list":            {map[string]any{"id": 1, "a": []any{nil}}, "a", "type"},
		"text that is not UTF-8":       {map[string]any{"id": 1, "a": "secret\xff"}, "a", "text"},
		"a date that is set and empty": {map[string]any{"id": 1, "a": Set(Date{})}, "a", "empty-value"},
		"a null subscription":          {map[string]any{"id": 1, "subscriptions#b": nil}, "subscriptions#b", "null-consent"},
		"a value that has no text":     {map[string]any{"id": 1, "a": textless("secret")}, "a", "text-form"},
		"a type that no attribute has": {map[string]any{"id": 1, "a": struct{}{}}, "a", "type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line, _, err := cols.appendRow([]byte("before\n"), ';', UTF8, &test.row)
			requireRefused(t, err, test.column, test.rule)
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, "before\n", string(line), "nothing of the row is left behind")
		})
	}
}

// textless fails as an AppendText may, without what was there before.
type textless string

func (s textless) AppendText([]byte) ([]byte, error) { return nil, errors.New(string(s)) }
func (s *textless) UnmarshalText(b []byte) error     { *s = textless(b); return nil }

func TestMapsBecomeLinesOfTheNamedColumns(t *testing.T) {
	t.Parallel()
	cols, err := mustCodec[map[string]any](t, ProfileTableType).columns([]string{"b", "a", "c", "subscriptions#d"}, true)
	require.NoError(t, err)
	line, empty, err := cols.appendRow(nil, '\t', UTF8, &map[string]any{
		"a": json.Number("1e2"), "b": []any{true, "x", json.Number("2")}, "c": nil, "profileId": json.Number("7"),
	})
	require.NoError(t, err)
	require.Equal(t, "TRUE,x,2\t100\t\t\n", string(line))
	require.Equal(t, blanks{unset: "subscriptions#d", null: "c"}, empty)
}

func TestLinesAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	c := mustCodec[wide](t, ProfileTableType)
	rapid.Check(t, func(t *rapid.T) {
		sep := drawSeparator(t)
		enc := rapid.SampledFrom([]Encoding{"", UTF8, ISO88591}).Draw(t, "encoding")
		rows := rapid.SliceOfN(rapid.Custom(drawWide), 1, 4).Draw(t, "rows")
		cols, err := c.columns(nil, true)
		require.NoError(t, err)
		file, err := cols.appendHeader(nil, sep, enc)
		require.NoError(t, err)
		for i := range rows {
			if enc == ISO88591 {
				rows[i] = latin1Texts(rows[i])
			}
			file, _, err = cols.appendRow(file, sep, enc, &rows[i])
			require.NoError(t, err)
		}

		lines := readCSV(t, file, sep, enc)
		require.Len(t, lines, len(rows)+1)
		for i, row := range rows {
			var got wide
			require.NoError(t, c.decodeCells(lines[0], lines[i+1], &got))
			require.Equal(t, withoutNulls(row), got)
		}
	})
}

func TestRowsWithOtherCharactersAreRefusedInLatin1(t *testing.T) {
	t.Parallel()
	type row struct {
		ID    string        `actito:"id,key"`
		Texts []string      `actito:"texts"`
		Text  Opt[string]   `actito:"text"`
		Color Opt[color]    `actito:"color"`
		At    Opt[DateTime] `actito:"at"`
	}
	cols, err := mustCodec[row](t, CustomTableType).columns(nil, false)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		r := row{drawElement(t), drawList(t, drawElement), drawOpt(t, drawElement), Set(color(drawText(t))), drawOpt(t, drawDateTime)}
		line, want, err := cols.appendRow([]byte("before\n"), ';', UTF8, &r)
		require.NoError(t, err)
		got, empty, err := cols.appendRow([]byte("before\n"), ';', ISO88591, &r)
		if hasOthers(string(line)) {
			column := "color"
			switch {
			case hasOthers(r.ID):
				column = "id"
			case hasOthers(strings.Join(r.Texts, "")):
				column = "texts"
			case hasOthers(r.Text.value):
				column = "text"
			}
			requireRefused(t, err, column, "encoding")
			require.Equal(t, "before\n", string(got), "nothing of the row is left behind")
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, empty)
		require.Equal(t, readCSV(t, line[len("before\n"):], ';', UTF8), readCSV(t, got[len("before\n"):], ';', ISO88591))
	})
}

func TestAHeaderThatTheEncodingLacksIsRefused(t *testing.T) {
	t.Parallel()
	cols, err := mustCodec[map[string]any](t, ProfileTableType).columns([]string{"pr\u00e9nom", "pr\u00eanom \u0153"}, false)
	require.NoError(t, err)
	header, err := cols.appendHeader([]byte("before\n"), ';', UTF8)
	require.NoError(t, err)
	require.Equal(t, "before\npr\u00e9nom;pr\u00eanom \u0153\n", string(header))
	header, err = cols.appendHeader([]byte("before\n"), ';', ISO88591)
	requireRefused(t, err, "pr\u00eanom \u0153", "encoding")
	require.Equal(t, "before\n", string(header))

	cols, err = mustCodec[map[string]any](t, ProfileTableType).columns([]string{"pr\u00e9nom"}, false)
	require.NoError(t, err)
	header, err = cols.appendHeader(nil, ';', ISO88591)
	require.NoError(t, err)
	require.Equal(t, "pr\xe9nom\n", string(header))
	line, _, err := cols.appendRow(header, ';', ISO88591, &map[string]any{"pr\u00e9nom": "Zo\u00eb; \u00c9."})
	require.NoError(t, err)
	require.Equal(t, "pr\xe9nom\n\"Zo\xeb; \xc9.\"\n", string(line))
}

func TestNoFileBeginsLikeAByteOrderMark(t *testing.T) {
	t.Parallel()
	for name, enc := range map[string]Encoding{"\ufeffid": UTF8, "\u00ef\u00bb\u00bfid": ISO88591, "\u00fe\u00ffid": ISO88591, "\u00ff\u00feid": ISO88591} {
		cols, err := mustCodec[map[string]any](t, CustomTableType).columns([]string{name}, false)
		require.NoError(t, err)
		file, err := cols.appendHeader(nil, ',', enc)
		require.NoError(t, err)
		require.Equal(t, byte('"'), file[0])
		file, _, err = cols.appendRow(file, ',', enc, &map[string]any{name: name})
		require.NoError(t, err)
		require.Equal(t, [][]string{{name}, {name}}, readCSV(t, file, ',', enc))
	}
}

func drawSeparator(t *rapid.T) byte {
	return byte(rapid.IntRange(1, 127).Filter(func(b int) bool { return b != '"' && b != '\r' && b != '\n' }).Draw(t, "separator"))
}

// readCSV reads a file with encoding/csv, which takes each separator that a file may have.
func readCSV(t require.TestingT, file []byte, sep byte, enc Encoding) [][]string {
	text := string(file)
	if enc == ISO88591 {
		runes := make([]rune, len(file))
		for i, b := range file {
			runes[i] = rune(b)
		}
		text = string(runes)
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = rune(sep)
	lines, err := r.ReadAll()
	require.NoError(t, err)
	return lines
}

// hasOthers reports whether a text has characters that ISO-8859-1 does not have.
func hasOthers(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r > 0xff })
}

// latin1Texts replaces the characters of the texts that ISO-8859-1 does not have.
func latin1Texts(w wide) wide {
	replace := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r &= 0xff; r == 0 || r == '\r' || r == ',' {
				return 'x'
			}
			return r
		}, s)
	}
	w.ID, w.Color, w.Street, w.City, w.OText.value = replace(w.ID), color(replace(string(w.Color))), replace(w.Street), replace(w.City), replace(w.OText.value)
	for i, s := range w.Texts {
		w.Texts[i] = replace(s)
	}
	if w.PText != nil {
		w.PText = new(replace(*w.PText))
	}
	return w
}

// withoutNulls is what a file can tell of a row: an empty cell reads as unset.
func withoutNulls(w wide) wide {
	unset(&w.OText)
	unset(&w.OFlag)
	unset(&w.OInt)
	unset(&w.OFloat)
	unset(&w.ODay)
	unset(&w.OAt)
	unset(&w.OIP)
	unset(&w.OFlags)
	return w
}

func unset[V any](o *Opt[V]) {
	if o.IsNull() {
		*o = Opt[V]{}
	}
}

func TestCellsOfRejectsAreRead(t *testing.T) {
	t.Parallel()
	header := []string{"emailAddress", "unknown", "points", "vip", "subscriptions#Newsletter", "interests", "gsmNumber", "errorCode"}
	cells := []string{"john@example.com", "x", "42", "Y", "0", "wine,beer", ""}

	t.Run("into a struct", func(t *testing.T) {
		t.Parallel()
		row := customer{Phone: Set("gone")}
		require.NoError(t, mustCodec[customer](t, ProfileTableType).decodeCells(header, cells, &row))
		require.Equal(t, customer{
			Email: "john@example.com", Points: 42, VIP: true, Newsletter: Set(false), Interests: []string{"wine", "beer"},
		}, row)
	})
	t.Run("into a map", func(t *testing.T) {
		t.Parallel()
		var row map[string]any
		require.NoError(t, mustCodec[map[string]any](t, ProfileTableType).decodeCells(header, cells, &row))
		require.Equal(t, map[string]any{
			"emailAddress": "john@example.com", "unknown": "x", "points": "42", "vip": "Y", "subscriptions#Newsletter": false, "interests": "wine,beer",
		}, row)
	})
	t.Run("unless the key is not among them", func(t *testing.T) {
		t.Parallel()
		var row customer
		err := mustCodec[customer](t, ProfileTableType).decodeCells([]string{"Mail"}, []string{"john@example.com"}, &row)
		require.ErrorContains(t, err, `no column "emailAddress"`)
	})
	t.Run("unless they do not fit", func(t *testing.T) {
		t.Parallel()
		var row customer
		err := mustCodec[customer](t, ProfileTableType).decodeCells([]string{"emailAddress", "points"}, []string{"john@example.com", "secret"}, &row)
		require.ErrorContains(t, err, `"points"`)
		require.ErrorContains(t, err, "customer.Points of type int")
		require.NotContains(t, err.Error(), "secret")
		var m map[string]any
		err = mustCodec[map[string]any](t, ProfileTableType).decodeCells([]string{"subscriptions#a"}, []string{"secret"}, &m)
		require.ErrorContains(t, err, `"subscriptions#a"`)
		require.NotContains(t, err.Error(), "secret")
	})
}

// order is a row of 15 columns.
type order struct {
	ID      string      `actito:"orderId,key"`
	Email   string      `actito:"emailAddress"`
	First   string      `actito:"firstName"`
	Last    string      `actito:"lastName"`
	Street  string      `actito:"street"`
	Points  int         `actito:"points"`
	Total   int64       `actito:"total"`
	Amount  float64     `actito:"amount"`
	Paid    bool        `actito:"paid"`
	Phone   Opt[string] `actito:"phone"`
	Items   Opt[int]    `actito:"items"`
	Birth   Date        `actito:"birthDate"`
	At      DateTime    `actito:"orderMoment"`
	Country Opt[Date]   `actito:"shipped"`
	Gift    Opt[bool]   `actito:"gift"`
}

func sampleOrder() *order {
	return &order{
		"C-000001", "ann@example.com", "Ann", "Peeters", "Rue de la Loi 1", 42, 1 << 40, 12.5, true, Set("+3210458514"), Set(3),
		NewDate(1980, 2, 3), DateTimeOf(time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)), Set(NewDate(2026, 11, 24)), Set(true),
	}
}

func TestWritingARowAllocatesNothing(t *testing.T) {
	cols, err := mustCodec[order](t, CustomTableType).columns(nil, false)
	require.NoError(t, err)
	full := sampleOrder()
	full.Street = `Chaussée "de la Loi"; 1`
	unset := &order{ID: "C-000002", Gift: Null[bool]()}
	buffer := make([]byte, 0, 1024)
	for _, enc := range []Encoding{UTF8, ISO88591} {
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			buffer, _, _ = cols.appendRow(buffer[:0], ';', enc, full)
			buffer, _, _ = cols.appendRow(buffer, ';', enc, unset)
		}))
		require.Contains(t, string(buffer), "\nC-000002;;;;;0;0;0;FALSE;;;;;;\n")
	}
}

func BenchmarkAppendRow(b *testing.B) {
	cols, err := mustCodec[order](b, CustomTableType).columns(nil, false)
	require.NoError(b, err)
	row := sampleOrder()
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer, _, err = cols.appendRow(buffer[:0], ';', UTF8, row)
	}
	require.NoError(b, err)
}

func BenchmarkAppendRowOfMap(b *testing.B) {
	structs := mustCodec[order](b, CustomTableType)
	cols, err := structs.columns(nil, false)
	require.NoError(b, err)
	mapCols, err := mustCodec[map[string]any](b, CustomTableType).columns(cols.header(), false)
	require.NoError(b, err)
	body, err := structs.appendRecord(nil, sampleOrder())
	require.NoError(b, err)
	row, err := mustCodec[map[string]any](b, CustomTableType).decodeRecord(body)
	require.NoError(b, err)
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer, _, err = mapCols.appendRow(buffer[:0], ';', UTF8, &row)
	}
	require.NoError(b, err)
}

func TestAKeyOfAMapIsRefusedInAFileAsInACall(t *testing.T) {
	t.Parallel()
	c, err := mustCodec[map[string]any](t, CustomTableType).keyedBy("id")
	require.NoError(t, err)
	cols, err := c.columns([]string{"id", "a"}, true)
	require.NoError(t, err)
	for _, key := range []any{9007199254740993.0, true, Set("x")} {
		_, _, err := cols.appendRow(nil, ',', UTF8, &map[string]any{"id": key, "a": 1.5})
		var refused *ValidationError
		require.ErrorAs(t, err, &refused, "%v", key)
		require.Equal(t, "id", refused.Column)
	}
	line, _, err := cols.appendRow(nil, ',', UTF8, &map[string]any{"id": json.Number("7"), "a": true})
	require.NoError(t, err)
	require.Equal(t, "7,TRUE\n", string(line))
}
