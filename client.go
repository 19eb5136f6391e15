package actito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/actito-go/actito/internal/transport"
)

// Client is the way into one entity of an Actito licence. It is safe for concurrent use; make one and share it.
type Client struct {
	Entities   *EntityService
	Structures *StructureService
	ETLs       *ETLService
	Locations  *LocationService
	Executions *ExecutionService
	Quota      *QuotaService
	Webhooks   *WebhookService

	entity string
	*core
}

// core is what all entities of a client share.
type core struct {
	base       string
	chain      *transport.Chain
	http       *http.Client
	ownHTTP    bool
	tokens     *tokenCache
	quota      *quota
	clock      serverClock
	turns      turns
	waits      waits
	known      sync.Map // tableKey to tableRef
	zone       *time.Location
	log        *slog.Logger
	hooks      hooks
	headers    headers
	parts      partNames
	dryRun     bool
	unprefixed bool
	profilesV5 bool
}

// Format stands for [Client] too. It keeps a print of a client from reading what is in use, keys of writes included.
func (c *core) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "actito.Client("+c.base+")") }

// headers are built once and shared by all calls: the chain copies before it writes.
type headers struct {
	read, write, file http.Header
}

// New makes a client for an entity. It reads no environment variable and sends nothing. The environment must be
// given by [WithEnvironment] or [WithBaseURL].
func New(apiKey, entity string, opts ...Option) (*Client, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.base == "":
		return nil, errors.New("actito: the environment is missing: use WithEnvironment or WithBaseURL; DiscoverEnvironment finds a key's")
	case entity == "":
		return nil, errors.New("actito: the entity is empty: it is the name shown by Entities.List, and stands in every path")
	}
	if cfg.tokens != nil || cfg.key != nil {
		if apiKey != "" || cfg.tokens != nil && cfg.key != nil {
			return nil, errors.New("actito: give one of an API key, WithAPIKeyFunc and WithTokenSource")
		}
	} else if err := checkKey(apiKey); err != nil {
		return nil, err
	} else {
		key := Secret(apiKey)
		cfg.key = func(context.Context) (string, error) { return string(key), nil }
	}
	core, err := cfg.build()
	if err != nil {
		return nil, err
	}
	return core.client(entity), nil
}

func (c *core) client(entity string) *Client {
	client := &Client{entity: entity, core: c}
	client.Entities = &EntityService{client}
	client.Structures = &StructureService{client}
	client.ETLs = &ETLService{client}
	client.Locations = &LocationService{client}
	client.Executions = &ExecutionService{client}
	client.Quota = &QuotaService{client}
	client.Webhooks = &WebhookService{client}
	return client
}

// Entity returns a client for another entity of the same licence. It shares token, pace, quota and connections.
func (c *Client) Entity(name string) *Client { return c.client(name) }

// Close ends a token refresh that is under way and closes idle connections. Calls made afterwards fail once their
// token has run out.
func (c *Client) Close() error {
	c.tokens.close()
	if c.ownHTTP {
		c.http.CloseIdleConnections()
	}
	return nil
}

var errNoClient = errors.New("actito: there is no client: use the one that New returns, and look at its error")

// RawCall is a call that the library has no method for.
type RawCall struct {
	Method string            // "" is GET
	Path   string            // a template, such as "/profiles/v4/entity/{entity}/table/{table}/profile/{key}"; errors and logs show it
	Params map[string]string // values of its placeholders, unescaped; {entity} is filled in
	Query  url.Values
	Body   any // encoded as JSON; json.RawMessage as it is; nil for none

	// Repeatable allows repeats of a POST or PATCH after failures that leave its outcome open. The other methods
	// are always repeated.
	Repeatable bool
}

// Do is the way out for calls that the library has no method for. They get the same token, pace, repeats and errors;
// with [WithUnprefixedPaths], their paths lose their category too. The answer, which must be JSON except to a DELETE,
// is decoded into out, unless that is nil or the server sent no body.
func (c *Client) Do(ctx context.Context, call RawCall, out any, opts ...CallOption) error {
	r := request{op: "raw call", method: strings.ToUpper(cmp.Or(call.Method, http.MethodGet)), path: call.Path, query: call.Query.Encode()}
	if !slices.Contains(rawMethods, r.method) {
		return &ValidationError{Column: "Method", Rule: "method", Detail: "it must be one of " + strings.Join(rawMethods, ", ")}
	}
	r.repeatable = call.Repeatable || r.method != http.MethodPost && r.method != http.MethodPatch
	if err := r.fill(call.Params); err != nil {
		return err
	}
	for _, values := range call.Query {
		r.private = append(r.private, values...)
	}
	switch r.method {
	case http.MethodGet:
	case http.MethodDelete:
		r.answer = transport.Any
	default:
		r.answer = transport.Maybe
	}
	if call.Body != nil {
		r.row = true
		var err error
		if r.body, err = json.Marshal(call.Body); err != nil {
			return &ValidationError{Column: "Body", Rule: "json", Detail: "it cannot be encoded as JSON", Err: err}
		}
	}
	reply, err := c.send(ctx, &r, opts)
	if err != nil || out == nil || len(bytes.TrimSpace(reply.body)) == 0 {
		return err
	}
	if err := json.Unmarshal(reply.body, out); err != nil {
		return r.undecodable(reply, err)
	}
	return nil
}

var rawMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// fill checks the path of a raw call and takes the values of its placeholders.
func (r *request) fill(params map[string]string) error {
	if !strings.HasPrefix(r.path, "/") || strings.ContainsAny(r.path, "?#") {
		return &ValidationError{Column: "Path", Rule: "path", Detail: `it starts with "/" and holds no query: use Query`}
	}
	for _, part := range strings.Split(r.path, "{")[1:] {
		name, _, closed := strings.Cut(part, "}")
		value, given := params[name]
		switch {
		case !closed:
			return &ValidationError{Column: "Path", Rule: "path", Detail: `it has a "{" without "}"`}
		case name == "entity" && given:
			return &ValidationError{Column: name, Rule: "path", Detail: "the entity is the client's: use Client.Entity"}
		case name == "entity":
		case !given:
			return &ValidationError{Column: name, Rule: "path", Detail: "Params lacks the value of this placeholder"}
		default:
			r.private = append(r.private, value)
			r.segments = append(r.segments, escape(value))
		}
	}
	return nil
}

// request is what a method asks of the client.
type request struct {
	op         string
	method     string
	path       string   // template
	segments   []string // escaped, one per placeholder
	query      string
	body       []byte
	file       *upload // in place of body
	answer     transport.Answer
	repeatable bool
	single     bool // never repeated
	verbatim   bool // the path is sent as it is, also with WithUnprefixedPaths
	class      Class
	private    []string // values that must not be shown
	row        bool     // nor must those of body
	order      string   // writes of the same order are sent one after another; "" for none
	turn       *turn    // in that order, if it was taken before
	id         string   // of what is written, where it is known before
	begin      func(context.Context) error
}

// upload is a large body.
type upload struct {
	contentType string
	length      int64
	open        func() (io.ReadCloser, error)
}

// reply is a successful answer.
type reply struct {
	status   int
	header   http.Header
	attempts int
	body     []byte
	stream   io.ReadCloser // in place of body, with transport.Stream
}

// CallOption changes one call. One that is nil changes nothing.
type CallOption func(*callOptions)

type callOptions struct {
	class      Class
	maxWait    time.Duration
	collection *DataCollectionInfo
	tolerate   float64          // see Tolerate
	progress   func(*Execution) // see WaitProgress
	before     func(context.Context) error
}

// Background lets a call wait behind those of handlers.
func Background() CallOption { return func(o *callOptions) { o.class = BackgroundWork } }

// MaxWait bounds how long a call, and each repeat of it, may wait here for the licence's pace, and how long before that
// for earlier writes to its key; 0 is no wait at all. A call that cannot be sent in time fails with [ErrBusy].
func MaxWait(d time.Duration) CallOption {
	if d <= 0 {
		d = -1 // 0 would be no bound
	}
	return func(o *callOptions) { o.maxWait = d }
}

// BeforeSend runs f just before each attempt of a call is sent, after every wait for the licence's pace, and again as its
// body is read, when a connection was found: never twice at a time, nor once the call has ended. An error ends the call
// with nothing done by that attempt: it is where whoever holds a lease makes sure that it still does.
func BeforeSend(f func(context.Context) error) CallOption {
	return func(o *callOptions) { o.before = f }
}

// DataCollection says when, where and how the data of a profile write was collected. Other calls ignore it. With
// [WithProfilesV5] it is sent in version 4's form (assumed).
func DataCollection(info DataCollectionInfo) CallOption {
	return func(o *callOptions) { o.collection = &info }
}

func collect(class Class, opts []CallOption) callOptions {
	if len(opts) == 0 {
		return callOptions{class: class}
	}
	o := callOptions{class: class}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// join takes the request's turn among the writes to its key, unless it has one. Sending it leaves the turn.
func (c *Client) join(r *request) {
	if r.turn == nil && r.order != "" {
		r.turn = c.turns.join(r.order)
	}
}

// write sends a write and returns the id of what it wrote.
func (c *Client) write(ctx context.Context, r *request, opts []CallOption) (string, error) {
	reply, err := c.send(ctx, r, opts)
	if err != nil {
		return "", err
	}
	return cmp.Or(newID(reply), r.id), nil
}

// send is the way of every call but the token's.
func (c *Client) send(ctx context.Context, r *request, opts []CallOption) (reply, error) {
	o := collect(r.class, opts)
	c.join(r)
	defer r.turn.leave()
	template := r.path
	if c.unprefixed && !r.verbatim {
		template = unprefixed(template)
	}
	if c.hooks == nil {
		return c.exchange(ctx, r, template, o)
	}
	info := CallInfo{Op: r.op, Method: r.method, PathTemplate: template, Class: o.class}
	return c.hooks.around(ctx, info, func(ctx context.Context) (reply, error) { return c.exchange(ctx, r, template, o) })
}

func (c *Client) exchange(ctx context.Context, r *request, template string, o callOptions) (reply, error) {
	url, err := expand(c.base+template, c.entity, r.segments)
	if err != nil {
		return reply{}, err
	}
	if r.query != "" {
		url += "?" + r.query
	}
	if c.dryRun && r.method != http.MethodGet {
		c.log.LogAttrs(ctx, slog.LevelInfo, "actito: dry run, not sent", slog.String("op", r.op),
			slog.String("method", r.method), slog.String("path", template), slog.Int("bytes", len(r.body)))
		return reply{status: http.StatusNoContent}, ctx.Err()
	}
	if err := r.awaitTurn(ctx, o); err != nil {
		return reply{}, err
	}
	call := &transport.Call{
		Op: r.op, Method: r.method, Template: template, URL: url, Header: c.headers.read, Body: r.body,
		Answer: r.answer, Repeatable: r.repeatable, Start: r.begin != nil, Single: r.single,
		Class: uint8(o.class), MaxWait: o.maxWait, Begin: r.begin,
	}
	if r.begin == nil { // a start of an import, which takes no CallOption, has its own
		call.Begin = o.before
	}
	switch {
	case r.file != nil:
		call.Header = c.headers.read.Clone()
		call.Header.Set("Content-Type", r.file.contentType)
		call.Header.Set("Expect", "100-continue") // an early refusal is read instead of lost in a reset connection
		call.Open, call.Length = r.file.open, r.file.length
	case r.answer == transport.Stream:
		call.Header = c.headers.file
	case r.body != nil || r.method != http.MethodGet && r.method != http.MethodDelete: // also without a body: documented for ordinary calls
		call.Header = c.headers.write
	}
	resp, err := c.chain.Do(ctx, call) //nolint:bodyclose // the chain has, but for streams, which are handed on
	if err != nil {
		return reply{}, r.failed(call, err)
	}
	if r.answer == transport.Stream {
		return reply{status: resp.StatusCode, header: resp.Header, attempts: call.Attempts(), stream: resp.Body}, nil
	}
	return reply{status: resp.StatusCode, header: resp.Header, attempts: call.Attempts(), body: call.Result()}, nil
}

// awaitTurn waits until earlier writes to the same key have ended.
func (r *request) awaitTurn(ctx context.Context, o callOptions) error {
	if r.turn == nil || r.turn.first == nil {
		return nil // nobody was ahead
	}
	began := time.Now()
	bounded := ctx
	if o.maxWait != 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, o.maxWait)
		defer cancel()
	}
	err := r.turn.wait(bounded)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return &APIError{Op: r.op, Method: r.method, PathTemplate: r.path, Err: err}
	}
	return &BusyError{Op: r.op, Class: o.class, Wait: time.Since(began), SameKey: true, Err: ctx.Err()}
}

// secrets are what no error of the call may show, whoever says it again.
func (r *request) secrets(call *transport.Call) []string {
	secrets := append(slices.Clone(r.private), call.Credentials()...)
	if r.row {
		secrets = appendValues(secrets, r.body)
	}
	return secrets
}

// failed turns what the chain returned into the errors of this package.
func (r *request) failed(call *transport.Call, err error) error {
	private := r.secrets(call)
	var f *transport.Fault
	if !errors.As(err, &f) {
		var busy *BusyError
		if errors.As(err, &busy) {
			return err
		}
		return &APIError{Op: r.op, Method: r.method, PathTemplate: call.Template, Err: err, private: private}
	}
	if f.Undone && f.Status == 0 && errors.Is(f.Err, ErrReservationLost) {
		return f.Err
	}
	if f.Call != call { // the token's
		private = append(private, f.Call.Credentials()...)
	}
	e := &APIError{
		Op: f.Call.Op, Method: f.Call.Method, PathTemplate: f.Call.Template,
		Status: f.Status, Message: f.Message, Body: f.Body, RequestID: f.RequestID,
		Attempts: f.Attempts, RetryAfter: f.RetryAfter, Err: f.Err, private: private, broken: f.Broken,
	}
	if !f.Undone && errors.Is(f.Err, ErrBusy) {
		e.Err = sentBefore{f.Err}
	}
	if !r.repeatable && !f.Undone {
		return &OutcomeUnknownError{RowsMayBeImported: true, UnitMayBeUsed: r.file != nil, Err: e}
	}
	return e
}

// undecodable is a success whose body is JSON but not what was expected.
func (r *request) undecodable(reply reply, err error) error {
	private := slices.Clone(r.private)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // it quotes numbers
		if _, number, quoted := strings.Cut(wrong.Value, " "); quoted {
			private = append(private, number)
		}
	}
	return &APIError{
		Op: r.op, Method: r.method, PathTemplate: r.path, Status: reply.status, Body: reply.body, Attempts: reply.attempts,
		Err: within(err, "the answer has another shape than expected"), private: private,
	}
}
