package actito

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

var compressions = []Compression{ZIP, GZIP, Uncompressed}

// textOf returns the CSV file in a staged one, read with the standard library.
func textOf(t require.TestingT, f *StagedFile) string {
	body, err := f.part(partFile).Open()
	require.NoError(t, err)
	b, err := io.ReadAll(body)
	require.NoError(t, err)
	require.EqualValues(t, len(b), f.Size)
	var text []byte
	switch f.Compression {
	case ZIP:
		require.Equal(t, f.Name+".zip", f.part(partFile).File)
		archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		require.Len(t, archive.File, 1)
		require.Equal(t, f.Name, archive.File[0].Name)
		r, err := archive.File[0].Open()
		require.NoError(t, err)
		text, err = io.ReadAll(r) // checks the sums too
		require.NoError(t, err)
	case GZIP:
		require.Equal(t, f.Name+".gz", f.part(partFile).File)
		r, err := gzip.NewReader(bytes.NewReader(b))
		require.NoError(t, err)
		require.Equal(t, f.Name, r.Name, "Actito compares it with the pattern")
		text, err = io.ReadAll(r)
		require.NoError(t, err)
	default:
		require.Equal(t, f.Name, f.part(partFile).File)
		text = b
	}
	require.EqualValues(t, len(text), f.textSize)
	return string(text)
}

func TestPartsConcatenateToTheWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		letters := []rune("ab,\"\n éÿ") // in both encodings
		encoding := rapid.SampledFrom([]Encoding{UTF8, ISO88591}).Draw(t, "encoding")
		compression := rapid.SampledFrom(compressions).Draw(t, "compression")
		cells := rapid.StringOfN(rapid.SampledFrom(letters), 0, 60, -1)
		type row struct {
			ID   string `actito:"id,key"`
			Name string `actito:"naïve"`
			Text string `actito:"text"`
		}
		rows := make([]row, rapid.IntRange(1, 80).Draw(t, "rows"))
		for i := range rows {
			rows[i] = row{fmt.Sprint(i, cells.Draw(t, "id")), cells.Draw(t, "name"), cells.Draw(t, "text")}
		}
		data := func() Data {
			return DataRows("a.csv", FromSlice(rows), Encoded(encoding), Pack(compression), Keep)
		}
		whole, err := bounds{limit: maxFileSize, memory: stagingMemory}.stage(context.Background(), []Data{data()})
		require.NoError(t, err)
		defer whole.Close()
		want := textOf(t, &whole.files[0])

		b := bounds{limit: rapid.Int64Range(400, 4_000).Draw(t, "limit"), splits: true, memory: rapid.IntRange(0, 3_000).Draw(t, "memory"), dir: dir}
		parts, err := b.stage(context.Background(), []Data{data()})
		if large, ok := err.(*FileTooLargeError); ok { //nolint:errorlint // it is never wrapped
			require.Zero(t, large.Parts)
			require.Less(t, b.limit, int64(1_200), "a row and the header fit")
			return
		}
		require.NoError(t, err)
		defer parts.Close()
		var joined strings.Builder
		total := 0
		for i := range parts.files {
			f := &parts.files[i]
			text := textOf(t, f)
			_, _, err := checkCSVIn(f.Encoding, text)
			require.NoError(t, err, "each part is valid by itself")
			if i > 0 {
				text = strings.TrimPrefix(text, want[:strings.Index(want, "\n")+1])
			}
			joined.WriteString(text)
			total += f.Rows
			require.LessOrEqual(t, f.Size, b.limit)
			require.Equal(t, encoding, f.Encoding)
			if len(parts.files) > 1 {
				require.Equal(t, i+1, f.Part)
			} else {
				require.Zero(t, f.Part)
			}
		}
		require.Equal(t, want, joined.String())
		require.Equal(t, len(rows), total)

		b.splits = false
		_, err = b.stage(context.Background(), []Data{data()})
		if len(parts.files) == 1 {
			require.NoError(t, err)
			return
		}
		var large *FileTooLargeError
		require.ErrorAs(t, err, &large)
		require.Equal(t, len(parts.files), large.Parts, "the number that it announces is the number that it takes")
	})
	requireEmpty(t, dir)
}

func checkCSVIn(e Encoding, text string) (*csvSink, []byte, error) {
	var out passed
	sink := newCSVSink("a.csv", ',', &out)
	sink.setEncoding(e)
	err := sink.readFrom(context.Background(), strings.NewReader(text))
	if err == nil {
		err = sink.finish(context.Background())
	}
	return sink, out.Bytes(), err
}

func TestFilesDoNotDependOnTheMachine(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	_, err := text.ReadFrom(&numbered{rows: 30_000})
	require.NoError(t, err)
	pack := func(c Compression, workers, chunk int) []StagedFile {
		p := newPacker(bounds{limit: 90_000, splits: true, memory: stagingMemory}, "a.csv", c)
		defer p.close()
		p.workers = workers
		sink := newCSVSink("a.csv", ',', p)
		require.NoError(t, sink.readFrom(t.Context(), readerFunc(func(to []byte) func([]byte) (int, error) {
			rest := to
			return func(b []byte) (int, error) {
				if len(rest) == 0 {
					return 0, io.EOF
				}
				n := copy(b[:min(len(b), chunk)], rest)
				rest = rest[n:]
				return n, nil
			}
		}(text.Bytes()))))
		require.NoError(t, sink.finish(t.Context()))
		files, err := p.finish()
		require.NoError(t, err)
		return files
	}
	for _, c := range compressions {
		want := pack(c, 1, 1<<20)
		require.Greater(t, len(want), 3)
		for _, workers := range []int{2, 4} {
			got := pack(c, workers, 777)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[i].hash, got[i].hash)
				require.Equal(t, want[i].compressed.mem, got[i].compressed.mem)
			}
		}
	}
}

func TestLargeFilesAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	text, err := io.ReadAll(&numbered{rows: 100_000}) // several blocks
	require.NoError(t, err)
	require.Greater(t, len(text), 3*blockSize)
	for _, c := range compressions {
		s, err := onDisk(t).stage(t.Context(), []Data{DataBytes("a.csv", text, Pack(c))})
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(text), sha256.Sum256([]byte(textOf(t, &s.files[0]))), c)
		require.NoError(t, s.Close())
	}
}

func TestARowThatFitsNoPartIsNamed(t *testing.T) {
	t.Parallel()
	random := make([]byte, 0, 5_000)
	for i := range cap(random) {
		random = append(random, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[i*i*7919>>3%62])
	}
	for name, text := range map[string]string{
		"first":                 "id\n" + string(random) + "\n1\n",
		"later":                 "id\n1\n2\n" + string(random) + "\n",
		"in a later part":       "id\n" + strings.Repeat("1\n", 10_000) + string(random) + "\n",
		"with too large a head": "id" + string(random) + "\n1\n",
	} {
		b := onDisk(t)
		b.limit, b.splits = 1_000, true
		_, err := b.stage(t.Context(), []Data{DataBytes("a.csv", []byte(text), Pack(Uncompressed))})
		require.EqualError(t, err, "actito: a.csv: a row is too long for files of 1000 bytes as sent: no row is split", name)
		var large *FileTooLargeError
		require.ErrorAs(t, err, &large)
		require.Less(t, large.Size, int64(8_000), "of that part alone")
		requireEmpty(t, b.dir)
	}
}

// Not parallel: it counts goroutines.
func TestNoGoroutineOutlivesStaging(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for name, end := range map[string]func() error{
		"success": func() error { return nil },
		"error":   func() error { return os.ErrInvalid },
		"panic":   func() error { panic("in a user's function") },
	} {
		b := onDisk(t)
		func() {
			defer func() { _ = recover() }()
			s, err := b.stage(t.Context(), []Data{lines("a.csv", func(write func(string) error) error {
				if err := write("id\n"); err != nil {
					return err
				}
				for n := range 200_000 {
					if err := write(fmt.Sprintf("%d\n", n*7919)); err != nil {
						return err
					}
				}
				return end()
			})})
			if err == nil {
				_ = s.Close()
			}
		}()
		requireEmpty(t, b.dir)
		require.NoError(t, goleak.Find(before), name)
	}
}
