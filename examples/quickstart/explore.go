package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/actito-go/actito"
)

// explore reads what a key can see. Nothing here writes, and with WithDryRun nothing could.
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
	if err != nil {
		return err
	}
	out.heading("Entities")
	for _, e := range entities {
		out.line("   %-24s %s", e.Name, e.Comment)
	}
	if !slices.ContainsFunc(entities, func(e actito.Entity) bool { return e.Name == entity }) {
		return fmt.Errorf("the key does not see an entity %q: names are case-sensitive", entity)
	}

	profileTables, err := client.Structures.ProfileTables(ctx)
	if err != nil {
		return err
	}
	for _, listed := range profileTables {
		table, err := client.Structures.ProfileTable(ctx, listed.ID) // the list may leave out attributes
		if err != nil {
			return err
		}
		out.heading("Profile table " + table.Name)
		if err := show(out, table); err != nil {
			return err
		}
	}
	customTables, err := client.Structures.CustomTables(ctx)
	if err != nil {
		return err
	}
	for _, listed := range customTables {
		table, err := client.Structures.CustomTable(ctx, listed.ID)
		if err != nil {
			return err
		}
		out.heading("Custom table " + table.Name)
		if err := show(out, table); err != nil {
			return err
		}
	}
	return nil
}

func show(out *printer, table *actito.Structure) error {
	out.line("   %-24s %s", "id", table.ID)
	out.line("   %-24s %d", "attributes", len(table.Attributes))
	for _, fk := range table.ForeignKeys {
		out.line("   %-24s must exist in table %s, which is loaded first", fk.Attribute, fk.ReferencedTableID)
	}
	return nil
}
