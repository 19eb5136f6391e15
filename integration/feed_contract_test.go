package integration

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/feed/feedtest"
)

// contract makes an outbox to be tested.
func contract(t testing.TB, a address) feedtest.Outbox {
	s, db := a.outbox(t)
	require.NoError(t, s.Migrate(t.Context()))
	return feedtest.Outbox{
		Store: s,
		Begin: func(ctx context.Context) (feedtest.Transaction, error) { return db.BeginTx(ctx, nil) },
	}
}

// In SQLite without WAL, a transaction that is open would keep others from reading.
func TestTheOutboxKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]feedtest.Option{"PostgreSQL": nil, "SQLite with WAL": {feedtest.OneWriter()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			feedtest.Run(t, func(t *testing.T) feedtest.Outbox { return contract(t, databases[name](t)) }, opts...)
		})
	}
}
