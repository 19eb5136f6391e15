package integration

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

// The functions below are the code of the README and of docs/real-time.md that needs a database. The root module's
// TestTheDocumentsCodeIsTested holds the two together; the tests here run it.

type Customer struct {
	ID         string           `actito:"customerID,key"`
	Email      string           `actito:"emailAddress"`
	FirstName  string           `actito:"firstName"`
	Newsletter actito.Opt[bool] `actito:"subscriptions#Newsletter"`
}

type Order struct {
	ID       string `actito:"orderID,key"`
	Customer string `actito:"customerID"`
}

type Line struct {
	ID    string `actito:"lineID,key"`
	Order string `actito:"orderID"`
}

func readmeFeed(ctx context.Context, db *sql.DB, client *actito.Client, customerTable *actito.ProfileTable[Customer],
	orderTable *actito.CustomTable[Order], use func(*feed.Feed, *feed.Lane[Customer], *feed.Lane[Order])) error {
	outbox := feed.SQL(db, feed.Postgres) // or feed.SQLite; db is your *sql.DB
	if err := outbox.Migrate(ctx); err != nil {
		return err
	}
	f, err := feed.Open(client, outbox)
	if err != nil {
		return err
	}
	customers := feed.Profiles(f, customerTable)
	orders := feed.Records(f, orderTable, feed.After(customers), feed.SpillToBulk(30*time.Minute))
	use(f, customers, orders)
	return f.Run(ctx)
}

func readmePush(ctx context.Context, db *sql.DB, customers *feed.Lane[Customer], orders *feed.Lane[Order], customer Customer, order Order) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// … your own INSERT or UPDATE, and then:
	if err := customers.Push(ctx, tx, customer, feed.MustTrigger()); err != nil { // one by one, ahead of the others
		return err
	}
	if err := orders.Push(ctx, tx, order); err != nil { // waits for its customer, not for all
		return err
	}
	return tx.Commit()
}

func realTimeLanes(f *feed.Feed, customerTable *actito.ProfileTable[Customer], orderTable *actito.CustomTable[Order],
	lineTable *actito.CustomTable[Line]) (*feed.Lane[Customer], *feed.Lane[Line]) {
	customers := feed.Profiles(f, customerTable, feed.SpillToBulk(30*time.Minute, actito.Keep))
	orders := feed.Records(f, orderTable, feed.After(customers), feed.SpillToBulk(30*time.Minute))
	lines := feed.Records(f, lineTable, feed.After(orders), feed.SpillToBulk(30*time.Minute))
	return customers, lines
}

func realTimeSignup(ctx context.Context, tx *sql.Tx, customers *feed.Lane[Customer], signup Customer) (err error) {
	err = customers.Push(ctx, tx, signup, feed.MustTrigger(), feed.DataCollection(actito.DataCollectionInfo{
		Date: actito.DateTimeOf(time.Now()), Source: "webshop", Way: "api_push",
	}))
	return err
}

func realTimeOptOut(ctx context.Context, tx *sql.Tx, customers *feed.Lane[Customer]) (err error) {
	err = customers.Push(ctx, tx, Customer{ID: "C1085", Newsletter: actito.Set(false)})
	return err
}

func realTimeErasure(ctx context.Context, tx *sql.Tx, customers *feed.Lane[Customer]) (err error) {
	err = customers.Delete(ctx, tx, "C1085")
	return err
}

func realTimePgx(ctx context.Context, pgxTx pgx.Tx, customers *feed.Lane[Customer], signup Customer) (err error) {
	err = customers.Push(ctx, feed.ExecFunc(func(ctx context.Context, query string, args ...any) error {
		_, err := pgxTx.Exec(ctx, query, args...)
		return err
	}), signup)
	return err
}

func realTimeStatement(ctx context.Context, pgxTx pgx.Tx, customers *feed.Lane[Customer], signup Customer) error {
	query, args, err := customers.Statement(signup)
	if err != nil {
		return err
	}
	_, err = pgxTx.Exec(ctx, query, args...)
	return err
}

func healthz(f *feed.Feed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stats, err := f.Stats(r.Context())
		if err != nil {
			http.Error(w, "the outbox cannot be read", http.StatusServiceUnavailable)
			return
		}
		if slices.ContainsFunc(stats.Lanes, func(l feed.LaneStats) bool { return l.Oldest > time.Hour || l.Dead > 0 }) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		for _, l := range stats.Lanes {
			fmt.Fprintln(w, l.Lane, l.Pending, l.Oldest.Round(time.Second), l.Dead)
		}
	}
}

// documented is a fake with the tables of the documents.
func documented(t *testing.T) (*actitotest.Server, *actito.Client) {
	t.Helper()
	server := actitotest.NewServer()
	t.Cleanup(server.Close)
	server.AddProfileTable("MyEntity", actitotest.Table{
		Name: "Customers",
		Attributes: []actitotest.Attribute{
			{Name: "customerID", Type: "STRING", Unique: true, Mandatory: true},
			{Name: "emailAddress", Type: "EMAIL_ADDRESS"},
			{Name: "firstName", Type: "FIRSTNAME"},
		},
		Subscriptions: []string{"Newsletter"},
	})
	for _, table := range []actitotest.Table{
		{Name: "Orders", PrimaryKey: "orderID", Attributes: []actitotest.Attribute{
			{Name: "orderID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "customerID", Type: "STRING"}}},
		{Name: "Lines", PrimaryKey: "lineID", Attributes: []actitotest.Attribute{
			{Name: "lineID", Type: "STRING", Unique: true, Mandatory: true}, {Name: "orderID", Type: "STRING"}}},
	} {
		server.AddCustomTable("MyEntity", table)
	}
	client, err := actito.New(server.APIKey, "MyEntity", actito.WithBaseURL(server.URL))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

func TestTheREADMEsFeedDelivers(t *testing.T) {
	t.Parallel()
	at := newPostgres(t)
	schema, _, _ := strings.Cut(at.prefix, ".")
	config, err := pgx.ParseConfig(at.dsn)
	require.NoError(t, err)
	config.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	fake, client := documented(t)
	customerTable, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	orderTable, err := actito.Records[Order](client, "Orders")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, readmeFeed(ctx, db, client, customerTable, orderTable, func(f *feed.Feed, customers *feed.Lane[Customer], orders *feed.Lane[Order]) {
		require.NoError(t, readmePush(ctx, db, customers, orders, Customer{ID: "C1085", Email: "ann@example.com"}, Order{ID: "A1", Customer: "C1085"}))
		conn, err := pgx.ConnectConfig(ctx, config)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		tx, err := conn.Begin(ctx)
		require.NoError(t, err)
		require.NoError(t, realTimePgx(ctx, tx, customers, Customer{ID: "C1086", Email: "bob@example.com"}))
		require.NoError(t, realTimeStatement(ctx, tx, customers, Customer{ID: "C1086", FirstName: "Bob"}))
		require.NoError(t, tx.Commit(ctx))
		require.NoError(t, f.Drain(ctx))
		cancel()
	}))
	_, found := fake.Record("Orders", "A1")
	require.True(t, found)
	bob, found := fake.Profile("Customers", "customerID", "C1086")
	require.True(t, found)
	require.Equal(t, "Bob", bob.Attributes["firstName"])
}

func TestThePageOnRealTimeRuns(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	fake, client := documented(t)
	customerTable, err := actito.Profiles[Customer](client, "Customers")
	require.NoError(t, err)
	orderTable, err := actito.Records[Order](client, "Orders")
	require.NoError(t, err)
	lineTable, err := actito.Records[Line](client, "Lines")
	require.NoError(t, err)
	outbox := feed.SQL(db, feed.SQLite)
	require.NoError(t, outbox.Migrate(t.Context()))
	f, err := feed.Open(client, outbox)
	require.NoError(t, err)
	customers, lines := realTimeLanes(f, customerTable, orderTable, lineTable)
	within := func(do func(*sql.Tx) error) {
		tx, err := db.Begin()
		require.NoError(t, err)
		require.NoError(t, do(tx))
		require.NoError(t, tx.Commit())
	}

	within(func(tx *sql.Tx) error {
		return realTimeSignup(t.Context(), tx, customers, Customer{ID: "C1085", Email: "ann@example.com", Newsletter: actito.Set(true)})
	})
	within(func(tx *sql.Tx) error { return realTimeOptOut(t.Context(), tx, customers) })
	require.NoError(t, lines.Push(t.Context(), db, Line{ID: "L1", Order: "A1"}))
	require.NoError(t, f.Drain(t.Context()))
	ann, found := fake.Profile("Customers", "customerID", "C1085")
	require.True(t, found)
	require.Equal(t, map[string]bool{"Newsletter": false}, ann.Subscriptions)
	_, found = fake.Record("Lines", "L1")
	require.True(t, found)

	within(func(tx *sql.Tx) error { return realTimeErasure(t.Context(), tx, customers) })
	require.NoError(t, f.Drain(t.Context()))
	_, found = fake.Profile("Customers", "customerID", "C1085")
	require.False(t, found)
	health := httptest.NewRecorder()
	healthz(f)(health, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	require.Equal(t, http.StatusOK, health.Code, health.Body)
}
