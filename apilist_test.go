package actito_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goldenOf names the golden files of the requests that each method of api.md is made for.
var goldenOf = map[string][]string{
	"DiscoverEnvironment": {"token"},

	"ProfileTable.Upsert":        {"v4/profile-upsert", "v4/profile-upsert-with-data-collection", "v5/profile-upsert"},
	"ProfileTable.Create":        {"v4/profile-create", "v5/profile-create"},
	"ProfileTable.Get":           {"v4/profile-get", "v4/profile-get-by-id", "v5/profile-get"},
	"ProfileTable.Update":        {"v4/profile-update", "v5/profile-update"},
	"ProfileTable.Delete":        {"v4/profile-delete", "v5/profile-delete"},
	"ProfileTable.Subscriptions": {"v4/subscriptions"},
	"ProfileTable.Subscribe":     {"v4/subscribe"},
	"ProfileTable.Unsubscribe":   {"v4/unsubscribe"},
	"ProfileTable.Segmentations": {"v4/segmentations"},
	"ProfileTable.Segment":       {"v4/segment", "v4/segment-in-category"},
	"ProfileTable.Unsegment":     {"v4/unsegment"},

	"CustomTable.Upsert": {"v4/record-upsert"},
	"CustomTable.Get":    {"v4/record-get"},
	"CustomTable.Update": {"v4/record-update"},
	"CustomTable.Delete": {"v4/record-delete"},
	"CustomTable.List":   {"v4/record-list", "v4/record-list-searched-and-sorted"},

	"EntityService.List":             {"v5/entities"},
	"StructureService.ProfileTables": {"v5/profile-tables"},
	"StructureService.ProfileTable":  {"v5/profile-table"},
	"StructureService.CustomTables":  {"v5/custom-tables"},
	"StructureService.CustomTable":   {"v5/custom-table"},

	"ETLService.Create":  {"v5/etl-create", "v5/etl-create-scheduled"},
	"ETLService.Get":     {"v5/etl-get"},
	"ETLService.List":    {"v5/etl-list"},
	"ETLService.Replace": {"v5/etl-replace"},
	"ETLService.Delete":  {"v5/etl-delete"},
	"ETLService.Trigger": {"v5/etl-trigger", "v5/etl-trigger-remote"},
	"ETLService.RunOnce": {"v5/run-once", "v5/run-once-remote"},

	"LocationService.List":   {"v5/location-list"},
	"LocationService.Create": {"v5/location-create"},
	"LocationService.Test":   {"v5/location-test"},

	"ExecutionService.Get":     {"v5/execution-get"},
	"ExecutionService.List":    {"v5/execution-list"},
	"ExecutionService.Rejects": {"v5/rejects-as-text"},
	"CustomTable.Rejects":      {"v5/rejects"},

	"WebhookService.Subscribe": {"v4/webhook-subscribe"},
}

// listed is what api.md says of a method.
type listed struct{ calls, through []string }

var (
	listedName    = regexp.MustCompile("^\\| \\[`([^`]+)`]")
	listedCall    = regexp.MustCompile("\\| `([A-Z]+ /[^`]+)` \\|")
	listedThrough = regexp.MustCompile("\\| calls of `(.+)` \\|")
	placeholder   = regexp.MustCompile(`\{[^}]+\}`)
)

func apiList(t *testing.T) map[string]*listed {
	text, err := os.ReadFile("api.md")
	require.NoError(t, err)
	methods := map[string]*listed{}
	var m *listed
	for line := range strings.Lines(string(text)) {
		if name := listedName.FindStringSubmatch(line); name != nil {
			m = &listed{}
			methods[name[1]] = m
		}
		if c := listedCall.FindStringSubmatch(line); c != nil {
			m.calls = append(m.calls, c[1])
		}
		if through := listedThrough.FindStringSubmatch(line); through != nil {
			m.through = strings.Split(through[1], "`, `")
		}
	}
	return methods
}

func TestTheListOfCallsIsWhatIsSent(t *testing.T) {
	t.Parallel()
	methods := apiList(t)
	unused := map[string]bool{}
	for _, folder := range []string{"", "v4", "v5"} {
		files, err := filepath.Glob(filepath.Join("testdata", "golden", folder, "*.http"))
		require.NoError(t, err)
		for _, f := range files {
			unused[f] = true
		}
	}
	for name, m := range methods {
		own, seen := m.calls, map[string]bool{}
		allowed := slices.Clone(own)
		for _, other := range m.through {
			require.Contains(t, methods, other, name)
			allowed = append(allowed, methods[other].calls...)
		}
		for _, golden := range goldenOf[name] {
			file := filepath.Join("testdata", "golden", golden+".http")
			delete(unused, file)
			for _, line := range requestLines(t, file) {
				at := slices.IndexFunc(allowed, func(template string) bool { return fitsTemplate(template, line) })
				if name == "DiscoverEnvironment" && at < 0 {
					continue // the call that the token was for
				}
				require.GreaterOrEqual(t, at, 0, "%s sends %s, which api.md does not list", name, line)
				seen[allowed[at]] = true
			}
		}
		for _, template := range own {
			require.True(t, seen[template], "api.md lists %s for %s, which is not sent", template, name)
		}
	}
	require.Empty(t, slices.Sorted(maps.Keys(unused)), "name the methods of these golden files")
	for name := range goldenOf {
		require.Contains(t, methods, name, "api.md does not list it")
	}
}

// requestLines are the first lines of a golden file's requests, without queries.
func requestLines(t *testing.T, file string) []string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var lines []string
	for _, request := range strings.Split(string(text), "\n###\n\n") {
		line, _, _ := strings.Cut(request, "\n")
		line, _, _ = strings.Cut(line, "?")
		lines = append(lines, line)
	}
	return lines
}

func fitsTemplate(template, line string) bool {
	parts := placeholder.Split(template, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, `[^/]+`) + "$").MatchString(line)
}
