// Command report runs the benchmarks and writes medians of their runs into README.md, between its markers, with the
// machine that they ran on. No figure there is written by hand.
//
//	cd benchmarks && go run ./report
//
// It takes a few minutes, and wants a machine that does nothing else.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// group is a table of the README.
type group struct {
	marker    string
	bench     string // a pattern, as go test takes it
	benchtime string
	most      time.Duration // after which no further run begins, whatever their number
}

var groups = []group{
	{"encode", "^BenchmarkEncode$", "200ms", time.Minute},
	{"stage", "^BenchmarkStage$", "1x", 2 * time.Minute},
	{"apply", "^BenchmarkApply$", "200ms", time.Minute},
	{"upsert", "^BenchmarkUpsert$", "5000x", time.Minute},
	{"limiter", "^BenchmarkLimiter$", "50000x", time.Minute},
	{"rows", "^BenchmarkRows$/./^rows=(1000|10000|100000|1000000)$", "200ms", 2 * time.Minute},
	{"rows-largest", "^BenchmarkRows$/./^rows=10000000$", "1x", 4 * time.Minute},
	{"columns", "^BenchmarkColumns$", "100ms", time.Minute},
	{"callers", "^BenchmarkCallers$", "2000x", time.Minute},
	{"limiter-callers", "^BenchmarkLimiterCallers$", "50000x", time.Minute},
	{"ledger-callers", "^BenchmarkLedgerCallers$", "10x", time.Minute},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("report: ")
	runs := flag.Int("runs", 10, "how often each benchmark runs; medians are taken")
	benchtime := flag.String("benchtime", "", "of all benchmarks, such as 1x, to try this program")
	only := flag.String("only", "", "the markers of tables, between commas, to print in place of writing all")
	out := flag.String("o", "README.md", "the file with the markers")
	flag.Parse()
	if err := report(context.Background(), *out, *runs, *benchtime, *only); err != nil {
		log.Fatal(err)
	}
}

func report(ctx context.Context, out string, runs int, benchtime, only string) error {
	text, err := os.ReadFile(out) //nolint:gosec // named by who runs it
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "benchmarks.test")
	if output, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // the go command
		return fmt.Errorf("building: %w\n%s", err, output)
	}
	begin := time.Now()
	for _, g := range groups {
		if only != "" && !strings.Contains(","+only+",", ","+g.marker+",") {
			continue
		}
		if benchtime != "" {
			g.benchtime = benchtime
		}
		all, err := g.run(ctx, binary, runs)
		if err != nil {
			return err
		}
		log.Printf("%s, after %s", g.marker, time.Since(begin).Round(time.Second))
		if only != "" { // the others would be of another day, or of another machine
			fmt.Printf("%s:\n\n%s\n", g.marker, all.table(runs))
			continue
		}
		if text, err = fill(text, g.marker, all.table(runs)); err != nil {
			return err
		}
	}
	if only != "" {
		return nil
	}
	if text, err = fill(text, "machine", machine(begin)); err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o600)
}

// run runs a group's benchmarks so many times, or until its time is over. Each run is a process of its own, so that
// what is compared is measured in turns.
func (g *group) run(ctx context.Context, binary string, runs int) (results, error) {
	all := results{values: map[string]map[string][]float64{}}
	begin := time.Now()
	for run := range runs {
		if run > 0 && time.Since(begin) > g.most {
			break
		}
		output, err := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.benchmem", "-test.bench="+g.bench, //nolint:gosec // just built
			"-test.benchtime="+g.benchtime).CombinedOutput()
		if err != nil {
			return all, fmt.Errorf("%s: %w\n%s", g.marker, err, output)
		}
		all.add(string(output))
	}
	if len(all.names) == 0 {
		return all, fmt.Errorf("%s: no benchmark is named %s", g.marker, g.bench)
	}
	return all, nil
}

// fill puts text between a marker and its end.
func fill(file []byte, marker, text string) ([]byte, error) {
	from, to := "<!-- report: "+marker+" -->\n", "<!-- end: "+marker+" -->"
	before, rest, found := bytes.Cut(file, []byte(from))
	_, after, closed := bytes.Cut(rest, []byte(to))
	if !found || !closed {
		return nil, fmt.Errorf("the markers %q and %q are missing", strings.TrimSpace(from), to)
	}
	return bytes.Join([][]byte{before, []byte(from + text + to), after}, nil), nil
}
