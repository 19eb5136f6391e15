package actito_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/actito-go/actito"
)

func ExampleStage() {
	orders := []byte("orderId,amount\nA-1,12.50\nA-2,8.00\n")
	staged, err := actito.Stage(context.Background(), actito.DataBytes("orders.csv", orders))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer staged.Close()
	for _, f := range staged.Files() {
		fmt.Println(f.Name, f.Rows)
	}
	// Output: orders.csv 2
}

func ExampleStage_invalid() {
	customers := []byte("customerID;name\n1;Ann\n2;Bob;Gent\n")
	_, err := actito.Stage(context.Background(), actito.DataBytes("customers.csv", customers, actito.SeparatedBy(';')))
	var invalid *actito.ValidationError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.File, invalid.Line, invalid.Rule)
	}
	// Output: customers.csv 3 cell-count
}
