package actito_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// textTable has a text for each column of a file, of which the first one is the key.
func textTable(name, header string) (actitotest.Table, []string) {
	columns := strings.Split(strings.TrimSpace(header), ",")
	table := actitotest.Table{Name: name, PrimaryKey: columns[0]}
	for i, c := range columns {
		table.Attributes = append(table.Attributes, actitotest.Attribute{Name: c, Type: "STRING", Unique: i == 0, Mandatory: i == 0})
	}
	return table, columns
}

func TestNorthwindOrdersOfUnknownCustomersAreFoundBeforeTheyAreRejected(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "shared", "data", "northwind")
	customers, err := os.ReadFile(filepath.Join(dir, "customers.csv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the Northwind sample is not at %s", dir)
	}
	require.NoError(t, err)
	orders, err := os.ReadFile(filepath.Join(dir, "orders.csv"))
	require.NoError(t, err)
	lines := bytes.SplitAfter(orders, []byte{'\n'})
	want := map[string]int{}
	for id, line := range map[string]int{"NOONE": 2, "GHOST": 400, "vinet": 831} {
		cells := bytes.SplitN(lines[line-1], []byte{','}, 3)
		want[string(cells[0])] = line
		lines[line-1] = bytes.Join([][]byte{cells[0], []byte(id), cells[2]}, []byte{','})
	}
	orders = bytes.Join(lines, nil)

	server := actitotest.NewServer(actitotest.InMemory())
	t.Cleanup(server.Close)
	server.Assume(actitotest.ResultFilesExist, actitotest.KeysWithCase) // without case, vinet is a customer
	firstLine := func(b []byte) string { return string(b[:bytes.IndexByte(b, '\n')]) }
	table, customerColumns := textTable("Customers", firstLine(customers))
	server.AddProfileTable("MyEntity", table)
	table, orderColumns := textTable("Orders", firstLine(orders))
	table.ForeignKeys = []actitotest.ForeignKey{{Name: "customer", Attribute: "customerID", Table: "Customers", Referenced: "customerID"}}
	server.AddCustomTable("MyEntity", table)
	b := newBulk(t, server)
	d := once(loaded(actito.ProfileTableType, "Customers", "customers.csv", "", customerColumns...),
		loaded(actito.CustomTableType, "Orders", "orders.csv", "", orderColumns...))
	data := []actito.Data{actito.DataBytes("customers.csv", customers), actito.DataBytes("orders.csv", orders)}

	var report actito.CheckReport
	found := map[int]bool{}
	for p, err := range b.client.ETLs.CheckEach(t.Context(), d, data[0], data[1], &report) {
		require.NoError(t, err)
		if p.Warning { // NULL, in many cells
			require.Equal(t, "null-text", p.Rule)
			continue
		}
		require.Equal(t, "missing-parent", p.Rule)
		require.Equal(t, "orders.csv", p.File)
		found[p.Line] = true
	}
	require.Len(t, found, 3)
	for _, line := range want {
		require.True(t, found[line], "line %d", line)
	}
	require.Equal(t, 3, report.Problems())
	require.Equal(t, []int{91, 830}, []int{report.Files[0].Rows, report.Files[1].Rows})
	b.untouched(t)

	_, err = b.client.ETLs.RunOnce(t.Context(), d, data[0], data[1])
	var invalid *actito.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, []any{"orders.csv", 2, "customerID", "missing-parent"}, []any{invalid.File, invalid.Line, invalid.Column, invalid.Rule})
	b.untouched(t)

	e, err := b.client.ETLs.RunOnce(t.Context(), d, data[0], data[1], actito.LookUpParents(-1))
	e, err = b.ends(t, e, err)
	require.ErrorIs(t, err, actito.ErrRowsRejected)
	rejected := map[string]bool{}
	for reject, err := range b.client.Executions.Rejects(t.Context(), e) {
		require.NoError(t, err)
		require.Equal(t, "UNKNOWN_REFERENCE", reject.Code)
		require.Equal(t, "customerID", reject.Column)
		rejected[reject.Row["orderID"]] = true
	}
	require.Len(t, rejected, 3)
	for order := range want {
		require.True(t, rejected[order], "order %s", order)
	}
	require.Equal(t, 921, e.Totals().Read)
	require.Equal(t, 918, e.Totals().Created)
}
