// Package filequota keeps the ledger of imports in a file that the processes of one machine share.
//
// Use it where all programs of a licence run on one machine: a server with several processes, cron jobs, a command line
// tool. It needs no service, and what was booked survives restarts. Give each licence a file of its own, in a directory
// that stays, such as /var/lib/yourapp:
//
//	ledger, err := filequota.Open("/var/lib/yourapp/actito-quota.json")
//	…
//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3), actito.WithQuota(actito.Quota{Store: ledger}))
//
// # What it guarantees
//
// Processes that open the same path never start more imports than the limit, whichever of them is killed, at any
// instruction. A call that returned without an error is on the disk: it survives a power failure, as far as the disk
// keeps what it confirmed. A call takes effect as a whole or not at all; one that returned an error may have taken
// effect, if the disk failed at the end of it. A ledger that cannot be read, because it is damaged, of a newer version,
// or gone, is an error that names the file: nothing is booked, nothing is overwritten, and it is for you to restore it
// or move it away.
//
// # What it cannot do
//
// Machines cannot share it. On network file systems, locks and renames do not keep what is promised above, so that [Open]
// refuses those it recognises. In a container, the path must be on a volume that outlives the container and that all
// replicas of the machine mount; Open warns about a path in memory or in the container's own layer. A process that is
// stopped (SIGSTOP) within a call lets the others wait until their contexts end. Backups that put an old ledger back
// make its imports available again.
//
// # The files
//
// The path itself holds the ledger, as JSON with a version and a checksum, readable and writable by its owner only. It
// is replaced by renaming path.tmp, and never written to. path.lock is what processes lock. Never delete it while one
// of them runs: two could then hold two locks. Entries leave the ledger after a week.
package filequota

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/actito-go/actito"
)

// Store is an [actito.QuotaStore] in a file. It keeps nothing open between calls, so that there is nothing to release.
// Each call waits for the file's lock until its context ends.
type Store struct {
	path         string
	changeLimits bool
	now          func() time.Time
	turn         chan struct{} // holds a value while a call uses lock, which tells processes apart, but not calls
	lock         *flock.Flock
}

var (
	_ actito.QuotaStore   = (*Store)(nil)
	_ actito.QuotaAuditor = (*Store)(nil)
)

// Option changes how [Open] opens a ledger.
type Option func(*options)

type options struct {
	allowNetwork bool
	changeLimits bool
	logger       *slog.Logger
}

// AllowNetworkFileSystem opens the ledger although it is on a network file system, or on one in user space, of which
// nobody knows what is behind it. It is safe if only one machine uses the ledger and the file system is mounted so that
// locks work. It is not if several do.
func AllowNetworkFileSystem() Option { return func(o *options) { o.allowNetwork = true } }

// ChangeLimits books under this client's limits in the middle of a window, although other imports of it were booked
// under others: use it once, when a licence was extended. Clients that still have the other limit are then refused.
func ChangeLimits() Option { return func(o *options) { o.changeLimits = true } }

// WithLogger logs warnings about where the ledger lies. Without it there are none.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) { o.logger = cmp.Or(l, o.logger) }
}

// openTimeout ends an Open that waits for a process which was stopped within a call.
const openTimeout = 10 * time.Second

// Open opens the ledger at a path, and creates it, but not its directory, if nothing is there. It tries what every call
// needs, reading, writing and syncing, and fails if the ledger is damaged or of a newer version, if it cannot be
// written, or if it is on a network file system.
func Open(path string, opts ...Option) (*Store, error) {
	o := options{logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	// Names that lead to one file must lead to one lock, from whatever directory.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	} else if _, err := os.Readlink(path); err == nil {
		return nil, fmt.Errorf("filequota: ledger %s: it is a symbolic link to nothing: open what it names, once, to create it", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("filequota: ledger %s: %w", path, err)
	}
	s := &Store{
		path:         path,
		changeLimits: o.changeLimits,
		now:          time.Now,
		turn:         make(chan struct{}, 1),
		lock:         flock.New(path+".lock", flock.SetPermissions(mode)),
	}
	if err := s.probe(o); err != nil {
		return nil, fmt.Errorf("filequota: ledger %s: %w", path, err)
	}
	return s, nil
}

// probe tries what calls need. It reads the ledger and writes it as it is, or an empty one if there is none.
func (s *Store) probe(o options) (err error) {
	if err := usable(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // what cannot be a ledger gets no lock beside it
	}
	kind, err := fileSystem(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	if err := o.judge(s.path, kind); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.release()) }()
	data, books, err := s.read()
	if errors.Is(err, fs.ErrNotExist) {
		data, err = encode(books)
	}
	if err != nil {
		return err
	}
	return s.write(data)
}

// judge decides whether a ledger may lie on a kind of file system.
func (o *options) judge(path, kind string) error {
	switch kind {
	case "tmpfs", "ramfs":
		o.logger.Warn("filequota: the ledger of imports is in memory: a restart of the machine forgets it",
			slog.String("file", path), slog.String("file_system", kind))
	case "overlay":
		o.logger.Warn("filequota: the ledger of imports is in a container's own layer: it ends with the container, and other containers do not see it",
			slog.String("file", path), slog.String("file_system", kind))
	case "":
	default:
		if !o.allowNetwork {
			return fmt.Errorf("it is on %s, a network file system or one that may be: locks may not work there; "+
				"put it on a local disk, or see AllowNetworkFileSystem", kind)
		}
	}
	return nil
}

// Reserve implements [actito.QuotaStore]. Of clients with different limits, the one that comes second in a window is
// refused. See [ChangeLimits].
func (s *Store) Reserve(ctx context.Context, r actito.Reservation) error {
	return s.update(ctx, "reserve", func(books *actito.Ledger) error {
		if !s.changeLimits {
			if err := books.SameLimits(r); err != nil {
				return fmt.Errorf("filequota: ledger %s: %w; see ChangeLimits", s.path, err)
			}
		}
		return books.Reserve(r)
	})
}

// Begin implements [actito.QuotaStore].
func (s *Store) Begin(ctx context.Context, id string) error {
	return s.update(ctx, "begin", func(books *actito.Ledger) error { return books.Begin(s.now(), id) })
}

// Settle implements [actito.QuotaStore].
func (s *Store) Settle(ctx context.Context, id string, o actito.Outcome) error {
	return s.update(ctx, "settle", func(books *actito.Ledger) error { return books.Settle(s.now(), id, o) })
}

// Close implements [actito.QuotaStore]: it closes a table. A Store needs no closing.
func (s *Store) Close(ctx context.Context, bucket string, until time.Time) error {
	return s.update(ctx, "close", func(books *actito.Ledger) error { books.Close(s.now(), bucket, until); return nil })
}

// Usage implements [actito.QuotaStore].
func (s *Store) Usage(ctx context.Context, bucket string) (actito.Usage, error) {
	var u actito.Usage
	err := s.view(ctx, "usage", func(books *actito.Ledger) { u = books.Usage(s.now(), bucket) })
	return u, err
}

// Count implements [actito.QuotaAuditor].
func (s *Store) Count(ctx context.Context, r actito.Reservation, executionID string) (added bool, err error) {
	err = s.update(ctx, "count", func(books *actito.Ledger) (err error) {
		added, err = books.Count(s.now(), r, executionID)
		return err
	})
	return added, err
}

// Entries implements [actito.QuotaAuditor].
func (s *Store) Entries(ctx context.Context, bucket string) ([]actito.QuotaEntry, error) {
	var list []actito.QuotaEntry
	err := s.view(ctx, "entries", func(books *actito.Ledger) { list = books.Entries(s.now(), bucket) })
	return list, err
}

// view looks into the ledger. Nothing is written, not even what time alone has changed.
func (s *Store) view(ctx context.Context, op string, look func(*actito.Ledger)) error {
	return s.locked(ctx, op, func() error {
		_, books, err := s.read()
		if err == nil {
			look(&books)
		}
		return err
	})
}

// update makes one change to the ledger. If the change is refused, or changes nothing, nothing is written.
func (s *Store) update(ctx context.Context, op string, change func(*actito.Ledger) error) error {
	var refused error
	err := s.locked(ctx, op, func() error {
		before, books, err := s.read()
		if err != nil {
			return err
		}
		after := before
		if refused = change(&books); refused == nil {
			after, err = encode(books)
		}
		if err != nil || bytes.Equal(before, after) {
			return err
		}
		return s.write(after)
	})
	return cmp.Or(refused, err)
}

// locked runs a call while no other has the ledger, and says in its error which call of which ledger it was.
func (s *Store) locked(ctx context.Context, op string, do func() error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("filequota: %s: ledger %s: %w", op, s.path, err)
		}
	}()
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.release()) }()
	return do()
}

// acquire waits until no other process, and no other call of this one, has the ledger.
func (s *Store) acquire(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for other calls: %w", ctx.Err())
	}
	// Others hold the lock for about as long as a sync takes; asking costs a system call.
	if _, err := s.lock.TryLockContext(ctx, time.Millisecond); err != nil {
		<-s.turn
		return fmt.Errorf("wait for the lock of other processes: %w", err)
	}
	return nil
}

func (s *Store) release() error {
	defer func() { <-s.turn }()
	return s.lock.Unlock()
}
