package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

// batch is an import: what it loads, and what became of it.
type batch struct {
	id     string // its Once key; the keys of its rows begin with it
	etl    int    // of stored ETLs, -1 for a one shot
	parts  []*part
	handle actito.Handle

	execution string            // "" where none is known
	open      bool              // nobody knows whether there is one
	runs      *actito.Execution // until its end was seen
}

// part is one file of a batch.
type part struct {
	table  int
	rows   []item
	bad    int // of the rows, which the server rejects
	loaded verdict
}

type verdict int

const (
	nobodyKnows verdict = iota
	loaded
	notLoaded
)

type batches struct {
	tables []*actito.CustomTable[item]
	etls   []string

	mu   sync.Mutex
	all  []*batch
	told map[string]int // ends of executions that webhooks told
}

func fileName(table int) string { return fmt.Sprintf("items%d.csv", table) }

func (s *soak) told(_ context.Context, e actito.ETLEvent) error {
	s.count("webhook", "handled")
	if e.Ended() {
		s.batches.mu.Lock()
		defer s.batches.mu.Unlock()
		s.batches.told[e.ExecutionID]++
	}
	return nil
}

func (s *soak) newBatch(id string, random *rand.Rand) *batch {
	b := &batch{id: id, etl: -1}
	tables := random.Perm(itemTables)[:1]
	switch random.IntN(4) {
	case 0:
		tables = random.Perm(itemTables)[:2]
	case 1, 2:
		b.etl = tables[0]
	}
	for _, table := range tables {
		p := &part{table: table}
		for n := range 1 + random.IntN(20) {
			p.rows = append(p.rows, item{ID: fmt.Sprintf("%s-%d", id, n), Amount: random.Int64N(1000), Size: "M"})
		}
		if random.IntN(3) == 0 {
			p.rows[0].Size, p.bad = "XXL", 1
		}
		b.parts = append(b.parts, p)
	}
	s.batches.mu.Lock()
	defer s.batches.mu.Unlock()
	s.batches.all = append(s.batches.all, b)
	return b
}

// kind is its name in the report.
func (b *batch) kind() string {
	switch {
	case b.etl >= 0:
		return "import, stored ETL"
	case len(b.parts) > 1:
		return "import, one shot of two files"
	}
	return "import, one shot"
}

// imports loads batches.
func (s *soak) imports(n int, random *rand.Rand) {
	for i := 0; s.sleep(time.Duration(random.Int64N(int64(10 * s.pause)))); i++ {
		b := s.newBatch(fmt.Sprintf("B%d-%d", n, i), random)
		ctx, cancel := context.WithTimeout(s.Context(), s.span+s.grace)
		s.load(ctx, b)
		if b.execution != "" && random.IntN(3) == 0 {
			s.loadAgain(ctx, b)
		}
		cancel()
	}
}

// load starts a batch, as often as it takes, and waits for its end.
func (s *soak) load(ctx context.Context, b *batch) {
	for range 4 {
		e, err := s.start(ctx, b)
		s.count(b.kind(), result(err))
		switch {
		case err == nil:
			s.await(ctx, b, e)
			return
		case errors.Is(err, actito.ErrOutcomeUnknown):
			s.count("unknown outcomes", b.kind())
			b.open = true
			if !s.reconcile(ctx, b) {
				return
			}
		case errors.Is(err, actito.ErrQuotaExceeded):
			return
		case !actito.Retryable(err):
			assert.Equal(s, "200", result(err), "%s: %v", b.id, err) // a page where the ETL or a table should be
		}
		time.Sleep(s.pause / 10)
	}
}

func (s *soak) start(ctx context.Context, b *batch) (*actito.Execution, error) {
	var opts []actito.ImportOption
	var d actito.Definition
	for _, p := range b.parts {
		table := s.batches.tables[p.table]
		d.Files = append(d.Files, table.InputFile(fileName(p.table)))
		if b.etl < 0 {
			opts = append(opts, table.Rows(fileName(p.table), actito.FromSlice(p.rows)))
			continue
		}
		var file bytes.Buffer
		require.NoError(s, actito.WriteCSV(&file, actito.FromSlice(p.rows)))
		opts = append(opts, actito.DataBytes(fileName(p.table), file.Bytes()))
	}
	opts = append(opts, actito.Once(b.id), actito.OnPrepared(func(h actito.Handle) error {
		b.handle = h
		return nil
	}))
	if b.etl >= 0 {
		return s.client.ETLs.Trigger(ctx, s.batches.etls[b.etl], opts...)
	}
	d.Name = b.id
	return s.client.ETLs.RunOnce(ctx, d, opts...)
}

// reconcile finds out whether a batch was started, and says whether it may be started again.
func (s *soak) reconcile(ctx context.Context, b *batch) bool {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	e, err := s.client.Executions.Reconcile(ctx, b.handle)
	s.count("reconcile", result(err))
	switch {
	case err == nil:
		s.count("unknown outcomes", "settled by Reconcile")
		s.await(ctx, b, e)
		return false
	case errors.Is(err, actito.ErrNotStarted):
		s.count("unknown outcomes", "settled by Reconcile")
		b.open = false
		return true
	}
	return false
}

// await waits for the end of a batch, and compares what the server counted with what was sent.
func (s *soak) await(ctx context.Context, b *batch, e *actito.Execution) {
	b.open, b.execution, b.runs = false, e.ID, e
	e, err := s.client.Executions.Wait(ctx, e)
	s.count("wait", result(err))
	if !e.Ended() {
		return
	}
	b.runs = nil
	account, rows, bad := e.Account(), 0, 0
	for _, p := range b.parts {
		rows += len(p.rows)
		for _, f := range e.Files {
			if f.Name != fileName(p.table) {
				continue
			}
			if f.Read == 0 {
				p.loaded = notLoaded
				continue
			}
			p.loaded = loaded
			bad += p.bad
			assert.Equal(s, len(p.rows), f.Read, b.id)
			assert.Equal(s, p.bad, f.Rejected, b.id)
		}
	}
	assert.Equal(s, rows, account.Rows, b.id)
	assert.Equal(s, bad, account.Rejected, b.id)
	assert.Equal(s, rows, account.Accepted+account.Rejected+account.Refused+account.Unknown, b.id)
	if err == nil {
		assert.Equal(s, rows, account.Accepted, b.id)
	}
	if bad == 0 {
		return
	}
	found := 0
	for r, err := range s.client.Executions.Rejects(ctx, e) {
		if err != nil {
			s.count("rejects", result(err))
			return
		}
		found++
		assert.Equal(s, b.id+"-0", r.Row["itemId"])
	}
	s.count("rejects", "done")
	assert.Equal(s, bad, found, b.id)
}

// loadAgain starts a batch that was started.
func (s *soak) loadAgain(ctx context.Context, b *batch) {
	e, err := s.start(ctx, b)
	s.count("import, once more", result(err))
	if err == nil {
		assert.True(s, e.AlreadyStarted, b.id)
		assert.Equal(s, b.execution, e.ID, b.id)
	}
}

// finish settles the batches of which nobody knows yet, and waits for those that run.
func (s *soak) finish(ctx context.Context) {
	for _, b := range s.batches.all {
		if b.open && s.patience > 2*time.Minute {
			s.reconcile(ctx, b)
		}
		for b.runs != nil && ctx.Err() == nil {
			s.await(ctx, b, b.runs)
			time.Sleep(s.pause / 10) // a key that was refused is left alone for a while
		}
	}
}
