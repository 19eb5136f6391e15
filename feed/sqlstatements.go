package feed

import "strings"

// Columns as they are read: without the payload, and with it.
const (
	eventColumns = "id, lane, row_key, is_delete, urgent, at_once, columns, parents, pushed_at, import, sent, " +
		"parked_code, parked_column, parked_reason, parked_at"
	allColumns = eventColumns + ", payload IS NULL, payload" // drivers read an empty one as none
)

// sqlStatements are the statements of a store: one text each, so that a driver prepares it once. Placeholders come in
// the order of their numbers, since SQLite counts them as they come.
type sqlStatements struct {
	push, empty, erase string // of the user's transactions

	lease, take, giveBack, beat string

	remove, park, markSent, hold, release, oneByOne string // by the IDs of events
	putImport, endImport                            string
	resend, letGo, unended, unremoved               string // at the end of an import

	page, urgentPage, byKeys, states, held, imports, backlog, parked, unpark, discard string
}

func newSQLStatements(s sqlSchema) sqlStatements {
	// A machine that vanishes within a transaction must not keep the lease for as long as TCP takes to notice; and a crash
	// of the database must not forget a fence, nor what an import holds.
	careful, keys := "", s.list(1, "text")
	if s.dialect == Postgres {
		careful = ", set_config('idle_in_transaction_session_timeout', '10s', true), " +
			"CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END"
	}
	q := strings.NewReplacer("EVENTS", s.eventsTable, "LEASE", s.leaseTable, "IMPORTS", s.importsTable, "CAREFUL", careful).Replace
	const laneOf = "lane = (SELECT lane FROM IMPORTS WHERE id = $1)"
	return sqlStatements{
		push: q("INSERT INTO EVENTS (lane, row_key, is_delete, urgent, at_once, columns, parents, payload, pushed_at) " +
			"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
		// It locks all events of the key, so that what no import holds now, none holds until the transaction ends.
		empty: q("UPDATE EVENTS SET payload = NULL WHERE row_key = $1"),
		erase: q("DELETE FROM EVENTS WHERE row_key = $1 AND import IS NULL"),

		lease: q("SELECT fence, beat, holder FROM LEASE WHERE one = 1"),
		take: q("UPDATE LEASE SET holder = $1, fence = fence + 1, beat = beat + 1 " +
			"WHERE one = 1 AND fence = $2 AND beat = $3 AND holder = $4 RETURNING fence, beatCAREFUL"),
		giveBack: q("UPDATE LEASE SET holder = '', beat = beat + 1 WHERE one = 1 AND fence = $1"),
		beat:     q("UPDATE LEASE SET beat = beat + 1 WHERE one = 1 AND fence = $1 RETURNING fence, beatCAREFUL"),

		remove:   q("DELETE FROM EVENTS WHERE " + s.pickKeys(1, "")),
		park:     q(s.parking()),
		markSent: q("UPDATE EVENTS SET sent = true WHERE " + s.pickIDs(1)),
		hold: q("UPDATE EVENTS SET import = $1 WHERE " +
			s.pickKeys(2, " AND import IS NULL AND parked_code IS NULL")),
		release:  q("UPDATE EVENTS SET import = NULL WHERE " + s.pickIDs(1)),
		oneByOne: q("UPDATE EVENTS SET columns = 0 WHERE " + s.pickIDs(1)),

		putImport: q("INSERT INTO IMPORTS (id, lane, handle, started_at) VALUES ($1, $2, $3, $4) " +
			"ON CONFLICT (id) DO UPDATE SET handle = excluded.handle"),
		resend: q("UPDATE EVENTS SET sent = false WHERE " + s.pick(isSent+" AND "+laneOf)),
		letGo:  q("UPDATE EVENTS SET import = NULL WHERE " + s.pick("import = $1")),
		unended: q("SELECT count(*) FROM (SELECT id FROM EVENTS WHERE " + isSent + " AND " + laneOf +
			" UNION ALL SELECT id FROM EVENTS WHERE import = $1) AS e"),
		unremoved: q("SELECT count(*) FROM EVENTS WHERE id " + s.list(1, "bigint")),
		endImport: q("DELETE FROM IMPORTS WHERE id = $1"),

		page:       q(s.ofLanes("SELECT true AS urgent UNION ALL SELECT false")),
		urgentPage: q(s.ofLanes("SELECT true AS urgent")),
		byKeys:     q(s.each(allColumns, s.distinct(), []string{"row_key"}, []string{"k.value"}, "0", "true", "$2")),
		states: q("SELECT row_key, min(id), min(pushed_at), max(CASE WHEN import IS NULL THEN 0 ELSE 1 END) FROM EVENTS " +
			"WHERE row_key " + keys + " GROUP BY row_key"),
		held: q("SELECT " + allColumns + " FROM EVENTS WHERE import = $1 AND (row_key, id) > ($2, $3) " +
			"ORDER BY row_key, id LIMIT $4"),
		imports: q("SELECT id, lane, handle, started_at FROM IMPORTS ORDER BY started_at, id"),
		backlog: q("SELECT lane, columns, count(*) - count(import) - count(parked_code), count(import), count(parked_code), " +
			"min(CASE WHEN parked_code IS NULL THEN pushed_at END) FROM EVENTS GROUP BY lane, columns ORDER BY lane, columns"),
		parked: q("SELECT " + allColumns + " FROM EVENTS WHERE " + isParked + " AND id > $1 ORDER BY id LIMIT $2"),
		unpark: q("UPDATE EVENTS SET sent = false, parked_code = NULL, parked_column = NULL, parked_reason = NULL, " +
			"parked_at = NULL WHERE id = $1 AND " + isParked),
		discard: q("DELETE FROM EVENTS WHERE id = $1 AND " + isParked),
	}
}

// list compares with the elements of argument n, a JSON array. In PostgreSQL they become an array that is made once, so
// that they are looked up in an index whatever the planner believes.
func (s *sqlSchema) list(n byte, kind string) string {
	arg := "$" + string(rune('0'+n))
	if s.dialect == Postgres {
		return "= ANY(ARRAY(SELECT json_array_elements_text(" + arg + "::text::json)::" + kind + "))"
	}
	return "IN (SELECT value FROM json_each(" + arg + "))"
}

// pickIDs picks the events with the IDs of argument n.
func (s *sqlSchema) pickIDs(n byte) string { return s.pick("id " + s.list(n, "bigint")) }

// pickKeys picks the events with the IDs of argument n that meet a condition, of each key all or none: if whoever is
// erasing the older ones of a key does not commit, they must not come after a newer one that was noted without them.
func (s *sqlSchema) pickKeys(n byte, condition string) string {
	condition = "id " + s.list(n, "bigint") + condition
	if s.dialect == Postgres {
		return "id = ANY(ARRAY(WITH mine AS (SELECT id, row_key FROM EVENTS WHERE " + condition + " FOR UPDATE SKIP LOCKED) " +
			"SELECT id FROM mine WHERE row_key NOT IN (SELECT row_key FROM EVENTS WHERE " + condition + " AND id NOT IN (SELECT id FROM mine))))"
	}
	return condition
}

// pick picks events to be changed. In PostgreSQL it passes by those that another transaction has locked: whoever
// drains never waits for a transaction of the user's.
func (s *sqlSchema) pick(condition string) string {
	if s.dialect == Postgres {
		return "id = ANY(ARRAY(SELECT id FROM EVENTS WHERE " + condition + " FOR UPDATE SKIP LOCKED))"
	}
	return condition
}

// parking takes a JSON array of objects.
func (s *sqlSchema) parking() string {
	set := "UPDATE EVENTS AS e SET import = NULL, parked_code = p.code, parked_column = p.col, parked_reason = p.reason, parked_at = p.at FROM "
	if s.dialect == Postgres {
		return set + "json_to_recordset($1::text::json) AS p(id bigint, code text, col text, reason text, at timestamptz) WHERE e.id = p.id AND e." +
			s.pick("id = ANY(ARRAY(SELECT (value->>'id')::bigint FROM json_array_elements($1::text::json)))")
	}
	return set + "(SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.code') AS code, json_extract(value, '$.col') AS col, " +
		"json_extract(value, '$.reason') AS reason, json_extract(value, '$.at') AS at FROM json_each($1)) AS p WHERE e.id = p.id"
}

// ofLanes reads of each lane as many events as are wanted, urgent ones and others, and of those the first: no lane is
// read to its end for another's sake.
func (s *sqlSchema) ofLanes(urgent string) string {
	return s.each(eventColumns, "SELECT value, urgent FROM ("+s.distinct()+") AS lanes CROSS JOIN ("+urgent+") AS u",
		[]string{"lane", "urgent"}, []string{"k.value", "k.urgent"}, "$2", isPending, "$3") + " LIMIT $3"
}

// distinct is the elements of the JSON array $1.
func (s *sqlSchema) distinct() string {
	if s.dialect == Postgres { // as an array, of which the planner does not expect much
		return "SELECT DISTINCT unnest(ARRAY(SELECT json_array_elements_text($1::text::json))) AS value"
	}
	return "SELECT DISTINCT value FROM json_each($1)"
}

// each reads a number of events for each row k of a query: those of which some columns are equal to k's, with the smallest
// IDs after one. They come by their IDs. There must be an index on the columns and the ID.
//
// PostgreSQL would rather read all events by their IDs if it believed that most are equal, and go on to the end where
// none is. With rows that are compared, and an order that says all columns, only that index will do.
func (s *sqlSchema) each(read, query string, columns, equal []string, after, condition, limit string) string {
	if s.dialect == Postgres {
		row, is := strings.Join(columns, ", ")+", id", strings.Join(equal, ", ")
		return "SELECT e.* FROM (" + query + ") AS k CROSS JOIN LATERAL (SELECT " + read + " FROM EVENTS " +
			"WHERE (" + row + ") > (" + is + ", " + after + ") AND (" + row + ") <= (" + is + ", 9223372036854775807) AND " + condition +
			" ORDER BY " + row + " LIMIT " + limit + ") AS e ORDER BY e.id"
	}
	for i, column := range columns {
		condition = column + " = " + equal[i] + " AND " + condition
	}
	return "SELECT e." + strings.ReplaceAll(read, ", ", ", e.") + " FROM (" + query + ") AS k CROSS JOIN EVENTS AS e " +
		"WHERE e.id IN (SELECT id FROM EVENTS WHERE " + condition + " AND id > " + after + " ORDER BY id LIMIT " + limit + ") ORDER BY e.id"
}
