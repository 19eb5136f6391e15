package actito

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// zipped is an archive of files, given as name, text, name, text, …
func zipped(t require.TestingT, files ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		require.NoError(t, err)
		_, err = io.WriteString(f, files[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipped(t require.TestingT, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestTheFileInAPackedOneIsStaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	for name, d := range map[string]Data{
		"a ZIP file":            DataFile(file("people.csv.zip", zipped(t, "other.txt", people)), Unpack(ZIP)),
		"a ZIP in memory":       DataBytes("people.csv.ZIP", zipped(t, "people.csv", people), Unpack(ZIP)),
		"an entry of a ZIP":     DataBytes("all.zip", zipped(t, "out/", "", "out/people.csv", people, "out/b.csv", "id\n1\n"), UnpackEntry("out/people.csv")),
		"a GZIP file":           DataFile(file("people.csv.gz", gzipped(t, people)), Unpack(GZIP)),
		"a GZIP of two members": DataBytes("people.csv.gz", append(gzipped(t, people[:9]), gzipped(t, people[9:])...), Unpack(GZIP)),
		"a GZIP that is read":   DataReader("people.csv.gz", bytes.NewReader(gzipped(t, people)), Unpack(GZIP)),
		"a name of its own":     DataBytes("x.gz", gzipped(t, people), Named("people.csv"), Unpack(GZIP)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := onDisk(t).stage(t.Context(), []Data{d})
			require.NoError(t, err)
			defer s.Close()
			require.Equal(t, "people.csv", s.files[0].Name)
			require.Equal(t, 2, s.files[0].Rows)
			require.Equal(t, people, textOf(t, &s.files[0]))
		})
	}
}

func TestPackedFilesThatCannotBeTakenAreRefused(t *testing.T) {
	t.Parallel()
	two := zipped(t, "a.csv", people, "b.csv", people)
	encrypted := zipped(t, "a.csv", people)
	encrypted[bytes.LastIndex(encrypted, []byte("PK\x01\x02"))+8] |= 1
	link := zipped(t, "a.csv", "/etc/passwd")
	entry := link[bytes.LastIndex(link, []byte("PK\x01\x02")):]
	entry[5], entry[41] = 3, 0xA0 // made on Unix, where it is a symbolic link
	foreign := zipped(t, "a.csv", people)
	foreign[bytes.LastIndex(foreign, []byte("PK\x01\x02"))+10] = 9 // Deflate64
	damaged := zipped(t, "a.csv", people+strings.Repeat("3,Cid\n", 1000))
	damaged[60] ^= 0xff
	for name, tt := range map[string]struct {
		data    Data
		message string
	}{
		"several files": {DataBytes("a.zip", two, Unpack(ZIP)),
			`actito: a: the archive has 2 files: choose one with UnpackEntry, of "a.csv", "b.csv"`},
		"a name that is not there": {DataBytes("a.zip", two, UnpackEntry("c.csv")), `actito: c.csv: the archive does not have the file`},
		"no file":                  {DataBytes("a.zip", zipped(t), Unpack(ZIP)), `actito: a: the archive does not have the file`},
		"the same name twice": {DataBytes("a.zip", zipped(t, "a.csv", people, "a.csv", people), UnpackEntry("a.csv")),
			`actito: a.csv: the archive has several files of this name`},
		"a way out": {DataBytes("a.zip", zipped(t, "../a.csv", people), Unpack(ZIP)), `actito: a: the name of the file leads out of the archive`},
		"a foreign way out": {DataBytes("a.zip", zipped(t, `..\a.csv`, people), UnpackEntry(`..\a.csv`)),
			"actito: data needs a plain file name of at most 200 bytes, not \"..\\\\a.csv\""},
		"a link":    {DataBytes("a.zip", link, Unpack(ZIP)), `actito: a: the file in the archive is a link or a device`},
		"encrypted": {DataBytes("a.zip", encrypted, Unpack(ZIP)), `actito: a: the file in the archive is encrypted`},
		"compressed in another way": {DataBytes("a.zip", foreign, Unpack(ZIP)),
			`actito: a: the file in the archive is compressed in a way that is not known: compress it with Deflate`},
		"no archive":       {DataBytes("a.zip", []byte(people), Unpack(ZIP)), `actito: a: the data is not a ZIP archive, or damaged`},
		"no GZIP":          {DataBytes("a.csv.gz", []byte(people), Unpack(GZIP)), `actito: a.csv: the data is not compressed with GZIP, or damaged`},
		"a ZIP to be read": {DataReader("a.zip", bytes.NewReader(two), Unpack(ZIP)), `actito: a: a ZIP archive cannot be read from a reader: give it as a file or bytes`},
		"a mistake in it":  {DataBytes("a.zip", zipped(t, "a.csv", people+"3\n"), UnpackEntry("a.csv")), `actito: a.csv: line 4: the number of cells is 1 instead of the header's 2; a cell that holds the separator or a line end must be in quotes`},
		"rows": {DataRows("a.csv", FromSlice([]struct {
			ID string `actito:"id,key"`
		}{{"1"}}), Unpack(ZIP)), `actito: a.csv: FromExcel and Unpack are for files that exist, not for rows`},
		"an unknown way": {DataBytes("a.rar", two, Unpack("RAR")), `actito: a.rar: a file is unpacked from ZIP or GZIP, not from "RAR"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := onDisk(t).stage(t.Context(), []Data{tt.data})
			require.EqualError(t, err, tt.message)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
	for name, d := range map[string]Data{
		"a damaged ZIP":  DataBytes("a.zip", damaged, Unpack(ZIP)),
		"half of a GZIP": DataBytes("a.gz", gzipped(t, people)[:25], Unpack(GZIP)),
	} {
		_, err := onDisk(t).stage(t.Context(), []Data{d})
		require.Error(t, err, name)
	}
}

func TestAPackedFileThatChangesIsRefused(t *testing.T) {
	t.Parallel()
	path := writeFile(t, string(gzipped(t, "id\n"+strings.Repeat("0123456789abc\n", 50_000))))
	_, err := onDisk(t).stage(&midway{Context: t.Context(), do: func() {
		require.NoError(t, os.Truncate(path, 1<<20)) // zeroes behind the end
	}}, []Data{DataFile(path, Unpack(GZIP))})
	require.EqualError(t, err, "actito: customers.csv: the file changed while it was read: write it under another name and rename it once it is complete")
}

func TestFilesInISO88591AreStagedByteForByte(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.StringOf(rapid.SampledFrom([]rune("ab \u00a0éÿþïÃ©")))
		var text strings.Builder
		text.WriteString("id,pr\xe9nom\n")
		for range rapid.IntRange(1, 10).Draw(t, "rows") {
			for _, r := range cells.Draw(t, "id") {
				text.WriteByte(byte(r))
			}
			text.WriteString(",x\n")
		}
		s, err := Stage(t.Context(), DataBytes("a.csv", []byte(text.String()), Encoded(ISO88591)))
		require.NoError(t, err)
		defer s.Close()
		require.Equal(t, text.String(), textOf(t, &s.files[0]))
		require.Equal(t, []string{"id", "prénom"}, s.files[0].header)
		require.Equal(t, ISO88591, s.Files()[0].Encoding)
	})
}

func TestFilesThatAreDeclaredWronglyAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1,x\n", 50_000)
	for name, tt := range map[string]struct {
		text    string
		how     DataOption
		message string
	}{
		"Windows-1252 as ISO-8859-1": {"id,name\n1,5 \x80\n", Encoded(ISO88591),
			`actito: a.csv: line 2: column "name": there is a character that ISO-8859-1 does not have; spreadsheet programs save Windows-1252, which FromExcel declares`},
		"UTF-8 as ISO-8859-1": {"id,name\n1,Zo\u00eb\n", Encoded(ISO88591),
			`actito: a.csv: the file is declared to be in ISO-8859-1, and is UTF-8: declare what it is`},
		"UTF-8 as ISO-8859-1, far into the file": {"id,name\n" + long + "1,Zo\u00eb\n", Encoded(ISO88591),
			`actito: a.csv: the file is declared to be in ISO-8859-1, and is UTF-8: declare what it is`},
		"UTF-8 without a mark as of a spreadsheet": {"id,name\n1,Zo\u00eb\n", FromExcel(),
			`actito: a.csv: the file is declared to be in Windows-1252, and is UTF-8: declare what it is`},
		"what is not in Windows-1252": {"id,name\n1,\x81\n", FromExcel(),
			`actito: a.csv: line 2: column "name": there is a byte that has no meaning in Windows-1252: the file is in another encoding`},
		"another encoding": {people, Encoded("UTF-16"), `actito: a.csv: the encoding is UTF8 or ISO88591, not "UTF-16"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Stage(t.Context(), DataBytes("a.csv", []byte(tt.text), tt.how))
			require.EqualError(t, err, tt.message)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
}

func TestFilesOfSpreadsheetsAreRepaired(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text, want string
		rows       int
		how        []DataOption
	}{
		"nothing to repair":          {people, people, 2, nil},
		"a mark":                     {"\xef\xbb\xbfid,name\n1,Zo\u00eb\n", "id,name\n1,Zoë\n", 1, nil},
		"Windows-1252":               {"id,pr\xe9nom\r\n1,5 \x80 \x96 \xe9\r\n", "id,prénom\r\n1,5 € – é\r\n", 1, nil},
		"a sep= line":                {"sep=;\r\nid;name\r\n1;Ann\r\n", "id;name\r\n1;Ann\r\n", 1, nil},
		"a sep= line behind a mark":  {"\xef\xbb\xbfsep=\t\nid\tname\n1\tAnn\n", "id\tname\n1\tAnn\n", 1, nil},
		"a sep= line as declared":    {"sep=;\nid;name\n1;Ann\n", "id;name\n1;Ann\n", 1, []DataOption{SeparatedBy(';')}},
		"no-break spaces in names":   {"id,first\xa0name \n1,a\xa0b\n", "id,first name\n1,a\u00a0b\n", 1, nil},
		"columns without a name":     {"id,name,,\n1,Ann,,\n2,\"Bob\",\"\",\n3,Cid\n", "id,name\n1,Ann\n2,\"Bob\"\n3,Cid\n", 3, nil},
		"more cells than columns":    {"id,name\n1,Ann,,,\n", "id,name\n1,Ann\n", 1, nil},
		"rows without a value":       {"id,name\n1,Ann\n,\n\n,,,\n\"\",\n", "id,name\n1,Ann\n", 1, nil},
		"no line end at the end":     {"id,name,\r\n1,Ann,", "id,name\r\n1,Ann", 1, nil},
		"an empty row without end":   {"id,name\n1,Ann\n,", "id,name\n1,Ann\n", 1, nil},
		"all of it":                  {"sep=;\r\nid;na\xa0me;\r\n1;\"A;\"\"\r\n\x80\";\r\n;;\r\n", "id;na me\r\n1;\"A;\"\"\r\n€\"\r\n", 1, nil},
		"rows longer than buffers":   {"id,name,\n1," + strings.Repeat("\xe9", 100_000) + ",\n", "id,name\n1," + strings.Repeat("é", 100_000) + "\n", 1, nil},
		"a separator in a last cell": {"id,name,\n1,\"a,b\",\n", "id,name\n1,\"a,b\"\n", 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Stage(t.Context(), DataBytes("a.csv", []byte(tt.text), append(tt.how, FromExcel())...))
			require.NoError(t, err)
			defer s.Close()
			require.Equal(t, tt.want, textOf(t, &s.files[0]))
			require.Equal(t, tt.rows, s.files[0].Rows)
			require.Equal(t, UTF8, s.files[0].Encoding)
		})
	}
}

func TestWhatIsWrongWithASpreadsheetsFileIsSaidWithItsOwnLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, message string }{
		"an empty row in the middle": {"sep=,\nid,name\n1,Ann\n,\n\n2,Bob\n", `actito: a.csv: line 4: the row is empty and others follow it: remove it`},
		"a value without a column":   {"sep=,\nid,name,\n1,Ann,\n2,Bob,x\n", `actito: a.csv: line 4: cell 3 has a value, and its column has no name in the header`},
		"a row that is too short":    {"sep=,\nid,name,city\n1,Ann,Gent\n2,Bob\n", `actito: a.csv: line 4: the number of cells is 2 instead of the header's 3; a cell that holds the separator or a line end must be in quotes`},
		"a name between others":      {"sep=,\nid,,name\n1,,Ann\n", `actito: a.csv: line 2: cell 2 of the header is blank: every column needs a name`},
		"names that become the same": {"name,name\xa0\n1,Ann\n", `actito: a.csv: line 1: column "name": cells 1 and 2 of the header have this name`},
		"a sep= line of two bytes":   {"sep=;;\nid;name\n1;Ann\n", `actito: a.csv: line 1: the sep= line says ";;", which cannot separate cells`},
		"a quote that is not closed": {"id,name\n1,\"" + strings.Repeat("x", maxExcelRow), `actito: a.csv: line 2: the row is longer than 4194304 bytes: a quote may not be closed`},
		"UTF-16":                     {"\xff\xfei\x00d\x00\n\x00", `actito: a.csv: line 1: the file is in UTF-16: save it as UTF-8 without a byte-order mark`},
		"no row that is not empty":   {"id,name\n,\n", `actito: no rows to import: a.csv has a header only`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Stage(t.Context(), DataBytes("a.csv", []byte(tt.text), FromExcel()))
			require.EqualError(t, err, tt.message)
		})
	}
	_, err := Stage(t.Context(), DataBytes("a.csv", []byte("sep=;\nid;name\n1;Ann\n"), FromExcel(), SeparatedBy(',')))
	require.EqualError(t, err, `actito: a.csv: line 1: the sep= line says that cells are separated by ";", and it was declared that they are by ','`)
}

func TestRepairingWhatIsRightChangesNothing(t *testing.T) {
	t.Parallel()
	cells := rapid.StringOf(rapid.SampledFrom([]rune("ab,\"\n x")))
	rapid.Check(t, func(t *rapid.T) {
		type row struct {
			ID   string `actito:"id,key"`
			Name string `actito:"name"`
		}
		var rows []row
		for range rapid.IntRange(1, 10).Draw(t, "rows") {
			rows = append(rows, row{"x" + cells.Draw(t, "id"), cells.Draw(t, "name")})
		}
		first, err := Stage(t.Context(), DataRows("a.csv", FromSlice(rows), Keep))
		require.NoError(t, err)
		defer first.Close()
		want := textOf(t, &first.files[0])
		second, err := Stage(t.Context(), DataBytes("a.csv", []byte(want), FromExcel()))
		require.NoError(t, err)
		defer second.Close()
		require.Equal(t, want, textOf(t, &second.files[0]))
		require.Equal(t, len(rows), second.files[0].Rows)
	})
}
