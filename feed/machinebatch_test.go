package feed_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito"
	"github.com/actito-go/actito/actitotest"
	"github.com/actito-go/actito/feed"
)

// batch is how many things are pushed together, more than an import needs.
const batch = 300

// pushBatch pushes many things of equal columns in a transaction of their own, but for those that others have locked.
func (m *machine) pushBatch(of string) {
	t := &transaction{Tx: m.memory.Begin(), locks: map[string]bool{}}
	m.open = append(m.open, t)
	m.version++
	for i := range batch {
		id := fmt.Sprint("b", i)
		name := "thing " + id
		if slices.ContainsFunc(m.open, func(other *transaction) bool { return other.locks[name] }) {
			continue
		}
		x := thing{ID: id, Person: of, Version: m.version, A: actito.Set(fmt.Sprint("v", m.version))}
		values := map[string]actito.Opt[string]{"a": x.A, "version": actito.Set(strconv.Itoa(x.Version))}
		if of != "" {
			values["personID"] = actito.Set(of)
		}
		require.NoError(m.rt, m.pushers.things.Push(m.t.Context(), t, x))
		t.then = append(t.then, m.patch(name, values))
	}
	m.open = m.open[:len(m.open)-1]
	require.NoError(m.rt, t.Commit())
	for _, then := range t.then {
		then()
	}
	if of != "" {
		at, _ := strconv.Atoi(m.rows["person "+of]["version"])
		m.expected[m.version] = parentAt{of, at}
	}
}

// batchStep is a step with what is pushed in batches, or none.
func (m *machine) batchStep() bool {
	switch draw(m, "batch", "", "", "", "", "", "", "", "", "", "", "", "push", "push one", "push one", "delete one") {
	case "push":
		m.pushBatch(draw(m, "of", "", "", "1"))
	case "push one":
		m.pushThing(draw(m, "one", "b297", "b298", "b299"), draw(m, "of", "1", "2", "3"))
	case "delete one":
		m.remove("thing", draw(m, "one", "b297", "b298", "b299"))
	default:
		return false
	}
	return true
}

// firstImport lets steps begin while an import is about to start, or under way.
func (m *machine) firstImport() {
	m.toggle(m.processes[0])
	m.pushBatch("")
	time.Sleep(draw(m, "until", 48*time.Second, 56*time.Second, 65*time.Second))
}

// checkImports reads the files: a call before one has nothing newer of a key than the file, and one after it nothing older.
func (m *machine) checkImports() {
	for _, i := range m.server.Imports() {
		rows := table(m.t, i)
		id, version := slices.Index(rows[0], "thingID"), slices.Index(rows[0], "version")
		loads := map[string]int{}
		for _, r := range rows[1:] {
			n, err := strconv.Atoi(r[version])
			require.NoError(m.rt, err)
			loads[r[id]] = n
		}
		for _, e := range m.server.Events() {
			loaded, ok := loads[e.Data["thingID"]]
			if !ok || e.Type == actitotest.EventDelete {
				continue
			}
			called, err := strconv.Atoi(e.Data["version"])
			require.NoError(m.rt, err)
			if e.Time.Before(i.Time) {
				require.LessOrEqual(m.rt, called, loaded, "a file goes back")
			} else if e.Time.After(i.Time) {
				require.GreaterOrEqual(m.rt, called, loaded, "a call goes back behind a file")
			}
		}
	}
}

func TestWhatArrivesWithImportsIsWhatTheModelSays(t *testing.T) {
	t.Parallel()
	assert.Positive(t, fire(t, 30, feed.SpillToBulk(time.Minute)), "imports happen")
}
