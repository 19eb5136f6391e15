package actito

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func ExampleWriteCSV() {
	type order struct {
		ID      string    `actito:"orderId,key"`
		Street  string    `actito:"street"`
		Amount  float64   `actito:"amount"`
		Shipped Opt[Date] `actito:"shipped"`
		Gift    Opt[bool] `actito:"gift"`
	}
	orders := []order{
		{ID: "A-1", Street: "Kerkstraat 4, bus 2", Amount: 12.5, Shipped: Set(NewDate(2026, 11, 24))},
		{ID: "A-2", Street: "Grote Markt 1", Amount: 8, Gift: Set(true)},
	}
	if err := WriteCSV(os.Stdout, FromSlice(orders)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// orderId,street,amount,shipped,gift
	// A-1,"Kerkstraat 4, bus 2",12.5,2026-11-24,
	// A-2,Grote Markt 1,8,,TRUE
}

func TestWriteCSVWritesWhatIsStaged(t *testing.T) {
	t.Parallel()
	rows := make([]order, 1000) // more than a block
	for i := range rows {
		rows[i] = *sampleOrder()
		rows[i].ID = fmt.Sprint(i)
	}
	var file strings.Builder
	require.NoError(t, WriteCSV(&file, FromSlice(rows), Columns("orderId", "orderMoment", "street", "shipped")))
	staged, err := Stage(t.Context(), DataRows("orders.csv", FromSlice(rows), Columns("orderId", "orderMoment", "street", "shipped")))
	require.NoError(t, err)
	defer staged.Close()
	require.Equal(t, unzip(t, staged, 0), file.String())

	file.Reset()
	require.NoError(t, WriteCSV(&file, FromSlice(rows[:0])))
	require.Equal(t, "orderId", file.String()[:7], "the header is there without rows too")
}

func TestWriteCSVEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	rows := func(yield func(order, error) bool) {
		_ = yield(*sampleOrder(), nil) && yield(order{}, broken)
	}
	err := WriteCSV(io.Discard, rows)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "row 2")

	keyless := []order{*sampleOrder(), {Email: "secret@example.com"}}
	err = WriteCSV(io.Discard, FromSlice(keyless))
	requireRefused(t, err, "orderId", "empty-key")
	require.ErrorContains(t, err, "line 2")

	many := make([]order, 5000)
	for i := range many {
		many[i] = *sampleOrder()
	}
	w := &failingWriter{err: broken}
	require.ErrorIs(t, WriteCSV(w, FromSlice(many)), broken)
	require.Equal(t, 1, w.calls, "nothing is written after an error")

	require.ErrorContains(t, WriteCSV(io.Discard, FromSlice([]struct{}{})), "no field")
	require.ErrorContains(t, WriteCSV(io.Discard, FromSlice([]map[string]any{})), "name them")
	require.ErrorContains(t, WriteCSV[order](io.Discard, nil), "rows are nil")
	require.ErrorContains(t, WriteCSV(nil, FromSlice(many)), "writer")
}

type failingWriter struct {
	err   error
	calls int
}

func (w *failingWriter) Write([]byte) (int, error) {
	w.calls++
	return 0, w.err
}
