package feed_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/transform"
)

// offer is a row of texts, as a form has them.
type offer struct {
	ID   string             `actito:"offerID,key"`
	Name actito.Opt[string] `actito:"name"`
	Open actito.Opt[string] `actito:"open"`
}

func TestRowsOfATransformedTableAreTransformedOnceByCallAndByImport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.server.AddCustomTable("Shop", actitotest.Table{Name: "Offers", PrimaryKey: "offerID", Attributes: []actitotest.Attribute{
			{Name: "offerID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "name", Type: "STRING"}, {Name: "open", Type: "BOOLEAN"},
		}})
		table, err := actito.Records[offer](s.client, "Offers")
		require.NoError(t, err)
		spec, err := transform.New(transform.Trim().On("offerID"), transform.ReplaceRegex("^", "+").On("name"), transform.Boolean().On("open"))
		require.NoError(t, err)
		table, err = table.Transformed(spec)
		require.NoError(t, err)
		offers := feed.Records(s.feed, table, feed.SpillToBulk(staleness, actito.Keep))
		const rows = 1500
		for i := range rows {
			o := offer{ID: fmt.Sprintf(" %d", i), Name: actito.Set("a")}
			require.NoError(t, offers.Push(t.Context(), s.memory, o))
			require.NoError(t, offers.Push(t.Context(), s.memory, offer{ID: o.ID[1:] + " ", Name: actito.Set("b"), Open: actito.Set("oui")}))
		}
		require.ErrorIs(t, offers.Push(t.Context(), s.memory, offer{ID: "x", Open: actito.Set("perhaps")}), actito.ErrInvalid)
		stop := s.run(s.feed)
		defer stop()
		s.untilDelivered(staleness + 5*time.Minute)
		require.NotEmpty(t, s.server.Requests(actitotest.OpRecordUpsert))
		require.NotEmpty(t, s.server.Imports())
		list := s.server.Records("Offers")
		require.Equal(t, rows, len(list)) //nolint:testifylint // Len prints them all
		for _, r := range list {
			assert.Equal(t, "+b", r["name"])
			assert.Equal(t, "true", r["open"])
		}
	})
}
