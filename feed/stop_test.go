package feed_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

func TestCallsOnTheWireEndAndAreSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBook{}
		s := newShop(t, log.option())
		s.server.Fail(actitotest.OpProfileUpsert, actitotest.Times(3, actitotest.Delay(5*time.Second)))
		s.many(0, 3)
		stop := s.run(s.feed)
		time.Sleep(2 * time.Second)
		s.many(3, 6)
		began := time.Now()
		stop()
		assert.InDelta(t, 3, time.Since(began).Seconds(), 0.5)
		pending, _ := s.left()
		assert.Equal(t, 3, pending)
		assert.Len(t, s.server.Profiles("Customers"), 3)
		assert.Zero(t, log.count("level=WARN"), log)
	})
}

func TestCallsThatDoNotEndAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &logBook{}
		s := newShop(t, log.option())
		s.server.Fail(actitotest.OpProfileUpsert, actitotest.Times(3, actitotest.Hang()))
		s.many(0, 3)
		stop := s.run(s.feed)
		time.Sleep(2 * time.Second)
		began := time.Now()
		stop()
		assert.InDelta(t, 10, time.Since(began).Seconds(), 0.5)
		pending, _ := s.left()
		assert.Equal(t, 3, pending)
		assert.Zero(t, log.count("level=WARN"), log)
		lease, err := s.memory.Lease(t.Context())
		require.NoError(t, err)
		assert.Empty(t, lease.Holder)
	})
}

func TestRunCanBeCalledAgainAndTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, s.feed.Run(ended))
		for i := range 3 {
			s.many(10*i, 10*i+5)
			s.runFor(2 * time.Second)
			s.empty()
		}
		first, second := s.run(s.feed), s.run(s.feed)
		time.Sleep(3 * time.Second)
		lease, err := s.memory.Lease(t.Context())
		require.NoError(t, err)
		first()
		s.many(100, 105)
		time.Sleep(3 * time.Second)
		second()
		s.empty()
		assert.Len(t, s.server.Profiles("Customers"), 20)
		after, err := s.memory.Lease(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, after.Fence-lease.Fence, int64(1))
	})
}

func TestDrainDeliversAllAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		lines := s.lines(feed.After(s.orders))
		require.NoError(t, s.feed.Drain(t.Context()), "of nothing")
		for i := range 100 {
			require.NoError(t, lines.Push(t.Context(), s.memory, line{ID: fmt.Sprint(i), Order: actito.Set(fmt.Sprint("o", i))}))
			s.order(order{ID: fmt.Sprint("o", i), Customer: fmt.Sprint("c", i)})
			s.many(i, i+1)
		}
		s.delete("nobody")
		s.push(customer{ID: "no", Email: "no address"})
		s.order(order{ID: "waits", Customer: "no"})
		require.NoError(t, s.feed.Drain(t.Context()))
		pending, dead := s.left()
		assert.Equal(t, 1, pending)
		assert.Equal(t, 1, dead)
		assert.Len(t, s.server.Records("Lines"), 100)
		lease, err := s.memory.Lease(t.Context())
		require.NoError(t, err)
		assert.Empty(t, lease.Holder)
	})
}

func TestDrainEndsThoughSomethingWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(s *shop) (left int){
		"one patch of a child waits, another not": func(s *shop) int {
			lines := s.lines(feed.After(s.customers))
			s.push(customer{ID: "1", Email: "no address"})
			require.NoError(s.t, lines.Push(s.t.Context(), s.memory, line{ID: "A", Customer: "1"}))
			require.NoError(s.t, lines.Push(s.t.Context(), s.memory, line{ID: "A", Order: actito.Set("x")}))
			return 2
		},
		"the service is down": func(s *shop) int {
			s.server.Fail(actitotest.AnyOp, actitotest.Times(1000, actitotest.Status(500)))
			s.many(0, 300)
			return 300
		},
		"a lane is closed": func(s *shop) int {
			s.server.Fail(actitotest.OpProfileUpsert, actitotest.Times(1000, actitotest.Status(403)))
			s.many(0, 5)
			return 5
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				left := test(s)
				began := time.Now()
				require.NoError(t, s.feed.Drain(t.Context()))
				assert.Less(t, time.Since(began), 3*time.Minute)
				pending, _ := s.left()
				assert.Equal(t, left, pending)
			})
		})
	}
}

func TestDrainGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		stop := s.run(s.feed)
		time.Sleep(10 * time.Second)
		other, _, _ := s.open()
		began := time.Now()
		require.ErrorIs(t, other.Drain(t.Context()), feed.ErrLeaseLost)
		assert.LessOrEqual(t, time.Since(began), 7*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, other.Drain(ctx), context.DeadlineExceeded)
		stop()
		require.NoError(t, other.Drain(t.Context()))
	})
}

func TestDrainGoesOnForAHolderThatDied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		_, err := s.memory.Take(t.Context(), feed.Lease{}, "dead")
		require.NoError(t, err)
		s.push(customer{ID: "1"})
		began := time.Now()
		require.NoError(t, s.feed.Drain(t.Context()), "in a process that has seen nothing before")
		assert.Greater(t, time.Since(began), 37*time.Second)
		assert.Less(t, time.Since(began), 45*time.Second)
		s.empty()
	})
}

func TestDrainTellsWhyItCouldNotGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := func(_ context.Context, method string) error {
			if method == "Page" {
				return errCut
			}
			return nil
		}
		s := setup{before: fails}.open(t)
		s.push(customer{ID: "1"})
		require.ErrorIs(t, s.feed.Drain(t.Context()), errCut)
	})
	synctest.Test(t, func(t *testing.T) {
		var s *shop
		s = setup{wire: func(*http.Request, string) *http.Response {
			lease, err := s.memory.Lease(context.Background())
			if err == nil && lease.Fence == 1 {
				_, err = s.memory.Take(context.Background(), lease, "thief")
			}
			assert.NoError(t, err)
			return nil
		}}.open(t)
		s.push(customer{ID: "1"})
		require.ErrorIs(t, s.feed.Drain(t.Context()), feed.ErrLeaseLost)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.many(0, 500)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, s.feed.Drain(ctx), context.DeadlineExceeded)
	})
}
