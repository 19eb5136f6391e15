package actito

import (
	"cmp"
	"slices"
	"strings"
)

// mapColumns finds the attribute of each column.
func (f *fileCheck) mapColumns() error {
	mapping := map[string]string{}
	for _, m := range f.input.Mapping {
		mapping[m.Column] = m.Attribute
		if !slices.ContainsFunc(f.columns, func(c checkColumn) bool { return c.name == m.Column }) {
			err := f.emit(Problem{Line: f.headerLine(), Column: m.Column, Attribute: m.Attribute, Rule: "missing-column",
				Detail: "the definition maps this column and the file does not have it"})
			if err != nil {
				return err
			}
		}
	}
	taken := map[string]bool{}
	for i := range f.columns {
		c := &f.columns[i]
		attribute, mapped := mapping[c.name]
		if len(f.input.Mapping) == 0 {
			attribute, mapped = c.name, true
		}
		own := (&schema{table: f.structure.Table}).fromServer(cmp.Or(attribute, c.name))
		var w defect
		switch {
		case own:
			w = defect{rule: "ignored-column", detail: "the server sets this attribute itself and ignores the column", warning: true}
		case !mapped:
			w = defect{rule: "unmapped-column",
				detail: "the definition does not map this column, so its values would be lost: map it, or leave it out"}
		case !f.demand(c, attribute):
			w = defect{rule: "unknown-attribute", detail: "the table has no attribute of this name; names are case-sensitive"}
		case taken[attribute]:
			w = defect{rule: "mapped-twice", detail: "another column is loaded into the same attribute", warning: true}
		}
		taken[attribute] = true
		if c.ignored = c.ignored || w.rule != ""; w.rule == "" {
			continue
		}
		err := f.emit(Problem{Line: f.headerLine(), Column: shownColumn(c.name), Rule: w.rule, Detail: w.detail, Warning: w.warning})
		if err != nil {
			return err
		}
	}
	return nil
}

// demand tells a column what its attribute demands, and whether there is one.
func (f *fileCheck) demand(c *checkColumn, name string) bool {
	if strings.HasPrefix(name, string(subscriptionSection)) && f.structure.Table == ProfileTableType {
		c.attribute, c.form, c.max = name, forms["BOOLEAN"], defaultLength
		return true
	}
	if strings.HasPrefix(name, string(segmentationSection)) && f.structure.Table == ProfileTableType {
		c.attribute, c.ignored = name, true // a flag or a category, of which the structure tells nothing
		return true
	}
	a := f.structure.attribute(name)
	if a == nil {
		return false
	}
	isKey := f.structure.Table == CustomTableType && a.Name == f.structure.PrimaryKey
	c.attribute, c.multi, c.min, c.max = name, a.MultiValued, a.MinLength, cmp.Or(a.MaxLength, defaultLength)
	c.typ = cmp.Or(f.check.holds[name], a.ValueType, a.Type)
	c.form = forms[c.typ]
	c.unique = f.structure.unique(a)
	c.lost = f.input.Mode == CreateOnly || f.structure.Table == CustomTableType && !isKey
	switch {
	case isKey:
		c.mandatory = defect{rule: "empty-key", detail: "the row has no key, which only a table that makes its keys itself can do without"}
	case a.Mandatory && (f.input.Mode != UpdateOnly || f.data.blanks.empty == Clear):
		c.mandatory = defect{rule: "mandatory", detail: "the attribute must have a value"}
	}
	if len(a.AcceptedValues) > 0 {
		c.accepted = map[string]bool{}
		for _, v := range a.AcceptedValues {
			c.accepted[v] = true
		}
	}
	if c.keys = f.wanted[name]; c.keys == nil && c.unique {
		c.keys = newKeySet()
	}
	if c.keys != nil {
		c.keys.filled = true
	}
	c.parents, c.before = f.parents[name], f.before[name]
	return true
}

// attribute finds an attribute by its name; nil if there is none.
func (s *Structure) attribute(name string) *Attribute {
	for i := range s.Attributes {
		if s.Attributes[i].Name == name {
			return &s.Attributes[i]
		}
	}
	return nil
}

// unique reports whether no two rows of the table have the same value of an attribute.
func (s *Structure) unique(a *Attribute) bool {
	return a.Unique || s.Table == CustomTableType && a.Name == s.PrimaryKey
}

const defaultLength = 255 // UTF-16 units; assumed: documented as characters

// unmapped finds attributes that rows need and no column holds.
func (f *fileCheck) unmapped(mapped map[string]bool) error {
	unique := false
	for _, c := range f.columns {
		unique = unique || c.unique
	}
	var w defect
	switch custom := f.structure.Table == CustomTableType; {
	case custom && !mapped[f.structure.PrimaryKey]:
		w = defect{rule: "empty-key",
			detail: "no column holds the key " + f.structure.PrimaryKey + ", which only a table that makes its keys itself can do without"}
	case !custom && !unique:
		w = defect{rule: "empty-key", warning: f.input.Mode != UpdateOnly,
			detail: "no column holds a unique attribute, so that no profile can be found by it"}
	}
	if w.rule != "" {
		if err := f.emit(Problem{Line: f.headerLine(), Rule: w.rule, Detail: w.detail, Warning: w.warning}); err != nil {
			return err
		}
	}
	for _, a := range f.structure.Attributes {
		own := (&schema{table: f.structure.Table}).fromServer(a.Name)
		if own || mapped[a.Name] || !a.Mandatory || f.input.Mode == UpdateOnly || a.Name == f.structure.PrimaryKey {
			continue
		}
		err := f.emit(Problem{Line: f.headerLine(), Column: a.Name, Attribute: a.Name, Rule: "mandatory",
			Detail: "no column holds this attribute, which must have a value in rows that are new"})
		if err != nil {
			return err
		}
	}
	return nil
}
