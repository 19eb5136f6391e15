package actito_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

var (
	unsetPhone = customer{ID: "C1", Email: "ann@example.com", FirstName: "Ann"}
	nullPhone  = customer{ID: "C1", Email: "ann@example.com", FirstName: "Ann", Phone: actito.Null[string]()}
	withPhone  = actito.Columns("customerID", "emailAddress", "gsmNumber")
	setPhone   = customer{ID: "C9", Email: "zoe@example.com", FirstName: "Zoe", Phone: actito.Set("+321")}
)

func TestEmptyCellsAreRefusedUnlessTheirMeaningIsDeclared(t *testing.T) {
	t.Parallel()
	modes := []actito.Mode{actito.CreateUpdate, actito.UpdateOnly, actito.CreateOnly, ""}
	for name, tt := range map[string]struct {
		row     customer
		empty   actito.EmptyCells
		refused bool
	}{
		"unset and undeclared": {unsetPhone, actito.EmptyCellsUndeclared, true},
		"null and undeclared":  {nullPhone, actito.EmptyCellsUndeclared, true},
		"unset and Keep":       {unsetPhone, actito.Keep, false},
		"null and Keep":        {nullPhone, actito.Keep, true},
		"unset and Clear":      {unsetPhone, actito.Clear, true},
		"null and Clear":       {nullPhone, actito.Clear, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				b := newBulk(t, inMemory(t))
				f := b.customers.InputFile("customers.csv", withPhone)
				f.Mode = mode
				rows := func(opts ...actito.RowsOption) actito.Data {
					return b.customers.Rows("customers.csv", all(setPhone, tt.row), append(opts, withPhone)...)
				}
				declared := f
				declared.EmptyCells = tt.empty
				refused := tt.refused && mode != actito.CreateOnly
				etl := b.stored(t, declared)
				for where, start := range map[string]func() (*actito.Execution, error){
					"in the definition": func() (*actito.Execution, error) {
						return b.client.ETLs.RunOnce(t.Context(), once(declared), rows())
					},
					"in the call": func() (*actito.Execution, error) {
						return b.client.ETLs.RunOnce(t.Context(), once(f), rows(), tt.empty)
					},
					"with the rows": func() (*actito.Execution, error) {
						return b.client.ETLs.RunOnce(t.Context(), once(f), rows(tt.empty))
					},
					"in the call that triggers": func() (*actito.Execution, error) {
						return b.client.ETLs.Trigger(t.Context(), etl, rows(), tt.empty)
					},
				} {
					_, err := start()
					if refused {
						requireRefused(t, refusal{"customers.csv", 2, "gsmNumber", "empty-cells"}, err)
					} else {
						require.NoError(t, err, "%s %s", mode, where)
					}
				}
				if refused {
					b.untouched(t)
				}
			}
		})
	}
}

func TestDeclarationsOfEmptyCellsAgree(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	keeps := b.customers.InputFile("customers.csv", withPhone, actito.Keep)
	staged, err := actito.Stage(t.Context(), b.customers.Rows("customers.csv", all(nullPhone), withPhone, actito.Clear))
	require.NoError(t, err)
	defer staged.Close()
	for name, opts := range map[string][]actito.ImportOption{
		"definition and call":        {b.customers.Rows("customers.csv", all(setPhone), withPhone), actito.Clear},
		"definition and rows":        {b.customers.Rows("customers.csv", all(setPhone), withPhone, actito.Clear)},
		"definition and staged rows": {staged},
	} {
		_, err := b.client.ETLs.RunOnce(t.Context(), once(keeps), opts...)
		require.Error(t, err, name)
		requireRefused(t, refusal{file: "customers.csv", rule: "empty-cells"}, err)
	}
	b.untouched(t)
}

func TestDeclaredEmptyCellsDoWhatTheyDeclare(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		world actitotest.Assumption
		empty actito.EmptyCells
		row   customer
		phone string
	}{
		"Keep where they keep":   {actitotest.EmptyCellsKeep, actito.Keep, unsetPhone, "+320"},
		"Clear where they clear": {actitotest.EmptyCellsClear, actito.Clear, nullPhone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBulk(t, inMemory(t))
			b.Assume(tt.world)
			_, err := b.customers.Upsert(t.Context(), customer{ID: "C1", Email: "ann@example.com", Phone: actito.Set("+320")})
			require.NoError(t, err)
			e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", withPhone, tt.empty)),
				b.customers.Rows("customers.csv", all(tt.row), withPhone))
			b.loads(t, e, err)
			ann, found := b.Profile("Customers", "customerID", "C1")
			require.True(t, found)
			require.Equal(t, tt.phone, ann.Attributes["gsmNumber"])
		})
	}
}

func TestANightlyImportLeavesConsentAlone(t *testing.T) {
	t.Parallel()
	inEveryWorld(t, func(t *testing.T, world ...actitotest.Assumption) {
		b := newBulk(t, inMemory(t))
		b.Assume(world...)
		yesterday := annRow
		yesterday.Newsletter = actito.Set(true)
		_, err := b.customers.Upsert(t.Context(), yesterday)
		require.NoError(t, err)
		require.NoError(t, b.customers.Unsubscribe(t.Context(), actito.By("customerID", "C1"), "Newsletter"))

		f := b.customers.InputFile("customers.csv")
		for _, m := range f.Mapping {
			require.NotContains(t, m.Column, "subscriptions#")
		}
		full := yesterday
		full.Birth, full.Phone = actito.Set(actito.NewDate(1990, 2, 3)), actito.Set("+320")
		e, err := b.client.ETLs.RunOnce(t.Context(), once(f), b.customers.Rows("customers.csv", all(full)))
		b.loads(t, e, err)
		etl := b.stored(t, f)
		e, err = b.client.ETLs.Trigger(t.Context(), etl, b.customers.Rows("customers.csv", all(full)))
		b.loads(t, e, err)
		ann, _ := b.Profile("Customers", "customerID", "C1")
		require.Equal(t, "+320", ann.Attributes["gsmNumber"])
		require.False(t, ann.Subscriptions["Newsletter"])
	}, actitotest.EmptyCellsClear)
}

func TestConsentIsImportedWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	columns := []actito.ColumnOption{actito.WithSubscriptions(), actito.Columns("customerID", "emailAddress", "subscriptions#Newsletter")}
	yes, no := annRow, bobRow
	yes.Newsletter, no.Newsletter = actito.Set(true), actito.Set(false)
	e, err := b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", columns...)), b.customers.Rows("customers.csv", all(yes, no), columns[0], columns[1]))
	b.loads(t, e, err)
	ann, _ := b.Profile("Customers", "customerID", "C1")
	bob, _ := b.Profile("Customers", "customerID", "C2")
	require.Equal(t, map[string]bool{"Newsletter": true}, ann.Subscriptions)
	require.Equal(t, map[string]bool{"Newsletter": false}, bob.Subscriptions)

	// Rows with consent and a definition without it disagree, and neither side gives in silently.
	_, err = b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", actito.Columns("customerID", "emailAddress"))),
		b.customers.Rows("customers.csv", all(yes), columns[0], columns[1]))
	requireRefused(t, refusal{"customers.csv", 1, "subscriptions#Newsletter", "unmapped-column"}, err)
	b.counted(t, "Customers", 1, 0)
}

func TestRowsAreReadExactlyOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		read := 0
		rows := b.customers.Rows("customers.csv", func(yield func(customer, error) bool) {
			read++
			yield(annRow, nil)
		}, named)
		b.Fail(actitotest.OpRunOnce, actitotest.Status(503).WithHeader("Retry-After", "0"), actitotest.Status(429))
		d := once(b.customers.InputFile("customers.csv", named))
		e, err := b.client.ETLs.RunOnce(t.Context(), d, rows)
		b.loads(t, e, err)
		require.Len(t, b.starts(), 3)
		require.Equal(t, 1, read)
		_, err = b.client.ETLs.RunOnce(t.Context(), d, rows)
		requireRefused(t, refusal{file: "customers.csv", rule: "read-once"}, err)
		b.counted(t, "Customers", 1, 0)
	})
}
