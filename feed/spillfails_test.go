package feed_test

import (
	"context"
	"fmt"
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

// all checks that n items have arrived, and that nothing is left.
func (s *bulkShop) all(n int) {
	s.t.Helper()
	pending, held, dead := s.pending()
	assert.Equal(s.t, [3]int{}, [3]int{pending, held, dead})
	assert.Equal(s.t, n, len(s.server.Records("Items"))) //nolint:testifylint // Len prints them all
	imports, err := s.memory.Imports(s.t.Context())
	require.NoError(s.t, err)
	assert.Empty(s.t, imports)
}

func jsonAnswer(body string) actitotest.Fault {
	return actitotest.Status(200).WithBody("application/json", body)
}

func TestImportsThatDoNotLoadTheirRows(t *testing.T) {
	t.Parallel()
	for name, tt := range race.Cases(map[string]struct {
		fail   func(*actitotest.Server)
		assume []actitotest.Assumption
		counts int // imports that the fake took
		within time.Duration
		calls  bool // all rows go by calls
	}{
		"the definition is refused: by calls": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.Status(400)) },
			within: 100 * time.Minute, calls: true},
		"the file is too large: by calls": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.Status(413)) },
			within: 100 * time.Minute, calls: true},
		"no right to import: tried again": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.Status(403)) },
			within: staleness + 5*time.Minute, counts: 1},
		"the answer is lost, and the list has it": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer()) },
			within: staleness + 5*time.Minute, counts: 1},
		"the answer is lost, and the list shows no names": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer()) },
			assume: []actitotest.Assumption{actitotest.NamesMissing},
			within: staleness + 10*time.Minute, counts: 1},
		"the answer is lost, and there is no list: by calls after an hour": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer()) },
			assume: []actitotest.Assumption{actitotest.ExecutionListMissing},
			within: 3 * time.Hour, counts: 1, calls: true},
		"the request is cut, and the list does not have it: another one": {
			fail:   func(s *actitotest.Server) { s.Fail(actitotest.OpRunOnce, actitotest.CutRequest(500)) },
			within: staleness + 10*time.Minute, counts: 1},
		"the import fails as a whole: by calls": {
			fail: func(s *actitotest.Server) {
				s.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"1","status":"FAILED"}`))
			},
			within: 100 * time.Minute, counts: 1, calls: true},
		"numbers that do not add up: by calls": {
			fail: func(s *actitotest.Server) {
				s.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"1","status":"SUCCESS","files":[{"fileName":"x.csv","status":"SUCCESS",
					"rowsRead":3,"rowsCreated":1,"rowsUpdated":1,"rowsInError":0}]}`))
			},
			within: 100 * time.Minute, counts: 1, calls: true},
		"rejects without a file: by calls": {
			fail: func(s *actitotest.Server) {
				s.Fail(actitotest.OpExecutionGet, jsonAnswer(`{"id":"1","status":"WITH_ERROR"}`))
			},
			within: 100 * time.Minute, counts: 1, calls: true},
		"the service is not there for a while": {
			fail: func(s *actitotest.Server) {
				s.Fail(actitotest.OpExecutionGet, actitotest.Times(40, actitotest.Status(503)))
			},
			within: staleness + 25*time.Minute, counts: 1},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newBulkShop(t, bulkOptions{})
				s.server.Assume(actitotest.ExecutionListExists, actitotest.NamesInExecutions)
				s.server.Assume(tt.assume...)
				tt.fail(s.server)
				s.pushItems(0, 1000, "x")
				stop := s.run(s.feed)
				defer stop()
				s.untilDelivered(tt.within)
				s.all(1000)
				require.Equal(t, tt.counts, len(s.server.Imports())) //nolint:testifylint // Len prints them all
				if calls := len(s.server.Requests(actitotest.OpRecordUpsert)); tt.calls {
					assert.Equal(t, 1000, calls)
				} else {
					assert.Less(t, calls, 900)
				}
			})
		})
	}
}

func TestRejectsThatCannotBeReadAreToldByCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.server.Assume(actitotest.ResultFilesMissing)
		s.pushItems(0, 500, "x")
		s.pushItem(item{ID: "bad", Name: actito.Set("a name that is far too long for its column")})
		for i := range 500 {
			s.pushItem(item{ID: fmt.Sprint("bad", i), Name: actito.Set("a name that is far too long for its column"), Stock: actito.Set(1.0)})
		}
		stop := s.run(s.feed)
		defer stop()
		s.untilDelivered(2 * time.Hour)
		_, _, dead := s.pending()
		assert.Equal(t, 501, dead)
		assert.Equal(t, 500, len(s.server.Records("Items"))) //nolint:testifylint // Len prints them all
		assert.Len(t, s.server.Imports(), 1)
		for d, err := range s.feed.Dead(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, "400", d.Code, "a call's verdict")
		}
	})
}

func TestTheQuotaIsKept(t *testing.T) {
	t.Parallel()
	for name, tt := range race.Cases(map[string]struct {
		quota actito.Quota
		used  int
		want  int
	}{
		"one is left":                    {actito.Quota{Limit: 4}, 3, 1},
		"none is left":                   {actito.Quota{Limit: 3}, 3, 0},
		"what is left is kept free":      {actito.Quota{Limit: 4, KeepFree: 1}, 3, 0},
		"the service has none, surprise": {actito.Quota{Limit: 24}, 12, 0},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(9 * time.Hour) // into the day
				s := newBulkShop(t, bulkOptions{quota: tt.quota})
				table, err := actito.Records[item](s.client, "Items")
				require.NoError(t, err)
				for i := range tt.used {
					_, err := s.client.ETLs.RunOnce(t.Context(), actito.Definition{Name: "other", Files: []actito.InputFile{table.InputFile("items.csv")}},
						table.Rows("items.csv", actito.FromSlice([]item{{ID: fmt.Sprint("other", i), Name: actito.Set("x"), Stock: actito.Set(1.0)}})))
					require.NoError(t, err)
				}
				s.pushItems(0, 1000, "y")
				stop := s.run(s.feed)
				defer stop()
				s.untilDelivered(90 * time.Minute)
				s.all(1000 + tt.used)
				assert.Len(t, s.server.Imports(), tt.used+tt.want)
			})
		})
	}
}

func TestADayOfOverloadDoesNotSpendAllByNoon(t *testing.T) {
	if race.Enabled {
		t.Skip("it plays days in virtual time: run it without the race detector")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{quota: actito.Quota{Limit: 8, KeepFree: 2}})
		time.Sleep(36*time.Hour - time.Duration(time.Now().Unix()%86400)*time.Second) // to noon; the day ends in eleven hours
		stop := s.run(s.feed)
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour+30*time.Minute)
		defer cancel()
		for n := 0; ctx.Err() == nil; n++ {
			s.pushItems(n*150, 150, "x")
			time.Sleep(5 * time.Minute)
		}
		imports := s.server.Imports()
		require.Equal(t, 6, len(imports), "all but what is kept free") //nolint:testifylint // Len prints them all
		for i := 3; i < 6; i++ {                                       // those before are what the morning did not need
			assert.Greater(t, imports[i].Time.Sub(imports[i-1].Time), 90*time.Minute)
		}
		assert.Less(t, imports[1].Time.Sub(imports[0].Time), time.Hour)
	})
}

func TestALaneThatNoLongerSpillsSettlesItsImport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.pushItems(0, 1000, "x")
		stop := s.run(s.feed)
		s.untilSent()
		began := time.Now()
		stop()
		assert.Less(t, time.Since(began), 15*time.Second, "a stop does not wait for an import")

		f, err := feed.Open(s.client, s.memory)
		require.NoError(t, err)
		items, err := actito.Records[item](s.client, "Items")
		require.NoError(t, err)
		feed.Records(f, items)
		stop = s.run(f)
		defer stop()
		s.untilDelivered(20 * time.Minute)
		s.all(1000)
		assert.Len(t, s.server.Imports(), 1)
	})
}

func TestDrainLeavesAnImportToTheNextDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{server: []actitotest.Option{actitotest.WithImportTimes(time.Hour, 2*time.Hour)}})
		s.pushItems(0, 1000, "x")
		time.Sleep(staleness)
		began := time.Now()
		require.NoError(t, s.feed.Drain(t.Context()))
		_, held, _ := s.pending()
		require.Positive(t, held)
		require.Len(t, s.server.Imports(), 1)
		assert.Less(t, time.Since(began), 5*time.Minute)
		for time.Since(began) < 2*time.Hour {
			time.Sleep(10 * time.Minute)
			at := time.Now()
			require.NoError(t, s.feed.Drain(t.Context()))
			require.Less(t, time.Since(at), 15*time.Second)
		}
		_, still, _ := s.pending()
		assert.Equal(t, held, still, "an import that runs is in no doubt, however long")
		time.Sleep(2 * time.Hour)
		require.NoError(t, s.feed.Drain(t.Context()))
		s.all(1000)
		assert.Len(t, s.server.Imports(), 1)
	})
}

func TestAnImportInDoubtIsSettledByProcessesThatLiveAMinute(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]actitotest.Fault{"started": actitotest.LoseAnswer(), "not started": actitotest.CutRequest(500)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newBulkShop(t, bulkOptions{})
				s.server.Assume(actitotest.ExecutionListExists)
				s.server.Fail(actitotest.OpRunOnce, fault)
				s.pushItems(0, 1000, "x")
				stop := s.run(s.feed)
				s.untilHeld()
				for lives := 0; ; lives++ { // one may end while it starts the next import, which is in doubt then too
					stop()
					if pending, _, _ := s.pending(); pending == 0 {
						break
					}
					require.Less(t, lives, 100)
					stop = s.run(s.feed)
					time.Sleep(time.Minute)
				}
				s.all(1000)
				assert.Len(t, s.server.Imports(), 1)
			})
		})
	}
}

func TestDrainGivesAnImportUpThatStaysInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.server.Assume(actitotest.ExecutionListMissing)
		s.server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		s.pushItems(0, 500, "x")
		time.Sleep(staleness)
		began := time.Now()
		for range 4 {
			require.NoError(t, s.feed.Drain(t.Context()))
			time.Sleep(10 * time.Minute)
		}
		_, held, _ := s.pending()
		require.Positive(t, held)
		require.Len(t, s.server.Imports(), 1)
		time.Sleep(time.Until(began.Add(2 * time.Hour)))
		require.NoError(t, s.feed.Drain(t.Context()))
		s.all(500)
		assert.Len(t, s.server.Requests(actitotest.OpRecordUpsert), 500)
	})
}

func TestAnImportThatNeverEndsIsGivenUp(t *testing.T) {
	if race.Enabled {
		t.Skip("it plays days in virtual time: run it without the race detector")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{rate: slow, server: []actitotest.Option{actitotest.WithImportTimes(0, 1000*time.Hour)}})
		s.pushItems(0, 1000, "x")
		stop := s.run(s.feed)
		s.untilSent()
		s.pushItem(item{ID: "999", Name: actito.Set("newer")})
		time.Sleep(23 * time.Hour)
		_, held, _ := s.pending()
		require.Positive(t, held)
		s.untilDelivered(4 * time.Hour)
		s.all(1000)
		assert.Equal(t, "newer", s.name("999"))

		stop()
		s.pushItems(2000, 300, "x")
		time.Sleep(staleness)
		require.NoError(t, s.feed.Drain(t.Context()))
		time.Sleep(25 * time.Hour)
		require.NoError(t, s.feed.Drain(t.Context()))
		s.all(1300)
		assert.Len(t, s.server.Imports(), 2)
	})
}

// counting notes how much is read at once.
type counting struct {
	*feedtest.Memory
	mu   sync.Mutex
	most int
}

func (c *counting) count(events []feed.Event, err error) ([]feed.Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = max(c.most, len(events))
	return events, err
}

func (c *counting) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	return c.count(c.Memory.Page(ctx, p))
}

func (c *counting) Events(ctx context.Context, keys []feed.Key, limit int) ([]feed.Event, error) {
	return c.count(c.Memory.Events(ctx, keys, limit))
}

func (c *counting) Held(ctx context.Context, id string, after feed.Event, limit int) ([]feed.Event, error) {
	return c.count(c.Memory.Held(ctx, id, after, limit))
}

func TestALargeBacklogIsReadInSmallParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		store := &counting{Memory: s.memory}
		var f *feed.Feed
		f, _, _, s.items = s.openBulk(store)
		rows := race.Less(20_000)
		s.pushItems(0, rows, "x")
		s.pushItems(0, rows, "y")
		time.Sleep(staleness)
		stop := s.run(f)
		s.untilDelivered(10 * time.Minute)
		stop()
		s.all(rows)
		assert.Len(t, s.server.Imports(), 1)
		assert.LessOrEqual(t, store.most, 500)
		assert.Equal(t, "y", s.name(fmt.Sprint(rows-1)))
	})
}
