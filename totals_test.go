package actito_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// Every row of an import ends in exactly one of: created, updated, rejected.
func TestEveryRowIsAccountedFor(t *testing.T) {
	t.Parallel()
	worlds := rapid.SliceOfDistinct(rapid.SampledFrom(everyOpposite), rapid.ID)
	rapid.Check(t, func(rt *rapid.T) {
		world := worlds.Draw(rt, "world")
		ids := rapid.SampledFrom([]string{"C1", "c1", "C2", "C3", "C,4", "C\"5\n"})
		customers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) customer {
			c := customer{
				ID:        ids.Draw(t, "id"),
				Email:     rapid.SampledFrom([]string{"ann@example.com", "bob@example.com", "cid@example.com", "broken", ""}).Draw(t, "email"),
				FirstName: rapid.SampledFrom([]string{"", "Ann", "Zoë; \"x\""}).Draw(t, "name"),
			}
			if rapid.Bool().Draw(t, "has a phone") {
				c.Phone = actito.Set("+32")
			}
			return c
		}), 1, 12).Draw(rt, "customers")
		orders := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order {
			return order{rapid.SampledFrom([]string{"O1", "o1", "O2", "O3"}).Draw(t, "id"), ids.Draw(t, "customer"), float64(rapid.IntRange(-5, 5).Draw(t, "amount"))}
		}), 1, 12).Draw(rt, "orders")

		b := newBulk(t, inMemory(t))
		b.Assume(actitotest.ResultFilesExist)
		b.Assume(world...)
		files := []actito.InputFile{b.customers.InputFile("customers.csv", actito.Keep), b.orders.InputFile("orders.csv")}
		for i := range files {
			files[i].Mode = rapid.SampledFrom([]actito.Mode{actito.CreateUpdate, actito.CreateOnly, actito.UpdateOnly}).Draw(rt, "mode")
		}
		e, err := b.client.ETLs.RunOnce(t.Context(), once(files...),
			b.orders.Rows("orders.csv", all(orders...)), b.customers.Rows("customers.csv", all(customers...)))
		require.NoError(rt, err)
		e, err = b.client.Executions.Wait(t.Context(), e)
		require.Len(rt, e.Files, 2)
		for i, sent := range []int{len(customers), len(orders)} {
			f := e.Files[i]
			require.Equal(rt, sent, f.Read)
			require.Equal(rt, sent, f.Created+f.Updated+f.Rejected)
		}
		rejected := e.Totals().Rejected
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
