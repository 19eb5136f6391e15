package actito

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	// listLag is how long after an import was accepted its execution may be missing from the list.
	listLag = 2 * time.Minute // assumed
	// zones is how far two time zones can differ. Which one the service's times are in is assumed.
	zones = 26 * time.Hour
)

// Resume continues from a handle in place of the process that prepared the import and is gone: it finds out what became
// of it as [ExecutionService.Reconcile] does, and waits for it as [ExecutionService.Wait] does. What it returns is what
// those return, with the Refused of the handle; the execution is nil if none was started.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable ExecutionService.List ExecutionService.Get
func (s *ExecutionService) Resume(ctx context.Context, h Handle, opts ...CallOption) (*Execution, error) {
	e, err := s.Reconcile(ctx, h)
	if e == nil {
		return nil, err
	}
	e, failed := s.c.Entity(h.Entity).Executions.wait(ctx, e, true, opts)
	if err != nil {
		return e, errors.Join(err, failed)
	}
	return e, failed
}

// Reconcile finds out whether an import started whose outcome is in doubt: after an [OutcomeUnknownError], from its
// Handle, or after a crash, from that of [OnPrepared]. The call that started it must have ended, and so must its
// process, if this is not the same.
//
//   - It started: its execution is returned, and the ledger has it.
//   - It certainly did not: the error matches [ErrNotStarted]. Its unit is free, and so is its [Once] key.
//   - Of several parts, some did and some did not: the execution has the Parts that did, and the error matches
//     [ErrPartlyStarted].
//   - Nobody can tell: the error is an [OutcomeUnknownError] that says why. The unit stays held until somebody looks in
//     Actito's UI and tells [QuotaService.Settle], or until a later Reconcile can tell.
//
// It asks the ledger, then the service's list of executions (assumed: the call, its parameters, and that it is whole).
// An execution that shows the import's mark is it, wherever it shows it. Where the service shows no marks, it is the only
// execution that fits by ETL, start, tables and rows, and that the ledger does not know as another import's. None counts
// as certain only when the list has caught up: two minutes after Reconcile began, or at once where the call ended more
// than ten minutes before. As long as executions run that may be it, it waits for their end, and an hour for those in a
// status that is not known. The context bounds all that.
//
//actito:through StructureService.ProfileTable StructureService.CustomTable ExecutionService.List
func (s *ExecutionService) Reconcile(ctx context.Context, h Handle) (*Execution, error) {
	r := &reconciliation{c: s.c.Entity(h.Entity), began: time.Now()}
	if err := r.check(ctx, h); err != nil {
		return nil, err
	}
	if len(h.Parts) == 0 {
		e, err := r.one(ctx, h)
		if e != nil {
			e.Sent, e.Refused, e.given = h.sent(), h.Refused, h.given()
		}
		return e, err
	}
	whole := &Execution{ETLID: h.ETLID, Refused: h.Refused}
	var missing []string
	var unknown error
	for i, p := range h.Parts {
		e, err := r.one(ctx, p)
		switch {
		case err == nil:
			e.Sent, e.given = p.sent(), p.given()
			whole.Parts = append(whole.Parts, e)
		case errors.Is(err, ErrNotStarted):
			missing = append(missing, fmt.Sprint(i+1))
		default:
			if one, ok := errors.AsType[*OutcomeUnknownError](err); ok {
				one.Handle = h
			}
			if err = within(err, "part %d of %d", i+1, len(h.Parts)); unknown != nil {
				err = fmt.Errorf("%w; %w", unknown, err)
			}
			unknown = err
		}
	}
	switch {
	case len(whole.Parts) == 0:
		whole = nil
		if unknown == nil {
			return nil, ErrNotStarted
		}
	case unknown == nil && len(missing) > 0:
		return whole, fmt.Errorf("%w: parts %s of %d were not: start the import again with its Once key, which sends only those",
			ErrPartlyStarted, strings.Join(missing, ", "), len(h.Parts))
	}
	return whole, unknown
}

// reconciliation is one call of Reconcile.
type reconciliation struct {
	c       *Client // of the handle's entity
	licence string  // the client's; the handle's may be none, of a token that names none
	began   time.Time
}

// check refuses handles with which nothing can be found out.
func (r *reconciliation) check(ctx context.Context, h Handle) error {
	refuse := func(detail string) error {
		return &ValidationError{Column: "Handle", Rule: "handle", Detail: detail}
	}
	if h.Entity == "" || h.ID == "" && len(h.Parts) == 0 {
		return refuse("it is empty: take the one that OnPrepared or the OutcomeUnknownError of an import gives")
	}
	var err error
	if r.licence, err = r.c.licence(ctx); err != nil {
		return err
	}
	calls := h.Parts
	if len(calls) == 0 {
		calls = []Handle{h}
	}
	for _, p := range calls {
		switch own := licencePart(p.ID); {
		case p.NotSent || p.ExecutionID != "":
		case p.ID == "" || len(p.Tables) == 0:
			return refuse("it does not name its reservation or its tables")
		case p.Prepared.IsZero():
			return refuse("it does not say when the import was prepared")
		case p.Mark != "" && anyMark.FindString(p.Mark) != p.Mark:
			return refuse("its mark is none of this library's")
		case own != r.licence && own != "/" && r.licence != "/":
			return refuse(fmt.Sprintf("it is of licence %q, and this client is of %q",
				strings.TrimSuffix(own, "/"), strings.TrimSuffix(r.licence, "/")))
		}
	}
	return nil
}

// one finds out what became of one call.
func (r *reconciliation) one(ctx context.Context, h Handle) (*Execution, error) {
	switch {
	case h.ExecutionID != "":
		return &Execution{ID: h.ExecutionID, ETLID: h.ETLID, AlreadyStarted: h.ID == ""}, nil
	case h.NotSent:
		return nil, ErrNotStarted
	}
	beside, err := r.look(ctx, h)
	if err != nil {
		return nil, r.unknown(h, err)
	}
	own := beside.own
	if own != nil && (own.State == string(unitReserved) || own.State == string(unitBegun)) {
		// A process that lives all the same must not begin it, or another attempt of it, from now on.
		if err := r.settle(ctx, h.ID, Held()); err != nil && !errors.Is(err, ErrReservationLost) {
			return nil, r.unknown(h, err)
		}
		if beside, err = r.look(ctx, h); err != nil {
			return nil, r.unknown(h, err)
		}
		notBegun := !h.Uncounted && own.State == string(unitReserved) && beside.own != nil && beside.own.At.Equal(own.At)
		if own = beside.own; notBegun && own.State == string(unitHeld) {
			return r.notStarted(ctx, h)
		}
	}
	if own != nil && own.State == string(unitUsed) && own.ExecutionID != "" {
		return &Execution{ID: own.ExecutionID, ETLID: h.ETLID}, nil
	}
	return r.search(ctx, h)
}

// search asks for the list of executions until it tells, or until it is clear that it cannot.
func (r *reconciliation) search(ctx context.Context, h Handle) (*Execution, error) {
	ended := h.Ended
	if ended.IsZero() || ended.After(r.began.Add(-2*mostSkew)) { // it may be by another machine's clock
		ended = r.began
	}
	answered, pause := time.Now(), firstPoll
	for {
		asked := time.Now()
		list, err := r.c.Executions.List(ctx, ExecutionFilter{ETLID: h.ETLID, From: h.Prepared.Add(-zones)}, Background())
		undecided := errors.New("the list of executions does not tell yet")
		switch {
		case err == nil:
			answered = asked
			beside, err := r.look(ctx, h)
			if err != nil {
				return nil, r.unknown(h, err)
			}
			clues := clues{Handle: h, neighbours: beside, list: list,
				caughtUp: !asked.Before(ended.Add(listLag)), long: asked.Sub(r.began) >= unchangedFor}
			e, verdict := clues.verdict()
			switch verdict {
			case itStarted:
				r.started(ctx, h, e)
				return e, nil
			case itDidNotStart:
				return r.notStarted(ctx, h)
			case itIsInDoubt:
				return nil, r.unknown(h, errors.New(clues.doubt()))
			}
		case ctx.Err() != nil:
			undecided = err
		case errors.Is(err, ErrNotFound):
			return nil, r.unknown(h, within(err, "the service does not list its executions"))
		case !passing(err) || time.Since(answered) >= unansweredFor:
			return nil, r.unknown(h, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, r.unknown(h, fmt.Errorf("%w: %w", undecided, ctx.Err()))
		}
		pause = min(pause*3/2, slowestPoll)
	}
}

// settle records an outcome, even if the caller is gone.
func (r *reconciliation) settle(ctx context.Context, id string, o Outcome) error {
	insist, cancel := insisting(ctx)
	defer cancel()
	return r.c.settle(insist, id, o)
}

// unknown is the end of a search that found nothing out.
func (r *reconciliation) unknown(h Handle, err error) error {
	return &OutcomeUnknownError{RowsMayBeImported: true, UnitMayBeUsed: true, Handle: h, reconciled: true,
		Err: fmt.Errorf("%w; look for the import in Actito's UI and call Quota.Settle for %q, with Used and its execution, or with Free",
			err, h.ID)}
}

// started settles the unit of an import that was found. What became of it is certain, whatever becomes of the ledger.
func (r *reconciliation) started(ctx context.Context, h Handle, e *Execution) {
	defer r.c.hooks.importUnit(ctx, ImportUnit{State: OutcomeUsed.String()}) // after the ledger: a hook may panic
	err := r.settle(ctx, h.ID, Used(e.ID))
	if errors.Is(err, ErrReservationLost) {
		err = r.count(ctx, h, e)
	}
	if err != nil {
		r.c.log.LogAttrs(ctx, slog.LevelError, "actito: an import was found and not recorded; settle it with Quota.Settle",
			slog.String("reservation", h.ID), slog.String("execution", e.ID), slog.Any("error", err))
	}
}

// count books an import that is not in the ledger: another process had it in memory, or started it uncounted.
func (r *reconciliation) count(ctx context.Context, h Handle, e *Execution) error {
	var tables []tableRef
	for _, id := range h.Tables {
		t, err := r.c.table(ctx, "", id)
		if errors.Is(err, ErrNotFound) {
			t, err = tableRef{ID: id, Name: id}, nil // it was deleted since
		}
		if err != nil {
			return err
		}
		tables = append(tables, t)
	}
	now := time.Now()
	booking := r.c.quota.reservation(now)
	booking.ID, booking.Buckets = r.licence+strings.TrimPrefix(h.ID, licencePart(h.ID)), r.c.quota.buckets(r.licence, tables)
	if h.Prepared.Before(now) {
		booking.At = h.Prepared
	}
	return r.c.count(ctx, booking, e.ID)
}

// notStarted frees the unit of an import that certainly did not start.
func (r *reconciliation) notStarted(ctx context.Context, h Handle) (*Execution, error) {
	if err := r.settle(ctx, h.ID, Free()); err != nil {
		return nil, r.unknown(h, within(err, "the list of executions does not have it, and the ledger does not free its unit"))
	}
	r.c.hooks.importUnit(ctx, ImportUnit{State: OutcomeFree.String()})
	return nil, ErrNotStarted
}

// neighbours is what the ledger knows about an import and those beside it.
type neighbours struct {
	own    *QuotaEntry     // nil: it does not know the import, and so maybe not others of this library either
	others map[string]bool // executions of other imports of this library
	begun  bool            // another import into the same tables is being sent
	held   bool            // another one is in doubt too
}

// look looks an import up in the ledger. A store that cannot be looked into knows nothing.
func (r *reconciliation) look(ctx context.Context, h Handle) (neighbours, error) {
	n := neighbours{others: make(map[string]bool)}
	store, err := r.c.quota.auditor()
	if err != nil {
		return n, nil //nolint:nilerr // it is no failure
	}
	for _, table := range h.Tables {
		list, err := store.Entries(ctx, r.licence+table)
		if err != nil {
			return n, within(err, "the ledger cannot be read")
		}
		for _, e := range list {
			_, id, _ := strings.Cut(e.ID, "/")
			switch {
			case e.ID == h.ID:
				n.own = &e
			case strings.HasPrefix(id, found), strings.HasPrefix(id, adjusted):
			case e.ExecutionID != "":
				n.others[e.ExecutionID] = true
			case e.At.Before(h.Prepared.Add(-zones)): // what it started is not listed any more
			case e.State == string(unitBegun):
				n.begun = true
			case e.State == string(unitHeld):
				n.held = true
			}
		}
	}
	return n, nil
}
