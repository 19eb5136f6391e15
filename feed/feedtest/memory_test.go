package feedtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// exec executes statements.
func exec(t *testing.T, tx feed.Execer, statements ...feed.Statement) {
	t.Helper()
	for _, s := range statements {
		_, err := tx.ExecContext(t.Context(), s.Query, s.Args...)
		require.NoError(t, err)
	}
}

func TestMemoryDrainsAMillionEvents(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	ctx, m, began := context.Background(), feedtest.NewMemory(), time.Now()
	lease, err := m.Take(ctx, feed.Lease{}, "test")
	require.NoError(t, err)
	const total, oneKey = 1_000_000, 3
	for i := range total {
		key := feed.Key("the same")
		if i%oneKey != 0 {
			key = feed.Key(fmt.Sprint("key ", i))
		}
		exec(t, m, m.Append(feed.Event{Lane: fmt.Sprint("lane ", i%4), Key: key, Urgent: i%5 == 0, Payload: []byte("row"), At: time.Unix(int64(i), 0)}))
	}
	lanes := []string{"lane 0", "lane 1", "lane 2", "lane 3"}
	drained := 0
	for {
		page, err := m.Page(ctx, feed.Page{Lanes: lanes, Urgent: drained < total/10, Limit: 1000})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		var n feed.Note
		var keys []feed.Key
		for _, e := range page {
			n.Remove, keys = append(n.Remove, e.ID), append(keys, e.Key)
		}
		_, err = m.Events(ctx, keys, 1)
		require.NoError(t, err)
		_, err = m.States(ctx, keys)
		require.NoError(t, err)
		require.NoError(t, m.Apply(ctx, lease.Fence, n))
		_, err = m.Backlog(ctx)
		require.NoError(t, err)
		drained += len(page)
	}
	require.Equal(t, total, drained)
	took := time.Since(began)
	t.Log("took", took)
}
