package actito_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// transformedCustomers are the shop's, whose names are shouted and whose keys are trimmed.
func transformedCustomers(t testing.TB, b *bulk, more ...transform.List) *actito.ProfileTable[customer] {
	t.Helper()
	table, err := b.customers.Transformed(specOf(t, append([]transform.List{transform.Trim().On("customerID"), transform.Uppercase().On("firstName")}, more...)...))
	require.NoError(t, err)
	return table
}

func transformedOrders(t testing.TB, b *bulk) *actito.CustomTable[order] {
	t.Helper()
	table, err := b.orders.Transformed(specOf(t, transform.Trim().On("orderId", "customerID")))
	require.NoError(t, err)
	return table
}

func TestProfilesOfATransformedTableAreTransformedWhenTheyAreSent(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	table := transformedCustomers(t, b)
	ann := func(id, name string) customer {
		return customer{ID: id, Email: strings.TrimSpace(id) + "@x.be", FirstName: name}
	}
	name := func(id string) string {
		p, found := b.Profile("Customers", "customerID", id)
		require.True(t, found)
		return p.Attributes["firstName"]
	}
	_, err := table.Upsert(t.Context(), ann(" C1 ", "Ann"))
	require.NoError(t, err)
	require.Equal(t, "ANN", name("C1"))
	_, err = table.Create(t.Context(), ann(" C2", "Bob"))
	require.NoError(t, err)
	require.Equal(t, "BOB", name("C2"))
	require.NoError(t, table.Update(t.Context(), actito.By("customerID", "C2"), customer{FirstName: "Zoë"}))
	require.Equal(t, "ZOË", name("C2"))
	for result := range table.UpsertEach(t.Context(), all(ann("C3 ", "Cé"), ann("C1", "An"))) {
		require.NoError(t, result.Err)
	}
	require.Equal(t, "CÉ", name("C3"))
	require.Equal(t, "AN", name("C1"))
	row, err := table.Map(ann(" C4", "Dan"))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"customerID": "C4", "emailAddress": "C4@x.be", "firstName": "DAN"}, row)

	// What Map made is sent as it is.
	row["firstName"] = "Dan"
	_, err = table.Untyped().Upsert(t.Context(), row)
	require.NoError(t, err)
	require.Equal(t, "Dan", name("C4"))
	// The table itself stays what it was.
	_, err = b.customers.Upsert(t.Context(), ann("C5", "Eve"))
	require.NoError(t, err)
	require.Equal(t, "Eve", name("C5"))
	// Another key changes nothing.
	maps, err := actito.Profiles[map[string]any](b.client, "Customers")
	require.NoError(t, err)
	maps, err = maps.Transformed(specOf(t, transform.Uppercase().On("firstName")))
	require.NoError(t, err)
	maps, err = maps.KeyedBy("customerID")
	require.NoError(t, err)
	_, err = maps.Upsert(t.Context(), map[string]any{"customerID": "C6", "firstName": "Flo"})
	require.NoError(t, err)
	require.Equal(t, "FLO", name("C6"))
}

func TestRecordsOfATransformedTableAreTransformedWhenTheyAreSent(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	_, err := b.customers.Upsert(t.Context(), annRow)
	require.NoError(t, err)
	_, err = b.customers.Upsert(t.Context(), bobRow)
	require.NoError(t, err)
	table := transformedOrders(t, b)
	key, err := table.Upsert(t.Context(), order{ID: " O1", Customer: " C1", Amount: 1})
	require.NoError(t, err)
	require.Equal(t, "O1", key)
	require.NoError(t, table.Update(t.Context(), "O1", order{Customer: "C2 ", Amount: 2}))
	record, found := b.Record("Orders", "O1")
	require.True(t, found)
	require.Equal(t, "C2", record["customerID"])
	for result := range table.UpsertEach(t.Context(), all(order{ID: "O2 ", Customer: "C1"})) {
		require.NoError(t, result.Err)
		require.Equal(t, "O2", result.ID)
	}
	row, err := table.Map(order{ID: "O3 ", Customer: "C1"})
	require.NoError(t, err)
	require.Equal(t, "O3", row["orderId"])
	// Keys given apart are taken as they are.
	_, err = table.Get(t.Context(), "O1 ")
	require.ErrorIs(t, err, actito.ErrNotFound)
}

func TestRowsThatCannotBeTransformedAreNotSent(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	table := transformedCustomers(t, b, on("DIGITS", "gsmNumber"))
	row := customer{ID: "C1", FirstName: "Ann", Phone: actito.Set("secret")}
	want := refusal{column: "gsmNumber", rule: "transform"}
	_, err := table.Upsert(t.Context(), row)
	requireRefused(t, want, err)
	_, err = table.Create(t.Context(), row)
	requireRefused(t, want, err)
	requireRefused(t, want, table.Update(t.Context(), actito.By("customerID", "C1"), row))
	_, err = table.Map(row)
	requireRefused(t, want, err)
	for result := range table.UpsertEach(t.Context(), all(row)) {
		requireRefused(t, want, result.Err)
	}
	require.False(t, actito.Retryable(err))
	require.Empty(t, b.Profiles("Customers"))
	// A key that a transformation empties is an empty key.
	empty, err := b.customers.Transformed(specOf(t, on("NONE", "customerID")))
	require.NoError(t, err)
	_, err = empty.Upsert(t.Context(), customer{ID: "NULL"})
	requireRefused(t, refusal{column: "customerID", rule: "empty-key"}, err)
}

func TestTheKeyThatOrdersAndRepeatsIsTheTransformedOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newBulk(t, inMemory(t))
		maps, err := actito.Profiles[map[string]any](b.client, "Customers")
		require.NoError(t, err)
		maps, err = maps.KeyedBy("customerID")
		require.NoError(t, err)
		table, err := maps.Transformed(specOf(t, transform.Concatenate("", "shop", "number").On("customerID"), transform.Drop().On("shop", "number")))
		require.NoError(t, err)
		// A row with a key is repeated after a failure that leaves its outcome open.
		b.Fail(actitotest.OpProfileUpsert, actitotest.Status(http.StatusBadGateway))
		_, err = table.Upsert(t.Context(), map[string]any{"shop": "B", "number": "1"})
		require.NoError(t, err)
		require.Len(t, b.Requests(actitotest.OpProfileUpsert), 2)
		_, found := b.Profile("Customers", "customerID", "B1")
		require.True(t, found)
	})
}

func TestATableThatCannotBeTransformedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	spec := specOf(t, transform.Trim().On("customerID"))
	for name, tt := range map[string]struct {
		list transform.List
		want refusal
		says string
	}{
		"a date":                {transform.Trim().On("birthDate"), refusal{column: "birthDate", rule: "transform"}, "customer.Birth holds no text"},
		"a column without":      {transform.Trim().On("lastName"), refusal{column: "lastName", rule: "transform"}, "no field of actito_test.customer"},
		"a field of the server": {transform.Trim().On("creationMoment"), refusal{column: "creationMoment", rule: "transform"}, "customer.Created holds no text"},
	} {
		_, err := b.customers.Transformed(specOf(t, tt.list))
		requireRefused(t, tt.want, err)
		require.ErrorContains(t, err, tt.says, name)
	}
	_, err := b.customers.Transformed(nil)
	requireRefused(t, refusal{rule: "transform"}, err)
	once, err := b.customers.Transformed(spec)
	require.NoError(t, err)
	_, err = once.Transformed(spec)
	requireRefused(t, refusal{rule: "transform"}, err)
	require.ErrorContains(t, err, "one specification of both")
	_, err = transformedOrders(t, b).Transformed(spec)
	requireRefused(t, refusal{rule: "transform"}, err)
	_, err = b.orders.Transformed(specOf(t, transform.Trim().On("amount")))
	requireRefused(t, refusal{column: "amount", rule: "transform"}, err)
	maps, err := actito.Profiles[map[string]any](b.client, "Customers")
	require.NoError(t, err)
	_, err = maps.Transformed(specOf(t, transform.Constant("x").On("creationMoment")))
	requireRefused(t, refusal{column: "creationMoment", rule: "transform"}, err)
}

func TestRepairedRowsAreNotTransformedAgain(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesExist)
	// Each run would add a prefix.
	spec := specOf(t, transform.ReplaceRegex("^", "B-").On("customerID"))
	table, err := b.customers.Transformed(spec)
	require.NoError(t, err)
	exec, err := b.client.ETLs.RunOnce(t.Context(), once(table.InputFile("customers.csv", named, actito.Keep)), table.Rows("customers.csv", all(
		customer{ID: "1", Email: "no address", FirstName: "Ann"}), named))
	exec, err = b.ends(t, exec, err)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	for reject, result := range table.Repair(t.Context(), exec, func(r actito.Reject[customer]) (customer, bool) {
		r.Row.Email = "ann@x.be"
		return r.Row, true
	}) {
		require.NoError(t, result.Err)
		require.Equal(t, "B-1", reject.Row.ID)
	}
	_, found := b.Profile("Customers", "customerID", "B-1")
	require.True(t, found)
}

func TestBooleansOfRepairedRowsAreThoseOfACall(t *testing.T) {
	t.Parallel()
	spec := specOf(t, transform.Boolean().On("vip"))
	r := newFormRoads(t, true, actitotest.EmptyCellsKeep, spec)
	r.Assume(actitotest.ResultFilesExist)
	table := r.typed.(*actito.CustomTable[formRow])
	row := formRow{ID: "C1"}
	row.VIP, row.Amount = actito.Set("oui"), actito.Set("many")
	exec, err := r.client.ETLs.RunOnce(t.Context(), once(table.InputFile("forms.csv", actito.Keep)), table.Rows("forms.csv", all(row)))
	exec, err = r.ends(t, exec, err)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	for reject, result := range table.Repair(t.Context(), exec, func(r actito.Reject[formRow]) (formRow, bool) {
		r.Row.Amount = actito.Set("1")
		return r.Row, true
	}) {
		require.NoError(t, result.Err)
		require.Equal(t, actito.Set("TRUE"), reject.Row.VIP)
	}
	record, found := r.Record("Forms", "C1")
	require.True(t, found)
	require.Equal(t, "true", record["vip"])
}
