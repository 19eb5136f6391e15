package actito

import (
	"context"
	"fmt"
	"slices"
)

// guard checks what is staged before the import is counted: each file with its parts.
type guard func(ctx context.Context, files [][]StagedFile) error

func (g guard) applyImport(im *importRun) { im.guards = append(im.guards, g) }

// MinRows refuses an import with a file of fewer rows, such as an extract that broke off. Rows that were refused do not
// count.
func MinRows(n int) ImportOption {
	return guard(func(_ context.Context, files [][]StagedFile) error {
		for _, parts := range files {
			if rows := rowsOfFiles(parts); rows < n {
				return &ValidationError{File: parts[0].Name, Rule: "min-rows",
					Detail: fmt.Sprintf("the file has %d rows to import, and MinRows asks for %d", rows, n)}
			}
		}
		return nil
	})
}

// MaxRows refuses an import with a file of more rows, such as the whole table where its changes were meant.
func MaxRows(n int) ImportOption {
	return guard(func(_ context.Context, files [][]StagedFile) error {
		for _, parts := range files {
			if rows := rowsOfFiles(parts); rows > n {
				return &ValidationError{File: parts[0].Name, Rule: "max-rows",
					Detail: fmt.Sprintf("the file has %d rows to import, and MaxRows allows %d", rows, n)}
			}
		}
		return nil
	})
}

// MaxEmpty refuses an import with a file that has this column and in which more than this share of the rows, from 0 to 1,
// has an empty cell in it. One of the files must have the column. Of typed rows, the cells are counted in another reading of
// what is staged.
func MaxEmpty(column string, share float64) ImportOption {
	return guard(func(ctx context.Context, files [][]StagedFile) error {
		refuse := func(file, detail string) error {
			return &ValidationError{File: file, Column: column, Rule: "max-empty", Detail: detail}
		}
		if !(share >= 0 && share <= 1) {
			return refuse("", fmt.Sprintf("MaxEmpty takes a share from 0 to 1, not %v", share))
		}
		found := false
		for _, parts := range files {
			i := slices.Index(parts[0].header, column)
			if i < 0 {
				continue
			}
			found = true
			empty, err := emptyCellsOf(ctx, parts)
			if err != nil {
				return err
			}
			if rows := rowsOfFiles(parts); float64(empty[i])/float64(rows) > share {
				return refuse(parts[0].Name, fmt.Sprintf("%d of %d cells are empty, and MaxEmpty allows a share of %v", empty[i], rows, share))
			}
		}
		if !found {
			return refuse(files[0][0].Name, "MaxEmpty names a column that no file has")
		}
		return nil
	})
}

// emptyCellsOf counts the empty cells of each column of a file in parts.
func emptyCellsOf(ctx context.Context, parts []StagedFile) ([]int, error) {
	if parts[0].empties != nil {
		return parts[0].empties, nil
	}
	sum := make([]int, len(parts[0].header))
	for _, f := range parts {
		err := f.eachRow(ctx, func(stagedRow) error { return nil }, func(r stagedRow) error {
			for i := range sum {
				if len(r.cell(i)) == 0 {
					sum[i]++
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// byFile puts the parts of each file together.
func byFile(files []StagedFile) [][]StagedFile {
	var list [][]StagedFile
	for i := range files {
		if files[i].Part > 1 {
			last := &list[len(list)-1]
			*last = append(*last, files[i])
			continue
		}
		list = append(list, files[i:i+1:i+1])
	}
	return list
}
