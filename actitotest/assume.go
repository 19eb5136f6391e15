package actitotest

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Assumption answers one question about the real service that its reference
// leaves open. Each question has two answers; the first of a pair is what the
// fake does by default. See [Server.Assume].
type Assumption int

// The open questions, in pairs of the default and its opposite.
const (
	// EmptyCellsKeep: an empty CSV cell leaves the value of an existing row.
	EmptyCellsKeep Assumption = iota
	// EmptyCellsClear: an empty CSV cell removes it, subscriptions included.
	EmptyCellsClear

	// QuotaByCalendarDay: imports are counted from midnight to midnight in Europe/Brussels.
	QuotaByCalendarDay
	// QuotaRolling: imports are counted over the last 24 hours.
	QuotaRolling

	// FailedRunsCount: an accepted import counts even if its run fails.
	FailedRunsCount
	// FailedRunsFree: a run that fails gives its units back.
	FailedRunsFree

	// FailedFileStops: the files after one whose load failed are not loaded.
	FailedFileStops
	// FailedFilePasses: they are loaded all the same.
	FailedFilePasses

	// KeysWithCase: unique values that differ in case only are different.
	KeysWithCase
	// KeysWithoutCase: they are the same.
	KeysWithoutCase

	// ExistingConflict: creating a profile that exists, or taking a unique value from
	// another row, answers 409.
	ExistingConflict
	// ExistingInvalid: it answers 400.
	ExistingInvalid

	// IDInBody: creating calls name the new id in the body and in Location.
	IDInBody
	// IDOnlyInLocation: they answer without a body.
	IDOnlyInLocation

	// ExecutionListExists: executions can be listed.
	ExecutionListExists
	// ExecutionListMissing: the list answers 404.
	ExecutionListMissing

	// NamesInExecutions: an execution tells the name of a one shot's definition and, once
	// its files are told, the names of the archives that they came in.
	NamesInExecutions
	// NamesMissing: it tells neither.
	NamesMissing

	// ResultFilesExist: result files and error files can be downloaded.
	ResultFilesExist
	// ResultFilesMissing: they answer 404.
	ResultFilesMissing

	// TimesInBrussels: the service's own time stamps are in Europe/Brussels.
	TimesInBrussels
	// TimesInUTC: they are in UTC.
	TimesInUTC

	assumptions
)

// names are those of the answers, in their order.
var names = [assumptions]string{
	"EmptyCellsKeep", "EmptyCellsClear", "QuotaByCalendarDay", "QuotaRolling", "FailedRunsCount",
	"FailedRunsFree", "FailedFileStops", "FailedFilePasses", "KeysWithCase", "KeysWithoutCase",
	"ExistingConflict", "ExistingInvalid", "IDInBody", "IDOnlyInLocation", "ExecutionListExists",
	"ExecutionListMissing", "NamesInExecutions", "NamesMissing", "ResultFilesExist", "ResultFilesMissing",
	"TimesInBrussels", "TimesInUTC",
}

// String is the name of the answer.
func (a Assumption) String() string {
	if a < 0 || a >= assumptions {
		return fmt.Sprintf("Assumption(%d)", int(a))
	}
	return names[a]
}

// Assumptions lists the answers to all questions, each default before its opposite.
func Assumptions() []Assumption {
	list := make([]Assumption, assumptions)
	for i := range list {
		list[i] = Assumption(i)
	}
	return list
}

// worldVariable names the answers that new servers start with.
const worldVariable = "ACTITOTEST_ASSUME"

// newWorld is the world that the environment asks for; "opposites" are all of them. It panics if a name in it is
// none, since tests would pass in a world that nobody meant.
func newWorld() (w world) {
	for name := range strings.SplitSeq(os.Getenv(worldVariable), ",") {
		switch name = strings.TrimSpace(name); name {
		case "":
			continue
		case "opposites":
			for i := range w {
				w[i] = true
			}
			continue
		}
		a := slices.Index(names[:], name)
		if a < 0 {
			panic(fmt.Sprintf("actitotest: %s: there is no assumption %q, only %s", worldVariable, name, strings.Join(names[:], ", ")))
		}
		w.assume(Assumption(a))
	}
	return w
}

// world holds, for each pair of assumptions, whether its second one is in force.
type world [assumptions / 2]bool

func (w *world) assume(a Assumption)     { w[a/2] = a%2 == 1 }
func (w *world) holds(a Assumption) bool { return w[a/2] == (a%2 == 1) }

// Assume puts the given answers to open questions in force, and their opposites
// out of it. It may be called at any time, also between two calls of a client.
func (s *Server) Assume(answers ...Assumption) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		s.world.assume(a)
	}
	for _, t := range s.tables {
		t.reindex()
	}
}
