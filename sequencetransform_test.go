package actito_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

func TestOrphansAreFoundByWhatTransformationsMakeOfValues(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newSequenceShop(t)
		upper := actito.Transformed(specOf(t, transform.Trim().On("customerID"), transform.Uppercase().On("customerID")))
		seq := sequence(actito.WithoutOrphans)
		seq.Steps[2].Import = []actito.ImportOption{actito.DataBytes("customers.csv", []byte("customerID,emailAddress\nc1,ann@example.com\n c2 ,bob@nowhere\n"), upper)}
		seq.Steps[1].Import = []actito.ImportOption{actito.DataBytes("orders.csv", []byte("orderId,customerID,note\nO1,c1,\nO2,c2,\nO3,C1 ,\n"), upper)}
		report, err := b.client.ETLs.RunSequence(t.Context(), seq)
		require.ErrorIs(t, err, actito.ErrRowsRejected)
		require.Equal(t, "orderId,customerID,note\nO1,C1,\nO3,C1,\n", b.filesSent(t)["orders.csv"])
		require.Equal(t, actito.Account{Rows: 8, Accepted: 5, Rejected: 1, Refused: 2}, report.Account())
	})
}

func TestRefusedRowsWhoseKeyWouldBeTransformedDoNotTell(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		transformation transform.List
		option         actito.RowsOption
		want           error
	}{
		"a row that a transformation refuses": {transform.MapValues(map[string]string{"C1": "C1"}).Strict().On("customerID"), actito.SkipInvalid(), actito.ErrInvalid},
		"a row that is refused before": {transform.Lowercase().On("customerID"),
			actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C2" }), actito.ErrInvalid},
		"but keys that are not transformed tell": {transform.Lowercase().On("emailAddress"),
			actito.Refuse(func(c customer) (string, bool) { return "erased", c.ID == "C2" }), actito.ErrRowsRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newSequenceShop(t)
				table, err := b.customers.Transformed(specOf(t, tt.transformation))
				require.NoError(t, err)
				seq := sequence(actito.WithoutOrphans)
				columns := actito.Columns("customerID", "emailAddress")
				seq.Steps[2].Definition.Files[0] = table.InputFile("customers.csv", columns)
				seq.Steps[2].Import = []actito.ImportOption{table.Rows("customers.csv", all(annRow, bobRow), columns, tt.option)}
				_, err = b.client.ETLs.RunSequence(t.Context(), seq)
				require.ErrorIs(t, err, tt.want)
				if errors.Is(tt.want, actito.ErrInvalid) {
					require.ErrorContains(t, err, "of which the key is known only as it was before")
					b.untouched(t)
				}
			})
		})
	}
}

func TestAnEdgeOverAColumnThatTheServerTransformsIsRefused(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]int{"of the needed step": 2, "of its own": 1} {
		for how, raw := range map[string]bool{"in a form that is known": false, "in another": true} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newSequenceShop(t)
					seq := sequence(actito.WithoutOrphans)
					file := &seq.Steps[step].Definition.Files[0]
					if raw {
						file.Extra = map[string]json.RawMessage{"transformations": []byte(`[{"x":1}]`)}
					} else {
						file.Transformations = transform.Uppercase().On("customerID")
					}
					_, err := b.client.ETLs.RunSequence(t.Context(), seq)
					require.ErrorIs(t, err, actito.ErrInvalid)
					require.ErrorContains(t, err, "the server transforms this column")
					b.untouched(t)
				})
			})
		}
	}
}
