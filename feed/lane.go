package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/actito-go/actito"
)

// Lane is the way of one table's rows through a feed. It is safe for concurrent use; make one per table, when the program
// starts, in every process, and share it.
//
// A lane that cannot work is refused, for example one whose table has no key: each of its methods returns the error, and
// so does [Feed.Run].
type Lane[T any] struct {
	*lane
	toMap func(T) (map[string]any, error)
}

// lane is what a feed knows of a lane, whatever its rows are.
type lane struct {
	feed    *Feed
	of      string // the table
	name    string // of, and the key: hand-overs by another key are not this lane's
	table   table
	key     string // the attribute that is the key of the rows
	parents []parent
	spill   *spill
	err     error
}

type parent struct {
	*lane
	attribute string // of the child
}

// table is what the drainer needs of a table of maps.
type table interface {
	upsert(ctx context.Context, row map[string]any, opts ...actito.CallOption) error
	remove(ctx context.Context, key string, opts ...actito.CallOption) error
	read(ctx context.Context, key string, opts ...actito.CallOption) error

	// Client is that of the table's entity.
	Client() *actito.Client
	// file makes a file of rows, and how it is loaded.
	file(name string, rows iter.Seq2[map[string]any, error], opts ...actito.ColumnOption) (actito.InputFile, actito.Data)
	Rejects(ctx context.Context, e *actito.Execution, opts ...actito.RejectsOption) iter.Seq2[actito.Reject[map[string]any], error]
}

// Profiles makes the lane of a profile table. Its rows need a key: the tag option key, or KeyedBy.
func Profiles[T any](f *Feed, t *actito.ProfileTable[T], opts ...LaneOption) *Lane[T] {
	if f == nil || t == nil {
		return &Lane[T]{lane: noLane(f, "Profiles")}
	}
	l := &lane{feed: f, of: "profiles:" + t.String(), table: profiles{t.Untyped(), t.KeyAttribute()}, key: t.KeyAttribute()}
	l.register(opts, t.Attributes())
	return &Lane[T]{l, t.Map}
}

// Records makes the lane of a custom table. Its records need a key: the tag option key, or KeyedBy.
func Records[T any](f *Feed, t *actito.CustomTable[T], opts ...LaneOption) *Lane[T] {
	if f == nil || t == nil {
		return &Lane[T]{lane: noLane(f, "Records")}
	}
	l := &lane{feed: f, of: "records:" + t.String(), table: records{t.Untyped()}, key: t.KeyAttribute()}
	l.register(opts, t.Attributes())
	return &Lane[T]{l, t.Map}
}

// noLane is a lane that is refused since it lacks its feed or table.
func noLane(f *Feed, kind string) *lane {
	l := &lane{of: kind + " without a table", name: kind + " without a table", err: fmt.Errorf("feed: %s needs a feed and a table: look at the errors of what made them", kind)}
	if f != nil {
		f.add(l)
	}
	return l
}

// LaneOption changes a lane.
type LaneOption func(*lane)

// Parent is a [Lane] of any rows.
type Parent interface{ core() *lane }

func (l *Lane[T]) core() *lane {
	if l == nil {
		return nil
	}
	return l.lane
}

// After lets the rows of a lane wait for the rows of another lane that they name: an order for its customer, not for all
// customers. A row waits while the outbox holds anything of its parent that was handed over before it, or with it, parked
// or not. What is handed over of a parent more than ten seconds later is not waited for: push a parent in the transaction
// of its children or an earlier one.
//
// The attribute is that of the child which holds the parent's key; without one it has the name of the parent's key. A row
// in which it is unset or null waits for nobody.
func After(p Parent, attribute ...string) LaneOption {
	return func(l *lane) {
		if p == nil || p.core() == nil || p.core().feed != l.feed || len(attribute) > 1 {
			l.refuse("After needs a lane of the same feed, and at most one attribute")
			return
		}
		of := p.core()
		name := of.key
		if len(attribute) == 1 {
			name = attribute[0]
		}
		l.parents = append(l.parents, parent{of, name})
	}
}

func (l *lane) refuse(format string, args ...any) {
	l.err = cmp.Or(l.err, fmt.Errorf("feed: lane %s: "+format, append([]any{l.name}, args...)...))
}

// register checks a lane and adds it to its feed. attributes are nil if any may occur.
func (l *lane) register(opts []LaneOption, attributes []string) {
	l.name = l.of + ":" + l.key
	if l.key == "" || attributes != nil && !slices.Contains(attributes, l.key) {
		l.refuse("the rows have no key that is sent, by which they are merged: give one field the tag option key without readonly, or use KeyedBy")
	}
	for _, o := range opts {
		if o != nil {
			o(l)
		}
	}
	for _, p := range l.parents {
		if attributes != nil && !slices.Contains(attributes, p.attribute) {
			l.refuse("the rows have no attribute %q to name their %s: give its name to After", p.attribute, p.name)
		}
	}
	l.feed.add(l)
}

// PushOption changes one hand-over.
type PushOption func(*push)

type push struct {
	mustTrigger bool
	collected   *actito.DataCollectionInfo
}

// MustTrigger hands a row over for real-time scenarios: it goes one by one, never in a file, and ahead of the others.
func MustTrigger() PushOption { return func(p *push) { p.mustTrigger = true } }

// DataCollection says when, where and how the data of a profile was collected. Lanes of custom tables ignore it. It keeps
// the row out of files, which cannot say so.
func DataCollection(info actito.DataCollectionInfo) PushOption {
	return func(p *push) { p.collected = &info }
}

// Push hands a row over within the caller's transaction: it is delivered if and only if that commits. A row that cannot
// be sent is an [actito.ValidationError], and nothing is written; an error of the database is found by [errors.Is] and
// [errors.As] in the one that is returned.
//
// Push after the statements that lock the row's own data, so that hand-overs of a key have the order of their
// transactions.
func (l *Lane[T]) Push(ctx context.Context, tx Execer, row T, opts ...PushOption) error {
	e, err := l.event(row, opts)
	if err != nil {
		return err
	}
	return execute(ctx, tx, l.feed.store.Append(e))
}

// Statement is what Push would run, for a database library that knows no [Execer].
func (l *Lane[T]) Statement(row T, opts ...PushOption) (query string, args []any, err error) {
	e, err := l.event(row, opts)
	if err != nil {
		return "", nil, err
	}
	s := l.feed.store.Append(e)
	return s.Query, s.Args, nil
}

func (l *Lane[T]) event(row T, opts []PushOption) (Event, error) {
	if l.err != nil {
		return Event{}, l.err
	}
	values, err := l.toMap(row)
	if err != nil {
		return Event{}, err
	}
	var p push
	for _, o := range opts {
		if o != nil {
			o(&p)
		}
	}
	return l.patch(values, p)
}

// patch makes the event that changes a row.
func (l *lane) patch(row map[string]any, p push) (Event, error) {
	e := l.newEvent(text(row[l.key]))
	e.AtOnce = len(optOuts(row)) > 0
	e.Urgent = p.mustTrigger || e.AtOnce
	if !p.mustTrigger && !consents(row) && p.collected == nil && l.spill != nil {
		e.Columns = l.spill.columns(row)
	}
	for _, parent := range l.parents {
		if key := text(row[parent.attribute]); key != "" {
			e.Parents = append(e.Parents, keyOf(parent.name, key))
		}
	}
	content := payload{Collected: p.collected}
	var err error
	if content.Row, err = json.Marshal(row); err != nil {
		return e, err
	}
	return l.sealed(e, content)
}

// Delete hands over that the row with a key is to be deleted, within the caller's transaction. What the outbox holds of
// that row is erased by the same transaction. The key is given as text.
func (l *Lane[T]) Delete(ctx context.Context, tx Execer, key string) error {
	switch {
	case l.err != nil:
		return l.err
	case key == "":
		return &actito.ValidationError{Column: l.key, Rule: "empty-key", Detail: "the key of what is deleted is empty"}
	}
	e := l.newEvent(key)
	e.Delete, e.Urgent, e.AtOnce = true, true, true
	e, err := l.sealed(e, payload{Key: key})
	if err != nil {
		return err
	}
	return execute(ctx, tx, l.feed.store.Erase(e)...)
}

func (l *lane) newEvent(key string) Event {
	return Event{Lane: l.name, Key: keyOf(l.name, key), At: time.Now()}
}

func (l *lane) sealed(e Event, p payload) (Event, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return e, err
	}
	e.Payload = l.feed.seal.close(&e, plain)
	return e, nil
}

func execute(ctx context.Context, tx Execer, statements ...Statement) error {
	if tx == nil {
		return errors.New("feed: hand over: the transaction is nil")
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s.Query, s.Args...); err != nil {
			return fmt.Errorf("feed: hand over: %w", err)
		}
	}
	return nil
}

type profiles struct {
	*actito.ProfileTable[map[string]any]
	key string
}

func (t profiles) upsert(ctx context.Context, row map[string]any, opts ...actito.CallOption) error {
	_, err := t.Upsert(ctx, row, opts...)
	return err
}

func (t profiles) remove(ctx context.Context, key string, opts ...actito.CallOption) error {
	return t.Delete(ctx, actito.By(t.key, key), opts...)
}

func (t profiles) read(ctx context.Context, key string, opts ...actito.CallOption) error {
	_, err := t.Get(ctx, actito.By(t.key, key), opts...)
	return err
}

func (t profiles) file(
	name string, rows iter.Seq2[map[string]any, error], opts ...actito.ColumnOption,
) (actito.InputFile, actito.Data) {
	return t.InputFile(name, opts...), t.Rows(name, rows, rowsOptions(opts)...)
}

type records struct {
	*actito.CustomTable[map[string]any]
}

func (t records) upsert(ctx context.Context, row map[string]any, opts ...actito.CallOption) error {
	_, err := t.Upsert(ctx, row, opts...)
	return err
}

func (t records) remove(ctx context.Context, key string, opts ...actito.CallOption) error {
	return t.Delete(ctx, key, opts...)
}

func (t records) read(ctx context.Context, key string, opts ...actito.CallOption) error {
	_, err := t.Get(ctx, key, opts...)
	return err
}

func (t records) file(
	name string, rows iter.Seq2[map[string]any, error], opts ...actito.ColumnOption,
) (actito.InputFile, actito.Data) {
	return t.InputFile(name, opts...), t.Rows(name, rows, rowsOptions(opts)...)
}

func rowsOptions(columns []actito.ColumnOption) (opts []actito.RowsOption) {
	for _, o := range columns {
		opts = append(opts, o)
	}
	return opts
}
