package feed_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
)

// A newer version of the program may have lanes that the one which drains does not have.
func TestAParentOfALaneThatTheDrainerDoesNotHave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		older, err := feed.Open(s.client, s.store)
		require.NoError(t, err)
		table, err := actito.Records[order](s.client, "Orders")
		require.NoError(t, err)
		feed.Records(older, table)
		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.order(order{ID: "A", Customer: "1"}, feed.MustTrigger())
		stop := s.run(older)
		time.Sleep(5 * time.Second)
		stop()
		pending, _ := s.left()
		assert.Equal(t, 2, pending, "who has the lane delivers both")
		s.runFor(5 * time.Second)
		s.empty()
	})
}

func TestARowThatWaitsDoesNotKeepAFailedOneFromBeingRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Bool
		s := setup{client: []actito.Option{once()}, wire: func(_ *http.Request, body string) *http.Response {
			if strings.Contains(body, `"B"`) && failed.CompareAndSwap(false, true) {
				return answer(503, "a moment")
			}
			return nil
		}}.open(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.runFor(3 * time.Second)
		s.push(customer{ID: "1", Email: "no address"})
		s.order(order{ID: "A", Customer: "1"})
		s.order(order{ID: "A", Amount: 2}) // names no parent, but waits for that of the first
		s.order(order{ID: "B", Customer: "old"})
		s.runFor(5 * time.Minute)
		assert.True(t, failed.Load())
		_, ok := s.server.Record("Orders", "B")
		assert.True(t, ok)
	})
}

func TestADeleteDoesNotWaitForTheParentsOfWhatCameLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.order(order{ID: "A", Customer: "old"})
		s.runFor(5 * time.Second)
		s.push(customer{ID: "1", Email: "no address"})
		require.NoError(t, s.orders.Delete(t.Context(), s.memory, "A"))
		s.order(order{ID: "A", Customer: "1", Amount: 2})
		s.runFor(5 * time.Second)
		_, ok := s.server.Record("Orders", "A")
		assert.False(t, ok, "it is deleted at once")
		pending, dead := s.left()
		assert.Equal(t, 1, pending, "the new one waits")
		assert.Equal(t, 1, dead)
		s.push(customer{ID: "1", Email: "ann@example.com"})
		s.runFor(5 * time.Second)
		s.empty()
		r, ok := s.server.Record("Orders", "A")
		require.True(t, ok)
		assert.Equal(t, "1", r["customerID"])
	})
}

// onlyUrgent leaves the other scans without events.
type onlyUrgent struct{ feed.Store }

func (o onlyUrgent) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	if !p.Urgent {
		return nil, nil
	}
	return o.Store.Page(ctx, p)
}

func TestThousandsThatWaitDoNotHoldUpWhatCameLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.push(customer{ID: "old", Email: "old@example.com"})
		s.runFor(3 * time.Second)
		s.push(customer{ID: "1", Email: "no address"})
		s.runFor(3 * time.Second)
		s.store = onlyUrgent{s.memory}
		f, _, _ := s.open()
		for i := range 25_000 {
			s.order(order{ID: fmt.Sprint("w", i), Customer: "1"}, feed.MustTrigger())
		}
		for i := range 60 {
			s.order(order{ID: fmt.Sprint("o", i), Customer: "old"}, feed.MustTrigger())
		}
		stop := s.run(f)
		time.Sleep(20 * time.Second)
		stop()
		assert.Len(t, s.server.Records("Orders"), 60)
	})
}
