package actito

import "context"

// defaultLookUps is how many parents are looked up for an import.
const defaultLookUps = 20

// LookUpParents says how many different parents an import of several files may look up, one call each, before it is
// counted and sent; 20 without it. Where a file's rows refer by a foreign key to a table that another file of the import
// loads, each row's parent must be in that file, rows that only update included, or be on the server already. With 0, all
// must be in the file. If more are missing from it, none is looked up. Either way, a parent that is not found is a
// [ValidationError] with the rule missing-parent: nothing is sent or counted.
//
// With a negative n parents are left to the server, which rejects the rows that lack theirs: neither rows nor the order of
// the files are checked. That is for files of changed records, most of whose parents did not change and are only on the
// server.
//
// What cannot be known here is left to the server anyway: parents in files that the server fetches or whose columns it
// transforms, values that no file has a column for, what an import of a single file refers to, and the parents of a [Step]
// that needs others, which may load them. Two values that differ in case are two; an empty cell refers to nothing.
func LookUpParents(n int) ImportOption {
	return importOption(func(im *importRun) { im.lookUps = n })
}

// checkOrder checks the order of the files that are loaded, and finds what they refer to.
func (im *importRun) checkOrder(ctx context.Context) (err error) {
	if im.lookUps < 0 || len(im.loaded) < 2 {
		return nil
	}
	advice := "put the definition's files in the order that ETLs.Ordered gives"
	if im.etlID != "" {
		advice = "Replace the definition by one with its files in the order that ETLs.Ordered gives"
	}
	im.references, err = im.c.checkOrder(ctx, im.loaded, advice, ", or if Actito has all those rows already, leave them to it with LookUpParents(-1)")
	return err
}
