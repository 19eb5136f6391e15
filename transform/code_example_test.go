package transform_test

import (
	"fmt"

	"github.com/actito-go/actito/transform"
)

func ExampleCountry() {
	spec, err := transform.New(transform.Country().On("country"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"the Netherlands", "BELGIË", "UK", "056", "Congo"} {
		changes, err := spec.Explain(map[string]string{"country": name}, transform.CSV)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(changes[0])
	}
	// Output:
	// country: "the Netherlands" → "NL" (COUNTRY)
	// country: "BELGIË" → "BE" (COUNTRY)
	// country: "UK" → "GB" (COUNTRY)
	// country: "056" → "BE" (COUNTRY)
	// transform: transformation 1: column "country": COUNTRY: no country is known by this name or code, or more than one: map it to a code of ISO 3166-1 first, with MapValues
}

func ExampleEmail() {
	spec, err := transform.New(transform.Email().On("emailAddress"))
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := spec.Explain(map[string]string{"emailAddress": `"Lee, Ann" <Ann.Lee@Example.BE>`}, transform.JSON)
	fmt.Println(changes, err)
	// Output:
	// [emailAddress: "\"Lee, Ann\" <Ann.Lee@Example.BE>" → "Ann.Lee@example.be" (EMAIL)] <nil>
}
