package feed

import "strings"

// Columns as they are read: without the payload, and with it.
const (
	eventColumns = "id, lane, row_key, is_delete, urgent, at_once, columns, parents, pushed_at, import, sent, " +
		"parked_code, parked_column, parked_reason, parked_at"
	allColumns = eventColumns + ", payload"
)

// sqlStatements are the statements of a store: one text each, so that a driver prepares it once. Placeholders come in
// the order of their numbers, since SQLite counts them as they come.
type sqlStatements struct {
	push, empty, erase string // of the user's transactions

	lease, take, giveBack, beat string

	remove, park, markSent, hold, release, oneByOne string // by the IDs of events
	putImport, resend, letGo, unended, endImport    string

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

		remove:   q("DELETE FROM EVENTS WHERE " + s.pick("id", s.list(1, "bigint"), "")),
		park:     q(s.parking()),
		markSent: q("UPDATE EVENTS SET sent = true WHERE " + s.pick("id", s.list(1, "bigint"), "")),
		hold: q("UPDATE EVENTS SET import = $1 WHERE " +
			s.pick("id", s.list(2, "bigint"), " AND import IS NULL AND parked_code IS NULL")),
		release:  q("UPDATE EVENTS SET import = NULL WHERE " + s.pick("id", s.list(1, "bigint"), "")),
		oneByOne: q("UPDATE EVENTS SET columns = 0 WHERE " + s.pick("id", s.list(1, "bigint"), "")),

		putImport: q("INSERT INTO IMPORTS (id, lane, handle, started_at) VALUES ($1, $2, $3, $4) " +
			"ON CONFLICT (id) DO UPDATE SET handle = excluded.handle"),
		resend: q("UPDATE EVENTS SET sent = false WHERE " + s.pickWhere("sent AND "+laneOf)),
		letGo:  q("UPDATE EVENTS SET import = NULL WHERE " + s.pickWhere("import = $1")),
		unended: q("SELECT count(*) FROM (SELECT id FROM EVENTS WHERE sent AND " + laneOf +
			" UNION ALL SELECT id FROM EVENTS WHERE import = $1) AS e"),
		endImport: q("DELETE FROM IMPORTS WHERE id = $1"),

		page:       q(s.ofLanes(isPending)),
		urgentPage: q(s.ofLanes(isUrgent)),
		byKeys:     q(s.each(allColumns, "row_key = k.value", "$2")),
		states: q("SELECT row_key, max(CASE WHEN import IS NULL THEN 0 ELSE 1 END) FROM EVENTS " +
			"WHERE row_key " + keys + " GROUP BY row_key"),
		held: q("SELECT " + allColumns + " FROM EVENTS WHERE import = $1 AND (row_key, id) > ($2, $3) " +
			"ORDER BY row_key, id LIMIT $4"),
		imports: q("SELECT id, lane, handle, started_at FROM IMPORTS ORDER BY started_at, id"),
		backlog: q("SELECT lane, columns, count(*) FILTER (WHERE import IS NULL AND parked_code IS NULL), " +
			"count(*) FILTER (WHERE " + isHeld + "), count(*) FILTER (WHERE " + isParked + "), " +
			"min(pushed_at) FILTER (WHERE parked_code IS NULL) FROM EVENTS GROUP BY lane, columns ORDER BY lane, columns"),
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

// pick picks the events that a list has, of those that meet a condition too.
func (s *sqlSchema) pick(column, list, condition string) string {
	return s.pickWhere(column + " " + list + condition)
}

// pickWhere picks events to be changed. In PostgreSQL it passes by those that another transaction has locked: whoever
// drains never waits for a transaction of the user's.
func (s *sqlSchema) pickWhere(condition string) string {
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
			s.pickWhere("id = ANY(ARRAY(SELECT (value->>'id')::bigint FROM json_array_elements($1::text::json)))")
	}
	return set + "(SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.code') AS code, json_extract(value, '$.col') AS col, " +
		"json_extract(value, '$.reason') AS reason, json_extract(value, '$.at') AS at FROM json_each($1)) AS p WHERE e.id = p.id"
}

// ofLanes reads of each lane as many events as are wanted, and of those the first, so that no lane is read to its end for
// another's sake.
func (s *sqlSchema) ofLanes(which string) string {
	return s.each(eventColumns, "lane = k.value AND id > $2 AND "+which, "$3") + " LIMIT $3"
}

// each reads columns of a number of events for each element of the JSON array $1, which is k.value: those with the
// smallest IDs. They come by their IDs.
func (s *sqlSchema) each(columns, where, limit string) string {
	where = " FROM EVENTS WHERE " + where + " ORDER BY id LIMIT " + limit
	if s.dialect == Postgres {
		return "SELECT e.* FROM (SELECT DISTINCT json_array_elements_text($1::text::json) AS value) AS k CROSS JOIN LATERAL (SELECT " +
			columns + where + ") AS e ORDER BY e.id"
	}
	return "SELECT e." + strings.ReplaceAll(columns, ", ", ", e.") + " FROM (SELECT DISTINCT value FROM json_each($1)) AS k " +
		"CROSS JOIN EVENTS AS e WHERE e.id IN (SELECT id" + where + ") ORDER BY e.id"
}
