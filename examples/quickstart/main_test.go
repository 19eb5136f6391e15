package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
)

func noVariables(string) string { return "" }

func TestTheSampleTravelsAllRoads(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, noVariables, &out))
	for _, want := range []string{
		"BRUME                    reads back as Café de la Brume, FR\n",
		"changed.csv                  4 read =    1 created +    3 updated +    0 rejected\n",
		"autumn.csv                   8 read =    4 created +    4 updated +    0 rejected\n",
		"customers.csv               12 read =    4 created +    8 updated +    0 rejected\n",
		"orders.csv                  18 read =   17 created +    0 updated +    1 rejected\n",
		"rejected: order 5007: UNKNOWN_REFERENCE in column customerID\n",
		"Customers                    9 of 12, until ",
		"Orders                      11 of 12, until ",
		"Customers                   12 profiles, of 12 rows in the file\n",
		"Orders                      17 records, of 18 rows in the file\n",
	} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "\x1b", "colour or cursor movements, although this is no terminal")
}

func TestNorthwindLoadsCustomersBeforeOrders(t *testing.T) {
	t.Parallel()
	northwind := os.Getenv("NORTHWIND")
	if northwind == "" {
		northwind = filepath.Join("..", "..", "..", "shared", "data", "northwind")
	}
	if _, err := os.Stat(northwind); err != nil {
		t.Skip("the Northwind files are not here (NORTHWIND may name their directory):", err)
	}
	customers, err := readFile(filepath.Join(northwind, "customers.csv"), "", readCustomer, customerData)
	require.NoError(t, err)
	orders, err := readFile(filepath.Join(northwind, "orders.csv"), "", readOrder, orderData)
	require.NoError(t, err)

	server := shop.NewServer()
	t.Cleanup(server.Close)
	var out bytes.Buffer
	require.NoError(t, demonstrate(t.Context(), newPrinter(&out), server, customers, orders))
	assert.Contains(t, out.String(), "customers.csv               91 read =   30 created +   61 updated +    0 rejected\n")
	// Orders refer to customers, of which the last third comes with them: none would load if they came first.
	assert.Contains(t, out.String(), "orders.csv                 830 read =  830 created +    0 updated +    0 rejected\n")
	assert.Len(t, server.Profiles(shop.Customers), 91)
	assert.Len(t, server.Records(shop.Orders), 830)

	alfki, ok := server.Profile(shop.Customers, "customerID", "ALFKI")
	require.True(t, ok)
	assert.Equal(t, "DE", alfki.Attributes["country"])
	order, ok := server.Record(shop.Orders, "10248")
	require.True(t, ok)
	assert.Equal(t, map[string]string{"orderID": "10248", "customerID": "VINET", "orderDate": "1996-07-04",
		"shippedDate": "1996-07-16", "freight": "32.38", "shipCountry": "FR"}, order)
	waiting := 0
	for _, order := range server.Records(shop.Orders) {
		if _, shipped := order["shippedDate"]; !shipped {
			waiting++
		}
	}
	assert.Equal(t, 21, waiting, "orders whose NULL is no date")
}

func TestWrongCallsSaySoInOneLine(t *testing.T) {
	t.Parallel()
	csv := func(text string) string {
		path := filepath.Join(t.TempDir(), "input.csv")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	header := "customerID,companyName,contactName,country\n"
	tests := map[string]struct {
		args  []string
		usage bool
		want  string
	}{
		"an unknown flag":          {[]string{"-colour"}, true, "flag provided but not defined: -colour (-h shows all flags)"},
		"an argument":              {[]string{"customers.csv"}, true, `unexpected argument "customers.csv" (-h shows all flags)`},
		"live without variables":   {[]string{"-live"}, true, "-live needs the variables ACTITO_API_KEY and ACTITO_ENTITY"},
		"live with a file":         {[]string{"-live", "-orders", "o.csv"}, true, "-live only reads: it takes neither -customers nor -orders"},
		"a file that is not there": {[]string{"-customers", "nowhere.csv"}, false, "open nowhere.csv: no such file or directory"},
		"an empty file":            {[]string{"-customers", csv("")}, false, "input.csv is empty"},
		"a header alone":           {[]string{"-customers", csv(header)}, false, "input.csv has a header and no rows"},
		"a header of other things": {[]string{"-orders", csv(header + "A,B,C,D\n")}, false, "input.csv: the header has no column orderID"},
		"a country unheard of":     {[]string{"-customers", csv(header + "A,B,C,Belgium\nD,E,F,Atlantis\n")}, false, `input.csv, line 3: actito: column "country": COUNTRY: no country is known by this name or code, or more than one: map it to a code of ISO 3166-1 first, with MapValues`},
		"a line with a cell less":  {[]string{"-customers", csv(header + "A,B,C\n")}, false, "input.csv: record on line 2: wrong number of fields"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := run(t.Context(), test.args, noVariables, &out)
			require.EqualError(t, err, test.want)
			assert.Equal(t, test.usage, isUsage(err))
			assert.Empty(t, out.String())
		})
	}
}

func TestVariablesAloneChangeNothing(t *testing.T) {
	t.Parallel()
	var with, without bytes.Buffer
	require.NoError(t, run(t.Context(), nil, func(string) string { return "a value" }, &with))
	require.NoError(t, run(t.Context(), nil, noVariables, &without))
	assert.Equal(t, without.String(), with.String())
}

func TestLiveOnlyReads(t *testing.T) {
	t.Parallel()
	server := shop.NewServer()
	t.Cleanup(server.Close)
	var out bytes.Buffer
	inMemory := actito.WithHTTPClient(&http.Client{Transport: server.Transport()}) // whichever host is asked
	require.NoError(t, explore(t.Context(), newPrinter(&out), server.APIKey, shop.Entity, inMemory))
	assert.Contains(t, out.String(), "The key belongs to environment ENV-0, ")
	assert.Contains(t, out.String(), "Profile table Customers\n")
	assert.Contains(t, out.String(), "Custom table Orders\n")
	assert.Contains(t, out.String(), "type Customers struct {\n")
	assert.NotContains(t, out.String(), server.APIKey)
	reads := []actitotest.Operation{actitotest.OpToken, actitotest.OpEntityList, actitotest.OpProfileTableList,
		actitotest.OpProfileTableGet, actitotest.OpCustomTableList, actitotest.OpCustomTableGet}
	for _, r := range server.Requests() {
		assert.Contains(t, reads, r.Operation)
	}

	err := explore(t.Context(), newPrinter(&out), server.APIKey, "myentity", inMemory)
	require.EqualError(t, err, `the key does not see an entity "myentity": names are case-sensitive`)
}

func TestWhatCannotBeReadHidesNothingElse(t *testing.T) {
	t.Parallel()
	server := shop.NewServer()
	t.Cleanup(server.Close)
	server.Fail(actitotest.OpEntityList, actitotest.Status(http.StatusForbidden))
	server.Fail(actitotest.OpProfileTableGet, actitotest.Status(http.StatusForbidden))
	var out bytes.Buffer
	err := explore(t.Context(), newPrinter(&out), server.APIKey, shop.Entity,
		actito.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	require.ErrorIs(t, err, actito.ErrForbidden)
	require.ErrorContains(t, err, "table Customers: ")
	assert.Contains(t, out.String(), "Custom table Orders\n")
}
