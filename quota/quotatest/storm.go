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
	processes [8]*process
	random    [8]*rand.Rand

	mu    sync.Mutex
	made  int // imports tried, for their IDs
	kills int
}

func (s *shared) newCrew(o options) *crew {
	s.Logf("quotatest.Seed(%d)", o.seed)
	c := &crew{shared: s}
	for i := range c.random {
		c.random[i] = rand.New(rand.NewPCG(o.seed, uint64(i))) //nolint:gosec // random tests need no secrets
	}
	return c
}

// process returns a worker's process, which one time in four is about to be killed, at any instruction.
func (c *crew) process(worker int) (*process, error) {
	if c.processes[worker] == nil {
		p, err := c.newProcess()
		if err != nil {
			return nil, err
		}
		c.processes[worker] = p
	}
	p, random := c.processes[worker], c.random[worker]
	if random.IntN(4) == 0 {
		time.AfterFunc(time.Duration(random.IntN(5000))*time.Microsecond, p.kill)
	}
	return p, nil
}

// bury lets a worker's killed process be replaced.
func (c *crew) bury(worker int) {
	c.processes[worker].end()
	c.processes[worker] = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kills++
}

func (c *crew) newID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	return fmt.Sprint("import ", c.made)
}

// killAgainAndAgain lets the crew import as much as it can, in one window after another.
func (s *shared) killAgainAndAgain(o options) {
	c := s.newCrew(o)
	begin := time.Now()
	for round := 0; round == 0 || time.Since(begin) < o.killing; round++ {
		w := &stormWindow{crew: c, tables: []string{"1", "2", "3"}, callers: make(map[string][]string)}
		if o.ownClock {
			w.tables = []string{fmt.Sprint("1 of round ", round), fmt.Sprint("2 of round ", round)} // no day ends
		} else {
			s.after(time.Duration(round) * 24 * time.Hour)
		}
		w.run(min(time.Second, o.killing), o.ownClock)
		if s.Failed() {
			return
		}
	}
	s.Logf("%d imports tried, %d processes killed", c.made, c.kills)
}

// stormWindow is the time in which a budget counts, and what happened in it.
type stormWindow struct {
	*crew
	tables  []string
	callers map[string][]string // by table: imports that were sent, and that the server accepted
}

// most is what a table takes.
const most = 12

func (w *stormWindow) run(d time.Duration, ownClock bool) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for worker := range w.processes {
		all.Go(func() {
			for time.Now().Before(end) {
				p, err := w.process(worker)
				if err != nil {
					w.Error(err)
					return
				}
				random := w.random[worker]
				err = w.importInto(p, w.tables[random.IntN(len(w.tables))], random.IntN(3) > 0)
				switch {
				case errors.Is(err, errKilled):
					w.bury(worker)
				case err != nil && !errors.Is(err, actito.ErrQuotaExceeded) && !errors.Is(err, actito.ErrReservationLost):
					w.Error(err)
					return
				}
				if !ownClock {
					w.clock.add(time.Second)
				}
			}
		})
	}
	all.Wait()

	if !ownClock {
		w.clock.add(lease)
	}
	for _, table := range w.tables {
		var err error
		for err == nil {
			err = w.importInto(w.QuotaStore, table, false)
		}
		if !errors.Is(err, actito.ErrQuotaExceeded) {
			w.Error(err)
		}
		if u := w.usage(table); u.Used+u.Held != most {
			w.Errorf("the ledger shows %s, want %d imports", u, most)
		}
		if n := len(w.callers[table]); n > most {
			w.Errorf("%d imports of table %s were sent, of %d", n, table, most)
		}
		for _, id := range w.callers[table] {
			if err := w.settle(id, actito.Used("of "+id)); err != nil {
				w.Errorf("an import that was sent is not in the ledger: %v", err)
			}
		}
	}
}

// lease is shorter than what the clock passes while a process is slow.
const lease = 30 * time.Second

// importInto makes an import, which the server refuses or accepts.
func (w *stormWindow) importInto(store actito.QuotaStore, table string, refuses bool) error {
	ctx, id := w.Context(), w.newID()
	r := w.ask(id, table)
	r.Lease, r.Buckets[0].Limit = r.At.Add(lease), most
	if err := store.Reserve(ctx, r); err != nil {
		return err
	}
	if err := store.Begin(ctx, id); err != nil {
		return err
	}
	if refuses {
		return store.Settle(ctx, id, actito.Free())
	}
	w.mu.Lock()
	w.callers[table] = append(w.callers[table], id)
	w.mu.Unlock()
	return store.Settle(ctx, id, actito.Used("of "+id))
}

// killWithOneKey lets the crew start the same import, one key after another.
func (s *shared) killWithOneKey(o options) {
	c := s.newCrew(o)
	begin, keys := time.Now(), 0
	for ; (keys == 0 || time.Since(begin) < o.killing) && !s.Failed(); keys++ {
		k := &stormKey{crew: c, key: fmt.Sprint("key ", keys)}
		k.run()
	}
	s.Logf("%d keys, %d imports tried, %d processes killed", keys, c.made, c.kills)
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
				var started *actito.AlreadyStartedError
				switch err := k.execute(p); {
				case errors.Is(err, errKilled):
					k.bury(worker)
				case err != nil && !errors.As(err, &started):
					k.Error(err)
				}
			}
		})
	}
	all.Wait()

	// An operator reconciles what is unknown, and starts the import if it was not.
	for _, id := range k.others {
		k.ok(k.settle(id, actito.Free()))
	}
	for _, id := range k.executed {
		k.ok(k.settle(id, actito.Used(id)))
	}
	if len(k.executed) == 0 {
		k.ok(k.execute(k.QuotaStore))
	}
	if len(k.executed) != 1 {
		k.Fatalf("%s was executed %d times", k.key, len(k.executed))
	}
	k.started(k.execute(k.QuotaStore), actito.AlreadyStartedError{ExecutionID: k.executed[0], SameContent: true})
}

// execute starts the import, unless it was started.
func (k *stormKey) execute(store actito.QuotaStore) error {
	ctx, id := k.Context(), k.newID()
	r := k.askOnce(id, k.key, 1)
	r.Buckets[0].Name = k.key
	k.mu.Lock()
	k.others = append(k.others, id)
	k.mu.Unlock()
	if err := store.Reserve(ctx, r); err != nil {
		return err
	}
	if err := store.Begin(ctx, id); err != nil {
		return err
	}
	k.mu.Lock()
	k.executed = append(k.executed, id)
	k.others = slices.DeleteFunc(k.others, func(other string) bool { return other == id })
	k.mu.Unlock()
	return store.Settle(ctx, id, actito.Used(id))
}
