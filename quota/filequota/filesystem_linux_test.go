package filequota

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALedgerInMemoryIsWarnedAbout(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/dev/shm", "filequota")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	if kind, err := fileSystem(dir); err != nil || kind != "tmpfs" {
		t.Skipf("/dev/shm is on %q: %v", kind, err)
	}
	var log strings.Builder
	_, err = Open(filepath.Join(dir, "ledger.json"), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), dir)
}

func TestAReadOnlyFileSystemIsRefused(t *testing.T) {
	t.Parallel()
	path, before := booked(t)
	dir := filepath.Dir(path)
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("this user cannot mount: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("this user cannot mount: %v", err)
	}
	_, err := Open(path)
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorContains(t, err, path)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}
