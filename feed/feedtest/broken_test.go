package feedtest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// breakVariable names the store that a process tests.
const breakVariable = "FEEDTEST_BREAK"

// broken is a store that does something else instead of some of its calls.
type broken struct {
	*feedtest.Memory
	begin   func(m *feedtest.Memory) feedtest.Transaction
	add     func(m *feedtest.Memory, e feed.Event) feed.Statement
	erase   func(m *feedtest.Memory, e feed.Event) []feed.Statement
	see     func(m *feedtest.Memory) feed.Lease
	take    func(m *feedtest.Memory, seen feed.Lease, holder string) (feed.Lease, error)
	release func(m *feedtest.Memory, fence int64) error
	apply   func(m *feedtest.Memory, fence int64, n feed.Note) error
	page    func(m *feedtest.Memory, p feed.Page) []feed.Event
	events  func(m *feedtest.Memory, keys []feed.Key, limit int) []feed.Event
	states  func(m *feedtest.Memory, keys []feed.Key) map[feed.Key]feed.State
	held    func(m *feedtest.Memory, importID string, after feed.Event, limit int) []feed.Event
	imports func(m *feedtest.Memory) []feed.Import
	backlog func(m *feedtest.Memory) []feed.Backlog
	parked  func(m *feedtest.Memory, after int64, limit int) []feed.Event
	unpark  func(m *feedtest.Memory, id int64) bool
	discard func(m *feedtest.Memory, id int64) bool
}

// outbox is one of the broken store.
func (b broken) outbox() feedtest.Outbox {
	b.Memory = feedtest.NewMemory()
	begin := b.Memory.Outbox().Begin
	if b.begin != nil {
		begin = func(context.Context) (feedtest.Transaction, error) { return b.begin(b.Memory), nil }
	}
	return feedtest.Outbox{Store: b, Begin: begin}
}

func (b broken) Append(e feed.Event) feed.Statement {
	if b.add != nil {
		return b.add(b.Memory, e)
	}
	return b.Memory.Append(e)
}

func (b broken) Erase(e feed.Event) []feed.Statement {
	if b.erase != nil {
		return b.erase(b.Memory, e)
	}
	return b.Memory.Erase(e)
}

func (b broken) Lease(ctx context.Context) (feed.Lease, error) {
	if b.see != nil {
		return b.see(b.Memory), ctx.Err()
	}
	return b.Memory.Lease(ctx)
}

func (b broken) Take(ctx context.Context, seen feed.Lease, holder string) (feed.Lease, error) {
	if b.take != nil && ctx.Err() == nil {
		return b.take(b.Memory, seen, holder)
	}
	return b.Memory.Take(ctx, seen, holder)
}

func (b broken) Release(ctx context.Context, fence int64) error {
	if b.release != nil && ctx.Err() == nil {
		return b.release(b.Memory, fence)
	}
	return b.Memory.Release(ctx, fence)
}

func (b broken) Apply(ctx context.Context, fence int64, n feed.Note) error {
	if b.apply != nil && ctx.Err() == nil {
		return b.apply(b.Memory, fence, n)
	}
	return b.Memory.Apply(ctx, fence, n)
}

func (b broken) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	if b.page != nil {
		return b.page(b.Memory, p), ctx.Err()
	}
	return b.Memory.Page(ctx, p)
}

func (b broken) Events(ctx context.Context, keys []feed.Key, limit int) ([]feed.Event, error) {
	if b.events != nil {
		return b.events(b.Memory, keys, limit), ctx.Err()
	}
	return b.Memory.Events(ctx, keys, limit)
}

func (b broken) States(ctx context.Context, keys []feed.Key) (map[feed.Key]feed.State, error) {
	if b.states != nil {
		return b.states(b.Memory, keys), ctx.Err()
	}
	return b.Memory.States(ctx, keys)
}

func (b broken) Held(ctx context.Context, importID string, after feed.Event, limit int) ([]feed.Event, error) {
	if b.held != nil {
		return b.held(b.Memory, importID, after, limit), ctx.Err()
	}
	return b.Memory.Held(ctx, importID, after, limit)
}

func (b broken) Imports(ctx context.Context) ([]feed.Import, error) {
	if b.imports != nil {
		return b.imports(b.Memory), ctx.Err()
	}
	return b.Memory.Imports(ctx)
}

func (b broken) Backlog(ctx context.Context) ([]feed.Backlog, error) {
	if b.backlog != nil {
		return b.backlog(b.Memory), ctx.Err()
	}
	return b.Memory.Backlog(ctx)
}

func (b broken) Parked(ctx context.Context, after int64, limit int) ([]feed.Event, error) {
	if b.parked != nil {
		return b.parked(b.Memory, after, limit), ctx.Err()
	}
	return b.Memory.Parked(ctx, after, limit)
}

func (b broken) Unpark(ctx context.Context, id int64) (bool, error) {
	if b.unpark != nil && ctx.Err() == nil {
		return b.unpark(b.Memory, id), nil
	}
	return b.Memory.Unpark(ctx, id)
}

func (b broken) Discard(ctx context.Context, id int64) (bool, error) {
	if b.discard != nil && ctx.Err() == nil {
		return b.discard(b.Memory, id), nil
	}
	return b.Memory.Discard(ctx, id)
}

func TestABrokenStore(t *testing.T) {
	name, ok := os.LookupEnv(breakVariable)
	if !ok {
		t.Skip("TestBrokenStoresFail runs it")
	}
	open := func(*testing.T) feedtest.Outbox { return breaks[name].store.outbox() }
	if name == heedless {
		open = func(*testing.T) feedtest.Outbox {
			m := feedtest.NewMemory()
			return feedtest.Outbox{Store: withoutCancel{m}, Begin: m.Outbox().Begin}
		}
	}
	feedtest.Run(t, open, feedtest.Seed(1))
}

// fails runs a test of a broken store in another process, and returns what it printed.
func fails(t *testing.T, name, group string) string {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, "-test.run=^TestABrokenStore$/^"+group+"$")
	cmd.Env = append(os.Environ(), breakVariable+"="+name, "GORACE=atexit_sleep_ms=0") // else it waits a second at the end
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the test passes")
	return string(out)
}

func TestBrokenStoresFail(t *testing.T) {
	t.Parallel()
	for name, tt := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group, _, _ := strings.Cut(tt.fails, "/")
			assert.Contains(t, fails(t, name, group), "--- FAIL: TestABrokenStore/"+strings.ReplaceAll(tt.fails, " ", "_"))
		})
	}
	t.Run(heedless, func(t *testing.T) {
		t.Parallel()
		out := fails(t, heedless, "Context")
		for _, method := range []string{
			"Lease", "Take", "Release", "Apply", "Page", "Events", "States", "Held", "Imports", "Backlog", "Parked", "Unpark", "Discard",
		} {
			assert.Contains(t, out, "--- FAIL: TestABrokenStore/Context/ends_"+method+" ")
		}
	})
}

// recorder is a test that ends when it fails.
type recorder struct {
	*testing.T
	failed bool
}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	panic(r)
}

// failsInAnyOrder reports whether one of many runs fails.
func failsInAnyOrder(t *testing.T, b broken) bool {
	t.Helper()
	for seed := range uint64(200) {
		r := &recorder{T: t}
		func() {
			defer func() {
				if p := recover(); p != nil && p != any(r) {
					panic(p)
				}
			}()
			feedtest.AnyOrder(r, b.outbox(), rand.New(rand.NewPCG(seed, 0)).IntN)
		}()
		if r.failed {
			return true
		}
	}
	return false
}

func TestAnyOrderFindsBrokenStores(t *testing.T) {
	t.Parallel()
	for name, tt := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, !tt.hidden, failsInAnyOrder(t, tt.store))
		})
	}
	assert.False(t, failsInAnyOrder(t, broken{}), "a store that is not broken fails")
}
