package soak

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

type customer struct {
	ID      string            `actito:"customerID,key"`
	Name    string            `actito:"firstName"`
	Version actito.Opt[int64] `actito:"points"`
	News    actito.Opt[bool]  `actito:"subscriptions#Newsletter"`
}

type order struct {
	ID       string             `actito:"orderId,key"`
	Name     string             `actito:"status"`
	Version  actito.Opt[int64]  `actito:"amount"`
	Customer actito.Opt[string] `actito:"customerID"`
}

// visit has a key that the service makes: who creates one twice has two.
type visit struct {
	ID   string `actito:"id,readonly"`
	Page string `actito:"page"`
}

// item is a row of a file.
type item struct {
	ID     string `actito:"itemId,key"`
	Amount int64  `actito:"amount"`
	Size   string `actito:"size"`
}

// itemTables are those that imports load: each batch goes into one of them, or into two.
const itemTables = 6

func itemTable(n int) string { return fmt.Sprint("Items", n) }

func (s *soak) addTables() {
	s.server.AddProfileTable("MyEntity", actitotest.Table{
		Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "firstName", Type: "FIRSTNAME"},
			{Name: "points", Type: "INTEGER"},
		},
		Subscriptions: []string{"Newsletter"},
	})
	s.server.AddCustomTable("MyEntity", actitotest.Table{
		Name: "Orders", PrimaryKey: "orderId",
		Attributes: []actitotest.Attribute{
			{Name: "orderId", Type: "STRING"}, {Name: "status", Type: "STRING"}, {Name: "amount", Type: "INTEGER"},
			{Name: "customerID", Type: "STRING"},
		},
	})
	s.server.AddCustomTable("MyEntity", actitotest.Table{
		Name: "Visits", PrimaryKey: "id", GeneratedKey: true,
		Attributes: []actitotest.Attribute{{Name: "page", Type: "STRING"}},
	})
	for n := range itemTables {
		s.server.AddCustomTable("MyEntity", actitotest.Table{
			Name: itemTable(n), PrimaryKey: "itemId",
			Attributes: []actitotest.Attribute{
				{Name: "itemId", Type: "STRING"}, {Name: "amount", Type: "INTEGER"},
				{Name: "size", Type: "STRING", AcceptedValues: []string{"S", "M", "L"}},
			},
		})
	}
}

// prepare makes what is there before the storm: tables, stored ETLs, webhooks, the feed.
func (s *soak) prepare() {
	var err error
	s.customers, err = actito.Profiles[customer](s.client, "Customers")
	require.NoError(s, err)
	s.orders, err = actito.Records[order](s.client, "Orders")
	require.NoError(s, err)
	s.visits, err = actito.Records[visit](s.client, "Visits")
	require.NoError(s, err)

	s.handler, err = s.client.Webhooks.Handler(actito.WebhookConfig{Secrets: []string{"long and random"}, OnETL: s.told})
	require.NoError(s, err)
	s.server.SendWebhooksTo(s.handler)
	s.batches.told = map[string]int{}
	s.pages = created{done: map[string]bool{}, not: map[string]bool{}}
	for n := range itemTables {
		table, err := actito.Records[item](s.client, itemTable(n))
		require.NoError(s, err)
		s.batches.tables = append(s.batches.tables, table)
		id, err := s.client.ETLs.Create(s.Context(), actito.Definition{
			Name: itemTable(n), Files: []actito.InputFile{table.InputFile(fileName(n))},
		})
		require.NoError(s, err)
		s.batches.etls = append(s.batches.etls, id)
		sub := s.handler.Subscription("https://hooks.example.test/")
		sub.On, sub.Of, sub.Event = actito.SourceETL, id, actito.EventFinished
		_, err = s.client.Webhooks.Subscribe(s.Context(), sub)
		require.NoError(s, err)
	}

	s.outbox.feed, err = feed.Open(s.client, s.outbox.store, feed.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(s, err)
	spill := feed.SpillToBulk(max(time.Minute, s.span/12))
	s.outbox.customers = feed.Profiles(s.outbox.feed, s.customers, spill)
	s.outbox.orders = feed.Records(s.outbox.feed, s.orders, spill, feed.After(s.outbox.customers))
}
