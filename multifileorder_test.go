package actito_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// newChain is the shop with lines of orders, so that three tables follow each other, and with scans of parcels, which are
// told by another unique attribute than their key.
func newChain(t testing.TB, opts ...actito.Option) *bulk {
	t.Helper()
	server := inMemory(t)
	text := func(name string) actitotest.Attribute { return actitotest.Attribute{Name: name, Type: "STRING"} }
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Lines", PrimaryKey: "lineId",
		Attributes:  []actitotest.Attribute{text("lineId"), text("orderId"), text("product")},
		ForeignKeys: []actitotest.ForeignKey{{Name: "order", Attribute: "orderId", Table: "Orders", Referenced: "orderId"}}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Parcels", PrimaryKey: "parcelId",
		Attributes: []actitotest.Attribute{text("parcelId"), {Name: "code", Type: "LONG", Unique: true}}})
	server.AddCustomTable("MyEntity", actitotest.Table{Name: "Scans", PrimaryKey: "scanId",
		Attributes:  []actitotest.Attribute{text("scanId"), {Name: "code", Type: "LONG"}},
		ForeignKeys: []actitotest.ForeignKey{{Name: "parcel", Attribute: "code", Table: "Parcels", Referenced: "code"}}})
	return newBulk(t, server, opts...)
}

// The files of the chain.
var chain = map[string]actito.InputFile{
	"customers": loaded(actito.ProfileTableType, "Customers", "customers.csv", "", "customerID"),
	"more":      loaded(actito.ProfileTableType, "16", "more.csv", "", "customerID"),
	"orders":    loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId", "customerID"),
	"amounts":   loaded(actito.CustomTableType, "Orders", "amounts.csv", actito.UpdateOnly, "orderId", "amount"),
	"lines":     loaded(actito.CustomTableType, "Lines", "lines.csv", "", "lineId", "orderId"),
	"parcels":   loaded(actito.CustomTableType, "Parcels", "parcels.csv", "", "parcelId", "code"),
	"scans":     loaded(actito.CustomTableType, "Scans", "scans.csv", "", "scanId", "code"),
}

// inOrder is a definition with files of the chain.
func inOrder(names string) actito.Definition {
	d := actito.Definition{Name: "chain"}
	for name := range strings.FieldsSeq(names) {
		d.Files = append(d.Files, chain[name])
	}
	return d
}

// chainData is a row of each table, each row referring to the one before.
var chainData = map[string]actito.Data{
	"customers": actito.DataBytes("customers.csv", []byte("customerID\nC1\n")),
	"more":      actito.DataBytes("more.csv", []byte("customerID\nC2\n")),
	"orders":    actito.DataBytes("orders.csv", []byte("orderId,customerID\nO1,C1\n")),
	"amounts":   actito.DataBytes("amounts.csv", []byte("orderId,amount\nO1,5\n")),
	"lines":     actito.DataBytes("lines.csv", []byte("lineId,orderId\nL1,O1\n")),
}

func dataOf(names string) (list []actito.ImportOption) {
	for name := range strings.FieldsSeq(names) {
		list = append(list, chainData[name])
	}
	return list
}

func TestOrderedPutsFilesBehindThoseTheyReferTo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ given, want string }{
		"an order that may be stays":                {"customers orders lines", "customers orders lines"},
		"the reverse":                               {"lines orders customers", "customers orders lines"},
		"only what must be moves":                   {"parcels orders customers scans lines", "parcels customers orders scans lines"},
		"files that have no business together stay": {"scans customers parcels", "customers parcels scans"},
		"several files of one table":                {"orders customers more", "customers more orders"},
		"one behind several of one table":           {"customers orders more", "customers more orders"},
		"a file without the foreign key's column":   {"amounts customers", "amounts customers"},
		"which others wait for all the same":        {"lines amounts", "amounts lines"},
		"a table between two is not loaded":         {"lines customers", "lines customers"},
		"one file":                                  {"orders", "orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			given := inOrder(tt.given)
			got, err := b.client.ETLs.Ordered(t.Context(), given)
			require.NoError(t, err)
			require.Equal(t, inOrder(tt.want), got)
			require.Equal(t, inOrder(tt.given), given, "the caller's definition is left alone")
		})
	}
}

func TestAnOrderThatContradictsForeignKeysIsRefused(t *testing.T) {
	t.Parallel()
	raw := func(t *testing.T, b *bulk, d actito.Definition) actito.Definition {
		stored, err := b.client.ETLs.Create(t.Context(), inOrder("customers orders lines"))
		require.NoError(t, err)
		whole, err := b.client.ETLs.Get(t.Context(), stored)
		require.NoError(t, err)
		var files []actito.InputFile
		for _, f := range d.Files {
			at := slices.IndexFunc(whole.Files, func(known actito.InputFile) bool { return known.FileNamePattern == f.FileNamePattern })
			files = append(files, whole.Files[at])
		}
		whole.Files, whole.ID = files, ""
		text, err := json.Marshal(whole)
		require.NoError(t, err)
		return actito.RawDefinition(text)
	}
	wrong, data := "customers lines orders", dataOf("lines orders customers")
	for name, tt := range map[string]struct {
		call   func(t *testing.T, b *bulk) error
		advice string
	}{
		"in a one shot": {func(t *testing.T, b *bulk) error {
			_, err := b.client.ETLs.RunOnce(t.Context(), inOrder(wrong), data...)
			return err
		}, "in the order that ETLs.Ordered gives"},
		"in a raw one shot": {func(t *testing.T, b *bulk) error {
			_, err := b.client.ETLs.RunOnce(t.Context(), raw(t, b, inOrder(wrong)), data...)
			return err
		}, "LookUpParents(-1)"},
		"in one that is stored": {func(t *testing.T, b *bulk) error {
			_, err := b.client.ETLs.Create(t.Context(), inOrder(wrong))
			return err
		}, "in the order that ETLs.Ordered gives, or if it is meant so, store a RawDefinition, which is not checked"},
		"in one that replaces another": {func(t *testing.T, b *bulk) error {
			return b.client.ETLs.Replace(t.Context(), b.stored(t, chain["customers"]), inOrder(wrong))
		}, "in the order that ETLs.Ordered gives"},
		"in one that was stored elsewhere": {func(t *testing.T, b *bulk) error {
			id, err := b.client.ETLs.Create(t.Context(), raw(t, b, inOrder(wrong)))
			require.NoError(t, err)
			_, err = b.client.ETLs.Trigger(t.Context(), id, data...)
			return err
		}, "Replace the definition"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			err := tt.call(t, b)
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, []any{"lines.csv", 0, "orderId", "load-order"}, []any{invalid.File, invalid.Line, invalid.Column, invalid.Rule})
			require.Contains(t, invalid.Detail, "before orders.csv, to whose rows it refers by the foreign key order (Lines.orderId → Orders.orderId)")
			require.Contains(t, invalid.Detail, tt.advice)
			b.untouched(t)
			require.Empty(t, b.Requests(actitotest.OpETLReplace))
		})
	}
}

func TestOrderCanBeLeftToTheServer(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), dataOf("customers orders")...)
	b.loads(t, e, err)
	e, err = b.client.ETLs.RunOnce(t.Context(), inOrder("orders customers"), append(dataOf("orders customers"), actito.LookUpParents(-1))...)
	b.loads(t, e, err) // the customer is there
}

func TestFilesThatAreNotGivenAreInNobodysWay(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	_, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), dataOf("customers orders")...)
	require.NoError(t, err)
	reads := len(b.Requests(actitotest.OpCustomTableGet, actitotest.OpProfileTableGet))
	require.Equal(t, 2, reads, "each structure is read once")
	d := inOrder("orders customers")
	d.Files[1].Optional = true
	e, err := b.client.ETLs.RunOnce(t.Context(), d, dataOf("orders")...)
	b.loads(t, e, err)
	require.Len(t, b.Requests(actitotest.OpCustomTableGet, actitotest.OpProfileTableGet), reads, "of a single file, none is")
	_, err = b.client.ETLs.RunOnce(t.Context(), inOrder("customers more"), dataOf("customers more")...)
	require.NoError(t, err)
	require.Len(t, b.Requests(actitotest.OpCustomTableGet, actitotest.OpProfileTableGet), reads, "nor of several into one table")
}

func TestWhereAStructureCannotBeReadTheOrderIsTheCallers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{403, 404} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			b := newChain(t, actito.WithLogger(newLogger(&log)))
			b.Fail(actitotest.OpCustomTableGet, actitotest.Status(status))
			_, err := b.client.ETLs.Ordered(t.Context(), inOrder("orders customers"))
			require.ErrorContains(t, err, "structure of table Orders")
			b.Fail(actitotest.OpCustomTableGet, actitotest.Status(status))
			e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("orders customers"), dataOf("orders customers")...)
			_, err = b.ends(t, e, err)
			require.ErrorIs(t, err, actito.ErrRowsRejected, "what the server does about it")
			require.Contains(t, log.String(), "not checked whether files are loaded before those that they refer to")
		})
	}
	b := newChain(t)
	b.Fail(actitotest.OpCustomTableGet, actitotest.Status(400))
	_, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), dataOf("customers orders")...)
	require.ErrorIs(t, err, actito.ErrInvalid)
	b.untouched(t)
}

func TestForeignKeysThatGoRoundAreNamed(t *testing.T) {
	t.Parallel()
	const structure = `{"id":%q,"name":%q,"primaryKeyAttribute":%q,"attributes":[],"foreignKeys":[%s]}`
	key := func(attribute, table, referenced string) string {
		return fmt.Sprintf(`{"name":"k","attribute":%q,"reference":{"tableType":"CUSTOM_TABLE","tableId":%q,"attribute":%q}}`, attribute, table, referenced)
	}
	b := newChain(t)
	lines, err := b.client.Structures.CustomTable(t.Context(), "Lines")
	require.NoError(t, err)
	round := func() { // Orders.amount refers to lines, which refer to orders
		b.Fail(actitotest.OpCustomTableGet, jsonAnswer(fmt.Sprintf(structure, ordersID, "Orders", "orderId", key("amount", lines.ID, "lineId"))),
			jsonAnswer(fmt.Sprintf(structure, lines.ID, "Lines", "lineId", key("orderId", ordersID, "orderId"))))
	}
	orders := loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId", "customerID", "amount")
	d := once(orders, chain["lines"])
	data := []actito.ImportOption{chainData["lines"], actito.DataBytes("orders.csv", []byte("orderId,customerID,amount\nO1,C1,1\n"))}
	for name, tt := range map[string]struct {
		call func() error
		or   string
	}{
		"Ordered": {func() error { _, err := b.client.ETLs.Ordered(t.Context(), d); return err }, "without the column that closes the circle"},
		"RunOnce": {func() error { _, err := b.client.ETLs.RunOnce(t.Context(), d, data...); return err }, "or if Actito has all those rows already, leave them to it with LookUpParents(-1)"},
		"Create":  {func() error { _, err := b.client.ETLs.Create(t.Context(), d); return err }, "or if it is meant so, store a RawDefinition, which is not checked"},
	} {
		round()
		err := tt.call()
		var invalid *actito.ValidationError
		require.ErrorAs(t, err, &invalid, name)
		require.Equal(t, "load-cycle", invalid.Rule, name)
		require.Contains(t, invalid.Detail, "Orders.amount → Lines.orderId → Orders: load the files one by one", name)
		require.True(t, strings.HasSuffix(invalid.Detail, tt.or), invalid.Detail)
	}
	b.untouched(t)

	// A table that refers to itself is none, nor are two files of it.
	b.Fail(actitotest.OpCustomTableGet, jsonAnswer(fmt.Sprintf(structure, ordersID, "Orders", "orderId", key("customerID", ordersID, "orderId"))))
	more := loaded(actito.CustomTableType, "Orders", "more.csv", "", "orderId", "customerID")
	d = once(orders, more, chain["customers"])
	got, err := b.client.ETLs.Ordered(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, d, got)

	_, err = b.client.ETLs.Ordered(t.Context(), actito.RawDefinition([]byte(`{}`)))
	require.ErrorIs(t, err, actito.ErrInvalid)
	_, err = b.client.ETLs.Ordered(t.Context(), once(actito.InputFile{}))
	require.ErrorIs(t, err, actito.ErrInvalid)
}

// Of any tables without circles, Ordered finds an order that loads everything, and a one shot refuses those orders that
// would not.
func TestAnyFilesAreLoadedInTheOrderOfOrdered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		server := inMemory(t)
		n := rapid.IntRange(2, 5).Draw(rt, "tables")
		var files []actito.InputFile
		var data []actito.ImportOption
		table := map[string]int{}
		parents := map[string]map[int]bool{} // by file
		for i := range n {
			name := fmt.Sprintf("T%d", i)
			declared := actitotest.Table{Name: name, PrimaryKey: "id", Attributes: []actitotest.Attribute{{Name: "id", Type: "STRING"}}}
			var to []int
			for j := range i {
				if rapid.Bool().Draw(rt, fmt.Sprintf("%d refers to %d", i, j)) {
					attribute := fmt.Sprintf("t%d", j)
					to = append(to, j)
					declared.Attributes = append(declared.Attributes, actitotest.Attribute{Name: attribute, Type: "STRING"})
					declared.ForeignKeys = append(declared.ForeignKeys, actitotest.ForeignKey{Name: attribute, Attribute: attribute, Table: fmt.Sprintf("T%d", j), Referenced: "id"})
				}
			}
			server.AddCustomTable("MyEntity", declared)
			for k := range rapid.IntRange(1, 2).Draw(rt, "files") {
				file := fmt.Sprintf("%s-%d.csv", name, k)
				table[file], parents[file] = i, map[int]bool{}
				columns, row := []string{"id"}, []string{fmt.Sprint("row", k)}
				for _, j := range to {
					if rapid.Bool().Draw(rt, "has the column") {
						columns, row = append(columns, fmt.Sprintf("t%d", j)), append(row, rapid.SampledFrom([]string{"row0", ""}).Draw(rt, "parent"))
						parents[file][j] = true
					}
				}
				files = append(files, loaded(actito.CustomTableType, name, file, "", columns...))
				data = append(data, actito.DataBytes(file, []byte(strings.Join(columns, ",")+"\n"+strings.Join(row, ",")+"\n")))
			}
		}
		files = rapid.Permutation(files).Draw(rt, "order")
		contradicts := func(files []actito.InputFile) bool {
			for i, f := range files {
				for _, later := range files[i+1:] {
					if parents[f.FileNamePattern][table[later.FileNamePattern]] {
						return true
					}
				}
			}
			return false
		}
		b := newBulk(t, server)
		_, err := b.client.ETLs.RunOnce(t.Context(), once(files...), data...)
		require.Equal(rt, contradicts(files), err != nil, "%v", err)
		if err != nil {
			require.ErrorContains(rt, err, "is loaded before")
			require.Empty(rt, b.Imports())
		}
		d, err := b.client.ETLs.Ordered(t.Context(), once(files...))
		require.NoError(rt, err)
		require.False(rt, contradicts(d.Files))
		require.ElementsMatch(rt, files, d.Files)
		if !contradicts(files) {
			require.Equal(rt, files, d.Files)
		}
		e, err := b.client.ETLs.RunOnce(t.Context(), d, append(data, actito.Keep)...)
		require.NoError(rt, err)
		e, err = b.client.Executions.Wait(t.Context(), e)
		require.NoError(rt, err)
		require.Equal(rt, len(files), e.Totals().Read)
	})
}

// A stored definition may name tables in a way that is not known here, or that this key does not see.
func TestWhatAStoredDefinitionSaysOtherwiseIsLeftToTheServer(t *testing.T) {
	t.Parallel()
	for name, destination := range map[string]string{
		"a table of another kind":    `{"tableType":"SEGMENT_TABLE","tableId":"1"}`,
		"a table that is not listed": `{"tableType":"CUSTOM_TABLE","tableId":"gone"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			b := newChain(t, actito.WithLogger(newLogger(&log)))
			id, err := b.client.ETLs.Create(t.Context(), inOrder("customers orders"))
			require.NoError(t, err)
			b.Fail(actitotest.OpETLGet, jsonAnswer(`{"id":"`+id+`","inputFiles":[{"fileNamePattern":"orders.csv","destination":`+destination+`},
				{"fileNamePattern":"customers.csv","destination":{"tableType":"PROFILE_TABLE","tableId":"16"}}]}`))
			e, err := b.client.ETLs.Trigger(t.Context(), id, append(dataOf("customers orders"), actito.Loads("Customers", ordersID))...)
			b.loads(t, e, err)
			require.Equal(t, strings.Contains(destination, "gone"), strings.Contains(log.String(), "not checked whether files are loaded"))
		})
	}
}
