package actito

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"strings"

	"github.com/google/go-querystring/query"

	"github.com/actito-go/actito/internal/transport"
)

const (
	pathRecords = "/custom-data/v4/entity/{entity}/customTable/{table}/record"
	pathRecord  = pathRecords + "/{businessKey}"
)

// CustomTable is a custom table whose records are T: a struct with actito tags, or map[string]any. It is safe for
// concurrent use; make one per table and share it.
//
// Its methods send one record per call, and Actito runs its scenarios at once (documented). Writes to one business key
// are sent in the order of the calls. Attributes that are unset are never sent; plain numbers and bools always are. A
// business key that is empty is a [ValidationError] before anything is sent; what the server refuses is an [APIError].
type CustomTable[T any] struct {
	c     *Client
	table string
	codec *codec[T]
	rows  *Transformer[T] // nil: they are sent as they are
}

// Records opens a custom table by its name or UUID. It sends nothing. Tags that cannot work fail here, with a
// [ValidationError] that names the field.
func Records[T any](c *Client, table string) (*CustomTable[T], error) {
	codec, err := openTable[T](c, CustomTableType, table)
	if err != nil {
		return nil, err
	}
	return &CustomTable[T]{c: c, table: table, codec: codec}, nil
}

// KeyedBy returns the same table with another attribute as the business key of its records. It is how records that
// are maps get one.
func (t *CustomTable[T]) KeyedBy(attribute string) (*CustomTable[T], error) {
	codec, err := t.codec.keyedBy(attribute)
	if err != nil {
		return nil, err
	}
	keyed := *t
	keyed.codec = codec
	return &keyed, nil
}

// Upsert creates the record or updates the one with its business key, which it returns; "" if neither the record nor
// the server named one. Unset attributes are not sent, and stay as they are on an update.
//
// A table may generate its keys. Then a record without one is created each time: such a call is never repeated
// unless the server certainly did nothing, and a failure that leaves that open is an [OutcomeUnknownError].
//
//actito:call POST /custom-data/v4/entity/{entity}/customTable/{table}/record [documented]
func (t *CustomTable[T]) Upsert(ctx context.Context, record T, opts ...CallOption) (string, error) {
	r, err := t.upsert(&record, opts)
	if err != nil {
		return "", err
	}
	return t.c.write(ctx, &r, opts)
}

func (t *CustomTable[T]) upsert(record *T, _ []CallOption) (request, error) {
	r := request{op: "upsert record", method: http.MethodPost, path: pathRecords, segments: []string{escape(t.table)}, answer: transport.Maybe, row: true}
	record, err := t.rows.applied(record)
	if err != nil {
		return r, err
	}
	_, key, hasKey, err := t.codec.sentKey(record)
	if err != nil {
		return r, err
	}
	if hasKey {
		r.private, r.id = []string{key}, key
		r.order, r.repeatable = t.order(key), true
	}
	r.body, err = t.codec.appendRecord(make([]byte, 0, bodySize), record)
	return r, err
}

func (t *CustomTable[T]) order(key string) string {
	return strings.Join([]string{t.c.entity, t.table, key}, "\x00")
}

// on is a call on one record.
func (t *CustomTable[T]) on(op, method, businessKey string) request {
	r := request{op: op, method: method, path: pathRecord, segments: []string{escape(t.table), escape(businessKey)},
		repeatable: true, private: []string{businessKey}}
	if method != http.MethodGet {
		r.order = t.order(businessKey)
	}
	return r
}

// Get reads a record. Attributes without a value read as null into an [Opt], as zero into a plain field. A record that
// does not exist is [ErrNotFound], which Actito also answers where access is not allowed.
//
//actito:call GET /custom-data/v4/entity/{entity}/customTable/{table}/record/{businessKey} [seen in use]
func (t *CustomTable[T]) Get(ctx context.Context, businessKey string, opts ...CallOption) (T, error) {
	var record T
	r := t.on("get record", http.MethodGet, businessKey)
	reply, err := t.c.send(ctx, &r, opts)
	if err != nil {
		return record, err
	}
	if record, err = t.codec.decodeRecord(reply.body); err != nil {
		return record, r.undecodable(reply, err)
	}
	return record, nil
}

// Update changes attributes of an existing record. Unset attributes are not sent and stay as they are (assumed). One
// that does not exist is [ErrNotFound].
//
//actito:call PUT /custom-data/v4/entity/{entity}/customTable/{table}/record/{businessKey} [seen in use]
func (t *CustomTable[T]) Update(ctx context.Context, businessKey string, record T, opts ...CallOption) error {
	r := t.on("update record", http.MethodPut, businessKey)
	r.answer, r.row = transport.Maybe, true
	sent, err := t.rows.applied(&record)
	if err != nil {
		return err
	}
	if r.body, err = t.codec.appendRecord(nil, sent); err != nil {
		return err
	}
	_, err = t.c.send(ctx, &r, opts)
	return err
}

// Delete deletes a record. One that does not exist is [ErrNotFound], unless an earlier attempt of this call may have
// deleted it.
//
//actito:call DELETE /custom-data/v4/entity/{entity}/customTable/{table}/record/{businessKey} [seen in use]
func (t *CustomTable[T]) Delete(ctx context.Context, businessKey string, opts ...CallOption) error {
	r := t.on("delete record", http.MethodDelete, businessKey)
	r.answer = transport.Any
	_, err := t.c.send(ctx, &r, opts)
	return err
}

// ListOptions selects records. The zero value selects the first 100, in the server's order.
type ListOptions struct {
	SearchField string // with SearchValue: records whose attribute of this name has this value
	SearchValue string // in its text form, such as 2026-11-23 or true
	SortField   string
	Descending  bool // with SortField
	Number      int  // how many at most; 0 means 100
}

// listQuery is how the wire spells them.
type listQuery struct {
	SearchField string `url:"searchField,omitempty"`
	SearchValue string `url:"searchValue,omitempty"`
	SortedField string `url:"sortedField,omitempty"`
	Ascending   *bool  `url:"ascending,omitempty"`
	Number      int    `url:"number"`
}

func (o *ListOptions) check() error {
	refuse := func(field, detail string) error {
		return &ValidationError{Column: field, Rule: "list-options", Detail: detail}
	}
	switch {
	case o.SearchField == "" && o.SearchValue != "":
		return refuse("SearchField", "it says where SearchValue is searched")
	case o.SearchField != "" && o.SearchValue == "":
		return refuse("SearchValue", "a search needs a value: records without one cannot be searched")
	case o.SortField == "" && o.Descending:
		return refuse("SortField", "it says by what Descending sorts")
	case o.Number < 0:
		return refuse("Number", "it is not negative")
	}
	return nil
}

// List reads records, as work of the class [Listing], and tells whether there may be more than those. The API knows no
// paging: to see others, search more narrowly or raise Number. Whether the server caps Number is not documented.
//
//actito:call GET /custom-data/v4/entity/{entity}/customTable/{table}/record [seen in use]
func (t *CustomTable[T]) List(ctx context.Context, o ListOptions, opts ...CallOption) (records []T, more bool, err error) {
	if err := o.check(); err != nil {
		return nil, false, err
	}
	q := listQuery{o.SearchField, o.SearchValue, o.SortField, nil, cmp.Or(o.Number, 100)}
	if ascending := !o.Descending; o.SortField != "" {
		q.Ascending = &ascending
	}
	values, err := query.Values(q)
	if err != nil {
		return nil, false, err
	}
	r := request{op: "list records", method: http.MethodGet, path: pathRecords, segments: []string{escape(t.table)},
		query: values.Encode(), repeatable: true, class: Listing, private: []string{o.SearchValue}}
	reply, err := t.c.send(ctx, &r, opts)
	if err != nil {
		return nil, false, err
	}
	if records, err = t.codec.decodeRecords(reply.body); err != nil {
		return nil, false, r.undecodable(reply, err)
	}
	return records, len(records) >= q.Number, nil
}

// UpsertEach upserts one record after another, several at a time as the licence's pace allows, as [Background] work.
// It yields one [UpsertResult] per record, in their order; records with the same key are sent in that order too. A
// record may be reused by its source once the next one is asked for.
//
// When the source fails, its error is the last result. When the context ends, no further record is taken, and the last
// result has its error. Leaving the loop cancels what is under way.
//
//actito:through CustomTable.Upsert
func (t *CustomTable[T]) UpsertEach(ctx context.Context, records iter.Seq2[T, error], opts ...CallOption) iter.Seq[UpsertResult] {
	return upsertEach(ctx, t.c, records, opts, t.upsert)
}
