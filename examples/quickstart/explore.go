package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/actito-go/actito"
)

// explore reads what a key can see. Nothing here writes, and with WithDryRun nothing could. What cannot be read does
// not hide the rest.
func explore(ctx context.Context, out *printer, key, entity string, opts ...actito.Option) error {
	environment, err := actito.DiscoverEnvironment(ctx, key, opts...)
	if err != nil {
		return err
	}
	out.line("The key belongs to environment %s, %s", environment, environment.URL())
	client, err := actito.New(key, entity, append(opts, actito.WithEnvironment(environment), actito.WithDryRun())...)
	if err != nil {
		return err
	}
	defer client.Close()

	entities, err := client.Entities.List(ctx)
	if err == nil {
		out.heading("Entities")
		for _, e := range entities {
			out.line("   %-24s %s", e.Name, e.Comment)
		}
		if !slices.ContainsFunc(entities, func(e actito.Entity) bool { return e.Name == entity }) {
			return fmt.Errorf("the key does not see an entity %q: names are case-sensitive", entity)
		}
	}
	return errors.Join(err,
		showTables(ctx, out, "Profile table", client.Structures.ProfileTables, client.Structures.ProfileTable),
		showTables(ctx, out, "Custom table", client.Structures.CustomTables, client.Structures.CustomTable),
	)
}

// showTables reads the tables of a kind one by one, since the list may leave out their attributes.
func showTables(ctx context.Context, out *printer, kind string,
	list func(context.Context, ...actito.CallOption) ([]actito.Structure, error),
	read func(context.Context, string, ...actito.CallOption) (*actito.Structure, error),
) error {
	listed, err := list(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, t := range listed {
		table, err := read(ctx, t.ID)
		if err != nil {
			failed = append(failed, fmt.Errorf("table %s: %w", t.Name, err))
			continue
		}
		out.heading(kind + " " + table.Name)
		show(out, table)
	}
	return errors.Join(failed...)
}

func show(out *printer, table *actito.Structure) {
	out.line("   %-24s %s", "id", table.ID)
	out.line("   %-24s %d", "attributes", len(table.Attributes))
	for _, fk := range table.ForeignKeys {
		out.line("   %-24s must exist in table %s, which is loaded first", fk.Attribute, fk.ReferencedTableID)
	}
	if code, err := table.GoStruct(); err != nil {
		out.line("   no Go struct: %v", err)
	} else {
		out.line("\n%s", code)
	}
}
