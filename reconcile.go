package actito

import (
	"slices"
	"strings"
	"time"
)

// verdict is what a list of executions says about an import.
type verdict uint8

const (
	itIsOpen verdict = iota // ask again
	itStarted
	itDidNotStart
	itIsInDoubt // and stays so
)

// clues are what is known when a list has come.
//
// The first row that holds decides. "Shown" means that executions of this library in the list show marks of the kind
// that this import carries, so that its own would, unless it still runs, or failed before its files were looked at. An
// execution that shows another mark, that the ledger knows as another import's, that has another ETL, or that ended with
// other tables or rows, is not it. Of the rest, it is "alike" if everything fits, and "similar" if something is not told
// or does not add up, or starts at a time that only another time zone would explain.
//
//	one shows its mark                                  started
//	the list may not have caught up                     ask again
//	one that may be it still runs                       ask again
//	none is alike or similar                            not started
//	shown, some are                                     in doubt: the service may have cut a name
//	not shown, several are alike, or only similar ones  in doubt
//	not shown, one is alike, but the ledger does not
//	  know the import: it may be another of ours        in doubt
//	… but another import into its tables is being sent  ask again
//	… but another import into its tables is in doubt    in doubt: it may be that one
//	not shown, one is alike                             started
type clues struct {
	Handle
	neighbours
	list     []*Execution
	caughtUp bool
	long     bool // Reconcile has asked for an hour
}

func (c *clues) verdict() (*Execution, verdict) {
	letters := markLetters(c.Mark)
	for _, e := range c.list {
		if letters != "" && strings.Contains(string(e.Raw), letters) {
			return e, itStarted
		}
	}
	running, alike, similar := c.candidates()
	switch {
	case !c.caughtUp || running:
		return nil, itIsOpen
	case len(alike)+similar == 0:
		if c.own != nil && c.own.State == string(unitUsed) {
			return nil, itIsInDoubt // somebody settled it as started
		}
		return nil, itDidNotStart
	case c.shown():
		return nil, itIsInDoubt
	case len(alike) != 1 || c.own == nil:
		return nil, itIsInDoubt
	case c.begun:
		return nil, itIsOpen
	case c.held:
		return nil, itIsInDoubt
	}
	return alike[0], itStarted
}

// doubt says why it is in doubt.
func (c *clues) doubt() string {
	_, alike, similar := c.candidates()
	switch {
	case len(alike) == 1 && c.held:
		return "execution " + alike[0].ID + " may be this import or another one into the same tables that is in doubt"
	case len(alike) == 1 && c.shown():
		return "execution " + alike[0].ID + " looks like this import and does not show its mark, although others do"
	case len(alike) == 1:
		return "execution " + alike[0].ID + " looks like this import, and the ledger does not know the import, so that it may be an earlier one"
	case len(alike) > 1:
		return "several executions look like this import: " + ids(alike)
	case similar > 0:
		return "executions may be this import, and the service does not tell enough of them"
	}
	return "the ledger has it as started, and the service does not list it"
}

func ids(list []*Execution) string {
	var text []string
	for _, e := range list {
		text = append(text, e.ID)
	}
	return strings.Join(text, ", ")
}

// shown reports whether the service shows marks of the import's kind.
func (c *clues) shown() bool {
	kind := c.Mark[:len(c.Mark)-len(markLetters(c.Mark))]
	return kind != "" && slices.ContainsFunc(c.list, func(e *Execution) bool {
		return slices.ContainsFunc(anyMark.FindAllStringSubmatch(string(e.Raw), -1), func(m []string) bool { return m[1] == kind })
	})
}

// candidates are the executions that may be the import, which none of them shows.
func (c *clues) candidates() (running bool, alike []*Execution, similar int) {
	toldByETL := c.ETLID != "" || c.shown() // else a one shot may be told with an ETL
	for _, e := range c.list {
		switch {
		case anyMark.Match(e.Raw) || c.others[e.ID]:
		case e.ETLID != "" && e.ETLID != c.ETLID && toldByETL:
		case !e.Start.IsZero() && e.Start.Before(c.Prepared.Add(-zones)):
		case !e.Ended() && (e.Status.known() || !c.long):
			running = true
		case !c.fits(e):
		case c.alike(e):
			alike = append(alike, e)
		default:
			similar++
		}
	}
	return running, alike, similar
}

// fits reports whether an execution that ended can have loaded the import's files, as far as it tells. Names of files
// alone exclude nothing: whether they are told as the CSV files', is assumed.
func (c *clues) fits(e *Execution) bool {
	if c.named(e) {
		return !slices.ContainsFunc(c.Files, func(f HandleFile) bool {
			told := e.Files[slices.IndexFunc(e.Files, f.is)]
			return f.Table != "" && told.TableID != "" && told.TableID != f.Table || !told.canBeOf(f.Rows)
		})
	}
	elsewhere := func(r FileResult) bool { return r.TableID != "" && !slices.Contains(c.Tables, r.TableID) }
	switch {
	case len(e.Files) == 0:
		return true
	case !slices.ContainsFunc(e.Files, func(r FileResult) bool { return !elsewhere(r) }):
		return false
	case len(e.Files) != len(c.Files) || !allRead(e): // the server may fetch files, or tell those that were left out
		return true
	}
	whole, rows := e.Totals(), 0
	whole.Status, whole.counted = e.Status, true
	for _, f := range c.Files {
		rows += f.Rows
	}
	return whole.canBeOf(rows)
}

// named reports whether an execution tells all of the import's files by their names.
func (c *clues) named(e *Execution) bool {
	return !slices.ContainsFunc(c.Files, func(f HandleFile) bool { return !slices.ContainsFunc(e.Files, f.is) })
}

// alike reports whether an execution that fits tells all that there is to compare.
func (c *clues) alike(e *Execution) bool {
	const longestQueue = 12 * time.Hour // imports run one after another
	after := e.Start.Sub(c.Prepared)
	inTime := after >= -3*time.Hour && after <= longestQueue // also if the service's zone is UTC, and clocks differ
	return inTime && e.ETLID == c.ETLID && len(e.Files) > 0 && len(e.Files) == len(c.Files) && allRead(e) &&
		!slices.ContainsFunc(c.Files, func(f HandleFile) bool {
			return !slices.ContainsFunc(e.Files, func(r FileResult) bool { return f.is(r) && r.Read == f.Rows })
		})
}

// canBeOf reports whether this can have become of a file of so many rows. Whether rowsRead counts rejected rows, or the
// header, is not known: numbers that do not add up exclude nothing. Nor do fewer rows, unless all were loaded: the
// server may give up after many errors.
func (r FileResult) canBeOf(rows int) bool {
	return !r.allRead() || r.Read == rows || r.Read < rows && r.Status != StatusSuccess
}

// allRead reports whether all rows of a file were read, as far as it tells, and have an outcome.
func (r FileResult) allRead() bool {
	ended := r.Status == StatusSuccess || r.Status == StatusWithError
	return ended && r.counted && r.Created+r.Updated+r.Rejected == r.Read
}

// allRead reports whether all rows of all files were.
func allRead(e *Execution) bool {
	return !slices.ContainsFunc(e.Files, func(f FileResult) bool { return !f.allRead() })
}

func (f HandleFile) is(r FileResult) bool { return r.Name == f.Name }
