package integration

import (
	"context"
	"database/sql"
	"log"
	"os"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/quota/sqlquota"
)

// The ledger of sqlquota's documentation, in PostgreSQL.
func Example_postgres() {
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // import _ "github.com/jackc/pgx/v5/stdlib"
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	ledger, err := sqlquota.New(db, sqlquota.Postgres)
	if err != nil {
		log.Fatal(err)
	}
	if err := ledger.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
	client, err := actito.New(os.Getenv("ACTITO_API_KEY"), "MyEntity", actito.WithEnvironment(actito.Env3),
		actito.WithQuota(actito.Quota{Store: ledger}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

// The ledger of sqlquota's documentation, in SQLite.
func Example_sqlite() {
	db, err := sql.Open("sqlite", "file:/var/lib/yourapp/quota.db?_pragma=journal_mode(wal)") // import _ "modernc.org/sqlite"
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	ledger, err := sqlquota.New(db, sqlquota.SQLite)
	if err != nil {
		log.Fatal(err)
	}
	if err := ledger.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
}
