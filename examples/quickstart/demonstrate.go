package main

import (
	"context"
	"errors"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/examples/internal/shop"
	"github.com/actito-go/actito/transform"
)

// demonstrate travels every road into the tables of a fake.
func demonstrate(ctx context.Context, out *printer, server *actitotest.Server, customers table[Customer], orders table[Order]) error {
	// With an account: actito.New(key, entity, actito.WithEnvironment(actito.Env3)).
	client, err := actito.New(server.APIKey, shop.Entity, actito.WithBaseURL(server.URL))
	if err != nil {
		return err
	}
	defer client.Close()

	out.line("The Actito SDK for Go, version %s. The service is a fake inside this program:", actito.Version)
	out.line("no account is needed, and nothing leaves this machine.")
	out.line("")
	out.line("   %-24s %5d customers", customers.file, len(customers.rows))
	out.line("   %-24s %5d orders", orders.file, len(orders.rows))

	d, err := newDemonstration(client, out, customers.data, orders.data)
	if err != nil {
		return err
	}
	if err := d.realTime(ctx, customers.rows); err != nil {
		return err
	}
	if err := d.storedETL(ctx, customers.rows); err != nil {
		return err
	}
	if err := d.oneShot(ctx, customers.rows); err != nil {
		return err
	}
	if err := d.twoFiles(ctx, customers, orders); err != nil {
		return err
	}
	if err := d.quotaLeft(ctx); err != nil {
		return err
	}
	out.heading("What the fake holds now")
	out.line("   %-24s %5d profiles, of %d rows in the file", shop.Customers, len(server.Profiles(shop.Customers)), len(customers.rows))
	out.line("   %-24s %5d records, of %d rows in the file", shop.Orders, len(server.Records(shop.Orders)), len(orders.rows))
	out.line("   after %d calls, %d of them imports", len(server.Requests()), len(server.Imports()))
	out.line("")
	out.line("Next: -customers and -orders load files of yours, -live reads what your licence has.")
	return nil
}

// demonstration is what every step needs. Tables are opened once and shared, also between goroutines.
type demonstration struct {
	client    *actito.Client
	customers *actito.ProfileTable[Customer]
	orders    *actito.CustomTable[Order]
	out       *printer
}

func newDemonstration(client *actito.Client, out *printer, customerData, orderData *transform.Specification) (*demonstration, error) {
	customers, err := actito.Profiles[Customer](client, shop.Customers)
	if err != nil {
		return nil, err
	}
	if customers, err = customers.Transformed(customerData); err != nil {
		return nil, err
	}
	orders, err := actito.Records[Order](client, shop.Orders)
	if err != nil {
		return nil, err
	}
	if orders, err = orders.Transformed(orderData); err != nil {
		return nil, err
	}
	return &demonstration{client, customers, orders, out}, nil
}

// realTime sends the first customers one by one, as a handler does.
func (d *demonstration) realTime(ctx context.Context, customers []Customer) error {
	d.out.heading("1. Real time: one profile in one call, scenarios start at once")
	first := customers[:min(3, len(customers))]
	for _, c := range first {
		id, err := d.customers.Upsert(ctx, c)
		if err != nil {
			return err
		}
		d.out.line("   %-24s is profile %s", c.ID, id)
	}
	read, err := d.customers.Get(ctx, actito.By("customerID", first[0].ID))
	if err != nil {
		return err
	}
	country, known := read.Country.Get()
	if !known {
		country = "no country"
	}
	d.out.line("   %-24s reads back as %s, %s", first[0].ID, read.Company, country)
	return nil
}

// storedETL stores a definition, which is done once, and triggers it with a file, which is done every time.
func (d *demonstration) storedETL(ctx context.Context, customers []Customer) error {
	d.out.heading("2. A stored ETL, triggered with the first third of the customers")
	etl, err := d.client.ETLs.Create(ctx, actito.Definition{
		Name:  "customers",
		Files: []actito.InputFile{d.customers.InputFile("changed.csv")},
	})
	if err != nil {
		return err
	}
	third := customers[:(len(customers)+2)/3]
	step := d.out.begin("rows are checked and compressed")
	defer step.end()
	// Keep declares what an empty cell does to a value that is there: nothing. Find out for your tables, and declare it.
	exec, err := d.client.ETLs.Trigger(ctx, etl, d.customers.Rows("changed.csv", actito.FromSlice(third)), actito.Keep, step.progress())
	if err != nil {
		return err
	}
	return d.result(ctx, exec, step)
}

// oneShot sends a definition along with the file.
func (d *demonstration) oneShot(ctx context.Context, customers []Customer) error {
	d.out.heading("3. One shot: definition and file in one call, two thirds of the customers")
	thirds := customers[:(2*len(customers)+2)/3]
	step := d.out.begin("rows are checked and compressed")
	defer step.end()
	exec, err := d.client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "autumn",
		Files: []actito.InputFile{d.customers.InputFile("autumn.csv")},
	}, d.customers.Rows("autumn.csv", actito.FromSlice(thirds)), actito.Keep, step.progress())
	if err != nil {
		return err
	}
	return d.result(ctx, exec, step)
}

// twoFiles loads customers before the orders that name them: the definition gives the order, whatever the order of the
// data.
func (d *demonstration) twoFiles(ctx context.Context, customers table[Customer], orders table[Order]) error {
	d.out.heading("4. Two files in order: all customers, then their orders")
	step := d.out.begin("rows are checked and compressed")
	defer step.end()
	exec, err := d.client.ETLs.RunOnce(ctx, actito.Definition{
		Name:  "all",
		Files: []actito.InputFile{d.customers.InputFile("customers.csv"), d.orders.InputFile("orders.csv")},
	},
		d.customers.Rows("customers.csv", actito.FromSlice(customers.rows)),
		d.orders.Rows("orders.csv", actito.FromSlice(orders.rows)),
		actito.LookUpParents(-1), // orders of customers that Actito does not have are rejected, and the rest is loaded
		actito.Keep, step.progress())
	if err != nil {
		return err
	}
	return d.result(ctx, exec, step)
}

// result waits for an import and shows what became of each row.
func (d *demonstration) result(ctx context.Context, exec *actito.Execution, step *step) error {
	step.is("execution " + exec.ID + " is under way")
	exec, err := d.client.Executions.Wait(ctx, exec)
	if err != nil && !errors.Is(err, actito.ErrRowsRejected) {
		return err
	}
	step.end()
	for _, f := range exec.Files {
		d.out.line("   %-24s %5d read = %4d created + %4d updated + %4d rejected", f.Name, f.Read, f.Created, f.Updated, f.Rejected)
	}
	if err == nil {
		return nil
	}
	for reject, err := range d.customers.Rejects(ctx, exec) {
		if err != nil {
			return err
		}
		d.out.line("   rejected: customer %s: %s in column %s", reject.Row.ID, reject.Code, reject.Column)
	}
	for reject, err := range d.orders.Rejects(ctx, exec) {
		if err != nil {
			return err
		}
		d.out.line("   rejected: order %s: %s in column %s", reject.Row.ID, reject.Code, reject.Column)
	}
	return nil
}

// quotaLeft shows what the imports cost: one each for every table that they load.
func (d *demonstration) quotaLeft(ctx context.Context) error {
	d.out.heading("5. Imports that are left today")
	for _, name := range []string{shop.Customers, shop.Orders} {
		usage, err := d.client.Quota.Usage(ctx, name)
		if err != nil {
			return err
		}
		d.out.line("   %-24s %5d of %d, until %s", name, usage.Left, usage.Limit, usage.ResetAt.Format("2 January 15:04 MST"))
	}
	return nil
}
