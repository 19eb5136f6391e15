package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/actito-go/actito"
)

// signUp creates the profile or updates it. What a customer typed wrongly is the customer's to put right: the answer
// names the field.
func signUp(customers *actito.ProfileTable[Customer]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c Customer
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&c); err != nil {
			http.Error(w, "this is not a customer in JSON", http.StatusBadRequest)
			return
		}
		_, err := customers.Upsert(r.Context(), c)
		switch invalid, ok := errors.AsType[*actito.ValidationError](err); {
		case ok:
			http.Error(w, fmt.Sprintf("%s: %s", invalid.Column, invalid.Detail), http.StatusUnprocessableEntity)
		case err != nil: // a handler in use keeps the row and tries later: see examples/signup and examples/feed
			http.Error(w, "please try again", http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// loadChanged imports a file as it is: the definition that the table makes has its transformations.
func loadChanged(ctx context.Context, client *actito.Client, customers *actito.ProfileTable[Customer], file []byte) (*actito.Execution, error) {
	exec, err := client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "changed",
		Files: []actito.InputFile{customers.InputFile("changed.csv")},
	}, actito.DataBytes("changed.csv", file))
	if err != nil {
		return nil, err
	}
	return client.Executions.Wait(ctx, exec)
}
