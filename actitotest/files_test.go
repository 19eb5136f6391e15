package actitotest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

const (
	threeCustomers = "customerID\n1\n2\n3\n"
	threeOrders    = "orderId;amount;customerID\nA-1;5;1\nA-2;6;2\nA-3;7;3\n"
)

// customersAndOrders defines a file for each table.
func customersAndOrders(tb testing.TB, compression map[string]any) string {
	tb.Helper()
	orders := map[string]any{"destination": toOrders["destination"]}
	for name, value := range compression {
		orders[name] = value
	}
	return definition(tb,
		customersFile("customers.csv", compression, "customerID"),
		customersFile("orders.csv", orders, "orderId", "amount", "customerID"))
}

func TestSeveralFilesComeInOneArchiveOrAlone(t *testing.T) {
	t.Parallel()
	type extra = map[string]any
	ofZIP := func(name string, files ...string) part {
		return part{"inputFile", name, "application/zip", zipped(t, files...)}
	}
	for name, test := range map[string]struct {
		compression extra
		files       []part
	}{
		"one part for each file": {nil, []part{csvPart("customers.csv", threeCustomers), csvPart("orders.csv", threeOrders)}},
		"in any order":           {nil, []part{csvPart("orders.csv", threeOrders), csvPart("customers.csv", threeCustomers)}},
		"one archive of any name": {extra{"compression": "ZIP"}, []part{
			ofZIP("1f3c", "customers.csv", threeCustomers, "orders.csv", threeOrders)}},
		"one archive named as one of the files": {extra{"compression": "ZIP"}, []part{
			ofZIP("orders.csv", "orders.csv", threeOrders, "customers.csv", threeCustomers)}},
		"one archive with folders": {extra{"compression": "ZIP"}, []part{
			ofZIP("a.zip", "out/orders.csv", threeOrders, "customers.csv", threeCustomers)}},
		"an archive for each file": {extra{"compression": "ZIP"}, []part{
			ofZIP("a.zip", "orders.csv", threeOrders), ofZIP("b.zip", "customers.csv", threeCustomers)}},
		"a GZIP for each file": {extra{"compression": "GZIP"}, []part{
			{"inputFile", "orders.csv.gz", "application/gzip", gzipped(t, threeOrders)},
			{"inputFile", "customers.csv.gz", "application/gzip", gzipped(t, threeCustomers)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			execution := c.runOnce(customersAndOrders(t, test.compression), test.files...)
			assert.Equal(t, "SUCCESS", execution["status"], execution)
			assert.Len(t, c.server.Profiles("Customers"), 3)
			assert.Len(t, c.server.Records("Orders"), 3)
			list := c.server.Imports()
			require.Len(t, list, 1)
			assert.Equal(t, []string{"Customers", "Orders"}, list[0].Tables)
			assert.Len(t, list[0].Files, len(test.files))
		})
	}
}

func TestArchivesThatDoNotFitTheFilesFailTheWholeExecution(t *testing.T) {
	t.Parallel()
	zip := map[string]any{"compression": "ZIP"}
	for name, files := range map[string][]string{
		"a file is missing":               {"customers.csv", threeCustomers},
		"a file is too many":              {"customers.csv", threeCustomers, "orders.csv", threeOrders, "stores.csv", "id\n"},
		"a file is there twice":           {"customers.csv", threeCustomers, "orders.csv", threeOrders, "old/orders.csv", threeOrders},
		"a folder is an entry of its own": {"out/", "", "out/customers.csv", threeCustomers, "out/orders.csv", threeOrders},
		"it is empty":                     nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			execution := c.runOnce(customersAndOrders(t, zip), part{"inputFile", "a.zip", "application/zip", zipped(t, files...)})
			assert.Equal(t, "FAILED", execution["status"], execution)
			assert.Empty(t, c.server.Profiles("Customers"))
			assert.Empty(t, c.server.Records("Orders"))
		})
	}
}

func TestOneFileOfSeveralFailsByItsName(t *testing.T) {
	t.Parallel()
	files := []part{csvPart("customers.csv", threeCustomers), csvPart("orders.csv", threeOrders)}
	for _, test := range []struct {
		name, fails       string
		assumption        actitotest.Assumption
		customers, orders string
	}{
		{"the first, and stops the other", "customers.csv", actitotest.FailedFileStops, "FAILED", "NOT_LOADED"},
		{"the first, and lets the other pass", "customers.csv", actitotest.FailedFilePasses, "FAILED", "WITH_ERROR"},
		{"the last, where it would stop others", "orders.csv", actitotest.FailedFileStops, "SUCCESS", "FAILED"},
		{"the last, where it would not", "orders.csv", actitotest.FailedFilePasses, "SUCCESS", "FAILED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := inMemory(t)
			c.server.Assume(test.assumption)
			c.server.FailFile(test.fails, "out of space")
			execution := c.runOnce(customersAndOrders(t, nil), files...)
			assert.Equal(t, "FAILED", execution["status"])
			for i, want := range []string{test.customers, test.orders} {
				file := execution["files"].([]any)[i].(map[string]any)
				assert.Equal(t, want, file["status"], file)
				if want == "FAILED" {
					assert.Equal(t, "out of space", file["message"])
					assert.Zero(t, file["rowsRead"])
				}
			}
			execution = c.runOnce(customersAndOrders(t, nil), files...)
			assert.Equal(t, "SUCCESS", execution["status"], "it fails once")
		})
	}
	t.Run("in an archive, by a name with a date", func(t *testing.T) {
		t.Parallel()
		c := inMemory(t, actitotest.WithImportTimes(0, 0))
		c.server.Clock().Set(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		c.server.FailFile("c_$yyyyMMdd.csv", "out of space")
		execution := c.runOnce(definition(t, customersFile("c_$yyyyMMdd.csv", map[string]any{"compression": "ZIP"}, "customerID")),
			part{"inputFile", "a.zip", "application/zip", zipped(t, "c_20261123.csv", threeCustomers)})
		assert.Equal(t, "out of space", firstFile(execution)["message"])
	})
}
