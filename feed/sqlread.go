package feed

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// sqlTime is the form of a time that both dialects take, and that SQLite keeps.
const sqlTime = "2006-01-02 15:04:05.000000Z07:00"

func timeText(t time.Time) string { return t.UTC().Format(sqlTime) }

// instant reads a time, or NULL as none.
type instant struct{ time.Time }

// Scan implements [sql.Scanner].
func (i *instant) Scan(value any) (err error) {
	switch v := value.(type) {
	case nil:
		i.Time = time.Time{}
	case time.Time:
		i.Time = v.UTC()
	case string:
		i.Time, err = time.Parse(sqlTime, v)
	case []byte:
		i.Time, err = time.Parse(sqlTime, string(v))
	default:
		err = fmt.Errorf("a %T is no time", value)
	}
	return err
}

// parkedText lists events to be parked. What the service says goes in whatever it is: a zero byte is no text in
// PostgreSQL.
func parkedText(events map[int64]Parked) string {
	type event struct {
		ID     int64  `json:"id"`
		Code   string `json:"code"`
		Column string `json:"col"`
		Reason string `json:"reason"`
		At     string `json:"at"`
	}
	list := make([]event, 0, len(events))
	clean := strings.NewReplacer("\x00", "\uFFFD").Replace
	for id, p := range events {
		list = append(list, event{id, clean(p.Code), clean(p.Column), clean(p.Reason), timeText(p.At)})
	}
	return listText(list)
}

// collect reads the rows of a query.
func collect[T any](ctx context.Context, s *SQLStore, op, query string, scan func(*sql.Rows) (T, error), args ...any) ([]T, error) {
	if s.err != nil {
		return nil, s.err
	}
	var list []T
	err := repeat(ctx, func() error {
		list = nil
		rows, err := s.db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			row, err := scan(rows)
			if err != nil {
				return err
			}
			list = append(list, row)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, s.failed(ctx, op, err)
	}
	return list, nil
}

// scanEvent reads the columns of an event; more are those of allColumns.
func scanEvent(rows *sql.Rows, more ...any) (e Event, err error) {
	var parents, imported, code, column, reason sql.NullString
	var at, parkedAt instant
	if err := rows.Scan(append([]any{&e.ID, &e.Lane, &e.Key, &e.Delete, &e.Urgent, &e.AtOnce, &e.Columns, &parents, &at,
		&imported, &e.Sent, &code, &column, &reason, &parkedAt}, more...)...); err != nil {
		return Event{}, err
	}
	if parents.String != "" {
		for p := range strings.SplitSeq(parents.String, ",") {
			e.Parents = append(e.Parents, Key(p))
		}
	}
	e.At, e.Import = at.Time, imported.String
	if code.Valid {
		e.Parked = &Parked{Code: code.String, Column: column.String, Reason: reason.String, At: parkedAt.Time}
	}
	return e, nil
}

func scanBrief(rows *sql.Rows) (Event, error) { return scanEvent(rows) }

func scanWhole(rows *sql.Rows) (Event, error) {
	var erased bool
	var payload []byte
	e, err := scanEvent(rows, &erased, &payload)
	if e.Payload = payload; payload == nil && !erased && err == nil {
		e.Payload = []byte{}
	}
	return e, err
}

// listText is a list as statements take it.
func listText[T any](list []T) string {
	text, _ := json.Marshal(list) // of texts and numbers: it cannot fail
	return string(text)
}

// Page implements [Store].
func (s *SQLStore) Page(ctx context.Context, p Page) ([]Event, error) {
	if len(p.Lanes) == 0 {
		return nil, s.err
	}
	query := s.page
	if p.Urgent {
		query = s.urgentPage
	}
	return collect(ctx, s, "read events", query, scanBrief, listText(p.Lanes), p.After, p.Limit)
}

// Events implements [Store].
func (s *SQLStore) Events(ctx context.Context, keys []Key, limit int) ([]Event, error) {
	if len(keys) == 0 {
		return nil, s.err
	}
	return collect(ctx, s, "read events of keys", s.byKeys, scanWhole, listText(keys), limit)
}

// States implements [Store].
func (s *SQLStore) States(ctx context.Context, keys []Key) (map[Key]State, error) {
	if len(keys) == 0 {
		return map[Key]State{}, s.err
	}
	type state struct {
		key   Key
		first int64
		at    instant
		held  int
	}
	list, err := collect(ctx, s, "read the states of keys", s.states, func(rows *sql.Rows) (k state, err error) {
		err = rows.Scan(&k.key, &k.first, &k.at, &k.held)
		return k, err
	}, listText(keys))
	if err != nil {
		return nil, err
	}
	states := make(map[Key]State, len(list))
	for _, k := range list {
		states[k.key] = State{First: k.first, At: k.at.Time, Held: k.held > 0}
	}
	return states, nil
}

// Held implements [Store].
func (s *SQLStore) Held(ctx context.Context, importID string, after Event, limit int) ([]Event, error) {
	return collect(ctx, s, "read what an import holds", s.held, scanWhole, importID, string(after.Key), after.ID, limit)
}

// Imports implements [Store].
func (s *SQLStore) Imports(ctx context.Context) ([]Import, error) {
	return collect(ctx, s, "read imports", s.imports, func(rows *sql.Rows) (i Import, err error) {
		var at instant
		err = rows.Scan(&i.ID, &i.Lane, &i.Handle, &at)
		i.At = at.Time
		return i, err
	})
}

// Backlog implements [Store]. It reads the whole outbox.
func (s *SQLStore) Backlog(ctx context.Context) ([]Backlog, error) {
	return collect(ctx, s, "count events", s.backlog, func(rows *sql.Rows) (b Backlog, err error) {
		var oldest instant
		err = rows.Scan(&b.Lane, &b.Columns, &b.Pending, &b.Held, &b.Parked, &oldest)
		b.Oldest = oldest.Time
		return b, err
	})
}

// Parked implements [Store].
func (s *SQLStore) Parked(ctx context.Context, after int64, limit int) ([]Event, error) {
	return collect(ctx, s, "read parked events", s.parked, scanWhole, after, limit)
}
