package actito

import (
	"encoding/json"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito/actitotest"
)

// goTypes are the types that a printed struct may use.
var goTypes = map[string]reflect.Type{
	"string": reflect.TypeFor[string](), "int64": reflect.TypeFor[int64](), "float64": reflect.TypeFor[float64](),
	"bool": reflect.TypeFor[bool](), "json.Number": reflect.TypeFor[json.Number](),
	"actito.Date": reflect.TypeFor[Date](), "actito.DateTime": reflect.TypeFor[DateTime](),
	"[]string": reflect.TypeFor[[]string](), "[]int64": reflect.TypeFor[[]int64](), "[]float64": reflect.TypeFor[[]float64](),
	"[]bool": reflect.TypeFor[[]bool](), "[]actito.Date": reflect.TypeFor[[]Date](), "[]actito.DateTime": reflect.TypeFor[[]DateTime](),
	"actito.Opt[string]": reflect.TypeFor[Opt[string]](), "actito.Opt[int64]": reflect.TypeFor[Opt[int64]](),
	"actito.Opt[float64]": reflect.TypeFor[Opt[float64]](), "actito.Opt[bool]": reflect.TypeFor[Opt[bool]](),
	"actito.Opt[actito.Date]": reflect.TypeFor[Opt[Date]](), "actito.Opt[actito.DateTime]": reflect.TypeFor[Opt[DateTime]](),
	"actito.Opt[[]string]": reflect.TypeFor[Opt[[]string]](), "actito.Opt[[]int64]": reflect.TypeFor[Opt[[]int64]](),
	"actito.Opt[[]float64]": reflect.TypeFor[Opt[[]float64]](), "actito.Opt[[]bool]": reflect.TypeFor[Opt[[]bool]](),
	"actito.Opt[[]actito.Date]": reflect.TypeFor[Opt[[]Date]](), "actito.Opt[[]actito.DateTime]": reflect.TypeFor[Opt[[]DateTime]](),
}

// packages are what a printed struct imports, as far as the type checker must know them.
type packages map[string]*types.Package

func (p packages) Import(path string) (*types.Package, error) { return p[path], nil }

var imports = packages{
	"encoding/json": checked("encoding/json", "package json\ntype Number string"),
	"github.com/actito-go/actito": checked("github.com/actito-go/actito",
		"package actito\ntype Opt[T any] struct{ v T }\ntype Date struct{}\ntype DateTime struct{}"),
}

func checked(path, source string) *types.Package {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "x.go", source, 0)
	if err != nil {
		panic(err)
	}
	p, err := (&types.Config{}).Check(path, files, []*ast.File{file}, nil)
	if err != nil {
		panic(err)
	}
	return p
}

// requireUsable fails unless source is formatted, compiles, and is a type of rows that the codec takes.
func requireUsable(t require.TestingT, s *Structure, source string) *schema {
	formatted, err := format.Source([]byte(source))
	require.NoError(t, err, source)
	require.Equal(t, string(formatted), source)
	header := "package main\nimport \"github.com/actito-go/actito\"\nvar _ actito.Date\n"
	if strings.Contains(source, "json.Number") {
		header = "package main\nimport (\n\"encoding/json\"\n\"github.com/actito-go/actito\"\n)\nvar _ actito.Date\n"
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "rows.go", header+source, parser.ParseComments)
	require.NoError(t, err, source)
	_, err = (&types.Config{Importer: imports}).Check("main", files, []*ast.File{file}, nil)
	require.NoError(t, err, source)

	declared := file.Decls[len(file.Decls)-1].(*ast.GenDecl).Specs[0].(*ast.TypeSpec)
	require.True(t, declared.Name.IsExported())
	var fields []reflect.StructField
	for _, f := range declared.Type.(*ast.StructType).Fields.List {
		tag, err := strconv.Unquote(f.Tag.Value)
		require.NoError(t, err)
		name := types.ExprString(f.Type)
		require.Contains(t, goTypes, name)
		fields = append(fields, reflect.StructField{Name: f.Names[0].Name, Type: goTypes[name], Tag: reflect.StructTag(tag)})
	}
	read := &schema{table: s.Table, byName: map[string]*field{}}
	require.NoError(t, read.addStruct(reflect.StructOf(fields), nil, declared.Name.Name), source)
	return read
}

func TestGoStructOfDocumentedTables(t *testing.T) {
	t.Parallel()
	for file, kind := range map[string]TableType{"profile_table": ProfileTableType, "custom_table": CustomTableType} {
		body, err := os.ReadFile(filepath.Join("testdata", "answers", file+".json"))
		require.NoError(t, err)
		s := Structure{Table: kind}
		require.NoError(t, json.Unmarshal(body, &s))
		source, err := s.GoStruct()
		require.NoError(t, err)
		requireUsable(t, &s, source)
		golden(t, "gostruct/"+file+".txt", []byte(source))

		s.Table = "" // as decoded by hand
		again, err := s.GoStruct()
		require.NoError(t, err)
		require.Equal(t, source, again)
	}
}

func TestGoStructOfEveryTableOfAFake(t *testing.T) {
	t.Parallel()
	server := actitotest.NewServer()
	t.Cleanup(server.Close)
	var kinds []actitotest.Attribute
	for i, kind := range []string{"STRING", "INTEGER", "LONG", "NUMBER", "NUMERIC", "BOOLEAN", "DATE", "TIMESTAMP"} {
		for _, a := range []actitotest.Attribute{{Name: "optional"}, {Name: "mandatory", Mandatory: true}, {Name: "several", MultiValued: true},
			{Name: "mandatory several", MultiValued: true, Mandatory: true}} {
			a.Name += " " + strings.ToLower(kind)
			a.Type = kind
			if kind == "STRING" {
				a.MinLength, a.MaxLength = i+2, 40
			}
			kinds = append(kinds, a)
		}
	}
	server.AddProfileTable("MyEntity", actitotest.Table{ID: "16", Name: "loyal customers", Attributes: append([]actitotest.Attribute{
		{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true},
		{Name: "customerId", Type: "STRING", Unique: true, Mandatory: true, MinLength: 5, MaxLength: 5},
		{Name: "lastName", Type: "LASTNAME"}, {Name: "birthDate", Type: "BIRTHDATE"}, {Name: "sex", Type: "SEX"},
		{Name: "motherLanguage", Type: "MOTHER_LANGUAGE", Mandatory: true},
	}, kinds...)})
	server.AddCustomTable("MyEntity", actitotest.Table{ID: "a4aa57cd-64c4-49bc-a17b-34ac8dfa76f8", Name: "2026-orders", PrimaryKey: "order no",
		Attributes: append([]actitotest.Attribute{
			{Name: "customer", Type: "STRING"}, {Name: "order no", Type: "NUMBER"},
			{Name: "status", Type: "STRING", AcceptedValues: []string{"NEW", "in transit, late", "CANCELED\n"}},
			{Name: "country", Type: "STRING", AcceptedValues: strings.Split(strings.Repeat("BE ", 60), " ")},
		}, kinds...),
		ForeignKeys: []actitotest.ForeignKey{{Name: "c", Attribute: "customer", Table: "16", Referenced: "customerId"}},
	})
	client, err := New(server.APIKey, "MyEntity", WithBaseURL(server.URL))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	tables, err := client.Structures.ProfileTables(t.Context())
	require.NoError(t, err)
	custom, err := client.Structures.CustomTables(t.Context())
	require.NoError(t, err)
	for _, s := range append(tables, custom...) {
		source, err := s.GoStruct()
		require.NoError(t, err)
		read := requireUsable(t, &s, source)
		require.Len(t, read.fields, len(s.Attributes))
		require.Contains(t, []string{"customerId", "order no"}, read.keyField.name)
		golden(t, "gostruct/fake_"+strings.ReplaceAll(s.Table.words(), " ", "_")+".txt", []byte(source))
	}
}

func TestGoStructNamesAndComments(t *testing.T) {
	t.Parallel()
	s := Structure{Table: CustomTableType, ID: "1\n2", Name: "été /\nfunc init() {}", PrimaryKey: "a,b"}
	for _, name := range []string{
		"type", "first name", "firstName", "first-name", "2nd", "_", "", "-", "a,b", "a`b", `a"b`, `a\b`, "a\nb", " a", "été", "e\u0301te\u0301",
		"日本", "userId", "id", "Id2", "идентификатор", "ß", "subscriptions#x", "other#y", "profileId", "type", "a:b", "a\ufeffb", "$%&", "ǆ",
	} {
		s.Attributes = append(s.Attributes, Attribute{Name: name, ValueType: "STRING"})
	}
	s.Attributes = append(s.Attributes, Attribute{Name: "new", ValueType: "GEO\n}", AcceptedValues: []string{"*/", "", "x"}, MinLength: 3})
	s.ForeignKeys = []ForeignKey{{Attribute: "type", ReferencedAttribute: "x\ny", ReferencedTable: "NEW_TABLE", ReferencedTableID: "7"}}
	source, err := s.GoStruct()
	require.NoError(t, err)
	requireUsable(t, &s, source)
	golden(t, "gostruct/names.txt", []byte(source))
}

func TestGoStructChoosesTheKey(t *testing.T) {
	t.Parallel()
	own := Attribute{Name: "profileId", ValueType: "INTEGER", Unique: true, Mandatory: true}
	plain := Attribute{Name: "plain", Mandatory: true}
	unique := Attribute{Name: "unique", ValueType: "LONG", Unique: true}
	email := Attribute{Name: "emailAddress", Type: "EMAIL_ADDRESS", Unique: true}
	must := Attribute{Name: "must", ValueType: "STRING", Unique: true, Mandatory: true}
	mustEmail := Attribute{Name: "email", Type: "EMAIL_ADDRESS", Unique: true, Mandatory: true}
	moment := Attribute{Name: "moment", ValueType: "TIMESTAMP", Unique: true, Mandatory: true}
	list := Attribute{Name: "list", ValueType: "STRING", Unique: true, Mandatory: true, MultiValued: true}
	for want, s := range map[string]Structure{
		"must":         {Table: ProfileTableType, Attributes: []Attribute{own, plain, email, moment, list, unique, must}},
		"email":        {Table: ProfileTableType, Attributes: []Attribute{own, must, mustEmail}},
		"emailAddress": {Table: ProfileTableType, Attributes: []Attribute{own, plain, unique, email}},
		"unique":       {Table: CustomTableType, PrimaryKey: "unique", Attributes: []Attribute{must, email, unique}},
		"":             {Table: ProfileTableType, Attributes: []Attribute{own, plain, moment, list}},
		"profileId":    {Table: CustomTableType, PrimaryKey: "profileId", Attributes: []Attribute{own}},
	} {
		source, err := s.GoStruct()
		require.NoError(t, err)
		read := requireUsable(t, &s, source)
		if want == "" {
			require.Nil(t, read.keyField)
			require.Contains(t, source, "No attribute can be its key")
			continue
		}
		require.Equal(t, want, read.keyField.name)
	}
}

func TestGoStructNeedsAttributes(t *testing.T) {
	t.Parallel()
	for _, s := range []Structure{{Name: "Customers"}, {Name: "Customers", Attributes: []Attribute{{Name: "-"}}}} {
		_, err := s.GoStruct()
		require.ErrorContains(t, err, `table "Customers" holds no attribute`)
	}
}

func TestGoStructIsUsableWhateverTheTableHolds(t *testing.T) {
	t.Parallel()
	kinds := rapid.SampledFrom([]string{"", "STRING", "INTEGER", "LONG", "NUMBER", "NUMERIC", "BOOLEAN", "DATE", "TIMESTAMP", "GEO", "a\nb"})
	name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-c _`+"`"+`",.Id#]{1,4}`))
	attribute := rapid.Custom(func(t *rapid.T) Attribute {
		return Attribute{Name: name.Draw(t, "name"), Type: rapid.SampledFrom([]string{"CUSTOM", "EMAIL_ADDRESS", "BIRTHDATE"}).Draw(t, "type"),
			ValueType: kinds.Draw(t, "value type"), Unique: rapid.Bool().Draw(t, "unique"), Mandatory: rapid.Bool().Draw(t, "mandatory"),
			MultiValued: rapid.Bool().Draw(t, "multi"), MinLength: rapid.IntRange(0, 9).Draw(t, "min"), MaxLength: rapid.IntRange(0, 9).Draw(t, "max"),
			AcceptedValues: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "accepted")}
	})
	rapid.Check(t, func(t *rapid.T) {
		s := Structure{Name: name.Draw(t, "table"), ID: rapid.String().Draw(t, "id"), Table: rapid.SampledFrom([]TableType{ProfileTableType, CustomTableType}).Draw(t, "kind"),
			Attributes: append(rapid.SliceOfN(attribute, 0, 8).Draw(t, "attributes"), Attribute{Name: "id"})}
		if s.Table == CustomTableType {
			s.PrimaryKey = rapid.SampledFrom(s.Attributes).Draw(t, "key").Name
		}
		source, err := s.GoStruct()
		require.NoError(t, err)
		requireUsable(t, &s, source)
	})
}
