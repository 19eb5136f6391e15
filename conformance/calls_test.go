package conformance

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/actito-go/actito"
)

// sentinels are the errors that scenarios name.
var sentinels = map[string]error{
	"ErrUnauthorized": actito.ErrUnauthorized, "ErrForbidden": actito.ErrForbidden, "ErrNotFound": actito.ErrNotFound,
	"ErrConflict": actito.ErrConflict, "ErrInvalid": actito.ErrInvalid, "ErrTooManyRequests": actito.ErrTooManyRequests,
	"ErrQuotaExceeded": actito.ErrQuotaExceeded, "ErrOutcomeUnknown": actito.ErrOutcomeUnknown,
	"ErrRowsRejected": actito.ErrRowsRejected, "ErrImportFailed": actito.ErrImportFailed,
}

// arguments are those of all calls.
type arguments struct {
	Key          string // as "attribute=value" for profiles, or an id
	Attribute    string
	Row          json.RawMessage
	Name         string
	Category     string
	Table        string
	ID           string
	Definition   json.RawMessage
	Files        map[string]string
	Location     *actito.Location
	Filter       struct{ ETLID, From, To string }
	List         actito.ListOptions
	Method, Path string
}

func (a arguments) row() (map[string]any, error) { return actito.ParseMap(a.Row) }

func (a arguments) key() actito.Key {
	if a.Attribute != "" {
		return actito.By(a.Attribute, a.Key)
	}
	return actito.ByID(a.Key)
}

func (a arguments) definition() (actito.Definition, error) {
	var d actito.Definition
	err := json.Unmarshal(a.Definition, &d)
	return d, err
}

func (a arguments) data() []actito.ImportOption {
	opts := []actito.ImportOption{actito.Keep}
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		opts = append(opts, actito.DataBytes(name, []byte(a.Files[name])))
	}
	return opts
}

func (a arguments) filter() actito.ExecutionFilter {
	moment := func(text string) time.Time {
		at, _ := time.Parse(time.DateTime, text) // no text is no bound
		return at
	}
	return actito.ExecutionFilter{ETLID: a.Filter.ETLID, From: moment(a.Filter.From), To: moment(a.Filter.To)}
}

type call func(*bench, []byte) (any, error)

// with makes a call of what is written with its arguments.
func with(f func(context.Context, *bench, arguments) (any, error)) call {
	return func(b *bench, text []byte) (any, error) {
		var a arguments
		if string(text) != "null" {
			if err := into(text, &a); err != nil {
				return nil, err
			}
		}
		return f(context.Background(), b, a)
	}
}

func withRow(f func(context.Context, *bench, arguments, map[string]any) (any, error)) call {
	return with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		row, err := a.row()
		if err != nil {
			return nil, err
		}
		return f(ctx, b, a, row)
	})
}

func withDefinition(f func(context.Context, *bench, arguments, actito.Definition) (any, error)) call {
	return with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		d, err := a.definition()
		if err != nil {
			return nil, err
		}
		return f(ctx, b, a, d)
	})
}

// calls are the methods of the library by the names that scenarios have for them.
var calls = map[string]call{
	"entities.list": with(func(ctx context.Context, b *bench, _ arguments) (any, error) { return b.Entities.List(ctx) }),
	"raw": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		var out any
		err := b.Do(ctx, actito.RawCall{Method: a.Method, Path: a.Path}, &out)
		return out, err
	}),

	"profiles.upsert": withRow(func(ctx context.Context, b *bench, _ arguments, row map[string]any) (any, error) {
		return b.profiles.Upsert(ctx, row)
	}),
	"profiles.create": withRow(func(ctx context.Context, b *bench, _ arguments, row map[string]any) (any, error) {
		return b.profiles.Create(ctx, row)
	}),
	"profiles.update": withRow(func(ctx context.Context, b *bench, a arguments, row map[string]any) (any, error) {
		return nil, b.profiles.Update(ctx, a.key(), row)
	}),
	"profiles.get": with(func(ctx context.Context, b *bench, a arguments) (any, error) { return b.profiles.Get(ctx, a.key()) }),
	"profiles.delete": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return nil, b.profiles.Delete(ctx, a.key())
	}),
	"profiles.subscriptions": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.profiles.Subscriptions(ctx, a.key())
	}),
	"profiles.subscribe": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return nil, b.profiles.Subscribe(ctx, a.key(), a.Name)
	}),
	"profiles.unsubscribe": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return nil, b.profiles.Unsubscribe(ctx, a.key(), a.Name)
	}),
	"profiles.segmentations": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.profiles.Segmentations(ctx, a.key())
	}),
	"profiles.segment": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return nil, b.profiles.Segment(ctx, a.key(), actito.Segmentation{Name: a.Name, Category: a.Category})
	}),
	"profiles.unsegment": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return nil, b.profiles.Unsegment(ctx, a.key(), a.Name)
	}),

	"records.upsert": withRow(func(ctx context.Context, b *bench, _ arguments, row map[string]any) (any, error) {
		return b.records.Upsert(ctx, row)
	}),
	"records.update": withRow(func(ctx context.Context, b *bench, a arguments, row map[string]any) (any, error) {
		return nil, b.records.Update(ctx, a.Key, row)
	}),
	"records.get": with(func(ctx context.Context, b *bench, a arguments) (any, error) { return b.records.Get(ctx, a.Key) }),
	"records.delete": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return nil, b.records.Delete(ctx, a.Key)
	}),
	"records.list": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		list, more, err := b.records.List(ctx, a.List)
		return map[string]any{"records": list, "more": more}, err
	}),

	"structures.profileTables": with(func(ctx context.Context, b *bench, _ arguments) (any, error) { return b.Structures.ProfileTables(ctx) }),
	"structures.customTables":  with(func(ctx context.Context, b *bench, _ arguments) (any, error) { return b.Structures.CustomTables(ctx) }),
	"structures.profileTable": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.Structures.ProfileTable(ctx, a.Table)
	}),
	"structures.customTable": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.Structures.CustomTable(ctx, a.Table)
	}),

	"etls.create": withDefinition(func(ctx context.Context, b *bench, _ arguments, d actito.Definition) (any, error) {
		return b.ETLs.Create(ctx, d)
	}),
	"etls.replace": withDefinition(func(ctx context.Context, b *bench, a arguments, d actito.Definition) (any, error) {
		return nil, b.ETLs.Replace(ctx, a.ID, d)
	}),
	"etls.runOnce": withDefinition(func(ctx context.Context, b *bench, a arguments, d actito.Definition) (any, error) {
		return identity(b.ETLs.RunOnce(ctx, d, a.data()...))
	}),
	"etls.get":    with(func(ctx context.Context, b *bench, a arguments) (any, error) { return b.ETLs.Get(ctx, a.ID) }),
	"etls.list":   with(func(ctx context.Context, b *bench, _ arguments) (any, error) { return b.ETLs.List(ctx) }),
	"etls.delete": with(func(ctx context.Context, b *bench, a arguments) (any, error) { return nil, b.ETLs.Delete(ctx, a.ID) }),
	"etls.trigger": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return identity(b.ETLs.Trigger(ctx, a.ID, a.data()...))
	}),

	"executions.get": with(func(ctx context.Context, b *bench, a arguments) (any, error) { return b.Executions.Get(ctx, a.ID) }),
	"executions.list": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.Executions.List(ctx, a.filter())
	}),
	"executions.wait": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.Executions.Wait(ctx, &actito.Execution{ID: a.ID})
	}),
	"executions.rejects": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		e, err := b.Executions.Get(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		list := []any{}
		for reject, err := range b.Executions.Rejects(ctx, e) {
			if err != nil {
				return nil, err
			}
			list = append(list, map[string]any{"row": reject.Row, "code": reject.Code, "column": reject.Column})
		}
		return list, nil
	}),

	"locations.list": with(func(ctx context.Context, b *bench, _ arguments) (any, error) { return b.Locations.List(ctx) }),
	"locations.create": with(func(ctx context.Context, b *bench, a arguments) (any, error) {
		return b.Locations.Create(ctx, *a.Location)
	}),
	"locations.test": with(func(ctx context.Context, b *bench, a arguments) (any, error) { return nil, b.Locations.Test(ctx, a.ID) }),
}

// identity is the id of an import that was started.
func identity(e *actito.Execution, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return e.ID, nil
}
