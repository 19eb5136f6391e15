package conformance

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/actito-go/actito/actitotest"
)

// fact is one sentence about the wire.
type fact struct {
	ID        string
	Sureness  string // "documented", "seen in use" or "assumed"
	Says      string
	Where     []string // the files that rest on it, where it is assumed
	Unchecked string   // why no scenario is about it
}

func facts(t testing.TB) []fact {
	var list []fact
	decodeFile(t, filepath.Join(dataDir, "facts.json"), &list)
	return list
}

// cited are the facts of a scenario.
func (s scenario) cited() []string {
	list := slices.Clone(s.Facts)
	for _, step := range s.Steps {
		list = append(list, step.Facts...)
	}
	return list
}

func TestEachFactIsInAScenarioOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	cited := map[string]bool{}
	names := map[string]bool{}
	for _, s := range scenarios(t) {
		assert.False(t, names[s.Name], "two scenarios are named %q", s.Name)
		names[s.Name] = true
		assert.NotEmpty(t, s.cited(), s.Name)
		assert.NotEqual(t, s.Live == "", s.Why == "", "%s: either it can run live, or it says why it cannot", s.Name)
		assert.Contains(t, []string{"", "read", "write", "import"}, s.Live, s.Name)
		for _, id := range s.cited() {
			cited[id] = true
		}
	}
	for _, f := range facts(t) {
		assert.Contains(t, []string{"documented", "seen in use", "assumed"}, f.Sureness, f.ID)
		assert.NotEqual(t, cited[f.ID], f.Unchecked != "", "%s: either a scenario cites it, or it says why none does", f.ID)
		delete(cited, f.ID)
	}
	assert.Empty(t, cited, "cited, and not in facts.json")
}

// What is assumed in the code is a fact here, so that the report of a live run misses none.
func TestEachFileThatAssumesSomethingIsNamedByAFact(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, f := range facts(t) {
		for _, file := range f.Where {
			named[file] = true
			text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(file)))
			require.NoError(t, err, f.ID)
			assert.Regexp(t, `(?i)assum`, string(text), "%s: %s assumes nothing", f.ID, file)
		}
	}
	for _, file := range assuming(t) {
		assert.True(t, named[file], "%s has an assumption that is in no fact", file)
	}
}

// assuming are the files of the library and its fake with a mark of an assumption.
func assuming(t *testing.T) []string {
	var list []string
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "benchmarks", "examples", "conformance", "testdata"}, name):
			return fs.SkipDir
		case filepath.Ext(name) != ".go", strings.HasSuffix(name, "_test.go"), name == "actito.go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "assumed: ") {
			list = append(list, name)
		}
		return err
	}))
	require.NotEmpty(t, list)
	return list
}

func TestEachOppositeWorldHasAScenarioWithAnotherResult(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, s := range scenarios(t) {
		for _, w := range s.worlds() {
			found[w] = true
			for _, version := range s.versions() {
				require.NoError(t, runFake(t, s, setting{version, false, []string{w}}), s.Name)
				require.Error(t, runFake(t, s.asUsual(), setting{version, false, []string{w}}),
					"%s: the result in the world %s is the usual one", s.Name, w)
			}
		}
	}
	for _, name := range opposites() {
		assert.True(t, found[name], "no scenario has another answer in the world %s", name)
		delete(found, name)
	}
	assert.Empty(t, found, "worlds that are none")
	assert.Len(t, opposites(), len(actitotest.Assumptions())/2)
}

// asUsual is a scenario that expects the usual answers in every world.
func (s scenario) asUsual() scenario {
	steps := slices.Clone(s.Steps)
	for i := range steps {
		for _, list := range []*[]exchange{&steps[i].Then, &steps[i].V4, &steps[i].V5} {
			*list = slices.Clone(*list)
			for j := range *list {
				(*list)[j].AnswerIn = nil
			}
		}
	}
	s.Steps = steps
	return s
}
