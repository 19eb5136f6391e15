package sqlquota

import (
	"strings"
	"time"

	"github.com/actito-go/actito"
)

// timeText is a time as both dialects read it.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z07:00") }

// tablesOf lists the tables of a reservation. The budget of several together is none.
func tablesOf(r actito.Reservation) string {
	var list []string
	for _, b := range r.Buckets {
		if _, name := cut(b.Name); !strings.Contains(name, "+") {
			list = append(list, name)
		}
	}
	return strings.Join(list, ",")
}

// reserved notes a reservation. Its ID may be that of one that was freed before.
func (s *Store) reserved(licence string, r actito.Reservation) []statement {
	_, once := cut(r.Once)
	return []statement{{"INSERT INTO " + s.imports + " (id, licence, tables, once_key, state, reserved_at, lease) " +
		"VALUES ($1, $2, $3, NULLIF($4, ''), 'reserved', $5, $6) ON CONFLICT (id) DO UPDATE SET tables = excluded.tables, " +
		"once_key = excluded.once_key, state = excluded.state, reserved_at = excluded.reserved_at, lease = excluded.lease, " +
		"begun_at = NULL, settled_at = NULL, execution_id = NULL",
		[]any{r.ID, licence, tablesOf(r), once, timeText(r.At), timeText(r.Lease)}}}
}

// begun notes that bytes are about to leave.
func (s *Store) begun(id string, now time.Time) []statement {
	return []statement{{"UPDATE " + s.imports + " SET state = 'begun', begun_at = $1 WHERE id = $2 AND state = 'reserved'",
		[]any{timeText(now), id}}}
}

// settled notes an outcome. One that was used stays so, but may learn its execution. What was found before as another
// import is this one.
func (s *Store) settled(licence, id string, o actito.Outcome, now time.Time) []statement {
	notes := []statement{{"UPDATE " + s.imports + " SET state = $1, lease = NULL, settled_at = $2, execution_id = NULLIF($3, '') " +
		"WHERE id = $4 AND (state NOT IN ('used', 'found') OR $1 = 'used' AND execution_id IS NULL)",
		[]any{o.State.String(), timeText(now), o.ExecutionID, id}}}
	if o.ExecutionID != "" {
		notes = append(notes, statement{"DELETE FROM " + s.imports + " WHERE licence = $1 AND execution_id = $2 AND state = 'found' AND id <> $3",
			[]any{licence, o.ExecutionID, id}})
	}
	return notes
}

// found notes an import of others.
func (s *Store) found(licence string, r actito.Reservation, executionID string, now time.Time) []statement {
	return []statement{{"INSERT INTO " + s.imports + " (id, licence, tables, state, reserved_at, settled_at, execution_id) " +
		"VALUES ($1, $2, $3, 'found', $4, $5, $6) ON CONFLICT (id) DO UPDATE SET tables = excluded.tables, state = excluded.state, " +
		"reserved_at = excluded.reserved_at, settled_at = excluded.settled_at, execution_id = excluded.execution_id, " +
		"once_key = NULL, lease = NULL, begun_at = NULL",
		[]any{r.ID, licence, tablesOf(r), timeText(r.At), timeText(now), executionID}}}
}
