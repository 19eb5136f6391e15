package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/examples/internal/shop"
)

// partner is who delivers a file, and how it looks.
type partner struct {
	name      string
	recipient string // who gets Actito's report
	separator byte
	saved     []actito.DataOption // by which program
	columns   []actito.Mapping    // the first one is the key
}

// definition says where the columns of the partner's file go. It is sent along with the file and kept nowhere.
func (p partner) definition() actito.Definition {
	return actito.Definition{
		Name:             "partner-" + p.name,
		ReportRecipients: []string{p.recipient},
		Files: []actito.InputFile{{
			FileNamePattern: p.name + ".csv",
			Format:          actito.Format{Separator: string(p.separator)},
			Destination:     actito.Destination{Table: actito.ProfileTableType, TableID: shop.Customers},
			Mapping:         p.columns,
		}},
	}
}

// loadAll loads the file of each partner and ends early only when no other file could be loaded either.
func loadAll(ctx context.Context, client *actito.Client, dir fs.FS, partners []partner, out io.Writer) error {
	failed := 0
	for _, p := range partners {
		fmt.Fprintf(out, "%s, report to %s\n", p.name, p.recipient)
		err := load(ctx, client, dir, p, out)
		if err == nil {
			continue
		}
		failed++
		if !errors.Is(err, actito.ErrRowsRejected) { // those are on show already
			fmt.Fprintf(out, "   %v\n", err)
		}
		if ctx.Err() != nil || errors.Is(err, actito.ErrQuotaExceeded) || errors.Is(err, actito.ErrUnauthorized) {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files were not loaded, or not all of their rows", failed, len(partners))
	}
	return nil
}

// load reads the file while it is checked and compressed: it is sent only once it has proven whole, and one that has
// not costs no import.
func load(ctx context.Context, client *actito.Client, dir fs.FS, p partner, out io.Writer) error {
	file, err := dir.Open("files/" + p.name + ".csv")
	if err != nil {
		return err
	}
	defer file.Close()
	exec, err := client.ETLs.RunOnce(ctx, p.definition(), actito.DataReader(p.name+".csv", file, p.saved...))
	if err != nil {
		return err
	}
	exec, err = client.Executions.Wait(ctx, exec)
	total := exec.Totals()
	fmt.Fprintf(out, "   %d read = %d created + %d updated + %d rejected\n", total.Read, total.Created, total.Updated, total.Rejected)
	if !errors.Is(err, actito.ErrRowsRejected) {
		return err
	}
	for reject, rejectErr := range client.Executions.Rejects(ctx, exec) {
		if rejectErr != nil {
			return rejectErr
		}
		key := p.columns[0].Column
		fmt.Fprintf(out, "   rejected: %s %s: %s in column %s\n", key, reject.Row[key], reject.Code, reject.Column)
	}
	return err
}
