package actito_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// public are the folders of the packages that programs import.
var public = []string{".", "transform", "feed", "feed/feedtest", "quota/quotatest", "quota/filequota", "quota/sqlquota", "quota/redisquota", "actitotest", "contrib/otel", "contrib/phone"}

// of the standard library's interfaces, which are called by it.
var implicit = strings.Fields(`AppendText Error ExecContext Format GoString LogValue MarshalJSON MarshalText RoundTrip
	ServeHTTP String UnmarshalJSON UnmarshalText Unwrap`)

// Functions are found by name: one that an example calls is shown, whatever it belongs to. What an interface of this module
// asks for is what the library calls, not the user.
func TestEachEntryPointHasAnExample(t *testing.T) {
	t.Parallel()
	shown, asked, functions := map[string]bool{}, map[string]bool{}, map[string]string{}
	for _, folder := range append([]string{"integration"}, public...) {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			test := strings.HasSuffix(file, "_test.go")
			for _, d := range parsed.Decls {
				function, ok := d.(*ast.FuncDecl)
				switch {
				case ok && test && strings.HasPrefix(function.Name.Name, "Example"):
					ast.Inspect(function, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok {
							shown[id.Name] = true
						}
						return true
					})
				case ok && !test && function.Name.IsExported() && (function.Recv == nil || exportedReceiver(function.Recv.List[0].Type)):
					functions[function.Name.Name] = folder
				case !ok && !test:
					ast.Inspect(d, func(n ast.Node) bool {
						if i, ok := n.(*ast.InterfaceType); ok {
							for _, method := range i.Methods.List {
								for _, name := range method.Names {
									asked[name.Name] = true
								}
							}
						}
						return true
					})
				}
			}
		}
	}
	require.Greater(t, len(functions), 300)
	for name, folder := range functions {
		assert.True(t, shown[name] || asked[name] || slices.Contains(implicit, name), "%s of %s is in no example", name, folder)
	}
}

func exportedReceiver(e ast.Expr) bool {
	name := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return ast.IsExported(name)
}
