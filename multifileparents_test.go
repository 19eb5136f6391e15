package actito_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/transform"
)

// lookUps are the calls by which parents were looked up.
func (b *bulk) lookUps() int {
	return len(b.Requests(actitotest.OpProfileGet, actitotest.OpRecordGet, actitotest.OpRecordList))
}

// csvOf is a file of the chain with a text.
func csvOf(name, text string, opts ...actito.DataOption) actito.Data {
	return actito.DataBytes(name+".csv", []byte(text), opts...)
}

func TestEachRowsParentIsInItsFileOrOnTheServer(t *testing.T) {
	t.Parallel()
	customers, orders := csvOf("customers", "customerID\nC1\nC2\n"), func(parents ...string) actito.Data {
		text := "orderId,customerID\n"
		for i, p := range parents {
			text += fmt.Sprintf("O%d,%s\n", i, p)
		}
		return csvOf("orders", text)
	}
	keyless := loaded(actito.ProfileTableType, "Customers", "customers.csv", actito.UpdateOnly, "emailAddress")
	creates, updates := chain["customers"], chain["customers"]
	creates.Mode, updates.Mode = actito.CreateOnly, actito.UpdateOnly
	renamed := inOrder("customers orders")
	renamed.Files[0].Mapping = []actito.Mapping{{Column: "client", Attribute: "customerID"}, {Column: "emailAddress", Attribute: "emailAddress"}}
	renamed.Files[1].Mapping = []actito.Mapping{{Column: "customerID", Attribute: "orderId"}, {Column: "buyer", Attribute: "customerID"}}
	for name, tt := range map[string]struct {
		files   actito.Definition
		data    []actito.ImportOption
		server  []string // customers that are there
		lookUps int      // calls
		line    int      // of the first row that is refused; 0 for none
		detail  string
	}{
		"all in the file":      {data: []actito.ImportOption{customers, orders("C1", "C2", "C1")}},
		"one on the server":    {data: []actito.ImportOption{customers, orders("C1", "C9", "C9")}, server: []string{"C9"}, lookUps: 1},
		"one that is nowhere":  {data: []actito.ImportOption{customers, orders("C1", "C9", "C9", "C8")}, server: []string{"C9"}, lookUps: 2, line: 5, detail: "different values: 1"},
		"in another case":      {data: []actito.ImportOption{csvOf("customers", "customerID\nc9\n"), orders("C9")}, lookUps: 1, line: 2, detail: "or in other upper or lower case"},
		"twenty on the server": {data: []actito.ImportOption{customers, orders(numbers(20)...)}, server: numbers(20), lookUps: 20},
		"more than are looked up": {data: []actito.ImportOption{customers, orders(append([]string{"C1"}, numbers(21)...)...)}, server: numbers(21), line: 3,
			detail: "different values: 21): add those rows to that file, or if Actito has them already, let more of them be looked up with LookUpParents or leave them all to it with LookUpParents(-1)"},
		"more, and as many may be looked up": {data: []actito.ImportOption{customers, orders(numbers(21)...), actito.LookUpParents(21)}, server: numbers(21), lookUps: 21},
		"none may be looked up":              {data: []actito.ImportOption{customers, orders("C1", "C9"), actito.LookUpParents(0)}, server: []string{"C9"}, line: 3, detail: "not in customers.csv"},
		"they are left to the server":        {data: []actito.ImportOption{customers, orders("C1", "C9"), actito.LookUpParents(-1)}, server: []string{"C9"}},
		"empty cells refer to nothing":       {files: inOrder("orders lines"), data: []actito.ImportOption{orders("C1"), csvOf("lines", "lineId,orderId\nL1,\nL2,\"\"\n"), actito.Keep}, server: []string{"C1"}},
		"parents that are only created":      {files: once(creates, chain["orders"]), data: []actito.ImportOption{customers, orders("C1")}},
		"parents that are only updated":      {files: once(updates, chain["orders"]), data: []actito.ImportOption{customers, orders("C1")}, server: []string{"C1", "C2"}},
		"parents without the column": {files: once(keyless, chain["orders"]),
			data: []actito.ImportOption{csvOf("customers", "emailAddress\nc1@example.com\n"), orders("C1")}, server: []string{"C1"}},
		"in the second of two files":     {files: inOrder("customers more orders"), data: []actito.ImportOption{customers, csvOf("more", "customerID\nC3\n"), orders("C3", "C1")}},
		"in none of two files":           {files: inOrder("customers more orders"), data: []actito.ImportOption{customers, csvOf("more", "customerID\nC3\n"), orders("C3", "C4")}, lookUps: 1, line: 3, detail: "not in customers.csv or more.csv"},
		"in quotes and another encoding": {data: []actito.ImportOption{csvOf("customers", "customerID\nZo\xeb\n\"A\"\"\"\n;\n", actito.Encoded(actito.ISO88591)), orders("Zoë", `"A"""`, `";"`)}},
		"packed otherwise":               {data: []actito.ImportOption{csvOf("customers", "customerID\nC1\n", actito.Pack(actito.GZIP)), csvOf("orders", "orderId,customerID\nO1,C1\n", actito.Pack(actito.Uncompressed))}},
		"records, by their key":          {files: inOrder("orders lines"), data: []actito.ImportOption{orders("C1"), csvOf("lines", "lineId,orderId\nL1,O0\nL2,O7\n")}, server: []string{"C1"}, lookUps: 1, line: 3, detail: "rows of Orders"},
		"a second file looks up what is left": {files: inOrder("customers orders lines"),
			data: []actito.ImportOption{customers, orders("C8", "C9"), csvOf("lines", "lineId,orderId\nL1,O7\n"), actito.LookUpParents(2)}, server: []string{"C8", "C9"}, lookUps: 2, line: 2, detail: "rows of Orders"},
		"records, by another attribute": {files: inOrder("parcels scans"),
			data: []actito.ImportOption{csvOf("parcels", "parcelId,code\nP1,007\n"), csvOf("scans", "scanId,code\nS1,7\nS2,+8\n")}, lookUps: 1, line: 3, detail: "rows of Parcels"},
		"a key that no path can hold": {files: inOrder("orders lines"), data: []actito.ImportOption{orders("C1"), csvOf("lines", "lineId,orderId\nL1,..\n")}, server: []string{"C1"}, line: 2},
		"columns of other names": {files: renamed, data: []actito.ImportOption{csvOf("customers", "client,emailAddress\nC1,x@example.com\n"),
			csvOf("orders", "customerID,buyer\nO1,C1\nC1,C9\n")}, lookUps: 1, line: 3, detail: "not in customers.csv (different values: 1)"},
		"white space is text": {data: []actito.ImportOption{customers, orders(" C1")}, lookUps: 1, line: 2},
		"a text is no number": {data: []actito.ImportOption{csvOf("customers", "customerID\n7\n"), orders("007")}, lookUps: 1, line: 2},
		"rows of several lines": {files: once(chain["customers"], loaded(actito.CustomTableType, "Orders", "orders.csv", "", "orderId", "customerID")),
			data: []actito.ImportOption{customers, csvOf("orders", "orderId,customerID\nO1,C1\n\"O\n2\",C2\nO3,C9\n")}, lookUps: 1, line: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			for _, id := range tt.server {
				_, err := b.customers.Upsert(t.Context(), customer{ID: id, Email: strings.ToLower(id) + "@example.com"})
				require.NoError(t, err)
			}
			if len(tt.files.Files) == 0 {
				tt.files = inOrder("customers orders")
			}
			e, err := b.client.ETLs.RunOnce(t.Context(), tt.files, tt.data...)
			require.Equal(t, tt.lookUps, b.lookUps())
			if tt.line == 0 {
				b.loads(t, e, err)
				return
			}
			var invalid *actito.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "missing-parent", invalid.Rule)
			require.Equal(t, tt.line, invalid.Line)
			require.Contains(t, invalid.Detail, tt.detail)
			require.NotContains(t, err.Error(), "C9")
			b.untouched(t)
		})
	}
}

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("N", i))
	}
	return list
}

func TestParentsInTheServersHandsAreLeftToIt(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	location := b.AddLocation("MyEntity", "sftp")
	b.PutFile(location, "customers.csv", []byte("customerID\nC1\n"))
	d := inOrder("customers orders")
	d.Files[0].Compression = actito.Uncompressed
	e, err := b.client.ETLs.RunOnce(t.Context(), d, chainData["orders"], actito.Remote(location, "customers.csv"), actito.LookUpParents(0))
	b.loads(t, e, err)

	small := map[string]actito.ImportOption{"customers": csvOf("customers", "customerID\nc7\n"), "orders": csvOf("orders", "orderId,customerID\nO1,c7\n")}
	for i, tt := range []struct{ parents, children actito.ImportOption }{
		{small["customers"], csvOf("orders", "orderId,customerID\nO1,C7\n")},
		{csvOf("customers", "customerID\nC7\n"), small["orders"]},
	} {
		d = inOrder("customers orders")
		d.Files[i].Transformations = transform.Uppercase().On("customerID")
		e, err = b.client.ETLs.RunOnce(t.Context(), d, tt.parents, tt.children, actito.LookUpParents(0))
		b.loads(t, e, err)
	}
	require.Zero(t, b.lookUps())
}

// What the structures say is not what every table has.
func TestForeignKeysWithoutAValueToCompareAreLeftToTheServer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		attribute  string // of orders
		referenced string // of customers
		parents    string
	}{
		"an attribute with several values":                    {`{"name":"customerID","valueType":"STRING","multiValued":true}`, "customerID", "customerID\nC1\n"},
		"a number that the server gives, whatever a file has": {`{"name":"customerID","valueType":"STRING"}`, "profileId", "customerID,profileId\nC1,1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			b.Fail(actitotest.OpCustomTableGet, jsonAnswer(fmt.Sprintf(`{"id":%q,"name":"Orders","primaryKeyAttribute":"orderId","attributes":[%s],
				"foreignKeys":[{"name":"k","attribute":"customerID","reference":{"tableType":"PROFILE_TABLE","tableId":"16","attribute":%q}}]}`, ordersID, tt.attribute, tt.referenced)))
			_, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), csvOf("customers", tt.parents), csvOf("orders", "orderId,customerID\nO1,C9\n"), actito.LookUpParents(0))
			require.NoError(t, err)
		})
	}
}

// Of transformations in a form that is not known, nobody can tell which columns they change.
func TestParentsThatTheServerTransformsInItsOwnWayAreLeftToIt(t *testing.T) {
	t.Parallel()
	for _, transformed := range []string{"customers.csv", "orders.csv"} {
		t.Run(transformed, func(t *testing.T) {
			t.Parallel()
			b := newChain(t)
			b.Assume(actitotest.KeysWithCase)
			id, err := b.client.ETLs.Create(t.Context(), inOrder("customers orders"))
			require.NoError(t, err)
			stored, err := b.client.ETLs.Get(t.Context(), id)
			require.NoError(t, err)
			for i := range stored.Files {
				if f := &stored.Files[i]; f.FileNamePattern == transformed {
					f.Extra = map[string]json.RawMessage{"transformations": json.RawMessage(`{"customerID":"UPPERCASE"}`)}
				}
			}
			text, err := json.Marshal(stored)
			require.NoError(t, err)
			b.Fail(actitotest.OpETLGet, jsonAnswer(string(text)))
			e, err := b.client.ETLs.Trigger(t.Context(), id, csvOf("customers", "customerID\nC1\n"), csvOf("orders", "orderId,customerID\nO1,c1\n"), actito.LookUpParents(0))
			_, err = b.ends(t, e, err)
			require.ErrorIs(t, err, actito.ErrRowsRejected, "by the server, which has the last word")
		})
	}
}

// The file is written anew while it is staged, and its parents are those of what it is then.
func TestParentsOfWhatIsTransformedHere(t *testing.T) {
	t.Parallel()
	bothStaged(t, func(t *testing.T, give func(t *testing.T, data ...actito.Data) []actito.ImportOption) {
		b := newChain(t)
		tidy := func(column string, kinds ...transform.Kind) actito.DataOption {
			var list transform.List
			for _, k := range kinds {
				list = append(list, k.On(column)...)
			}
			spec, err := transform.New(list)
			require.NoError(t, err)
			return actito.Transformed(spec)
		}
		untidy := []transform.Kind{transform.Trim(), transform.Uppercase(), transform.NullWords("NULL")}
		data := give(t, csvOf("orders", "orderId,customerID\nO1, C1 \nO2,c2\n", tidy("customerID", untidy...)),
			csvOf("customers", "customerID\n c1\nC2 \n", tidy("customerID", untidy...)))
		e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), append(data, actito.LookUpParents(0))...)
		b.loads(t, e, err)

		// Rows that were left out count in the lines, and their values are no parents.
		number := tidy("amount", transform.Number(","))
		d := inOrder("customers orders")
		d.Files[1].Mapping = append(slices.Clone(d.Files[1].Mapping), actito.Mapping{Column: "amount", Attribute: "amount"})
		data = give(t, csvOf("orders", "orderId,customerID,amount\nO3,C1,\"1,5\"\nO4,C1,much\nO5,C9,1\n", number, actito.SkipInvalid()),
			csvOf("customers", "customerID\nC1\n"))
		_, err = b.client.ETLs.RunOnce(t.Context(), d, append(data, actito.LookUpParents(0))...)
		var invalid *actito.ValidationError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, []any{"orders.csv", 4, "missing-parent"}, []any{invalid.File, invalid.Line, invalid.Rule}, "the line in the file as it was given")
	})
}

func TestRowsThatWereLeftOutAreNobodysParents(t *testing.T) {
	t.Parallel()
	bothStaged(t, func(t *testing.T, give func(t *testing.T, data ...actito.Data) []actito.ImportOption) {
		b := newChain(t)
		refused := actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C1" })
		ids := actito.Columns("customerID")
		withoutKey := actito.Refuse(func(o order) (string, bool) { return "test", o.ID == "T" })
		d := once(chain["customers"], b.orders.InputFile("orders.csv"))
		data := give(t, b.orders.Rows("orders.csv", all(order{"T", "C2", 1}, order{"O1", "C2", 1}, order{"T", "C2", 1}, order{"O2", "C1", 1}), withoutKey),
			b.customers.Rows("customers.csv", all(annRow, bobRow), refused, ids))
		_, err := b.client.ETLs.RunOnce(t.Context(), d, data...)
		var invalid *actito.ValidationError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, []any{"orders.csv", 4, "customerID", "missing-parent"}, []any{invalid.File, invalid.Line, invalid.Column, invalid.Rule}, "the row's number as it was given")
		b.untouched(t)
	})
}

// bothStaged runs a test with data as it is, and with data that was staged before.
func bothStaged(t *testing.T, test func(t *testing.T, give func(t *testing.T, data ...actito.Data) []actito.ImportOption)) {
	t.Helper()
	t.Run("as they are", func(t *testing.T) {
		t.Parallel()
		test(t, func(_ *testing.T, data ...actito.Data) (list []actito.ImportOption) {
			for _, d := range data {
				list = append(list, d)
			}
			return list
		})
	})
	t.Run("staged", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T, data ...actito.Data) []actito.ImportOption {
			staged, err := actito.Stage(t.Context(), data...)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, staged.Close()) })
			return []actito.ImportOption{staged}
		})
	})
}

func TestALookUpThatFailsEndsTheImport(t *testing.T) {
	t.Parallel()
	orphans := []actito.ImportOption{chainData["customers"], csvOf("orders", "orderId,customerID\nO1,C8\nO2,C9\n")}
	b := newChain(t)
	b.Fail(actitotest.OpProfileGet, actitotest.Status(403))
	_, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), orphans...)
	require.ErrorIs(t, err, actito.ErrForbidden)
	require.ErrorContains(t, err, "orders.csv: line 2: customerID: looking up what it refers to in Customers, which LookUpParents(-1) leaves to the server")
	require.NotContains(t, err.Error(), "C8")
	require.Equal(t, 1, b.lookUps())
	b.untouched(t)

	// A table that cannot be searched is no answer.
	b.Fail(actitotest.OpRecordList, actitotest.Status(404))
	_, err = b.client.ETLs.RunOnce(t.Context(), inOrder("parcels scans"), csvOf("parcels", "parcelId,code\nP1,1\n"), csvOf("scans", "scanId,code\nS1,8\n"))
	require.ErrorIs(t, err, actito.ErrNotFound)
	require.ErrorContains(t, err, "scans.csv: line 2: code: looking up what it refers to in Parcels")
	b.untouched(t)

	before := b.lookUps()
	ctx, cancel := context.WithCancel(t.Context())
	ends := actito.OnProgress(func(p actito.Progress) { cancel() })
	_, err = b.client.ETLs.RunOnce(ctx, inOrder("customers orders"), append(orphans, ends)...)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, b.lookUps(), "none is sent after the end")
	b.untouched(t)
}

func TestWhatIsReadForAnImportIsBackgroundWork(t *testing.T) {
	t.Parallel()
	limiter := &watchedLimiter{slots: make(chan struct{}, 5)}
	b := newChain(t, actito.WithLimiter(limiter))
	other := newBulk(t, b.Server)
	_, err := other.customers.Upsert(t.Context(), customer{ID: "C8"})
	require.NoError(t, err)
	_, err = other.orders.Upsert(t.Context(), order{"O8", "C8", 1})
	require.NoError(t, err)
	_, err = b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders lines parcels scans"), csvOf("customers", "customerID\nC1\n"),
		csvOf("orders", "orderId,customerID\nO1,C8\n"), csvOf("lines", "lineId,orderId\nL1,O8\n"), csvOf("parcels", "parcelId,code\nP1,1\n"), csvOf("scans", "scanId,code\nS1,8\n"))
	require.ErrorIs(t, err, actito.ErrInvalid)
	require.Equal(t, 3, b.lookUps(), "by a profile's attribute, a record's key and another attribute")
	limiter.mu.Lock()
	defer limiter.mu.Unlock()
	for _, w := range limiter.work {
		require.Equal(t, actito.BackgroundWork, w.Class, w.Op)
	}
	require.NotEmpty(t, limiter.work)
}

func TestParentsOfAFileInParts(t *testing.T) {
	t.Parallel()
	b := newChain(t)
	text := "customerID\n"
	orders := "orderId,customerID\n"
	for i := range 60 {
		text += fmt.Sprintf("C%d\n", i)
		orders += fmt.Sprintf("\"O\n%d\",C%d\n", i, i)
	}
	files := []actito.ImportOption{csvOf("customers", text, actito.Pack(actito.Uncompressed)), actito.SplitAbove(120), actito.LookUpParents(0)}
	e, err := b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), append(files, csvOf("orders", orders, actito.Pack(actito.Uncompressed)))...)
	require.NoError(t, err)
	require.Greater(t, len(e.Parts), 3)
	e, err = b.client.Executions.Wait(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, 120, e.Totals().Created)
	sent := len(b.Imports())
	_, err = b.client.ETLs.RunOnce(t.Context(), inOrder("customers orders"), append(files, csvOf("orders", orders+"O,C99\n", actito.Pack(actito.Uncompressed)))...)
	var invalid *actito.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, []any{122, "missing-parent"}, []any{invalid.Line, invalid.Rule}, "the line in the whole file")
	require.Len(t, b.Imports(), sent)
}

// Exactly those imports are refused of which the server would reject rows for want of a parent.
func TestImportsAreRefusedThatTheServerWouldRejectRowsOf(t *testing.T) {
	t.Parallel()
	ids := rapid.SampledFrom([]string{"C1", "C2", "C3", `"C,4"`, "\"C\n5\"", `"C""6"`, "Zoë", "007", "7"})
	rapid.Check(t, func(rt *rapid.T) {
		b := newChain(t)
		b.Assume(actitotest.KeysWithCase)
		for _, id := range rapid.SliceOfNDistinct(ids, 0, 3, rapid.ID).Draw(rt, "on the server") {
			_, err := b.customers.Upsert(t.Context(), customer{ID: strings.ReplaceAll(strings.Trim(id, `"`), `""`, `"`)})
			require.NoError(rt, err)
		}
		parents, children := "customerID\n", "orderId,customerID\n"
		for _, id := range rapid.SliceOfNDistinct(ids, 1, 5, rapid.ID).Draw(rt, "in the file") {
			parents += id + "\n"
		}
		for i, id := range rapid.SliceOfN(ids, 1, 8).Draw(rt, "referred to") {
			children += fmt.Sprintf("O%d,%s\n", i, id)
		}
		d, data := inOrder("customers orders"), []actito.ImportOption{csvOf("customers", parents), csvOf("orders", children)}
		_, refused := b.client.ETLs.RunOnce(t.Context(), d, data...)
		if refused != nil {
			require.ErrorContains(rt, refused, "refers to rows of Customers")
		}
		e, err := b.client.ETLs.RunOnce(t.Context(), d, append(data, actito.LookUpParents(-1))...)
		require.NoError(rt, err)
		e, err = b.client.Executions.Wait(t.Context(), e)
		require.Equal(rt, err != nil, refused != nil, "%v", refused)
		require.Equal(rt, err != nil, e.Totals().Rejected > 0)
	})
}
