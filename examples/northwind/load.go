package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/transform"
)

// load loads the three files as one import.
func load(ctx context.Context, client *actito.Client, dir fs.FS, out io.Writer) error {
	files, err := inputFiles(client)
	if err != nil {
		return err
	}
	definition, err := client.ETLs.Ordered(ctx, actito.Definition{Name: "northwind", Files: files})
	if err != nil {
		return err
	}
	var data []actito.Data
	var order []string
	for _, f := range definition.Files {
		text, err := fs.ReadFile(dir, f.FileNamePattern) // a program with large files uses actito.DataFile, which holds none of them
		if err != nil {
			return err
		}
		data = append(data, actito.DataBytes(f.FileNamePattern, text))
		order = append(order, f.FileNamePattern)
	}
	fmt.Fprintf(out, "The order, by the foreign keys of the tables: %s\n", strings.Join(order, ", "))
	if err := check(ctx, client, definition, data, out); err != nil {
		return err
	}
	options := make([]actito.ImportOption, len(data))
	for i, d := range data {
		options[i] = d
	}
	exec, err := client.ETLs.RunOnce(ctx, definition, options...)
	if err != nil {
		return err
	}
	exec, err = client.Executions.Wait(ctx, exec)
	for _, f := range exec.Files {
		fmt.Fprintf(out, "   %-20s %5d read = %4d created + %4d updated + %4d rejected\n", f.Name, f.Read, f.Created, f.Updated, f.Rejected)
	}
	return err
}

// check looks for what the server would reject. It costs no import.
func check(ctx context.Context, client *actito.Client, d actito.Definition, data []actito.Data, out io.Writer) error {
	options := make([]actito.CheckOption, len(data))
	for i, d := range data {
		options[i] = d
	}
	report, err := client.ETLs.Check(ctx, d, options...)
	if err != nil {
		return err
	}
	if n := report.Problems(); n > 0 {
		fmt.Fprint(out, report)
		return fmt.Errorf("%d problems: nothing was sent", n)
	}
	return nil
}

// explain shows what the transformations make of the first customer.
func explain(dir fs.FS, out io.Writer) error {
	file, err := dir.Open("customers.csv")
	if err != nil {
		return err
	}
	defer file.Close()
	in := csv.NewReader(file)
	header, err := in.Read()
	if err != nil {
		return err
	}
	cells, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return err
	}
	sample := map[string]string{}
	for i, name := range header {
		sample[name] = cells[i]
	}
	spec, err := transform.New(customerData...)
	if err != nil {
		return err
	}
	changes, err := spec.Explain(sample, transform.CSV)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "The first customer:")
	for _, c := range changes {
		fmt.Fprintf(out, "   %v\n", c)
	}
	return nil
}
