package actito_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logEvent is a call of a logger, or its row in the documentation.
type logEvent struct {
	level string // "" where the source has a variable
	attrs []string
}

var slogCalls = []string{"LogAttrs", "Log", "Debug", "Info", "Warn", "Error", "DebugContext", "InfoContext", "WarnContext", "ErrorContext"}

// eventsOf finds the calls of loggers in a file, with the attributes that stand in them, and the keys of all attributes.
func eventsOf(t *testing.T, file string, events map[string][]logEvent, keys map[string]bool) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(source, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if key, ok := attrOf(call); ok {
			keys[key] = true
		}
		name, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(slogCalls, name.Sel.Name) || !isLogger(name.X) {
			return true
		}
		e := logEvent{level: strings.ToLower(strings.TrimSuffix(name.Sel.Name, "Context"))}
		message := ""
		for i, arg := range call.Args {
			if text := textOf(arg); text != "" && message == "" {
				message = text
			}
			if level, ok := arg.(*ast.SelectorExpr); ok && strings.HasPrefix(level.Sel.Name, "Level") && i == 1 {
				e.level = strings.ToLower(strings.TrimPrefix(level.Sel.Name, "Level"))
			}
			ast.Inspect(arg, func(n ast.Node) bool {
				if inner, ok := n.(*ast.CallExpr); ok {
					if key, ok := attrOf(inner); ok {
						e.attrs = append(e.attrs, key)
					}
				}
				return true
			})
		}
		if e.level == "logattrs" || e.level == "log" {
			e.level = ""
		}
		assert.NotEmpty(t, message, "%s: an event without a constant message", file)
		events[message] = append(events[message], e)
		return true
	})
}

func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name == "log" || x.Sel.Name == "logger"
	case *ast.Ident:
		return x.Name == "log" || x.Name == "logger"
	}
	return false
}

// attrOf is the key of slog.String("key", …) and its like.
func attrOf(call *ast.CallExpr) (string, bool) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) != 2 {
		return "", false
	}
	if pkg, ok := f.X.(*ast.Ident); !ok || pkg.Name != "slog" {
		return "", false
	}
	key := textOf(call.Args[0])
	return key, key != ""
}

func textOf(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(x.Value)
		return text
	case *ast.BinaryExpr:
		return textOf(x.X) + textOf(x.Y)
	}
	return ""
}

func TestTheDocumentationListsAllLogEvents(t *testing.T) {
	t.Parallel()
	events, keys := map[string][]logEvent{}, map[string]bool{}
	for _, dir := range []string{".", "internal", "transform", "feed", "quota"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && dir == "." && path != ".":
				return fs.SkipDir
			case !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				eventsOf(t, path, events, keys)
			}
			return nil
		}))
	}
	require.Greater(t, len(events), 30)

	text, err := os.ReadFile("docs/observability.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "## Log events")
	require.True(t, found)
	quoted := regexp.MustCompile("`([^`]+)`")
	documented := map[string]logEvent{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		message := quoted.FindStringSubmatch(cells[1])[1]
		assert.NotContains(t, documented, message, "twice")
		row := logEvent{level: strings.TrimSpace(cells[2])}
		for _, attr := range quoted.FindAllStringSubmatch(cells[3], -1) {
			row.attrs = append(row.attrs, attr[1])
			assert.True(t, keys[attr[1]], "%s: the code has no attribute %s", message, attr[1])
		}
		documented[message] = row
		assert.Contains(t, events, message, "it is not in the code")
	}
	for message, calls := range events {
		row, ok := documented[message]
		if !assert.True(t, ok, "not documented: %s", message) {
			continue
		}
		for _, c := range calls {
			for _, attr := range c.attrs {
				assert.Contains(t, row.attrs, attr, message)
			}
			if c.level == "" {
				assert.Contains(t, row.level, ", ", "%s: its level is a variable", message)
			} else {
				assert.Equal(t, c.level, row.level, message)
			}
		}
	}
}
