package feedtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actito-go/actito/feed"
)

// noon is when tests begin.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.FixedZone("", 3600))

// The lanes of most tests.
const (
	people = "profiles:Shop/Customers"
	orders = "records:Shop/Orders"
)

// all is more than any test has.
const all = 10_000

// subject is a store with an outbox of its own, and short ways to use and to check it.
type subject struct {
	*testing.T
	feed.Store
	open      func(context.Context) (Transaction, error)
	oneWriter bool
	writes    sync.Mutex // with oneWriter
	lease     feed.Lease // the last one that was taken
}

func newSubject(t *testing.T, open Open, o options) *subject {
	outbox := open(t)
	return &subject{T: t, Store: outbox.Store, open: outbox.Begin, oneWriter: o.oneWriter}
}

// key is one of the right length.
func key(name string) feed.Key { return feed.Key(name + strings.Repeat("-", 22-len(name))) }

// changed is an event of a key.
func changed(name string) feed.Event {
	return feed.Event{Lane: people, Key: key(name), Columns: 7, Payload: []byte("row of " + name), At: noon}
}

// deleted is one that erases.
func deleted(name string) feed.Event {
	e := changed(name)
	e.Delete, e.Urgent, e.AtOnce, e.Columns, e.Payload = true, true, true, 0, []byte("key of "+name)
	return e
}

// with changes an event.
func with(e feed.Event, change func(*feed.Event)) feed.Event {
	change(&e)
	return e
}

// in puts an event into another lane.
func in(lane string, e feed.Event) feed.Event {
	e.Lane = lane
	return e
}

// parked is a reason that differs by its code.
func parked(code string) feed.Parked {
	return feed.Parked{Code: code, Column: "email", Reason: "not an address: «é»", At: noon.Add(time.Minute)}
}

// begin opens a transaction.
func (s *subject) begin() Transaction {
	s.Helper()
	tx, err := s.open(s.Context())
	s.ok(err)
	s.Cleanup(func() { _ = tx.Rollback() }) // of a test that failed
	return tx
}

// write executes statements.
func (s *subject) write(tx feed.Execer, statements ...feed.Statement) {
	s.Helper()
	for _, statement := range statements {
		_, err := tx.ExecContext(s.Context(), statement.Query, statement.Args...)
		s.ok(err)
	}
}

// push commits events in one transaction, and returns their IDs.
func (s *subject) push(events ...feed.Event) []int64 {
	s.Helper()
	var statements []feed.Statement
	for _, e := range events {
		statements = append(statements, s.Append(e))
	}
	return s.commit(events, statements)
}

// erase commits deletes in one transaction, and returns their IDs.
func (s *subject) erase(events ...feed.Event) []int64 {
	s.Helper()
	var statements []feed.Statement
	for _, e := range events {
		statements = append(statements, s.Erase(e)...)
	}
	return s.commit(events, statements)
}

func (s *subject) commit(events []feed.Event, statements []feed.Statement) []int64 {
	s.Helper()
	var keys []feed.Key
	for _, e := range events {
		keys = append(keys, e.Key)
	}
	before := ids(s.events(keys...))
	tx := s.begin()
	s.write(tx, statements...)
	s.ok(tx.Commit())
	added := slices.DeleteFunc(ids(s.events(keys...)), func(id int64) bool { return slices.Contains(before, id) })
	if len(added) != len(events) {
		s.Fatalf("a transaction of %d events added %d", len(events), len(added))
	}
	return added
}

// events reads all events of keys.
func (s *subject) events(keys ...feed.Key) []feed.Event {
	s.Helper()
	slices.Sort(keys)
	events, err := s.Events(s.Context(), slices.Compact(keys), all)
	s.ok(err)
	return events
}

// event reads the only event of a key.
func (s *subject) event(name string) feed.Event {
	s.Helper()
	events := s.events(key(name))
	if len(events) != 1 {
		s.Fatalf("there are %d events of %q, want 1", len(events), name)
	}
	return events[0]
}

// take makes the test the holder of the lease.
func (s *subject) take(holder string) feed.Lease {
	s.Helper()
	seen, err := s.Lease(s.Context())
	s.ok(err)
	s.lease, err = s.Take(s.Context(), seen, holder)
	s.ok(err)
	return s.lease
}

// note applies a note, as the holder of the lease.
func (s *subject) note(n feed.Note) {
	s.Helper()
	if s.lease.Fence == 0 {
		s.take("test")
	}
	s.ok(s.Apply(s.Context(), s.lease.Fence, n))
}

// hold makes an import of people hold events.
func (s *subject) hold(importID string, ids ...int64) {
	s.Helper()
	s.note(feed.Note{Hold: ids, Import: &feed.Import{ID: importID, Lane: people, At: noon}})
}

func (s *subject) park(id int64, code string) {
	s.Helper()
	s.note(feed.Note{Park: map[int64]feed.Parked{id: parked(code)}})
}

// page reads the pending events of both lanes.
func (s *subject) page() []feed.Event {
	s.Helper()
	events, err := s.Page(s.Context(), feed.Page{Lanes: []string{people, orders}, Limit: all})
	s.ok(err)
	return events
}

// isPending checks which events are.
func (s *subject) isPending(want ...int64) {
	s.Helper()
	s.sameIDs(s.page(), want)
}

// isHeld checks which events an import holds.
func (s *subject) isHeld(importID string, want ...int64) {
	s.Helper()
	events, err := s.Held(s.Context(), importID, feed.Event{}, all)
	s.ok(err)
	got := ids(events)
	slices.Sort(got)
	s.same(got, want)
}

// isParked checks which events are.
func (s *subject) isParked(want ...int64) {
	s.Helper()
	events, err := s.Parked(s.Context(), 0, all)
	s.ok(err)
	s.sameIDs(events, want)
}

// ids lists the IDs of events.
func ids(events []feed.Event) []int64 {
	list := make([]int64, 0, len(events))
	for _, e := range events {
		list = append(list, e.ID)
	}
	return list
}

func (s *subject) sameIDs(events []feed.Event, want []int64) {
	s.Helper()
	s.same(ids(events), want)
}

func (s *subject) same(got, want []int64) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Fatalf("got the events %d, want %d", got, want)
	}
}

// is checks an event, but for its ID.
func (s *subject) is(got, want feed.Event) {
	s.Helper()
	want.ID = got.ID
	if !sameEvent(got, want) {
		s.Fatalf("got  %s\nwant %s", show(got), show(want))
	}
}

// leased checks the lease.
func (s *subject) leased(want feed.Lease) {
	s.Helper()
	got, err := s.Lease(s.Context())
	s.ok(err)
	if got != want {
		s.Fatalf("the lease is %+v, want %+v", got, want)
	}
}

// lost checks that a call failed because the lease is lost.
func (s *subject) lost(err error) {
	s.Helper()
	if !errors.Is(err, feed.ErrLeaseLost) {
		s.Fatalf("got error %v, want ErrLeaseLost", err)
	}
}

// ok ends the test at an error.
func (s *subject) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

// sameEvent compares all that an event tells.
func sameEvent(a, b feed.Event) bool {
	return a.ID == b.ID && a.Lane == b.Lane && a.Key == b.Key && a.Delete == b.Delete && a.Urgent == b.Urgent &&
		a.AtOnce == b.AtOnce && a.Columns == b.Columns && slices.Equal(a.Parents, b.Parents) &&
		(a.Payload == nil) == (b.Payload == nil) && bytes.Equal(a.Payload, b.Payload) && a.At.Equal(b.At) &&
		a.Import == b.Import && a.Sent == b.Sent && sameParked(a.Parked, b.Parked)
}

func sameParked(a, b *feed.Parked) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Code == b.Code && a.Column == b.Column && a.Reason == b.Reason && a.At.Equal(b.At)
}

// show prints an event with what it points to, and no more than the beginning of a payload.
func show(e feed.Event) string {
	reason, payload := "not parked", "erased"
	if e.Parked != nil {
		reason = fmt.Sprintf("parked: %+v", *e.Parked)
	}
	if e.Payload != nil {
		payload = fmt.Sprintf("%d bytes: %.40q", len(e.Payload), e.Payload)
	}
	e.Parked, e.Payload = nil, nil
	return fmt.Sprintf("%+v, %s, payload %s", e, reason, payload)
}
