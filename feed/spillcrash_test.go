package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
	"github.com/actito-go/actito/internal/race"
)

// crashing is a store whose holder of the lease dies at a step: from then on nothing that has its fence is taken.
type crashing struct {
	*feedtest.Memory
	at    func(feed.Note) bool
	after bool // the step is taken, but its process does not learn of it

	mu   sync.Mutex
	dead int64 // fence of the process that died
}

func (c *crashing) Apply(ctx context.Context, fence int64, n feed.Note) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case fence == c.dead:
		return feed.ErrLeaseLost
	case c.dead == 0 && c.at(n):
		c.dead = fence
		if c.after {
			if err := c.Memory.Apply(ctx, fence, n); err != nil {
				return err
			}
		}
		return feed.ErrLeaseLost
	}
	return c.Memory.Apply(ctx, fence, n)
}

// Release gives nothing back of who is dead.
func (c *crashing) Release(ctx context.Context, fence int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fence == c.dead {
		return nil
	}
	return c.Memory.Release(ctx, fence)
}

func TestACrashAtAnyStepOfAnImportLosesNothing(t *testing.T) {
	t.Parallel()
	const rows = 1200
	calls := func(n feed.Note) bool { return len(n.Remove) > 0 && len(n.Remove) < 100 }
	second := func(is func(feed.Note) bool) func(feed.Note) bool {
		n := 0
		return func(note feed.Note) bool {
			if is(note) {
				n++
			}
			return n == 2
		}
	}
	hold := func(n feed.Note) bool { return len(n.Hold) > 0 }
	prepared := func(n feed.Note) bool { return n.Import != nil && n.Import.Handle != nil }
	parked := func() func(feed.Note) bool { // not by a call
		sent := false
		return func(n feed.Note) bool {
			sent = sent || prepared(n)
			return sent && len(n.Park) > 0
		}
	}
	removed := func(n feed.Note) bool { return len(n.Remove) > 0 && !calls(n) }
	ended := func(n feed.Note) bool { return n.End != "" }
	afterwards := func(d time.Duration) func(feed.Note) bool { // while a call or a wait is under way
		var since time.Time
		return func(n feed.Note) bool {
			if prepared(n) {
				since = time.Now()
			}
			return !since.IsZero() && time.Since(since) > d
		}
	}
	for name, tt := range race.Cases(map[string]struct {
		at     func() func(feed.Note) bool
		fault  []actitotest.Fault
		assume []actitotest.Assumption
	}{
		"claim":                 {at: func() func(feed.Note) bool { return hold }},
		"second claim":          {at: func() func(feed.Note) bool { return second(hold) }},
		"prepared":              {at: func() func(feed.Note) bool { return prepared }},
		"sent, nothing arrives": {at: func() func(feed.Note) bool { return afterwards(time.Second) }, fault: []actitotest.Fault{actitotest.Hang()}},
		"sent, no answer":       {at: func() func(feed.Note) bool { return afterwards(time.Second) }, fault: []actitotest.Fault{actitotest.LoseAnswer()}},
		"no answer, no names": {at: func() func(feed.Note) bool { return afterwards(time.Second) }, fault: []actitotest.Fault{actitotest.LoseAnswer()},
			assume: []actitotest.Assumption{actitotest.NamesMissing}},
		"no answer, no list": {at: func() func(feed.Note) bool { return afterwards(time.Second) }, fault: []actitotest.Fault{actitotest.LoseAnswer()},
			assume: []actitotest.Assumption{actitotest.ExecutionListMissing}},
		"waiting":        {at: func() func(feed.Note) bool { return afterwards(time.Minute) }},
		"parking":        {at: parked},
		"removing":       {at: func() func(feed.Note) bool { return removed }},
		"second removal": {at: func() func(feed.Note) bool { return second(removed) }},
		"end":            {at: func() func(feed.Note) bool { return ended }},
	}) {
		for _, after := range []bool{false, true} {
			if race.Enabled && after {
				continue
			}
			t.Run(fmt.Sprintf("%s, %s", name, map[bool]string{false: "before", true: "after"}[after]), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newBulkShop(t, bulkOptions{})
					s.server.Assume(actitotest.ResultFilesExist, actitotest.ExecutionListExists, actitotest.NamesInExecutions)
					s.server.Assume(tt.assume...)
					s.server.Fail(actitotest.OpRunOnce, tt.fault...)
					store := &crashing{Memory: s.memory, at: tt.at(), after: after}
					var f *feed.Feed
					f, _, _, s.items = s.openBulk(store)
					model := map[string]string{}
					for i := range rows {
						id, name := fmt.Sprint(i), "x"
						if i%100 == 99 {
							name = "a name that is far too long for its column"
						} else {
							model[id] = name
						}
						s.pushItem(item{ID: id, Name: actito.Set(name), Stock: actito.Set(1.0)})
					}
					stop := s.run(f)
					s.untilHeld()
					for i := rows - 40; i < rows-20; i++ { // newer ones of what is held
						s.pushItem(item{ID: fmt.Sprint(i), Name: actito.Set("newer")})
						model[fmt.Sprint(i)] = "newer"
					}
					for i := rows - 20; i < rows; i++ {
						require.NoError(t, s.items.Delete(t.Context(), s.memory, fmt.Sprint(i)))
						delete(model, fmt.Sprint(i))
					}
					within := 70 * time.Minute
					if strings.HasPrefix(name, "sent") || strings.HasPrefix(name, "no answer") { // it is in doubt for a while
						within = 3 * time.Hour
					}
					s.untilDelivered(within)
					s.until("no import is left", 10*time.Minute, func() bool { // the last rows may arrive before one has ended
						imports, err := s.memory.Imports(t.Context())
						require.NoError(t, err)
						return len(imports) == 0
					})
					stop()
					require.NotZero(t, store.dead, "it crashed")
					got := map[string]string{}
					for _, r := range s.server.Records("Items") {
						got[r["itemID"]] = r["name"]
					}
					assert.True(t, maps.Equal(model, got), "%d rows, want %d", len(got), len(model))
					_, held, dead := s.pending()
					assert.Zero(t, held)
					assert.Equal(t, rows/100-1, dead)
					once := map[string]bool{}
					for _, i := range s.server.Imports() {
						var d struct {
							InputFiles []struct{ FileNamePattern string }
						}
						require.NoError(t, json.Unmarshal(i.Definition, &d))
						require.False(t, once[d.InputFiles[0].FileNamePattern], "one execution of an import")
						once[d.InputFiles[0].FileNamePattern] = true
					}
				})
			})
		}
	}
}

// untilHeld waits until an import holds rows.
func (s *bulkShop) untilHeld() {
	s.t.Helper()
	s.until("an import holds rows", staleness, func() bool {
		_, held, _ := s.pending()
		return held > 0
	})
}
