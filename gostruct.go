package actito

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"
)

// GoStruct prints a struct type for the rows of the table, with a field for each attribute in the table's order. It is
// formatted Go, ready for a file that imports this package as actito (and encoding/json, if a number is the key), and
// [Profiles] or [Records] takes it as it is:
//   - Mandatory attributes have plain types, and so have the key and the server's own attributes, which are readonly;
//     the others are an [Opt]. Multi-valued ones are slices.
//   - The key is the primary key of a custom table. Of a profile table it is a unique attribute: a mandatory one if
//     there is one, preferably an e-mail address.
//   - Comments tell what is unique or mandatory, lengths other than 255, accepted values and foreign keys. An attribute
//     whose name cannot stand in a tag is in a comment only.
//
// Subscriptions and segmentations are no part of a structure: add fields for them, which are Opt[bool].
//
// It fails if the structure holds no attributes, as those of a list may.
func (s *Structure) GoStruct() (string, error) {
	g := goStruct{Structure: s, schema: schema{table: s.Table}, taken: map[string]bool{}}
	if s.Table == "" { // of a structure that was decoded by hand
		g.table = ProfileTableType
		if s.PrimaryKey != "" {
			g.table = CustomTableType
		}
	}
	g.key = g.findKey()
	var fields strings.Builder
	columns := tabwriter.NewWriter(&fields, 0, 8, 1, ' ', tabwriter.DiscardEmptyColumns) // as gofmt has it
	var left []string
	seen := map[string]bool{}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if seen[a.Name] || !g.taggable(a.Name) {
			left = append(left, fmt.Sprintf("%q (%s)", a.Name, plainText(cmp.Or(a.ValueType, a.Type))))
			continue
		}
		seen[a.Name] = true
		fmt.Fprintf(columns, "%s\t%s\t`actito:\"%s\"`", g.identifier(a.Name), g.typeOf(a), g.tag(a))
		if c := g.comment(a); c != "" {
			fmt.Fprint(columns, "\t// ", c)
		}
		fmt.Fprintln(columns)
	}
	if len(seen) == 0 {
		return "", fmt.Errorf("actito: the structure of table %q holds no attribute that a tag can name: read it with StructureService.ProfileTable or CustomTable", s.Name)
	}
	_ = columns.Flush() // to memory
	if len(left) > 0 {
		fmt.Fprintf(&fields, "// No tag can name these attributes: %s.\n", strings.Join(left, ", "))
	}
	g.taken = map[string]bool{}
	name := g.identifier(s.Name)
	doc := fmt.Sprintf("// %s is a row of %s %q, id %s.\n", name, g.table.words(), s.Name, plainText(s.ID))
	if g.key == nil {
		doc += "// No attribute can be its key, so that no upsert is repeated whose outcome is open.\n"
	}
	body := strings.ReplaceAll(strings.TrimSuffix(fields.String(), "\n"), "\n", "\n\t")
	return doc + "type " + name + " struct {\n\t" + body + "\n}\n", nil
}

// goStruct is a struct that is being printed.
type goStruct struct {
	*Structure
	schema
	key   *Attribute      // or nil
	taken map[string]bool // identifiers
}

func (g *goStruct) findKey() *Attribute {
	var key *Attribute
	best := -1
	for i := range g.Attributes {
		a := &g.Attributes[i]
		rank := 0
		switch {
		case a.MultiValued || !g.taggable(a.Name) || g.fromServer(a.Name):
			continue
		case a.goType() == "bool" || a.goType() == "actito.DateTime":
			continue // no one text form
		case g.table == CustomTableType && a.Name != g.PrimaryKey || g.table == ProfileTableType && !a.Unique:
			continue
		case a.Mandatory && a.Type == "EMAIL_ADDRESS":
			rank = 3
		case a.Mandatory:
			rank = 2
		case a.Type == "EMAIL_ADDRESS":
			rank = 1
		}
		if rank > best {
			key, best = a, rank
		}
	}
	return key
}

// taggable reports whether a tag can name an attribute.
func (g *goStruct) taggable(name string) bool {
	var f field
	return name != "-" && !strings.ContainsAny(name, "`\"\\,") && strings.IndexFunc(name, notPrint) < 0 &&
		f.setName(name, g.table) == nil && f.section == attributeSection
}

func notPrint(r rune) bool { return !unicode.IsPrint(r) }

func (g *goStruct) tag(a *Attribute) string {
	switch {
	case a == g.key:
		return a.Name + ",key"
	case g.fromServer(a.Name):
		return a.Name + ",readonly"
	}
	return a.Name
}

// goType is the type of the attribute's values; what is not known travels as text.
func (a *Attribute) goType() string {
	switch cmp.Or(a.ValueType, a.Type) {
	case "INTEGER", "LONG":
		return "int64"
	case "NUMBER", "NUMERIC":
		return "float64"
	case "BOOLEAN":
		return "bool"
	case "DATE", "BIRTHDATE":
		return "actito.Date"
	case "TIMESTAMP":
		return "actito.DateTime"
	}
	return "string"
}

func (g *goStruct) typeOf(a *Attribute) string {
	name := a.goType()
	switch {
	case a == g.key && name == "float64":
		return "json.Number"
	case a == g.key:
		return name
	case a.MultiValued:
		name = "[]" + name
	}
	if a.Mandatory || g.fromServer(a.Name) {
		return name
	}
	return "actito.Opt[" + name + "]"
}

func (g *goStruct) comment(a *Attribute) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if g.fromServer(a.Name) {
		return ""
	}
	if a.Unique && a != g.key {
		add("unique")
	}
	if a.Mandatory {
		add("mandatory")
	}
	if a.ValueType != "" && a.ValueType != "STRING" && a.goType() == "string" {
		add("of type %s", plainText(a.ValueType))
	}
	switch low, high := a.MinLength, a.MaxLength; {
	case low > 0 && low == high:
		add("%d characters", low)
	case low > 0 && high > 0:
		add("%d to %d characters", low, high)
	case low > 0:
		add("at least %d characters", low)
	case high > 0 && high != 255:
		add("at most %d characters", high)
	}
	if n := len(a.AcceptedValues); n > 0 {
		values := make([]string, n)
		for i, v := range a.AcceptedValues {
			values[i] = plainText(v)
		}
		if list := strings.Join(values, ", "); len(list) <= 80 {
			add("one of %s", list)
		} else {
			add("one of %d values", n)
		}
	}
	for _, k := range g.ForeignKeys {
		if k.Attribute == a.Name {
			add("refers to %s of %s %s", plainText(k.ReferencedAttribute), k.ReferencedTable.words(), plainText(k.ReferencedTableID))
		}
	}
	return strings.Join(parts, ", ")
}

// plainText is what a comment can hold without ambiguity.
func plainText(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return notPrint(r) || r == ',' || r == '"' || r == unicode.ReplacementChar }) ||
		strings.TrimSpace(s) != s {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// identifier makes an exported Go name that is not taken: the words of the name with capitals, and ID for Id.
func (g *goStruct) identifier(name string) string {
	var b strings.Builder
	start := true
	for _, r := range name {
		switch {
		case unicode.IsMark(r): // accents that are written on their own
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			start = true
		default:
			if start {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			start = false
		}
	}
	base := b.String()
	if base == "" || !unicode.IsUpper([]rune(base)[0]) {
		base = "X" + base
	}
	if before, found := strings.CutSuffix(base, "Id"); found {
		base = before + "ID"
	}
	identifier := base
	for n := 2; g.taken[identifier]; n++ {
		identifier = fmt.Sprint(base, n)
	}
	g.taken[identifier] = true
	return identifier
}
