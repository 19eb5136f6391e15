package transform_test

import (
	"fmt"

	"github.com/actito-go/actito/transform"
)

// apply shows what kinds make of a column's texts.
func apply(kind transform.Kind, texts ...string) {
	spec, err := transform.New(kind.On("column"))
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := spec.Bind([]string{"column"}, transform.CSV)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range texts {
		row := program.NewRow()
		row.Values[0].SetString(text)
		if err := program.Run(row); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: %q → %q\n", kind.Name(), text, row.Values[0].Text)
	}
}

func ExampleKind() {
	apply(transform.Capitalize(), "ann MARIE")
	apply(transform.TitleCase().Language("nl"), "JAN VAN DEN BERG")
	apply(transform.Lowercase(), "Ann@Example.COM")
	apply(transform.Normalize("ASCII"), "Straße", "Žluťoučký")
	apply(transform.Replace(".", ""), "0475.12.34")
	apply(transform.Constant("web shop"), "whatever was there")
	apply(transform.Fallback("unknown"), "", "Gent")
	apply(transform.BooleanWords([]string{"oui"}, []string{"non"}), "Oui", "non", "si")
	apply(transform.Sex(), "vrouw", "Masculin")
	apply(transform.SexWords([]string{"h"}, []string{"m"}), "H", "M") // a Spanish file
	// Output:
	// CAPITALIZE: "ann MARIE" → "Ann MARIE"
	// TITLE_CASE: "JAN VAN DEN BERG" → "Jan van den Berg"
	// LOWERCASE: "Ann@Example.COM" → "ann@example.com"
	// UNICODE: "Straße" → "Strasse"
	// UNICODE: "Žluťoučký" → "Zlutoucky"
	// REPLACE: "0475.12.34" → "04751234"
	// CONSTANT: "whatever was there" → "web shop"
	// CONSTANT: "" → "unknown"
	// CONSTANT: "Gent" → "Gent"
	// BOOLEAN: "Oui" → "TRUE"
	// BOOLEAN: "non" → "FALSE"
	// transform: transformation 1: column "column": BOOLEAN: expected one of oui, non
	// SEX: "vrouw" → "F"
	// SEX: "Masculin" → "M"
	// SEX: "H" → "M"
	// SEX: "M" → "F"
}

// Keys that a partner sends in parts are put together, and the parts are not imported.
func ExampleConcatenate() {
	spec, err := transform.New(
		transform.Concatenate("-", "shop", "number").On("orderId"),
		transform.Drop().On("shop", "number"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := spec.Explain(map[string]string{"shop": "BE1", "number": "0042"}, transform.CSV)
	for _, c := range changes {
		fmt.Println(c)
	}
	fmt.Println(err)
	_, err = spec.Explain(map[string]string{"shop": "BE1", "number": ""}, transform.CSV)
	fmt.Println(err)

	spec, err = transform.New(transform.Concatenate("-", "shop", "number").SkipEmpty().On("orderId"))
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err = spec.Explain(map[string]string{"shop": "BE1", "number": ""}, transform.CSV)
	fmt.Println(changes, err)
	// Output:
	// orderId: "" → "BE1-0042" (CONCATENATE)
	// <nil>
	// transform: transformation 1: column "orderId": CONCATENATE: some of the columns are empty: a text made of the others might be that of another row; SkipEmpty allows it
	// [orderId: "" → "BE1" (CONCATENATE)] <nil>
}

// A program tells its caller which columns it needs, and what comes out.
func ExampleProgram() {
	spec, err := transform.New(
		transform.Boolean().On("newsletter"),
		transform.Date("dd/MM/yyyy").To("yyyy-MM-dd").On("birth"),
		transform.MapValues(map[string]string{"BE": "Belgium"}).DefaultUnset().On("country"),
		transform.Drop().On("remark"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := spec.Bind([]string{"id", "newsletter", "birth", "country", "remark"}, transform.JSON)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("touched", program.Touched(), "written", program.Written(), "booleans", program.Booleans())
	row := program.NewRow()
	row.Values[0].SetText([]byte("C1"))
	row.Values[1].SetString("oui")
	row.Values[2].Clear() // null
	row.Values[3].SetString("NL")
	row.Values[4].Leave() // unset, as it was
	if err := program.Run(row); err != nil {
		fmt.Println(err)
		return
	}
	for i, column := range program.Columns() {
		if !program.Dropped(i) {
			fmt.Printf("%s: set %t %q\n", column, row.Values[i].State == transform.Set, row.Values[i].Text)
		}
	}
	// Output:
	// touched [1 2 3] written [1 2 3] booleans [1]
	// id: set true "C1"
	// newsletter: set true "true"
	// birth: set false ""
	// country: set false ""
}

// What the service's own engine takes, and whether a stored definition has it already.
func ExampleSpecification_ForService() {
	wanted, err := transform.New(transform.Trim().On("city"), transform.Uppercase().On("city"))
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := wanted.ForService()
	if err != nil {
		fmt.Println(err)
		return
	}
	stored, err := transform.New(list)
	fmt.Println(len(list), wanted.Equal(stored), err)
	here, err := transform.New(transform.Email().On("emailAddress"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = here.ForService()
	fmt.Println(err)
	// Output:
	// 2 true <nil>
	// transform: transformation 1: column "emailAddress": EMAIL: the service is not known to have this kind: let it run here, while the file is staged
}
