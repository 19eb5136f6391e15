package sqlquota_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/sqlquota"
)

// The ledger is in the database that the programs of the licence share anyway.
func ExampleNew() {
	connect := func(ctx context.Context, db *sql.DB) (*actito.Client, error) {
		ledger, err := sqlquota.New(db, sqlquota.Postgres) // with ChangeLimits once, after the licence was extended
		if err != nil {
			return nil, err
		}
		if err := ledger.Migrate(ctx); err != nil { // unless your own migrations make the tables
			return nil, err
		}
		return actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3),
			actito.WithQuota(actito.Quota{Store: ledger}))
	}
	inTests := func(db *sql.DB, now func() time.Time) (*sqlquota.Store, error) { // in which a day passes in no time
		return sqlquota.New(db, sqlquota.SQLite, sqlquota.WithClock(now))
	}
	_, _ = connect, inTests
}

// The statements for a tool that runs migrations.
func ExampleMigrations() {
	statements, err := sqlquota.Migrations(sqlquota.Postgres, sqlquota.WithPrefix("crm.actito_"))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range statements {
		fmt.Println(s + ";")
	}
	// Output:
	// CREATE TABLE IF NOT EXISTS crm.actito_ledgers (
	// 	licence text NOT NULL PRIMARY KEY,
	// 	format integer NOT NULL,
	// 	ledger text NOT NULL
	// );
	// CREATE TABLE IF NOT EXISTS crm.actito_imports (
	// 	id text NOT NULL PRIMARY KEY,
	// 	licence text NOT NULL,
	// 	tables text NOT NULL,
	// 	once_key text,
	// 	state text NOT NULL,
	// 	reserved_at timestamptz NOT NULL,
	// 	lease timestamptz,
	// 	begun_at timestamptz,
	// 	settled_at timestamptz,
	// 	execution_id text
	// );
	// CREATE INDEX IF NOT EXISTS actito_imports_execution ON crm.actito_imports (licence, execution_id);
}
