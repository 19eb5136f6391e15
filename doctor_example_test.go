package actito_test

import (
	"context"
	"fmt"
	"log"

	"github.com/actito-go/actito"
)

func ExampleClient_Doctor() {
	type Customer struct {
		ID    string      `actito:"customerID,key"`
		Birth actito.Date `actito:"birthdate"`
	}
	client := exampleClient()
	customers, err := actito.Profiles[Customer](client, "Customers")
	if err != nil {
		log.Fatal(err)
	}
	diagnosis, err := client.Doctor(context.Background(), customers)
	if err != nil {
		log.Fatal(err) // the context ended
	}
	for _, f := range diagnosis.Findings { // or print all of it
		if f.Level == actito.DoctorProblem {
			fmt.Println(f.Check+":", f.Found)
			fmt.Println(f.Advice)
		}
	}
	// Output:
	// structure of Customers: column "birthdate": the table has no attribute of this name; names are case-sensitive
	// correct the field's tag; the nearest attributes: "birthDate", "firstName", "visits". Structure.GoStruct prints a struct that fits
}
