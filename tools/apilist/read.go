package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// method is an exported method or function of the library that reaches the service.
type method struct {
	file    string
	name    string // such as ETLService.Create
	calls   []call
	through []string
	reached []string // the paths that its code names, and that of the functions it uses, as kindless writes them
}

type call struct{ verb, path, sureness string }

// any tells that the caller names the path.
func (m *method) any() bool { return len(m.reached) == 0 }

// kindless is a path, but for the structures of both types of tables: the same functions read them.
func kindless(path string) string {
	for _, structures := range []string{"/profile-table-structure/", "/custom-table-structure/"} {
		if strings.HasPrefix(path, structures) {
			return "the structure of a table"
		}
	}
	return path
}

var directive = regexp.MustCompile(`^//actito:(?:call (GET|POST|PUT|PATCH|DELETE) (/\S+) \[(documented|seen in use|assumed)\]|through (\S.*))$`)

// read finds the methods that reach the service, in the order of the files.
func read(dir string) ([]method, error) {
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax, Dir: dir}, ".")
	if err != nil {
		return nil, err
	}
	library := loaded[0]
	if len(library.Errors) > 0 {
		return nil, library.Errors[0]
	}
	uses, declared := map[*types.Func][]types.Object{}, map[*types.Func]*ast.FuncDecl{}
	var order []*types.Func
	for _, file := range library.Syntax {
		for _, d := range file.Decls {
			declaration, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			f := library.TypesInfo.Defs[declaration.Name].(*types.Func)
			declared[f] = declaration
			order = append(order, f)
			ast.Inspect(declaration, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					switch used := library.TypesInfo.Uses[id].(type) {
					case *types.Func:
						uses[f] = append(uses[f], used.Origin())
					case *types.Const:
						uses[f] = append(uses[f], used)
					}
				}
				return true
			})
		}
	}
	var methods []method
	for _, f := range order {
		if !f.Exported() {
			continue
		}
		m := method{file: filepath.Base(library.Fset.Position(f.Pos()).Filename), name: title(f)}
		if err := m.directives(declared[f].Doc); err != nil {
			return nil, err
		}
		if m.reach(f, uses) || len(m.calls) > 0 {
			methods = append(methods, m)
		}
	}
	return methods, nil
}

// title is the name of a method with its type, as documentation links to it.
func title(f *types.Func) string {
	receiver := f.Signature().Recv()
	if receiver == nil {
		return f.Name()
	}
	t := receiver.Type()
	if pointer, ok := t.(*types.Pointer); ok {
		t = pointer.Elem()
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name() + "." + f.Name()
	}
	return f.Name() // of an interface
}

// reach tells whether f can get to where requests are sent, and notes the paths on all ways from f.
func (m *method) reach(f *types.Func, uses map[*types.Func][]types.Object) (sends bool) {
	seen := map[types.Object]bool{}
	var walk func(types.Object)
	walk = func(o types.Object) {
		if seen[o] {
			return
		}
		seen[o] = true
		switch o := o.(type) {
		case *types.Const:
			if strings.HasPrefix(o.Name(), "path") {
				m.reached = append(m.reached, kindless(constant.StringVal(o.Val())))
			}
		case *types.Func:
			sends = sends || title(o) == "Client.send"
			for _, used := range uses[o] {
				walk(used)
			}
		}
	}
	walk(f)
	slices.Sort(m.reached)
	m.reached = slices.Compact(m.reached)
	if at, found := slices.BinarySearch(m.reached, "/auth/token"); found && sends { // as all that send
		m.reached = slices.Delete(m.reached, at, at+1)
	}
	return sends
}

// directives takes the calls of a method from its comment.
func (m *method) directives(doc *ast.CommentGroup) error {
	if doc == nil {
		return nil
	}
	for _, line := range doc.List {
		if !strings.HasPrefix(line.Text, "//actito:") {
			continue
		}
		found := directive.FindStringSubmatch(line.Text)
		switch {
		case found == nil:
			return fmt.Errorf("%s: %s: write //actito:call METHOD /path [documented], [seen in use] or [assumed]", m.name, line.Text)
		case found[4] != "":
			m.through = append(m.through, strings.Fields(found[4])...)
		default:
			m.calls = append(m.calls, call{found[1], found[2], found[3]})
		}
	}
	return nil
}
