package conformance

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// report is what a live run found out about the facts.
type report struct {
	facts  []fact
	seen   map[string][]string // by fact: where it did not hold, and how
	worlds map[string][]string // by fact: the worlds that held in its place
	held   map[string]int
	why    map[string][]string // by fact: why a scenario of it was not tried
}

func newReport(list []fact) *report {
	return &report{list, map[string][]string{}, map[string][]string{}, map[string]int{}, map[string][]string{}}
}

func (r *report) add(s scenario, version string, found []finding) {
	name := s.Name
	if s.byVersion() {
		name += ", " + version
	}
	for _, f := range found {
		for _, id := range f.facts {
			var why unchecked
			switch {
			case errors.As(f.err, &why):
				r.why[id] = append(r.why[id], string(why))
			case f.err != nil:
				r.seen[id] = append(r.seen[id], fmt.Sprintf("%s: %v", name, f.err))
			case f.world != "" && r.decides(id, f.world):
				r.worlds[id] = append(r.worlds[id], f.world)
			default:
				r.held[id]++
			}
		}
	}
}

// decides reports whether a world is the opposite of a fact. An answer of another world says nothing against the other
// facts of its scenario.
func (r *report) decides(id, world string) bool { return opposite[world] == id }

// opposite names for each world the fact that does not hold in it.
var opposite = map[string]string{
	"EmptyCellsClear": "empty-cells", "QuotaRolling": "quota-day", "FailedRunsFree": "quota-failed", "FailedFilePasses": "failed-file-stops",
	"KeysWithoutCase": "keys-with-case", "ExistingInvalid": "create-existing", "IDOnlyInLocation": "id-in-body",
	"ExecutionListMissing": "execution-list", "NamesMissing": "names-in-executions", "ResultFilesMissing": "result-files", "TimesInUTC": "times-in-brussels",
}

// write tells of the assumed facts which held, which did not and which could not be checked, and of the others what is
// not as described. Nothing in it is data of the service's: names of fields, statuses, and what the scenarios say.
func (r *report) write(w io.Writer) {
	var held, not, open []string
	surprises := []string{}
	for _, f := range r.facts {
		line := fmt.Sprintf("  %-22s %s", f.ID, f.Says)
		bad := r.seen[f.ID]
		if worlds := slices.Compact(slices.Sorted(slices.Values(r.worlds[f.ID]))); len(worlds) > 0 {
			bad = append([]string{"its opposite holds: " + strings.Join(worlds, ", ")}, bad...)
		}
		switch {
		case f.Sureness != "assumed" && len(bad) > 0:
			surprises = append(surprises, line+" ("+f.Sureness+")"+details(bad))
		case f.Sureness != "assumed":
		case len(bad) > 0 && r.held[f.ID] > 0:
			not = append(not, line+details(append(bad, fmt.Sprintf("and yet as described %d times", r.held[f.ID]))))
		case len(bad) > 0:
			not = append(not, line+details(bad))
		case r.held[f.ID] > 0:
			held = append(held, line)
		default:
			why := append(slices.Clone(r.why[f.ID]), f.Unchecked)
			why = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(why))), func(s string) bool { return s == "" })
			open = append(open, line+details(why))
		}
	}
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"Assumed, and held", held}, {"Assumed, and did not hold", not}, {"Assumed, and could not be checked", open},
		{"Known, and not as described", surprises},
	} {
		fmt.Fprintf(w, "\n%s: %d\n%s", part.title, len(part.lines), strings.Join(append(part.lines, ""), "\n"))
	}
}

func details(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "\n  %-22s - %s", "", line)
	}
	return b.String()
}
