package actito

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"mime"
	stdmultipart "mime/multipart"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/internal/multipart"
	"github.com/actito-go/actito/internal/race"
)

func TestWithoutRoomForTemporaryFilesNothingIsStaged(t *testing.T) {
	t.Parallel()
	b := bounds{limit: maxFileSize, dir: filepath.Join(t.TempDir(), "missing")}
	_, err := b.stage(t.Context(), []Data{DataBytes("a.csv", []byte(people))})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "actito: a.csv: temporary file: ")
}

func TestFilesAboveTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []Compression{ZIP, GZIP, Uncompressed} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			b := onDisk(t)
			pack := func(limit int64) ([]StagedFile, error) {
				b.limit = limit
				p := newPacker(b, "a.csv", c)
				p.blockSize = 10_000 // otherwise it would depend on the limit
				sink := newCSVSink("a.csv", ',', p)
				require.NoError(t, sink.readFrom(t.Context(), &numbered{rows: 2_000}))
				err := sink.finish(t.Context())
				var files []StagedFile
				if err == nil {
					files, err = p.finish()
				}
				p.work.Wait()
				require.NoError(t, p.discard())
				return files, err
			}
			files, err := pack(maxFileSize)
			require.NoError(t, err)
			size := files[0].Size
			_, err = pack(size)
			require.NoError(t, err, "the limit itself is allowed")

			_, err = pack(size - 1)
			var large *FileTooLargeError
			require.ErrorAs(t, err, &large)
			require.ErrorIs(t, err, ErrInvalid)
			require.Equal(t, "a.csv", large.File)
			require.Equal(t, size-1, large.Limit)
			require.Greater(t, large.Size, large.Limit)
			require.Equal(t, 2, large.Parts)
			require.EqualError(t, err, fmt.Sprintf("actito: a.csv: %d bytes as sent, and Actito takes no more than %d in one call: "+
				"import it in 2 parts with SplitAbove(0)", large.Size, size-1))
			requireEmpty(t, b.dir)
		})
	}
}

func TestCountingThePartsOfAFileEndsWithTheContext(t *testing.T) {
	t.Parallel()
	b := onDisk(t)
	b.limit = 10_000
	ctx, cancel := context.WithCancel(t.Context())
	endless := &numbered{rows: math.MaxInt}
	_, err := b.stage(ctx, []Data{DataReader("a.csv", readerFunc(func(p []byte) (int, error) {
		if endless.next > 100_000 {
			cancel()
		}
		return endless.Read(p)
	}))})
	require.ErrorIs(t, err, context.Canceled)
	requireEmpty(t, b.dir)
}

func TestStagedFilesAreKeptOnDiskOnlyAboveTheThreshold(t *testing.T) {
	t.Parallel()
	b := onDisk(t)
	b.memory = 64 << 10
	small, err := b.stage(t.Context(), []Data{DataReader("a.csv", &numbered{rows: 500})})
	require.NoError(t, err)
	require.Nil(t, small.files[0].compressed.file)
	require.NoError(t, small.Close())

	large, err := b.stage(t.Context(), []Data{DataReader("a.csv", &numbered{rows: 20_000})})
	require.NoError(t, err)
	defer large.Close()
	info, err := large.files[0].compressed.file.Stat()
	require.NoError(t, err)
	require.Equal(t, large.Files()[0].Size, info.Size())
	require.NotContains(t, info.Name(), "a.csv", "the name tells nothing")
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		requireEmpty(t, b.dir) // the file has lost its name: a process that is killed leaves nothing
	}
	text, err := io.ReadAll(&numbered{rows: 20_000})
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(text), sha256.Sum256([]byte(unzip(t, large, 0))))
	require.NoError(t, large.Close())
	requireEmpty(t, b.dir)
}

func TestClosedDataCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]int{"from memory": stagingMemory, "from disk": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := onDisk(t)
			b.memory = memory
			s, err := b.stage(t.Context(), []Data{DataBytes("a.csv", []byte(people)), DataBytes("b.csv", []byte(people))})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.NoError(t, s.Close())
			for _, f := range s.files {
				_, err := f.part(partFile).Open()
				require.ErrorIs(t, err, os.ErrClosed)
				require.ErrorContains(t, err, f.Name)
			}
			require.Len(t, s.Files(), 2, "what was staged is still known")
			requireEmpty(t, b.dir)
		})
	}
}

func TestClosingNeverShortensWhatIsBeingSent(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]int{"from memory": stagingMemory, "from disk": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := onDisk(t)
			b.memory = memory
			s, err := b.stage(t.Context(), []Data{DataReader("a.csv", &numbered{rows: 10_000})})
			require.NoError(t, err)
			var senders sync.WaitGroup
			for range 4 {
				senders.Go(func() {
					for {
						r, err := s.files[0].part(partFile).Open()
						if err != nil {
							return
						}
						if sent, err := io.Copy(io.Discard, r); err == nil && sent != s.files[0].Size {
							t.Errorf("%d bytes of %d look complete", sent, s.files[0].Size)
						}
					}
				})
			}
			runtime.Gosched()
			require.NoError(t, s.Close())
			senders.Wait()
		})
	}
}

func TestStagedFilesTravelInAForm(t *testing.T) {
	t.Parallel()
	s, err := onDisk(t).stage(t.Context(), []Data{DataBytes("é \"1\".csv", []byte(people)), DataReader("b.csv", &numbered{rows: 500})})
	require.NoError(t, err)
	defer s.Close()
	var parts []multipart.Part
	for i := range s.files {
		parts = append(parts, s.files[i].part(partFile))
	}
	form, err := multipart.New(parts...)
	require.NoError(t, err)
	_, params, err := mime.ParseMediaType(form.ContentType())
	require.NoError(t, err)
	for range 2 { // the second is a retry
		body, err := form.Open()
		require.NoError(t, err)
		r := stdmultipart.NewReader(body, params["boundary"])
		for i := range s.files {
			part, err := r.NextPart()
			require.NoError(t, err)
			require.Equal(t, "inputFile", part.FormName())
			require.Equal(t, s.files[i].Name+".zip", part.FileName())
			require.Equal(t, "application/zip", part.Header.Get("Content-Type"))
			b, err := io.ReadAll(part)
			require.NoError(t, err)
			require.Equal(t, sent(t, s, i), b)
		}
		_, err = r.NextPart()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, body.Close())
	}
}

// Not parallel: it counts the allocations of the whole process.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if race.Enabled {
		t.Skip("memory is measured without the race detector")
	}
	b := onDisk(t)
	b.memory = 256 << 10
	allocated := func(rows int) (bytes uint64, size int64) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC() // now no compressor is left of files before
		runtime.ReadMemStats(&before)
		s, err := b.stage(t.Context(), []Data{DataReader("a.csv", &numbered{rows: rows})})
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		size = s.files[0].textSize
		require.NoError(t, s.Close())
		return after.TotalAlloc - before.TotalAlloc, size
	}
	small, _ := allocated(120_000)
	large, size := allocated(250_000)
	t.Logf("%d bytes allocated in all for a file of %d bytes", large, size)
	require.Greater(t, size, int64(8_000_000))
	require.Less(t, large, small+1<<20)
}

func BenchmarkStage(b *testing.B) {
	text, err := io.ReadAll(&numbered{rows: 500_000})
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s, err := Stage(b.Context(), DataBytes("a.csv", text))
		require.NoError(b, err)
		b.ReportMetric(float64(s.Files()[0].Size)/float64(len(text)), "ratio")
		require.NoError(b, s.Close())
	}
}

func BenchmarkCheck(b *testing.B) {
	text, err := io.ReadAll(&numbered{rows: 500_000})
	require.NoError(b, err)
	quoted := []byte("id,name\n" + strings.Repeat(`"12345","`+strings.Repeat("Zoë ", 5)+"\"\n", 200_000))
	for name, text := range map[string][]byte{"plain": text, "quoted": quoted} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				sink := newCSVSink("a.csv", ',', new(passed))
				require.NoError(b, sink.readFrom(b.Context(), bytes.NewReader(text)))
				require.NoError(b, sink.finish(b.Context()))
			}
		})
	}
}
