// Package vectors reads the tables under testdata/transform, which say what each kind of transformation makes of which
// value. Everything that executes transformations is tested with them.
package vectors

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Table is a file: the vectors of one kind.
type Table struct {
	Kind    string   `json:"kind"`
	Vectors []Vector `json:"vectors"`
}

// Vector is an input, parameters, and what comes of them: an output, or an error. Of kinds that act on one column, In and
// Out are its value before and after; of others, Row and OutRow are those of all columns, of which those that are unset
// are missing.
type Vector struct {
	Name   string          `json:"name"`
	Params json.RawMessage `json:"params,omitempty"`
	In     string          `json:"in,omitempty"`
	Repeat int             `json:"repeat,omitempty"` // In is that many of it
	Out    *string         `json:"out,omitempty"`    // nil is unset, unless there is an Error
	JSON   *string         `json:"json,omitempty"`   // in place of Out where the value goes into JSON
	Error  string          `json:"error,omitempty"`  // what the error says, in part
	Local  bool            `json:"local,omitempty"`  // the service is not taken to do the same

	Column string            `json:"column,omitempty"` // of Row that the transformation acts on; "value" if there is no Row
	Row    map[string]string `json:"row,omitempty"`
	OutRow map[string]string `json:"outRow,omitempty"`
}

// Transformation is the vector's as JSON.
func (v Vector) Transformation(kind string) string {
	params := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(v.Params)), "{"), "}")
	if strings.TrimSpace(params) != "" {
		params = ", " + params
	}
	column, _ := json.Marshal(v.column()) //nolint:errchkjson // a text
	return fmt.Sprintf(`{"headerColumn": %s, "type": %q%s}`, column, kind, params)
}

func (v Vector) column() string {
	if v.Column == "" {
		return "value"
	}
	return v.Column
}

// Values are those of the columns before the transformation.
func (v Vector) Values() map[string]string {
	if v.Row != nil {
		return v.Row
	}
	return map[string]string{v.column(): strings.Repeat(v.In, max(1, v.Repeat))}
}

// Want are the values after it, without those that are unset. json says where they go.
func (v Vector) Want(json bool) map[string]string {
	out := v.Out
	if json && v.JSON != nil {
		out = v.JSON
	}
	switch {
	case v.OutRow != nil:
		return v.OutRow
	case out == nil:
		return map[string]string{}
	}
	return map[string]string{v.column(): strings.Repeat(*out, max(1, v.Repeat))}
}

// Read reads all tables of a directory.
func Read(t *testing.T, dir string) []Table {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no tables in %s: %v", dir, err)
	}
	tables := make([]Table, len(names))
	for i, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // of this repository
		if err == nil {
			err = json.Unmarshal(text, &tables[i])
		}
		if err != nil || len(tables[i].Vectors) == 0 {
			t.Fatalf("no vectors in %s: %v", name, err)
		}
	}
	return tables
}
