package main

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
)

func TestTheSampleIsLoadedInOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	for _, want := range []string{
		"firstName: \"\" → \"Élise\" (SPLIT)\n",
		"country: \"France\" → \"FR\" (COUNTRY)\n",
		"The order, by the foreign keys of the tables: customers.csv, orders.csv, order_details.csv\n",
		"customers.csv            6 read =    6 created +    0 updated +    0 rejected\n",
		"The fake holds 6 customers, 4 orders and 7 lines.\n",
	} {
		assert.Contains(t, out.String(), want)
	}
}

func northwind(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("NORTHWIND")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data", "northwind")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the Northwind files are not here (NORTHWIND may name their directory):", err)
	}
	return dir
}

func TestNorthwindArrivesWholeInOrderWithoutRejects(t *testing.T) {
	t.Parallel()
	dir := northwind(t)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-dir", dir}, &out))
	for _, want := range []string{
		"customers.csv           91 read =   91 created +    0 updated +    0 rejected\n",
		"orders.csv             830 read =  830 created +    0 updated +    0 rejected\n",
		"order_details.csv     2155 read = 2155 created +    0 updated +    0 rejected\n",
		"The fake holds 91 customers, 830 orders and 2155 lines.\n",
	} {
		assert.Contains(t, out.String(), want)
	}
}

func TestShuffledFilesGiveTheSameTables(t *testing.T) {
	t.Parallel()
	dir := os.DirFS(northwind(t))
	straight, mixed := loaded(t, dir), loaded(t, shuffled(t, dir))
	assert.Equal(t, straight, mixed)
	assert.Equal(t, map[string]string{"orderID": "10248", "customerID": "VINET", "orderDate": "1996-07-04", "requiredDate": "1996-08-01",
		"shippedDate": "1996-07-16", "freight": "32.38", "shipCity": "Reims", "shipCountry": "FR"}, straight["10248"])
	assert.NotContains(t, straight["11077"], "shippedDate", "NULL is no date")
	assert.Equal(t, map[string]string{"lineID": "10248-11", "orderID": "10248", "productID": "11", "unitPrice": "14.00", "quantity": "12",
		"discount": "0"}, straight["10248-11"])
	assert.Equal(t, "GB", straight["AROUT"]["country"])
	assert.Equal(t, "Mataderos 2312", straight["ANTON"]["address"])
	assert.Equal(t, "Pedro Freyre", straight["GODOS"]["lastName"])
}

// loaded is every row of the tables once the files of a directory are loaded, by its key.
func loaded(t *testing.T, dir fs.FS) map[string]map[string]string {
	t.Helper()
	server := newServer()
	t.Cleanup(server.Close)
	client, err := actito.New(server.APIKey, entity, actito.WithBaseURL(server.URL))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	require.NoError(t, load(t.Context(), client, dir, &bytes.Buffer{}))
	rows := map[string]map[string]string{}
	for _, p := range server.Profiles("Customers") {
		for _, own := range []string{"profileId", "creationMoment", "updateMoment"} {
			delete(p.Attributes, own)
		}
		rows[p.Attributes["customerID"]] = p.Attributes
	}
	for _, table := range []string{"Orders", "OrderLines"} {
		for _, record := range server.Records(table) {
			rows[record[map[string]string{"Orders": "orderID", "OrderLines": "lineID"}[table]]] = record
		}
	}
	return rows
}

// shuffled is a directory whose files have their lines in another order, behind the header.
func shuffled(t *testing.T, dir fs.FS) fs.FS {
	t.Helper()
	mixed := fstest.MapFS{}
	for _, name := range []string{"customers.csv", "orders.csv", "order_details.csv"} {
		text, err := fs.ReadFile(dir, name)
		require.NoError(t, err)
		lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		last := len(lines) - 1
		lines[last] = append(bytes.Clone(lines[last]), '\n')
		rand.Shuffle(last, func(i, j int) { lines[1+i], lines[1+j] = lines[1+j], lines[1+i] })
		mixed[name] = &fstest.MapFile{Data: bytes.Join(lines, nil)}
	}
	return mixed
}
