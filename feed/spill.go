package feed

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/actito-go/actito"
)

// spill is when and how a lane's rows may go by bulk import.
type spill struct {
	staleness time.Duration
	empty     actito.EmptyCells
}

// anyColumns are the Columns of all rows of a lane whose empty cells keep values: one file can hold them all.
const anyColumns = 2

// columns tells the rows that one file can hold, or is 0 for one that none can.
func (s *spill) columns(row map[string]any) int64 {
	for _, value := range row {
		if !fitsCell(value) {
			return 0
		}
	}
	if s.empty == actito.Keep {
		return anyColumns
	}
	return columnsOf(row)
}

// fitsCell reports whether a cell of a file can say a value of a row. None clears one, be it by null or by an empty text
// or list, and none tells a comma within a list from one between its values.
func fitsCell(value any) bool {
	switch v := value.(type) {
	case string, json.Number, bool:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool {
			text, isText := one.(string)
			return !fitsCell(one) || isText && (text == "" || strings.Contains(text, ","))
		})
	}
	return false
}

// SpillToBulk lets a lane's rows go by bulk import where calls alone would not deliver them within the given time: when
// the backlog would outlast it, has 200 rows that one file can hold, and the day's imports, less those that the quota
// keeps free, allow it. They are spread over the day: what earlier hours did not need is there for busy ones. An import
// starts as late as is safe, since more rows go with it then; lanes that are [After] one another start theirs in turn.
// Bulk imports raise no scenarios. What says [MustTrigger] or [DataCollection], deletes, clears a value, or changes
// subscriptions or segmentations, always goes one by one.
//
// While an import holds a row, what is pushed of it later waits; deletes and opt-outs go at once, and again after it.
// Rows that the import rejects are parked. Where nobody can tell which rows of an import arrived, all go one by one.
//
// A file holds rows with the same columns, since what an empty cell does to an existing value is not documented. With
// [actito.Keep], the answer of a test import of yours, all rows of the lane fit into one.
//
// A lane that others are [After] goes early enough that those can still make an import of their own in time.
func SpillToBulk(staleness time.Duration, empty ...actito.EmptyCells) LaneOption {
	return func(l *lane) {
		l.spill = &spill{staleness: staleness}
		if staleness < time.Minute || len(empty) > 1 || len(empty) == 1 && empty[0] != actito.Keep {
			l.refuse("SpillToBulk needs a minute at least, and takes actito.Keep or nothing")
			return
		}
		if len(empty) == 1 {
			l.spill.empty = empty[0]
		}
	}
}
