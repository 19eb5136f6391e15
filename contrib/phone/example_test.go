package phone_test

import (
	"fmt"

	"github.com/actito-go/actito/contrib/phone"
	"github.com/actito-go/actito/transform"
)

func Example() {
	spec, err := transform.New(
		transform.WithKinds(phone.Kind()),
		phone.Number("BE").On("gsmNumber"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, number := range []string{"010/45.85.14", "+33 1 42 68 53 00", "010/45.85.14 ext. 3"} {
		changes, err := spec.Explain(map[string]string{"gsmNumber": number}, transform.CSV)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(changes[0])
	}
	// Output:
	// gsmNumber: "010/45.85.14" → "+3210458514" (PHONE)
	// gsmNumber: "+33 1 42 68 53 00" → "+33142685300" (PHONE)
	// transform: transformation 1: column "gsmNumber": PHONE: this phone number has an extension, which would be lost: take it away first
}
