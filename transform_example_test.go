package actito_test

import (
	"fmt"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

func ExampleNewTransformer() {
	type customer struct {
		ID    string             `actito:"customerID,key"`
		Name  string             `actito:"lastName"`
		Phone actito.Opt[string] `actito:"gsmNumber"`
	}
	spec, err := transform.New(
		transform.NullWords("NULL").On("gsmNumber"),
		transform.Trim().On("lastName"),
		transform.Uppercase().On("lastName"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := actito.NewTransformer[customer](spec) // a column that customer does not have fails here
	if err != nil {
		fmt.Println(err)
		return
	}
	row := customer{ID: "C1", Name: " Lefèvre ", Phone: actito.Set("NULL")}
	changed, err := t.Apply(row)
	fmt.Println(changed.Name, changed.Phone, err)
	changes, _ := t.Explain(row)
	for _, c := range changes {
		fmt.Println(c)
	}
	// Output:
	// LEFÈVRE unset <nil>
	// gsmNumber: "NULL" → "" (NULL_WORDS)
	// lastName: " Lefèvre " → "Lefèvre" (TRIM)
	// lastName: "Lefèvre" → "LEFÈVRE" (UPPERCASE)
}
