package actito_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
)

// family is a random sequence: each step loads a table of its own, whose rows may refer to rows of the steps before.
type family struct {
	edges [][]actito.Edge // by steps, in an order that works
	rows  [][][]string    // by steps: id, a number that is bad or good, and a reference for each edge
	order []int           // in which the steps are given
	dies  []int           // contacts at which processes die, one after another
}

func familyOf(t *rapid.T) *family {
	f := new(family)
	n := rapid.IntRange(1, 8).Draw(t, "steps")
	for i := range n {
		var edges []actito.Edge
		var needed []int
		for j := range i {
			if rapid.IntRange(0, 2).Draw(t, "edge") > 0 {
				continue
			}
			e := actito.Edge{Step: fmt.Sprint("T", j), OnRejects: rapid.SampledFrom([]actito.RejectPolicy{actito.Stop, actito.Continue,
				actito.WithoutOrphans, actito.WithoutOrphans, actito.WithoutOrphans}).Draw(t, "policy")}
			if e.OnRejects == actito.WithoutOrphans {
				e.Column, e.Of = fmt.Sprint("ref", len(edges)), "id"
			}
			edges, needed = append(edges, e), append(needed, j)
		}
		var rows [][]string
		for k := range rapid.IntRange(1, 4).Draw(t, "rows") {
			row := []string{fmt.Sprintf("T%d-%d", i, k), rapid.SampledFrom([]string{"1", "1", "1", "bad"}).Draw(t, "number")}
			for _, j := range needed {
				row = append(row, rapid.SampledFrom(append([]string{""}, column(f.rows[j], 0)...)).Draw(t, "reference"))
			}
			rows = append(rows, row)
		}
		f.edges, f.rows, f.order = append(f.edges, edges), append(f.rows, rows), append(f.order, i)
	}
	f.order = rapid.Permutation(f.order).Draw(t, "order")
	f.dies = rapid.SliceOfN(rapid.IntRange(1, 40*n), 0, 3).Draw(t, "dies")
	return f
}

func column(rows [][]string, i int) (cells []string) {
	for _, row := range rows {
		cells = append(cells, row[i])
	}
	return cells
}

func (f *family) columns(i int) []string {
	columns := []string{"id", "number"}
	for k := range f.edges[i] {
		columns = append(columns, fmt.Sprint("ref", k))
	}
	return columns
}

func (f *family) sequence(*bulk) (seq actito.Sequence) {
	for _, i := range f.order {
		name := fmt.Sprint("T", i)
		text := strings.Join(f.columns(i), ",") + "\n"
		for _, row := range f.rows[i] {
			text += strings.Join(row, ",") + "\n"
		}
		seq.Steps = append(seq.Steps, actito.Step{Name: name, After: f.edges[i],
			Definition: mapped(name+".csv", actito.CustomTableType, name, f.columns(i)...),
			Import:     []actito.ImportOption{actito.DataBytes(name+".csv", []byte(text))}})
	}
	return seq
}

// arrive says which rows are sent of each step, and what state it ends in.
func (f *family) arrive() (rows []map[string]bool, states []actito.StepState) {
	var lost []map[string]bool
	for i := range f.edges {
		gone, arrives, state := map[string]bool{}, map[string]bool{}, actito.StepSucceeded
		for _, e := range f.edges[i] {
			var j int
			_, _ = fmt.Sscanf(e.Step, "T%d", &j)
			whole := states[j] == actito.StepSucceeded
			inPart := states[j] == actito.StepWithRejects || states[j] == actito.StepEmpty
			if !whole && (!inPart || e.OnRejects == actito.Stop) {
				state = actito.StepSkipped
			}
		}
		for _, row := range f.rows[i] {
			held := false
			for k, e := range f.edges[i] {
				var j int
				_, _ = fmt.Sscanf(e.Step, "T%d", &j)
				held = held || e.OnRejects == actito.WithoutOrphans && lost[j][row[2+k]]
			}
			if !held && state != actito.StepSkipped {
				arrives[strings.Join(row, ",")] = true
			}
			if held || row[1] == "bad" {
				gone[row[0]] = true
			}
		}
		switch {
		case state == actito.StepSkipped:
		case len(arrives) == 0:
			state = actito.StepEmpty
		case len(gone) > 0:
			state = actito.StepWithRejects
		}
		rows, states, lost = append(rows, arrives), append(states, state), append(lost, gone)
	}
	return rows, states
}

func TestOfAnySequenceEachRowArrivesOnceAndNoChildBeforeItsParents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := familyOf(rt)
		var imports []actitotest.Import
		var report *actito.SequenceReport
		var err error
		var used, held int
		synctest.Test(t, func(t *testing.T) {
			server := actitotest.NewServer(actitotest.InMemory(), actitotest.WithImportTimes(time.Minute, time.Minute))
			defer server.Close()
			for i := range f.edges {
				var attributes []actitotest.Attribute
				for k, c := range f.columns(i) {
					attributes = append(attributes, actitotest.Attribute{Name: c, Type: map[bool]string{true: "INTEGER", false: "STRING"}[k == 1], Unique: k == 0, Mandatory: k == 0})
				}
				server.AddCustomTable("MyEntity", actitotest.Table{ID: fmt.Sprint("id", i), Name: fmt.Sprint("T", i), PrimaryKey: "id", Attributes: attributes})
			}
			server.Assume(actitotest.ResultFilesExist, actitotest.ExecutionListExists)
			b, books := &bulk{Server: server}, actito.NewMemoryStore(time.Now)
			var state []byte
			for _, last := range append(slices.Clone(f.dies), 0) {
				var m *mortal
				m, report, err = live(t, b, books, f.sequence, state, last)
				state = m.state
			}
			imports = server.Imports()
			for i := range f.edges {
				u, err := books.Usage(t.Context(), fmt.Sprint("1/id", i))
				require.NoError(t, err)
				used, held = used+u.Used, held+u.Held
			}
		})
		rows, states := f.arrive()
		began := map[string]time.Time{}
		for _, i := range imports {
			name := i.Tables[0]
			require.Zero(rt, began[name], "%s was imported twice", name)
			began[name] = i.Time
		}
		for i, want := range states {
			name := fmt.Sprint("T", i)
			require.Equal(rt, want, report.Step(name).State, "%s of\n%s\n%v", name, report, err)
			require.Equal(rt, len(rows[i]) > 0, !began[name].IsZero(), "%s has rows to send", name)
			for _, e := range f.edges[i] {
				if !began[name].IsZero() && !began[e.Step].IsZero() {
					require.False(rt, began[name].Before(began[e.Step].Add(2*time.Minute)), "%s starts before %s has ended", name, e.Step)
				}
			}
		}
		for _, i := range imports {
			var n int
			_, _ = fmt.Sscanf(i.Tables[0], "T%d", &n)
			got := map[string]bool{}
			for _, row := range rowsOf(rt, i.Files[0]) {
				got[row] = true
			}
			require.Equal(rt, rows[n], got)
		}
		require.Equal(rt, []int{len(imports), 0}, []int{used, held}, "imports in the ledger")
		require.Equal(rt, err == nil, !slices.ContainsFunc(states, func(s actito.StepState) bool { return s != actito.StepSucceeded }), err)
	})
}
