package feed_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

// table reads the file of an import, with its header.
func table(t *testing.T, i actitotest.Import) [][]string {
	t.Helper()
	require.Len(t, i.Files, 1)
	archive, err := zip.NewReader(bytes.NewReader(i.Files[0].Content), i.Files[0].Size)
	require.NoError(t, err)
	f, err := archive.File[0].Open()
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return rows
}

func TestWhatNeedsACallIsInNoFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{empty: []actito.EmptyCells{actito.Keep}})
		for i := range 1000 { // first, so that calls do not come to the others before an import does
			s.push(customer{ID: fmt.Sprint("plain", i), Email: "ann@example.com"})
		}
		for i := range 10 {
			id := fmt.Sprint(i)
			s.push(customer{ID: "trigger" + id, Email: "ann@example.com"}, feed.MustTrigger())
			s.push(customer{ID: "optin" + id, Email: "ann@example.com", Newsletter: actito.Set(true)})
			s.push(customer{ID: "optout" + id, Email: "ann@example.com", Newsletter: actito.Set(false)})
			s.push(customer{ID: "null" + id, Email: "ann@example.com", FirstName: actito.Null[string]()})
			s.push(customer{ID: "empty" + id, Email: "ann@example.com", FirstName: actito.Set("")})
			s.push(customer{ID: "collected" + id, Email: "ann@example.com"}, feed.DataCollection(actito.DataCollectionInfo{Date: actito.DateTimeOf(time.Now()), Source: "web", Way: "api_push"}))
			s.push(customer{ID: "mixed" + id, Email: "ann@example.com"})
			s.push(customer{ID: "mixed" + id, FirstName: actito.Null[string]()})
			require.NoError(t, s.customers.Delete(t.Context(), s.memory, "delete"+id))
		}
		stop := s.run(s.feed)
		defer stop()
		s.untilDelivered(staleness + 2*time.Minute)
		imports := s.server.Imports()
		require.Len(t, imports, 1)
		rows := table(t, imports[0])
		assert.Equal(t, []string{"customerID", "emailAddress"}, rows[0])
		require.Greater(t, len(rows), 500)
		for _, r := range rows[1:] {
			require.True(t, strings.HasPrefix(r[0], "plain"), r[0])
		}
		for d, err := range s.feed.Dead(t.Context()) {
			require.NoError(t, err)
			t.Log(d.Key, d.Code, d.Reason)
		}
		assert.Equal(t, 1000+70, len(s.server.Profiles("Customers"))) //nolint:testifylint // Len prints them all
		p, _ := s.server.Profile("Customers", "customerID", "optin3")
		assert.True(t, p.Subscriptions["Newsletter"])
	})
}

func TestWhatComesDuringAnImportGoesAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		for i := range 1000 {
			s.push(customer{ID: fmt.Sprint(i), Email: "ann@example.com", FirstName: actito.Set("Old")})
		}
		stop := s.run(s.feed)
		defer stop()
		s.untilSent()
		held := table(t, s.server.Imports()[0])
		row := func(n int) string { return held[n][slices.Index(held[0], "customerID")] }
		newer, optOut, deleted, again := row(1), row(2), row(3), row(4)
		s.push(customer{ID: newer, FirstName: actito.Set("New")})
		s.push(customer{ID: optOut, Newsletter: actito.Set(false)})
		require.NoError(t, s.customers.Delete(t.Context(), s.memory, deleted))
		require.NoError(t, s.customers.Delete(t.Context(), s.memory, again))
		s.push(customer{ID: again, Email: "new@example.com"})
		time.Sleep(10 * time.Second)

		_, some, _ := s.pending()
		require.Positive(t, some, "the import goes on")
		p, found := s.server.Profile("Customers", "customerID", optOut)
		require.True(t, found, "an opt-out goes at once")
		assert.Equal(t, map[string]bool{"Newsletter": false}, p.Subscriptions)
		_, found = s.server.Profile("Customers", "customerID", newer)
		assert.False(t, found, "a newer push waits")
		deletes := len(s.server.Requests(actitotest.OpProfileDelete))
		assert.Equal(t, 2, deletes, "deletes go at once")

		s.untilDelivered(10 * time.Minute)
		assert.Len(t, s.server.Requests(actitotest.OpProfileDelete), 2*deletes, "and again after it")
		p, _ = s.server.Profile("Customers", "customerID", newer)
		assert.Equal(t, "New", p.Attributes["firstName"])
		assert.Equal(t, "ann@example.com", p.Attributes["emailAddress"])
		p, _ = s.server.Profile("Customers", "customerID", optOut)
		assert.Equal(t, map[string]bool{"Newsletter": false}, p.Subscriptions)
		assert.Equal(t, "Old", p.Attributes["firstName"])
		_, found = s.server.Profile("Customers", "customerID", deleted)
		assert.False(t, found)
		p, _ = s.server.Profile("Customers", "customerID", again)
		assert.Equal(t, "new@example.com", p.Attributes["emailAddress"])
		assert.NotContains(t, p.Attributes, "firstName")
		assert.Len(t, s.server.Imports(), 1)
	})
}

func TestRejectedRowsAreParkedAndTakenAlongByNewerOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.server.Assume(actitotest.ResultFilesExist)
		s.pushItems(0, 1000, "fine")
		const bad = "a name that is far too long for its column"
		for i := range 150 {
			s.pushItem(item{ID: fmt.Sprint("bad", i), Name: actito.Set(bad), Stock: actito.Set(1.5)})
		}
		stop := s.run(s.feed)
		defer stop()
		s.untilDelivered(staleness + 2*time.Minute)
		require.Len(t, s.server.Imports(), 1)
		dead := 0
		for d, err := range s.feed.Dead(t.Context()) {
			require.NoError(t, err)
			dead++
			assert.True(t, strings.HasPrefix(d.Key, "bad"))
			assert.NotEmpty(t, d.Code)
			assert.Equal(t, "name", d.Column)
			assert.NotContains(t, d.Reason+d.Code, bad)
		}
		assert.Equal(t, 150, dead)
		assert.Equal(t, 1000, len(s.server.Records("Items"))) //nolint:testifylint // Len prints them all
		s.pushItem(item{ID: "bad7", Name: actito.Set("fine")})
		s.untilDelivered(time.Minute)
		r, _ := s.server.Record("Items", "bad7")
		assert.Equal(t, "fine", r["name"])
		assert.Equal(t, "1.5", r["stock"], "of the parked one")
		_, _, dead = s.pending()
		assert.Equal(t, 149, dead)
	})
}

func TestRowsWithTheSameColumnsGoTogether(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("Keep %t", keep), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var o bulkOptions
				if keep {
					o.empty = []actito.EmptyCells{actito.Keep}
				}
				time.Sleep(9 * time.Hour) // into the day, whose first hours have budget for one import
				s := newBulkShop(t, o)
				for i := range 800 {
					s.pushItem(item{ID: fmt.Sprint("name", i), Name: actito.Set("x")})
					s.pushItem(item{ID: fmt.Sprint("stock", i), Stock: actito.Set(2.0)})
				}
				stop := s.run(s.feed)
				defer stop()
				s.untilDelivered(staleness + 20*time.Minute)
				records := s.server.Records("Items")
				assert.Equal(t, 1600, len(records)) //nolint:testifylint // Len prints them all
				for _, r := range records {
					require.Equal(t, strings.HasPrefix(r["itemID"], "name"), r["name"] == "x")
					require.Equal(t, strings.HasPrefix(r["itemID"], "stock"), r["stock"] == "2")
				}
				imports := s.server.Imports()
				if keep {
					require.Len(t, imports, 1)
					assert.Equal(t, []string{"itemID", "name", "stock"}, table(t, imports[0])[0])
					return
				}
				require.NotEmpty(t, imports)
				for _, i := range imports {
					assert.Len(t, table(t, i)[0], 2)
				}
			})
		})
	}
}

func TestRowsWhoseParentsArePendingAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBulkShop(t, bulkOptions{})
		s.push(customer{ID: "dead", Email: "no address"}) // it will be parked
		for i := range 1000 {
			require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: fmt.Sprint("free", i), Customer: "known", Amount: 1}))
			if i%4 == 0 {
				require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: fmt.Sprint("blocked", i), Customer: "dead", Amount: 1}))
			}
		}
		s.push(customer{ID: "known", Email: "ann@example.com"})
		stop := s.run(s.feed)
		defer stop()
		s.until("the others have arrived", staleness+2*time.Minute, func() bool {
			pending, _, _ := s.pending()
			return pending == 250
		})
		require.Len(t, s.server.Imports(), 1)
		for _, r := range table(t, s.server.Imports()[0])[1:] {
			require.True(t, slices.ContainsFunc(r, func(cell string) bool { return strings.HasPrefix(cell, "free") }))
		}
		time.Sleep(staleness + 10*time.Minute)
		require.Len(t, s.server.Imports(), 1, "what waits asks for no import")

		pushed := time.Now()
		for i := range 1000 {
			require.NoError(t, s.orders.Push(t.Context(), s.memory, order{ID: fmt.Sprint("later", i), Customer: "known", Amount: 1}))
		}
		s.until("another import", staleness, func() bool { return len(s.server.Imports()) == 2 })
		assert.Greater(t, time.Since(pushed), staleness/2, "what waits does not make it early")
	})
}
