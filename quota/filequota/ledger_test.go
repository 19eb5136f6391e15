package filequota

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// noon is when tests book.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// ask reserves one of twelve imports of table 1.
func ask(id string, at time.Time) actito.Reservation {
	from := at.Truncate(24 * time.Hour)
	return actito.Reservation{
		ID: id, Buckets: []actito.Bucket{{Name: "1", Limit: 12}}, At: at, Lease: at.Add(10 * time.Minute),
		From: from, ResetAt: from.Add(24 * time.Hour),
	}
}

func open(t testing.TB, path string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(path, opts...)
	require.NoError(t, err)
	s.now = func() time.Time { return noon }
	return s
}

// booked is a ledger with an import that was used.
func booked(t testing.TB) (path string, data []byte) {
	t.Helper()
	path = newPath(t)
	s := open(t, path)
	require.NoError(t, s.Reserve(t.Context(), ask("a", noon)))
	require.NoError(t, s.Begin(t.Context(), "a"))
	require.NoError(t, s.Settle(t.Context(), "a", actito.Used("x")))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, data
}

func TestALedgerThatCannotBeReadIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	_, whole := booked(t)
	for name, tt := range map[string]struct {
		give []byte
		want string
	}{
		"empty":                           {nil, "unexpected end of JSON input"},
		"truncated":                       {whole[:len(whole)/2], "unexpected end of JSON input"},
		"truncated in its last character": {whole[:len(whole)-2], "unexpected end of JSON input"},
		"twice in a file":                 {append(whole[:len(whole):len(whole)], whole...), "invalid character"},
		"garbage":                         {[]byte("\x00\x01\x02"), "invalid character"},
		"other JSON":                      {[]byte(`{"name":"work"}`), "no version"},
		"of a newer version":              {[]byte(`{"version":2,"books":[]}`), "a newer version of this package wrote it: its format is 2"},
		"changed by hand":                 {bytes.Replace(whole, []byte(`"used"`), []byte(`"free"`), 1), "checksum does not match"},
		"without checksum":                {[]byte(`{"version":1,"ledger":{}}`), "checksum does not match"},
		"in an unknown state": {
			[]byte(fmt.Sprintf(`{"version":1,"sha256":%q,"ledger":{"units":[{"id":"a","state":"lent"}]}}`, checksum([]byte(`{"units":[{"id":"a","state":"lent"}]}`)))),
			`unknown state "lent"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			opened := open(t, path)
			require.NoError(t, os.WriteFile(path, tt.give, 0o600))

			_, err := Open(path)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, tt.want)
			err = opened.Reserve(t.Context(), ask("b", noon))
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, tt.want)
			_, err = opened.Usage(t.Context(), "1")
			require.ErrorContains(t, err, tt.want)

			data, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(tt.give), string(data))
		})
	}
}

func TestEveryChangedByteIsSeen(t *testing.T) {
	t.Parallel()
	_, whole := booked(t)
	for i := range whole {
		data := bytes.Clone(whole)
		data[i] ^= 1
		_, err := decode(data)
		assert.Error(t, err, "%q", data)
	}
}

func FuzzDecode(f *testing.F) {
	_, whole := booked(f)
	f.Add(whole)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		books, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(books)
		require.NoError(t, err)
		_, err = decode(again)
		require.NoError(t, err)
	})
}

func TestAPathThatCannotBeALedger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	readOnly := filepath.Join(dir, "read-only.json")
	_, data := booked(t)
	require.NoError(t, os.WriteFile(readOnly, data, 0o400))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "occupied.json.tmp", "by a directory"), 0o700))
	for name, tt := range map[string]struct{ path, want string }{
		"a directory":                          {dir, "it is a directory"},
		"a read-only file":                     {readOnly, "it is read-only"},
		"in no directory":                      {filepath.Join(dir, "missing", "ledger.json"), "no such file or directory"},
		"in a file":                            {filepath.Join(readOnly, "ledger.json"), "not a directory"},
		"no path":                              {"", "it is a directory"},
		"next to a directory of the same name": {filepath.Join(dir, "occupied.json"), "occupied.json.tmp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(tt.path)
			require.ErrorContains(t, err, tt.path)
			require.ErrorContains(t, err, tt.want)
		})
	}
	t.Cleanup(func() { assert.NoFileExists(t, dir+".lock", "nothing is left beside what is no ledger") })
}

func TestALedgerThatIsGoneIsNotStartedAnew(t *testing.T) {
	t.Parallel()
	path, _ := booked(t)
	s := open(t, path)
	require.NoError(t, os.Remove(path))
	err := s.Reserve(t.Context(), ask("b", noon))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, path)
	require.NoFileExists(t, path)
}

func TestClientsWithOtherLimitsAreRefused(t *testing.T) {
	t.Parallel()
	path, before := booked(t)
	extended := ask("b", noon)
	extended.Buckets[0].Limit = 24

	err := open(t, path).Reserve(t.Context(), extended)
	require.ErrorContains(t, err, path+": 1 imports of table 1 are booked under a limit of 12, and this client has one of 24")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))

	require.NoError(t, open(t, path, ChangeLimits()).Reserve(t.Context(), extended))
	require.ErrorContains(t, open(t, path).Reserve(t.Context(), ask("c", noon)), "under a limit of 24, and this client has one of 12")

	tomorrow := ask("d", noon.Add(24*time.Hour))
	require.NoError(t, open(t, path).Reserve(t.Context(), tomorrow), "nothing counts any more")
}

func TestFileSystems(t *testing.T) {
	t.Parallel()
	for kind, tt := range map[string]struct{ log, err string }{
		"":        {"", ""},
		"tmpfs":   {"is in memory", ""},
		"ramfs":   {"is in memory", ""},
		"overlay": {"in a container's own layer", ""},
		"nfs":     {"", "it is on nfs, a network file system"},
		"cifs":    {"", "it is on cifs, a network file system"},
		"9p":      {"", "it is on 9p, a network file system"},
		"fuse":    {"", "it is on fuse, a network file system or one that may be"},
	} {
		t.Run("on "+kind, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			o := options{logger: slog.New(slog.NewTextHandler(&log, nil))}
			if err := o.judge("/ledger", kind); tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			if tt.log == "" {
				assert.Empty(t, log.String())
			} else {
				assert.Contains(t, log.String(), tt.log)
				assert.Contains(t, log.String(), "file=/ledger")
			}
			AllowNetworkFileSystem()(&o)
			require.NoError(t, o.judge("/ledger", kind))
		})
	}
}

func TestACallWaitsForTheLockUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	path, _ := booked(t)
	s := open(t, path)
	other := flock.New(path + ".lock")
	require.NoError(t, other.Lock())

	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	for range 3 {
		go func() { waiting <- s.Begin(ctx, "a") }()
	}
	cancel()
	for range 3 {
		err := <-waiting
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, path)
	}

	go func() { waiting <- s.Settle(t.Context(), "a", actito.Used("x")) }()
	require.NoError(t, other.Unlock())
	require.NoError(t, <-waiting)
}

func TestWhatAKilledProcessLeftIsReplaced(t *testing.T) {
	t.Parallel()
	path, _ := booked(t)
	require.NoError(t, os.WriteFile(path+".tmp", []byte(`{"version":1,"sha`), 0o600))
	s := open(t, path)
	require.NoError(t, s.Reserve(t.Context(), ask("b", noon)))
	u, err := s.Usage(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, [2]int{1, 1}, [2]int{u.Used, u.Held})
	require.NoFileExists(t, path+".tmp")
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	t.Parallel()
	path, _ := booked(t)
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.Equal(t, "-rw-------", info.Mode().String(), f.Name())
	}
}

func TestTwoNamesOfALedgerAreOne(t *testing.T) {
	t.Parallel()
	path, _ := booked(t)
	link := newPath(t)
	require.NoError(t, os.Symlink(path, link))
	require.NoError(t, open(t, link).Reserve(t.Context(), ask("b", noon)))
	u, err := open(t, path).Usage(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, 1, u.Held)
	require.NoFileExists(t, link+".lock")
}

func TestALinkToNothingIsRefused(t *testing.T) {
	t.Parallel()
	path, link := newPath(t), newPath(t)
	require.NoError(t, os.Symlink(path, link))
	_, err := Open(link)
	require.ErrorContains(t, err, link+": it is a symbolic link to nothing")
	open(t, path)
	open(t, link)
}

func TestOptionsThatAreNilChangeNothing(t *testing.T) {
	t.Parallel()
	open(t, newPath(t), nil)
	o := options{logger: slog.New(slog.DiscardHandler)}
	WithLogger(nil)(&o)
	require.NoError(t, o.judge("path", "tmpfs"))
}

func TestCallsThatChangeNothingWriteNothing(t *testing.T) {
	t.Parallel()
	path, _ := booked(t)
	s := open(t, path)
	before, err := os.Stat(path)
	require.NoError(t, err)

	_, err = s.Usage(t.Context(), "1")
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context(), "a", actito.Used("x")))
	require.Error(t, s.Settle(t.Context(), "a", actito.Free()))
	require.ErrorIs(t, s.Begin(t.Context(), "a"), actito.ErrReservationLost)

	after, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after))
}

func TestLooksWriteNothingWhateverTimeHasChanged(t *testing.T) {
	t.Parallel()
	path, before := booked(t)
	s := open(t, path)
	s.now = func() time.Time { return noon.Add(30 * 24 * time.Hour) }

	u, err := s.Usage(t.Context(), "1")
	require.NoError(t, err)
	assert.Zero(t, u.Used+u.Held)
	list, err := s.Entries(t.Context(), "1")
	require.NoError(t, err)
	assert.Empty(t, list)

	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

func TestTheFileStaysBounded(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := open(t, path)
	now := noon
	s.now = func() time.Time { return now }
	var sizes []int64
	for day := range 20 {
		for i := range 12 {
			id := fmt.Sprintf("import %02d of day %02d", i, day)
			require.NoError(t, s.Reserve(t.Context(), ask(id, now)))
			require.NoError(t, s.Settle(t.Context(), id, actito.Used("execution of "+id)))
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		sizes = append(sizes, info.Size())
		now = now.Add(24 * time.Hour)
	}
	assert.Equal(t, sizes[6], sizes[19], "after a week it is as large as it gets")
}

func BenchmarkReserveBeginSettle(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "ledger.json"))
	require.NoError(b, err)
	durations := make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		now := noon.Add(time.Duration(i) * 2 * time.Hour) // twelve imports a day
		s.now = func() time.Time { return now }
		id := fmt.Sprint(i)
		start := time.Now()
		err := s.Reserve(b.Context(), ask(id, now))
		if err == nil {
			err = s.Begin(b.Context(), id)
		}
		if err == nil {
			err = s.Settle(b.Context(), id, actito.Used("x"))
		}
		durations = append(durations, time.Since(start))
		require.NoError(b, err)
	}
	slices.Sort(durations)
	b.ReportMetric(float64(durations[len(durations)/2])/1e6, "ms/median")
}
