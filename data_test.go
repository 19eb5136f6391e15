package actito

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const people = "id,name\n1,Ann\n2,Bob\n"

// sent is the i-th staged file as a request carries it.
func sent(t require.TestingT, s *Staged, i int) []byte {
	r, err := s.files[i].part(partFile).Open()
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.EqualValues(t, len(b), s.files[i].Size)
	return b
}

// unzip returns the text of the i-th staged file and checks what surrounds it.
func unzip(t require.TestingT, s *Staged, i int) string {
	b := sent(t, s, i)
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.Len(t, archive.File, 1)
	require.Equal(t, s.files[i].Name, archive.File[0].Name)
	require.Equal(t, zip.Deflate, archive.File[0].Method)
	r, err := archive.File[0].Open()
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.EqualValues(t, len(text), s.files[i].textSize)
	require.Equal(t, sha256.Sum256(text), s.files[i].hash)
	return string(text)
}

// onDisk stages into temporary files whatever its size.
func onDisk(t testing.TB) bounds { return bounds{limit: maxFileSize, dir: t.TempDir()} }

func requireEmpty(t require.TestingT, dir string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// lines is data whose rows are produced.
func lines(name string, each func(write func(string) error) error) Data {
	return newData(name, nil, once(func(ctx context.Context, sink *csvSink, _ *Data) error {
		header := true
		return each(func(s string) error {
			if header {
				header = false
				return sink.writeHeader(ctx, strings.Split(strings.TrimSpace(s), string(sink.separator)), []byte(s))
			}
			return sink.writeRow(ctx, []byte(s))
		})
	}))
}

// numbered reads a CSV file of so many rows, which is never in memory.
type numbered struct {
	rows, next int
	line       [64]byte
	rest       []byte
}

func (r *numbered) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 {
			switch {
			case r.next > r.rows:
				return n, io.EOF
			case r.next == 0:
				r.rest = append(r.line[:0], "id,hash,name\n"...)
			default:
				r.rest = strconv.AppendInt(r.line[:0], int64(r.next), 10)
				r.rest = append(r.rest, ',')
				r.rest = strconv.AppendUint(r.rest, uint64(r.next)*0x9e3779b97f4a7c15, 36)
				r.rest = append(r.rest, ",Zoë Example\n"...)
			}
			r.next++
		}
		copied := copy(p[n:], r.rest)
		n, r.rest = n+copied, r.rest[copied:]
	}
	return n, nil
}

func TestStagedFilesAreByteForByteWhatTheyWere(t *testing.T) {
	t.Parallel()
	cells := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("ab,;\t|\"\r\n é€😀")), rapid.Rune().Filter(func(r rune) bool { return r != 0 })))
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 5).Draw(t, "columns")
		var content bytes.Buffer
		w := csv.NewWriter(&content)
		w.Comma = rune(rapid.SampledFrom([]byte(",;\t|")).Draw(t, "separator"))
		w.UseCRLF = rapid.Bool().Draw(t, "CRLF")
		record := make([]string, columns)
		for i := range record {
			record[i] = fmt.Sprintf("column %d", i)
		}
		require.NoError(t, w.Write(record))
		rows := rapid.IntRange(1, 20).Draw(t, "rows")
		for range rows {
			for i := range record {
				record[i] = cells.Draw(t, "cell")
			}
			if columns == 1 && record[0] == "" {
				record[0] = "not blank"
			}
			require.NoError(t, w.Write(record))
		}
		w.Flush()
		text := content.String()
		if rapid.Bool().Draw(t, "no line end at the end") {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		}

		b := bounds{limit: maxFileSize, memory: rapid.SampledFrom([]int{0, 200, stagingMemory}).Draw(t, "memory"), dir: dir}
		separator := SeparatedBy(byte(w.Comma))
		path := filepath.Join(dir, "source", "a.csv")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		s, err := b.stage(context.Background(), []Data{
			DataFile(path, separator),
			DataBytes("b.csv", []byte(text), separator),
			DataReader("c.csv", iotest.HalfReader(strings.NewReader(text)), separator),
			DataReader("d.csv", iotest.DataErrReader(strings.NewReader(text)), separator),
		})
		require.NoError(t, err)
		for i, name := range []string{"a.csv", "b.csv", "c.csv", "d.csv"} {
			require.Equal(t, text, unzip(t, s, i))
			require.Equal(t, name, s.Files()[i].Name)
			require.Equal(t, rows, s.Files()[i].Rows)
			require.Equal(t, s.files[0].hash, s.files[i].hash)
		}
		require.NoError(t, s.Close())
		require.NoError(t, os.RemoveAll(filepath.Dir(path)))
		requireEmpty(t, dir)
	})
}

func TestRowsBecomeAFile(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString("id;name\n")
	d := lines("rows.csv", func(write func(string) error) error {
		if err := write("id;name\n"); err != nil {
			return err
		}
		for i := range 20_000 {
			line := fmt.Sprintf("%d;\"Zo\u00eb\n%d\"\n", i, i)
			want.WriteString(line)
			if err := write(line); err != nil {
				return err
			}
		}
		return nil
	})
	d.separator = ';' // as a definition says
	s, err := Stage(t.Context(), d)
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, 20_000, s.Files()[0].Rows)
	require.Equal(t, want.String(), unzip(t, s, 0))
}

func TestLinesLongerThanAnyBufferPass(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"a", "é", "€", "😀"} { // those of several bytes are cut by the buffer's end somewhere
		long := "id\n" + strings.Repeat(letter, csvBufferSize) + "\n"
		for shift := range len(letter) {
			want := strings.Repeat("x", shift) + long
			s, err := Stage(t.Context(), DataBytes("rows.csv", []byte(want)))
			require.NoError(t, err)
			require.Equal(t, want, unzip(t, s, 0))
			require.NoError(t, s.Close())
		}
	}
}

func TestTheSameTextIsTheSameArchive(t *testing.T) {
	t.Parallel()
	d := DataBytes("a.csv", []byte(people))
	first, err := Stage(t.Context(), d)
	require.NoError(t, err)
	defer first.Close()
	second, err := Stage(t.Context(), d)
	require.NoError(t, err)
	defer second.Close()
	require.Equal(t, first.files[0].hash, second.files[0].hash)
	require.Equal(t, sent(t, first, 0), sent(t, second, 0))
}

func TestSourcesThatCanBeReadOnceAreStagedOnce(t *testing.T) {
	t.Parallel()
	rows := func(write func(string) error) error { return errors.Join(write("id\n"), write("1\n")) }
	for name, d := range map[string]Data{
		"a reader":              DataReader("a.csv", strings.NewReader(people)),
		"a reader that failed":  DataReader("a.csv", iotest.ErrReader(errors.New("gone"))),
		"rows":                  lines("a.csv", rows),
		"a reader without rows": DataReader("a.csv", strings.NewReader("id\n")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := Stage(t.Context(), d); err == nil {
				require.NoError(t, s.Close())
			}
			_, err := Stage(t.Context(), d)
			require.EqualError(t, err, "actito: a.csv: a reader or rows can be read only once: Stage them and use what is staged more than once")
		})
	}
}

func TestWhatFailsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	head := io.LimitReader(&numbered{rows: 1e6}, 1<<20)
	failing := func(after error) Data {
		return DataReader("a.csv", io.MultiReader(head, iotest.ErrReader(after)))
	}
	cancelled, cancel := context.WithCancel(context.Background())
	tests := map[string]struct {
		ctx     context.Context
		data    []Data
		want    error
		message string
	}{
		"a reader that fails": {data: []Data{failing(broken)}, want: broken, message: "actito: a.csv: connection lost"},
		"a reader that ends too early": {data: []Data{DataReader("a.csv", io.MultiReader(strings.NewReader(people), iotest.ErrReader(io.ErrUnexpectedEOF)))},
			want: io.ErrUnexpectedEOF, message: "actito: a.csv: unexpected EOF"},
		"a reader that delivers nothing": {data: []Data{DataReader("a.csv", idle{})}, want: io.ErrNoProgress,
			message: "actito: a.csv: multiple Read calls return no data or error"},
		"a row that fails": {data: []Data{lines("a.csv", func(write func(string) error) error {
			return errors.Join(write("id\n"), write("1\n"), broken)
		})}, want: broken, message: "connection lost"},
		"a bad row": {data: []Data{DataBytes("a.csv", []byte("id\n1,2\n"+strings.Repeat("1\n", csvBufferSize)+"3\n"))}, want: ErrInvalid,
			message: "actito: a.csv: line 2: the number of cells is 2 instead of the header's 1; " +
				"a cell that holds the separator or a line end must be in quotes"},
		"a second file that fails": {data: []Data{DataBytes("b.csv", []byte(people)), DataBytes("a.csv", nil)}, want: ErrNoRows,
			message: "actito: no rows to import: a.csv is empty"},
		"a context that ended": {ctx: cancelled, data: []Data{DataBytes("a.csv", []byte(people))}, want: context.Canceled,
			message: "actito: staging a.csv: context canceled"},
		"no data": {want: ErrNoRows, message: "actito: no rows to import: no data was given"},
	}
	cancel()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := onDisk(t)
			ctx := test.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			s, err := b.stage(ctx, test.data)
			require.Nil(t, s)
			require.EqualError(t, err, test.message)
			require.ErrorIs(t, err, test.want)
			requireEmpty(t, b.dir)
		})
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestAPanicOfTheUsersRowsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	b := onDisk(t)
	require.PanicsWithValue(t, "in the iterator", func() {
		_, _ = b.stage(t.Context(), []Data{DataBytes("a.csv", []byte(people)), lines("b.csv", func(write func(string) error) error {
			for range csvBufferSize {
				_ = write("id\n")
			}
			panic("in the iterator")
		})})
	})
	requireEmpty(t, b.dir)
}

func TestCancellingEndsStaging(t *testing.T) {
	t.Parallel()
	t.Run("of a reader without end", func(t *testing.T) {
		t.Parallel()
		b := onDisk(t)
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		endless := readerFunc(func(p []byte) (int, error) {
			if reads++; reads == 10 {
				cancel()
			}
			return copy(p, "id,name\n"), nil
		})
		_, err := b.stage(ctx, []Data{DataReader("a.csv", endless)})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 10, reads)
		requireEmpty(t, b.dir)
	})
	t.Run("of rows without end, at the next row", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		written := 0
		_, err := Stage(ctx, lines("a.csv", func(write func(string) error) error {
			for {
				if written++; written == 10 {
					cancel()
				}
				if err := write("id\n"); err != nil {
					return err
				}
			}
		}))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 10, written)
	})
	t.Run("after the last row", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Stage(ctx, lines("a.csv", func(write func(string) error) error {
			defer cancel()
			return errors.Join(write("id\n"), write("1\n"))
		}))
		require.ErrorIs(t, err, context.Canceled)
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestPathsThatAreNoFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Stage(t.Context(), DataFile(filepath.Join(dir, "missing.csv")))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "actito: missing.csv: ")

	_, err = Stage(t.Context(), DataFile(dir))
	require.EqualError(t, err, "actito: "+filepath.Base(dir)+": this is a directory or device, not a file; DataReader takes pipes and devices")
}

func TestAFileThatChangesWhileItIsReadIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*os.File, os.FileInfo) error{
		"it grows":   func(f *os.File, _ os.FileInfo) error { _, err := f.WriteString("x\n"); return err },
		"it shrinks": func(f *os.File, before os.FileInfo) error { return f.Truncate(before.Size() - 14) },
		"it is newer": func(f *os.File, before os.FileInfo) error {
			return os.Chtimes(f.Name(), time.Time{}, before.ModTime().Add(time.Second))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, "id\n"+strings.Repeat("0123456789abc\n", 50_000))
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			require.NoError(t, err)
			defer f.Close()
			before, err := f.Stat()
			require.NoError(t, err)
			b := onDisk(t)
			_, err = b.stage(&midway{Context: t.Context(), do: func() { require.NoError(t, change(f, before)) }}, []Data{DataFile(path)})
			require.EqualError(t, err, "actito: customers.csv: the file changed while it was read: write it under another name and rename it once it is complete")
			require.ErrorIs(t, err, ErrInvalid)
			requireEmpty(t, b.dir)
		})
	}
}

// midway is a context that does something when it is asked for the third time: between two reads.
type midway struct {
	context.Context
	asked int
	do    func()
}

func (c *midway) Err() error {
	if c.asked++; c.asked == 3 {
		c.do()
	}
	return c.Context.Err()
}

func TestNamesAndSeparatorsThatCannotBeSentAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "a/b.csv", `a\b.csv`, "../a.csv", "a\nb.csv", "a\x00.csv", "\xff.csv", strings.Repeat("a", 201)} {
		_, err := Stage(t.Context(), DataBytes(name, []byte(people)))
		var invalid *ValidationError
		require.ErrorAs(t, err, &invalid, "%q", name)
		require.Equal(t, "file-name", invalid.Rule)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := Stage(t.Context(), Data{})
	require.ErrorIs(t, err, ErrInvalid)

	for _, separator := range []byte{'"', '\n', '\r', 0xa7} {
		_, err := Stage(t.Context(), DataBytes("a.csv", []byte(people), SeparatedBy(separator)))
		var invalid *ValidationError
		require.ErrorAs(t, err, &invalid, "%q", separator)
		require.Equal(t, "separator", invalid.Rule)
	}

	_, err = Stage(t.Context(), DataBytes("a.csv", []byte(people)), DataFile("elsewhere/a.csv"))
	require.EqualError(t, err, "actito: a.csv: two files of one import have this name")
}

func TestNamesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.csv", "commandes été 😀.txt", `a "b".csv`, "no extension", "..a", strings.Repeat("a", 200)} {
		s, err := Stage(t.Context(), DataBytes(name, []byte(people)))
		require.NoError(t, err)
		require.Equal(t, people, unzip(t, s, 0))
		require.Equal(t, name+".zip", s.files[0].part(partFile).File)
		require.NoError(t, s.Close())
	}
}
