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
)

func TestDeletesThatAreUnderWayWhenAnImportEndsGoAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.pushItems(0, 1000, "x")
		stop := s.run(s.feed)
		defer stop()
		s.untilSent()
		held := table(t, s.server.Imports()[0])
		s.server.Fail(actitotest.OpRecordDelete, actitotest.Times(100, actitotest.Delay(15*time.Second)))
		for n := range 100 { // more than go through during the import
			id := held[1+n][slices.Index(held[0], "itemID")]
			require.NoError(t, s.items.Delete(t.Context(), s.memory, id))
		}
		s.untilDelivered(time.Hour)
		s.all(900)
	})
}

func TestAnOptOutThatIsRefusedBeforeTheImportHasMadeItsRowGoesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.server.AddProfileTable("Shop", actitotest.Table{Name: "Members", Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Mandatory: true},
			{Name: "firstName", Type: "FIRSTNAME"},
		}, Subscriptions: []string{"Newsletter"}})
		f, err := feed.Open(s.client, s.memory)
		require.NoError(t, err)
		members, err := actito.Profiles[customer](s.client, "Members")
		require.NoError(t, err)
		s.customers = feed.Profiles(f, members, feed.SpillToBulk(staleness))
		for i := range 1000 {
			s.push(customer{ID: fmt.Sprint(i), Email: "ann@example.com"})
		}
		stop := s.run(f)
		defer stop()
		s.untilSent()
		held := table(t, s.server.Imports()[0])
		id := held[1][slices.Index(held[0], "customerID")]
		s.push(customer{ID: id, Newsletter: actito.Set(false)})
		s.untilDelivered(10 * time.Minute)
		_, _, dead := s.pending()
		assert.Zero(t, dead)
		p, found := s.server.Profile("Members", "customerID", id)
		require.True(t, found)
		assert.Equal(t, map[string]bool{"Newsletter": false}, p.Subscriptions)
	})
}

func TestACrashBetweenTwoVerdictsSplitsNoRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.server.Assume(actitotest.ExecutionListMissing)
		s.server.Fail(actitotest.OpRunOnce, actitotest.LoseAnswer())
		notes := 0
		store := &crashing{Memory: s.memory, at: func(n feed.Note) bool {
			if len(n.OneByOne) > 0 {
				notes++
			}
			if notes < 2 {
				return false
			}
			s.server.Assume(actitotest.ExecutionListExists)
			return true
		}}
		var f *feed.Feed
		f, _, _, s.items = s.openBulk(store)
		for _, name := range []string{"old", "newer", "newest"} {
			s.pushItems(0, 1000, name)
		}
		stop := s.run(f)
		defer stop()
		s.untilDelivered(4 * time.Hour)
		s.all(1000)
		require.NotZero(t, store.dead, "it crashed")
		for i := range 1000 {
			require.Equal(t, "newest", s.name(fmt.Sprint(i)))
		}
	})
}
