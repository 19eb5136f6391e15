//go:build unix

package integration

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/feed"
	"github.com/actito-go/actito/quota/sqlquota"
)

// What is handed over. Token is another one for each hand-over; an order has that of its customer.
type (
	shopCustomer struct {
		ID      string            `actito:"customerID,key"`
		Email   string            `actito:"emailAddress"`
		Version int64             `actito:"version"`
		Token   string            `actito:"token"`
		A       actito.Opt[int64] `actito:"a"`
		B       actito.Opt[int64] `actito:"b"`
		News    actito.Opt[bool]  `actito:"subscriptions#News"`
	}
	shopOrder struct {
		ID       string `actito:"orderID,key"`
		Customer string `actito:"customerID"`
		Version  int64  `actito:"version"`
		Token    string `actito:"token"`
	}
)

// Customers c… come and go. Customers p… have orders o… of the same number, and are handed over with each.
const customersOfShop, ordersOfShop = 12, 8

func keysOfShop() (keys []string) {
	for i := range customersOfShop {
		keys = append(keys, fmt.Sprintf("c%02d", i))
	}
	for i := range ordersOfShop {
		keys = append(keys, fmt.Sprintf("p%02d", i), fmt.Sprintf("o%02d", i))
	}
	return keys
}

// tablesOfShop are the user's tables. shop_rows is how the rows are, shop_history how they became so.
var tablesOfShop = []string{
	`CREATE TABLE %sshop_rows (row_key text PRIMARY KEY, version bigint NOT NULL DEFAULT 0, token text NOT NULL DEFAULT '',
		a bigint, b bigint, news boolean NOT NULL DEFAULT false, gone boolean NOT NULL DEFAULT true)`,
	`CREATE TABLE %sshop_history (row_key text, version bigint, token text NOT NULL, kind text NOT NULL, PRIMARY KEY (row_key, version))`,
}

// shopRow is a row of the user's.
type shopRow struct {
	key     string
	version int64
	token   string
	a, b    sql.NullInt64
	news    bool
	gone    bool
}

// work is what hands over and drains.
type work struct {
	address
	db        *sql.DB
	client    *actito.Client
	feed      *feed.Feed
	customers *feed.Lane[shopCustomer]
	orders    *feed.Lane[shopOrder]
	name      string
	tokens    atomic.Int64
}

func newWork(d *duty, db *sql.DB, through *http.Client) (*work, error) {
	w := &work{address: parseAddress(d.Where), db: db, name: d.Name}
	quota, err := sqlquota.New(db, w.dialect, sqlquota.WithPrefix(w.prefix))
	if err != nil {
		return nil, err
	}
	w.client, err = actito.New(d.APIKey, "Shop", actito.WithBaseURL(d.URL), actito.WithHTTPClient(through),
		actito.WithLimiter(actito.NoRateLimit{}), actito.WithQuota(actito.Quota{Store: quota, Licence: "4711", Limit: 1000}))
	if err != nil {
		return nil, err
	}
	var store feed.Store = w.store()
	if d.Import {
		store = &oldLooking{w.store()}
	}
	if w.feed, err = feed.Open(w.client, store, feed.LeaseTime(2*time.Second)); err != nil {
		return nil, err
	}
	customers, err := actito.Profiles[shopCustomer](w.client, "Customers")
	if err != nil {
		return nil, err
	}
	orders, err := actito.Records[shopOrder](w.client, "Orders")
	if err != nil {
		return nil, err
	}
	w.customers = feed.Profiles(w.feed, customers, feed.SpillToBulk(time.Minute))
	w.orders = feed.Records(w.feed, orders, feed.After(w.customers), feed.SpillToBulk(time.Minute))
	return w, nil
}

// store is the outbox.
func (w *work) store() *feed.SQLStore {
	return feed.SQL(w.db, feed.Dialect(w.dialect), feed.WithPrefix(w.prefix+"feed_"))
}

// handOver is one transaction at random.
func (w *work) handOver(ctx context.Context, random *rand.Rand) error {
	n := random.IntN(100)
	customer := fmt.Sprintf("c%02d", random.IntN(customersOfShop))
	switch {
	case n < 20:
		return w.order(ctx, random.IntN(ordersOfShop), random)
	case n < 30:
		return w.remove(ctx, customer)
	case n < 33:
		return w.change(ctx, customer, random, "bad")
	case n < 40:
		return w.change(ctx, customer, random, "opt-out")
	case n < 45:
		return w.change(ctx, customer, random, "opt-in")
	case n < 52:
		return w.change(ctx, customer, random, "roll back")
	case n < 60:
		return w.change(ctx, customer, random, "trigger")
	}
	return w.change(ctx, customer, random, "patch")
}

// change hands a customer over.
func (w *work) change(ctx context.Context, key string, random *rand.Rand, kind string) error {
	return w.transaction(ctx, func(tx *sql.Tx) error {
		if _, err := w.changeIn(ctx, tx, key, random, kind); err != nil {
			return err
		}
		if kind == "roll back" {
			return tx.Rollback()
		}
		return tx.Commit()
	})
}

func (w *work) changeIn(ctx context.Context, tx *sql.Tx, key string, random *rand.Rand, kind string) (*shopRow, error) {
	r, err := w.lock(ctx, tx, key)
	if err != nil {
		return nil, err
	}
	c := shopCustomer{ID: key, Email: r.token + "@example.com", Version: r.version, Token: r.token}
	var opts []feed.PushOption
	switch kind {
	case "bad":
		c.Email = "nonsense"
	case "opt-out", "opt-in":
		r.news = kind == "opt-in"
		c.News = actito.Set(r.news)
	case "trigger":
		opts = append(opts, feed.MustTrigger())
	}
	if kind == "file" { // all rows of a file have the same columns
		r.a = sql.NullInt64{Int64: r.version, Valid: true}
		c.A = actito.Set(r.version)
	} else {
		anyOf(random, &c.A, &r.a, r.version)
		anyOf(random, &c.B, &r.b, r.version)
	}
	if err := w.write(ctx, tx, r, kind); err != nil {
		return nil, err
	}
	return r, w.customers.Push(ctx, tx, c, opts...)
}

// anyOf leaves an attribute unset, clears it or sets it.
func anyOf(random *rand.Rand, o *actito.Opt[int64], column *sql.NullInt64, value int64) {
	switch random.IntN(3) {
	case 0:
		*o, *column = actito.Null[int64](), sql.NullInt64{}
	case 1:
		*o, *column = actito.Set(value), sql.NullInt64{Int64: value, Valid: true}
	}
}

// remove deletes a customer.
func (w *work) remove(ctx context.Context, key string) error {
	return w.transaction(ctx, func(tx *sql.Tx) error {
		r, err := w.lock(ctx, tx, key)
		if err != nil {
			return err
		}
		if err := w.write(ctx, tx, &shopRow{key: key, version: r.version, token: r.token, gone: true}, "delete"); err != nil {
			return err
		}
		if err := w.customers.Delete(ctx, tx, key); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// order hands an order over with its customer.
func (w *work) order(ctx context.Context, n int, random *rand.Rand) error {
	return w.transaction(ctx, func(tx *sql.Tx) error {
		customer := fmt.Sprintf("p%02d", n)
		c, err := w.changeIn(ctx, tx, customer, random, "patch")
		if err != nil {
			return err
		}
		r, err := w.lock(ctx, tx, fmt.Sprintf("o%02d", n))
		if err != nil {
			return err
		}
		r.token = c.token
		if err := w.write(ctx, tx, r, "patch"); err != nil {
			return err
		}
		if err := w.orders.Push(ctx, tx, shopOrder{r.key, customer, r.version, r.token}); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// transaction does something whose last step commits or rolls back.
func (w *work) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return do(tx)
}

// lock locks a row and gives its next version.
func (w *work) lock(ctx context.Context, tx *sql.Tx, key string) (*shopRow, error) {
	query := "SELECT version, a, b, news, gone FROM %sshop_rows WHERE row_key = $1"
	if w.dialect == sqlquota.Postgres {
		query += " FOR UPDATE"
	}
	r := &shopRow{key: key}
	if err := tx.QueryRowContext(ctx, w.named(query), key).Scan(&r.version, &r.a, &r.b, &r.news, &r.gone); err != nil {
		return nil, err
	}
	r.version++
	r.token = fmt.Sprintf("%s-%d", w.name, w.tokens.Add(1))
	r.gone = false
	return r, nil
}

// write writes a row, and that it did.
func (w *work) write(ctx context.Context, tx *sql.Tx, r *shopRow, kind string) error {
	if _, err := tx.ExecContext(ctx, w.named("UPDATE %sshop_rows SET version = $1, token = $2, a = $3, b = $4, news = $5, gone = $6 "+
		"WHERE row_key = $7"), r.version, r.token, r.a, r.b, r.news, r.gone, r.key); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, w.named("INSERT INTO %sshop_history (row_key, version, token, kind) VALUES ($1, $2, $3, $4)"),
		r.key, r.version, r.token, kind)
	return err
}

// named is a statement with the names of the tables.
func (w *work) named(statement string) string { return strings.ReplaceAll(statement, "%s", w.prefix) }
