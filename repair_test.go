package actito_test

import (
	"context"
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

func TestARepairFileHasTheRowsByteForByte(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ rejects, want string }{
		"commas":                    {"a,b,errorCode,errorColumn\n1,2,E,a\n", "a,b\n1,2\n"},
		"quotes that need not be":   {"\"a\";b;errorCode;errorColumn\n\"1\"; 2 ;E;a\n", "\"a\";b\n\"1\"; 2 \n"},
		"cells of several lines":    {"a,\"b\nb\",errorCode,errorColumn\n\"1\r\n\"\"1\",2,\"E\nE\",a\n3,4,E,\"a,\"\n", "a,\"b\nb\"\n\"1\r\n\"\"1\",2\n3,4\n"},
		"CRLF":                      {"a,b,errorCode,errorColumn\r\n1,2,E,a\r\n3,4,E,a\r\n", "a,b\r\n1,2\r\n3,4\r\n"},
		"no last line end":          {"a,b,errorCode,errorColumn\r\n1,2,E,a", "a,b\r\n1,2\r\n"},
		"ISO-8859-1":                {"a,b,errorCode,errorColumn\nRen\xe9,\xa7,E,a\n", "a,b\nRen\xe9,\xa7\n"},
		"a separator beyond ASCII":  {"a§b§errorCode§errorColumn\n1§\"§\"§E§a\n", "a§b\n1§\"§\"\n"},
		"a byte-order mark":         {"\ufeffa,b,errorCode,errorColumn\n1,2,E,a\n", "a,b\n1,2\n"},
		"empty cells":               {"a,b,errorCode,errorColumn\n,,,\n", "a,b\n,\n"},
		"one empty cell":            {"a,errorCode,errorColumn\n,E,a\n\"\",E,a\n", "a\n\"\"\n\"\"\n"},
		"blank lines between":       {"\n\r\na,errorCode,errorColumn\n\n\r\n1,E,a\n\n2,E,a\n\n", "a\n1\n2\n"},
		"a column named errorCode,": {"errorCode,b,errorCode,errorColumn\n1,2,E,a\n", "errorCode,b\n1,2\n"},
		"formulas":                  {"a,errorCode,errorColumn\n=1+1,E,a\n", "a\n=1+1\n"},
		"no rows":                   {"a,errorCode,errorColumn\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, archive(t, "x.csv", "not read", "o.csv", tt.rejects))
			var got strings.Builder
			n, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", &got, nil)
			require.NoError(t, err)
			require.Equal(t, tt.want, got.String())
			require.Equal(t, n > 0, got.Len() > 0)
		})
	}
}

func TestARepairFileForSpreadsheetsIsInert(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "a;=b;errorCode;errorColumn\n=1+1;Ren\xe9;E;a\n\"+32;x\";-5;@E;\"\tb\"\n\"\rx\";\" =1\";\"a\nb\";\n"))
	var got strings.Builder
	n, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", &got, actito.ForSpreadsheets())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	text, marked := strings.CutPrefix(got.String(), "\ufeff")
	require.True(t, marked)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"a", "'=b", "errorCode", "errorColumn"},
		{"'=1+1", "René", "E", "a"},
		{"'+32;x", "'-5", "'@E", "'\tb"},
		{"'\rx", " =1", "a\nb", ""},
	}, rows)
}

func TestARepairFileHasOnlyTheRejectsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		options []actito.RepairOption
		want    string
	}{
		"as they came":     {nil, "a;b\n3;=x\n"},
		"for spreadsheets": {[]actito.RepairOption{actito.ForSpreadsheets()}, "\ufeffa;b;errorCode;errorColumn\n3;'=x;F;b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, archive(t, "x.csv", "not read", "o.csv", "a;b;errorCode;errorColumn\n1;2;E;a\n3;=x;F;b\n5;6;E;a\n"))
			var seen []actito.Reject[map[string]string]
			var got strings.Builder
			n, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", &got, append(tt.options,
				actito.OnlyRejects(func(r actito.Reject[map[string]string]) bool {
					seen = append(seen, r)
					return r.Line == 3
				}))...)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.Equal(t, tt.want, got.String())
			require.Len(t, seen, 3)
			require.Equal(t, actito.Reject[map[string]string]{Row: map[string]string{"a": "3", "b": "=x"}, Columns: []string{"a", "b"},
				Cells: []string{"3", "=x"}, File: "o.csv", Line: 3, Code: "F", Column: "b"}, seen[1])
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		b, e := rejecting(t, archive(t, "o.csv", "a,errorCode,errorColumn\n1,E,a\n"))
		var got strings.Builder
		n, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", &got, actito.OnlyRejects(func(actito.Reject[map[string]string]) bool { return false }))
		require.NoError(t, err)
		require.Zero(t, n)
		require.Empty(t, got.String())
	})
}

func TestARepairedFileIsImportedAgain(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesExist)
	e := b.twoTables(t)
	var file strings.Builder
	n, err := b.client.Executions.WriteRepair(t.Context(), e, "customers.csv", &file)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	e, err = b.client.ETLs.RunOnce(t.Context(), once(b.customers.InputFile("customers.csv", named)),
		actito.DataBytes("customers.csv", []byte(strings.Replace(file.String(), "bob@nowhere", "bob@example.com", 1))))
	b.loads(t, e, err)
	require.Len(t, b.Profiles("Customers"), 2)
}

func TestRepairFilesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const rejects = "a,errorCode,errorColumn\n1,E,a\n"
	t.Run("a file that the execution does not have", func(t *testing.T) {
		t.Parallel()
		b, e := rejecting(t, archive(t, "o.csv", rejects))
		n, err := b.client.Executions.WriteRepair(t.Context(), e, "x.csv", new(strings.Builder))
		require.ErrorIs(t, err, actito.ErrInvalid)
		require.ErrorContains(t, err, "execution 7 has no file of this name, only o.csv")
		require.Zero(t, n)
	})
	t.Run("rows with more cells are left out and told", func(t *testing.T) {
		t.Parallel()
		b, e := rejecting(t, archive(t, "o.csv", rejects+"1,2,E,a\n3,4,E,a\n5,E,a\n"))
		var got strings.Builder
		n, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", &got)
		require.ErrorContains(t, err, "o.csv: line 3: this row of the rejects file and 1 more")
		require.Equal(t, 2, n)
		require.Equal(t, "a\n1\n5\n", got.String())
	})
	t.Run("rejects that do not add up", func(t *testing.T) {
		t.Parallel()
		b, e := rejecting(t, archive(t, "o.csv", rejects))
		e.Files[0].Rejected = 2
		var got strings.Builder
		n, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", &got)
		require.ErrorIs(t, err, actito.ErrRowsUnaccounted)
		require.Equal(t, 1, n)
		require.Equal(t, "a\n1\n", got.String())
	})
	t.Run("a writer that fails", func(t *testing.T) {
		t.Parallel()
		for _, rows := range []int{0, 10_000} {
			for _, options := range [][]actito.RepairOption{nil, {actito.ForSpreadsheets()}} {
				b, e := rejecting(t, archive(t, "o.csv", rejects+strings.Repeat("1,E,a\n", rows)))
				_, err := b.client.Executions.WriteRepair(t.Context(), e, "o.csv", full{}, options...)
				require.ErrorIs(t, err, errFull)
			}
		}
	})
	t.Run("parts with different headers", func(t *testing.T) {
		t.Parallel()
		b := newBulk(t, inMemory(t))
		for _, text := range []string{rejects, "b" + rejects[1:]} {
			b.Fail(actitotest.OpErrorFile, actitotest.Status(200).WithBody("application/zip", archive(t, "o.csv", text)))
		}
		part := actito.Execution{ID: "7", Status: actito.StatusWithError, Files: []actito.FileResult{{Name: "o.csv"}}}
		_, err := b.client.Executions.WriteRepair(t.Context(), &actito.Execution{Parts: []*actito.Execution{&part, &part}}, "o.csv", new(strings.Builder))
		require.ErrorContains(t, err, "different headers")
	})
	t.Run("nothing was started", func(t *testing.T) {
		t.Parallel()
		b := newBulk(t, inMemory(t))
		n, err := b.client.Executions.WriteRepair(t.Context(), nil, "o.csv", new(strings.Builder))
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestRejectsAreRepairedOneByOne(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesExist)
	e := b.twoTables(t)
	for reject, result := range b.customers.Repair(t.Context(), e, func(r actito.Reject[customer]) (customer, bool) {
		r.Row.Email = "bob@example.com"
		return r.Row, r.Column == "emailAddress"
	}) {
		require.NoError(t, result.Err)
		require.NotEmpty(t, result.ID)
		require.Equal(t, "C2", reject.Key)
	}
	require.Len(t, b.Profiles("Customers"), 2)

	n := 0
	for reject, result := range b.orders.Repair(t.Context(), e, func(r actito.Reject[order]) (order, bool) { return r.Row, true }) {
		require.ErrorIs(t, result.Err, actito.ErrInvalid, "it is as wrong as before")
		require.Equal(t, "O2", reject.Key)
		n++
	}
	require.Equal(t, 1, n)
	b.counted(t, "Customers", 1, 0)
	b.counted(t, "Orders", 1, 0)
}

func TestEachRepairIsYieldedWithItsReject(t *testing.T) {
	t.Parallel()
	var rejects strings.Builder
	rejects.WriteString("orderId,amount,errorCode,errorColumn\n")
	for i := range 60 {
		rejects.WriteString("O" + strings.Repeat("x", i) + ",secret,E,amount\n")
	}
	b, e := rejecting(t, archive(t, "o.csv", rejects.String()))
	e.Files[0].Rejected = 61 // one more than there are
	_, err := b.customers.Upsert(t.Context(), annRow)
	require.NoError(t, err)
	var results []actito.UpsertResult
	for reject, result := range b.orders.Repair(t.Context(), e, func(r actito.Reject[order]) (order, bool) {
		require.Error(t, r.RowErr)
		of := "C1"
		if len(r.Key) > 20 {
			of = "C9" // who does not exist
		}
		return order{r.Key, of, 1}, len(r.Key)%3 != 0
	}) {
		results = append(results, result)
		if len(results) <= 40 {
			require.Len(t, results, result.Row)
			if len(reject.Key) <= 20 {
				require.Equal(t, reject.Key, result.ID)
			} else {
				require.ErrorIs(t, result.Err, actito.ErrInvalid)
			}
			continue
		}
		require.ErrorIs(t, result.Err, actito.ErrRowsUnaccounted)
		require.Zero(t, reject)
	}
	require.Len(t, results, 41)
	for range b.orders.Repair(t.Context(), e, func(r actito.Reject[order]) (order, bool) { return order{ID: r.Key}, true }) {
		break
	}
}

func TestRepairsThatCannotBegin(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,errorCode,errorColumn\nO1,E,orderId\n"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	send := func(r actito.Reject[order]) (order, bool) { return r.Row, true }
	for name, results := range map[string]func(func(actito.Reject[order], actito.UpsertResult) bool){
		"no function":      b.orders.Repair(t.Context(), e, nil),
		"context canceled": b.orders.Repair(ended, e, send),
		"not found":        b.orders.Repair(t.Context(), &actito.Execution{ID: "99"}, send),
	} {
		n := 0
		for reject, result := range results {
			require.Error(t, result.Err, name)
			require.Zero(t, reject)
			n++
		}
		require.Equal(t, 1, n, name)
	}
}

func TestARepairFileNeedsAWriter(t *testing.T) {
	t.Parallel()
	_, err := newBulk(t, inMemory(t)).client.Executions.WriteRepair(t.Context(), &actito.Execution{ID: "1"}, "o.csv", nil)
	require.ErrorContains(t, err, "the writer is nil")
}
