package soak

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

// compare compares all that the server has with the model.
func (s *soak) compare() {
	for _, k := range s.keys.all {
		seen := s.stored(k)
		open := len(k.possible)
		k.is(s, fmt.Sprintf("in the end it is %+v", seen), func(st state) bool { return st == seen })
		if open > 1 && len(k.possible) == 1 {
			s.count("unknown outcomes", "settled in the end")
		}
	}
	s.comparePages()
	s.compareItems()
	s.compareImports()
	for d, err := range s.outbox.feed.Dead(s.Context()) {
		require.NoError(s, err)
		assert.Fail(s, "parked", "%+v", d.Parked)
	}
}

// stored is what the server has of a key.
func (s *soak) stored(k *key) state {
	if !k.profile {
		r, found := s.server.Record("Orders", k.id)
		return state{exists: found, name: r["status"], version: r["amount"]}
	}
	p, found := s.server.Profile("Customers", "customerID", k.id)
	st := state{exists: found, name: p.Attributes["firstName"], version: p.Attributes["points"]}
	if on, set := p.Subscriptions["Newsletter"]; set {
		st.news = fmt.Sprint(on)
	}
	return st
}

func (s *soak) comparePages() {
	times := map[string]int{}
	for _, r := range s.server.Records("Visits") {
		times[r["page"]]++
	}
	for page, done := range s.pages.done {
		switch {
		case done:
			assert.Equal(s, 1, times[page], page)
		default:
			assert.LessOrEqual(s, times[page], 1, page)
			s.count("unknown outcomes", "settled in the end")
		}
	}
	for page := range s.pages.not {
		assert.Zero(s, times[page], page)
	}
	assert.LessOrEqual(s, len(times), len(s.pages.done))
}

func (s *soak) compareItems() {
	stored := make([]map[string]map[string]string, itemTables)
	rows := 0
	for n := range itemTables {
		stored[n] = map[string]map[string]string{}
		for _, r := range s.server.Records(itemTable(n)) {
			stored[n][r["itemId"]] = r
			rows++
		}
	}
	for _, b := range s.batches.all {
		for _, p := range b.parts {
			found := 0
			for _, row := range p.rows {
				if r, ok := stored[p.table][row.ID]; ok {
					assert.Equal(s, fmt.Sprint(row.Amount), r["amount"], row.ID)
					found++
				}
			}
			rows -= found
			good := len(p.rows) - p.bad
			switch {
			case p.loaded == loaded:
				assert.Equal(s, good, found, b.id)
			case p.loaded == notLoaded, b.execution == "" && !b.open:
				assert.Zero(s, found, b.id)
			default:
				assert.Contains(s, []int{0, good}, found, b.id)
			}
		}
	}
	assert.Zero(s, rows, "rows that nobody sent")
}

// compareImports compares the executions with the batches, and the ledger and the quota with both.
func (s *soak) compareImports() {
	started, open, perTable := map[string]*batch{}, 0, make([]int, itemTables)
	for _, b := range s.batches.all {
		if b.open {
			open++
			for _, p := range b.parts {
				perTable[p.table]++
			}
		}
		if b.execution != "" {
			assert.Nil(s, started[b.execution], b.id)
			started[b.execution] = b
		}
	}
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(s, err)
	now := time.Now().In(brussels)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, brussels)
	const margin = 2 * time.Minute // around midnight the ledger counts an import on both days
	strangers, byDay, booked := 0, map[string]int{}, map[string]int{}
	for _, e := range s.server.Imports() {
		b, known := started[e.ExecutionID]
		switch {
		case slices.Contains(e.Tables, "Customers"), slices.Contains(e.Tables, "Orders"):
			s.count("feed", "imports")
		case !known:
			strangers++
		}
		for _, table := range e.Tables {
			byDay[e.Time.In(brussels).Format(time.DateOnly)+" "+table]++
			if !e.Time.Before(midnight.Add(-margin)) {
				booked[table]++
			}
		}
		if known && b.etl >= 0 && e.Way == actitotest.WayTriggered {
			assert.Equal(s, 1, s.batches.told[e.ExecutionID], "the end of execution %s was told", e.ExecutionID)
		}
	}
	assert.LessOrEqual(s, strangers, open, "executions that nobody knows of")
	for n := range itemTables {
		usage, err := s.client.Quota.Usage(s.Context(), itemTable(n))
		require.NoError(s, err)
		used := byDay[now.Format(time.DateOnly)+" "+itemTable(n)]
		if !assert.LessOrEqual(s, usage.Used, booked[itemTable(n)], itemTable(n)) {
			entries, err := s.client.Quota.Entries(s.Context(), itemTable(n))
			require.NoError(s, err)
			for _, e := range entries {
				s.Log(e.At, e.State, e.ExecutionID, e.Once)
			}
			for _, e := range s.server.Imports() {
				s.Log("at the server:", e.Time, e.ExecutionID, e.Tables)
			}
		}
		assert.GreaterOrEqual(s, usage.Used+usage.Held, used, itemTable(n))
		assert.LessOrEqual(s, usage.Held, perTable[n], itemTable(n))
		for day, used := range byDay {
			if strings.HasSuffix(day, " "+itemTable(n)) {
				assert.LessOrEqual(s, used, usage.Limit, day)
			}
		}
	}
}

// sample is what the process holds at a moment.
type sample struct {
	when          string
	heap          uint64
	goroutines    int
	rows, imports int // that the fake holds
}

// measure takes samples while the traffic lasts.
func (s *soak) measure() {
	for n, when := range []string{"start", "quarter", "half", "three quarters"} {
		share := max(0.05, float64(n)/4)
		time.Sleep(time.Until(s.began.Add(time.Duration(share * float64(s.span)))))
		s.sample(when)
	}
}

func (s *soak) sample(when string) {
	m := sample{when: when}
	if s.server != nil {
		s.server.Forget()
		m.rows, m.imports = s.stock()
	}
	runtime.GC()
	runtime.GC() // the first one only takes what waits in pools out of them
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.heap, m.goroutines = stats.HeapAlloc, runtime.NumGoroutine()
	s.samples = append(s.samples, m)
}

// stock counts what the fake holds.
func (s *soak) stock() (rows, imports int) {
	rows = len(s.server.Profiles("Customers")) + len(s.server.Records("Orders")) + len(s.server.Records("Visits"))
	for n := range itemTables {
		rows += len(s.server.Records(itemTable(n)))
	}
	return rows, len(s.server.Imports())
}

// left is what a process holds once everything is closed.
type left struct {
	measured         bool
	files, temporary int
}

func (l left) String() string {
	if !l.measured {
		return "no goroutine"
	}
	return fmt.Sprintf("no goroutine, %d more file handles than before, %d temporary files", l.files, l.temporary)
}

// openFiles counts the file handles, 0 where the system does not tell.
func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return len(entries)
}
