package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

// compare shows what the fake has against what the database has: each row as a line of text, by its key.
func compare(ctx context.Context, out io.Writer, db *sql.DB, fake *actitotest.Server) error {
	fmt.Fprintf(out, "   %-12s %12s %10s %10s %10s %10s\n", "", "in the shop", "in Actito", "missing", "differing", "too many")
	for _, t := range []struct {
		name, query string
		there       map[string]string
	}{
		{shop.Customers, `SELECT id, email || ' ' || first_name || ' ' || iif(newsletter, 'true', 'false') FROM users`, customersOf(fake)},
		{shop.Orders, `SELECT id, user_id || ' ' || ordered_on || ' ' || printf('%g', freight) FROM orders`,
			recordsOf(fake, shop.Orders, "orderID", "customerID", "orderDate", "freight")},
		{shop.Lines, `SELECT id, order_id || ' ' || product || ' ' || quantity || ' ' || printf('%g', unit_price) FROM lines`,
			recordsOf(fake, shop.Lines, "lineID", "orderID", "product", "quantity", "unitPrice")},
	} {
		here, err := rowsOf(ctx, db, t.query)
		if err != nil {
			return err
		}
		var missing, differing, tooMany int
		for key, row := range here {
			switch there, ok := t.there[key]; {
			case !ok:
				missing++
			case there != row:
				differing++
			}
		}
		for key := range t.there {
			if _, ok := here[key]; !ok {
				tooMany++
			}
		}
		fmt.Fprintf(out, "   %-12s %12d %10d %10d %10d %10d\n", t.name, len(here), len(t.there), missing, differing, tooMany)
	}
	return nil
}

func rowsOf(ctx context.Context, db *sql.DB, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var key, row string
		if err := rows.Scan(&key, &row); err != nil {
			return nil, err
		}
		all[key] = row
	}
	return all, rows.Err()
}

func customersOf(fake *actitotest.Server) map[string]string {
	all := map[string]string{}
	for _, p := range fake.Profiles(shop.Customers) {
		all[p.Attributes["customerID"]] = fmt.Sprint(p.Attributes["emailAddress"], " ", p.Attributes["firstName"], " ", p.Subscriptions["Newsletter"])
	}
	return all
}

func recordsOf(fake *actitotest.Server, table, key string, columns ...string) map[string]string {
	all := map[string]string{}
	for _, record := range fake.Records(table) {
		row := ""
		for _, column := range columns {
			row += " " + record[column]
		}
		all[record[key]] = row[1:]
	}
	return all
}
