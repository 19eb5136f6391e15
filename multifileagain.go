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
	return slices.DeleteFunc(e.names(), func(name string) bool {
		return slices.ContainsFunc(e.Execution.given, func(f HandleFile) bool { return f.Name == name && f.Optional && e.loaded(name) })
	})
}

// names are those of the files, in the order of the definition.
func (e *ImportError) names() (names []string) {
	for _, f := range e.Execution.given {
		names = append(names, f.Name)
	}
	if names == nil {
		for _, f := range e.Files {
			names = append(names, f.Name)
		}
	}
	return slices.Compact(names) // of a file in parts, one
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

// created counts the rows of a file that were created; negative if the server does not tell.
func (e *ImportError) created(name string) (n int) {
	told := false
	for _, f := range e.Files {
		if f.Name != name {
			continue
		}
		if !f.counted && f.Verdict() != NotAttempted {
			return -1
		}
		told, n = true, n+f.Created
	}
	if !told {
		return -1
	}
	return n
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
	created := slices.DeleteFunc(slices.Clone(again), func(name string) bool { return e.mode(name) != CreateOnly || e.created(name) == 0 })
	switch {
	case len(created) > 0:
		return text + ": rows of " + strings.Join(created, ", ") + ", which only creates, would be rejected as existing: leave out those that were loaded, or update them too"
	case slices.ContainsFunc(again, func(name string) bool { return e.mode(name) == "" }):
		return text
	}
	return text + ": rows that were loaded are updated once more, which does no harm"
}

// Repeats says that an import repeats one that failed. One of its [ImportError.Again] that is not given is then a
// [ValidationError], and so is a file that only creates and of which rows were created, or may have been: they would be
// rejected as existing, unless they are left out, which [Force] confirms. A file counts as given by its name, or by one
// of another day that fits the same input file. Of [Once], another key is needed.
func Repeats(failed *ImportError) ImportOption {
	return importOption(func(im *importRun) { im.repeats, im.failed = true, failed })
}

// Force lets an import that [Repeats] another give files that only create, of which rows were or may have been created.
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
	for _, name := range im.failed.names() {
		in, given := im.givenAs(name)
		mode, created := im.failed.mode(name), im.failed.created(name)
		if in != nil {
			mode = in.Mode
		}
		if !given || mode != CreateOnly || created == 0 || im.force {
			continue
		}
		told := fmt.Sprintf("%d of its rows were created by execution %s, which", created, im.failed.Execution.ids())
		if created < 0 {
			told = fmt.Sprintf("execution %s does not tell whether rows of it were created; such", im.failed.Execution.ids())
		}
		return &ValidationError{File: name, Rule: "repeats",
			Detail: "the file only creates, and " + told + " would be rejected as existing: leave them out and say so with Force, or update rows too"}
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
