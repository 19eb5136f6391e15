package actito_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

var (
	someIDs       = rapid.SampledFrom([]string{"C1", "c1", "C2", "C3", "C,4", "C\"5\n"})
	someCustomers = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) customer {
		c := customer{
			ID:        someIDs.Draw(t, "id"),
			Email:     rapid.SampledFrom([]string{"ann@example.com", "bob@example.com", "cid@example.com", "broken", ""}).Draw(t, "email"),
			FirstName: rapid.SampledFrom([]string{"", "Ann", "Zoë; \"x\""}).Draw(t, "name"),
		}
		if rapid.Bool().Draw(t, "has a phone") {
			c.Phone = actito.Set("+32")
		}
		return c
	}), 1, 12)
	someOrders = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order {
		return order{rapid.SampledFrom([]string{"O1", "o1", "O2", "O3"}).Draw(t, "id"), someIDs.Draw(t, "customer"), float64(rapid.IntRange(-5, 5).Draw(t, "amount"))}
	}), 1, 12)
)

// Every row of an import ends in exactly one of: created, updated, rejected.
func TestEveryRowIsAccountedFor(t *testing.T) {
	t.Parallel()
	worlds := rapid.SliceOfDistinct(rapid.SampledFrom(everyOpposite), rapid.ID)
	rapid.Check(t, func(rt *rapid.T) {
		world := worlds.Draw(rt, "world")
		customers, orders := someCustomers.Draw(rt, "customers"), someOrders.Draw(rt, "orders")

		b := newBulk(t, inMemory(t))
		b.Assume(worldWith(everyOpposite, world...)...)
		files := []actito.InputFile{b.customers.InputFile("customers.csv", actito.Keep), b.orders.InputFile("orders.csv")}
		for i := range files {
			files[i].Mode = rapid.SampledFrom([]actito.Mode{actito.CreateUpdate, actito.CreateOnly, actito.UpdateOnly}).Draw(rt, "mode")
		}
		e, err := b.client.ETLs.RunOnce(t.Context(), once(files...),
			b.orders.Rows("orders.csv", all(orders...)), b.customers.Rows("customers.csv", all(customers...)), actito.LookUpParents(-1))
		require.NoError(rt, err)
		e, err = b.client.Executions.Wait(t.Context(), e)
		require.Len(rt, e.Files, 2)
		for i, sent := range []int{len(customers), len(orders)} {
			f := e.Files[i]
			require.Equal(rt, sent, f.Read)
			require.Equal(rt, sent, f.Created+f.Updated+f.Rejected)
		}
		rejected := e.Totals().Rejected
		require.Equal(rt, actito.Account{Rows: len(customers) + len(orders), Accepted: len(customers) + len(orders) - rejected, Rejected: rejected}, e.Account())
		if rejected == 0 {
			require.NoError(rt, err)
		} else {
			require.ErrorIs(rt, err, actito.ErrRowsRejected)
		}
		if slices.Contains(world, actitotest.ResultFilesMissing) {
			return
		}
		for r, err := range b.customers.Rejects(t.Context(), e) {
			require.NoError(rt, err)
			require.NoError(rt, r.RowErr)
			require.Contains(rt, customers, r.Row)
			rejected--
		}
		for r, err := range b.orders.Rejects(t.Context(), e) {
			require.NoError(rt, err)
			require.NoError(rt, r.RowErr)
			require.Contains(rt, orders, r.Row)
			rejected--
		}
		require.Zero(rt, rejected)
		require.Len(rt, b.Profiles("Customers"), e.Files[0].Created)
		require.Len(rt, b.Records("Orders"), e.Files[1].Created)
	})
}

// Where a file fails, its rows are unknown, and so are those of the files after it that were not tried.
func TestEveryRowIsAccountedForWhenAFileFails(t *testing.T) {
	t.Parallel()
	worlds := rapid.SliceOfDistinct(rapid.SampledFrom(everyOpposite), rapid.ID)
	rapid.Check(t, func(rt *rapid.T) {
		world := worlds.Draw(rt, "world")
		orders, first := someOrders.Draw(rt, "orders"), rapid.Bool().Draw(rt, "the orders come first")
		broken := rapid.IntRange(1, 9).Draw(rt, "rows of the file that fails")

		b := newBulk(t, inMemory(t))
		b.Assume(worldWith(everyOpposite, world...)...)
		files := []actito.InputFile{b.customers.InputFile("customers.csv", named), b.orders.InputFile("orders.csv")}
		_, err := b.customers.Upsert(t.Context(), annRow) // whose orders are taken
		require.NoError(rt, err)
		etl := b.stored(t, files...)
		if first { // which only a raw definition can say
			d, err := b.client.ETLs.Get(t.Context(), etl)
			require.NoError(rt, err)
			slices.Reverse(d.Files)
			raw, err := json.Marshal(d)
			require.NoError(rt, err)
			require.NoError(rt, b.client.ETLs.Replace(t.Context(), etl, actito.RawDefinition(raw)))
		}
		b.Fail(actitotest.OpETLGet, actitotest.Status(403)) // so that the missing columns are not noticed here
		e, err := b.client.ETLs.Trigger(t.Context(), etl, actito.Loads("Customers", "Orders"),
			actito.DataBytes("customers.csv", []byte("customerID\n"+strings.Repeat("C1\n", broken))), b.orders.Rows("orders.csv", all(orders...), actito.Keep))
		require.NoError(rt, err)
		e, err = b.client.Executions.Wait(t.Context(), e)
		require.ErrorIs(rt, err, actito.ErrImportFailed)

		verdicts := map[string]actito.Verdict{}
		for _, f := range e.Files {
			verdicts[f.Name] = f.Verdict()
		}
		a := e.Account()
		require.Equal(rt, broken+len(orders), a.Rows)
		require.Equal(rt, a.Rows, a.Accepted+a.Rejected+a.Refused+a.Unknown)
		require.Equal(rt, actito.NotLoaded, verdicts["customers.csv"])
		if first || slices.Contains(world, actitotest.FailedFilePasses) {
			require.Contains(rt, []actito.Verdict{actito.Loaded, actito.LoadedWithRejects}, verdicts["orders.csv"])
			require.Equal(rt, broken, a.Unknown)
		} else {
			require.Equal(rt, actito.NotAttempted, verdicts["orders.csv"])
			require.Equal(rt, actito.Account{Rows: a.Rows, Unknown: a.Rows}, a)
		}
		require.Len(rt, b.Records("Orders"), e.Totals().Created)
		summary, err := b.client.Executions.Summarize(t.Context(), e)
		if slices.Contains(world, actitotest.ResultFilesMissing) && a.Rejected > 0 {
			require.ErrorIs(rt, err, actito.ErrNotFound)
			return
		}
		require.NoError(rt, err)
		require.Equal(rt, a.Rejected, summary.Rows)
	})
}
