package feed_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/internal/race"
)

func TestARefusedRowIsParkedAndOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "1", Email: "no address"})
		s.many(10, 15)
		s.runFor(3 * time.Second)
		assert.Len(t, s.server.Profiles("Customers"), 5)
		pending, dead := s.left()
		assert.Zero(t, pending)
		assert.Equal(t, 1, dead)
		d := s.dead()[0]
		assert.Equal(t, "400", d.Code)
		assert.Equal(t, "emailAddress", d.Column)
		assert.Equal(t, "1", d.Key)
		assert.Equal(t, "no address", d.Row["emailAddress"])
		assert.NotContains(t, d.Reason, "no address")
		assert.False(t, d.Parked.At.IsZero())
		assert.Len(t, s.calls(), 6, "it is not repeated")

		require.NoError(t, s.feed.Retry(t.Context(), d.ID))
		require.ErrorIs(t, s.feed.Retry(t.Context(), d.ID), feed.ErrNotDead)
		s.runFor(3 * time.Second)
		assert.Len(t, s.dead(), 1, "refused again")
		assert.Len(t, s.calls(), 7)

		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.runFor(3 * time.Second)
		s.empty()
		p, ok := s.customer("1")
		require.True(t, ok)
		assert.Equal(t, "ann@example.com", p.Attributes["emailAddress"])
	})
}

func TestADeadEventIsDiscardedWithAReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBook{}
		s := newShop(t, log.option())
		for i := range 250 {
			s.push(customer{ID: fmt.Sprint(i), Email: "no address"})
		}
		s.runFor(5 * time.Minute)
		dead := s.dead()
		require.Len(t, dead, 250, "more than a page")
		for _, err := range s.feed.Dead(t.Context()) {
			require.NoError(t, err)
			break
		}
		require.ErrorContains(t, s.feed.Discard(t.Context(), dead[0].ID, ""), "say why")
		require.NoError(t, s.feed.Discard(t.Context(), dead[0].ID, "a test row"))
		require.ErrorIs(t, s.feed.Discard(t.Context(), dead[0].ID, "again"), feed.ErrNotDead)
		require.ErrorIs(t, s.feed.Retry(t.Context(), dead[0].ID), feed.ErrNotDead)
		assert.Equal(t, 1, log.count("a test row"))
		assert.Len(t, s.dead(), 249)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, s.feed.Retry(ended, dead[1].ID), context.Canceled)
		require.ErrorIs(t, s.feed.Discard(ended, dead[1].ID, "x"), context.Canceled)
		for _, err := range s.feed.Dead(ended) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// TestManyEventsOfOneKey has more of them than are merged at once, also when those that come first are parked.
func TestManyEventsOfOneKey(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"that go": "ann@example.com", "that are parked": "no address"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				for range 1300 {
					s.push(customer{ID: "1", Email: first})
				}
				s.push(customer{ID: "1", FirstName: actito.Set("Ann")})
				s.push(customer{ID: "1", Email: "last@example.com"})
				s.runFor(time.Minute)
				s.empty()
				p, ok := s.customer("1")
				require.True(t, ok)
				assert.Equal(t, "last@example.com", p.Attributes["emailAddress"])
				assert.Equal(t, "Ann", p.Attributes["firstName"])
				assert.LessOrEqual(t, len(s.calls()), 4)
			})
		})
	}
}

func TestATableThatCannotBeReachedPausesItsLaneOnly(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 405} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Bool
				log := &logBook{}
				s := setup{feed: []feed.Option{log.option()}, wire: func(r *http.Request, _ string) *http.Response {
					if closed.Load() && strings.Contains(r.URL.Path, "/Customers/") {
						return answer(status, "no")
					}
					return nil
				}}.open(t)
				s.push(customer{ID: "old"})
				s.runFor(3 * time.Second)
				closed.Store(true)
				s.many(0, 30)
				for i := range 30 {
					s.order(order{ID: fmt.Sprint("o", i), Customer: "old"})
				}
				s.runFor(10 * time.Minute)
				assert.Len(t, s.server.Records("Orders"), 30)
				pending, dead := s.left()
				assert.Equal(t, 30, pending)
				assert.Zero(t, dead)
				assert.Equal(t, 1, log.count("the lane pauses"))
				closed.Store(false)
				s.runFor(2 * time.Minute)
				s.empty()
			})
		})
	}
}

func TestARowThatFailsWhileOthersGoThroughIsParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		s := setup{client: []actito.Option{once()}, wire: func(_ *http.Request, body string) *http.Response {
			if strings.Contains(body, `"poison"`) {
				tries.Add(1)
				return answer(500, "a fault of ours with poison")
			}
			return nil
		}}.open(t)
		s.push(customer{ID: "poison", Email: "p@example.com"})
		stop := s.run(s.feed)
		time.Sleep(time.Hour)
		assert.Empty(t, s.dead(), "it may be the service")
		alone := tries.Load()
		assert.LessOrEqual(t, alone, int64(100))
		for i := range 120 {
			s.many(i, i+1)
			time.Sleep(time.Minute)
		}
		stop()
		assert.Len(t, s.server.Profiles("Customers"), 120)
		dead := s.dead()
		require.Len(t, dead, 1)
		assert.Equal(t, "500", dead[0].Code)
		assert.NotContains(t, dead[0].Reason, "poison")
		assert.LessOrEqual(t, tries.Load()-alone, int64(60))
	})
}

func TestAServiceThatIsDownForADayCostsNothingButTime(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("it plays days in virtual time: run it without the race detector")
	}
	for name, down := range map[string]func(*http.Request) *http.Response{
		"answers 503":   func(*http.Request) *http.Response { return answer(503, "down") },
		"never answers": func(r *http.Request) *http.Response { <-r.Context().Done(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, count, up := &logBook{}, &counter{}, make(chan struct{})
				s := setup{feed: []feed.Option{log.option()}, wire: func(r *http.Request, _ string) *http.Response {
					count.add("calls")
					select {
					case <-up:
						return nil
					default:
						return down(r)
					}
				}}.open(t)
				stop := s.run(s.feed)
				for i := range 24 {
					s.many(10*i, 10*i+10)
					s.order(order{ID: fmt.Sprint("o", i), Customer: fmt.Sprint("c", i)})
					time.Sleep(time.Hour)
				}
				calls := count.take()["calls"]
				t.Log("calls in a day:", calls, "lines logged:", strings.Count(log.String(), "\n"))
				assert.LessOrEqual(t, calls, 5000)
				assert.LessOrEqual(t, strings.Count(log.String(), "\n"), 20)
				pending, dead := s.left()
				assert.Equal(t, 264, pending)
				assert.Zero(t, dead)
				close(up)
				time.Sleep(2 * time.Hour) // the client's pace has to recover too
				stop()
				s.empty()
				assert.Len(t, s.server.Profiles("Customers"), 240)
				assert.Len(t, s.server.Records("Orders"), 24)
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var times []time.Time
		s := setup{wire: func(r *http.Request, _ string) *http.Response {
			if r.Method == http.MethodPost {
				mu.Lock()
				defer mu.Unlock()
				if times = append(times, time.Now()); len(times) == 1 {
					a := answer(503, "later")
					a.Header.Set("Retry-After", "600")
					return a
				}
			}
			return nil
		}}.open(t)
		s.many(0, 3)
		s.runFor(20 * time.Minute)
		s.empty()
		assert.GreaterOrEqual(t, times[len(times)-1].Sub(times[0]), 10*time.Minute)
		early := 0
		for _, at := range times[1:] {
			if at.Sub(times[0]) > time.Second && at.Sub(times[0]) < 10*time.Minute {
				early++
			}
		}
		assert.Zero(t, early)
	})
}

func TestAnOutcomeUnknownIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup{client: []actito.Option{once()}}.open(t)
		for _, op := range []actitotest.Operation{actitotest.OpProfileUpsert, actitotest.OpRecordUpsert, actitotest.OpProfileDelete} {
			s.server.Fail(op, actitotest.LoseAnswer(), actitotest.CutAnswer(1))
		}
		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.order(order{ID: "A", Customer: "1"})
		s.runFor(time.Minute)
		s.empty()
		assert.Len(t, s.server.Requests(actitotest.OpProfileUpsert), 3)
		assert.Len(t, s.server.Requests(actitotest.OpRecordUpsert), 3)
		s.delete("1")
		s.runFor(time.Minute)
		s.empty()
		_, ok := s.customer("1")
		assert.False(t, ok)
	})
}

func TestDeletes(t *testing.T) {
	t.Parallel()
	t.Run("of a row that never was", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.delete("1")
			s.runFor(3 * time.Second)
			s.empty()
			assert.Len(t, s.calls(), 2)
		})
	})
	t.Run("refused though the row can be read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.push(customer{ID: "1", Email: "ann@example.com"})
			s.runFor(3 * time.Second)
			s.server.Fail(actitotest.OpProfileDelete, actitotest.Times(100, actitotest.Status(404)))
			s.delete("1")
			s.many(10, 12)
			s.runFor(10 * time.Second)
			dead := s.dead()
			require.Len(t, dead, 1)
			assert.True(t, dead[0].Delete)
			assert.Equal(t, "404", dead[0].Code)
			assert.Equal(t, "1", dead[0].Key)
			assert.Nil(t, dead[0].Row)
			assert.Len(t, s.server.Requests(actitotest.OpProfileDelete), 1)
		})
	})
	t.Run("between patches", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.push(customer{ID: "1", Email: "ann@example.com", FirstName: actito.Set("Ann")})
			s.runFor(3 * time.Second)
			s.push(customer{ID: "1", FirstName: actito.Set("Bea")})
			s.delete("1")
			s.push(customer{ID: "1", Email: "new@example.com"})
			s.runFor(3 * time.Second)
			s.empty()
			p, ok := s.customer("1")
			require.True(t, ok)
			assert.Equal(t, "new@example.com", p.Attributes["emailAddress"])
			assert.NotContains(t, p.Attributes, "firstName")
		})
	})
	t.Run("erase what waits and what is parked", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.push(customer{ID: "1", Email: "no address"})
			s.runFor(3 * time.Second)
			s.push(customer{ID: "1", Email: "ann@example.com"})
			s.delete("1")
			pending, dead := s.left()
			assert.Equal(t, 1, pending)
			assert.Zero(t, dead)
			s.runFor(3 * time.Second)
			s.empty()
			assert.Empty(t, s.server.Profiles("Customers"))
		})
	})
	t.Run("that a read cannot judge are repeated", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.server.Fail(actitotest.OpProfileGet, actitotest.Times(2, actitotest.Status(403)))
			s.delete("1")
			s.runFor(time.Minute)
			s.empty()
			assert.Len(t, s.server.Requests(actitotest.OpProfileGet), 3)
		})
	})
}

func TestADatabaseThatFailsLosesNothing(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Page", "States", "Events", "Apply"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				log, count := &logBook{}, &counter{}
				s := setup{feed: []feed.Option{log.option()}, before: func(_ context.Context, m string) error {
					count.add(m)
					if down.Load() && m == method {
						return errCut
					}
					return nil
				}}.open(t)
				stop := s.run(s.feed)
				time.Sleep(3 * time.Second)
				down.Store(true)
				s.many(0, 20)
				s.delete("c3")
				time.Sleep(time.Second)
				count.take()
				time.Sleep(time.Minute)
				n := 0
				for _, calls := range count.take() {
					n += calls
				}
				t.Log("calls of the store in a second:", n/60, "lines logged:", strings.Count(log.String(), "\n"))
				assert.LessOrEqual(t, n, 60*20)
				assert.LessOrEqual(t, strings.Count(log.String(), "\n"), 20)
				assert.Positive(t, log.count(errCut.Error()))
				down.Store(false)
				time.Sleep(3 * time.Minute)
				stop()
				s.empty()
				assert.Len(t, s.server.Profiles("Customers"), 19)
				lease, err := s.memory.Lease(t.Context())
				require.NoError(t, err)
				assert.EqualValues(t, 1, lease.Fence)
			})
		})
	}
}

func TestADatabaseThatIsDownForADayIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, count, c := &logBook{}, &counter{}, &cut{}
		s := setup{feed: []feed.Option{log.option()}, before: func(ctx context.Context, m string) error {
			count.add(m)
			return c.fails(ctx, m)
		}}.open(t)
		stop := s.run(s.feed)
		time.Sleep(3 * time.Second)
		s.many(0, 20)
		c.off.Store(true)
		count.take()
		time.Sleep(24 * time.Hour)
		n := 0
		for _, calls := range count.take() {
			n += calls
		}
		t.Log("calls of the store in a day:", n, "lines logged:", strings.Count(log.String(), "\n"))
		assert.LessOrEqual(t, n, 90_000)
		assert.LessOrEqual(t, strings.Count(log.String(), "\n"), 20)
		c.off.Store(false)
		time.Sleep(time.Minute)
		stop()
		s.empty()
		assert.Len(t, s.server.Profiles("Customers"), 20)
	})
}

func TestRunNeedsADatabaseAtTheStart(t *testing.T) {
	t.Parallel()
	c := &cut{}
	c.off.Store(true)
	s := setup{before: c.fails}.open(t)
	require.ErrorIs(t, s.feed.Run(t.Context()), errCut)
	require.ErrorIs(t, s.feed.Drain(t.Context()), errCut)
	_, err := s.feed.Stats(t.Context())
	require.ErrorIs(t, err, errCut)
}
