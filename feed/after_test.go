package feed_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

// line is a grandchild: of an order.
type line struct {
	ID       string             `actito:"lineID,key"`
	Order    actito.Opt[string] `actito:"orderID"`
	Customer string             `actito:"customerID"`
}

func (s *shop) lines(opts ...feed.LaneOption) *feed.Lane[line] {
	s.t.Helper()
	s.server.AddCustomTable("Shop", actitotest.Table{Name: "Lines", PrimaryKey: "lineID", Attributes: []actitotest.Attribute{
		{Name: "lineID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "orderID", Type: "STRING"}, {Name: "customerID", Type: "STRING"},
	}})
	table, err := actito.Records[line](s.client, "Lines")
	require.NoError(s.t, err)
	return feed.Records(s.feed, table, opts...)
}

// order of the calls, by their keys
func (s *shop) sent() (keys []string) {
	for _, e := range s.server.Events() {
		key := e.Data["lineID"]
		for _, name := range []string{"orderID", "customerID"} {
			if key == "" {
				key = e.Data[name]
			}
		}
		if e.Type == actitotest.EventCreate || e.Type == actitotest.EventUpdate {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestAChildWaitsForItsParentOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.runFor(3 * time.Second)
		s.push(customer{ID: "1", Email: "no address"})
		s.order(order{ID: "A", Customer: "1"})
		s.order(order{ID: "B", Customer: "old"})
		s.runFor(5 * time.Second)
		assert.Equal(t, []string{"old", "B"}, s.sent(), "the parked parent keeps A")
		pending, dead := s.left()
		assert.Equal(t, 1, pending)
		assert.Equal(t, 1, dead)
		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.runFor(5 * time.Second)
		s.empty()
		assert.Equal(t, []string{"old", "B", "1", "A"}, s.sent())
	})
}

func TestAChildGoesWhenItsParkedParentIsDiscarded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.runFor(3 * time.Second)
		s.push(customer{ID: "1", Email: "no address"})
		s.order(order{ID: "A", Customer: "1"})
		stop := s.run(s.feed)
		time.Sleep(5 * time.Second)
		require.NoError(t, s.feed.Discard(t.Context(), s.dead()[0].ID, "the old address is right"))
		time.Sleep(3 * time.Second)
		stop()
		s.empty()
		assert.Equal(t, []string{"1", "A"}, s.sent())
	})
}

func TestParentsOfOneTransactionGoFirst(t *testing.T) {
	t.Parallel()
	for _, childFirst := range []bool{false, true} {
		for _, urgent := range []bool{false, true} {
			t.Run(fmt.Sprintf("child first %t, urgent %t", childFirst, urgent), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newShop(t)
					lines := s.lines(feed.After(s.orders), feed.After(s.customers))
					stop := s.run(s.feed)
					time.Sleep(3300 * time.Millisecond)
					var opts []feed.PushOption
					if urgent {
						opts = append(opts, feed.MustTrigger())
					}
					tx := s.memory.Begin()
					push := []func() error{
						func() error { return s.customers.Push(t.Context(), tx, customer{ID: "1", Email: "a@example.com"}) },
						func() error { return s.orders.Push(t.Context(), tx, order{ID: "A", Customer: "1"}) },
						func() error {
							return lines.Push(t.Context(), tx, line{ID: "A-1", Order: actito.Set("A"), Customer: "1"}, opts...)
						},
					}
					for i := range push {
						if childFirst {
							i = len(push) - 1 - i
						}
						require.NoError(t, push[i]())
					}
					time.Sleep(5 * time.Second)
					assert.Empty(t, s.sent(), "it is not committed")
					require.NoError(t, tx.Commit())
					time.Sleep(4 * time.Second)
					stop()
					s.empty()
					assert.Equal(t, []string{"1", "A", "A-1"}, s.sent())
				})
			})
		}
	}
}

func TestAChildWithoutParentAttributeWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		lines := s.lines(feed.After(s.orders))
		s.order(order{ID: "A", Customer: "nobody"}) // refused, and so parked
		require.NoError(t, lines.Push(t.Context(), s.memory, line{ID: "unset"}))
		require.NoError(t, lines.Push(t.Context(), s.memory, line{ID: "null", Order: actito.Null[string]()}))
		require.NoError(t, lines.Push(t.Context(), s.memory, line{ID: "waits", Order: actito.Set("A")}))
		s.runFor(5 * time.Second)
		assert.ElementsMatch(t, []string{"unset", "null"}, s.sent())
	})
}

func TestAChildsDeleteWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "1", Email: "no address"})
		s.order(order{ID: "A", Customer: "1"})
		require.NoError(t, s.orders.Delete(t.Context(), s.memory, "A"))
		s.runFor(3 * time.Second)
		pending, dead := s.left()
		assert.Zero(t, pending)
		assert.Equal(t, 1, dead)
	})
}

// TestAChildIsNotPassedByItsParent pushes parents and children in any mix: when a child arrives, its parent is there.
func TestAChildNeverComesBeforeItsParent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		stop := s.run(s.feed)
		for i := range 200 {
			tx := s.memory.Begin()
			id := fmt.Sprint(i % 70)
			require.NoError(t, s.orders.Push(t.Context(), tx, order{ID: fmt.Sprint("o", i), Customer: id}))
			require.NoError(t, s.customers.Push(t.Context(), tx, customer{ID: id, Email: fmt.Sprintf("c%d@example.com", i)}))
			require.NoError(t, tx.Commit())
			time.Sleep(137 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		stop()
		s.empty()
		assert.Len(t, s.server.Records("Orders"), 200, "the fake refuses orders of nobody")
	})
}

func TestThousandsThatWaitDoNotKeepTheDatabaseBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		count := &counter{}
		s := setup{before: func(_ context.Context, method string) error { count.add(method); return nil }}.open(t)
		lines := s.lines(feed.After(s.orders))
		s.push(customer{ID: "1", Email: "no address"})
		for i := range 1100 {
			s.order(order{ID: fmt.Sprint("o", i), Customer: "1"})
		}
		for i := range 700 {
			require.NoError(t, lines.Push(t.Context(), s.memory, line{ID: fmt.Sprint("l", i), Order: actito.Set("o1")}))
		}
		for i := range 300 {
			s.order(order{ID: fmt.Sprint("u", i), Customer: "1"}, feed.MustTrigger())
		}
		stop := s.run(s.feed)
		time.Sleep(10 * time.Second)
		count.take()
		time.Sleep(time.Minute)
		n := 0
		for _, calls := range count.take() {
			n += calls
		}
		stop()
		t.Log("calls of the store in a second:", n/60)
		assert.Less(t, n/60, 70)
		assert.Len(t, s.calls(), 1)
	})
}
