package actito

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The executions of the tables below; the import was prepared at noon as ETL 7, with 3 rows for table 16 in c.csv.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	ownMark   = "AAAABBBBCCCC2222"
	otherMark = "ZZZZBBBBCCCC2222"
)

func listedAt(start time.Time, change ...func(*Execution)) *Execution {
	e := &Execution{ID: "1", ETLID: "7", Status: StatusSuccess, Start: start, End: start, Raw: []byte(`{}`),
		Files: []FileResult{{Name: "c.csv", TableID: "16", Status: StatusSuccess, Read: 3, Created: 3, counted: true}}}
	for _, c := range change {
		c(e)
	}
	return e
}

func shows(text string) func(*Execution) {
	return func(e *Execution) { e.Raw = fmt.Appendf(nil, `{"any":{"name":["x-%s.zip"]}}`, text) }
}

// counts tells the numbers of the first file.
func counts(status ExecutionStatus, read, created, rejected int) func(*Execution) {
	return func(e *Execution) {
		f := &e.Files[0]
		f.Status, f.Read, f.Created, f.Rejected = status, read, created, rejected
	}
}

func otherwise(name string) func(*Execution) { return func(e *Execution) { e.Files[0].Name = name } }

func running(e *Execution) {
	e.Status, e.Files, e.End = StatusRunning, nil, time.Time{}
}

func TestWhatAListOfExecutionsSaysAboutAnImport(t *testing.T) {
	t.Parallel()
	like := listedAt(noon.Add(time.Minute))
	unmarked := func(c ...func(*Execution)) []*Execution { return []*Execution{listedAt(noon.Add(time.Minute), c...)} }
	another := listedAt(noon, func(e *Execution) { e.ID = "2" }, shows(markArchive+otherMark))
	named := listedAt(noon, func(e *Execution) { e.ID = "2" }, shows(markName+otherMark))
	for name, tt := range map[string]struct {
		list  []*Execution
		late  bool // the list may not have caught up
		books neighbours
		blind bool // the ledger does not know the import
		long  bool // it was asked for an hour
		mark  string
		etl   string // "none" in place of 7
		want  verdict
	}{
		"its own mark":                             {list: unmarked(shows(markArchive + ownMark)), want: itStarted},
		"its own mark, of the other kind":          {list: unmarked(shows(markName + ownMark)), want: itStarted},
		"its own mark, before the list caught up":  {list: unmarked(shows(markArchive + ownMark)), late: true, want: itStarted},
		"its own mark, of a running one":           {list: unmarked(running, shows(markArchive+ownMark)), want: itStarted},
		"its own mark beside one that is alike":    {list: append(unmarked(shows(markArchive+ownMark)), like), want: itStarted},
		"its own mark in an ETL that is not named": {list: unmarked(func(e *Execution) { e.ETLID = "" }, shows(markArchive+ownMark)), blind: true, want: itStarted},

		"nothing":                            {want: itDidNotStart},
		"nothing, before the list caught up": {late: true, want: itIsOpen},
		"nothing, and the ledger does not know the import":  {blind: true, want: itDidNotStart},
		"nothing, of an import that was settled as started": {books: neighbours{own: &QuotaEntry{State: "used"}}, want: itIsInDoubt},
		"one that runs":                    {list: unmarked(running), want: itIsOpen},
		"one that runs, of another ETL":    {list: unmarked(running, func(e *Execution) { e.ETLID = "8" }), want: itDidNotStart},
		"one that runs, of another import": {list: unmarked(running), books: neighbours{others: map[string]bool{"1": true}}, want: itDidNotStart},
		"one that runs, with another mark": {list: unmarked(running, shows(markArchive+otherMark)), want: itDidNotStart},
		"one that waits":                   {list: unmarked(running, func(e *Execution) { e.Start = time.Time{} }), want: itIsOpen},

		"where marks are shown, none":                                {list: []*Execution{another}, want: itDidNotStart},
		"where marks are shown, one that is alike without":           {list: append(unmarked(), another), want: itIsInDoubt},
		"where marks are shown, a similar one without":               {list: append(unmarked(func(e *Execution) { e.Files = nil }), another), want: itIsInDoubt},
		"where marks are shown, one of other rows without":           {list: append(unmarked(counts(StatusSuccess, 9, 9, 0)), another), want: itDidNotStart},
		"where marks are shown, one that runs without":               {list: append(unmarked(running), another), want: itIsOpen},
		"where only marks of the other kind are shown, one is alike": {list: append(unmarked(), named), want: itStarted},
		"where only marks of the other kind are shown, two are":      {list: append(unmarked(), like, named), want: itIsInDoubt},

		"one that is alike": {list: unmarked(), want: itStarted},
		"one that is alike, of an import without a mark":                 {list: unmarked(), mark: "none", want: itStarted},
		"one that is alike, before the list caught up":                   {list: unmarked(), late: true, want: itIsOpen},
		"one that is alike, and the ledger does not know the import":     {list: unmarked(), blind: true, want: itIsInDoubt},
		"one that is alike, while another import is sent":                {list: unmarked(), books: neighbours{begun: true}, want: itIsOpen},
		"one that is alike, while another is in doubt":                   {list: unmarked(), books: neighbours{held: true}, want: itIsInDoubt},
		"nothing, while another is in doubt":                             {books: neighbours{held: true}, want: itDidNotStart},
		"two that are alike":                                             {list: append(unmarked(), like), want: itIsInDoubt},
		"one that is alike beside yesterday's":                           {list: append(unmarked(), listedAt(noon.Add(-24*time.Hour))), want: itStarted},
		"one that is alike beside one that runs":                         {list: append(unmarked(), unmarked(running)...), want: itIsOpen},
		"one that the ledger knows as another's":                         {list: unmarked(), books: neighbours{others: map[string]bool{"1": true}}, want: itDidNotStart},
		"one with more rows":                                             {list: unmarked(counts(StatusSuccess, 4, 4, 0)), want: itDidNotStart},
		"one with more rows and rejects":                                 {list: unmarked(counts(StatusWithError, 4, 3, 1)), want: itDidNotStart},
		"one with fewer rows":                                            {list: unmarked(counts(StatusSuccess, 2, 2, 0)), want: itDidNotStart},
		"one that may have given up after many errors":                   {list: unmarked(counts(StatusWithError, 2, 0, 2)), want: itIsInDoubt},
		"one that counts no rejected rows as read":                       {list: unmarked(counts(StatusWithError, 2, 2, 1)), want: itIsInDoubt},
		"one that counts its header":                                     {list: unmarked(counts(StatusSuccess, 4, 3, 0)), want: itIsInDoubt},
		"one of as many rows, that do not add up":                        {list: unmarked(counts(StatusSuccess, 3, 2, 0)), want: itIsInDoubt},
		"one into another table":                                         {list: unmarked(func(e *Execution) { e.Files[0].TableID = "17" }), want: itDidNotStart},
		"one of another ETL":                                             {list: unmarked(func(e *Execution) { e.ETLID = "8" }), want: itDidNotStart},
		"one that started the day before yesterday":                      {list: []*Execution{listedAt(noon.Add(-27 * time.Hour))}, want: itDidNotStart},
		"one that started two hours before, by UTC":                      {list: []*Execution{listedAt(noon.Add(-2 * time.Hour))}, want: itStarted},
		"one that started ten hours before, by a zone that nobody knows": {list: []*Execution{listedAt(noon.Add(-10 * time.Hour))}, want: itIsInDoubt},
		"one that started a day later":                                   {list: []*Execution{listedAt(noon.Add(24 * time.Hour))}, want: itIsInDoubt},
		"one that does not say when it started":                          {list: []*Execution{listedAt(time.Time{})}, want: itIsInDoubt},
		"one that does not say its ETL":                                  {list: unmarked(func(e *Execution) { e.ETLID = "" }), want: itIsInDoubt},
		"one that names no files":                                        {list: unmarked(func(e *Execution) { e.Files = nil }), want: itIsInDoubt},
		"one that names its files otherwise, with the same rows":         {list: unmarked(func(e *Execution) { e.Files[0].Name = "7" }), want: itIsInDoubt},
		"one of other files, with other rows":                            {list: unmarked(otherwise("d.csv"), counts(StatusSuccess, 9, 9, 0)), want: itDidNotStart},
		"one of other files, that counts its header":                     {list: unmarked(otherwise("d.csv"), counts(StatusSuccess, 4, 3, 0)), want: itIsInDoubt},
		"one of other files, into another table":                         {list: unmarked(otherwise("d.csv"), func(e *Execution) { e.Files[0].TableID = "17" }), want: itDidNotStart},
		"one that names its files otherwise, and one that was left out": {list: unmarked(otherwise("7"), func(e *Execution) {
			e.Files = append(e.Files, FileResult{Name: "8", Status: StatusSuccess, counted: true})
		}), want: itIsInDoubt},
		"a one shot beside an ETL's, where one shots may have ETLs": {list: unmarked(), etl: "none", want: itIsInDoubt},
		"a one shot beside an ETL's, where marks are shown":         {list: append(unmarked(), named), etl: "none", mark: markName + ownMark, want: itDidNotStart},
		"a one shot beside an ETL's of other rows":                  {list: unmarked(counts(StatusSuccess, 9, 9, 0)), etl: "none", want: itDidNotStart},
		"one in a status that nobody knows":                         {list: unmarked(running, func(e *Execution) { e.Status = "HALTED" }), want: itIsOpen},
		"one in a status that nobody knows, for an hour":            {list: unmarked(running, func(e *Execution) { e.Status = "HALTED" }), long: true, want: itIsInDoubt},
		"one that runs for an hour":                                 {list: unmarked(running), long: true, want: itIsOpen},
		"one that failed, so that its rows are not counted":         {list: unmarked(func(e *Execution) { e.Files[0].Status, e.Files[0].Read = StatusFailed, 0 }), want: itIsInDoubt},
		"one that failed, and names its files otherwise":            {list: unmarked(func(e *Execution) { e.Files[0] = FileResult{Name: "7", Status: StatusFailed, counted: true} }), want: itIsInDoubt},
		"one with a file more": {list: unmarked(func(e *Execution) {
			e.Files = append(e.Files, FileResult{Name: "d.csv", Status: StatusSuccess, Read: 1, Created: 1, counted: true})
		}), want: itIsInDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clues{Handle: Handle{ID: "1/a", ETLID: "7", Mark: markArchive + ownMark, Prepared: noon, Files: []HandleFile{{Name: "c.csv", Rows: 3, Table: "16"}},
				Tables: []string{"16"}},
				list: tt.list, caughtUp: !tt.late, long: tt.long, neighbours: tt.books}
			if tt.mark != "" {
				c.Mark = strings.TrimPrefix(tt.mark, "none")
			}
			if tt.etl != "" {
				c.ETLID = ""
			}
			if c.own == nil && !tt.blind {
				c.own = &QuotaEntry{State: "held"}
			}
			e, got := c.verdict()
			require.Equal(t, tt.want, got)
			if got == itStarted {
				require.Equal(t, "1", e.ID)
			}
			if got == itIsInDoubt {
				require.NotEmpty(t, c.doubt())
			}
		})
	}
}
