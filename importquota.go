package actito

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// leaseTime is how long a reservation may wait for the first byte; settleTime, how long to wait for the ledger to take
	// an outcome, and freeTime, to take back a reservation of which it is not known whether it was made.
	leaseTime  = 15 * time.Minute
	settleTime = 10 * time.Second
	freeTime   = 2 * time.Second
	// startTries is how often a start is sent that is answered 429, and startWithin, for how long since the first answer:
	// the first one may have waited long for its turn, or been uploaded slowly. With startWait, the last one comes 36 to
	// 40 s after it: requests of others that were too many at once have ended by then.
	startTries  = 5
	startWithin = time.Minute
	startWait   = 4 * time.Second
)

// start books the import, all parts of it before the first is sent, sends them, and settles what became of each.
func (im *importRun) start(ctx context.Context, parts []*part) (*Execution, error) {
	if err := bookAll(ctx, parts); err != nil {
		return nil, err
	}
	toSend := slices.ContainsFunc(parts, func(p *part) bool { return p.started == nil })
	if im.prepared != nil && toSend {
		if err := im.handOut(ctx, parts, 0); err != nil {
			return nil, err
		}
	}
	progress := &reporter{report: im.progress, p: Progress{Phase: Uploading, Rows: rowsOfParts(parts), Total: bytesOf(parts)}}
	defer progress.end()
	whole := &Execution{ETLID: im.etlID, AlreadyStarted: true}
	for i, p := range parts {
		exec, err := im.startPart(ctx, parts, i, progress)
		if err != nil {
			giveUp(ctx, parts[i+1:])
			if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
				p.ended = time.Now()
				unknown.Handle = im.handle(parts)
			} else {
				p.notSent = true
			}
			if i > 0 {
				return whole, p.named(err)
			}
			return nil, p.named(err)
		}
		h := im.handleOf(p)
		exec.Sent, exec.given = h.sent(), h.given()
		if p.of == 1 {
			return exec, nil
		}
		progress.before += p.form.Length()
		whole.AlreadyStarted = whole.AlreadyStarted && exec.AlreadyStarted
		whole.Parts = append(whole.Parts, exec)
	}
	return whole, nil
}

// handOut hands the handle out. If that fails, or panics, nothing is sent from the next part on.
func (im *importRun) handOut(ctx context.Context, parts []*part, next int) error {
	err := errors.New("it panicked")
	defer func() {
		if err != nil {
			giveUp(ctx, parts[next:])
		}
	}()
	err = im.prepared(im.handle(parts))
	return err
}

// bookAll books all parts that are not booked, or none.
func bookAll(ctx context.Context, parts []*part) error {
	for _, p := range parts {
		switch {
		case p.started != nil || p.booking != nil && p.booking.holds(time.Now()):
			continue
		case p.booking != nil:
			insist, cancel := insisting(ctx)
			p.booking.settle(insist, Free()) // it ran out by this clock
			cancel()
			p.booking = nil
		}
		err := p.im.book(ctx, p)
		if err == nil {
			continue
		}
		giveUp(ctx, parts)
		if full, ok := errors.AsType[*QuotaError](err); ok && len(parts) > 1 {
			for _, other := range parts {
				if other.started != nil || !other.loads(full.Table) {
					continue
				}
				full.Needed++
				if other.booking != nil {
					full.Held-- // it was one of these
				}
			}
		}
		return err
	}
	return nil
}

// book books a part, unless a former call with its key started it.
func (im *importRun) book(ctx context.Context, p *part) error {
	if im.c.clock.refuse() != nil {
		_ = im.c.probe(ctx) // one of the clocks may have been put right since the last answer
	}
	if err := im.c.clock.refuse(); err != nil {
		return err
	}
	b, err := im.reserve(ctx, p)
	if err != nil {
		p.started, err = im.refused(err, b, p.tables)
		if err != nil {
			im.c.hooks.importUnit(ctx, ImportUnit{State: "refused", Err: err})
		}
		return err
	}
	p.booking = b
	return nil
}

// giveUp frees what was booked for parts that are not going to be sent. All of them share the time for it.
func giveUp(ctx context.Context, parts []*part) {
	insist, cancel := insisting(ctx)
	defer cancel()
	for _, p := range parts {
		if p.started == nil && p.booking != nil && !p.notSent {
			p.booking.settle(insist, Free())
			p.notSent = true
		}
	}
}

// startPart sends a part and settles what became of it. A reservation that ran out before the first byte, such as one
// made just before midnight, is made once more, unless its handle was given out for good: who resumes from that one has
// to be sure that nothing is sent after it.
func (im *importRun) startPart(ctx context.Context, parts []*part, i int, progress *reporter) (*Execution, error) {
	p := parts[i]
	for again := false; p.started == nil; again = true {
		exec, err := im.sendPart(ctx, p, progress)
		if again || im.prepared != nil && !im.renews || !errors.Is(err, ErrReservationLost) {
			return exec, err
		}
		if err := im.book(ctx, p); err != nil {
			return nil, err
		}
		if im.renews && p.started == nil {
			if err := im.handOut(ctx, parts, i); err != nil {
				return nil, err
			}
		}
	}
	return p.started, nil
}

func (im *importRun) sendPart(ctx context.Context, p *part, progress *reporter) (*Execution, error) {
	exec, err := im.send(ctx, p, progress)
	outcome := Used("")
	switch {
	case err == nil:
		outcome.ExecutionID, p.accepted = exec.ID, exec.ID
	case errors.Is(err, ErrOutcomeUnknown):
		outcome = Held()
	default:
		outcome = Free()
	}
	insist, cancel := insisting(ctx)
	defer cancel()
	p.booking.settle(insist, outcome)
	// The caller ended it too soon to tell.
	tooSoon := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, ErrBusy)
	if api, ok := errors.AsType[*APIError](err); ok && api.Op == im.op && api.Status == http.StatusTooManyRequests && !tooSoon {
		return nil, im.tooMany(ctx, err, p.booking, p.tables)
	}
	return exec, err
}

// booking is the reservation of an import.
type booking struct {
	Reservation
	*core
	counted bool // or the store fails, and Quota.FailOpen starts the import all the same
}

// reserve books a part of an import into its tables. The later a part is sent, the longer its lease.
func (im *importRun) reserve(ctx context.Context, p *part) (*booking, error) {
	q := im.c.quota
	if q.inMemory() {
		q.forgets.Do(func() {
			im.c.log.LogAttrs(ctx, slog.LevelWarn,
				"actito: the day's imports are counted in memory: a restart forgets them, and no other process sees them; see Quota.Store")
		})
	}
	licence, err := im.c.licence(ctx)
	if err != nil {
		return nil, err
	}
	b := &booking{Reservation: q.reservation(time.Now()), core: im.c.core, counted: true}
	b.ID, b.Lease, b.Content = cmp.Or(p.id, licence+rand.Text()), b.At.Add(leaseTime*time.Duration(p.number)), p.content
	if p.lasting {
		if b.Lease = b.ResetAt; b.Lease.IsZero() {
			b.Lease = b.At.Add(b.Rolling)
		}
	}
	if p.once != "" {
		b.Once = licence + p.once
	}
	b.Buckets = q.buckets(licence, p.tables)
	if !im.urgent {
		for i := range p.tables {
			b.Buckets[i].Keep = q.keep
		}
	}
	err = q.store.Reserve(ctx, b.Reservation)
	if unverified, ok := errors.AsType[*UnverifiedError](err); ok {
		if err = im.c.verify(ctx, unverified); err == nil {
			b.At = time.Now()
			err = q.store.Reserve(ctx, b.Reservation)
		}
	}
	if storeFailed(err) { // what may have taken effect all the same must not block the unit and the key until the lease is over
		freeing, cancel := context.WithTimeout(context.WithoutCancel(ctx), freeTime)
		defer cancel()
		_ = q.store.Settle(freeing, b.ID, Free())
	}
	if b.Once == "" && q.opens(ctx, err) {
		b.uncounted(ctx, err)
		err = nil
	}
	return b, err
}

// holds reports whether the reservation did not run out, by this clock.
func (b *booking) holds(now time.Time) bool {
	return now.Before(b.Lease) && (b.ResetAt.IsZero() || now.Before(b.ResetAt))
}

// buckets names the budgets of tables, and of several, the one of them together: its limit is no tighter than theirs,
// but it can be closed by itself.
func (q *quota) buckets(licence string, tables []tableRef) []Bucket {
	var list []Bucket
	var ids []string
	for _, t := range tables {
		ids = append(ids, t.ID)
		list = append(list, Bucket{Name: licence + t.ID, Limit: q.limitOf(t)})
	}
	if len(tables) > 1 {
		slices.Sort(ids)
		least := slices.MinFunc(list, func(a, b Bucket) int { return a.Limit - b.Limit })
		list = append(list, Bucket{Name: licence + strings.Join(ids, "+"), Limit: least.Limit})
	}
	return list
}

// opens reports whether an error of the store is one that Quota.FailOpen overrides: it fails, instead of refusing.
func (q *quota) opens(ctx context.Context, err error) bool {
	return q.failOpen && ctx.Err() == nil && storeFailed(err)
}

// storeFailed reports whether an error is none of those by which a store that works refuses.
func storeFailed(err error) bool {
	for _, refusal := range []error{nil, ErrQuotaExceeded, ErrAlreadyStarted, ErrReservationLost, ErrInvalid, ErrClockSkew} {
		if errors.Is(err, refusal) {
			return false
		}
	}
	return true
}

func (b *booking) uncounted(ctx context.Context, err error) {
	b.counted = false
	b.log.LogAttrs(ctx, slog.LevelWarn, "actito: an import is started uncounted", slog.Any("error", err))
}

// verify books what the service lists, so that a store which may have lost bookings can be relied on again.
func (c *Client) verify(ctx context.Context, unverified *UnverifiedError) error {
	c.log.LogAttrs(ctx, slog.LevelWarn, "actito: the ledger is compared with the executions on the service",
		slog.String("reason", unverified.Reason))
	report, err := c.Quota.Sync(ctx)
	if n := len(report.Unassigned); err == nil && n > 0 {
		err = fmt.Errorf("the service does not tell which tables %d of them load", n)
	}
	if err != nil {
		return fmt.Errorf("%w; comparing it with the executions on the service failed: %w; see Quota.FailOpen", unverified, err)
	}
	return unverified.Confirm(ctx)
}

// begin is called before the first byte of each attempt.
func (b *booking) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // while it is certain that nothing was sent
	}
	if !b.counted {
		return nil
	}
	if !b.ResetAt.IsZero() && !time.Now().Before(b.ResetAt) {
		return ErrReservationLost // a repeat after midnight is another day's import
	}
	err := b.quota.store.Begin(ctx, b.ID)
	if b.Once == "" && b.quota.opens(ctx, err) {
		b.uncounted(ctx, err)
		return nil
	}
	return err
}

// insisting is a context for what the ledger has to be told although the caller is gone.
func insisting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}

// settle records the outcome. It insists until the context ends.
func (b *booking) settle(ctx context.Context, o Outcome) {
	defer b.hooks.importUnit(ctx, ImportUnit{State: o.State.String()}) // after the ledger: a hook may panic
	if !b.counted {
		return
	}
	err := b.core.settle(ctx, b.ID, o)
	if errors.Is(err, ErrReservationLost) && o.State == OutcomeUsed { // somebody freed it too soon
		err = b.count(ctx, b.Reservation, o.ExecutionID)
	}
	if err != nil {
		b.log.LogAttrs(ctx, slog.LevelError, "actito: the import's outcome was not recorded; settle it with Quota.Settle",
			slog.String("reservation", b.ID), slog.String("outcome", o.State.String()), slog.String("execution", o.ExecutionID), slog.Any("error", err))
	}
}

// settle records an outcome. It insists until the context ends.
func (c *core) settle(ctx context.Context, id string, o Outcome) error {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		err := c.quota.store.Settle(ctx, id, o)
		if err == nil || errors.Is(err, ErrReservationLost) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// count books an import whose reservation is gone, even if the caller is gone too.
func (c *core) count(ctx context.Context, r Reservation, executionID string) error {
	books, err := c.quota.auditor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	_, err = books.Count(ctx, r, executionID)
	return err
}

// refused is the answer to a reservation that was not made.
func (im *importRun) refused(err error, b *booking, tables []tableRef) (*Execution, error) {
	if started, ok := errors.AsType[*AlreadyStartedError](err); ok && started.SameContent && started.ExecutionID != "" {
		return &Execution{ID: started.ExecutionID, ETLID: im.etlID, AlreadyStarted: true}, nil
	}
	if b == nil {
		return nil, err
	}
	if _, called := errors.AsType[*APIError](err); storeFailed(err) && !called {
		return nil, &APIError{Op: im.op, Method: http.MethodPost, PathTemplate: im.path, Err: err}
	}
	return nil, named(err, b.Buckets, tables)
}

// named gives a QuotaError of the store the names of the tables whose budget is used up.
func named(err error, buckets []Bucket, tables []tableRef) error {
	used, ok := errors.AsType[*QuotaError](err)
	if !ok {
		return err
	}
	full := *used
	full.Table = joinNames(tables, " and ") // of the budget of all together
	for i, t := range tables {
		if buckets[i].Name == used.Table {
			full.Table = t.Name
		}
	}
	return &full
}

func joinNames(tables []tableRef, by string) string {
	var names []string
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return strings.Join(names, by)
}

// tooMany finds out which limit a start ran into that was answered 429 to the end: one cheap read is refused too if it
// is the one for concurrent requests. Otherwise Actito counts more imports than the ledger does, and the import's table
// is closed until its budget resets. Of several tables nobody can tell which one is full: they are closed to imports of
// them together.
func (im *importRun) tooMany(ctx context.Context, err error, b *booking, tables []tableRef) error {
	if im.c.probe(ctx) != nil {
		return err
	}
	resetAt := b.ResetAt
	if b.Rolling > 0 {
		resetAt = b.At.Add(b.Rolling)
	}
	closing := b.Buckets[len(b.Buckets)-1]
	if failed := b.quota.store.Close(context.WithoutCancel(ctx), closing.Name, resetAt); failed != nil {
		return errors.Join(err, failed)
	}
	return &QuotaError{Table: joinNames(tables, " or "), Limit: closing.Limit, ResetAt: resetAt, Err: err}
}

// probe makes a cheap read, once.
func (c *Client) probe(ctx context.Context) error {
	_, err := c.send(ctx, &request{op: "probe", method: http.MethodGet, path: pathEntities, single: true, class: BackgroundWork}, nil)
	return err
}
