package actito_test

import (
	"context"
	"fmt"
	"os"

	"github.com/actito-go/actito"
)

func ExampleETLService_Check() {
	client := exampleClient()
	definition := actito.Definition{Name: "shop", Files: []actito.InputFile{{
		FileNamePattern: "customers.csv",
		Destination:     actito.Destination{Table: actito.ProfileTableType, TableID: "Customers"},
		Mapping: []actito.Mapping{
			{Column: "id", Attribute: "customerID"}, {Column: "mail", Attribute: "emailAddress"}, {Column: "phone", Attribute: "gsmNumber"},
		},
	}}}
	file := []byte("id,mail,phone\nC1,ann@example.com,+3210458514\nC2,bob@example,3.21E+10\nC1,,0475/12.34.56\n")

	report, err := client.ETLs.Check(context.Background(), definition,
		actito.DataBytes("customers.csv", file), actito.Holds("PHONE_NUMBER", "gsmNumber"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Files[0].Findings {
		fmt.Println(f.Rule, f.Column, f.Count, f.Lines, f.Warning)
	}
	fmt.Println(report.Problems(), "problems,", report.Files[0].Columns[1].Empty, "empty cell of", report.Files[0].Columns[1].Name)
	// Output:
	// email mail 1 [3] false
	// spreadsheet phone 1 [3] false
	// phone phone 1 [4] false
	// duplicate-key id 1 [4] true
	// 3 problems, 1 empty cell of mail
}

func ExampleProfileTable_CheckEach() {
	client := exampleClient()
	customers, err := actito.Profiles[customer](client, "Customers")
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := actito.FromSlice([]customer{
		{ID: "C1", Email: "ann@example.com", FirstName: "Ann"},
		{ID: "C2", Email: "bob@", FirstName: "Bob"},
		{Email: "eve@example.com", FirstName: "Eve"},
	})
	for problem, err := range customers.CheckEach(context.Background(), actito.Keep, customers.Rows("customers.csv", rows)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(problem.Line, problem.Column, problem.Rule)
	}
	// Output:
	// 2 emailAddress email
	// 3 customerID empty-key
}

func ExampleCheckReport_WriteTo() {
	customers := exampleCustomers()
	definition := actito.Definition{Files: []actito.InputFile{customers.InputFile("customers.csv")}}
	file := []byte("customerID,emailAddress\nC1,ann@example.com\nC1,bob@example.com\nC3,cid@\n")
	report, err := customers.Client().ETLs.Check(context.Background(), definition, actito.DataBytes("customers.csv", file))
	if err != nil {
		fmt.Println(err)
		return
	}
	if report.Problems() > 0 || report.Warnings() > 0 {
		_, err = report.WriteTo(os.Stdout)
	}
	fmt.Println(err)
	// Output:
	// customers.csv for Customers: rows 3, with problems 1
	//   RULE           COLUMN        COUNT  LINES  MEANING
	//   duplicate-key  customerID    1      3      warning: another row has this value, which must be unique: of two rows, the later one counts or is rejected
	//   email          emailAddress  1      4      not an e-mail address that Actito takes: no accents, no two dots in a row, a suffix of at least two letters
	// <nil>
}
