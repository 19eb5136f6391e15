package actito

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ledger is a memory store with a clock of its own and short ways to use it.
type ledger struct {
	*memoryStore
	t     testing.TB
	q     *quota
	clock time.Time
}

func newLedger(t testing.TB, w Window) *ledger {
	l := &ledger{memoryStore: newMemoryStore(), t: t, clock: at(t, "2026-11-23T12:00:00+01:00")}
	l.now = func() time.Time { return l.clock }
	q, err := newQuota(Quota{Store: l.memoryStore, Window: w})
	require.NoError(t, err)
	l.q = q
	return l
}

// ask is a reservation for ten minutes of tables that take two imports.
func (l *ledger) ask(id string, tables ...string) Reservation {
	r := l.q.reservation(l.clock)
	r.ID, r.Lease = id, l.clock.Add(10*time.Minute)
	for _, table := range tables {
		r.Buckets = append(r.Buckets, Bucket{Name: table, Limit: 2})
	}
	return r
}

func (l *ledger) reserve(id string, tables ...string) error {
	return l.Reserve(l.t.Context(), l.ask(id, tables...))
}

func (l *ledger) begin(id string) error             { return l.Begin(l.t.Context(), id) }
func (l *ledger) settle(id string, o Outcome) error { return l.Settle(l.t.Context(), id, o) }

func (l *ledger) usage(table string) Usage {
	l.t.Helper()
	u, err := l.Usage(l.t.Context(), table)
	require.NoError(l.t, err)
	return u
}

// booked asserts how many units of a table are used and held.
func (l *ledger) booked(table string, used, held int) {
	l.t.Helper()
	u := l.usage(table)
	assert.Equal(l.t, [2]int{used, held}, [2]int{u.Used, u.Held}, "used and held")
}

func TestAnImportOfSeveralTablesBooksAllOrNone(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	require.NoError(t, l.reserve("a", "1"))
	require.NoError(t, l.reserve("b", "1", "2"))
	err := l.reserve("c", "2", "1")
	require.Equal(t, &QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: l.ask("").ResetAt}, err)
	l.booked("1", 0, 2)
	l.booked("2", 0, 1)
	require.NoError(t, l.reserve("d", "2"))
}

func TestATableNamedTwiceBooksOneUnit(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	require.NoError(t, l.reserve("a", "1", "1"))
	l.booked("1", 0, 1)
}

func TestTheBooksAreTheStoresOwn(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	r := l.ask("a", "1")
	require.NoError(t, l.Reserve(t.Context(), r))
	r.Buckets[0].Name = "2"
	l.booked("1", 0, 1)
}

func TestAnIDInTheBooksIsRefused(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	require.NoError(t, l.reserve("a", "1"))
	require.ErrorContains(t, l.reserve("a", "2"), "exists")
	l.booked("1", 0, 1)
}

func TestAReservationLapses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		begun      bool
		passes     time.Duration
		used, held int   // in the end
		begin      error // of Begin in the end
	}{
		"not before its lease":                 {false, 10*time.Minute - 1, 0, 1, nil},
		"with its lease, free if unbegun":      {false, 10 * time.Minute, 0, 0, ErrReservationLost},
		"not before its lease, begun":          {true, 10*time.Minute - 1, 0, 1, nil},
		"with its lease, held if it was begun": {true, 10 * time.Minute, 0, 1, ErrReservationLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, "")
			require.NoError(t, l.reserve("a", "1"))
			if tt.begun {
				require.NoError(t, l.begin("a"))
			}
			l.clock = l.clock.Add(tt.passes)
			l.booked("1", tt.used, tt.held)
			assert.ErrorIs(t, l.begin("a"), tt.begin)
		})
	}
}

func TestAReservationOfYesterdayCannotBeginToday(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	l.clock = at(t, "2026-11-23T23:55:00+01:00")
	require.NoError(t, l.reserve("a", "1"))
	require.NoError(t, l.reserve("b", "1"))
	require.NoError(t, l.begin("b"))
	l.clock = at(t, "2026-11-24T00:02:00+01:00")
	require.NoError(t, l.reserve("c", "1"))
	require.NoError(t, l.reserve("d", "1"))
	require.ErrorIs(t, l.begin("a"), ErrReservationLost, "today is booked by others")
	require.NoError(t, l.begin("b"), "it began yesterday")
	l.booked("1", 0, 2)
}

func TestARollingUnitCountsFromItsBeginning(t *testing.T) {
	t.Parallel()
	l := newLedger(t, Rolling24h)
	began := l.clock
	require.NoError(t, l.reserve("a", "1"))
	require.NoError(t, l.reserve("b", "1"))
	require.NoError(t, l.begin("a"))
	l.clock = began.Add(5 * time.Minute)
	require.NoError(t, l.begin("b"))
	require.NoError(t, l.begin("a"), "the second time it does not count anew")

	l.clock = began.Add(24*time.Hour - 1)
	require.Equal(t, &QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: began.Add(24 * time.Hour)}, l.reserve("c", "1"))
	l.clock = began.Add(24 * time.Hour)
	require.NoError(t, l.reserve("c", "1"))
	require.Equal(t, &QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: began.Add(24*time.Hour + 5*time.Minute)}, l.reserve("d", "1"))
}

func TestAFullRollingWindowTellsWhenOneMoreIsLeft(t *testing.T) {
	t.Parallel()
	l := newLedger(t, Rolling24h)
	began := l.clock
	for i := range 4 {
		r := l.ask(fmt.Sprint(i))
		r.Buckets = []Bucket{{Name: "1", Limit: 4}}
		require.NoError(t, l.Reserve(t.Context(), r))
		require.NoError(t, l.settle(r.ID, Used("")))
		l.clock = l.clock.Add(time.Hour)
	}
	for range 20 {
		var full *QuotaError
		require.ErrorAs(t, l.reserve("of a smaller limit", "1"), &full)
		require.Equal(t, began.Add(26*time.Hour), full.ResetAt, "three must go before one is left of two")
	}
}

func TestSettling(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for name, tt := range map[string]struct {
		first, second Outcome
		want          error // other: any that is not ErrReservationLost
		used, held    int
	}{
		"used twice":                   {Used("x"), Used("x"), nil, 1, 0},
		"used, then with an execution": {Used(""), Used("x"), nil, 1, 0},
		"used, then without one":       {Used("x"), Used(""), nil, 1, 0},
		"used, then with another one":  {Used("x"), Used("y"), other, 1, 0},
		"used, then free":              {Used("x"), Free(), other, 1, 0},
		"used, then held":              {Used("x"), Held(), nil, 1, 0},
		"held twice":                   {Held(), Held(), nil, 0, 1},
		"held, reconciled as used":     {Held(), Used("x"), nil, 1, 0},
		"held, reconciled as free":     {Held(), Free(), nil, 0, 0},
		"free twice":                   {Free(), Free(), nil, 0, 0},
		"free, then used":              {Free(), Used("x"), ErrReservationLost, 0, 0},
		"free, then held":              {Free(), Held(), ErrReservationLost, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, "")
			r := l.ask("a", "1")
			r.Once = "customers"
			require.NoError(t, l.Reserve(t.Context(), r))
			require.NoError(t, l.begin("a"))
			require.NoError(t, l.settle("a", tt.first))
			err := l.settle("a", tt.second)
			if errors.Is(tt.want, other) {
				require.Error(t, err)
				require.NotErrorIs(t, err, ErrReservationLost)
			} else {
				require.ErrorIs(t, err, tt.want)
			}
			l.booked("1", tt.used, tt.held)
			require.ErrorIs(t, l.begin("a"), ErrReservationLost, "it is settled")
			r.ID = "b"
			var started *AlreadyStartedError
			if errors.As(l.Reserve(t.Context(), r), &started) {
				assert.Equal(t, tt.used == 1, started.ExecutionID == "x", "the execution is known if it is used")
			}
		})
	}
	t.Run("what lapsed unbegun", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, "")
		require.NoError(t, l.reserve("a", "1"))
		l.clock = l.clock.Add(time.Hour)
		require.ErrorIs(t, l.settle("a", Used("x")), ErrReservationLost)
		require.NoError(t, l.settle("a", Free()))
	})
}

func TestAClosedTable(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	until := l.clock.Add(time.Hour)
	require.NoError(t, l.reserve("a", "1"))
	require.NoError(t, l.Close(t.Context(), "1", until))
	require.NoError(t, l.Close(t.Context(), "1", until.Add(-time.Minute)), "never shortens")

	want := &QuotaError{Table: "1", Limit: 2, Held: 1, Closed: true, ResetAt: until}
	require.Equal(t, want, l.reserve("b", "1"))
	require.Equal(t, want, l.reserve("b", "2", "1"))
	require.NoError(t, l.reserve("b", "2"), "another table")
	require.NoError(t, l.begin("a"), "what was reserved before")
	assert.Equal(t, Usage{Table: "1", Limit: 2, Held: 1, ResetAt: l.ask("").ResetAt, ClosedUntil: until}, l.usage("1"))

	l.clock = until
	assert.Equal(t, Usage{Table: "1", Limit: 2, Held: 1, Left: 1, ResetAt: l.ask("").ResetAt}, l.usage("1"))
	require.NoError(t, l.reserve("c", "1"), "opens by itself")

	far := l.clock.Add(100 * time.Hour)
	require.NoError(t, l.Close(t.Context(), "1", far))
	require.Equal(t, &QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: far}, l.reserve("d", "1"), "full, and closed for longer")
	require.NoError(t, l.Close(t.Context(), "1", time.Time{}))
	require.Equal(t, &QuotaError{Table: "1", Limit: 2, Held: 2, ResetAt: l.ask("").ResetAt}, l.reserve("d", "1"), "full, and open again")
	assert.Equal(t, Usage{Table: "3"}, l.usage("3"), "nothing is known")
}

func TestOnceStartsOneImport(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settle  func(*ledger)
		passes  time.Duration
		content byte
		want    error
	}{
		"while the first is reserved":   {func(*ledger) {}, 0, 1, &AlreadyStartedError{SameContent: true}},
		"while the first is held":       {func(l *ledger) { _ = l.settle("a", Held()) }, 0, 1, &AlreadyStartedError{SameContent: true}},
		"after the first is used":       {func(l *ledger) { _ = l.settle("a", Used("x")) }, 0, 1, &AlreadyStartedError{"x", true}},
		"after it is used, other data":  {func(l *ledger) { _ = l.settle("a", Used("x")) }, 0, 2, &AlreadyStartedError{"x", false}},
		"for a week":                    {func(l *ledger) { _ = l.settle("a", Used("x")) }, 7*24*time.Hour - 1, 1, &AlreadyStartedError{"x", true}},
		"not after a week":              {func(l *ledger) { _ = l.settle("a", Used("x")) }, 7 * 24 * time.Hour, 1, nil},
		"unless the first is freed":     {func(l *ledger) { _ = l.settle("a", Free()) }, 0, 2, nil},
		"unless the first lapsed":       {func(*ledger) {}, 10 * time.Minute, 1, nil},
		"also if the first lapsed held": {func(l *ledger) { _ = l.begin("a") }, time.Hour, 1, &AlreadyStartedError{SameContent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, "")
			first := l.ask("a", "1")
			first.Once, first.Content = "customers", [32]byte{1}
			require.NoError(t, l.Reserve(t.Context(), first))
			tt.settle(l)
			l.clock = l.clock.Add(tt.passes)
			second := l.ask("b", "1", "2")
			second.Once, second.Content = "customers", [32]byte{tt.content}
			assert.Equal(t, tt.want, l.Reserve(t.Context(), second))
			other := l.ask("c", "3")
			other.Once = "orders"
			assert.NoError(t, l.Reserve(t.Context(), other))
		})
	}
	t.Run("even when nothing is left", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, "")
		r := l.ask("a", "1")
		r.Once = "customers"
		require.NoError(t, l.Reserve(t.Context(), r))
		require.NoError(t, l.reserve("b", "1"))
		r.ID = "c"
		assert.Equal(t, &AlreadyStartedError{SameContent: true}, l.Reserve(t.Context(), r))
	})
}

func TestTheMemoryStaysBounded(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	for i := range 100 {
		for j := range 3 {
			id := fmt.Sprint(i, "-", j)
			_ = l.reserve(id, "1")
			_ = l.settle(id, []Outcome{Used("x"), Free(), Held()}[j])
			_ = l.Close(t.Context(), id, l.clock.Add(time.Hour))
		}
		l.clock = l.clock.Add(24 * time.Hour)
	}
	l.usage("1")
	assert.LessOrEqual(t, len(l.books.units), 2*7)
	assert.Empty(t, l.books.closed)
}

func TestManyReserveAtOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t, "")
	var all sync.WaitGroup
	var booked sync.Map
	for i := range 50 {
		all.Go(func() {
			id := fmt.Sprint(i)
			if l.reserve(id, "1", "2") != nil {
				return
			}
			booked.Store(id, true)
			assert.NoError(t, l.begin(id))
			assert.NoError(t, l.settle(id, Used(id)))
		})
	}
	all.Wait()
	n := 0
	booked.Range(func(any, any) bool { n++; return true })
	assert.Equal(t, 2, n)
	l.booked("1", 2, 0)
	l.booked("2", 2, 0)
}
