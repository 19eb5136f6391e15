package benchmarks

import (
	"strings"
	"testing"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

// appliedSpec is what a shop does to its orders: half of the values change in no row, as most do.
func appliedSpec(b testing.TB) *transform.Specification {
	spec, err := transform.New(
		transform.Trim().On("orderID", "emailAddress", "firstName", "lastName"),
		transform.Lowercase().On("emailAddress"),
		transform.Uppercase().On("lastName"),
		transform.NullWords("NULL", "N/A").On("note", "gsmNumber"),
		transform.MapValues(map[string]string{"Bruxelles": "Brussel", "Liège": "Luik", "Namur": "Namen"}).On("city"),
		transform.Fallback("-").On("street"),
	)
	if err != nil {
		b.Fatal(err)
	}
	return spec
}

// appliers transform one row.
func appliers(b testing.TB) map[string]func(order) (order, error) {
	t, err := actito.NewTransformer[order](appliedSpec(b))
	if err != nil {
		b.Fatal(err)
	}
	return map[string]func(order) (order, error){"actito": t.Apply, "byhand": applyByHand}
}

var dutch = map[string]string{"Bruxelles": "Brussel", "Liège": "Luik", "Namur": "Namen"}

// applyByHand is the program that somebody writes who knows the type.
func applyByHand(o order) (order, error) {
	o.ID, o.First, o.Last = strings.TrimSpace(o.ID), strings.TrimSpace(o.First), strings.ToUpper(strings.TrimSpace(o.Last))
	o.Email = strings.ToLower(strings.TrimSpace(o.Email))
	for _, opt := range []*actito.Opt[string]{&o.Note, &o.Phone} {
		if text, set := opt.Get(); set && (text == "NULL" || text == "N/A") {
			*opt = actito.Opt[string]{}
		}
	}
	if name, known := dutch[o.City]; known {
		o.City = name
	}
	if o.Street == "" {
		o.Street = "-"
	}
	return o, nil
}

// BenchmarkApply is rows through a specification, one after another.
func BenchmarkApply(b *testing.B) {
	orders, _ := sampleOrders(b)
	all := appliers(b)
	for _, name := range []string{"actito", "byhand"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := all[name](orders[i%encodedRows]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func TestAppliersMakeTheSameRows(t *testing.T) {
	t.Parallel()
	orders, _ := sampleOrders(t)
	all := appliers(t)
	for i, o := range orders {
		got, err := all["actito"](o)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := all["byhand"](o)
		if got.ID != want.ID || got.Email != want.Email || got.First != want.First || got.Last != want.Last || got.Street != want.Street ||
			got.City != want.City || got.Note != want.Note || got.Phone != want.Phone {
			t.Fatalf("row %d is %+v, not %+v", i+1, got, want)
		}
	}
}
