package actito_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// untilError collects rejects and the error that ends them.
func untilError[T any](t testing.TB, rejects iter.Seq2[actito.Reject[T], error]) (list []actito.Reject[T], err error) {
	t.Helper()
	for r, failed := range rejects {
		require.NoError(t, err, "nothing follows an error")
		if err = failed; err == nil {
			list = append(list, r)
		}
	}
	return list, err
}

func TestARowWithMoreOrFewerCellsDoesNotEndTheRejects(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,customerID,amount,errorCode,errorColumn\nO1,C1\nO2,C2,2,E,amount\nO3,C3,\"a\nb\",3,E,amount\nO4,C4,4,E,\n"))
	list := collect(t, b.orders.Rejects(t.Context(), e))
	require.Len(t, list, 4)
	for i, cells := range map[int][]string{0: {"O1", "C1"}, 2: {"O3", "C3", "a\nb", "3", "E", "amount"}} {
		r := list[i]
		require.ErrorIs(t, r.RowErr, actito.ErrInvalid)
		require.ErrorContains(t, r.RowErr, "cells instead of 5")
		require.NotContains(t, r.RowErr.Error(), "C")
		require.Equal(t, cells, r.Cells)
		require.Zero(t, r.Row)
		require.Empty(t, r.Key+r.Code+r.Column)
	}
	for i, id := range map[int]string{1: "O2", 3: "O4"} {
		require.NoError(t, list[i].RowErr)
		require.Equal(t, id, list[i].Key)
		require.Equal(t, "E", list[i].Code)
	}
	require.Equal(t, []int{2, 3, 4, 6}, []int{list[0].Line, list[1].Line, list[2].Line, list[3].Line})
}

func TestTheKeyOfARejectIsItsCell(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,amount,errorCode,errorColumn\n 7,?,E,amount\n"))
	require.Equal(t, " 7", collect(t, b.orders.Rejects(t.Context(), e))[0].Key, "also of a row that does not decode")
	maps, err := actito.Records[map[string]any](b.client, "Orders")
	require.NoError(t, err)
	require.Empty(t, collect(t, maps.Rejects(t.Context(), e))[0].Key)
	maps, err = maps.KeyedBy("amount")
	require.NoError(t, err)
	require.Equal(t, "?", collect(t, maps.Rejects(t.Context(), e))[0].Key)
	require.Empty(t, collect(t, b.client.Executions.Rejects(t.Context(), e))[0].Key)
}

func TestRejectsThatDoNotAddUpEndWithAnError(t *testing.T) {
	t.Parallel()
	const orders = "orderId,customerID,amount,errorCode,errorColumn\nO1,C1,1,E,amount\nO2,C2,2,E,amount\n"
	const customers = "customerID,errorCode,errorColumn\nC1,E,customerID\n"
	for name, tt := range map[string]struct {
		files    []string
		results  []actito.FileResult
		rows     int // of orders
		adds     bool
		addsAll  bool // of both tables together
		notEnded bool
	}{
		"as many as counted": {[]string{"o.csv", orders}, []actito.FileResult{{Name: "o.csv", Rejected: 2}}, 2, true, true, false},
		"fewer":              {[]string{"o.csv", orders}, []actito.FileResult{{Name: "o.csv", Rejected: 3}}, 2, false, false, false},
		"more":               {[]string{"o.csv", orders}, []actito.FileResult{{Name: "o.csv", Rejected: 1}}, 2, false, false, false},
		"none":               {nil, []actito.FileResult{{Name: "o.csv", Rejected: 1}}, 0, false, false, false},
		"a header only":      {[]string{"o.csv", orders[:strings.Index(orders, "\n")]}, []actito.FileResult{{Name: "o.csv", Rejected: 1}}, 0, false, false, false},
		"not counted":        {[]string{"o.csv", orders}, []actito.FileResult{{Name: "o.csv"}}, 2, true, true, false},
		"before the end":     {[]string{"o.csv", orders}, []actito.FileResult{{Name: "o.csv", Rejected: 1}}, 2, true, true, true},
		"the other table's are missing": {[]string{"o.csv", orders}, []actito.FileResult{
			{Name: "o.csv", Rejected: 2}, {Name: "c.csv", Table: actito.ProfileTableType, Rejected: 1}}, 2, true, false, false},
		"both tables": {[]string{"o.csv", orders, "c.csv", customers}, []actito.FileResult{
			{Name: "o.csv", Rejected: 2}, {Name: "c.csv", Table: actito.ProfileTableType, Rejected: 1}}, 2, true, true, false},
		"files under other names": {[]string{"1.csv", orders, "2.csv", customers}, []actito.FileResult{
			{Name: "o.csv", Rejected: 2}, {Name: "c.csv", Table: actito.ProfileTableType, Rejected: 1}}, 3, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, archive(t, tt.files...))
			e.Files = tt.results
			if tt.notEnded {
				e.Status = actito.StatusRunning
			}
			list, err := untilError(t, b.orders.Rejects(t.Context(), e))
			require.Len(t, list, tt.rows)
			_, errAll := untilError(t, b.client.Executions.Rejects(t.Context(), e))
			for adds, err := range map[*bool]error{&tt.adds: err, &tt.addsAll: errAll} {
				if *adds {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, actito.ErrRowsUnaccounted)
					require.ErrorContains(t, err, "execution 7: the server says that it rejected")
				}
			}
			for r, err := range b.orders.Rejects(t.Context(), e) {
				require.Equal(t, err == nil, r.Code == "E")
				break // who leaves early is not told
			}
		})
	}
}

func TestRejectsOfSeveralPartsAreReadInTurn(t *testing.T) {
	t.Parallel()
	b := newBulk(t, inMemory(t))
	b.Assume(actitotest.ResultFilesExist)
	_, err := b.customers.Upsert(t.Context(), annRow)
	require.NoError(t, err)
	var parts []*actito.Execution
	for _, rows := range [][]order{{{"O1", "C9", 1}}, {{"O2", "C1", 2}}, {{"O3", "C9", 3}, {"O4", "C9", 4}}} {
		e, err := b.client.ETLs.RunOnce(t.Context(), once(b.orders.InputFile("orders.csv")), b.orders.Rows("orders.csv", all(rows...)))
		require.NoError(t, err)
		parts = append(parts, e)
	}
	whole := &actito.Execution{Status: actito.StatusWithError, Parts: append(parts, nil, &actito.Execution{})}
	source := actito.DataBytes("orders.csv", []byte("orderId,customerID,amount\nO1,C9,1\nO2,C1,2\nO3,C9,3\nO4,C9,4\n"))
	var got [][3]any
	for _, r := range collect(t, b.orders.Rejects(t.Context(), whole, actito.Source(source))) {
		got = append(got, [3]any{r.Part, r.Key, r.SourceLine})
	}
	require.Equal(t, [][3]any{{1, "O1", 2}, {3, "O3", 4}, {3, "O4", 5}}, got)

	var repaired strings.Builder
	n, err := b.client.Executions.WriteRepair(t.Context(), whole, "orders.csv", &repaired)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, "orderId,customerID,amount\nO1,C9,1\nO3,C9,3\nO4,C9,4\n", repaired.String())
	summary, err := b.client.Executions.Summarize(t.Context(), whole)
	require.NoError(t, err)
	require.Equal(t, 3, summary.Rows)

	b.Fail(actitotest.OpErrorFile, actitotest.CutAnswer(3))
	_, err = untilError(t, b.orders.Rejects(t.Context(), whole))
	require.ErrorContains(t, err, "download rejects")
}

func TestRejectsAreFoundInTheFileThatWasImported(t *testing.T) {
	t.Parallel()
	const rejected = "orderId;customerID;amount;errorCode;errorColumn\n\"O\n2\";C9;2;E;\nO4;Ren\xe9;4;E;\nO4;Ren\xe9;4;E;\n"
	const text = "orderId;customerID;amount\nO1;C1;1\n\"O\n2\";\"C9\";2\nO3;C1;3\nO4;René;4\nO5;;\nO4;René;4\n"
	rows := all(order{"O1", "C1", 1}, order{"O\n2", "C9", 2}, order{"O3", "C1", 3}, order{"O4", "René", 4}, order{"O5", "", 5}, order{"O4", "René", 4})
	failed := errors.New("no disk")
	orders := newBulk(t, inMemory(t)).orders
	for name, tt := range map[string]struct {
		options []actito.RejectsOption
		want    []int
		err     string
	}{
		"no source":                    {nil, []int{0, 0, 0}, ""},
		"nil":                          {[]actito.RejectsOption{nil}, []int{0, 0, 0}, ""},
		"a source of another name":     {[]actito.RejectsOption{actito.Source(actito.DataBytes("x.csv", []byte(text)))}, []int{0, 0, 0}, ""},
		"the separator of its rejects": {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte(text)))}, []int{3, 6, 8}, ""},
		"a separator of its own":       {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte(text), actito.SeparatedBy(';')))}, []int{3, 6, 8}, ""},
		"among others":                 {[]actito.RejectsOption{actito.Source(actito.DataBytes("x.csv", nil), actito.DataBytes("o.csv", []byte(text)))}, []int{3, 6, 8}, ""},
		"rows":                         {[]actito.RejectsOption{actito.Source(orders.Rows("o.csv", rows))}, []int{3, 6, 8}, ""},
		"one that lacks the last":      {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte(text[:strings.Index(text, "O5")])))}, []int{3, 6, 0}, ""},
		"one that lacks the first":     {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte(strings.Replace(text, "C9", "C8", 1))))}, []int{0, 0, 0}, ""},
		"another file":                 {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte("id;name\n1;x\n")))}, nil, "actito: o.csv: line 1: the Source has other columns"},
		"one without rows":             {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", nil))}, nil, "empty"},
		"one that breaks a rule":       {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte("orderId;customerID;amount\nO1\n")))}, nil, "number of cells"},
		"one that fails":               {[]actito.RejectsOption{actito.Source(orders.Rows("o.csv", failing(failed, order{"O1", "C1", 1})))}, nil, "no disk"},
		"a separator that is none":     {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte(text), actito.SeparatedBy('"')))}, nil, "cannot separate"},
		"a file that does not exist":   {[]actito.RejectsOption{actito.Source(actito.DataFile(t.TempDir() + "/o.csv"))}, nil, "no such file"},
		"another separator":            {[]actito.RejectsOption{actito.Source(orders.Rows("o.csv", rows, actito.SeparatedBy('|')))}, []int{3, 6, 8}, ""},
		"a separator of another file":  {[]actito.RejectsOption{actito.Source(actito.DataBytes("o.csv", []byte(text), actito.SeparatedBy(',')))}, nil, "disagree"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, e := rejecting(t, archive(t, "o.csv", rejected))
			list, err := untilError(t, b.client.Executions.Rejects(t.Context(), e, tt.options...))
			var got []int
			for _, r := range list {
				got = append(got, r.SourceLine)
			}
			require.Equal(t, tt.want, got)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			for _, err := range b.client.Executions.Rejects(t.Context(), e, tt.options...) {
				_ = err
				break // the source is let go
			}
		})
	}
}

func TestRejectsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,errorCode,errorColumn\nO1,E,orderId\nO2,E,orderId\n"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range b.orders.Rejects(ctx, e) {
		if n++; n == 1 {
			require.NoError(t, err)
			cancel()
			continue
		}
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, 2, n)
}

func TestLogsHoldNoValuesOfRows(t *testing.T) {
	t.Parallel()
	b, e := rejecting(t, archive(t, "o.csv", "orderId,customerID,errorCode,errorColumn\nO1,Ann,Ann is unknown,customerID\nO2,Ann,E,Ann\n"))
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	for _, r := range collect(t, b.orders.Rejects(t.Context(), e)) {
		log.Info("rejected", slog.Any("reject", r))
	}
	log.Info("refused", slog.Any("refusal", actito.Refusal{File: "o.csv", Row: 7, Reason: "erased", Key: "O1"}))
	require.NotContains(t, out.String(), "Ann")
	require.NotContains(t, out.String(), "O1")
	for _, shown := range []string{"reject.line=2", `reject.code="[value] is unknown"`, "reject.column=customerID", "reject.column=[value]", "refusal.row=7", "refusal.reason=erased"} {
		require.Contains(t, out.String(), shown)
	}
}
