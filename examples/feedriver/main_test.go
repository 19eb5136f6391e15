package main

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/internal/postgrestest"
)

var server postgrestest.Server

func TestMain(m *testing.M) {
	defer server.Stop()
	m.Run()
}

var databases atomic.Int32

// newDatabase returns how to connect to a database of its own.
func newDatabase(t *testing.T) string {
	t.Helper()
	at, err := url.Parse(server.URL(t))
	require.NoError(t, err)
	connection, err := pgx.Connect(t.Context(), at.String())
	require.NoError(t, err)
	defer func() { _ = connection.Close(t.Context()) }()
	name := fmt.Sprintf("test%d", databases.Add(1))
	_, err = connection.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	return at.JoinPath("..", name).String()
}

func TestWhatJobsHandOverArrivesWithThem(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-db", newDatabase(t)}, &out))
	assert.Equal(t, `10 customers have signed up and ordered, with a job for each sign-up and each order.
   sign-up, try 1: it died after its hand-over, before its commit
   jobs completed: 10 sign-ups, 10 orders
               in the shop  in Actito
   Customers            10         10
   Orders               10         10
Rows left in the outbox: 0
`, out.String())
}

func TestWhatIsRolledBackIsNotHandedOver(t *testing.T) {
	t.Parallel()
	pool, err := open(t.Context(), newDatabase(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = db.Close() })
	fake := shop.NewServer()
	t.Cleanup(fake.Close)
	client, err := actito.New(fake.APIKey, shop.Entity, actito.WithBaseURL(fake.URL))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	outbox := feed.SQL(db, feed.Postgres)
	require.NoError(t, migrate(t.Context(), pool, outbox))
	f, err := feed.Open(client, outbox)
	require.NoError(t, err)
	l, err := newLanes(client, f)
	require.NoError(t, err)

	never := func(*river.Job[SignUp]) error { return river.JobCancel(errDied) }
	jobs, err := newRiver(pool, &signUpWorker{lanes: l, pool: pool, last: never}, time.Hour)
	require.NoError(t, err)
	ended, cancel := jobs.Subscribe(river.EventKindJobCancelled)
	defer cancel()
	_, err = pool.Exec(t.Context(), `INSERT INTO users (id, email, first_name) VALUES ('C1', 'ann@example.com', 'Ann')`)
	require.NoError(t, err)
	_, err = jobs.Insert(t.Context(), SignUp{"C1"}, nil)
	require.NoError(t, err)
	require.NoError(t, jobs.Start(t.Context()))
	assert.Equal(t, SignUp{}.Kind(), (<-ended).Job.Kind)
	require.NoError(t, jobs.Stop(t.Context()))

	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM actito_feed_events`).Scan(&left))
	assert.Zero(t, left)
	assert.Empty(t, fake.Profiles(shop.Customers))
}

func TestItSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), nil, io.Discard), "-db is needed")
	require.ErrorContains(t, run(t.Context(), []string{"now"}, io.Discard), `unexpected argument "now"`)
}
