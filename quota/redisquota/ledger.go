package redisquota

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/actito-go/actito"
)

// Store is an [actito.QuotaStore] in Redis: a ledger of imports that machines share. It is for those who have Redis and
// no database. Where there is one, prefer sqlquota, which forgets nothing and keeps a journal.
//
//	rdb := redis.NewClient(&redis.Options{Addr: "redis:6379"})
//	ledger, err := redisquota.New(rdb)
//	…
//	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Env3), actito.WithQuota(actito.Quota{Store: ledger}))
//
// The client of Redis may be one of a server, of Sentinel or of a cluster, and must talk to the master. A Store needs no
// closing; the client of Redis stays the caller's. Any number of licences have their books in one Redis.
//
// # What it guarantees
//
// Whoever uses the same Redis never starts more imports than the limit, whichever process, machine or connection dies,
// at any instruction, as long as Redis forgets nothing. A call is one script, which takes effect as a whole or not at
// all, and one round trip; the first one that a server sees is two. When go-redis repeats a call because the connection
// broke, it takes effect once. One that returned an error may have taken effect; an [actito.Client] copes with that.
// Nothing is started while Redis cannot be reached, unless Quota.FailOpen says so. A call returns when its context
// ends, whatever the timeouts of the client of Redis are; what it began may go on within those.
//
// Times are those of the clock of Redis, to the millisecond, so that the machines' need not agree, but if the two differ
// by more than five minutes reservations are refused: the day for which they are made is that of the machine.
//
// # What Redis can forget
//
// A replica that is promoted lacks the last writes of its master, since replication is asynchronous. A server that
// crashed lacks a second of them with appendfsync everysec, minutes if it only saves snapshots, and all of them without
// persistence. Their imports would be available again.
//
// Therefore the ledger notes on which server its books were last complete, by the run_id and the master_replid of INFO.
// When another one answers, after a restart, a failover or the move of a slot, with a first replica, or at the very
// first, Reserve makes no reservation and returns an [actito.UnverifiedError], while all other calls work. A Client then
// asks the service for its executions, counts those that are not in the ledger, and goes on.
//
// That needs the list of executions, of which it is assumed that it exists. Where there is none, or where it does not
// tell the tables, no import is started: find out in Actito what ran in the window, call Confirm of the
// *UnverifiedError that the import's error wraps, then QuotaService.Adjust. What the list cannot show is an import that
// is still being sent when its booking gets lost: the next Sync counts it.
//
// Servers that do not tell who they are, such as miniredis, are taken for one that never changes.
//
// # What to configure
//
//   - maxmemory-policy noeviction, the default. With another, reservations are refused, also while maxmemory is 0: a
//     limit can be set at any time, without anybody thinking of the ledger, and volatile policies take its keys too,
//     since they expire. The policy is read whenever a server is not known yet.
//   - appendonly yes, so that a crash forgets a second at most.
//   - min-replicas-to-write 1 where there are replicas, so that a master that lost touch with them for longer than
//     min-replicas-max-lag books nothing more.
//   - For the user, where there are ACLs: EVALSHA, EVAL, INFO, TIME, TYPE, PTTL, PEXPIRE and the commands of hashes and
//     sorted sets, on keys that begin with {actito:.
//
// # The keys
//
// A licence has three, in one hash slot: {actito:<licence>}:ledger, and with :lapses and :bookings after it. They hold
// ids of tables and executions, and Once keys, for a week, in less than a kilobyte per import, and expire a day after
// nothing in them matters any more. If one is gone, damaged, of another type, or from a newer version of this package,
// the error names it: nothing is booked, nothing is overwritten. Delete all three to start anew, which is unverified.
type Store struct {
	rdb          redis.UniversalClient
	changeLimits bool
	now          func() time.Time // nil: the clock of Redis
}

var (
	_ actito.QuotaStore   = (*Store)(nil)
	_ actito.QuotaAuditor = (*Store)(nil)
)

// LedgerOption changes what [New] makes.
type LedgerOption func(*Store)

// ChangeLimits books under this client's limits in the middle of a window, although other imports of it were booked
// under others: use it once, when a licence was extended. Clients that still have the other limit are then refused.
func ChangeLimits() LedgerOption { return func(s *Store) { s.changeLimits = true } }

// New makes a store in Redis. It does not connect. A Ring is refused.
func New(rdb redis.UniversalClient, opts ...LedgerOption) (*Store, error) {
	if rdb == nil {
		return nil, errors.New("redisquota: New needs a Redis client")
	}
	if _, ok := rdb.(*redis.Ring); ok {
		return nil, errors.New("redisquota: New: a Ring may move the ledger to another server and back, unnoticed: use a cluster or Sentinel")
	}
	s := &Store{rdb: rdb}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return s, nil
}

// maxSkew is how far the clocks of Redis and of a machine may differ.
const maxSkew = 5 * time.Minute

// Reserve implements [actito.QuotaStore]. Of clients with different limits, the one that comes second in a window is
// refused. See [ChangeLimits].
func (s *Store) Reserve(ctx context.Context, r actito.Reservation) error {
	c := newLedgerCall("reserve", r)
	c.Lease, c.Change = r.Lease.Sub(r.At).Milliseconds(), s.changeLimits
	if r.Once != "" {
		c.Once, c.Content = r.Once, hex.EncodeToString(r.Content[:])
	}
	if s.now == nil {
		c.Sent, c.Skew = millis(time.Now()), maxSkew.Milliseconds()
	}
	a, err := s.do(ctx, &c)
	switch {
	case err != nil:
		return err
	case a.Skewed:
		return c.failed(fmt.Errorf("%w: this machine's says %s, and that of Redis says %s: set the one that is wrong", actito.ErrClockSkew,
			instant(c.Sent).UTC().Format(time.RFC3339), instant(a.Now).UTC().Format(time.RFC3339)))
	case a.Limits != "":
		return c.failed(limitsError(a.Limits))
	case a.Unverified != nil:
		return s.unverified(c.licence, a.Unverified)
	case a.Started != nil:
		return &actito.AlreadyStartedError{ExecutionID: a.Started.Execution, SameContent: a.Started.Same}
	case a.Full != nil:
		f := a.Full
		return &actito.QuotaError{Table: f.Table, Limit: f.Limit, Used: f.Used, Held: f.Held, Kept: f.Kept, Closed: f.Closed, ResetAt: instant(f.Reset)}
	}
	return nil
}

// limitsError is a reservation under other limits than those of the books. It matches [actito.ErrInvalid].
type limitsError string

func (e limitsError) Error() string      { return string(e) }
func (limitsError) Is(target error) bool { return target == actito.ErrInvalid }

// unverified is what is said of books that may be incomplete.
func (s *Store) unverified(licence string, u *unverified) error {
	reason := fmt.Sprintf("Redis has none of licence %q", licence)
	if u.Another {
		reason = fmt.Sprintf("Redis was restarted, or another server took over, and may not have the latest bookings of licence %q", licence)
	}
	return &actito.UnverifiedError{Reason: reason, Confirm: func(ctx context.Context) error {
		c := ledgerCall{Op: "confirm", Server: u.Server, licence: licence}
		_, err := s.do(ctx, &c)
		return err
	}}
}

// Begin implements [actito.QuotaStore].
func (s *Store) Begin(ctx context.Context, id string) error {
	a, err := s.do(ctx, &ledgerCall{Op: "begin", ID: id})
	if err == nil && a.Lost {
		return actito.ErrReservationLost
	}
	return err
}

// Settle implements [actito.QuotaStore].
func (s *Store) Settle(ctx context.Context, id string, o actito.Outcome) error {
	c := ledgerCall{Op: "settle", ID: id, State: o.State.String(), Execution: o.ExecutionID}
	a, err := s.do(ctx, &c)
	if err == nil && a.Lost {
		return c.failed(fmt.Errorf("reservation %s as %s: %w", id, o.State, actito.ErrReservationLost))
	}
	return err
}

// Close implements [actito.QuotaStore]: it closes a table. A Store needs no closing.
func (s *Store) Close(ctx context.Context, bucket string, until time.Time) error {
	_, err := s.do(ctx, &ledgerCall{Op: "close", Bucket: bucket, Opens: millis(until)})
	return err
}

// Usage implements [actito.QuotaStore].
func (s *Store) Usage(ctx context.Context, bucket string) (actito.Usage, error) {
	a, err := s.do(ctx, &ledgerCall{Op: "usage", Bucket: bucket})
	if err != nil {
		return actito.Usage{}, err
	}
	u := a.Usage
	return actito.Usage{Table: bucket, Limit: u.Limit, Used: u.Used, Held: u.Held, Left: u.Left,
		ResetAt: instant(u.Reset), ClosedUntil: instant(u.Opens)}, nil
}

// Count implements [actito.QuotaAuditor].
func (s *Store) Count(ctx context.Context, r actito.Reservation, executionID string) (added bool, err error) {
	c := newLedgerCall("count", r)
	c.At, c.Execution = millis(r.At), executionID
	a, err := s.do(ctx, &c)
	return a.Added, err
}

// Entries implements [actito.QuotaAuditor].
func (s *Store) Entries(ctx context.Context, bucket string) ([]actito.QuotaEntry, error) {
	a, err := s.do(ctx, &ledgerCall{Op: "entries", Bucket: bucket})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(a.Entries, func(a, b ledgerUnit) int { return cmp.Or(cmp.Compare(a.Counts, b.Counts), strings.Compare(a.ID, b.ID)) })
	var list []actito.QuotaEntry
	for _, u := range a.Entries {
		list = append(list, actito.QuotaEntry{ID: u.ID, Tables: u.Tables, State: u.State, At: instant(u.Counts),
			Lease: instant(u.Lease), Once: u.Once, ExecutionID: u.Execution})
	}
	return list, nil
}
