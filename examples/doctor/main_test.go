package main

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func noVariables(string) string { return "" }

func TestTheDemonstrationFindsItsMistakes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), nil, noVariables, &out), errProblems)
	for _, want := range []string{
		"problem  clock: this machine's clock is ",
		`problem  table orderlines: entity "MyEntity" has no table of this name or id; the nearest: "OrderLines"`,
		`problem  structure of Customers: column "emailAdress": the table has no attribute of this name`,
		`problem  structure of Customers: Customer.Birth: attribute "birthDate" is BIRTHDATE, and the field's values are int`,
		`problem  structure of Orders: column "orderDate": no column holds this attribute`,
		"warning  budget of Customers: 0 of 12 imports used, 1 held",
		"fields that this library has no name for: active, owner",
		"it generates no error file",
		"its unit is not settled in the ledger",
		"-> call Executions.Resume or Reconcile with the handle",
	} {
		assert.Contains(t, out.String(), want)
	}
}

func TestNoProblemIsNoError(t *testing.T) {
	t.Parallel()
	server := shop.NewServer(actitotest.InMemory())
	t.Cleanup(server.Close)
	client, err := actito.New(server.APIKey, shop.Entity, actito.WithBaseURL(server.URL),
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	var out bytes.Buffer
	require.NoError(t, examine(t.Context(), &out, client, actito.InspectTables(list("Customers, Orders")...)))
	assert.Contains(t, out.String(), "problems 0, ")
	assert.Contains(t, out.String(), `custom table "Orders"`)
}

func TestWrongCallsSaySoInOneLine(t *testing.T) {
	t.Parallel()
	withKey := func(entity string) func(string) string {
		return func(name string) string {
			return map[string]string{"ACTITO_API_KEY": "key", "ACTITO_ENTITY": entity}[name]
		}
	}
	for name, tt := range map[string]struct {
		args   []string
		getenv func(string) string
		want   string
	}{
		"an unknown flag":        {[]string{"-colour"}, noVariables, "flag provided but not defined: -colour (-h shows all flags)"},
		"an argument":            {[]string{"Customers"}, noVariables, `unexpected argument "Customers" (-h shows all flags)`},
		"a table without a key":  {[]string{"-tables", "Customers"}, noVariables, "flags are for the real service: the variables ACTITO_API_KEY and ACTITO_ENTITY name a key and an entity"},
		"a key without entity":   {nil, withKey(""), "the variable ACTITO_ENTITY must name the entity of the key"},
		"an unknown environment": {[]string{"-environment", "ENV-2"}, withKey("E"), `actito: unknown environment "ENV-2": use Env0, Env1, Env3 or Preprod, or WithBaseURL`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := run(t.Context(), tt.args, tt.getenv, &out)
			require.EqualError(t, err, tt.want)
			_, wrongly := errors.AsType[usageError](err)
			assert.True(t, wrongly)
			assert.Empty(t, out.String())
		})
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, noVariables, &out))
	assert.Contains(t, out.String(), "usage: doctor [flags]")
}
