package actito_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// newStore is a fake with a table of each type whose attributes have all value types.
func newStore(t testing.TB, opts ...actitotest.Option) *actitotest.Server {
	t.Helper()
	server := actitotest.NewServer(opts...)
	t.Cleanup(server.Close)
	addStore(server)
	return server
}

func addStore(server *actitotest.Server) {
	kinds := []actitotest.Attribute{
		{Name: "points", Type: "INTEGER"},
		{Name: "visits", Type: "LONG"},
		{Name: "spent", Type: "NUMBER"},
		{Name: "optedIn", Type: "BOOLEAN"},
		{Name: "firstOrder", Type: "DATE"},
		{Name: "lastSeen", Type: "TIMESTAMP"},
		{Name: "interests", Type: "STRING", MultiValued: true},
	}
	server.AddProfileTable("MyEntity", actitotest.Table{
		ID: "16", Name: "Customers",
		Attributes: append([]actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "birthDate", Type: "BIRTHDATE"},
			{Name: "gsmNumber", Type: "STRING"},
		}, kinds...),
		Subscriptions: []string{"Newsletter", "Retargeting"},
		Segmentations: []actitotest.Segmentation{
			{Name: "Activity", Categories: []string{"Active", "Passive"}}, {Name: "VIP"}, {Name: "Lapsed"},
		},
	})
	server.AddCustomTable("MyEntity", actitotest.Table{
		ID: "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", Name: "Orders", PrimaryKey: "orderId",
		Attributes: append([]actitotest.Attribute{
			{Name: "orderId", Type: "STRING", MaxLength: 20},
			{Name: "customerID", Type: "STRING"},
			{Name: "status", Type: "STRING", AcceptedValues: []string{"NEW", "SHIPPED", "CANCELED"}},
		}, kinds...),
	})
}

type shopper struct {
	ID         string                      `actito:"customerID,key"`
	Email      string                      `actito:"emailAddress"`
	FirstName  string                      `actito:"firstName"`
	Birth      actito.Opt[actito.Date]     `actito:"birthDate"`
	Phone      actito.Opt[string]          `actito:"gsmNumber"`
	Points     int                         `actito:"points"`
	OptedIn    bool                        `actito:"optedIn"`
	LastSeen   actito.Opt[actito.DateTime] `actito:"lastSeen"`
	Interests  []string                    `actito:"interests"`
	Newsletter actito.Opt[bool]            `actito:"subscriptions#Newsletter"`
	Retarget   actito.Opt[bool]            `actito:"subscriptions#Retargeting"`
	VIP        actito.Opt[bool]            `actito:"segmentations#VIP"`
	Lapsed     actito.Opt[bool]            `actito:"segmentations#Lapsed"`
	Created    actito.DateTime             `actito:"creationMoment,readonly"`
}

type purchase struct {
	ID       string               `actito:"orderId,key"`
	Customer string               `actito:"customerID"`
	Status   actito.Opt[string]   `actito:"status"`
	Spent    actito.Opt[float64]  `actito:"spent"`
	Visits   int64                `actito:"visits"`
	Gift     *bool                `actito:"optedIn"`
	Tags     actito.Opt[[]string] `actito:"interests"`
}

func profiles[T any](t testing.TB, c *actito.Client) *actito.ProfileTable[T] {
	t.Helper()
	table, err := actito.Profiles[T](c, "Customers")
	require.NoError(t, err)
	return table
}

func records[T any](t testing.TB, c *actito.Client) *actito.CustomTable[T] {
	t.Helper()
	table, err := actito.Records[T](c, "Orders")
	require.NoError(t, err)
	return table
}
