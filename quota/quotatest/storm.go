package quotatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/actito-go/actito"
)

// crew is eight processes, each with a random generator. Killed ones are replaced.
type crew struct {
	*shared
	options
	processes [8]*process
	random    [8]*rand.Rand

	mu     sync.Mutex
	made   int // imports tried, for their IDs
	total  int // imports sent
	kills  int
	failed int // calls, of which nobody knows whether they took effect
}

func (s *shared) newCrew(o options) *crew {
	s.Logf("quotatest.Seed(%d)", o.seed)
	c := &crew{shared: s, options: o}
	for i := range c.random {
		c.random[i] = o.newRandom(uint64(i))
	}
	return c
}

// process returns a worker's process, which one time in six is about to be killed, at any instruction.
func (c *crew) process(worker int) (*process, error) {
	if c.processes[worker] == nil {
		p, err := c.newProcess()
		if err != nil {
			return nil, err
		}
		c.processes[worker] = p
	}
	p, random := c.processes[worker], c.random[worker]
	if random.IntN(6) == 0 {
		time.AfterFunc(time.Duration(random.IntN(5000))*time.Microsecond, p.kill)
	}
	return p, nil
}

// goesOn tells whether a worker goes on after an error: with another process if it was killed.
func (c *crew) goesOn(worker int, err error) bool {
	if !errors.Is(err, errKilled) {
		return c.through != nil
	}
	c.processes[worker].end()
	c.processes[worker] = nil
	c.note(func() { c.kills++ })
	return true
}

// note changes what workers share.
func (c *crew) note(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *crew) newID() (id string) {
	c.note(func() { c.made++; id = fmt.Sprint("import ", c.made) })
	return id
}

// insists settles an import as a client does: again, if the call fails and nobody knows whether it took effect.
func (c *crew) insists(store actito.QuotaStore, id string, o actito.Outcome) (err error) {
	for range 3 {
		err = store.Settle(c.Context(), c.licence+id, o)
		if err == nil || errors.Is(err, errKilled) || errors.Is(err, actito.ErrReservationLost) || c.through == nil {
			return err
		}
		c.note(func() { c.failed++ })
	}
	return err
}

// lasts runs rounds for the time of a storm, and on until some process came to send an import, without which it proves
// nothing.
func (c *crew) lasts(round func(n int)) {
	begin, n := time.Now(), 0
	for ; !c.Failed() && (n == 0 || time.Since(begin) < c.storm || c.total == 0); n++ {
		if time.Since(begin) > c.storm+time.Minute {
			c.Fatal("no process came to send an import: let its calls fail less often")
		}
		round(n)
	}
	c.Logf("%d rounds, %d imports tried, %d sent, %d processes killed, %d calls failed", n, c.made, c.total, c.kills, c.failed)
}

// killAgainAndAgain lets the crew import as much as it can, in one window after another.
func (s *shared) killAgainAndAgain(o options) {
	c := s.newCrew(o)
	c.lasts(func(round int) {
		w := &stormWindow{crew: c, tables: []string{"1", "2"}, begin: time.Now(),
			sent: make(map[string][]string), open: make(map[string]bool), full: make(map[string]bool)}
		if c.ownClock {
			w.tables = []string{fmt.Sprint("1 of round ", round), fmt.Sprint("2 of round ", round)} // no day ends
		} else {
			s.after(time.Duration(round) * 24 * time.Hour)
		}
		w.run()
	})
}

// stormWindow is the time in which a budget counts, and what happened in it.
type stormWindow struct {
	*crew
	tables []string
	begin  time.Time
	sent   map[string][]string // by table: imports that the server accepted
	open   map[string]bool     // imports that were not sent, and may be in the ledger
	full   map[string]bool     // tables whose limit was reached
}

// most is what a table takes.
const most = 12

// over tells whether it was long enough: a second, and all tables are full, but not longer than the storm.
func (w *stormWindow) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	lasted := time.Since(w.begin)
	return lasted > w.storm || lasted > time.Second && len(w.full) == len(w.tables)
}

func (w *stormWindow) run() {
	var all sync.WaitGroup
	for worker := range w.processes {
		all.Go(func() {
			for !w.over() {
				p, err := w.process(worker)
				if err != nil {
					w.Error(err)
					return
				}
				random := w.random[worker]
				err = w.importInto(p, w.tables[random.IntN(len(w.tables))], random.IntN(2) > 0)
				if err != nil && !errors.Is(err, actito.ErrQuotaExceeded) && !errors.Is(err, actito.ErrReservationLost) && !w.goesOn(worker, err) {
					w.Error(err)
					return
				}
				if !w.ownClock {
					w.clock.add(time.Second)
				}
			}
		})
	}
	all.Wait()
	for _, ids := range w.sent {
		w.total += len(ids)
	}

	if w.reconcile(); w.Failed() {
		return
	}
	for _, table := range w.tables {
		var err error
		for err == nil {
			err = w.importInto(w.QuotaStore, table, false)
		}
		if !errors.Is(err, actito.ErrQuotaExceeded) {
			w.Error(err)
		}
		if u := w.usage(table); u.Used != most || u.Held != 0 {
			w.Errorf("the ledger shows %s, want %d imports", u, most)
		}
		if n := len(w.sent[table]); n != most {
			w.Errorf("%d imports of table %s were sent, of %d", n, table, most)
		}
	}
}

// reconcile is what an operator does afterwards, who knows which imports were sent: the ledger has those, and no others.
func (w *stormWindow) reconcile() {
	for table, ids := range w.sent {
		for _, id := range ids {
			if err := w.settle(id, actito.Used("of "+id)); err != nil {
				w.Errorf("%s of table %s was sent, and is not in the ledger: %v", id, table, err)
			}
		}
	}
	// Calls over connections that were cut may take effect meanwhile.
	for end := time.Now().Add(lateEffect); !w.Failed(); {
		for id := range w.open {
			w.ok(w.settle(id, actito.Free()))
		}
		var u actito.Usage
		differs := slices.ContainsFunc(w.tables, func(table string) bool {
			u = w.usage(table)
			return u.Used != len(w.sent[table]) || u.Held != 0
		})
		if !differs {
			return
		}
		if time.Now().After(end) {
			w.Errorf("the ledger shows %s, and %d were sent", u, len(w.sent[u.Table[len(w.licence):]]))
		}
	}
}

// lateEffect is how long a call may take to take effect after its connection was cut, or its process killed.
const lateEffect = 3 * time.Second

// lease is shorter than what the clock passes while a process is slow.
const lease = 30 * time.Second

// importInto makes an import, which the server refuses or accepts.
func (w *stormWindow) importInto(store actito.QuotaStore, table string, refuses bool) error {
	id := w.newID()
	r := w.ask(id, table)
	r.Lease, r.Buckets[0].Limit = r.At.Add(lease), most
	w.note(func() { w.open[id] = true })
	if err := store.Reserve(w.Context(), r); err != nil {
		if errors.Is(err, actito.ErrQuotaExceeded) {
			w.note(func() { delete(w.open, id); w.full[table] = true })
		}
		return err
	}
	if err := store.Begin(w.Context(), r.ID); err != nil {
		if w.through != nil {
			_ = w.insists(store, id, actito.Free())
		}
		return err
	}
	if refuses {
		return w.insists(store, id, actito.Free())
	}
	w.note(func() { delete(w.open, id); w.sent[table] = append(w.sent[table], id) })
	return w.insists(store, id, actito.Used("of "+id))
}

// killWithOneKey lets the crew start the same import, one key after another.
func (s *shared) killWithOneKey(o options) {
	c := s.newCrew(o)
	c.lasts(func(round int) { (&stormKey{crew: c, key: fmt.Sprint("key ", round)}).run() })
}

// stormKey is an import that may be executed once.
type stormKey struct {
	*crew
	key      string
	executed []string
	others   []string // reservations that were tried, and not executed
}

func (k *stormKey) run() {
	var all sync.WaitGroup
	for worker := range k.processes {
		all.Go(func() {
			for range 3 {
				p, err := k.process(worker)
				if err != nil {
					k.Error(err)
					return
				}
				if err := k.execute(p); err != nil && !errors.Is(err, actito.ErrAlreadyStarted) && !k.goesOn(worker, err) {
					k.Error(err)
				}
			}
		})
	}
	all.Wait()
	k.total += len(k.executed)

	// An operator reconciles what is unknown, and starts the import if it was not. Calls over connections that were cut may
	// take effect meanwhile.
	for _, id := range k.executed {
		k.ok(k.settle(id, actito.Used(id)))
	}
	for end := time.Now().Add(lateEffect); len(k.executed) == 0; {
		for _, id := range k.others {
			k.ok(k.settle(id, actito.Free()))
		}
		if err := k.execute(k.QuotaStore); !errors.Is(err, actito.ErrAlreadyStarted) || time.Now().After(end) {
			k.ok(err)
		}
	}
	if len(k.executed) != 1 {
		k.Fatalf("%s was executed %d times", k.key, len(k.executed))
	}
	k.started(k.execute(k.QuotaStore), actito.AlreadyStartedError{ExecutionID: k.executed[0], SameContent: true})
}

// execute starts the import, unless it was started.
func (k *stormKey) execute(store actito.QuotaStore) error {
	id := k.newID()
	r := k.askOnce(id, k.key, 1)
	r.Buckets[0].Name = k.licence + k.key
	k.note(func() { k.others = append(k.others, id) })
	if err := store.Reserve(k.Context(), r); err != nil {
		return err
	}
	if err := store.Begin(k.Context(), r.ID); err != nil {
		if k.through != nil {
			_ = k.insists(store, id, actito.Free())
		}
		return err
	}
	k.note(func() {
		k.executed = append(k.executed, id)
		k.others = slices.DeleteFunc(k.others, func(other string) bool { return other == id })
	})
	return k.insists(store, id, actito.Used(id))
}
