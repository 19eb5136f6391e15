package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// results are what the runs of some benchmarks measured.
type results struct {
	names  []string // in the order of the runs
	units  []string
	values map[string]map[string][]float64 // by name and unit
}

var line = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(\S.*)$`)

// add takes the lines of one run.
func (r *results) add(output string) {
	for text := range strings.Lines(output) {
		found := line.FindStringSubmatch(strings.TrimSpace(text))
		if found == nil {
			continue
		}
		_, name, _ := strings.Cut(found[1], "/")
		fields := strings.Fields(found[2])
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			unit := fields[i+1]
			if r.values[name] == nil {
				r.names = append(r.names, name)
				r.values[name] = map[string][]float64{}
			}
			if !slices.Contains(r.units, unit) {
				r.units = append(r.units, unit)
			}
			r.values[name][unit] = append(r.values[name][unit], value)
		}
	}
}

// table is one of medians. Peers have the ratio of their time to that of the library in the same place.
func (r *results) table(wanted int) string {
	ratios := map[string]string{}
	runs := wanted
	for _, name := range r.names {
		times := r.values[name]["ns/op"]
		runs = min(runs, len(times))
		if own := r.values[r.own(name)]["ns/op"]; r.own(name) != name && len(own) > 0 {
			ratios[name] = strconv.FormatFloat(median(times)/median(own), 'f', 2, 64)
		}
	}
	head := slices.Clone(r.units)
	if len(ratios) > 0 {
		head = append(head, "time / actito's")
	}
	var b strings.Builder
	b.WriteString("| | " + strings.Join(head, " | ") + " |\n|---" + strings.Repeat("|--:", len(head)) + "|\n")
	for _, name := range r.names {
		b.WriteString("| " + name + " |")
		for _, unit := range r.units {
			if values := r.values[name][unit]; len(values) > 0 {
				b.WriteString(" " + figure(median(values)))
			}
			b.WriteString(" |")
		}
		if len(ratios) > 0 {
			b.WriteString(" " + ratios[name] + " |")
		}
		b.WriteString("\n")
	}
	if runs == 1 {
		b.WriteString("\nOne run.\n")
	} else {
		fmt.Fprintf(&b, "\nMedians of %d runs.\n", runs)
	}
	return b.String()
}

// peers are how names call what the library is compared with.
var peers = []string{"stdlib", "csvutil", "gocsv", "mapsprintf", "nethttp", "xtime", "byhand"}

// own is the name of the library's benchmark in the place of a peer's.
func (r *results) own(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if slices.Contains(peers, part) {
			parts[i] = "actito"
		}
	}
	return strings.Join(parts, "/")
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// figure has three digits that count, or all before the point, with commas between thousands.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// machine says where and when the figures were measured.
func machine(begin time.Time) string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(info); found != nil {
			model = string(found[1])
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, on %s, in %s.\n", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		runtime.Version(), begin.UTC().Format(time.DateOnly), time.Since(begin).Round(time.Second))
}
