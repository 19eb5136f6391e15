// Onespec uses one specification of transformations, customers.json, on both roads: the sign-up handler of a shop, which
// sends single profiles, and the job that imports the file of those that changed at night. What a customer types and what
// the other system writes end as the same values.
//
//	go run ./examples/onespec
//
// It runs against a fake of the service inside the program.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/transform"
)

//go:embed customers.json
var specification []byte

//go:embed changed.csv
var changed []byte

// Customer is a sign-up as the page sends it, and a row of the profile table.
type Customer struct {
	ID        string             `actito:"customerID,key" json:"id"`
	Email     string             `actito:"emailAddress" json:"email"`
	FirstName string             `actito:"firstName" json:"firstName"`
	Birth     actito.Opt[string] `actito:"birthDate" json:"birth,omitzero"`
	Country   string             `actito:"country" json:"country"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "onespec:", err)
		os.Exit(1)
	}
}

// openCustomers opens the table with its transformations. What is wrong with them shows here, and not with the first row.
func openCustomers(client *actito.Client) (*actito.ProfileTable[Customer], error) {
	spec, err := transform.Parse(specification)
	if err != nil {
		return nil, err
	}
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	return customers.Transformed(spec)
}

func run(ctx context.Context, out io.Writer) error {
	server := shop.NewServer()
	defer server.Close()
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(server.APIKey, shop.Entity, actito.WithBaseURL(server.URL))
	if err != nil {
		return err
	}
	defer client.Close()
	customers, err := openCustomers(client)
	if err != nil {
		return err
	}

	fmt.Fprintln(out, "Two sign-ups:")
	for _, page := range []string{
		`{"id":"C1","email":" Ann@Example.COM","firstName":"ann","birth":"14/03/1990","country":"Belgium"}`,
		`{"id":"C9","email":"zoe@example.com","firstName":"zoe","birth":"31/02/1990","country":"Belgium"}`,
	} {
		answer := httptest.NewRecorder()
		signUp(customers).ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/customers", strings.NewReader(page)))
		fmt.Fprintf(out, "   answered %d %s\n", answer.Code, strings.TrimSpace(answer.Body.String()))
	}
	if err := show(ctx, out, customers, "C1"); err != nil {
		return err
	}

	fmt.Fprintln(out, "The file of the night:")
	exec, err := loadChanged(ctx, client, customers, changed)
	if err != nil {
		return err
	}
	totals := exec.Totals()
	fmt.Fprintf(out, "   %d read = %d created + %d updated + %d rejected\n", totals.Read, totals.Created, totals.Updated, totals.Rejected)
	return show(ctx, out, customers, "C1", "C2", "C3")
}

// show shows what Actito has of customers.
func show(ctx context.Context, out io.Writer, customers *actito.ProfileTable[Customer], ids ...string) error {
	for _, id := range ids {
		c, err := customers.Get(ctx, actito.By("customerID", id))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "   %s is %s, %s, born %v, %s\n", c.ID, c.FirstName, c.Email, c.Birth, c.Country)
	}
	return nil
}
