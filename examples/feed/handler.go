package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/feed"
)

// deadline is how long a visitor waits for the database. Nobody waits for Actito.
const deadline = 2 * time.Second

type handler struct {
	db        *sql.DB
	feed      *feed.Feed
	customers *feed.Lane[Customer]
	orders    *feed.Lane[Order]
	lines     *feed.Lane[Line]
	log       *slog.Logger
}

// newHandler fails if the tags of the rows cannot work, before the first visitor comes.
func newHandler(client *actito.Client, f *feed.Feed, db *sql.DB, log *slog.Logger) (http.Handler, error) {
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	orders, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return nil, err
	}
	lines, err := actito.Records[Line](client, shop.Lines)
	if err != nil {
		return nil, err
	}
	h := &handler{db: db, feed: f, log: log}
	h.customers = feed.Profiles(f, customers)
	h.orders = feed.Records(f, orders, feed.After(h.customers), feed.SpillToBulk(30*time.Minute))
	h.lines = feed.Records(f, lines, feed.After(h.orders), feed.SpillToBulk(30*time.Minute))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /customers", h.signUp)
	mux.HandleFunc("DELETE /customers/{id}/newsletter", h.unsubscribe)
	mux.HandleFunc("DELETE /customers/{id}", h.erase)
	mux.HandleFunc("POST /orders", h.placeOrder)
	mux.HandleFunc("GET /healthz", h.health)
	return mux, nil
}

// signUp must reach Actito soon, since a welcome is sent from there: MustTrigger lets it go ahead of orders, and never in
// a file, which would start no scenario.
func (h *handler) signUp(w http.ResponseWriter, r *http.Request) {
	var c Customer
	if !decode(w, r, &c) {
		return
	}
	h.transaction(w, r, func(ctx context.Context, tx *sql.Tx) error {
		var consent *bool // unset: as it was
		if yes, ok := c.Newsletter.Get(); ok {
			consent = &yes
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, first_name, newsletter) VALUES (?1, ?2, ?3, coalesce(?4, false))
			ON CONFLICT (id) DO UPDATE SET email = ?2, first_name = ?3, newsletter = coalesce(?4, newsletter)`,
			c.ID, c.Email, c.FirstName, consent); err != nil {
			return err
		}
		return h.customers.Push(ctx, tx, c, feed.MustTrigger(), feed.DataCollection(actito.DataCollectionInfo{
			Date: actito.DateTimeOf(time.Now()), Source: "webshop", Way: "api_push",
		}))
	})
}

// placeOrder hands an order over with its lines. In Actito, the order waits for its customer, and the lines for it.
func (h *handler) placeOrder(w http.ResponseWriter, r *http.Request) {
	var o Order
	if !decode(w, r, &o) {
		return
	}
	h.transaction(w, r, func(ctx context.Context, tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `INSERT INTO orders (id, user_id, ordered_on, freight)
			SELECT ?, id, ?, ? FROM users WHERE id = ?`, o.ID, o.Date.String(), o.Freight, o.CustomerID)); err != nil {
			return err
		}
		if err := h.orders.Push(ctx, tx, o); err != nil {
			return err
		}
		for i, l := range o.Lines {
			l.ID, l.OrderID = fmt.Sprintf("%s-%d", o.ID, i+1), o.ID
			if _, err := tx.ExecContext(ctx, `INSERT INTO lines (id, order_id, product, quantity, unit_price) VALUES (?, ?, ?, ?, ?)`,
				l.ID, l.OrderID, l.Product, l.Quantity, l.UnitPrice); err != nil {
				return err
			}
			if err := h.lines.Push(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// unsubscribe pushes the key and what changes. An opt-out goes ahead of others by itself.
func (h *handler) unsubscribe(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	h.transaction(w, r, func(ctx context.Context, tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `UPDATE users SET newsletter = false WHERE id = ?`, id)); err != nil {
			return err
		}
		return h.customers.Push(ctx, tx, Customer{ID: id, Newsletter: actito.Set(false)})
	})
}

// erase deletes a customer and all that names them, here and in Actito. What the outbox still has of them goes with the
// same transaction.
func (h *handler) erase(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	h.transaction(w, r, func(ctx context.Context, tx *sql.Tx) error {
		if err := h.deleteAll(ctx, tx, h.lines.Delete,
			`DELETE FROM lines WHERE order_id IN (SELECT id FROM orders WHERE user_id = ?) RETURNING id`, id); err != nil {
			return err
		}
		if err := h.deleteAll(ctx, tx, h.orders.Delete, `DELETE FROM orders WHERE user_id = ? RETURNING id`, id); err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, `DELETE FROM users WHERE id = ?`, id)); err != nil {
			return err
		}
		return h.customers.Delete(ctx, tx, id)
	})
}

// deleteAll runs a statement that deletes rows and returns their keys, and hands each delete over.
func (h *handler) deleteAll(ctx context.Context, tx *sql.Tx, handOver func(context.Context, feed.Execer, string) error, query, customer string) error {
	rows, err := tx.QueryContext(ctx, query, customer)
	if err != nil {
		return err
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return err
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, key := range keys {
		if err := handOver(ctx, tx, key); err != nil {
			return err
		}
	}
	return nil
}

// health tells what waits and for how long. It fails only if this process cannot do its work: a service that rests is no
// reason to start the shop anew. Old or parked rows are a matter for alarms, which read the same numbers.
func (h *handler) health(w http.ResponseWriter, r *http.Request) {
	stats, err := h.feed.Stats(r.Context())
	if err != nil {
		h.log.WarnContext(r.Context(), "not healthy", slog.Any("error", err))
		http.Error(w, "the database cannot be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(stats)
}

var errNotThere = errors.New("there is no such customer")

// one is for statements that change one row.
func one(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return errNotThere
}

// taken reports whether a row breaks a rule of the database: its key or its address is another's.
func taken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, "this is not what is asked for, in JSON", http.StatusBadRequest)
		return false
	}
	return true
}

// transaction does what a request asks for as a whole or not at all, and answers it. 204 says that the rows and their
// hand-over are on the disk.
func (h *handler) transaction(w http.ResponseWriter, r *http.Request, do func(context.Context, *sql.Tx) error) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	switch err := h.commit(ctx, do); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errNotThere):
		http.Error(w, err.Error(), http.StatusNotFound)
	case taken(err):
		http.Error(w, "this is taken", http.StatusConflict)
	case errors.Is(err, actito.ErrInvalid): // found while it was handed over
		h.log.WarnContext(ctx, "not accepted", slog.String("route", r.Pattern), slog.Any("error", err)) // it holds no values
		http.Error(w, "these values are not accepted", http.StatusBadRequest)
	default:
		h.log.ErrorContext(ctx, "not done", slog.String("route", r.Pattern), slog.Any("error", err))
		http.Error(w, "please try again", http.StatusServiceUnavailable)
	}
}

func (h *handler) commit(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // unless it is committed
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}
