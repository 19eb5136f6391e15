package actito_test

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

type customer struct {
	ID         string                  `actito:"customerID,key"`
	Email      string                  `actito:"emailAddress"`
	FirstName  string                  `actito:"firstName"`
	Birth      actito.Opt[actito.Date] `actito:"birthDate"`
	Phone      actito.Opt[string]      `actito:"gsmNumber"`
	Newsletter actito.Opt[bool]        `actito:"subscriptions#Newsletter"`
	Created    actito.DateTime         `actito:"creationMoment,readonly"`
}

type order struct {
	ID       string  `actito:"orderId,key"`
	Customer string  `actito:"customerID"`
	Amount   float64 `actito:"amount"`
}

const ordersID = "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8"

// newShop is a fake with a profile table and a custom table that refers to it.
func newShop(t testing.TB, opts ...actitotest.Option) *actitotest.Server {
	t.Helper()
	server := actitotest.NewServer(opts...)
	t.Cleanup(server.Close)
	server.AddProfileTable("MyEntity", actitotest.Table{
		ID: "16", Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "gsmNumber", Type: "STRING"},
		},
		Subscriptions: []string{"Newsletter"},
		Segmentations: []actitotest.Segmentation{{Name: "Activity", Categories: []string{"Active", "Passive"}}},
	})
	server.AddCustomTable("MyEntity", actitotest.Table{
		ID: ordersID, Name: "Orders", PrimaryKey: "orderId",
		Attributes: []actitotest.Attribute{
			{Name: "orderId", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "customerID", Type: "STRING", Mandatory: true},
			{Name: "amount", Type: "NUMBER"},
		},
		ForeignKeys: []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}},
	})
	return server
}

func newClient(t testing.TB, server *actitotest.Server, opts ...actito.Option) *actito.Client {
	t.Helper()
	client, err := actito.New(server.APIKey, "MyEntity", append([]actito.Option{actito.WithBaseURL(server.URL)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func all[T any](rows ...T) iter.Seq2[T, error] { return actito.FromSlice(rows) }

func TestOneStructTravelsAllRoads(t *testing.T) {
	t.Parallel()
	server := newShop(t)
	server.Assume(actitotest.ResultFilesExist)
	client := newClient(t, server)
	customers, err := actito.Profiles[customer](client, "Customers")
	require.NoError(t, err)
	orders, err := actito.Records[order](client, "Orders")
	require.NoError(t, err)

	// One by one.
	ann := customer{ID: "C1", Email: "ann@example.com", FirstName: "Ann", Newsletter: actito.Set(true)}
	id, err := customers.Upsert(t.Context(), ann)
	require.NoError(t, err)
	require.NotEmpty(t, id)
	read, err := customers.Get(t.Context(), actito.By("emailAddress", "ann@example.com"))
	require.NoError(t, err)
	require.Equal(t, "Ann", read.FirstName)
	require.Equal(t, actito.Set(true), read.Newsletter)
	require.False(t, read.Created.IsZero())

	// A stored ETL, triggered with rows.
	etl, err := client.ETLs.Create(t.Context(), actito.Definition{Name: "daily", Files: []actito.InputFile{customers.InputFile("customers.csv", actito.Keep)}})
	require.NoError(t, err)
	exec, err := client.ETLs.Trigger(t.Context(), etl, actito.Keep, customers.Rows("customers.csv", all(
		customer{ID: "C1", Email: "ann@example.com", FirstName: "Anna"},
		customer{ID: "C2", Email: "bob@example.com", FirstName: "Bob"},
	)))
	require.NoError(t, err)
	exec, err = client.Executions.Wait(t.Context(), exec)
	require.NoError(t, err)
	require.Equal(t, 2, exec.Totals().Read)

	// One shot, two files in order.
	exec, err = client.ETLs.RunOnce(t.Context(), actito.Definition{
		Name:  "spring",
		Files: []actito.InputFile{customers.InputFile("c.csv", actito.Keep), orders.InputFile("o.csv")},
	}, orders.Rows("o.csv", all(order{"O1", "C3", 5}, order{"O2", "nobody", 6})),
		customers.Rows("c.csv", all(customer{ID: "C3", Email: "cid@example.com"})), actito.LookUpParents(-1))
	require.NoError(t, err)
	exec, err = client.Executions.Wait(t.Context(), exec)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	var rejected []actito.Reject[order]
	for r, err := range orders.Rejects(t.Context(), exec) {
		require.NoError(t, err)
		rejected = append(rejected, r)
	}
	require.Len(t, rejected, 1)
	require.Equal(t, "O2", rejected[0].Row.ID)
	require.Equal(t, "customerID", rejected[0].Column)

	usage, err := client.Quota.Usage(t.Context(), "Customers")
	require.NoError(t, err)
	require.Equal(t, 2, usage.Used)
	require.Equal(t, 10, usage.Left)
}
