package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSampleShowsWhatIsWrongBeforeItIsSent(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	delivered, rest, _ := strings.Cut(out.String(), "As they would be sent:\n")
	cleaned, sent, _ := strings.Cut(rest, "Imports that reached the service so far: 0\n")
	for _, rule := range []string{"country ", "phone ", "null-text ", "spreadsheet ", "date ", "missing-parent ", "decimal-comma ", "duplicate-key "} {
		assert.Contains(t, delivered, "\n  "+rule)
	}
	assert.Contains(t, cleaned, "customers.csv for Customers: rows 6, with problems 1\n")
	assert.Contains(t, cleaned, "orders.csv for Orders: rows 8, with problems 3\n")
	assert.Contains(t, cleaned, "missing-parent  customerID  3      4, 6, 8 ")
	assert.Contains(t, sent, "14 read = 11 created + 0 updated + 3 rejected\n")
	assert.Equal(t, []string{"5004", "5006", "5007"}, rejectedOrders(sent))
	assert.NotContains(t, out.String(), "555")
	assert.NotContains(t, out.String(), "E+10")
}

func TestNorthwindHasExactlyTheMistakesThatWereMade(t *testing.T) {
	t.Parallel()
	northwind := os.Getenv("NORTHWIND")
	if northwind == "" {
		northwind = filepath.Join("..", "..", "..", "shared", "data", "northwind")
	}
	orders, err := os.ReadFile(filepath.Join(northwind, "orders.csv"))
	if err != nil {
		t.Skip("the Northwind files are not here (NORTHWIND may name their directory):", err)
	}
	for order, customer := range map[string]string{"10248,": "VINET,", "10500,": "LAMAI,", "11077,": "RATTC,"} {
		with := bytes.Replace(orders, []byte("\n"+order+customer), []byte("\n"+order+"NOONE,"), 1)
		require.NotEqual(t, orders, with, "order %s", order)
		orders = with
	}
	path := filepath.Join(t.TempDir(), "orders.csv")
	require.NoError(t, os.WriteFile(path, orders, 0o600))

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-customers", filepath.Join(northwind, "customers.csv"), "-orders", path}, &out))
	_, rest, _ := strings.Cut(out.String(), "As they would be sent:\n")
	cleaned, sent, _ := strings.Cut(rest, "Imports that reached the service so far: 0\n")
	assert.Contains(t, cleaned, "customers.csv for Customers: rows 91, with problems 0\n")
	assert.Contains(t, cleaned, "orders.csv for Orders: rows 830, with problems 3\n")
	assert.Contains(t, cleaned, "missing-parent  customerID  3      1, 253, 830 ")
	assert.Contains(t, sent, "921 read = 918 created + 0 updated + 3 rejected\n")
	assert.Equal(t, []string{"10248", "10500", "11077"}, rejectedOrders(sent))
}

func rejectedOrders(text string) (orders []string) {
	for line := range strings.Lines(text) {
		if order, found := strings.CutPrefix(line, "   rejected: order "); found {
			order, _, _ = strings.Cut(order, ":")
			orders = append(orders, order)
		}
	}
	return orders
}

func TestWrongCallsAreErrors(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"an unknown flag":          {"-force"},
		"an argument":              {"customers.csv"},
		"a file that is not there": {"-orders", filepath.Join(t.TempDir(), "orders.csv")},
	} {
		require.Error(t, run(t.Context(), args, io.Discard), name)
	}
}
