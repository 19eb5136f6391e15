package feed

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/actito-go/actito"
)

const (
	spillEvery   = 5 * time.Second
	doubtfulFor  = time.Hour       // and as long as an import takes: how long an import may stay in doubt
	refusedFor   = time.Hour       // a lane whose imports are refused, or fail as a whole, goes by calls alone
	onceFindOut  = 3 * time.Minute // of Drain: the service's list of executions needs two to be sure
	onceWait     = 10 * time.Second
	longest      = 24 * time.Hour // an import that still runs then is in doubt: newer rows do not wait for ever
	mostBadRows  = 10             // rows that no file can hold, after which the file is given up
	slowestRetry = 10 * time.Minute
)

// importer makes the imports of a lane in a tenure, one after another.
type importer struct {
	*drainer
	l        *laneState
	next     time.Time // when to look again whether one is due
	joined   time.Time // the wave that was joined last
	failures int       // to start one, in a row
}

// spills goes on with the imports of a lane that an earlier tenure left, and then starts one whenever it is due. It ends
// with d.stop: an import goes on without it, and the next holder of the lease with that. With once it does not wait for
// an import either, but leaves it to the next Drain.
func (d *drainer) spills(l *laneState) {
	defer d.importing(-1)
	s := &importer{drainer: d, l: l}
	if !s.goOn() || l.spill == nil {
		return
	}
	for {
		if columns, due := s.due(); due {
			if !s.start(columns) {
				return
			}
			s.l.isThrough()
		}
		d.importing(-1)
		err := sleep(d.stop, spillEvery)
		d.importing(1)
		if err != nil {
			return
		}
	}
}

// goOn settles what an earlier tenure left. over is false if something is left for the next.
func (s *importer) goOn() (over bool) {
	for {
		imports, err := s.store.Imports(s.stop)
		if err != nil {
			if s.stop.Err() == nil {
				s.log.LogAttrs(s.stop, slog.LevelWarn, "feed: the outbox cannot be read", slog.Any("error", err))
			}
			if sleep(s.stop, time.Second) != nil {
				return false
			}
			continue
		}
		for _, i := range imports {
			switch {
			case i.Lane != s.l.name:
			case i.Handle == nil:
				// Nothing was sent: the handle is stored before the first byte.
				if s.end(i, "not started", nil, released) != nil {
					return false
				}
			default:
				s.l.begins(i.At)
				if !s.follow(i, nil) {
					return false
				}
			}
		}
		return true
	}
}

// start makes an import and sees it through. over is false if it is left to the next tenure.
func (s *importer) start(columns int64) (over bool) {
	i := Import{ID: rand.Text(), Lane: s.l.name, At: time.Now()}
	c, err := s.claim(&i, columns)
	var e *actito.Execution
	switch {
	case err != nil:
	case c.rows < leastRows:
		s.next = i.At.Add(time.Minute)
		return s.end(i, "too few rows", nil, released) == nil
	default:
		if err = s.calm(s.stop); err == nil {
			s.l.begins(i.At)
			s.log.LogAttrs(s.ctx, slog.LevelInfo, "feed: an import starts", slog.String("lane", s.l.name), slog.String("import", i.ID),
				slog.Int("rows", c.rows))
			e, err = s.send(&i, c)
		}
	}
	if s.ctx.Err() != nil || err != nil && s.stop.Err() != nil {
		return false // whoever comes next finds out what became of it
	}
	if err == nil || errors.Is(err, actito.ErrOutcomeUnknown) {
		s.failures = 0
		return s.follow(i, e)
	}
	return s.notStarted(i, err)
}

// send stages and starts an import. A row that no file can hold is left to calls. The handle is stored, under the fence,
// before the first byte is sent.
func (s *importer) send(i *Import, c *claim) (*actito.Execution, error) {
	name := fileName(s.l.of) + "-" + i.ID + ".csv"
	for bad := 0; ; bad++ {
		var row []int64
		in, data := s.l.table.file(name, s.rows(i.ID, &row), s.columnOptions(c)...)
		e, err := s.l.table.Client().ETLs.RunOnce(s.ctx, actito.Definition{Name: "feed " + name, Files: []actito.InputFile{in}},
			data, actito.Once(i.ID), actito.OnPrepared(func(h actito.Handle) (err error) {
				if i.Handle, err = json.Marshal(h); err != nil {
					return err
				}
				return s.apply(s.ctx, Note{Import: i})
			}))
		v, ok := errors.AsType[*actito.ValidationError](err)
		if !ok || v.Line == 0 || row == nil || i.Handle != nil || bad == mostBadRows {
			return e, err
		}
		s.log.LogAttrs(s.ctx, slog.LevelWarn, "feed: a row goes one by one, since no file can hold it", slog.String("lane", s.l.name),
			slog.String("column", v.Column), slog.String("rule", v.Rule))
		if err := s.insist(oneByOne(row)); err != nil {
			return nil, err
		}
	}
}

// fileName is the part of a file's name that tells people the lane.
func fileName(lane string) string {
	_, name, _ := strings.Cut(lane, "/")
	name = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 100)]
}

// notStarted settles an import that certainly did not start.
func (s *importer) notStarted(i Import, err error) (over bool) {
	s.failures++
	s.l.didNotBegin(i.At)
	now := time.Now()
	s.next = now.Add(backoff(s.failures+6, time.Hour)) // about a minute at first
	api, _ := errors.AsType[*actito.APIError](err)
	quota, _ := errors.AsType[*actito.QuotaError](err)
	switch {
	case errors.Is(err, actito.ErrNoRows): // all were erased
		s.failures, s.next = 0, now
		return s.end(i, "no rows", nil, removed) == nil
	case quota != nil:
		s.next = now.Add(min(time.Hour, max(time.Minute, quota.ResetAt.Sub(now))))
	case errors.Is(err, actito.ErrInvalid) && !actito.Retryable(err), api != nil && api.Status == http.StatusRequestEntityTooLarge:
		s.next = now.Add(refusedFor)
		return s.end(i, "refused", err, oneByOne) == nil
	}
	return s.end(i, "not started", err, released) == nil
}

// end takes all that an import holds from it, and forgets it. After a crash it is done again: what was taken is not
// held any more, and what is left meets the same verdict.
func (s *importer) end(i Import, how string, err error, note func([]int64) Note) error {
	attrs := []slog.Attr{slog.String("lane", s.l.name), slog.String("import", i.ID), slog.String("how", how)}
	level := slog.LevelInfo
	if err != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.Any("error", err))
	}
	s.log.LogAttrs(s.ctx, level, "feed: an import has ended", attrs...)
	if err := s.each(i.ID, note); err != nil {
		return err
	}
	// A delivery that found a key held may note only after the end that it was sent, and then nothing would send it again.
	for turn := s.lastTurn(); s.atWork(turn); {
		if sleep(s.ctx, urgentEvery) != nil {
			return context.Cause(s.ctx)
		}
	}
	return s.insist(Note{End: i.ID})
}

// follow finds out what became of an import that was or may have been sent, and settles it. e is its execution, if that is
// known. over is false if it goes on, and is left to the next tenure.
func (s *importer) follow(i Import, e *actito.Execution) (over bool) {
	began, doubted := time.Now(), i.At
	if !s.once {
		doubted = time.Time{}
	}
	for n := 1; ; n++ {
		var err error
		var running bool
		if e, running, err = s.await(&i, e); running {
			return false
		}
		if errors.Is(err, actito.ErrRowsRejected) {
			err = s.park(&i, e)
		}
		if s.stop.Err() != nil {
			return false
		}
		switch {
		case err == nil:
			if began.Sub(i.At) < doubtfulFor && s.l.spill != nil { // else it may have ended long ago
				s.l.lasted(time.Since(i.At))
			}
			return s.end(i, "loaded", nil, removed) == nil
		case errors.Is(err, actito.ErrNotStarted):
			s.l.didNotBegin(i.At)
			s.next = time.Now().Add(time.Minute)
			return s.end(i, "not started", err, released) == nil
		case errors.Is(err, actito.ErrImportFailed):
			s.next = time.Now().Add(refusedFor)
			return s.end(i, "failed", err, oneByOne) == nil
		case errors.Is(err, actito.ErrRowsUnaccounted), errors.Is(err, errUnmatched):
			return s.end(i, "unaccounted", err, oneByOne) == nil
		}
		if doubted.IsZero() {
			doubted = time.Now()
		}
		if time.Since(doubted) >= doubtfulFor+s.expected() {
			return s.end(i, "in doubt", err, oneByOne) == nil
		}
		if n == 1 {
			s.log.LogAttrs(s.ctx, slog.LevelWarn, "feed: an import is in doubt", slog.String("lane", s.l.name), slog.String("import", i.ID), slog.Any("error", err))
		}
		if s.once || sleep(s.stop, backoff(n+6, slowestRetry)) != nil {
			return false
		}
	}
}

// expected is how long an import of the lane takes; the lane may not spill any more.
func (s *importer) expected() time.Duration {
	if s.l.spill == nil {
		return 0
	}
	return s.l.lasts()
}

// await finds an import's execution and waits for its end. running reports that there was no time for that.
func (s *importer) await(i *Import, e *actito.Execution) (_ *actito.Execution, running bool, err error) {
	executions := s.l.table.Client().Executions
	if e == nil {
		var h actito.Handle
		if err := json.Unmarshal(i.Handle, &h); err != nil {
			return nil, false, err
		}
		if h.Ended.IsZero() { // noted, so that processes that live for a minute each do not wait for the list anew
			h.Ended = time.Now()
			if i.Handle, err = json.Marshal(h); err != nil {
				return nil, false, err
			}
			if err = s.insist(Note{Import: i}); err != nil {
				return nil, s.stop.Err() != nil, err
			}
		}
		ctx, cancel := s.bounded(onceFindOut)
		defer cancel()
		if e, err = executions.Reconcile(ctx, h); err != nil {
			return nil, s.stop.Err() != nil, err
		}
	}
	ctx, cancel := s.bounded(onceWait)
	defer cancel()
	until, cancelUntil := context.WithDeadline(ctx, i.At.Add(longest))
	defer cancelUntil()
	// As work of the class Polling it would wait for as long as calls have a backlog.
	e, err = executions.Wait(until, e, actito.Background())
	running = err != nil && !e.Ended() && ctx.Err() != nil
	return e, running, err
}

// bounded is the context of a wait, which is short with once.
func (s *importer) bounded(d time.Duration) (context.Context, context.CancelFunc) {
	if s.once {
		return context.WithTimeout(s.stop, d)
	}
	return context.WithCancel(s.stop)
}

// errUnmatched says that nobody can tell which rows were rejected.
var errUnmatched = errors.New("feed: the rejects of an import cannot be read, or are not of rows that it held")

// park parks the rows that an import rejected. It reads all rejects before anything else is settled.
//
// After a crash it is done again: what was parked then is not held any more, and counts as matched. If a newer push took
// it along by now, nothing is left of it, and the rest of the import goes one by one, which is only slower.
func (s *importer) park(i *Import, e *actito.Execution) error {
	rejects := make(map[Key]Parked, claimKeys)
	rows := 0
	for r, err := range s.l.table.Rejects(s.stop, e) {
		switch {
		case err != nil && (unread(err) || s.stop.Err() != nil):
			return err
		case err != nil:
			return fmt.Errorf("%w: %w", errUnmatched, err)
		case r.RowErr != nil || r.Key == "":
			return errUnmatched
		}
		rejects[keyOf(s.l.name, r.Key)] = parkedBy(r)
		rows++
		if len(rejects) == claimKeys {
			if err := s.parkAll(i.ID, rejects); err != nil {
				return err
			}
			clear(rejects)
		}
	}
	if rows == 0 {
		return errUnmatched
	}
	if err := s.parkAll(i.ID, rejects); err != nil {
		return err
	}
	s.log.LogAttrs(s.ctx, slog.LevelWarn, "feed: an import rejected rows, which are parked", slog.String("lane", s.l.name),
		slog.String("import", i.ID), slog.Int("rows", rows))
	return nil
}

// unread reports whether rejects may be read later: no answer came, or not all of it.
func unread(err error) bool {
	api, ok := errors.AsType[*actito.APIError](err)
	return actito.Retryable(err) || ok && api.Status < http.StatusMultipleChoices
}

// parkedBy is why a row was rejected, without its values.
func parkedBy(r actito.Reject[map[string]any]) Parked {
	p := Parked{Reason: "a bulk import rejected the row", At: time.Now()}
	for _, shown := range r.LogValue().Group() {
		switch shown.Key {
		case "code":
			p.Code = shown.Value.String()
		case "column":
			p.Column = shown.Value.String()
		}
	}
	return p
}

// parkAll parks what an import holds of some keys.
func (s *importer) parkAll(id string, rejects map[Key]Parked) error {
	events, err := s.store.Events(s.stop, slices.Collect(maps.Keys(rejects)), eventsAtOnce)
	if err != nil {
		return err
	}
	matched := map[Key]bool{}
	n := Note{Park: map[int64]Parked{}}
	for i := range events {
		e := &events[i]
		if e.Import == id || e.Parked != nil {
			matched[e.Key] = true
		}
		if e.Import == id && e.Payload != nil { // what was erased is of no use any more
			n.Park[e.ID] = rejects[e.Key]
		}
		if len(n.Park) == idsAtOnce {
			if err := s.insist(n); err != nil {
				return err
			}
			n.Park = map[int64]Parked{}
		}
	}
	if len(n.Park) > 0 {
		if err := s.insist(n); err != nil {
			return err
		}
	}
	if len(matched) < len(rejects) {
		return errUnmatched
	}
	return nil
}
