package soak

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// tally counts what happened, by kind and result.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[string]int
}

func newTally() *tally { return &tally{counts: map[string]map[string]int{}} }

func (t *tally) count(kind, result string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[kind] == nil {
		t.counts[kind] = map[string]int{}
	}
	t.counts[kind][result]++
}

// write writes the report of a run, in place of the one before where a file is named.
func (s *soak) write(title string) {
	text := s.report()
	s.Log(title + "\n" + text)
	if *reportFlag == "" || s.Failed() {
		return
	}
	file, err := os.ReadFile(*reportFlag)
	require.NoError(s, err)
	begin, end := "<!-- "+title+" -->\n", "<!-- end of "+title+" -->\n"
	before, rest, found := strings.Cut(string(file), begin)
	require.True(s, found, "the report has no mark %q", begin)
	_, after, found := strings.Cut(rest, end)
	require.True(s, found, "the report has no mark %q", end)
	require.NoError(s, os.WriteFile(*reportFlag, []byte(before+begin+text+end+after), 0o600))
}

func (s *soak) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of traffic by %d goroutines, %s to settle, seed %d, %s, %s/%s.\n\n",
		s.span, goroutines, s.settled.Round(time.Millisecond), s.seed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	table(&b, "operation", "results", s.counts)
	table(&b, "storm", "faults", map[string]map[string]int{fmt.Sprintf("%d calls, rate %g", s.storm.Calls, s.storm.Storm.Rate): texts(s.storm.Faults)})
	b.WriteString("| moment | heap | goroutines | rows at the fake | imports at the fake |\n|---|---|---|---|---|\n")
	for _, m := range s.samples {
		fmt.Fprintf(&b, "| %s | %.1f MiB | %d | %d | %d |\n", m.when, float64(m.heap)/(1<<20), m.goroutines, m.rows, m.imports)
	}
	fmt.Fprintf(&b, "\nLeft when all is closed: %s.\n", s.left)
	return b.String()
}

func texts[K ~string](counts map[K]int) map[string]int {
	out := map[string]int{}
	for k, n := range counts {
		out[string(k)] = n
	}
	return out
}

func table(b *strings.Builder, left, right string, counts map[string]map[string]int) {
	fmt.Fprintf(b, "| %s | %s |\n|---|---|\n", left, right)
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		var results []string
		for _, r := range slices.Sorted(maps.Keys(counts[kind])) {
			results = append(results, fmt.Sprintf("%s %d", r, counts[kind][r]))
		}
		fmt.Fprintf(b, "| %s | %s |\n", kind, strings.Join(results, ", "))
	}
	b.WriteString("\n")
}
