package feed_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/feed/feedtest"
)

// broken is an outbox in which some texts are none that a file can hold.
type broken struct{ *feedtest.Memory }

func (b broken) Append(e feed.Event) feed.Statement {
	e.Payload = bytes.ReplaceAll(e.Payload, []byte("broken"), []byte(`a\u0000b`))
	return b.Memory.Append(e)
}

func TestARowThatNoFileCanHoldKeepsTheOthersFromNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		var f *feed.Feed
		f, _, _, s.items = s.openBulk(broken{s.memory})
		s.pushItems(0, 1000, "fine")
		for i := range 3 {
			s.pushItem(item{ID: fmt.Sprint("bad", i), Name: actito.Set("broken"), Stock: actito.Set(1.0)})
		}
		stop := s.run(f)
		defer stop()
		s.untilDelivered(staleness + 5*time.Minute)
		imports := s.server.Imports()
		require.Len(t, imports, 1)
		assert.Greater(t, imports[0].Rows, 500)
		_, _, dead := s.pending()
		assert.Equal(t, 3, dead, "a call refuses them too")
		assert.Equal(t, 1000, len(s.server.Records("Items"))) //nolint:testifylint // Len prints them all
	})
}

func TestParentsGoEarlyEnoughForTheirChildren(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		for i := range 1500 {
			s.push(customer{ID: fmt.Sprint(i), Email: "ann@example.com"})
			require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: fmt.Sprint(i), Customer: fmt.Sprint(i), Amount: 1}))
		}
		stop := s.run(s.feed)
		defer stop()
		s.untilDelivered(staleness + 2*time.Minute)
		assert.Equal(t, 1500, len(s.server.Records("Orders"))) //nolint:testifylint // Len prints them all
		imports := s.server.Imports()
		require.Len(t, imports, 2)
		assert.Equal(t, []string{"Customers"}, imports[0].Tables)
		assert.Equal(t, []string{"Orders"}, imports[1].Tables)
	})
}

func TestATableOfAnotherEntityIsImportedThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{server: []actitotest.Option{actitotest.WithEntities("Shop", "Branch")}})
		s.server.AddCustomTable("Branch", actitotest.Table{Name: "Goods", PrimaryKey: "itemID", Attributes: []actitotest.Attribute{
			{Name: "itemID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "name", Type: "STRING"}, {Name: "stock", Type: "NUMBER"}}})
		f, err := feed.Open(s.client, s.memory)
		require.NoError(t, err)
		goods, err := actito.Records[item](s.client.Entity("Branch"), "Goods")
		require.NoError(t, err)
		s.items = feed.Records(f, goods, feed.SpillToBulk(staleness))
		s.pushItems(0, 1000, "x")
		stop := s.run(f)
		defer stop()
		s.until("all was delivered", staleness+2*time.Minute, func() bool { return len(s.server.Records("Goods")) == 1000 })
		require.Len(t, s.server.Imports(), 1)
		assert.Equal(t, "Branch", s.server.Imports()[0].Entity)
	})
}

func TestSealedRowsSpillToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		f, err := feed.Open(s.client, s.memory, feed.Seal(newAEAD(t)))
		require.NoError(t, err)
		items, err := actito.Records[item](s.client, "Items")
		require.NoError(t, err)
		s.items = feed.Records(f, items, feed.SpillToBulk(staleness))
		s.pushItems(0, 1000, "x")
		time.Sleep(staleness)
		stop := s.run(f)
		defer stop()
		s.untilDelivered(10 * time.Minute)
		s.all(1000)
		require.Len(t, s.server.Imports(), 1)
	})
}

func newAEAD(t *testing.T) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return aead
}
