package feed_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// slowPages is an outbox that is slow to read.
type slowPages struct{ *feedtest.Memory }

func (s slowPages) Page(ctx context.Context, p feed.Page) ([]feed.Event, error) {
	events, err := s.Memory.Page(ctx, p)
	if !p.Urgent {
		time.Sleep(time.Second)
	}
	return events, err
}

func TestDrainEndsWhenNothingIsLeftThatCouldGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		f, _, _, _ := s.openBulk(slowPages{s.memory})
		for i := range 20 {
			id := fmt.Sprint(i)
			s.push(customer{ID: id, Email: "ann@example.com"}, feed.MustTrigger())
			require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: id, Customer: id, Amount: 1}))
		}
		require.NoError(t, f.Drain(t.Context()))
		assert.Len(t, s.server.Profiles("Customers"), 20)
		assert.Len(t, s.server.Records("Orders"), 20, "they waited for their customers")
	})
}
