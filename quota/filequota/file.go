package filequota

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/actito-go/actito"
)

// mode is that of every file written: the ledger names the tables and executions of a licence.
const mode = 0o600

// version is that of the format below. It changes when an older version of this package would misread the ledger.
const version = 1

// format is the file. Its checksum is that of the bytes of the ledger's value.
type format struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Ledger  json.RawMessage `json:"ledger"`
}

func encode(books actito.Ledger) ([]byte, error) {
	data, err := books.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"version":%d,"sha256":"%s","ledger":%s}`+"\n", version, checksum(data), data), nil
}

func decode(data []byte) (books actito.Ledger, err error) {
	var f format
	switch err := json.Unmarshal(data, &f); {
	case err != nil:
		return books, damaged(err)
	case f.Version > version:
		return books, fmt.Errorf("a newer version of this package wrote it: its format is %d, and this version reads %d", f.Version, version)
	case f.Version < 1:
		return books, damaged(errors.New("it has no version"))
	case checksum(f.Ledger) != f.SHA256:
		return books, damaged(errors.New("its checksum does not match"))
	}
	if err := books.UnmarshalJSON(f.Ledger); err != nil {
		return books, damaged(err)
	}
	return books, nil
}

func damaged(err error) error {
	return fmt.Errorf("it is no ledger, or it is damaged: %w; restore it, or move it away to start with nothing booked", err)
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// usable reports why a path cannot hold a ledger.
func usable(path string) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return fmt.Errorf("it is not a file: %s", info.Mode())
	case info.Mode().Perm()&0o200 == 0:
		return errors.New("it is read-only") // renaming over it would work all the same
	}
	return nil
}

// read returns the ledger as it is in the file, and its books.
func (s *Store) read() (data []byte, books actito.Ledger, err error) {
	if err := usable(s.path); err != nil {
		return nil, books, err
	}
	data, err = os.ReadFile(s.path)
	if err != nil {
		return nil, books, err
	}
	books, err = decode(data)
	return data, books, err
}

// write replaces the file. Whoever reads, at whatever instant the machine stops, reads the old bytes or the new ones.
func (s *Store) write(data []byte) error {
	const create = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	next := s.path + ".tmp"                   // one for all, since only the holder of the lock writes
	f, err := os.OpenFile(next, create, mode) //nolint:gosec // the caller says where the ledger is
	if errors.Is(err, os.ErrExist) {          // a process was killed here
		if err := os.Remove(next); err != nil {
			return err
		}
		f, err = os.OpenFile(next, create, mode) //nolint:gosec // as above
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = cmp.Or(err, f.Sync()); err != nil {
		_ = f.Close()
		return errors.Join(err, os.Remove(next))
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	if err := os.Rename(next, s.path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return syncDir(filepath.Dir(s.path))
}

// syncDir makes a rename survive a power failure. Windows cannot open directories for it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // the caller says where the ledger is
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
