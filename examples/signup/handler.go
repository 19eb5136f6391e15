package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

// deadline is how long a visitor waits. The library sends nothing whose turn would come later, and repeats nothing
// past it.
const deadline = 2 * time.Second

const newsletter = "Newsletter"

// Customer is a sign-up as the page sends it, and a row of the profile table. Whoever says nothing about the newsletter
// keeps what they chose before: consent is unset then, not false.
type Customer struct {
	ID         string           `actito:"customerID,key" json:"id"`
	Email      string           `actito:"emailAddress" json:"email"`
	FirstName  string           `actito:"firstName" json:"firstName"`
	Newsletter actito.Opt[bool] `actito:"subscriptions#Newsletter" json:"newsletter,omitzero"`
}

type handler struct {
	customers *actito.ProfileTable[Customer]
	log       *slog.Logger
}

// newHandler fails if the tags of Customer cannot work, before the first visitor comes.
func newHandler(client *actito.Client, log *slog.Logger) (http.Handler, error) {
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	h := &handler{customers, log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /customers", h.signUp)
	mux.HandleFunc("DELETE /customers/{id}/newsletter", h.unsubscribe)
	mux.HandleFunc("DELETE /customers/{id}", h.deleteAccount)
	return mux, nil
}

// signUp creates the profile or updates it. The row carries its key, so sending it again is harmless: the library
// repeats it by itself while the deadline allows, and so may the visitor.
func (h *handler) signUp(w http.ResponseWriter, r *http.Request) {
	var c Customer
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&c); err != nil {
		http.Error(w, "this is not a customer in JSON", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	if _, err := h.customers.Upsert(ctx, c); err != nil {
		h.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) unsubscribe(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	if err := h.customers.Unsubscribe(ctx, actito.By("customerID", r.PathValue("id")), newsletter); err != nil {
		h.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) deleteAccount(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	if err := h.customers.Delete(ctx, actito.By("customerID", r.PathValue("id"))); err != nil {
		h.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// fail answers with what the visitor can do about an error. The library's errors name operations and columns and never
// hold values, so they may be logged.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	h.log.WarnContext(r.Context(), "not done", slog.String("route", r.Pattern), slog.Any("error", err))
	switch {
	case errors.Is(err, actito.ErrInvalid):
		http.Error(w, "Actito does not accept these values", http.StatusBadRequest)
	case errors.Is(err, actito.ErrNotFound):
		// Not a silent success: the service answers the same where the key may not see a profile that exists.
		http.Error(w, "there is no such customer", http.StatusNotFound)
	case actito.Retryable(err):
		// A service with a queue of its own stores the request here and answers 202 instead.
		w.Header().Set("Retry-After", retryAfter(err))
		http.Error(w, "please try again", http.StatusServiceUnavailable)
	default:
		http.Error(w, "this did not work", http.StatusBadGateway)
	}
}

// retryAfter is when the call may work, in whole seconds.
func retryAfter(err error) string {
	wait := deadline
	if busy, ok := errors.AsType[*actito.BusyError](err); ok { // ErrBusy: the licence's pace is used up
		wait = max(wait, busy.Wait)
	}
	if refused, ok := errors.AsType[*actito.APIError](err); ok { // the service named a time
		wait = max(wait, refused.RetryAfter)
	}
	return strconv.Itoa(int(math.Ceil(wait.Seconds())))
}
