package transform_test

import (
	"fmt"
	"log"

	"github.com/actito-go/actito/transform"
)

func ExampleDateTime() {
	spec, err := transform.New(
		transform.Date("dd/MM/yy", "d MMMM yyyy").FirstYear(1930).Language("fr").On("birthDate"),
		transform.DateTime("yyyy-MM-dd HH:mm:ss.SSS").FromZone("America/New_York").ToZone("Europe/Brussels").On("orderedAt"),
		transform.Number(",", ".", " ").On("total"),
		transform.Boolean().On("member"),
		transform.Title().On("title"),
	)
	if err != nil {
		log.Fatal(err)
	}
	changes, err := spec.Explain(map[string]string{
		"birthDate": "29 février 1996", "orderedAt": "2024-10-27 00:30:00.000", "total": "1.234,50", "member": "Oui", "title": "Mme.",
	}, transform.CSV)
	for _, c := range changes {
		fmt.Printf("%s: %s → %s\n", c.Column, c.Before, c.After)
	}
	if err != nil {
		fmt.Println(err)
	}

	_, err = spec.Explain(map[string]string{"birthDate": "29/02/97"}, transform.CSV)
	fmt.Println(err)
	// Output:
	// birthDate: 29 février 1996 → 1996-02-29
	// orderedAt: 2024-10-27 00:30:00.000 → 2024-10-27 05:30:00
	// total: 1.234,50 → 1234.50
	// member: Oui → TRUE
	// title: Mme. → Mrs
	// transform: transformation 1: column "birthDate": DATE: there is no such day
}
