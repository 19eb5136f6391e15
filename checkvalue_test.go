package actito

import (
	"bytes"
	"encoding/csv"
	"errors"
	"maps"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// forms in other words, which are slower and easier to read.
var formsInOtherWords = map[string]func(string) bool{
	"INTEGER":      func(s string) bool { _, err := strconv.ParseInt(s, 10, 32); return err == nil },
	"LONG":         func(s string) bool { _, err := strconv.ParseInt(s, 10, 64); return err == nil },
	"NUMBER":       regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`).MatchString,
	"BOOLEAN":      regexp.MustCompile(`^(TRUE|1|Y|FALSE|0|N)$`).MatchString,
	"DATE":         func(s string) bool { return isTimeIn(time.DateOnly, s) },
	"TIMESTAMP":    func(s string) bool { return isTimeIn(time.DateTime, s) },
	"PHONE_NUMBER": regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`).MatchString,
	"EMAIL_ADDRESS": regexp.MustCompile(
		`^[\w!#$%&'*+/=?^\x60{|}~-]+(\.[\w!#$%&'*+/=?^\x60{|}~-]+)*@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$`).MatchString,
}

func isTimeIn(layout, s string) bool {
	t, err := time.Parse(layout, s)
	return err == nil && t.Year() > 0 && t.Format(layout) == s
}

func TestFormsAgreeWithTheirDescription(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.StringMatching(`[+-]?[0-9]{0,20}([.,][0-9]{0,3})?(E[+-][0-9]{1,3})?`),
			rapid.StringMatching(`[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]( [0-2][0-9]:[0-6][0-9]:[0-6][0-9])?`),
			rapid.StringMatching(`[a-z.é!]{0,4}@?[a-z0-9.-]{0,4}\.?[a-zA-Z1]{0,3}`),
			rapid.SampledFrom([]string{"TRUE", "1", "Y", "FALSE", "0", "N", "true", "-9223372036854775808", "-2147483648", "2147483647"}),
			rapid.String(),
		).Draw(t, "value")
		for name, described := range formsInOtherWords {
			require.Equal(t, described(s), forms[name].is([]byte(s)), "%s: %q", name, s)
		}
	})
}

func FuzzValues(f *testing.F) {
	for _, seed := range []string{"", "C1", "1.23E+11", "#REF!", "12-mrt", "2026-03-29 02:30:00", "a@b.be", "+3210458514", "\xff\x00", "-", "É😀,x", "E+11", "--12", "-E+11"} {
		f.Add([]byte(seed))
	}
	zone := brusselsTime(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		for name, described := range formsInOtherWords {
			if described(string(value)) != forms[name].is(value) {
				t.Errorf("%s: %q", name, value)
			}
		}
		for name := range forms {
			c := checkColumn{typ: name, form: forms[name], max: 255, multi: len(value)%2 == 0}
			c.check(value, zone)
		}
		(&checkColumn{max: 3, min: 2}).check(value, zone)
		(&checkColumn{max: 3, accepted: map[string]bool{"A": true}}).check(value, zone)
		if utf8.Valid(value) && units(value) != len(utf16.Encode([]rune(string(value)))) {
			t.Errorf("length of %q", value)
		}
		keys := newKeySet()
		if state, _ := keys.add(value, 7); state != keyAbsent {
			t.Errorf("%q is there before it was added", value)
		}
		if state, line := keys.add(value, 8); state != keyPresent || line != 7 {
			t.Errorf("%q is not there", value)
		}
	})
}

func TestCodesAreThoseOfISO(t *testing.T) {
	t.Parallel()
	count := func(set *codeSet) (n int) {
		for a := 'A'; a <= 'z'; a++ {
			for b := 'A'; b <= 'z'; b++ {
				if set.holds([]byte{byte(a), byte(b)}) {
					n++
				}
			}
		}
		return n
	}
	require.Equal(t, 249, count(countries()))
	require.Equal(t, 4*184, count(languages()), "in every case")
}

func TestKeysAreToldApartByCase(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.OneOf(rapid.StringMatching(`[aAéÉ]{1,3}`), rapid.String())).Draw(t, "values")
		keys := newKeySet()
		var lower []string
		for i, v := range values {
			lower = append(lower, strings.ToLower(v))
			want, line := keyAbsent, 0
			for j, earlier := range values[:i] {
				if lower[j] == lower[i] && want == keyAbsent {
					want, line = keyOtherCase, j+1
				}
				if earlier == v {
					want, line = keyPresent, j+1
					break
				}
			}
			if utf8.ValidString(v) {
				state, first := keys.find([]byte(v))
				require.Equal(t, want, state)
				require.Equal(t, line, first)
			}
			keys.add([]byte(v), i+1)
		}
	})
}

func TestRecordsAreReadAsOtherReadersDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(t, "columns")
		cell := rapid.Custom(drawText)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, width, width), 2, 6).Draw(t, "rows")
		for i := range rows[0] {
			rows[0][i] = string(rune('a' + i))
		}
		separator := rapid.SampledFrom([]byte(",;\t|")).Draw(t, "separator")
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma, w.UseCRLF = rune(separator), rapid.Bool().Draw(t, "CRLF")
		for _, row := range rows {
			if len(row) == 1 && row[0] == "" {
				row[0] = "x" // encoding/csv writes a blank line, which is refused
			}
			require.NoError(t, w.Write(row))
		}
		w.Flush()
		content := text.Bytes()
		if rapid.Bool().Draw(t, "without the last line end") {
			content = bytes.TrimRight(content, "\r\n")
		}
		records := &recordsOf{}
		sink := newCSVSink("f.csv", separator, records)
		records.sink = sink
		chunks := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 5).Draw(t, "chunks")
		for i := 0; len(content) > 0; i++ {
			n := min(chunks[i%len(chunks)], len(content))
			require.NoError(t, sink.readFrom(t.Context(), bytes.NewReader(content[:n])))
			sink.flush(false)
			content = content[n:]
		}
		require.NoError(t, sink.finish(t.Context()))
		got, lines := records.got, records.lines

		in := csv.NewReader(&text)
		in.Comma = rune(separator)
		for i := range rows {
			want, err := in.Read()
			require.NoError(t, err)
			line, _ := in.FieldPos(0)
			for j := range got[i] {
				got[i][j] = strings.ReplaceAll(got[i][j], "\r\n", "\n") // as encoding/csv does
			}
			require.Equal(t, want, got[i])
			require.Equal(t, line, lines[i])
		}
		require.Len(t, got, len(rows))
	})
}

// recordsOf keeps the records of a file.
type recordsOf struct {
	sink  *csvSink
	r     *recordReader
	got   [][]string
	lines []int
}

func (r *recordsOf) begin([]string, []byte) error {
	r.r = newRecordReader(r.sink.separator, r.sink.encoding, maxRecord)
	r.got, r.lines = append(r.got, r.sink.header), append(r.lines, r.sink.start)
	return nil
}

func (r *recordsOf) write(p []byte, endsRow bool) error {
	r.r.read(p)
	if endsRow {
		r.r.endCell()
		var cells []string
		for i := range r.r.ends {
			cells = append(cells, string(r.r.cell(i)))
		}
		r.got, r.lines = append(r.got, cells), append(r.lines, r.sink.start)
		r.r.reset()
	}
	return nil
}

// wideTypes are the types of the columns of wide: what the codec writes fits them.
var wideTypes = map[string]string{
	"flag": "BOOLEAN", "int": "LONG", "int8": "INTEGER", "int64": "LONG", "uint16": "INTEGER", "float32": "NUMBER", "float64": "NUMBER",
	"number": "NUMBER", "day": "DATE", "at": "TIMESTAMP", "wait": "LONG", "longs": "LONG", "days": "DATE", "pint": "LONG", "oflag": "BOOLEAN",
	"oint": "LONG", "ofloat": "NUMBER", "oday": "DATE", "oat": "TIMESTAMP", "oflags": "BOOLEAN", "subscriptions#News é": "BOOLEAN",
}

func TestWhatTheCodecWritesHasTheFormOfItsType(t *testing.T) {
	t.Parallel()
	zone := brusselsTime(t)
	codec, err := newCodec[wide](ProfileTableType, zone)
	require.NoError(t, err)
	names := slices.Sorted(maps.Keys(wideTypes))
	cols, err := codec.columns(names, true)
	require.NoError(t, err)
	r := newRecordReader(';', UTF8, maxRecord)
	rapid.Check(t, func(t *rapid.T) {
		row := drawWide(t)
		line, _, err := cols.appendRow(nil, ';', UTF8, &row)
		if err != nil {
			t.Skip(err)
		}
		r.reset()
		r.read(line)
		r.endCell()
		for i, name := range names {
			c := checkColumn{typ: wideTypes[name], form: forms[wideTypes[name]], multi: true, max: math.MaxInt}
			if cell := r.cell(i); len(cell) > 0 {
				require.Empty(t, c.check(cell, zone), "%s: %q", name, cell)
			}
		}
	})
}

func TestCheckingARowCostsNoAllocation(t *testing.T) {
	f, rows := checkedRows(t, 3000)
	require.NoError(t, f.write(rows[0], true))
	i := 0
	allocs := testing.AllocsPerRun(2000, func() {
		i++
		assert.NoError(t, f.write(rows[i], true))
	})
	require.Less(t, allocs, 0.5) // the set of keys grows
	require.Zero(t, f.counts().Bad)
	require.Empty(t, f.counts().Findings)
}

// checkedRows are rows of 15 columns, and a check that has read their header.
func checkedRows(t testing.TB, n int) (*fileCheck, [][]byte) {
	t.Helper()
	attributes := []Attribute{{Name: "id", ValueType: "STRING", Unique: true, Mandatory: true}, {Name: "email", Type: "EMAIL_ADDRESS"}}
	types := []string{"STRING", "STRING", "INTEGER", "LONG", "NUMBER", "NUMBER", "BOOLEAN", "BOOLEAN", "DATE", "TIMESTAMP", "STRING", "PHONE_NUMBER", "COUNTRY"}
	header := "id,email"
	for i, typ := range types {
		name := "c" + strconv.Itoa(i)
		attributes = append(attributes, Attribute{Name: name, ValueType: typ})
		header += "," + name
	}
	run := &checkRun{holds: map[string]string{}, report: &CheckReport{Files: make([]CheckedFile, 1)}, yield: func(Problem, error) bool { return true }}
	f := &fileCheck{check: run, data: Data{name: "f.csv"}, input: &InputFile{Mode: CreateUpdate}, zone: brusselsTime(t),
		structure: &Structure{Table: CustomTableType, PrimaryKey: "id", Attributes: attributes}}
	f.sink = newSink(&f.data, f)
	f.sink.header = strings.Split(header, ",")
	require.NoError(t, f.begin(f.sink.header, nil))
	rows := make([][]byte, n)
	for i := range rows {
		id := strconv.Itoa(1_000_000 + i)
		rows[i] = []byte("C" + id + ",ann." + id + "@example.com,Zoë,\"Dupont, Frères\",42," + id + ",12.50,-3,TRUE,N,1980-02-29,2026-11-23 10:15:00,,+3247512" + id[3:] + "0,BE\n")
	}
	return f, rows
}

func TestMoreKeysThanACheckHoldsAreAnError(t *testing.T) {
	t.Parallel()
	for most, rule := range map[int]string{100: "", 99: "too-many-keys"} {
		f, rows := checkedRows(t, 100)
		f.columns[0].keys.most = most
		rows = append(rows, rows...) // the same keys again are no more
		err := f.sink.readFrom(t.Context(), bytes.NewReader(bytes.Join(rows, nil)))
		f.sink.flush(true)
		if err = errors.Join(err, f.sink.err); rule == "" {
			require.NoError(t, err)
			require.Equal(t, 200, f.counts().Rows)
			continue
		}
		refused, ok := errors.AsType[*ValidationError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, ValidationError{File: "f.csv", Column: f.columns[0].name, Rule: rule, Detail: refused.Detail}, *refused)
		require.Contains(t, refused.Detail, "more than 99 different values")
		require.Equal(t, 100, f.counts().Rows, "the first that is too many ends the reading")
	}
}

func TestKeysAreFoundAgain(t *testing.T) {
	t.Parallel()
	keys := newKeySet()
	const n = 30_000 // each part of the table grows many times
	for i := range n {
		for at, key := range []string{"Key", "key", "KEY"} {
			state, first := keys.add([]byte(key+strconv.Itoa(i)), 3*i+at+1)
			want, line := keyOtherCase, 3*i+1
			if at == 0 {
				want, line = keyAbsent, 0
			}
			require.Equal(t, want, state)
			require.Equal(t, line, first)
		}
	}
	require.Equal(t, 3*n, keys.size())
	for i := range n {
		for at, key := range []string{"Key", "key", "KEY"} {
			state, line := keys.find([]byte(key + strconv.Itoa(i)))
			require.Equal(t, keyPresent, state)
			require.Equal(t, 3*i+at+1, line)
		}
		state, line := keys.find([]byte("kEY" + strconv.Itoa(i)))
		require.Equal(t, keyOtherCase, state)
		require.Equal(t, 3*i+1, line)
		state, _ = keys.find([]byte("key" + strconv.Itoa(i+n)))
		require.Equal(t, keyAbsent, state)
	}
}

func BenchmarkDryRun(b *testing.B) {
	f, rows := checkedRows(b, 200_000)
	text := bytes.Join(rows, nil)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		f.columns[0].keys = newKeySet()
		require.NoError(b, f.sink.readFrom(b.Context(), bytes.NewReader(text)))
		f.sink.flush(true)
		require.NoError(b, f.sink.err)
	}
	require.Zero(b, f.counts().Bad)
	b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkDryRunKeys(b *testing.B) {
	var before, after runtime.MemStats
	const n = maxCheckedKeys
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		keys := newKeySet()
		var buf []byte
		for i := range n {
			buf = strconv.AppendInt(buf[:0], int64(i), 10)
			keys.add(buf, i+1)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Equal(b, n, keys.size())
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/key")
}
