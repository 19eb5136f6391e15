package sqlquota_test

import (
	"fmt"
	"log"

	"github.com/actito-go/actito/quota/sqlquota"
)

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
