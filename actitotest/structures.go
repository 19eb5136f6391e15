package actitotest

import (
	"net/http"
	"slices"
)

func (s *Server) listEntities(*call) (answer, *problem) {
	list := []any{}
	for i, name := range s.entities {
		list = append(list, map[string]any{"id": i + 1, "name": name, "comment": nil})
	}
	return reply(http.StatusOK, map[string]any{"entities": list}), nil
}

func (s *Server) listProfileTables(c *call) (answer, *problem) {
	return reply(http.StatusOK, map[string]any{"profileTables": s.structures(c.entity, profileTable)}), nil
}

func (s *Server) listCustomTables(c *call) (answer, *problem) {
	return reply(http.StatusOK, map[string]any{"customTables": s.structures(c.entity, customTable)}), nil
}

func (s *Server) getStructure(c *call) (answer, *problem) {
	return reply(http.StatusOK, c.table.structure()), nil
}

func (s *Server) structures(entity string, kind tableKind) []any {
	list := []any{}
	for _, t := range s.tables {
		if t.entity == entity && t.kind == kind {
			list = append(list, t.structure())
		}
	}
	return list
}

// structure describes a table; "description" is a field that clients do not know.
func (t *table) structure() map[string]any {
	attributes := []any{}
	for _, a := range t.all() {
		attributes = append(attributes, t.attributeJSON(a))
	}
	out := map[string]any{"id": t.ID, "name": t.Name, "attributes": attributes, "description": nil}
	if t.kind == customTable {
		out["primaryKeyAttribute"] = t.PrimaryKey
	}
	if t.Type != "" {
		out["type"] = t.Type
	}
	if t.CreationTime != "" {
		out["creationTimeAttribute"] = t.CreationTime
	}
	if len(t.ForeignKeys) > 0 {
		out["foreignKeys"] = t.foreignKeysJSON()
	}
	return out
}

// attributeJSON describes an attribute: in a profile table by its kind, and by its
// value type if the kind is CUSTOM.
func (t *table) attributeJSON(a Attribute) map[string]any {
	out := map[string]any{"name": a.Name, "unique": a.Unique, "mandatory": a.Mandatory}
	hasValueType := slices.Contains(valueTypes, a.Type)
	if t.kind == profileTable {
		out["type"] = a.Type
		if hasValueType {
			out["type"] = "CUSTOM"
		}
	}
	if !hasValueType {
		return out
	}
	out["valueType"], out["multiValued"] = a.Type, a.MultiValued
	restriction := map[string]any{}
	if a.Type == "STRING" {
		restriction["maxLength"] = a.MaxLength
	}
	if a.MinLength > 0 {
		restriction["minLength"] = a.MinLength
	}
	if len(a.AcceptedValues) > 0 {
		restriction["acceptedValues"] = a.AcceptedValues
	}
	if len(restriction) > 0 {
		out["valueRestriction"] = restriction
	}
	return out
}

func (t *table) foreignKeysJSON() []any {
	var list []any
	for _, fk := range t.ForeignKeys {
		target := t.s.lookUp(t.entity, "", fk.Table)
		key := map[string]any{"name": fk.Name, "attribute": fk.Attribute, "reference": map[string]any{
			"tableType": target.kind.wireType(), "tableId": target.ID, "attribute": fk.Referenced,
		}}
		if fk.Cascade {
			key["onDelete"] = "CASCADE"
		}
		list = append(list, key)
	}
	return list
}
