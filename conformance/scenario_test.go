package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const dataDir = "../testdata/conformance"

// scenario is one story: what is there, what is done, and what comes of it.
type scenario struct {
	Name  string
	Facts []string // ids in facts.json; those that are assumed are settled by the last answer
	Live  string   // what of the real service it needs: "read", "write" or "import"; "" if it cannot run there
	Why   string   // why it cannot
	Given given
	Steps []step

	area string // the file that it is from
}

// given is what the service holds before the first step.
type given struct {
	Profiles      []map[string]any
	Records       []map[string]any
	Locations     []string // names, whose ids the variables location1, location2… hold; of the fake only
	Clock         string   // the service's, in Brussels, as "2026-11-23 06:00:00"; of the fake only
	ImportsPerDay int      // of the fake only
}

// step is a call and the exchanges that it makes. Without a call it is of the server's half only, with Half "sdk" of the
// SDK's.
type step struct {
	When      *when
	Half      string
	Facts     []string   // which its last answer settles
	After     string     // how much time passes before, as "90s"
	Then      []exchange // in both versions of profiles, or
	V4, V5    []exchange // in one of them
	Outcome   *outcome
	OutcomeIn map[string]outcome // in worlds where it is another
}

type when struct {
	Call string
	With json.RawMessage
}

type outcome struct {
	Value any
	Error string // the name of a sentinel
}

type exchange struct {
	Request    request
	Answer     answer
	AnswerIn   map[string]answer // in worlds where it is another
	UntilEnded bool              // the server's half repeats the request until the execution has an end
}

type request struct {
	Method  string
	Path    string // with its category, escaped but for the variables
	Query   map[string]string
	Headers map[string]*string // null: not sent
	Body    any                // JSON
	Parts   []part             // of a form
}

type part struct {
	Name        string
	ContentType string
	JSON        any
	Files       map[string]string // of an archive
}

type answer struct {
	Status  int
	Headers map[string]string
	Body    any               // a pattern
	Text    string            // in place of JSON: what the SDK's half is answered
	Files   map[string]string // of an archive: patterns by names
}

// exchanges are those of a version of profiles.
func (s step) exchanges(version string) []exchange {
	switch {
	case s.Then != nil:
		return s.Then
	case version == "v5":
		return s.V5
	}
	return s.V4
}

// versions of profiles in which there is anything to it.
func (s scenario) versions() []string {
	v4, v5 := true, true
	for _, step := range s.Steps {
		v4 = v4 && (step.Then != nil || step.V4 != nil)
		v5 = v5 && (step.Then != nil || step.V5 != nil)
	}
	var list []string
	if v4 {
		list = append(list, "v4")
	}
	if v5 {
		list = append(list, "v5")
	}
	return list
}

// byVersion reports whether its requests depend on the version of profiles.
func (s scenario) byVersion() bool {
	return slices.ContainsFunc(s.Steps, func(s step) bool { return s.Then == nil })
}

// worlds are the answers to open questions that it has other answers for.
func (s scenario) worlds() []string {
	found := map[string]bool{}
	for _, step := range s.Steps {
		for w := range step.OutcomeIn {
			found[w] = true
		}
		for _, e := range slices.Concat(step.Then, step.V4, step.V5) {
			for w := range e.AnswerIn {
				found[w] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// in is the answer of a world.
func (e exchange) in(world []string) answer { return pick(e.Answer, e.AnswerIn, world) }

func (s step) outcome(world []string) *outcome {
	if s.Outcome == nil {
		return nil
	}
	o := pick(*s.Outcome, s.OutcomeIn, world)
	return &o
}

func pick[T any](usual T, others map[string]T, world []string) T {
	for _, name := range world {
		if other, ok := others[name]; ok {
			return other
		}
	}
	return usual
}

// scenarios reads all files of the description. A field that is none is an error.
func scenarios(t testing.TB) []scenario {
	files, err := filepath.Glob(filepath.Join(dataDir, "*.json"))
	require.NoError(t, err)
	var all []scenario
	for _, name := range files {
		if filepath.Base(name) == "facts.json" {
			continue
		}
		var list []scenario
		decodeFile(t, name, &list)
		for _, s := range list {
			s.area = strings.TrimSuffix(filepath.Base(name), ".json")
			all = append(all, s)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func decodeFile(t testing.TB, name string, into any) {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into), name)
}

// variables are what stands in braces in a scenario. Some are known before, others are told by answers.
type variables map[string]string

var variable = regexp.MustCompile(`\{[a-zA-Z0-9]+\}`)

// expand puts in the variables of a text. One that is not known is an error.
func (v variables) expand(text string) (string, error) {
	var err error
	text = variable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := v[name[1:len(name)-1]]
		if !ok || value == "" {
			err = fmt.Errorf("%s is not known", name)
		}
		return value
	})
	return text, err
}

// path expands a path and escapes what is put in.
func (v variables) path(text string) (string, error) {
	escaped := variables{}
	for name, value := range v {
		escaped[name] = strings.ReplaceAll(url.PathEscape(value), "+", "%2B")
	}
	return escaped.expand(text)
}

// all expands each text and each name within a value of JSON.
func (v variables) all(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return v.expand(value)
	case []any:
		out := make([]any, len(value))
		for i, element := range value {
			var err error
			if out[i], err = v.all(element); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for name, element := range value {
			name, err := v.expand(name)
			if err != nil {
				return nil, err
			}
			if out[name], err = v.all(element); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// fileTexts expands names and contents of files.
func (v variables) fileTexts(files map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for name, text := range files {
		name, err := v.expand(name)
		if err != nil {
			return nil, err
		}
		if out[name], err = v.expand(text); err != nil {
			return nil, err
		}
	}
	return out, nil
}
