package transform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/actito-go/actito/transform"
)

func Example() {
	spec, err := transform.New(
		transform.NullWords("NULL", "N/A").On("phone"),
		transform.Collapse().On("contact", "city"),
		transform.TitleCase().Language("nl").On("contact"),
		transform.MapValues(map[string]string{"Belgique": "BE", "België": "BE"}).Strict().On("country"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := spec.Bind([]string{"contact", "city", "country", "phone"}, transform.JSON)
	if err != nil {
		fmt.Println(err)
		return
	}
	row := program.NewRow()
	for i, text := range []string{"JAN  VAN DEN BERG", " Gent", "België", "N/A"} {
		row.Values[i].SetString(text)
	}
	if err := program.Run(row); err != nil {
		fmt.Println(err)
		return
	}
	for i, column := range program.Columns() {
		fmt.Printf("%s: %q\n", column, row.Values[i].Text)
	}
	// Output:
	// contact: "Jan van den Berg"
	// city: "Gent"
	// country: "BE"
	// phone: ""
}

func ExampleNew() {
	spec, err := transform.New(
		transform.Trim().On("contact", "city"),
		transform.Uppercase().Language("tr").On("city"),
	)
	fmt.Println(spec, err)

	_, err = transform.New(transform.ReplaceRegex(`(\d+)-(\d+)`, "$2x").On("contact"))
	fmt.Println(err)
	// Output:
	// contact: TRIM
	// city: TRIM
	// city: UPPERCASE {"language":"tr"} <nil>
	// transform: transformation 1: column "contact": REPLACE_REGEX: its parameter replacement names a group that the pattern lacks: "2x"; write ${1}x for group 1 and an x, and $$ for a dollar
}

func ExampleParse() {
	spec, err := transform.Parse([]byte(`[
		{"headerColumn": "firstName", "type": "CAPITALIZE"},
		{"headerColumn": "country", "type": "VALUE_MAPPING", "values": {"Belgique": "BE"}, "default": null}
	]`))
	fmt.Println(spec, err)
	// Output:
	// firstName: CAPITALIZE
	// country: VALUE_MAPPING {"default":null,"values":{"Belgique":"BE"}} <nil>
}

func ExampleSpecification_Explain() {
	spec, err := transform.New(
		transform.Trim().On("name"),
		transform.TitleCase().Language("fr").On("name"),
		transform.Split(" ", "firstName", "lastName").On("name"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := spec.Explain(map[string]string{"name": " CHARLES DE GAULLE"}, transform.CSV)
	for _, c := range changes {
		fmt.Println(c)
	}
	fmt.Println(err)
	// Output:
	// name: " CHARLES DE GAULLE" → "CHARLES DE GAULLE" (TRIM)
	// name: "CHARLES DE GAULLE" → "Charles de Gaulle" (TITLE_CASE)
	// firstName: "" → "Charles" (SPLIT)
	// lastName: "" → "de Gaulle" (SPLIT)
	// <nil>
}

func ExampleWithKinds() {
	digits := transform.Custom{Name: "DIGITS", New: func(params json.RawMessage) (func(string) (string, error), error) {
		var p struct{ Length int }
		if err := json.Unmarshal(params, &p); err != nil || p.Length == 0 {
			return nil, errors.New("length is missing")
		}
		return func(text string) (string, error) {
			if len(text) > p.Length || strings.Trim(text, "0123456789") != "" {
				return "", transform.Refuse(fmt.Sprintf("it is no number of %d digits", p.Length))
			}
			return strings.Repeat("0", p.Length-len(text)) + text, nil
		}, nil
	}}
	kind, err := transform.NewKind("DIGITS", map[string]int{"length": 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	spec, err := transform.New(kind.On("product"), transform.WithKinds(digits))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(spec.Explain(map[string]string{"product": "11"}, transform.CSV))
	fmt.Println(spec.Explain(map[string]string{"product": "12345"}, transform.CSV))
	// Output:
	// [product: "11" → "0011" (DIGITS)] <nil>
	// [] transform: transformation 1: column "product": DIGITS: it is no number of 4 digits
}
