package feed_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

func TestOneOfManyDrains(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 8} {
		synctest.Test(t, func(t *testing.T) {
			s := newShop(t)
			s.many(0, 30)
			var stops []func()
			for range n {
				f, _, _ := s.open()
				stops = append(stops, s.run(f))
			}
			time.Sleep(5 * time.Second)
			lease, err := s.memory.Lease(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 1, lease.Fence)
			for i := range n - 1 { // whoever it is that drains, stops some time
				s.many(100+10*i, 100+10*i+5) // fewer than the pace of a minute, all together
				stops[i]()
			}
			time.Sleep(2 * time.Second)
			s.many(1000, 1005)
			time.Sleep(2 * time.Second)
			s.empty()
			stops[n-1]()
			assert.Len(t, s.server.Profiles("Customers"), 30+5*n)
			assert.Len(t, s.calls(), len(s.server.Events()), "nothing was sent for nothing")
		})
	}
}

func TestAHolderThatStopsHandsOverWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		stop := s.run(s.feed)
		time.Sleep(3500 * time.Millisecond)
		other, _, _ := s.open()
		stopOther := s.run(other)
		time.Sleep(10 * time.Second)
		began := time.Now()
		stop()
		s.push(customer{ID: "1"}, feed.MustTrigger())
		for len(s.server.Events()) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, time.Since(began), 1300*time.Millisecond)
		stopOther()
	})
}

func TestCallsThatWaitForThePaceDoNotHoldUpAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.many(0, 500)
		stop := s.run(s.feed)
		time.Sleep(30 * time.Second)
		began := time.Now()
		stop()
		assert.Less(t, time.Since(began), time.Second)
		pending, _ := s.left()
		assert.Equal(t, 500-len(s.calls()), pending, "what was sent is settled, and what was not stays")
	})
}

// cut is a store that can be cut off.
type cut struct{ off atomic.Bool }

var errCut = errors.New("the database is down")

func (c *cut) fails(context.Context, string) error {
	if c.off.Load() {
		return errCut
	}
	return nil
}

// hangs waits until the context ends while it is cut off.
func (c *cut) hangs(ctx context.Context, _ string) error {
	if !c.off.Load() {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// process opens the feed of a process with its own connection to the shop's outbox.
func (s *shop) process(before func(context.Context, string) error, opts ...feed.Option) *feed.Feed {
	s.t.Helper()
	shared := s.store
	s.store = guarded{s.memory, before}
	defer func() { s.store = shared }()
	f, _, _ := s.open(opts...)
	return f
}

func TestAHolderWithoutDatabaseLosesTheLease(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]bool{"that fails": false, "that hangs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				var c cut
				before := c.fails
				if hangs {
					before = c.hangs
				}
				stop := s.run(s.process(before))
				time.Sleep(3 * time.Second)
				other, _, _ := s.open()
				stopOther := s.run(other)
				time.Sleep(7 * time.Second)
				c.off.Store(true)
				began := time.Now()
				s.push(customer{ID: "1"})
				for len(s.server.Events()) == 0 {
					time.Sleep(10 * time.Millisecond)
				}
				took := time.Since(began)
				assert.Greater(t, took, 30*time.Second)
				assert.Less(t, took, 30*time.Second*5/4+3*time.Second)
				time.Sleep(time.Minute)
				c.off.Store(false)
				time.Sleep(time.Minute)
				lease, err := s.memory.Lease(t.Context())
				require.NoError(t, err)
				assert.EqualValues(t, 2, lease.Fence, "the old one stays away")
				assert.Len(t, s.calls(), 1)
				stop()
				stopOther()
				s.empty()
			})
		})
	}
}

func TestACallUnderWayEndsWithTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended time.Time
		var c cut
		began := time.Now()
		s := setup{before: c.hangs, client: []actito.Option{actito.WithTimeouts(actito.Timeouts{Answer: time.Hour})},
			wire: func(r *http.Request, _ string) *http.Response {
				if r.Method == http.MethodPost {
					c.off.Store(true)
					<-r.Context().Done()
					ended = time.Now()
				}
				return nil
			}}.open(t)
		s.push(customer{ID: "1"})
		stop := s.run(s.feed)
		time.Sleep(time.Minute)
		stop()
		c.off.Store(false)
		assert.InDelta(t, 30, ended.Sub(began).Seconds(), 1)
		assert.Empty(t, s.server.Events())
		pending, _ := s.left()
		assert.Equal(t, 1, pending)
	})
}

func TestACallStartsOnlyWhileHalfTheLeaseIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var last atomic.Pointer[time.Time]
		beatsFail := func(_ context.Context, method string) error {
			if method == "Beat" || method == "Apply" {
				return errCut
			}
			return nil
		}
		s := setup{before: beatsFail, wire: func(r *http.Request, _ string) *http.Response {
			if r.Method == http.MethodPost {
				last.Store(new(time.Now()))
			}
			return nil
		}}.open(t)
		began := time.Now()
		stop := s.run(s.feed)
		for i := range 29 {
			s.many(i, i+1)
			time.Sleep(time.Second)
		}
		stop()
		assert.LessOrEqual(t, last.Load().Sub(began), 15*time.Second)
	})
}

// TestAPausedProcessChangesNothing holds each method of the store up beyond the lease, as if the process had been stopped
// there, while another one takes over.
func TestAPausedProcessChangesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Page", "States", "Events", "Apply", "Beat"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				var paused atomic.Bool
				wakes := make(chan struct{})
				stop := s.run(s.process(func(_ context.Context, method string) error { // which no context ends
					if method == at && paused.CompareAndSwap(false, true) || paused.Load() {
						<-wakes
					}
					return nil
				}))
				s.push(customer{ID: "1", Email: "old@example.com"})
				time.Sleep(10 * time.Second)
				require.True(t, paused.Load())
				other, _, _ := s.open()
				stopOther := s.run(other)
				time.Sleep(time.Minute)
				s.push(customer{ID: "1", Email: "new@example.com"})
				time.Sleep(5*time.Second + 50*time.Millisecond) // when nobody looks into the outbox by the way
				s.empty()
				s.push(customer{ID: "1", Email: "newest@example.com"})
				lease, err := s.memory.Lease(t.Context())
				require.NoError(t, err)
				calls := len(s.calls())
				close(wakes)
				synctest.Wait()
				assert.Zero(t, len(s.calls())-calls, "nothing is sent by the old one")
				time.Sleep(5 * time.Second)
				now, err := s.memory.Lease(t.Context())
				require.NoError(t, err)
				assert.Equal(t, lease.Fence, now.Fence)
				p, ok := s.customer("1")
				require.True(t, ok)
				assert.Equal(t, "newest@example.com", p.Attributes["emailAddress"])
				s.empty()
				stop()
				stopOther()
			})
		})
	}
}

func TestAStoreThatWasReplacedIsWatchedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		dead, err := s.memory.Take(t.Context(), feed.Lease{}, "dead")
		require.NoError(t, err)
		require.NoError(t, s.memory.Apply(t.Context(), dead.Fence, feed.Note{}))
		stop := s.run(s.feed)
		time.Sleep(30 * time.Second)
		restored, err := s.memory.Take(t.Context(), feed.Lease{Fence: 1, Beat: 2, Holder: "dead"}, "another")
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		lease, err := s.memory.Lease(t.Context())
		require.NoError(t, err)
		assert.Equal(t, restored, lease)
		time.Sleep(10 * time.Second)
		lease, err = s.memory.Lease(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 3, lease.Fence)
		stop()
	})
}

func TestWhatIdlingCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		var holder, contender counter
		stop := s.run(s.process(func(_ context.Context, method string) error { holder.add(method); return nil }))
		time.Sleep(2 * time.Second)
		stopOther := s.run(s.process(func(_ context.Context, method string) error { contender.add(method); return nil }))
		time.Sleep(2 * time.Second)
		holder.take()
		contender.take()
		time.Sleep(100 * time.Second)
		h, c := holder.take(), contender.take()
		t.Log("in 100 s, holder with two lanes:", h, "contender:", c)
		assert.InDelta(t, 700, h["Page"], 5, "five a second for what is urgent, one for each lane")
		assert.InDelta(t, 17, h["Beat"], 1)
		assert.Len(t, h, 2)
		assert.InDelta(t, 100, c["Lease"], 2)
		assert.Len(t, c, 1)
		stop()
		stopOther()
		assert.Empty(t, s.server.Requests(actitotest.OpToken))
	})
}
