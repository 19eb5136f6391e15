package actito

import (
	"fmt"
	"slices"
	"strings"
)

// Again names the files that must be sent again after an import that failed: all that its definition requires, since
// without one of them no import starts, and those optional ones that were given and not loaded in full. It is nil where
// every file was loaded, rejected rows aside: those are put right by themselves, as with [ExecutionService.WriteRepair].
//
// Which files are optional is known where the import was started here, or found by its [Handle], and its definition could
// be read. Otherwise, and where the server fetched files, all that are known count as required.
//
// Rows that were loaded are updated once more, unless their file only creates: see [Repeats].
func (e *ImportError) Again() []string {
	if !e.Is(ErrImportFailed) || e.Execution == nil {
		return nil
	}
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, f := range e.Execution.given {
		if !f.Optional || !e.loaded(f.Name) {
			add(f.Name)
		}
	}
	if len(e.Execution.given) == 0 {
		for _, f := range e.Files {
			add(f.Name)
		}
	}
	place := func(name string) int {
		return slices.IndexFunc(e.Files, func(f FileResult) bool { return f.Name == name })
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	return names
}

// loaded reports whether the server says that it loaded every row of a file.
func (e *ImportError) loaded(name string) bool {
	told := false
	for _, f := range e.Files {
		if f.Name != name {
			continue
		}
		if told = true; f.Verdict() != Loaded {
			return false
		}
	}
	return told
}

// createdOnly are the files that only create, and of which rows were created.
func (e *ImportError) createdOnly() (names []string) {
	for _, f := range e.Files {
		if f.Created > 0 && e.mode(f.Name) == CreateOnly && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

// mode is how a file was loaded, "" if that is not known.
func (e *ImportError) mode(name string) Mode {
	i := slices.IndexFunc(e.Execution.given, func(f HandleFile) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return e.Execution.given[i].Mode
}

// advice says what to send again.
func (e *ImportError) advice() string {
	again := e.Again()
	if len(again) == 0 {
		return ""
	}
	which := "all required files"
	if len(e.Execution.given) == 0 {
		which = "all files"
	} else if slices.ContainsFunc(e.Execution.given, func(f HandleFile) bool { return f.Optional && slices.Contains(again, f.Name) }) {
		which += ", and optional ones that were not loaded in full"
	}
	text := "; send again: " + strings.Join(again, ", ") + " (" + which + ")"
	if created := e.createdOnly(); len(created) > 0 {
		return text + fmt.Sprintf(": rows of %s, which only creates, would be rejected as existing: leave out those that were loaded, or update them too", strings.Join(created, ", "))
	}
	if slices.ContainsFunc(again, func(name string) bool { return e.mode(name) == "" }) {
		return text
	}
	return text + ": rows that were loaded are updated once more, which does no harm"
}

// Repeats says that an import repeats one that failed. One of its [ImportError.Again] that is not given is then a
// [ValidationError], and so is a file that only creates and of which rows were created: they would be rejected as
// existing, unless they are left out, which [Force] confirms. A file counts as given by its name, or by one of another
// day that fits the same input file. Of [Once], another key is needed.
func Repeats(failed *ImportError) ImportOption {
	return importOption(func(im *importRun) { im.repeats, im.failed = true, failed })
}

// Force lets an import that [Repeats] another give files that only create and of which rows were created.
func Force() ImportOption { return importOption(func(im *importRun) { im.force = true }) }

// checkRepeat checks the files of an import that repeats another.
func (im *importRun) checkRepeat() error {
	switch {
	case !im.repeats && im.force:
		return &ValidationError{Column: "Force", Rule: "repeats", Detail: "it goes with Repeats, and no import is named to repeat"}
	case !im.repeats:
		return nil
	case im.failed == nil || im.failed.Execution == nil:
		return &ValidationError{Column: "Repeats", Rule: "repeats", Detail: "there is no failed import to repeat: give the *ImportError of Wait"}
	}
	for _, name := range im.failed.Again() {
		if _, given := im.givenAs(name); !given {
			return &ValidationError{File: name, Rule: "repeats", Detail: "execution " + im.failed.Execution.ids() +
				" did not load everything, and this file must be sent again with the others: see ImportError.Again"}
		}
	}
	for _, f := range im.failed.Files {
		in, given := im.givenAs(f.Name)
		mode := im.failed.mode(f.Name)
		if in != nil {
			mode = in.Mode
		}
		if given && f.Created > 0 && mode == CreateOnly && !im.force {
			return &ValidationError{File: f.Name, Rule: "repeats", Detail: fmt.Sprintf("the file only creates, and %d of its rows were created by execution %s, "+
				"which would be rejected as existing: leave them out and say so with Force, or update rows too", f.Created, im.failed.Execution.ids())}
		}
	}
	return nil
}

// givenAs finds a file of another import among those of this one, by its name or as one of the same input file, which is
// nil where the definition is not known.
func (im *importRun) givenAs(name string) (f *InputFile, given bool) {
	if f, given = im.plan[name]; given {
		return f, true
	}
	for _, f := range im.plan {
		if f != nil && f.fits(name) {
			return f, true
		}
	}
	return nil, false
}
