package feed_test

import (
	"fmt"
	"slices"
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

// waits are the times from the push of rows to their arrival, in order. The first name of a row says when it was pushed.
func waits(s *shop, prefix string, pushed map[string]time.Time) (list []time.Duration) {
	for _, e := range s.server.Events() {
		key := e.Data["customerID"]
		if at, ok := pushed[key]; ok && e.Type != actitotest.EventSubscription {
			list = append(list, e.Time.Sub(at))
			delete(pushed, key)
		}
	}
	assert.Empty(s.t, pushed, prefix)
	slices.Sort(list)
	return list
}

func TestUrgentRowsGoAheadOfThousands(t *testing.T) {
	t.Parallel()
	for name, push := range race.Cases(map[string]func(s *shop, id string){
		"must trigger": func(s *shop, id string) {
			s.push(customer{ID: id, Email: id + "@example.com"}, feed.MustTrigger())
		},
		"opt-outs": func(s *shop, id string) {
			s.push(customer{ID: id, Newsletter: actito.Set(false)})
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				s.many(0, 5000)
				stop := s.run(s.feed)
				time.Sleep(10*time.Minute + 50*time.Millisecond)
				pushed := map[string]time.Time{}
				for i := range 120 { // 15 a minute, which real time keeps for itself
					id := fmt.Sprint("u", i)
					pushed[id] = time.Now()
					push(s, id)
					time.Sleep(4037 * time.Millisecond)
				}
				stop()
				list := waits(s, name, pushed)
				t.Log("p50", list[len(list)/2], "p99", list[len(list)*99/100], "most", list[len(list)-1])
				assert.Less(t, list[len(list)*99/100], time.Second)
				pending, _ := s.left()
				assert.Greater(t, pending, 3000)
			})
		})
	}
}

// The client keeps 20 calls a minute for real time: 59 need what others leave, at the moment that they need it.
func TestUrgentRowsBeyondWhatIsKeptForThemDoNotWaitEither(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.runFor(3 * time.Second)
		s.many(0, 5000)
		stop := s.run(s.feed)
		time.Sleep(10*time.Minute + 50*time.Millisecond)
		before := len(s.calls())
		began := time.Now()
		pushed := map[string]time.Time{}
		ordered := map[string]time.Time{}
		for i := range 10 * 59 {
			id := fmt.Sprint("u", i)
			pushed[id] = time.Now()
			s.push(customer{ID: id, Email: id + "@example.com"}, feed.MustTrigger())
			if i%20 == 0 {
				id := fmt.Sprint("o", i)
				ordered[id] = time.Now()
				s.order(order{ID: id, Customer: "old"})
			}
			time.Sleep(time.Minute / 59)
		}
		calls := float64(len(s.calls())-before) / time.Since(began).Minutes()
		time.Sleep(70 * time.Second)
		stop()
		list := waits(s, "urgent", pushed)
		var orders []time.Duration
		for _, e := range s.server.Events() {
			if at, ok := ordered[e.Data["orderID"]]; ok {
				orders = append(orders, e.Time.Sub(at))
			}
		}
		slices.Sort(orders)
		t.Log("urgent p50", list[len(list)/2], "p99", list[len(list)*99/100], "most", list[len(list)-1],
			"orders p50", orders[len(orders)/2], "most", orders[len(orders)-1], "calls a minute", calls)
		assert.Less(t, list[len(list)*99/100], 1500*time.Millisecond, "starts are a little more than half a second apart")
		assert.Len(t, orders, len(ordered))
		assert.Less(t, orders[len(orders)-1], 30*time.Second)
		assert.Greater(t, calls, 95.0, "what others get does not suffer")
	})
}

func TestALaneWithThousandsDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.runFor(3 * time.Second)
		s.many(0, 5000)
		stop := s.run(s.feed)
		time.Sleep(10*time.Minute + 50*time.Millisecond)
		pushed := map[string]time.Time{}
		for i := range 60 {
			id := fmt.Sprint("o", i)
			pushed[id] = time.Now()
			s.order(order{ID: id, Customer: "old"})
			time.Sleep(4037 * time.Millisecond)
		}
		time.Sleep(70 * time.Second)
		stop()
		var list []time.Duration
		for _, e := range s.server.Events() {
			if at, ok := pushed[e.Data["orderID"]]; ok {
				list = append(list, e.Time.Sub(at))
			}
		}
		slices.Sort(list)
		t.Log("p50", list[len(list)/2], "most", list[len(list)-1])
		assert.Len(t, list, 60)
		assert.Less(t, list[len(list)-1], 65*time.Second, "the pace is counted over a minute")
	})
}

func TestWhatWaitedGoesBeforeThousandsThatCameLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.runFor(3 * time.Second)
		s.push(customer{ID: "1", Email: "one@example.com"})
		s.order(order{ID: "A", Customer: "1"})
		for i := range 3000 {
			s.order(order{ID: fmt.Sprint("o", i), Customer: "old"})
		}
		s.runFor(2 * time.Minute)
		_, ok := s.server.Record("Orders", "A")
		assert.True(t, ok)
	})
}

func TestParentsOfWhatIsUrgentGoAheadToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		lines := s.lines(feed.After(s.orders))
		s.many(0, 5000)
		stop := s.run(s.feed)
		time.Sleep(10*time.Minute + 50*time.Millisecond)
		began := time.Now()
		s.push(customer{ID: "1", Email: "one@example.com"})
		s.order(order{ID: "A", Customer: "1"})
		require.NoError(t, lines.Push(t.Context(), s.memory, line{ID: "A-1", Order: actito.Set("A")}, feed.MustTrigger()))
		time.Sleep(10 * time.Second)
		stop()
		_, ok := s.server.Record("Lines", "A-1")
		assert.True(t, ok)
		for _, e := range s.server.Events() {
			if e.Data["lineID"] == "A-1" {
				t.Log("took", e.Time.Sub(began))
				assert.Less(t, e.Time.Sub(began), 2*time.Second)
			}
		}
	})
}
